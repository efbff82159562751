//! `leak` on clips: laws, and what becomes of clips and labels that do not fit.
#![allow(clippy::unwrap_used, reason = "a test may panic: that is how it fails")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::{FRAMES, MadeClip, fixtures, y4m};
use frostglass_calibration::labels;
use frostglass_calibration::leak::{Exhibit, Measured, Settings, WorstLeaks, contact_sheet, measure};
use image::RgbImage;

/// A folder with labels, the original clip and a redacted one.
struct Case {
    folder: tempfile::TempDir,
}

impl Case {
    fn new(clip: &MadeClip, redacted: &[RgbImage]) -> Self {
        let case = Self { folder: tempfile::tempdir().unwrap() };
        case.write("gt.jsonl", clip.labels.as_bytes());
        case.write("original.y4m", &y4m(&clip.frames));
        case.write("redacted.y4m", &y4m(redacted));
        case
    }

    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let file = self.path(name);
        fs::write(&file, bytes).unwrap();
        file
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn measure(&self, original: &str, redacted: &str) -> Result<Measured, String> {
        self.measure_and_keep(original, redacted, 24).map(|(measured, _)| measured)
    }

    fn measure_and_keep(
        &self,
        original: &str,
        redacted: &str,
        most: usize,
    ) -> Result<(Measured, Vec<Exhibit>), String> {
        let labels = labels::read(&[self.path("gt.jsonl")]).map_err(|error| error.to_string())?;
        let worst = WorstLeaks::new(most);
        let (original, redacted) = (self.path(original), self.path(redacted));
        let measured = measure(&labels, &original, &redacted, Settings::default(), Some(&worst), &|| {});
        Ok((measured.map_err(|error| error.to_string())?, worst.into_exhibits()))
    }

    fn whole(&self) -> Measured {
        self.measure("original.y4m", "redacted.y4m").unwrap()
    }
}

fn save(frames: &[RgbImage], folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    for (index, frame) in frames.iter().enumerate() {
        frame.save(folder.join(format!("{index:05}.png"))).unwrap();
    }
}

#[test]
fn an_untouched_clip_leaks_every_face_and_every_track() {
    let clip = MadeClip::new();
    let report = Case::new(&clip, &clip.frames).whole().report();
    assert_eq!((report.overall.n, report.overall.leaked), (3 * FRAMES, 3 * FRAMES));
    assert_eq!(report.overall.leaked_per_10000, Some(10_000.0));
    let tracks = report.tracks.unwrap();
    assert_eq!((tracks.n, tracks.with_any_leaked_frame, tracks.longest_leak_run_frames), (3, 3, FRAMES));
    assert_eq!(report.over_redaction.unwrap().share_of_non_target_pixels, 0.0);
}

#[test]
fn a_clip_that_is_redacted_wholly_leaks_nothing() {
    let clip = MadeClip::new();
    let black = vec![RgbImage::new(180, 120); FRAMES];
    let case = Case::new(&clip, &black);
    let (measured, exhibits) = case.measure_and_keep("original.y4m", "redacted.y4m", 24).unwrap();
    let report = measured.report();
    assert_eq!((report.overall.n, report.overall.leaked), (3 * FRAMES, 0));
    let tracks = report.tracks.unwrap();
    assert_eq!((tracks.n, tracks.with_any_leaked_frame, tracks.longest_leak_run_frames), (3, 0, 0));
    assert!(tracks.ci95[1] > 0.3, "three tracks prove little: {:?}", tracks.ci95);
    let overall = report.overall.leak_interval.unwrap();
    assert_eq!([overall.low, overall.high], tracks.ci95, "of 18 faces in three tracks, three cases");
    let text = measured.report().to_string();
    assert!(text.contains("faces, 0 leak (95 %: 0 – 5615)") && text.contains("0.0 – 56.2"), "{text}");
    assert!(!text.contains("drawn by bootstrap"), "{text}");
    assert!(exhibits.is_empty());
    assert!(contact_sheet(&measured, &exhibits).pixels().any(|pixel| pixel.0[0] > 200), "it says that nothing leaked");
}

#[test]
fn one_clear_frame_makes_a_leaked_track() {
    let clip = MadeClip::new();
    let case = Case::new(&clip, &clip.redacted(|frame, track| (frame, track) != (3, 1)));
    let (measured, exhibits) = case.measure_and_keep("original.y4m", "redacted.y4m", 24).unwrap();
    let report = measured.report();
    assert_eq!((report.overall.n, report.overall.leaked), (3 * FRAMES, 1));
    assert!((report.overall.leaked_per_10000.unwrap() - 10_000.0 / 18.0).abs() < 1e-9);
    let tracks = report.tracks.as_ref().unwrap();
    assert_eq!((tracks.with_any_leaked_frame, tracks.longest_leak_run_frames), (1, 1));
    assert_eq!((tracks.at_least_16.n, tracks.at_least_16.with_any_leaked_frame), (3, 1));
    assert_eq!(tracks.by_height[0].1.n, 0);
    assert_eq!(tracks.by_height.iter().map(|(_, group)| group.with_any_leaked_frame).sum::<usize>(), 1);
    let dark = &report.by_attr["light"]["dark"];
    assert_eq!((dark.n, dark.leaked, report.by_attr["light"]["bright"].leaked), (FRAMES, 1, 0));
    assert_eq!((report.by_attr["pose"]["1"].leaked, report.by_attr["pose"]["0"].leaked), (1, 0));
    assert_eq!(exhibits.len(), 1);
    assert_eq!((exhibits[0].order, exhibits[0].index, exhibits[0].image.as_str()), (3, 1, "00003.png"));
    let text = report.to_string();
    assert!(text.contains("of 10,000 faces, 556 leak"), "{text}");
    assert!(text.contains("each track a case; drawn by bootstrap: 0.0 – 100.0 %)"), "{text}");
    assert!(text.contains("light = dark"), "{text}");
}

