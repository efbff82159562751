//! `frostglass-calibrate`: what leaks, and which settings to choose.
//!
//! Data goes to standard output, the rest to standard error. Exit codes: 0 done, 1 failed, 2 wrong use.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Parser, Subcommand, ValueEnum};
use frostglass_calibration::bootstrap::Bootstrap;
use frostglass_calibration::labels;
use frostglass_calibration::leak::{Counted, Report, Settings, measure};
use frostglass_calibration::reidentify;
use indicatif::{ProgressBar, ProgressStyle};

/// Measures what a redactor leaks, and helps to choose its settings.
#[derive(Debug, Parser)]
#[command(name = "frostglass-calibrate", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Says which labelled faces survive a redactor, by size, and how much else it destroys.
    Leak(LeakArgs),
    /// Attacks redacted faces with a face-recognition network of yours, and says how often it names the right one.
    Reidentify(reidentify::Args),
}

#[derive(Debug, Args)]
struct LeakArgs {
    /// Labels: JSON lines with "image", "width", "height", and "faces" of "x", "y", "w", "h" in pixels
    #[arg(long, required = true, num_args = 1.., value_name = "FILE")]
    labels: Vec<PathBuf>,
    /// Folder of the labelled pictures
    #[arg(long, value_name = "DIR")]
    original: PathBuf,
    /// Folder of the redacted ones, under the same names (any picture suffix)
    #[arg(long, value_name = "DIR")]
    redacted: PathBuf,
    /// Which labels count
    #[arg(long, value_enum, default_value = "faces")]
    target: Target,
    /// A box of which less than this share was changed is leaked
    #[arg(long, default_value = "0.9", value_parser = share)]
    threshold: f64,
    /// Growth of each box, per side and in shares of its size, that does not count as over-redaction
    #[arg(long, default_value = "0.5", value_parser = not_negative)]
    margin: f64,
    /// Write the figures as JSON; "-" is standard output (the table then goes to standard error)
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write one line for each face
    #[arg(long, value_name = "FILE.csv")]
    per_face: Option<PathBuf>,
    /// Rounds of the bootstrap
    #[arg(long, default_value = "1000", value_name = "N")]
    rounds: usize,
    /// Seed of the bootstrap
    #[arg(long, default_value = "1927", value_name = "N")]
    seed: u64,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Target {
    Faces,
    Persons,
}

fn share(text: &str) -> Result<f64, String> {
    let share = text.parse().map_err(|error| format!("{error}"))?;
    if (0.0..=1.0).contains(&share) { Ok(share) } else { Err("expected a share between 0 and 1".into()) }
}

fn not_negative(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|error| format!("{error}"))?;
    if number.is_finite() && number >= 0.0 { Ok(number) } else { Err("expected 0 or more".into()) }
}

fn main() -> ExitCode {
    // First of all, while there is one thread: the program may have to execute itself again.
    if let Err(error) = frostglass_models::silence_engine() {
        eprintln!("frostglass-calibrate: the inference engine's telemetry can not be switched off: {error}");
        return ExitCode::FAILURE;
    }
    let result = match Cli::parse().command {
        Command::Leak(args) => leak(&args),
        Command::Reidentify(args) => reidentify::command(&args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("frostglass-calibrate: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn leak(args: &LeakArgs) -> anyhow::Result<()> {
    let labels = labels::read(&args.labels)?;
    let settings = Settings {
        counted: match args.target {
            Target::Faces => Counted::Faces,
            Target::Persons => Counted::Persons,
        },
        threshold: args.threshold,
        margin: args.margin,
        bootstrap: Bootstrap { rounds: args.rounds, seed: args.seed },
    };
    let progress = progress_bar(labels.len());
    let measured = measure(&labels, &args.original, &args.redacted, settings, &|| progress.inc(1));
    progress.finish_and_clear();
    let measured = measured?;

    if let Some(file) = &args.per_face {
        write_file(file, |out| measured.write_csv(out))?;
    }
    print_report(&measured.report(), args.json.as_deref())
}

fn print_report(report: &Report, json: Option<&Path>) -> anyhow::Result<()> {
    let text = serde_json::to_string_pretty(report).context("making JSON of the report failed")?;
    let (mut data, mut human) = (io::stdout().lock(), io::stderr().lock());
    match json {
        Some(file) if file == Path::new("-") => {
            writeln!(data, "{text}").context("standard output: writing failed")?;
            write!(human, "{report}").context("standard error: writing failed")?;
        }
        Some(file) => {
            write_file(file, |out| writeln!(out, "{text}"))?;
            write!(data, "{report}").context("standard output: writing failed")?;
        }
        None => write!(data, "{report}").context("standard output: writing failed")?,
    }
    Ok(())
}

fn write_file(file: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> anyhow::Result<()> {
    let write_all = || {
        let mut out = BufWriter::new(File::create(file)?);
        write(&mut out)?;
        out.flush()
    };
    write_all().with_context(|| format!("{}: writing failed", file.display()))
}

/// Hidden by itself when standard error is no terminal.
fn progress_bar(pictures: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{wide_bar} {pos}/{len} pictures, {eta} left");
    ProgressBar::new(pictures as u64).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
