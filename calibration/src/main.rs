//! `frostglass-calibrate`: what leaks, and which settings to choose.
//!
//! Data goes to standard output, the rest to standard error. Exit codes: 0 done, 1 failed, 2 wrong use.

mod commands;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Measures what a redactor leaks, and helps to choose its settings.
#[derive(Debug, Parser)]
#[command(name = "frostglass-calibrate", version, max_term_width = 110)]
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
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Leak(args) => commands::leak(&args),
        Command::Thresholds(args) => commands::thresholds(&args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("frostglass-calibrate: {error:#}");
            ExitCode::FAILURE
        }
    }
}
