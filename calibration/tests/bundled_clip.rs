//! What the README says of the bundled clip, measured again: redacted as `frostglass redact` does by default, no track leaks.
#![allow(clippy::unwrap_used, reason = "a test may panic: that is how it fails")]

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use clap::Parser;
use frostglass::commands::{Args, Done, carry_out};
use frostglass_calibration::labels;
use frostglass_calibration::leak::{Report, Settings, measure};

fn media(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/media").join(name)
}

fn leak_of(redacted: &Path) -> Report {
    let labels = labels::read(&[media("solvay_pan.jsonl")]).unwrap();
    measure(&labels, &media("solvay_pan.mp4"), redacted, Settings::default(), None, &|| {}).unwrap().report()
}

/// The whole program in this process: decoder, networks, tracks, hold, redactor, hatch. Its walls would close the labels off for
/// this test, too.
fn redact(clip: &Path, output: &Path) {
    let program = ["frostglass", "redact", "--without-sandbox", "-o"].map(OsStr::new);
    let arguments = program.into_iter().chain([output.as_ref(), clip.as_ref()]);
    assert_eq!(carry_out(Args::try_parse_from(arguments).unwrap()).unwrap(), Done::Whole);
}

/// All 60 frames: tracks are lost and found again in the middle of the pan.
#[test]
fn no_track_of_the_bundled_clip_leaks_by_default_and_most_of_the_picture_stays() {
    let folder = tempfile::tempdir().unwrap();
    // Uncompressed: what an encoder changes would count as hidden, or as painted.
    let redacted = folder.path().join("redacted.y4m");
    redact(&media("solvay_pan.mp4"), &redacted);
    let report = leak_of(&redacted);
    assert_eq!((report.images, report.suppressed_frames, report.undecidable), (60, 0, 0), "{report}");
    assert_eq!((report.overall.n, report.overall.leaked), (1168, 0), "{report}");
    let tracks = report.tracks.as_ref().unwrap();
    assert_eq!((tracks.n, tracks.with_any_leaked_frame), (29, 0), "{report}");
    // A program that paints over everything leaks nothing either.
    let painted = report.over_redaction.as_ref().unwrap().share_of_non_target_pixels;
    assert!(painted < 0.14, "{painted} of what is no face was painted\n{report}");
}

/// The same measure of the clip as it is, or the test above would show nothing.
#[test]
fn every_track_of_the_bundled_clip_leaks_when_it_is_not_redacted() {
    let report = leak_of(&media("solvay_pan.mp4"));
    let tracks = report.tracks.as_ref().unwrap();
    assert_eq!((report.overall.leaked, tracks.with_any_leaked_frame), (1168, 29), "{report}");
}
