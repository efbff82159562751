//! The program as a user meets it: what it prints, where, and how it ends.
#![allow(clippy::unwrap_used, reason = "a test may panic: that is how it fails")]

mod common;

use std::fs;
use std::path::Path;

use assert_cmd::Command;
use common::{fixtures, redacted};

fn leak(labels: &Path, originals: &Path, redacted: &Path, more: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_frostglass-calibrate"));
    command.arg("leak").arg("--labels").arg(labels).arg("--original").arg(originals).arg("--redacted").arg(redacted);
    let output = command.args(more).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn the_table_goes_to_standard_output() {
    let (code, out, error) = leak(&fixtures().join("solvay.jsonl"), &fixtures(), &redacted("upper_half"), &[]);
    assert_eq!((code, error.as_str()), (0, ""));
    assert_eq!(out, include_str!("fixtures/upper_half.txt"));
}

#[test]
fn json_on_standard_output_sends_the_table_to_standard_error() {
    let (code, out, error) = leak(&fixtures().join("solvay.jsonl"), &fixtures(), &redacted("black"), &["--json", "-"]);
    assert_eq!(code, 0);
    assert!(error.contains("all faces"), "{error}");
    let report: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(report["overall"]["n"], 3);
    assert_eq!(report["overall"]["leaked"], 0);
    assert_eq!(report["overall"]["leak_rate"], 0.0);
    assert_eq!(report["by_height"]["32-64"]["n"], 2);
    assert_eq!(report["by_height"]["<16"]["leak_rate"], serde_json::Value::Null);
    assert_eq!(report["bootstrap_units"], "pictures");
    assert_eq!(report["overall"]["leak_interval"], serde_json::Value::Null, "one picture says nothing of others");
    assert_eq!(report["by_height"]["<16"]["ci95"], serde_json::json!([0.0, 1.0]), "nothing is known of no faces");
    let heights = ["\"<16\"", "\"16-32\"", "\"32-64\"", "\">=64\""].map(|name| out.find(name).unwrap());
    assert!(heights.is_sorted(), "small before large");
}

#[test]
fn files_get_the_figures_and_each_face() {
    let folder = tempfile::tempdir().unwrap();
    let (json, csv) = (folder.path().join("out.json"), folder.path().join("out.csv"));
    let more = ["--json", json.to_str().unwrap(), "--per-face", csv.to_str().unwrap(), "--threshold", "0.4"];
    let (code, _, error) = leak(&fixtures().join("solvay.jsonl"), &fixtures(), &redacted("upper_half"), &more);
    assert_eq!((code, error.as_str()), (0, ""));
    let report: serde_json::Value = serde_json::from_str(&fs::read_to_string(json).unwrap()).unwrap();
    assert_eq!((&report["thr"], &report["overall"]["leaked"]), (&0.4.into(), &0.into()));
    let csv = fs::read_to_string(csv).unwrap();
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines[0], "image,index,x,y,w,h,redacted_box,redacted_ellipse,leaked,missed");
    assert!(lines[1].starts_with("solvay.jpg,0,76.5,13.8,42.1,59.5,0."), "{}", lines[1]);
    assert!(lines[1].ends_with(",false,false"), "{}", lines[1]);
    assert_eq!(lines.len(), 4);
}

