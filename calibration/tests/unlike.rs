//! `leak` on two sides that can not be compared: other shapes, a clip beside a picture.
#![allow(clippy::unwrap_used, reason = "a test may panic: that is how it fails")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::{MadeClip, fixtures, labels, original, y4m};
use frostglass_calibration::labels::{self, Labelled};
use frostglass_calibration::leak::{Measured, Settings, measure};
use image::{RgbImage, imageops};

fn compare(labels: &[Labelled], original: &Path, redacted: &Path) -> Result<Measured, String> {
    measure(labels, original, redacted, Settings::default(), None, &|| {}).map_err(|error| error.to_string())
}

/// Clip and labels of a made clip, in a folder that goes away.
fn made_clip() -> (tempfile::TempDir, PathBuf, Vec<Labelled>) {
    let (folder, clip) = (tempfile::tempdir().unwrap(), MadeClip::new());
    let (file, labelled) = (folder.path().join("clip.y4m"), folder.path().join("gt.jsonl"));
    fs::write(&file, y4m(&clip.frames)).unwrap();
    fs::write(&labelled, &clip.labels).unwrap();
    let labels = labels::read(&[labelled]).unwrap();
    (folder, file, labels)
}

#[test]
fn what_was_scaled_is_measured_and_what_was_cropped_turned_or_stretched_is_refused() {
    let photograph = original();
    assert_eq!(photograph.dimensions(), (230, 141));
    let scaled = |width, height| imageops::resize(&photograph, width, height, imageops::FilterType::Triangle);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("solvay.png");
    let compared = |redacted: &RgbImage| {
        redacted.save(&file).unwrap();
        [folder.path(), &file].map(|side| compare(&labels(), &fixtures(), side))
    };
    for (width, height) in [(230, 141), (460, 282), (115, 70), (240, 144), (150, 92)] {
        for measured in compared(&scaled(width, height)) {
            assert_eq!(measured.unwrap().pictures[0].boxes.len(), 3, "{width}×{height}");
        }
    }
    let unlike = [
        imageops::crop_imm(&photograph, 0, 0, 218, 141).to_image(),
        imageops::crop_imm(&photograph, 0, 0, 230, 134).to_image(),
        imageops::rotate90(&photograph),
        scaled(150, 100),
        scaled(230, 282),
    ];
    for redacted in unlike {
        let (width, height) = redacted.dimensions();
        let says = format!("solvay.jpg has 230×141 pixels, but {} has {width}×{height}: another shape", file.display());
        for measured in compared(&redacted) {
            let error = measured.unwrap_err();
            assert!(error.contains("solvay.jsonl:1: ") && error.contains(&says), "{error}");
        }
    }
}

#[test]
fn a_clip_of_another_shape_is_refused() {
    let (folder, clip, labels) = made_clip();
    let square: Vec<RgbImage> = MadeClip::new()
        .frames
        .iter()
        .map(|frame| imageops::resize(frame, 120, 120, imageops::FilterType::Nearest))
        .collect();
    let redacted = folder.path().join("square.y4m");
    fs::write(&redacted, y4m(&square)).unwrap();
    let error = compare(&labels, &clip, &redacted).unwrap_err();
    let says = ["gt.jsonl:1: ", "clip.y4m has 180×120 pixels, but ", "square.y4m has 120×120: another shape"];
    assert!(says.iter().all(|says| error.contains(says)), "{error}");
}

/// Of a clip beside one picture, all frames but the first would pass for frames that never left.
#[test]
fn a_clip_beside_a_single_picture_is_refused_whichever_side_it_is() {
    let (folder, clip, labels) = made_clip();
    let picture = folder.path().join("frame.png");
    MadeClip::new().frames[0].save(&picture).unwrap();
    let says = format!("{} is a clip and {} a single picture: ", clip.display(), picture.display());
    for labels in [&labels[..], &labels[..1]] {
        for (original, redacted) in [(&clip, &picture), (&picture, &clip)] {
            let error = compare(labels, original, redacted).unwrap_err();
            assert!(error.starts_with(&says), "{error}");
        }
    }
}

#[test]
fn a_single_redacted_picture_does_not_stand_for_a_folder() {
    let (folder, _, labels) = made_clip();
    for (index, frame) in MadeClip::new().frames.iter().enumerate() {
        frame.save(folder.path().join(format!("{index:05}.png"))).unwrap();
    }
    let picture = folder.path().join("00000.png");
    let error = compare(&labels, folder.path(), &picture).unwrap_err();
    assert!(error.contains("00000.png: one frame, but 6 labels"), "{error}");
    let measured = compare(&labels[..1], folder.path(), &picture).unwrap();
    assert_eq!(measured.report().overall.leaked, 3);
}
