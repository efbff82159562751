//! The measure against its definition: values recorded from `leak_eval.py`, and laws that any measure of leak obeys.
#![allow(clippy::unwrap_used, reason = "a test may panic: that is how it fails")]

mod common;

use std::fs;

use common::{fixtures, labels, original, redacted};
use frostglass_calibration::footage::FootageError;
use frostglass_calibration::leak::{LeakError, Measured, Report, Settings, measure};

fn measured(name: &str) -> Measured {
    measure(&labels(), &fixtures(), &redacted(name), Settings::default(), None, &|| {}).unwrap()
}

fn report(name: &str) -> Report {
    measured(name).report()
}

/// Recorded by `leak_eval.py` (OpenCV 5.0.0, NumPy 2.4.6) from the very pictures that `common::redacted` leaves behind;
/// how, is said there.
#[test]
fn every_face_has_the_value_that_the_definition_gives_it() {
    struct Case {
        name: &'static str,
        of_box: [f64; 3],
        of_ellipse: [f64; 3],
        over: f64,
    }
    let cases = [
        Case { name: "same", of_box: [0.0, 0.0, 0.0], of_ellipse: [0.0, 0.0, 0.0], over: 0.00000 },
        Case { name: "recompressed", of_box: [0.0, 0.0, 0.0], of_ellipse: [0.0, 0.0, 0.0], over: 0.00000 },
        Case {
            name: "upper_half",
            of_box: [0.5928, 0.5876, 0.6419],
            of_ellipse: [0.6179, 0.6109, 0.6765],
            over: 0.00000,
        },
        Case { name: "nine_tenths", of_box: [1.0, 1.0, 1.0], of_ellipse: [1.0, 1.0, 1.0], over: 0.00000 },
        Case { name: "black", of_box: [1.0, 1.0, 1.0], of_ellipse: [1.0, 1.0, 1.0], over: 0.00000 },
        Case { name: "mosaic", of_box: [0.7178, 0.8588, 0.7516], of_ellipse: [0.6930, 0.8527, 0.7727], over: 0.00000 },
        Case { name: "soft", of_box: [0.1797, 0.1122, 0.0484], of_ellipse: [0.1212, 0.0854, 0.0207], over: 0.00000 },
        Case { name: "all_black", of_box: [1.0, 1.0, 1.0], of_ellipse: [1.0, 1.0, 1.0], over: 0.98086 },
    ];
    for Case { name, of_box, of_ellipse, over } in cases {
        let measured = measured(name);
        let found = &measured.pictures[0];
        assert_eq!((found.boxes.len(), found.undecidable), (3, 0), "{name}");
        for ((face, of_box), of_ellipse) in found.boxes.iter().zip(of_box).zip(of_ellipse) {
            let what = format!("{name}, face {}: {:?}", face.index, face.redacted);
            // A pixel or two may fall to the other side where another processor rounds otherwise.
            assert!((face.redacted.of_box - of_box).abs() < 0.002, "{what} instead of {of_box}");
            assert!((face.redacted.of_ellipse - of_ellipse).abs() < 0.002, "{what} instead of {of_ellipse}");
            assert_eq!(face.redacted.of_box < 0.9, of_box < 0.9, "{what}: leaked");
            assert_eq!(face.redacted.of_box < 0.3, of_box < 0.3, "{what}: missed");
        }
        let share = measured.report().over_redaction.unwrap().share_of_non_target_pixels;
        assert!((share - over).abs() < 1e-3, "{name}: {share} instead of {over}");
    }
}

#[test]
fn what_was_not_touched_leaks_wholly_and_nothing_is_over_redacted() {
    for name in ["same", "recompressed"] {
        let report = report(name);
        assert_eq!((report.overall.n, report.overall.leaked, report.overall.missed), (3, 3, 3), "{name}");
        assert_eq!(report.over_redaction.unwrap().share_of_non_target_pixels, 0.0, "{name}");
    }
}

