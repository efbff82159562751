//! No command writes over what it reads.
#![allow(clippy::unwrap_used, reason = "a test may panic: that is how it fails")]

use std::fs;
use std::path::Path;

use assert_cmd::Command;

const LABELS: &str = r#"{"image": "a.png", "width": 8, "height": 8, "faces": [{"x": 1, "y": 1, "w": 4, "h": 4}]}"#;

/// Runs a command in a folder with inputs; it has to refuse `victim`, and leave it as it is.
fn spares(folder: &Path, victim: &str, arguments: &[&str]) {
    let before = fs::read(folder.join(victim)).unwrap();
    let mut program = Command::new(env!("CARGO_BIN_EXE_frostglass-calibrate"));
    let output = program.args(arguments).current_dir(folder).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {told}");
    assert!(told.contains(victim) && told.contains("which is read"), "{arguments:?}: {told}");
    assert_eq!(fs::read(folder.join(victim)).unwrap(), before, "{arguments:?}");
}

#[test]
fn what_is_read_is_never_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("gt.jsonl"), LABELS).unwrap();
    for name in ["clip.y4m", "redacted.y4m", "own.onnx"] {
        fs::write(folder.join(name), name).unwrap();
    }
    let leak = ["leak", "--labels", "gt.jsonl", "--original", "clip.y4m", "--redacted", "redacted.y4m"];
    for (option, victim) in [("--json", "gt.jsonl"), ("--contact-sheet", "clip.y4m"), ("--per-face", "redacted.y4m")] {
        spares(folder, victim, &[&leak[..], &[option, victim]].concat());
    }
    let thresholds = ["thresholds", "--labels", "gt.jsonl", "--pictures", "clip.y4m", "-o"];
    spares(folder, "clip.y4m", &[&thresholds[..], &["clip.y4m"]].concat());
    spares(folder, "gt.jsonl", &[&thresholds[..], &["curve.svg", "--json", "./gt.jsonl"]].concat());
    let reidentify = ["reidentify", "--network", "own.onnx", "--labels", "gt.jsonl", "--original", "clip.y4m"];
    spares(folder, "own.onnx", &[&reidentify[..], &["--json", "own.onnx"]].concat());
    spares(folder, "clip.y4m", &["motion", "clip.y4m", "--svg", "clip.y4m"]);
}