#[test]
fn a_clip_measures_what_the_folder_of_its_frames_does() {
    let clip = MadeClip::new();
    let redacted = clip.redacted(|frame, track| (frame + track) % 3 != 0);
    let case = Case::new(&clip, &redacted);
    save(&clip.frames, &case.path("frames"));
    save(&redacted, &case.path("hidden"));
    let counts = |original, redacted| {
        let report = case.measure(original, redacted).unwrap().report();
        (report.images, report.overall.n, report.overall.leaked, report.overall.missed, report.suppressed_frames)
    };
    let expected = (FRAMES, 3 * FRAMES, FRAMES, FRAMES, 0);
    for original in ["original.y4m", "frames"] {
        for redacted in ["redacted.y4m", "hidden"] {
            assert_eq!(counts(original, redacted), expected, "{original} and {redacted}");
        }
    }
}

#[test]
fn frames_that_the_redacted_clip_lacks_at_its_end_are_counted_and_told() {
    let clip = MadeClip::new();
    let report = Case::new(&clip, &clip.frames[..4]).whole().report();
    assert_eq!((report.images, report.ended_early, report.suppressed_frames), (FRAMES, 2, 2));
    assert_eq!((report.overall.n, report.overall.leaked), (3 * FRAMES, 12));
    assert!(report.to_string().contains("ends 2 frames before the labels do"), "{report}");
    assert_eq!(serde_json::to_value(&report).unwrap()["ended_early"], 2);
}

#[test]
fn labels_and_clips_that_do_not_fit_are_refused() {
    let clip = MadeClip::new();
    let case = Case::new(&clip, &clip.frames);
    let lines: Vec<&str> = clip.labels.lines().collect();
    let says = |labels: &str, original: &str, redacted: &str| {
        case.write("gt.jsonl", labels.as_bytes());
        case.measure(original, redacted).unwrap_err()
    };
    let (few, many) = (lines[..5].join("\n"), format!("{}\n{}", clip.labels, lines[5]));
    let error = says(&few, "original.y4m", "redacted.y4m");
    assert!(error.contains("original.y4m: more than 5 frames, but 5 labels"), "{error}");
    let error = says(&many, "original.y4m", "redacted.y4m");
    assert!(error.contains("original.y4m: 6 frames, but 7 labels"), "{error}");

    save(&clip.frames, &case.path("frames"));
    let error = says(&few, "frames", "redacted.y4m");
    assert!(error.contains("redacted.y4m: more than 5 frames, but 5 labels"), "{error}");

    let other_size = clip.labels.replace("\"width\":180", "\"width\":640");
    let error = says(&other_size, "original.y4m", "redacted.y4m");
    assert!(error.contains("gt.jsonl:1: labelled as 640×120, but ") && error.contains("180×120"), "{error}");

    case.write("letter.mp4", b"Dear reader");
    let error = says(&clip.labels, "letter.mp4", "redacted.y4m");
    assert!(error.contains("letter.mp4: neither a picture nor a clip"), "{error}");
    let error = says(&clip.labels, "original.y4m", "nowhere.mp4");
    assert!(error.contains("nowhere.mp4: no such file or folder; the redacted pictures"), "{error}");
}

#[test]
fn a_clip_that_is_cut_is_an_error_and_never_a_verdict() {
    let clip = MadeClip::new();
    let case = Case::new(&clip, &clip.frames);
    let whole = y4m(&clip.frames);
    case.write("cut.y4m", &whole[..whole.len() - 100]);
    for (original, redacted) in [("cut.y4m", "redacted.y4m"), ("original.y4m", "cut.y4m")] {
        let error = case.measure(original, redacted).unwrap_err();
        assert!(error.contains("cut.y4m: the file ends too early"), "{error}");
    }
}

#[test]
fn a_clip_with_the_labels_of_several_is_refused() {
    let clip = MadeClip::new();
    let case = Case::new(&clip, &clip.frames);
    let second = case.write("more.jsonl", clip.labels.as_bytes());
    let labels = labels::read(&[case.path("gt.jsonl"), second]).unwrap();
    let (original, redacted) = (case.path("original.y4m"), case.path("redacted.y4m"));
    let error = measure(&labels, &original, &redacted, Settings::default(), None, &|| {}).unwrap_err();
    assert!(error.to_string().contains("the labels are in 2 files: measure clip by clip"), "{error}");
}

