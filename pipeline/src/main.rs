//! The program `frostglass`: arguments in, exit code out.
//!
//! Exit codes: 0 done, 1 failed, 2 wrong use. Text for people goes to standard error, data to standard output.

use std::process::ExitCode;

use clap::Parser;
use frostglass::commands::{self, Args, Done};

fn main() -> ExitCode {
    if let Err(error) = frostglass_models::silence_engine() {
        eprintln!("frostglass: the inference engine's telemetry can not be switched off: {error}");
        return ExitCode::FAILURE;
    }
    let args = Args::parse();
    match commands::carry_out(args) {
        Ok(Done::Whole) => ExitCode::SUCCESS,
        Ok(Done::InPart) => ExitCode::FAILURE,
        Ok(Done::With(code)) => code,
        Err(error) if error.is::<commands::WrongUse>() => {
            eprintln!("{}", commands::told(&error));
            ExitCode::from(2)
        }
        Err(error) => {
            eprintln!("{}", commands::told(&error));
            ExitCode::FAILURE
        }
    }
}