#[test]
fn black_boxes_leak_nothing_and_spare_the_rest() {
    let report = report("black");
    assert_eq!((report.overall.leaked, report.overall.mean_redacted), (0, Some(1.0)));
    assert!(report.over_redaction.unwrap().share_of_non_target_pixels < 0.01);
}

#[test]
fn a_black_picture_leaks_nothing_but_is_over_redacted() {
    let report = report("all_black");
    assert_eq!(report.overall.leaked, 0);
    assert!(report.over_redaction.unwrap().share_of_non_target_pixels > 0.95);
}

#[test]
fn the_more_is_hidden_the_less_leaks() {
    let hidden = |name: &str| report(name).overall.mean_redacted.unwrap();
    let order = ["same", "upper_half", "nine_tenths", "black"].map(hidden);
    assert!(order.is_sorted(), "{order:?}");
}

#[test]
fn a_picture_that_never_left_leaks_nothing_and_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let mut labels = labels();
    labels.push(labels[0].clone());
    labels[1].record.image = "other.jpg".into();
    fs::create_dir_all(folder.path().join("originals")).unwrap();
    for name in ["solvay.jpg", "other.jpg"] {
        fs::copy(fixtures().join("solvay.jpg"), folder.path().join("originals").join(name)).unwrap();
    }
    labels.push(labels[0].clone());
    labels[2].record.image = "absent.jpg".into();
    let originals = folder.path().join("originals");
    let report = measure(&labels, &originals, &redacted("same"), Settings::default(), None, &|| {}).unwrap().report();
    assert_eq!((report.images, report.suppressed_frames, report.orig_missing), (2, 1, 1));
    assert_eq!((report.overall.n, report.overall.leaked), (6, 3));
}

/// A redactor that leaves nothing at all must not pass for a perfect one because a folder was mistyped.
#[test]
fn a_folder_without_any_of_the_pictures_is_refused() {
    let empty = tempfile::tempdir().unwrap();
    let error = measure(&labels(), &fixtures(), empty.path(), Settings::default(), None, &|| {}).unwrap_err();
    assert!(matches!(error, LeakError::Footage(FootageError::NonePresent { labelled: 1, .. })), "{error}");
}

#[test]
fn a_redacted_picture_that_can_not_be_read_is_an_error_and_never_a_verdict() {
    let whole = fs::read(fixtures().join("solvay.jpg")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let progressive = fs::read(fixtures().join("jpeg/progressive.jpg")).unwrap();
    for bytes in [&whole[..whole.len() / 2], &progressive[..progressive.len() / 2], &[][..], &b"no picture"[..]] {
        fs::write(folder.path().join("solvay.jpg"), bytes).unwrap();
        let error = measure(&labels(), &fixtures(), folder.path(), Settings::default(), None, &|| {}).unwrap_err();
        assert!(error.to_string().contains("solvay.jpg: decoding the picture failed"), "{error}");
    }
}

#[test]
fn tracks_are_counted_and_drawn_as_wholes() {
    let mut labels = labels();
    for (track, face) in labels[0].record.faces.iter_mut().enumerate() {
        face.track = Some(frostglass_calibration::labels::Track::Number(track as i64 / 2));
    }
    let report = measure(&labels, &fixtures(), &redacted("same"), Settings::default(), None, &|| {}).unwrap().report();
    let tracks = report.tracks.unwrap();
    assert_eq!((tracks.n, tracks.with_any_leaked_frame, tracks.longest_leak_run_frames), (2, 2, 2));
    assert_eq!(report.bootstrap_units, "tracks");
}

#[test]
fn the_same_measurement_gives_the_same_report() {
    let text = || serde_json::to_string(&report("mosaic")).unwrap();
    assert_eq!(text(), text());
}

#[test]
fn the_fixture_is_as_large_as_its_label_says() {
    let record = &labels()[0].record;
    assert_eq!((Some(original().width()), Some(original().height())), (record.width, record.height));
}
