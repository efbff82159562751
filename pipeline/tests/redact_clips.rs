//! `frostglass redact` on clips: nearly all frames are inspected, faces are gone, the background is as it was.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic: that is how it fails")]

mod common;

use frostglass::capture::{MovingSource, OpenOptions, Opened, Source, open};
use frostglass_vault::{Pool, Stamp, Zones};

use common::{Clip, Face, example, folder, frostglass, labels, pan};

/// Luma of one frame of a clip, as a picture.
struct Luma<'a>(&'a Clip, usize);

impl Luma<'_> {
    fn at(&self, x: usize, y: usize) -> u8 {
        self.0.frames[self.1][y * self.0.width + x]
    }

    fn difference(&self, other: &Self, [x, y, w, h]: Face) -> f32 {
        let (left, top) = (x.max(0.0) as usize, y.max(0.0) as usize);
        let (right, bottom) = (((x + w) as usize).min(self.0.width), ((y + h) as usize).min(self.0.height));
        let pixels = || (top..bottom).flat_map(|y| (left..right).map(move |x| (x, y)));
        let sum: f32 = pixels().map(|(x, y)| f32::from(self.at(x, y).abs_diff(other.at(x, y)))).sum();
        sum / pixels().count().max(1) as f32
    }

    fn untouched(&self, other: &Self, faces: &[Face]) -> f32 {
        let near = |x: usize, y: usize| {
            let (x, y) = (x as f32, y as f32);
            let inside = |[l, t, w, h]: &Face| x > l - w && x < l + 2.0 * w && y > t - h && y < t + 2.0 * h;
            faces.iter().any(inside)
        };
        let (mut same, mut count) = (0u32, 0u32);
        for y in 0..self.0.height {
            for x in (0..self.0.width).filter(|&x| !near(x, y)) {
                same += u32::from(self.at(x, y) == other.at(x, y));
                count += 1;
            }
        }
        if count == 0 { 1.0 } else { same as f32 / count as f32 }
    }
}

/// The bundled clip as our decoder gives it, frame for frame.
fn decoded() -> Clip {
    let Opened::Moving(MovingSource { mut source, .. }) = open(&pan(), &OpenOptions::default()).unwrap() else {
        panic!("the bundled clip is no clip");
    };
    let (format, pool) = (source.format(), Pool::new(source.format(), 1));
    let mut frames = Vec::new();
    loop {
        let mut blank = pool.blank().unwrap();
        let Some(time) = source.read(&mut blank).unwrap() else { break };
        let look = blank.expose(Stamp { sequence: 0, time }, &Zones::none()).lend();
        frames.push([0, 1, 2].map(|plane| look.picture().plane(plane).bytes.to_vec()).concat());
    }
    Clip { width: format.size.width as usize, height: format.size.height as usize, frames }
}

#[test]
fn the_bundled_clip_loses_its_faces_and_keeps_its_background() {
    let dir = folder();
    let before = decoded();
    let output = dir.path().join("redacted.y4m");
    let run = frostglass().arg("redact").arg(pan()).arg("-o").arg(&output).assert().success();
    let told = String::from_utf8_lossy(&run.get_output().stderr).into_owned();
    assert!(told.contains("60 frames") && !told.contains("wholly masked"), "{told}");
    let after = Clip::parse(&std::fs::read(output).unwrap());
    let labels = labels(&example("media/solvay_pan.jsonl"));
    assert_eq!((before.frames.len(), after.frames.len(), labels.len()), (60, 60, 60));

    let (mut faces, mut clear) = (0, 0);
    for (number, boxes) in labels.iter().enumerate() {
        let (before, after) = (Luma(&before, number), Luma(&after, number));
        for face in boxes.iter().filter(|[.., h]| *h >= 20.0) {
            faces += 1;
            clear += u32::from(before.difference(&after, *face) < 3.0);
        }
        let same = before.untouched(&after, boxes);
        assert!(same > 0.8, "frame {number}: only {same} of the background is as it was");
    }
    assert!(faces > 500, "{faces} labelled faces");
    assert!(clear * 20 <= faces, "{clear} of {faces} faces are clear");
}