#[test]
fn what_can_not_be_measured_ends_with_1_and_says_why() {
    struct Case {
        labels: &'static str,
        original: &'static str,
        redacted: &'static str,
        says: &'static str,
    }
    let fine = r#"{"image":"solvay.jpg","width":230,"height":141,"faces":[{"x":9,"y":9,"w":40,"h":40}]}"#;
    let cases = [
        Case {
            labels: "",
            original: ".",
            redacted: ".",
            says: "gt.jsonl: no labels in it; expected JSON lines such as",
        },
        Case { labels: "{}\n", original: ".", redacted: ".", says: "gt.jsonl:1: not a label: missing field `image`" },
        Case {
            labels: "{\"image\":\"solvay.jpg\"}\n\n{\"image\":",
            original: ".",
            redacted: ".",
            says: "gt.jsonl:3: not a label: no JSON at column 9",
        },
        Case {
            labels: r#"{"image":"solvay.jpg","width":1600,"height":1158,"faces":[]}"#,
            original: ".",
            redacted: ".",
            says: "gt.jsonl:1: labelled as 1600×1158, but ",
        },
        Case {
            labels: r#"{"image":"solvay.jpg","faces":[{"x":900,"y":9,"w":40,"h":40}]}"#,
            original: ".",
            redacted: ".",
            says: "gt.jsonl:1: face 0 is 40×40 at (900, 9): wholly outside of its picture of 230×141",
        },
        Case {
            labels: fine,
            original: "nowhere",
            redacted: ".",
            says: "nowhere: no such file or folder; the originals are",
        },
        Case {
            labels: fine,
            original: ".",
            redacted: "nowhere",
            says: "nowhere: no such file or folder; the redacted pictures",
        },
        Case { labels: fine, original: ".", redacted: "jpeg", says: "none of the 1 labelled pictures is here" },
    ];
    let folder = tempfile::tempdir().unwrap();
    let labels = folder.path().join("gt.jsonl");
    for Case { labels: text, original, redacted, says } in cases {
        fs::write(&labels, text).unwrap();
        let (code, out, error) = leak(&labels, &fixtures().join(original), &fixtures().join(redacted), &[]);
        assert_eq!((code, out.as_str()), (1, ""), "{text}: {error}");
        assert!(error.starts_with("frostglass-calibrate: ") && error.contains(says), "{text}: {error}");
    }
    let (code, _, error) = leak(&folder.path().join("absent.jsonl"), &fixtures(), &fixtures(), &[]);
    assert_eq!(code, 1);
    assert!(error.contains("absent.jsonl: reading the labels failed: No such file"), "{error}");
}

#[test]
fn wrong_use_ends_with_2() {
    for more in [&["--threshold", "1.5"][..], &["--threshold", "NaN"], &["--margin", "-1"], &["--target", "cats"]] {
        let (code, _, error) = leak(&fixtures().join("solvay.jsonl"), &fixtures(), &fixtures(), more);
        assert_eq!(code, 2, "{more:?}: {error}");
    }
    Command::new(env!("CARGO_BIN_EXE_frostglass-calibrate")).arg("leak").assert().code(2);
}

#[test]
fn boxes_that_are_none_are_refused_with_their_line() {
    let folder = tempfile::tempdir().unwrap();
    let labels = folder.path().join("gt.jsonl");
    for (face, says) in [
        (r#"{"x":NaN,"y":1,"w":9,"h":9}"#, "gt.jsonl:2: not a label: "),
        (r#"{"x":1e999,"y":1,"w":9,"h":9}"#, "gt.jsonl:2: not a label: "),
        (r#"{"x":null,"y":1,"w":9,"h":9}"#, "gt.jsonl:2: not a label: "),
        (r#"{"x":1,"y":1,"w":-9,"h":9}"#, "gt.jsonl:2: face 0 is -9×9 at (1, 1): a box has finite numbers"),
        (r#"{"x":1,"y":1,"w":9,"h":-0.5}"#, "gt.jsonl:2: face 0 is 9×-0.5 at (1, 1): a box has finite numbers"),
    ] {
        let text = format!("{{\"image\":\"solvay.jpg\"}}\n{{\"image\":\"solvay.jpg\",\"faces\":[{face}]}}\n");
        fs::write(&labels, text).unwrap();
        let (code, out, error) = leak(&labels, &fixtures(), &fixtures(), &[]);
        assert_eq!((code, out.as_str()), (1, ""), "{face}");
        assert!(error.contains(says), "{face}: {error}");
    }
}

#[test]
fn a_contact_sheet_is_a_picture_of_what_leaked() {
    let folder = tempfile::tempdir().unwrap();
    let sheet = folder.path().join("sheet.png");
    let more = ["--contact-sheet", sheet.to_str().unwrap()];
    let (code, _, error) = leak(&fixtures().join("solvay.jsonl"), &fixtures(), &redacted("same"), &more);
    assert_eq!((code, error.as_str()), (0, ""));
    let wide = image::open(&sheet).unwrap().into_rgb8();
    let (code, _, _) = leak(&fixtures().join("solvay.jsonl"), &fixtures(), &redacted("black"), &more);
    assert_eq!(code, 0);
    let narrow = image::open(&sheet).unwrap().into_rgb8();
    assert!(wide.width() > 2 * narrow.width(), "three pairs, and none");
    let nowhere = ["--contact-sheet", "/nowhere/sheet.png"];
    let (code, _, error) = leak(&fixtures().join("solvay.jsonl"), &fixtures(), &redacted("same"), &nowhere);
    assert_eq!(code, 1);
    assert!(error.contains("/nowhere/sheet.png: writing failed: No such file"), "{error}");
}
