//! Brings the pinned ONNX Runtime into `runtime/lib` of the clone, once.
//!
//! A build never fails for want of it: the library is needed when the program starts, and the program then says
//! where it looked and what to do.

use std::env;
use std::path::Path;

#[allow(dead_code, unreachable_pub, reason = "shared with the library, which uses the rest of it")]
#[path = "build/provision.rs"]
mod provision;

use provision::{CURE, FOLDER, LOCK, Pin, Provided};

/// Each of these, set to something, keeps the build from fetching.
const SWITCHES: [&str; 4] = ["ORT_DYLIB_PATH", "FROSTGLASS_NO_FETCH", "CARGO_NET_OFFLINE", "DOCS_RS"];

fn main() {
    // Asked at run time: a target folder that several clones share may hold this program as another of them built it.
    let manifest = env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it for build scripts");
    let root = Path::new(&manifest).join("..");
    let lock = root.join(LOCK);
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=build");
    println!("cargo::rerun-if-changed={}", lock.display());
    for switch in SWITCHES {
        println!("cargo::rerun-if-env-changed={switch}");
    }
    if env::var_os("CARGO_FEATURE_FETCH_RUNTIME").is_some() && !is_on("DOCS_RS") && !is_on("ORT_DYLIB_PATH") {
        let target = env::var("TARGET").unwrap_or_default();
        if let Err(why) = bring(&root, &lock, &target) {
            println!("cargo::warning=no ONNX Runtime for {target}: {why}. Cure: `{CURE}`, or set ORT_DYLIB_PATH.");
        }
    }
}

fn bring(root: &Path, lock: &Path, target: &str) -> Result<(), String> {
    let pins = std::fs::read_to_string(lock).map_err(|error| format!("{}: {error}", lock.display()))?;
    let pin = Pin::find(&pins, target).ok_or_else(|| format!("{LOCK} pins none"))?;
    let may_fetch = !SWITCHES.iter().any(|switch| is_on(switch));
    let (library, provided) =
        provision::provide(&pin, &root.join(FOLDER), may_fetch).map_err(|error| error.to_string())?;
    // The step runs again, and replaces it, when somebody alters or removes the library.
    println!("cargo::rerun-if-changed={}", library.display());
    if provided == Provided::Fetched {
        println!("cargo::warning=fetched ONNX Runtime {} for {target} into {FOLDER}", pin.version);
    }
    Ok(())
}

fn is_on(variable: &str) -> bool {
    env::var_os(variable).is_some_and(|value| !value.is_empty() && value != "0" && value != "false")
}