#[test]
fn one_picture_is_measured_like_a_folder_of_one() {
    let labels = common::labels();
    let picture = fixtures().join("solvay.jpg");
    let black = common::redacted("black").join("solvay.png");
    let leaked = |redacted: &Path| {
        let measured = measure(&labels, &picture, redacted, Settings::default(), None, &|| {}).unwrap();
        (measured.report().overall.n, measured.report().overall.leaked)
    };
    assert_eq!(leaked(&picture), (3, 3));
    assert_eq!(leaked(&black), (3, 0));
    let two = [labels[0].clone(), labels[0].clone()];
    let error = measure(&two, &picture, &picture, Settings::default(), None, &|| {}).unwrap_err();
    assert!(error.to_string().contains("solvay.jpg: one frame, but 2 labels"), "{error}");
}

#[test]
fn a_clip_without_faces_leaks_nothing_and_it_is_said() {
    let clip = MadeClip::new();
    let case = Case::new(&clip, &clip.frames);
    let line = |frame: usize| format!(r#"{{"image":"{frame}.png","width":180,"height":120,"faces":[]}}"#);
    let lines: Vec<String> = (0..FRAMES).map(line).collect();
    case.write("gt.jsonl", lines.join("\n").as_bytes());
    let report = case.whole().report();
    assert_eq!((report.overall.n, report.overall.leak_rate, report.overall.leaked_per_10000), (0, None, None));
    assert!(report.tracks.is_none());
    assert!(report.to_string().contains("no faces are labelled in these pictures"), "{report}");
}

#[test]
fn a_thousand_tracks_are_told_apart() {
    let texture = |x: u32, y: u32| image::Rgb([((x * 89 + y * 157 + x * y * 31) % 256) as u8; 3]);
    let frame = RgbImage::from_fn(400, 250, texture);
    let at = |track: u32| (track % 40 * 10, track / 40 * 10);
    let face = |track: u32| {
        let (x, y) = at(track);
        format!(r#"{{"x":{x},"y":{y},"w":10,"h":10,"track":"t{track}"}}"#)
    };
    let faces: Vec<String> = (0..1000).map(face).collect();
    let line = |frame: u32| format!(r#"{{"image":"{frame}.png","faces":[{}]}}"#, faces.join(","));
    // The second frame shows the first ten again.
    let hidden = |shown: u32| {
        let mut hidden = RgbImage::new(400, 250);
        for track in 0..shown {
            let (x, y) = at(track);
            image::imageops::replace(
                &mut hidden,
                &image::imageops::crop_imm(&frame, x, y, 10, 10).to_image(),
                i64::from(x),
                i64::from(y),
            );
        }
        hidden
    };
    let clip = MadeClip { frames: vec![frame.clone(), frame.clone()], labels: format!("{}\n{}", line(0), line(1)) };
    let case = Case::new(&clip, &[hidden(0), hidden(10)]);
    let (measured, exhibits) = case.measure_and_keep("original.y4m", "redacted.y4m", 4).unwrap();
    let report = measured.report();
    let tracks = report.tracks.unwrap();
    assert_eq!((tracks.n, tracks.with_any_leaked_frame, tracks.longest_leak_run_frames), (1000, 10, 1));
    assert!(tracks.ci95[0] > 0.005 && tracks.ci95[1] < 0.02, "{:?}", tracks.ci95);
    assert_eq!((tracks.by_height[0].1.n, tracks.at_least_16.n), (1000, 0));
    assert_eq!(exhibits.len(), 4, "no more than asked for");
}

#[test]
fn the_worst_frame_of_each_track_is_shown_and_the_worst_track_first() {
    let clip = MadeClip::new();
    let case = Case::new(&clip, &clip.redacted(|frame, track| frame != 2 && track == 0));
    let keep = |most| case.measure_and_keep("original.y4m", "redacted.y4m", most).unwrap();
    let (measured, all) = keep(24);
    assert_eq!(all.len(), 3, "one a track, of {} leaks", measured.report().overall.leaked);
    let left: Vec<f64> = all.iter().map(|shown| (1.0 - shown.redacted.of_box) * shown.target.h).collect();
    assert!(left.is_sorted_by(|a, b| a >= b), "{left:?}");
    let of_track_0 = all.iter().find(|shown| shown.index == 0).unwrap();
    assert_eq!(of_track_0.order, 2, "the only frame in which it leaks");
    let names = |shown: &[Exhibit]| shown.iter().map(|shown| (shown.order, shown.index)).collect::<Vec<_>>();
    for _ in 0..3 {
        let (_, two) = keep(2);
        assert_eq!(names(&two), names(&all)[..2], "whichever thread came first");
    }
    let sheet = contact_sheet(&measured, &all);
    assert!(sheet.width() > 800 && sheet.height() < 250, "{}×{}", sheet.width(), sheet.height());
}
