//! `frostglass-calibrate motion`, as a user meets it.
#![allow(clippy::unwrap_used, reason = "a test may panic: that is how it fails")]

use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;

const SIZE: (usize, usize) = (160, 96);
const FPS: usize = 10;

/// A wall with texture, before which a dark box comes in at 3 s, crosses it, and is gone at 5 s; as Y4M.
fn clip(frames: usize) -> Vec<u8> {
    let mut bytes = format!("YUV4MPEG2 W{} H{} F{FPS}:1 C420jpeg\n", SIZE.0, SIZE.1).into_bytes();
    for frame in 0..frames {
        bytes.extend_from_slice(b"FRAME\n");
        let left = (frame as i64 - 3 * FPS as i64) * 8;
        for (x, y) in (0..SIZE.1).flat_map(|y| (0..SIZE.0).map(move |x| (x, y))) {
            let in_box = (left..left + 24).contains(&(x as i64)) && left >= 0 && (30..80).contains(&y);
            // A little noise, as of a sensor.
            let noise = (x * 31 + y * 17 + frame * 7919) % 3;
            let wall = 110 + (x / 8 + y / 8) % 2 * 30 + noise;
            bytes.push(if in_box { 25 } else { u8::try_from(wall).unwrap() });
        }
        bytes.extend(std::iter::repeat_n(128, SIZE.0 * SIZE.1 / 2));
    }
    bytes
}

fn folder_with(name: &str, bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    (folder, path)
}

