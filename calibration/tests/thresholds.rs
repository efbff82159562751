//! `thresholds` with the bundled networks on the bundled photograph: laws, and the program as a user meets it.
#![allow(clippy::unwrap_used, reason = "a test may panic: that is how it fails")]

mod common;

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use assert_cmd::Command;
use common::{MadeClip, fixtures, labels, original, y4m};
use frostglass::config::Config;
use frostglass_calibration::thresholds::{Probe, Settings, candidates, svg, sweep};
use frostglass_models::{Detail, Runtime};
use frostglass_vault::{
    Area, Detection, Findings, Format, Inspected, Kind, PersonRule, Policy, Pool, Redactor, Score, Size, Stamp, Style,
    Zones,
};

fn settings(details: &[Detail]) -> Settings {
    Settings { details: details.to_vec(), ..Settings::of(&Config::default_for_files(), false) }
}

fn thresholds(labels: &Path, pictures: &Path, more: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_frostglass-calibrate"));
    command.arg("thresholds").arg("--labels").arg(labels).arg("--pictures").arg(pictures);
    let output = command.args(more).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn a_lower_score_never_lowers_recall_and_never_paints_less() {
    let settings = settings(&[Detail::Fast, Detail::Thorough]);
    let curves = sweep(&Runtime::load().unwrap(), &labels(), &fixtures(), &settings, &|| {}).unwrap();
    assert_eq!((curves.pictures, curves.missing, curves.faces), (1, 0, 3));
    assert_eq!(curves.curves.iter().map(|curve| curve.detail).collect::<Vec<_>>(), ["fast", "thorough"]);
    for curve in &curves.curves {
        for pair in curve.points.windows(2) {
            assert!(pair[0].score < pair[1].score);
            assert!(pair[0].recall >= pair[1].recall, "{pair:?}");
            assert!(pair[0].over_redaction >= pair[1].over_redaction, "{pair:?}");
        }
        let middle = curve.points.iter().find(|point| point.score == 0.5).unwrap();
        assert_eq!((middle.hidden, middle.recall), (3, 1.0), "{}: these faces are large and clear", curve.detail);
        assert!(curve.points.iter().all(|point| point.over_redaction < 0.5));
    }
}

#[test]
fn a_clip_has_the_curve_of_its_frames() {
    let clip = MadeClip::new();
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("gt.jsonl"), &clip.labels).unwrap();
    fs::write(path("clip.y4m"), y4m(&clip.frames)).unwrap();
    for (index, frame) in clip.frames.iter().enumerate() {
        image::imageops::grayscale(frame).save(path(&format!("{index:05}.png"))).unwrap();
    }
    let labels = frostglass_calibration::labels::read(&[path("gt.jsonl")]).unwrap();
    let (runtime, settings) = (Runtime::load().unwrap(), settings(&[Detail::Fast]));
    let run = |pictures: &Path| sweep(&runtime, &labels, pictures, &settings, &|| {}).unwrap();
    let (clip, frames) = (run(&path("clip.y4m")), run(folder.path()));
    assert_eq!((clip.pictures, clip.faces, clip.bootstrap_units), (6, 18, "tracks"));
    // Video has fewer levels of grey than pictures, so that a score may fall to the other side of a step.
    for (a, b) in clip.curves[0].points.iter().zip(&frames.curves[0].points).filter(|(a, _)| a.score >= 0.3) {
        assert!((a.recall - b.recall).abs() < 0.12, "{a:?} {b:?}");
        assert!((a.over_redaction - b.over_redaction).abs() < 0.02, "{a:?} {b:?}");
    }
    assert!(clip.curves[0].points[9].recall > 0.5, "{:?}", clip.curves[0].points[9]);
}

