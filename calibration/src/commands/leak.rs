//! `frostglass-calibrate leak`: what survives a redactor.

use std::io::Cursor;
use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, ValueEnum};
use frostglass_calibration::bootstrap::Bootstrap;
use frostglass_calibration::labels;
use frostglass_calibration::leak::{Counted, Settings, WorstLeaks, contact_sheet, measure};
use frostglass_calibration::outputs;
use image::ImageFormat;

use super::{not_negative, print_report, progress_bar, rounds, share, write_file};

/// So many leaks are shown on a contact sheet.
const SHOWN: usize = 24;

#[derive(Debug, Args)]
pub(crate) struct LeakArgs {
    /// Labels: JSON lines with "image", "width", "height", and "faces" of "x", "y", "w", "h" in pixels
    #[arg(long, required = true, num_args = 1.., value_name = "FILE")]
    labels: Vec<PathBuf>,
    /// The labelled pictures: a folder, a clip whose frames are labelled in order, or one picture
    #[arg(long, value_name = "DIR|CLIP")]
    original: PathBuf,
    /// The redacted ones: a folder with the same names (any picture suffix), a clip, or one picture; of any size, but of
    /// the originals' shape
    #[arg(long, value_name = "DIR|CLIP")]
    redacted: PathBuf,
    /// Which labels count
    #[arg(long, value_enum, default_value = "faces")]
    target: Target,
    /// A box of which less than this share was changed is leaked
    #[arg(long, default_value = "0.9", value_parser = share, allow_negative_numbers = true)]
    threshold: f64,
    /// Growth of each box, per side and in shares of its size, that does not count as over-redaction
    #[arg(long, default_value = "0.5", value_parser = not_negative, allow_negative_numbers = true)]
    margin: f64,
    /// Write the figures as JSON; "-" is standard output (the table then goes to standard error)
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write one line for each face
    #[arg(long, value_name = "FILE.csv")]
    per_face: Option<PathBuf>,
    /// Draw the worst leaks side by side, original and redacted. It shows original faces: keep it as they are kept
    #[arg(long, value_name = "FILE.png")]
    contact_sheet: Option<PathBuf>,
    /// Rounds of the bootstrap
    #[arg(long, default_value = "1000", value_name = "N", value_parser = rounds)]
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

/// Measures, and writes what was asked for.
pub(crate) fn leak(args: &LeakArgs) -> anyhow::Result<()> {
    let inputs = args.labels.iter().chain([&args.original, &args.redacted]);
    let outputs = [&args.json, &args.per_face, &args.contact_sheet].map(Option::as_deref);
    outputs::spare(outputs, inputs.map(PathBuf::as_path))?;
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
    let worst = args.contact_sheet.as_ref().map(|_| WorstLeaks::new(SHOWN));
    let progress = progress_bar(labels.len());
    let measured = measure(&labels, &args.original, &args.redacted, settings, worst.as_ref(), &|| progress.inc(1));
    progress.finish_and_clear();
    let measured = measured?;

    if let Some(file) = &args.per_face {
        write_file(file, |out| measured.write_csv(out))?;
    }
    if let (Some(file), Some(worst)) = (&args.contact_sheet, worst) {
        let sheet = contact_sheet(&measured, &worst.into_exhibits());
        let mut png = Cursor::new(Vec::new());
        sheet.write_to(&mut png, ImageFormat::Png).with_context(|| format!("{}: making it failed", file.display()))?;
        write_file(file, |out| out.write_all(png.get_ref()))?;
    }
    print_report(&measured.report(), args.json.as_deref())
}