fn motion(clip: &Path, more: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_frostglass-calibrate"));
    let output = command.arg("motion").arg(clip).args(more).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// Sensitivity, start, end and what of each line.
fn rows(table: &str) -> Vec<Vec<&str>> {
    table.lines().skip(2).map(|line| line.split_whitespace().take(4).collect()).collect()
}

#[test]
fn each_sensitivity_has_its_events_and_its_curve() {
    let (folder, clip) = folder_with("walk.y4m", &clip(12 * FPS));
    let svg = folder.path().join("walk.svg");
    let (code, out, error) = motion(&clip, &["--without-persons", "--svg", svg.to_str().unwrap()]);
    assert_eq!((code, error.as_str()), (0, ""), "{out}");
    assert!(out.contains("walk.y4m: 120 frames, 11.9 s; persons not looked for\n"), "{out}");
    let rows = rows(&out);
    let sensitivities: Vec<&str> = rows.iter().map(|row| row[0]).collect();
    assert_eq!(sensitivities, ["0.1", "0.3", "0.5", "0.7", "0.9"], "one event each: {out}");
    for row in rows {
        let (start, end): (f32, f32) = (row[1].parse().unwrap(), row[2].parse().unwrap());
        assert!((3.0..4.0).contains(&start) && (9.0..11.9).contains(&end) && row[3] == "motion", "{out}");
    }
    let picture = fs::read_to_string(svg).unwrap();
    assert!(picture.starts_with("<svg") && picture.trim_end().ends_with("</svg>"));
    for sensitivity in ["0.1", "0.3", "0.5", "0.7", "0.9"] {
        assert!(picture.contains(&format!("sensitivity {sensitivity}: 1 event")), "{sensitivity}");
    }
    assert!(picture.matches("<polyline").count() >= 5, "a curve each");
}

#[test]
fn one_sensitivity_and_the_zones_of_a_config_can_be_asked_for() {
    let (folder, clip) = folder_with("walk.y4m", &clip(12 * FPS));
    let config = folder.path().join("camera.toml");
    let zone = |name: &str, rule: &str, left: f32, right: f32| {
        format!(
            "[[zone]]\nname = \"{name}\"\nrule = \"{rule}\"\noutline = [[{left}, 0.0], [{right}, 0.0], [{right}, 1.0], [{left}, 1.0]]\n"
        )
    };
    let cases = [
        (zone("porch", "watch", 0.3, 0.6), "motion", "porch"),
        (zone("street", "ignore", 0.0, 1.0), "no", ""),
        (zone("window", "hide", 0.0, 1.0), "no", ""),
    ];
    for (text, what, told) in cases {
        fs::write(&config, &text).unwrap();
        let more = ["--sensitivity", "0.4", "--without-persons", "--config", config.to_str().unwrap()];
        let (code, out, error) = motion(&clip, &more);
        assert_eq!((code, error.as_str()), (0, ""), "{text}");
        let rows = rows(&out);
        assert_eq!((rows.len(), rows[0][0], rows[0][3]), (1, "0.4", what), "{text}{out}");
        assert!(out.contains(told), "{text}{out}");
    }
}

#[test]
fn persons_are_looked_for_unless_it_is_said_otherwise() {
    let pan = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/media/solvay_pan.mp4");
    let (code, out, error) = motion(&pan, &["--sensitivity", "0.5"]);
    assert_eq!((code, error.as_str()), (0, ""));
    assert!(out.contains("solvay_pan.mp4: 60 frames, 3.9 s\n"), "{out}");
    assert!(rows(&out).len() == 1, "a camera that pans is one event at most: {out}");
}

#[test]
fn what_can_not_be_replayed_ends_with_1_and_says_why() {
    let still = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/media/solvay.jpg");
    let (_one, one) = folder_with("one.y4m", &clip(1));
    let (_none, none) = folder_with("none.y4m", &clip(0));
    let (_junk, junk) = folder_with("junk.mp4", b"this is no clip, whatever its name says");
    let cases = [
        (Path::new("nowhere.mp4"), "nowhere.mp4: "),
        (still.as_path(), "solvay.jpg: one picture: motion is seen between frames"),
        (one.as_path(), "one.y4m: 1 whole frames: motion is seen between frames, and there must be two at least"),
        (none.as_path(), "none.y4m: "),
        (junk.as_path(), "junk.mp4: "),
    ];
    for (clip, says) in cases {
        let (code, out, error) = motion(clip, &["--without-persons"]);
        assert_eq!((code, out.as_str()), (1, ""), "{}: {error}", clip.display());
        assert!(error.starts_with("frostglass-calibrate: ") && error.contains(says), "{error}");
    }
}

#[test]
fn a_clip_that_breaks_off_shows_what_was_whole_and_ends_with_1() {
    let mut bytes = clip(6 * FPS);
    bytes.truncate(bytes.len() - 1000);
    let (_folder, cut) = folder_with("cut.y4m", &bytes);
    let (code, out, error) = motion(&cut, &["--without-persons", "--sensitivity", "0.5"]);
    assert_eq!(code, 1, "{error}");
    assert!(out.contains("cut.y4m: 59 frames, 5.8 s") && rows(&out)[0][3] == "motion", "{out}");
    assert!(error.contains("59 frames were whole, and are shown: ") && error.contains("cut.y4m"), "{error}");
}

/// With another rate than the clip's own, all times of the table would be off.
#[test]
fn a_rate_is_taken_where_none_is_stated_and_refused_elsewhere() {
    let (_folder, y4m) = folder_with("walk.y4m", &clip(12 * FPS));
    let mp4 = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/media/solvay_pan.mp4");
    for (clip, name) in [(&y4m, "walk.y4m"), (&mp4, "solvay_pan.mp4")] {
        let (code, out, error) = motion(clip, &["--without-persons", "--fps", "5"]);
        assert_eq!((code, out.as_str()), (1, ""), "{error}");
        let says = format!("{name}: 5 frames in 1 s are asked for, but this clip's frames have times of their own");
        assert!(error.contains(&says), "{error}");
    }
    let picture = |frame: u8| {
        let mut jpeg = std::io::Cursor::new(Vec::new());
        let wall = image::RgbImage::from_fn(96, 64, |x, y| image::Rgb([(x * y) as u8 % 97 + frame; 3]));
        wall.write_to(&mut jpeg, image::ImageFormat::Jpeg).unwrap();
        jpeg.into_inner()
    };
    let (_stream, stream) = folder_with("walk.mjpeg", &(0..6).flat_map(picture).collect::<Vec<u8>>());
    let (folder, _) = folder_with("0.jpg", &picture(0));
    (1..6).for_each(|frame| fs::write(folder.path().join(format!("{frame}.jpg")), picture(frame)).unwrap());
    for clip in [stream.as_path(), folder.path()] {
        for (fps, seconds) in [("5", "1.0 s"), ("2", "2.5 s")] {
            let (code, out, error) = motion(clip, &["--without-persons", "--fps", fps]);
            assert_eq!(code, 0, "{error}");
            assert!(out.contains(&format!(": 6 frames, {seconds}")), "{out}");
        }
    }
}

#[test]
fn wrong_use_ends_with_2_and_a_faulty_config_with_1() {
    let (folder, clip) = folder_with("walk.y4m", &clip(3));
    for more in [&["--sensitivity", "2"][..], &["--sensitivity", "NaN"], &["--fps", "0"]] {
        let (code, _, error) = motion(&clip, more);
        assert_eq!(code, 2, "{more:?}: {error}");
    }
    let config = folder.path().join("bad.toml");
    fs::write(&config, "[events]\ncooldown_s = -3\n").unwrap();
    let (code, out, error) = motion(&clip, &["--config", config.to_str().unwrap()]);
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(error.contains("cooldown_s"), "{error}");
}