#[test]
fn a_clip_becomes_an_mp4_that_opens_again_with_all_its_frames() {
    let dir = folder();
    let (first, second) = (dir.path().join("first.mp4"), dir.path().join("second.y4m"));
    frostglass().arg("redact").arg(pan()).arg("-o").arg(&first).assert().success();
    frostglass().arg("redact").arg(&first).arg("-o").arg(&second).assert().success();
    let clip = Clip::parse(&std::fs::read(second).unwrap());
    assert_eq!((clip.width, clip.height, clip.frames.len()), (640, 360, 60));
}

#[test]
fn a_name_that_promises_another_container_is_told() {
    let dir = folder();
    std::fs::write(dir.path().join("in.y4m"), Clip::moving(64, 48, 3).bytes()).unwrap();
    let run = frostglass().args(["redact", "in.y4m", "-o", "out.avi"]).current_dir(dir.path()).assert().success();
    let told = String::from_utf8_lossy(&run.get_output().stderr).into_owned();
    assert!(told.contains("out.avi: written as MP4"), "{told}");
}

#[test]
fn y4m_goes_through_standard_input_and_output() {
    let clip = Clip::moving(162, 90, 12);
    let run = frostglass().args(["redact", "-", "-o", "-"]).write_stdin(clip.bytes()).assert().success();
    let out = Clip::parse(&run.get_output().stdout);
    // There is nobody in it, so that each frame is as it was.
    assert!(out == clip, "{} frames of {}x{}", out.frames.len(), out.width, out.height);
}

/// Somebody walks through a still scene: one event that begins and ends, with the zone's name.
#[test]
fn motion_in_a_clip_becomes_an_event() {
    let (width, height) = (320, 180);
    let mut clip = Clip::moving(width, height, 1);
    let still = clip.frames[0].clone();
    clip.frames = (0..200)
        .map(|number: usize| {
            let mut frame = still.clone();
            if (60..110).contains(&number) {
                let left = (number - 60) * 5;
                for y in 60..140 {
                    frame[y * width + left..y * width + left + 30].fill(if number.is_multiple_of(2) {
                        230
                    } else {
                        235
                    });
                }
            }
            frame
        })
        .collect();
    let dir = folder();
    let config = dir.path().join("watch.toml");
    let zone = "[[zone]]\nname = \"path\"\nrule = \"watch\"\noutline = [[0, 0], [1, 0], [1, 1], [0, 1]]\n";
    std::fs::write(&config, format!("{zone}[faces]\ndetail = \"fast\"\n[events]\ncooldown_s = 1\n")).unwrap();
    let mut command = frostglass();
    command
        .args(["redact", "-", "-o"])
        .arg(dir.path().join("out.y4m"))
        .args(["--events", "-", "--config"])
        .arg(&config);
    let run = command.write_stdin(clip.bytes()).assert().success();
    let text = String::from_utf8_lossy(&run.get_output().stdout).into_owned();
    let events: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let phases: Vec<_> = events.iter().map(|event| event["phase"].as_str().unwrap()).collect();
    assert_eq!((phases.first(), phases.last()), (Some(&"start"), Some(&"end")), "{text}");
    assert_eq!(phases.iter().filter(|phase| **phase == "start").count(), 1, "{text}");
    assert!(events.iter().all(|event| event["zones"][0] == "path" && event["id"] == events[0]["id"]), "{text}");
    let begun = events[0]["frame"].as_u64().unwrap();
    assert!((60..80).contains(&begun), "it began at frame {begun}");
}

#[test]
fn odd_sizes_go_through() {
    let dir = folder();
    for (width, height) in [(33, 17), (1, 1), (640, 3)] {
        let input = dir.path().join("in.y4m");
        std::fs::write(&input, Clip::moving(width, height, 3).bytes()).unwrap();
        let output = dir.path().join("out.y4m");
        frostglass().arg("redact").arg("--force").arg(&input).arg("-o").arg(&output).assert().success();
        let out = Clip::parse(&std::fs::read(&output).unwrap());
        assert_eq!((out.width, out.height, out.frames.len()), (width, height, 3));
    }
}
