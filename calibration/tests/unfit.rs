//! What users bring by mistake to `thresholds` and `reidentify`: a single picture, labels without faces, another network.
#![allow(clippy::unwrap_used, reason = "a test may panic: that is how it fails")]

mod common;
#[path = "reidentify/onnx.rs"]
mod onnx;

use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use common::{FRAMES, MadeClip, fixtures, y4m};
use serde_json::Value;

/// Exit code, standard output, standard error.
fn calibrate(command: &str, arguments: &[(&str, &Path)], more: &[&str]) -> (i32, String, String) {
    let mut program = Command::new(env!("CARGO_BIN_EXE_frostglass-calibrate"));
    program.arg(command);
    for (name, path) in arguments {
        program.arg(name).arg(path);
    }
    let output = program.args(more).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// A folder with `gt.jsonl`, in which all output goes.
struct Desk(tempfile::TempDir);

impl Desk {
    fn new(labels: &str) -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        desk.write("gt.jsonl", labels.as_bytes());
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        fs::write(self.path(name), bytes).unwrap();
        self.path(name)
    }

    fn thresholds(&self, pictures: &Path, more: &[&str]) -> (i32, String, String) {
        let (labels, chart) = (self.path("gt.jsonl"), self.path("curve.svg"));
        let arguments = [("--labels", &*labels), ("--pictures", pictures), ("-o", &chart)];
        calibrate("thresholds", &arguments, &[more, &["--detail", "fast"]].concat())
    }

    fn reidentify(&self, original: &Path) -> (i32, String, String) {
        let (labels, network) = (self.path("gt.jsonl"), self.write("own.onnx", &onnx::averages()));
        calibrate("reidentify", &[("--network", &network), ("--labels", &labels), ("--original", original)], &[])
    }
}

fn refused((code, out, error): (i32, String, String), says: &str) {
    assert_eq!((code, out.as_str()), (1, ""), "{error}");
    assert!(error.starts_with("frostglass-calibrate: ") && error.contains(says), "{says}: {error}");
}

fn labels_of_solvay() -> String {
    fs::read_to_string(fixtures().join("solvay.jsonl")).unwrap()
}

#[test]
fn thresholds_of_one_picture_are_those_of_a_folder_with_it() {
    let desk = Desk::new(&labels_of_solvay());
    let json = |pictures: &Path| -> Value {
        let (code, out, error) = desk.thresholds(pictures, &["--json", "-"]);
        assert_eq!(code, 0, "{error}");
        serde_json::from_str(&out).unwrap()
    };
    let (one, folder) = (json(&fixtures().join("solvay.jpg")), json(&fixtures()));
    assert_eq!(one, folder);
    assert_eq!((&one["pictures"], &one["faces"]), (&1.into(), &3.into()));
    assert_eq!(one["curves"][0]["points"][9]["recall_interval"], Value::Null, "one picture says nothing of others");
}

#[test]
fn thresholds_of_one_picture_with_the_labels_of_two_are_refused() {
    let desk = Desk::new(&labels_of_solvay().repeat(2));
    refused(desk.thresholds(&fixtures().join("solvay.jpg"), &[]), "solvay.jpg: one frame, but 2 labels");
}

#[test]
fn thresholds_of_a_clip_without_labelled_faces_are_refused() {
    let line = |frame: usize| format!("{{\"image\":\"{frame}.png\",\"width\":180,\"height\":120,\"faces\":[]}}\n");
    let desk = Desk::new(&(0..FRAMES).map(line).collect::<String>());
    let clip = desk.write("clip.y4m", &y4m(&MadeClip::new().frames));
    refused(desk.thresholds(&clip, &[]), "no face 0 pixels high or higher is labelled in the 6 pictures");
    assert!(!desk.path("curve.svg").exists());
}

#[test]
fn thresholds_with_an_own_network_of_another_kind_are_refused_and_it_is_said_why() {
    let desk = Desk::new(&labels_of_solvay());
    let small =
        onnx::network(&[("input", &[1, 3, 64, 64])], &[("Flatten", &["input"], &["loc"], &[])], &[("loc", &[1, -1])]);
    let headless = onnx::network(
        &[("input", &[1, 3, -1, -1])],
        &[("Flatten", &["input"], &["vector"], &[])],
        &[("vector", &[1, -1])],
    );
    let cases = [
        (onnx::averages(), "is no YuNet network: it has no input `input`, but `x`"),
        (onnx::mean_colour(), "is no YuNet network: it has no input `input`, but `x`"),
        (small, "is no YuNet network: input `input` has shape [1, 3, 64, 64], expected [1, 3, -1, -1] (-1: free)"),
        (headless, "is no YuNet network: it has no output `cls_8`, but `vector`"),
        (b"no network".to_vec(), "the inference engine cannot load it"),
        (Vec::new(), "the inference engine cannot load it"),
    ];
    let network = desk.path("own.onnx");
    let text = format!("[faces]\nmodel = {{ family = 'yunet', path = '{}' }}\n", network.display());
    let config = desk.write("own.toml", text.as_bytes());
    for (bytes, says) in cases {
        desk.write("own.onnx", &bytes);
        let answer = desk.thresholds(&fixtures(), &["--config", config.to_str().unwrap()]);
        assert!(answer.2.contains(&format!("the face network: YuNet ({})", network.display())), "{}", answer.2);
        refused(answer, says);
    }
    fs::remove_file(&network).unwrap();
    let answer = desk.thresholds(&fixtures(), &["--config", config.to_str().unwrap()]);
    refused(answer, "own.onnx: cannot read the network: No such file");
}

#[test]
fn a_single_picture_can_not_be_attacked() {
    let one = r#"{"image":"solvay.jpg","faces":[{"x":76,"y":13,"w":42,"h":59,"track":1},{"x":9,"y":9,"w":40,"h":40,"track":2}]}"#;
    for labels in [one.to_owned(), format!("{one}\n{one}\n"), labels_of_solvay()] {
        let says = "solvay.jpg: one picture: who is known from one frame is attacked in another; give a clip";
        refused(Desk::new(&labels).reidentify(&fixtures().join("solvay.jpg")), says);
    }
}

#[test]
fn faces_without_tracks_can_not_be_attacked() {
    let clip = MadeClip::new();
    let labels = (0..3).fold(clip.labels.clone(), |text, track| text.replace(&format!(r#","track":{track}"#), ""));
    let desk = Desk::new(&labels);
    let file = desk.write("clip.y4m", &y4m(&clip.frames));
    refused(desk.reidentify(&file), r#"none of the 18 labelled faces has a "track""#);
}

/// Who reads the help of a clip's thresholds must not take them for what the camera hides.
#[test]
fn the_help_says_that_tracks_are_not_part_of_the_curves() {
    let (code, help, error) = calibrate("thresholds", &[], &["--help"]);
    assert_eq!(code, 0, "{error}");
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    let says = "each frame of a clip, alone: tracks, look-ahead and heads of persons are not part of the curves.";
    assert!(help.contains(says), "{help}");
}
