//! The program `frostglass`: arguments in, exit code out.
//!
//! Exit codes: 0 done, 1 failed, 2 wrong use. Text for people goes to standard error, data to standard output.

use std::process::ExitCode;

use clap::Parser;
use frostglass::commands::{self, Args, Done};

fn main() -> ExitCode {
    let args = Args::parse();
    match commands::carry_out(args) {
        Ok(Done::Whole) => ExitCode::SUCCESS,
        Ok(Done::InPart) => ExitCode::FAILURE,
        Ok(Done::With(code)) => code,
        Err(error) if error.is::<commands::WrongUse>() => {
            eprintln!("frostglass: {error:#}");
            ExitCode::from(2)
        }
        Err(error) => {
            eprintln!("{}", commands::told(&error));
            ExitCode::FAILURE
        }
    }
}