/// A still is looked at by another network, and more closely, than a frame; the labels of stills have no tracks.
#[test]
fn stills_are_looked_at_as_redact_looks_at_them() {
    let of = |details: &[Detail], stills| {
        let settings = Settings { details: details.to_vec(), ..Settings::of(&Config::default_for_files(), stills) };
        sweep(&Runtime::load().unwrap(), &labels(), &fixtures(), &settings, &|| {}).unwrap().curves
    };
    let (stills, frames) =
        (of(&[Detail::Balanced, Detail::Thorough], true), of(&[Detail::Balanced, Detail::Thorough], false));
    assert_eq!(stills[0].points, frames[0].points, "but for thorough, they are the same");
    assert_ne!(stills[1].points, frames[1].points);
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let more = ["-o", &path("curve.svg"), "--json", &path("curve.json"), "--detail", "thorough"];
    let (code, _, told) = thresholds(&fixtures().join("solvay.jsonl"), &fixtures(), &more);
    let json: serde_json::Value = serde_json::from_slice(&fs::read(path("curve.json")).unwrap()).unwrap();
    let text = serde_json::to_string(&stills[1].points).unwrap();
    let expected: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert!(code == 0 && json["curves"][0]["points"] == expected, "{code}: {told} {json}");
}

/// What the probe says of noise holds of a photograph: the redactor changes nothing outside of the mask, and all of it
/// that is not of the fill's own colour.
#[test]
fn masks_are_where_the_redactor_changes_a_photograph() {
    let photograph = original();
    let size = Size::new(photograph.width(), photograph.height());
    let format = Format::still(size);
    let face = |[left, top, right, bottom]: [f32; 4]| Detection {
        kind: Kind::Face,
        area: Area::new(left, top, right, bottom).unwrap(),
        score: Score::new(0.9).unwrap(),
    };
    let found = [face([0.33, 0.1, 0.52, 0.52]), face([0.45, 0.4, 0.6, 0.7]), face([0.9, 0.9, 1.0, 1.0])];
    for (style, share) in [(Style::Solid, 0.93), (Style::Blur, 0.6)] {
        let mut mask = vec![false; size.pixels()];
        Probe::new(format, style, 0.5).paint(&found, &mut mask);
        let mut blank = Pool::new(format, 1).blank().unwrap();
        for (channel, plane) in blank.planes_mut().into_iter().enumerate() {
            plane.bytes.iter_mut().zip(photograph.pixels()).for_each(|(byte, pixel)| *byte = pixel.0[channel]);
        }
        let raw = blank.expose(Stamp { sequence: 0, time: Duration::ZERO }, &Zones::none());
        let policy = Policy { style, persons: PersonRule::None, margin: 0.5 };
        let redacted = Redactor::new(policy, format, Arc::new(Zones::none()))
            .redact(Inspected::new(raw, Findings::Complete(found.to_vec())));
        let after = redacted.picture();
        let (mut changed_inside, mut inside) = (0, 0);
        for (pixel, (&masked, before)) in mask.iter().zip(photograph.pixels()).enumerate() {
            let (x, y) = (pixel % size.width as usize, pixel / size.width as usize);
            let change = (0..3).map(|c| before.0[c].abs_diff(after.row(c, y as u32)[x])).max().unwrap();
            inside += usize::from(masked);
            changed_inside += usize::from(masked && change > 0);
            let faint = if style == Style::Blur { 110 } else { 0 };
            assert!(masked || change <= faint, "({x}, {y}) changed by {change} outside of the {style:?} mask");
        }
        assert!(
            inside > 1000 && changed_inside as f64 > share * inside as f64,
            "{style:?}: {changed_inside} of {inside}"
        );
    }
}

#[test]
fn a_recall_that_is_reached_gives_toml_and_a_chart() {
    let folder = tempfile::tempdir().unwrap();
    let (chart, json) = (folder.path().join("curve.svg"), folder.path().join("curve.json"));
    let more = [
        "-o",
        chart.to_str().unwrap(),
        "--json",
        json.to_str().unwrap(),
        "--recall",
        "0.95",
        "--detail",
        "balanced",
        "fast",
        "fast",
    ];
    let (code, out, error) = thresholds(&fixtures().join("solvay.jsonl"), &fixtures(), &more);
    assert_eq!(code, 0, "{error}");
    let config = Config::prove(&out, "snippet", Path::new(".")).unwrap_or_else(|fault| panic!("{out}: {fault}"));
    assert!(config.faces.score > 0.3 && config.faces.detail.is_some(), "{out}");
    assert!(out.contains("# Hides 100.0 % of 3 labelled faces (95.0 % were wanted)"), "{out}");
    assert!(error.contains("balanced   0.50") && error.contains("fast       0.50"), "{error}");
    let svg = fs::read_to_string(chart).unwrap();
    for text in
        ["<svg", "balanced", "wanted: 95.0 %", "chosen: ", "recall: labelled faces hidden (%)", "3 faces in 1 pictures"]
    {
        assert!(svg.contains(text), "no {text} in the chart");
    }
    assert!(!svg.contains("thorough"), "only what was asked for");
    let curves: serde_json::Value = serde_json::from_str(&fs::read_to_string(json).unwrap()).unwrap();
    assert_eq!(curves["curves"][0]["detail"], "fast");
    assert_eq!(curves["curves"][1]["points"].as_array().unwrap().len(), 19);
}

