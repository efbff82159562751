//! What it shows: an input that breaks a law of one of the targets in `frostglass::fuzz`, if libFuzzer finds one.
//!
//! Start it with `pipeline/fuzz/run TARGET`. It goes on until it is ended; an input that broke a law is written into
//! `pipeline/fuzz/artifacts/` and named at the end of what it prints.
#![no_main]

use std::sync::LazyLock;

use frostglass::fuzz::{TARGETS, Target, target};
use libfuzzer_sys::fuzz_target;

static CHOSEN: LazyLock<&Target> = LazyLock::new(|| {
    let name = std::env::var("FROSTGLASS_FUZZ").unwrap_or_default();
    let names = TARGETS.iter().map(|target| target.name).collect::<Vec<_>>().join(", ");
    target(&name).unwrap_or_else(|| panic!("FROSTGLASS_FUZZ={name} names no target; there are {names}"))
});

fuzz_target!(|bytes: &[u8]| (CHOSEN.judge)(bytes));
