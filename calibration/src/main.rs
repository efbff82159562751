//! `frostglass-calibrate`: what leaks, and which settings to choose.
//!
//! Data goes to standard output, the rest to standard error. Exit codes: 0 done, 1 failed, 2 wrong use.

mod commands;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use frostglass_calibration::reidentify;

/// Measures what a redactor leaks, and helps to choose its settings.
#[derive(Debug, Parser)]
#[command(name = "frostglass-calibrate", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Says which labelled faces survive a redactor, by size and by track, and how much else it destroys.
    Leak(commands::LeakArgs),
    /// Draws recall against over-redaction on labelled pictures, and names the setting that meets a wanted recall.
    Thresholds(commands::ThresholdsArgs),
    /// Attacks redacted faces with a face-recognition network of yours, and says how often it names the right one.
    Reidentify(reidentify::Args),
    /// Replays a clip and shows which motion events it would raise, to choose a sensitivity
    Motion(commands::MotionArgs),
}

fn main() -> ExitCode {
    if let Err(error) = frostglass_models::silence_engine() {
        eprintln!("frostglass-calibrate: the inference engine's telemetry can not be switched off: {error}");
        return ExitCode::FAILURE;
    }
    let result = match Cli::parse().command {
        Command::Leak(args) => commands::leak(&args),
        Command::Thresholds(args) => commands::thresholds(&args),
        Command::Reidentify(args) => reidentify::command(&args),
        Command::Motion(args) => commands::motion(&args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is::<commands::WrongUse>() => {
            eprintln!("frostglass-calibrate: {error}");
            ExitCode::from(2)
        }
        Err(error) => {
            eprintln!("frostglass-calibrate: {error:#}");
            ExitCode::FAILURE
        }
    }
}
