//! The attack on what the redactor leaves: `blur` and `solid` at chance, clear faces far above it, `mosaic` in between.
#![allow(clippy::unwrap_used, reason = "a test may panic: that is how it fails")]
#![allow(clippy::print_stdout, reason = "a test that is skipped says so, and an attack shows its figures")]

#[path = "reidentify/onnx.rs"]
mod onnx;
#[path = "reidentify/sface.rs"]
mod sface;

use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use frostglass_calibration::labels;
use frostglass_calibration::reidentify::{
    Against, Choice, Embedder, Faces, Input, Probes, Report, Row, Settings, attack,
};

fn media(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/media").join(name)
}

/// The bundled clip, 29 people, few frames of it: a network takes its time.
fn attacked(network: &Path, mean: f32, change: impl Fn(&mut Settings)) -> Report {
    let labels = labels::read(&[media("solvay_pan.jsonl")]).unwrap();
    let mut network = Embedder::load(network, Input { bgr: false, mean, scale: 1.0 }).unwrap();
    let mut settings = Settings::default();
    settings.choice = Choice { frames: 10, ..settings.choice };
    change(&mut settings);
    attack(&labels, &media("solvay_pan.mp4"), &mut network, settings, &|| {}).unwrap()
}

/// A network that anybody can make: averages of 8×8 pixels.
fn attacked_by_averages(change: impl Fn(&mut Settings)) -> Report {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("averages.onnx");
    fs::write(&file, onnx::averages()).unwrap();
    attacked(&file, 128.0, change)
}

fn rows<'a>(report: &'a Report, style: &str) -> impl Iterator<Item = &'a Row> {
    report.rows.iter().filter(move |row| row.style == style)
}

/// What the promise says, of a report whose control stands.
fn assert_blur_and_solid_stand_at_chance(report: &Report) {
    assert!(report.control_passed, "{report}");
    assert_eq!(report.people, 29, "{report}");
    for style in ["blur", "solid"] {
        let exchanged: Vec<&Row> = rows(report, style).filter(|row| row.faces == Faces::Exchanged).collect();
        // Single and average against both galleries, the union against the originals' (and it is made of nothing else).
        assert!(exchanged.len() >= 5, "{report}");
        for row in exchanged {
            assert!(!row.above_chance, "{row:?}\n{report}");
        }
    }
    for left in report.uncovered.iter().filter(|left| left.style != "mosaic") {
        assert_eq!(left.same_bytes, left.frames, "{left:?}: somebody's face had an influence");
        assert!(left.frames >= 5 && left.share_of_face < 0.001, "{left:?}");
    }
}

/// The matcher that a stranger would use. It is fetched, never shipped.
#[test]
fn a_face_matcher_does_no_better_than_chance_on_blur_and_solid() {
    let Some(sface) = sface::sface() else { return };
    let report = attacked(&sface, 0.0, |_| {});
    println!("{report}");
    assert_blur_and_solid_stand_at_chance(&report);
    // A hint of colour is a hint: with light and place to help, the attack finds somebody in a mosaic.
    let mosaic = report.row(Faces::InPlace, "mosaic", Against::Originals, Probes::Single).unwrap();
    assert!(mosaic.above_chance, "{mosaic:?}");
}

#[test]
fn a_matcher_of_pixels_does_no_better_than_chance_on_blur_and_solid() {
    let report = attacked_by_averages(|_| {});
    assert_blur_and_solid_stand_at_chance(&report);
    let clear = report.row(Faces::Exchanged, "clear", Against::Originals, Probes::Single).unwrap();
    assert!(clear.network.rate > 0.8 && clear.pixels.rate > 0.8, "{clear:?}");
    let mosaic = report.row(Faces::InPlace, "mosaic", Against::Originals, Probes::Single).unwrap();
    assert!(mosaic.above_chance, "{mosaic:?}");
}

/// Where the box is right, not one byte tells whose face is behind it.
#[test]
fn behind_right_boxes_blur_and_solid_are_the_same_bytes_whoever_is_there() {
    let report = attacked_by_averages(|settings| {
        settings.jitter = 0.0;
        settings.choice.frames = 6;
    });
    for left in report.uncovered.iter().filter(|left| left.style != "mosaic") {
        assert_eq!((left.same_bytes, left.share_of_face), (left.frames, 0.0), "{left:?}");
        assert!(left.frames >= 4, "{left:?}");
    }
    // The exchange does change what is not hidden, or this would show nothing.
    let mosaic = report.uncovered.iter().find(|left| left.style == "mosaic").unwrap();
    assert_eq!(mosaic.same_bytes, 0, "{mosaic:?}");
}

