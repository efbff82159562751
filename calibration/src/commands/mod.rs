//! The sub-commands, each in a file of its own, and what they share.

mod leak;
mod motion;
mod thresholds;

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use anyhow::Context;
use indicatif::{ProgressBar, ProgressStyle};

pub(crate) use self::leak::{LeakArgs, leak};
pub(crate) use self::motion::{MotionArgs, motion};
pub(crate) use self::thresholds::{ThresholdsArgs, thresholds};

/// The command line asked for something that makes no sense.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct WrongUse(pub(crate) String);

pub(crate) fn share(text: &str) -> Result<f64, String> {
    let share = text.parse().map_err(|error| format!("{error}"))?;
    if (0.0..=1.0).contains(&share) { Ok(share) } else { Err("expected a share between 0 and 1".into()) }
}

pub(crate) fn rounds(text: &str) -> Result<usize, String> {
    let rounds = text.parse().map_err(|error| format!("{error}"))?;
    if rounds >= 100 { Ok(rounds) } else { Err("expected 100 or more: fewer draws give no interval".into()) }
}

pub(crate) fn not_negative(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|error| format!("{error}"))?;
    if number.is_finite() && number >= 0.0 { Ok(number) } else { Err("expected 0 or more".into()) }
}

/// Writes a file wholly, or says which one could not be.
pub(crate) fn write_file(file: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> anyhow::Result<()> {
    let write_all = || {
        let mut out = BufWriter::new(File::create(file)?);
        write(&mut out)?;
        out.flush()
    };
    write_all().with_context(|| format!("{}: writing failed", file.display()))
}

/// Prints a report: as text on standard output, or as JSON where it is wanted. "-" means standard output, and the text
/// then goes to standard error.
pub(crate) fn print_report(
    report: &(impl serde::Serialize + std::fmt::Display),
    json: Option<&Path>,
) -> anyhow::Result<()> {
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

/// Hidden by itself when standard error is no terminal.
pub(crate) fn progress_bar(pictures: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{wide_bar} {pos}/{len} pictures, {eta} left");
    ProgressBar::new(pictures as u64).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