#[test]
fn a_recall_that_no_setting_reaches_ends_with_1_and_says_the_best() {
    let folder = tempfile::tempdir().unwrap();
    let (labels, chart) = (folder.path().join("gt.jsonl"), folder.path().join("curve.svg"));
    // The second one is no face but a bit of the background.
    let faces = r#"[{"x":76.5,"y":13.8,"w":42.1,"h":59.5},{"x":2,"y":2,"w":9,"h":9}]"#;
    fs::write(&labels, format!(r#"{{"image":"solvay.jpg","faces":{faces}}}"#)).unwrap();
    let more = ["-o", chart.to_str().unwrap(), "--recall", "0.9", "--detail", "fast"];
    let (code, out, error) = thresholds(&labels, &fixtures(), &more);
    assert_eq!((code, out.as_str()), (1, ""), "{error}");
    let says = "no setting hides 90.0 % of these faces; the best is 50.0 % with detail = \"fast\", score = 0";
    assert!(error.contains(says), "{error}");
    assert!(chart.exists(), "the curve shows how far it is");
}

#[test]
fn what_can_not_be_measured_ends_with_1_and_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let (labels, chart) = (folder.path().join("gt.jsonl"), folder.path().join("curve.svg"));
    let more = ["-o", chart.to_str().unwrap(), "--detail", "fast"];
    let face = r#"{"x":9,"y":9,"w":40,"h":40}"#;
    for (text, pictures, says) in [
        (String::new(), ".", "gt.jsonl: no labels in it"),
        (
            r#"{"image":"solvay.jpg","faces":[]}"#.to_owned(),
            ".",
            "no face 0 pixels high or higher is labelled in the 1",
        ),
        (
            format!(r#"{{"image":"solvay.jpg","faces":[{face}]}}"#),
            "jpeg",
            "jpeg: none of the 1 labelled pictures is here",
        ),
        (format!(r#"{{"image":"a.jpg","faces":[{face}]}}"#), "nowhere", "nowhere: no such file or folder"),
        (
            format!(r#"{{"image":"solvay.jpg","width":640,"height":480,"faces":[{face}]}}"#),
            ".",
            "gt.jsonl:1: labelled as 640×480, but ",
        ),
    ] {
        fs::write(&labels, &text).unwrap();
        let (code, out, error) = thresholds(&labels, &fixtures().join(pictures), &more);
        assert_eq!((code, out.as_str()), (1, ""), "{text}: {error}");
        assert!(error.starts_with("frostglass-calibrate: ") && error.contains(says), "{text}: {error}");
        assert!(!chart.exists());
    }
    fs::write(&labels, format!(r#"{{"image":"solvay.jpg","faces":[{face}]}}"#)).unwrap();
    let (code, _, error) = thresholds(&labels, &fixtures(), &[&more[..], &["--smallest", "41"]].concat());
    assert_eq!(code, 1);
    assert!(error.contains("no face 41 pixels high or higher"), "{error}");
    let (code, _, error) = thresholds(&labels, &fixtures(), &[&more[..], &["--recall", "1.5"]].concat());
    assert_eq!(code, 2, "{error}");
}

#[test]
fn a_chart_of_equal_points_can_be_drawn() {
    let settings = settings(&[Detail::Fast]);
    let mut curves = sweep(&Runtime::load().unwrap(), &labels(), &fixtures(), &settings, &|| {}).unwrap();
    for point in &mut curves.curves[0].points {
        (point.recall, point.over_redaction) = (0.0, 0.0);
    }
    assert!(svg(&curves, None, None).unwrap().contains("</svg>"));
    assert!(candidates(&curves, &settings, 0.5).is_empty());
}