/// The attack has to notice a mask that is too small, or chance would prove nothing.
#[test]
fn masks_that_miss_a_part_of_the_face_are_found_out() {
    let report = attacked_by_averages(|settings| (settings.margin, settings.jitter) = (0.0, 0.6));
    for style in ["blur", "solid"] {
        let left = report.uncovered.iter().find(|left| left.style == style).unwrap();
        assert!(left.share_of_face > 0.1 && left.same_bytes < left.frames, "{left:?}");
        let union = report.row(Faces::Exchanged, style, Against::Originals, Probes::Union).unwrap();
        assert!(union.above_chance, "{union:?}\n{report}");
    }
}

#[test]
fn the_same_attack_gives_the_same_figures() {
    let few = |settings: &mut Settings| settings.choice.frames = 4;
    let text = || serde_json::to_string(&attacked_by_averages(few)).unwrap();
    assert_eq!(text(), text());
}

/// Exit code, standard output, standard error.
fn reidentify(network: &Path, labels: &Path, original: &Path, more: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_frostglass-calibrate"));
    // Cargo sets it; a user who starts the program does not.
    command.env_remove("ORT_DISABLE_TELEMETRY");
    command.arg("reidentify").arg("--network").arg(network).arg("--labels").arg(labels);
    let output = command.arg("--original").arg(original).args(more).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn the_table_and_the_json_have_every_style() {
    let folder = tempfile::tempdir().unwrap();
    let (network, json) = (folder.path().join("own.onnx"), folder.path().join("out.json"));
    fs::write(&network, onnx::averages()).unwrap();
    let more = ["--frames", "4", "--mean", "128", "--json", json.to_str().unwrap()];
    let (code, table, error) = reidentify(&network, &media("solvay_pan.jsonl"), &media("solvay_pan.mp4"), &more);
    assert_eq!(code, 0, "{error}");
    let report: serde_json::Value = serde_json::from_slice(&fs::read(&json).unwrap()).unwrap();
    assert_eq!(report["control_passed"], true);
    for style in ["clear", "blur", "solid", "mosaic"] {
        assert!(table.lines().any(|line| line.starts_with(style)), "{table}");
        let of_style = report["rows"].as_array().unwrap().iter().filter(|row| row["style"] == style).count();
        assert_eq!(of_style, if style == "clear" { 6 } else { 10 }, "{style}");
    }
    let (code, out, table) = reidentify(
        &network,
        &media("solvay_pan.jsonl"),
        &media("solvay_pan.mp4"),
        &["--frames", "4", "--mean", "128", "--json", "-"],
    );
    assert_eq!(code, 0, "{table}");
    assert_eq!(serde_json::from_str::<serde_json::Value>(&out).unwrap(), report);
    assert!(table.contains("control: clear faces are matched far above chance"), "{table}");
}

/// Of an attack that can not even match clear faces, "at chance" would be a lie.
#[test]
fn an_attack_that_matches_no_clear_face_is_called_broken_and_fails() {
    let folder = tempfile::tempdir().unwrap();
    let network = folder.path().join("mean.onnx");
    fs::write(&network, onnx::mean_colour()).unwrap();
    let (code, table, error) =
        reidentify(&network, &media("solvay_pan.jsonl"), &media("solvay_pan.mp4"), &["--frames", "4"]);
    assert_eq!(code, 1);
    assert!(error.contains("the attack is broken"), "{error}");
    assert!(table.contains("control: FAILED") && !table.contains("at chance\n"), "{table}");
}

#[test]
fn a_network_that_does_not_fit_is_refused_with_a_reason() {
    struct Case {
        name: &'static str,
        bytes: Vec<u8>,
        says: &'static str,
    }
    let identity =
        |shape: &[i64]| onnx::network(&[("x", shape)], &[("Identity", &["x"], &["y"], &[])], &[("y", shape)]);
    let flat = |shape: &[i64]| onnx::network(&[("x", shape)], &[("Flatten", &["x"], &["y"], &[])], &[("y", &[-1, -1])]);
    let two_outputs = onnx::network(
        &[("x", &[1, 3, 112, 112])],
        &[("Flatten", &["x"], &["y"], &[]), ("Identity", &["x"], &["z"], &[])],
        &[("y", &[1, -1]), ("z", &[1, 3, 112, 112])],
    );
    let two_inputs = onnx::network(
        &[("x", &[1, 3, 112, 112]), ("w", &[1, 3, 112, 112])],
        &[("Add", &["x", "w"], &["sum"], &[]), ("Flatten", &["sum"], &["y"], &[])],
        &[("y", &[1, -1])],
    );
    let cases = [
        Case { name: "text", bytes: b"no network".to_vec(), says: "not a network that ONNX Runtime can load" },
        Case { name: "empty", bytes: Vec::new(), says: "not a network that ONNX Runtime can load" },
        Case { name: "grey", bytes: flat(&[1, 1, 112, 112]), says: "not three channels" },
        Case { name: "nhwc", bytes: flat(&[1, 112, 112, 3]), says: "not three channels" },
        Case { name: "table", bytes: flat(&[1, 64]), says: "not four dimensions" },
        Case { name: "batch", bytes: flat(&[8, 3, 112, 112]), says: "more than one picture" },
        Case { name: "speck", bytes: flat(&[1, 3, 2, 2]), says: "not the size of a face" },
        Case { name: "picture", bytes: identity(&[1, 3, 112, 112]), says: "its output has the shape [1, 3, 112, 112]" },
        Case { name: "two", bytes: two_outputs, says: "it has 2 outputs" },
        Case { name: "inputs", bytes: two_inputs, says: "it has 2 inputs" },
    ];
    let folder = tempfile::tempdir().unwrap();
    for Case { name, bytes, says } in cases {
        let network = folder.path().join(name);
        fs::write(&network, bytes).unwrap();
        let (code, out, error) = reidentify(&network, &media("solvay_pan.jsonl"), &media("solvay_pan.mp4"), &[]);
        assert_eq!((code, out.as_str()), (1, ""), "{name}: {error}");
        assert!(error.starts_with("frostglass-calibrate: ") && error.contains(says), "{name}: {error}");
        assert!(error.contains(network.to_str().unwrap()), "{name}: {error}");
    }
    let absent = folder.path().join("absent.onnx");
    let (code, _, error) = reidentify(&absent, &media("solvay_pan.jsonl"), &media("solvay_pan.mp4"), &[]);
    assert_eq!(code, 1);
    assert!(error.contains("absent.onnx: reading the network failed: No such file"), "{error}");
}

#[test]
fn labels_that_do_not_fit_are_refused_with_a_reason() {
    let folder = tempfile::tempdir().unwrap();
    let network = folder.path().join("own.onnx");
    fs::write(&network, onnx::averages()).unwrap();
    let all = fs::read_to_string(media("solvay_pan.jsonl")).unwrap();
    let first = all.lines().next().unwrap();
    let repeat = |line: &str| [line, "\n"].concat().repeat(60);
    let face = r#"{"image":"a.jpg","faces":[{"x":9,"y":9,"w":20,"h":30,"track":1}]}"#;
    let cases = [
        (all.lines().take(59).collect::<Vec<_>>().join("\n"), "60 frames, but 59 lines of labels"),
        (all.replace(r#""width": 640"#, r#""width": 1280"#), "labelled as 1280×360, but the picture has 640×360"),
        (first.to_owned(), "0 of 29 tracks can be attacked"),
        (
            repeat(&first.replace(r#""track""#, r#""person""#)),
            "has a \"track\", which says which faces are one person's",
        ),
        (repeat(face), "1 of 1 tracks can be attacked"),
        (repeat(r#"{"image":"a.jpg","faces":[]}"#), "the labels have no faces"),
        (
            repeat(
                r#"{"image":"a.jpg","faces":[{"x":900,"y":9,"w":20,"h":30,"track":1},{"x":9,"y":9,"w":20,"h":30,"track":2}]}"#,
            ),
            "wholly outside of its picture",
        ),
        (String::new(), "no labels in it"),
    ];
    let labels = folder.path().join("gt.jsonl");
    for (text, says) in cases {
        fs::write(&labels, &text).unwrap();
        let (code, out, error) = reidentify(&network, &labels, &media("solvay_pan.mp4"), &[]);
        assert_eq!((code, out.as_str()), (1, ""), "{says}: {error}");
        assert!(error.starts_with("frostglass-calibrate: ") && error.contains(says), "{says}: {error}");
    }
    let (code, _, error) = reidentify(&network, &media("solvay_pan.jsonl"), folder.path(), &[]);
    assert_eq!(code, 1);
    assert!(error.contains("has no picture frames/00000.jpg"), "{error}");
    let (code, _, error) = reidentify(&network, &media("solvay_pan.jsonl"), &network, &[]);
    assert_eq!(code, 1, "{error}");
    for more in [&["--margin", "9"][..], &["--frames", "1"], &["--gallery", "2"], &["--zoom", "NaN"]] {
        let (code, _, error) = reidentify(&network, &media("solvay_pan.jsonl"), &media("solvay_pan.mp4"), more);
        assert_eq!(code, 2, "{more:?}: {error}");
    }
}
