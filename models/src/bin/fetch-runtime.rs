//! Brings the pinned ONNX Runtime by hand: what the build step does, with messages.
//!
//! `cargo run -p frostglass-models --bin fetch-runtime [TARGET...]`, for example `aarch64-unknown-linux-gnu`; without
//! a target, for this machine. Run it inside the clone.

use std::path::PathBuf;
use std::process::ExitCode;

use frostglass_models::provision::{FOLDER, LOCK, Pin, Provided, provide};

fn main() -> ExitCode {
    let mut targets: Vec<String> = std::env::args().skip(1).collect();
    if targets.is_empty() {
        targets.push(format!("{}-unknown-linux-gnu", std::env::consts::ARCH));
    }
    for target in targets {
        if let Err(why) = fetch(&target) {
            eprintln!("fetch-runtime: {target}: {why}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn fetch(target: &str) -> Result<(), String> {
    let root = root_of_clone()?;
    let lock = root.join(LOCK);
    let pins = std::fs::read_to_string(&lock).map_err(|error| format!("{}: {error}", lock.display()))?;
    let pin = Pin::find(&pins, target).ok_or_else(|| {
        format!("{LOCK} has no line for this target; set ORT_DYLIB_PATH to a library of your own (1.17 or newer)")
    })?;
    let (library, provided) = provide(&pin, &root.join(FOLDER), true).map_err(|error| error.to_string())?;
    let done = match provided {
        Provided::Present => "is there already",
        Provided::Fetched => "was fetched",
    };
    eprintln!("ONNX Runtime {} {done}: {} (SHA-256 {})", pin.version, library.display(), pin.library_sha256);
    Ok(())
}

/// The folder above this one that holds the lock file.
fn root_of_clone() -> Result<PathBuf, String> {
    let here = std::env::current_dir().map_err(|error| format!("the current folder: {error}"))?;
    let root = here.ancestors().find(|folder| folder.join(LOCK).is_file());
    root.map(PathBuf::from)
        .ok_or_else(|| format!("no {LOCK} in {} or above it: run it inside the clone", here.display()))
}
