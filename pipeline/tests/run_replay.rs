//! `frostglass run` with a clip for a camera: at its own pace, masked where it must be, ended cleanly.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic: that is how it fails")]

mod common;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use common::{Clip, files, folder, frostglass, pan, read};
use serde_json::Value;

fn config(dir: &Path, extra: &str, emit: &str) -> std::path::PathBuf {
    let path = dir.join("camera.toml");
    let text = format!("[camera]\nsource = {:?}\n{extra}\n[hold]\ndeadline_ms = 20000\n[emit]\n{emit}\n", pan());
    std::fs::write(&path, text).unwrap();
    path
}

fn json_lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"))).collect()
}

#[test]
fn a_replayed_clip_gives_events_pictures_and_a_summary() {
    let dir = folder();
    let config = config(dir.path(), "", "jsonl = \"-\"\npictures = \"shots/\"\npictures_every = 20");
    let start = Instant::now();
    let run = frostglass().arg("run").arg("--config").arg(&config).current_dir(dir.path()).assert().success();
    // 60 frames at 25 or 30 a second: the clip's own pace.
    assert!(start.elapsed() > Duration::from_millis(1900), "{:?}", start.elapsed());
    let output = run.get_output();
    let (events, told) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let events = json_lines(&events);
    // Health comes each second, even before the networks are loaded.
    let first = events.iter().find(|event| event["type"] != "health").unwrap();
    assert_eq!(first["type"], "policy", "{events:?}");
    assert!(events.iter().any(|event| event["type"] == "health"), "{events:?}");
    let phases =
        |phase: &str| events.iter().filter(|event| event["type"] == "motion" && event["phase"] == phase).count();
    // How many there are depends on how busy the machine is; what begins has to end.
    assert_eq!(phases("start"), phases("end"), "{events:?}");
    assert!(told.contains("60 frames in") && told.contains("p95"), "{told}");
    let shots = files(&dir.path().join("shots"));
    // One of twenty frames, and those that leave masked in a row are one picture: how many do, the machine's speed decides.
    assert!((1..=3).contains(&shots.len()), "{shots:?}");
    if told.contains(", 8 wholly masked") {
        assert_eq!(shots.len(), 3, "only the start was masked: {shots:?}");
    }
    for shot in &shots {
        assert_eq!(read(&dir.path().join("shots").join(shot)).dimensions(), (640, 360), "{shot}");
    }
}

#[test]
fn a_signal_ends_it_and_what_is_open_is_finished() {
    for signal in [rustix::process::Signal::INT, rustix::process::Signal::TERM] {
        let dir = folder();
        let config = config(dir.path(), "repeat = true", "jsonl = \"events.jsonl\"\ny4m = \"out.y4m\"");
        let mut command = Command::new(assert_cmd::cargo::cargo_bin("frostglass"));
        command.arg("run").arg("--config").arg(&config).current_dir(dir.path()).stderr(Stdio::piped());
        let child = command.spawn().unwrap();
        // 60 frames of 640x360, and some of the next round.
        let enough = 75 * (640 * 360 * 3 / 2 + 6);
        let written = || std::fs::metadata(dir.path().join("out.y4m")).map_or(0, |file| file.len());
        let start = Instant::now();
        while written() < enough {
            assert!(start.elapsed() < Duration::from_secs(120), "only {} bytes were written", written());
            std::thread::sleep(Duration::from_millis(50));
        }
        rustix::process::kill_process(rustix::process::Pid::from_child(&child), signal).unwrap();
        let output = child.wait_with_output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{signal:?}: {told}");
        assert!(told.contains("frames in"), "{told}");
        let clip = Clip::parse(&std::fs::read(dir.path().join("out.y4m")).unwrap());
        assert!(clip.frames.len() > 60, "it started again at its end: {} frames", clip.frames.len());
        let events = json_lines(&std::fs::read_to_string(dir.path().join("events.jsonl")).unwrap());
        let motion = |phase: &str| events.iter().filter(|event| event["phase"] == phase).count();
        assert_eq!(motion("start"), motion("end"), "what began has ended");
    }
}

#[test]
fn a_reader_that_has_enough_ends_the_run() {
    let dir = folder();
    let config = config(dir.path(), "repeat = true", "y4m = \"-\"");
    let shell = format!(
        "{} run --config {} | head -c 400000 | wc -c",
        assert_cmd::cargo::cargo_bin("frostglass").display(),
        config.display()
    );
    let run = Command::new("timeout").args(["60", "bash", "-c", &shell]).output().unwrap();
    assert!(run.status.success());
    assert_eq!(String::from_utf8_lossy(&run.stdout).trim(), "400000");
}

#[test]
fn a_deadline_that_cannot_be_met_masks_every_frame_and_the_stream_goes_on() {
    let dir = folder();
    let path = dir.path().join("camera.toml");
    let text = format!(
        "[camera]\nsource = {:?}\n[faces]\nmodel = \"both\"\ndetail = \"fast\"\n[hold]\ndeadline_ms = 1\n[emit]\ny4m = \"-\"\n",
        pan()
    );
    std::fs::write(&path, text).unwrap();
    let run = frostglass().arg("run").arg("--config").arg(&path).assert().success();
    let clip = Clip::parse(&run.get_output().stdout);
    assert!(clip.frames.len() >= 55, "{} frames", clip.frames.len());
    let luma = clip.width * clip.height;
    let flat = |frame: &[u8]| frame[..luma].iter().all(|&sample| sample == frame[0]);
    assert!(clip.frames.iter().all(|frame| flat(frame)), "a frame that nobody looked at shows something");
}

/// Its first eight frames leave masked, which takes four seconds here; nothing but masked frames for three is a fault otherwise.
#[test]
fn that_a_slow_camera_begins_masked_is_no_fault() {
    let dir = folder();
    let clip: Vec<u8> = std::iter::once(b"YUV4MPEG2 W64 H64 F2:1 C420jpeg\n".to_vec())
        .chain(
            (0..12)
                .map(|frame| [b"FRAME\n".to_vec(), (0..64 * 96).map(|at| (at % 64 + frame) as u8).collect()].concat()),
        )
        .flatten()
        .collect();
    std::fs::write(dir.path().join("slow.y4m"), clip).unwrap();
    let path = dir.path().join("camera.toml");
    let text =
        "[camera]\nsource = \"slow.y4m\"\n[hold]\ndeadline_ms = 20000\n[emit]\ny4m = \"-\"\njsonl = \"events.jsonl\"\n";
    std::fs::write(&path, text).unwrap();
    let run = frostglass().arg("run").arg("--config").arg(&path).assert().success();
    let clip = Clip::parse(&run.get_output().stdout);
    let flat: Vec<bool> =
        clip.frames.iter().map(|frame| frame[..64 * 64].iter().all(|&luma| luma == frame[0])).collect();
    // In front of the clip stand masked frames of the front, as long as the networks load.
    assert_eq!(flat.iter().rev().take(12).filter(|&&flat| !flat).count(), 4, "{flat:?}");
    let events = json_lines(&std::fs::read_to_string(dir.path().join("events.jsonl")).unwrap());
    assert!(events.iter().all(|event| event["type"] != "fault"), "{events:?}");
}

#[test]
fn a_wish_that_is_not_served_is_refused() {
    let dir = folder();
    let path = dir.path().join("camera.toml");
    for (text, word) in [
        ("[camera]\nsource = \"/dev/video99\"\n", "video99"),
        ("[camera]\nsource = \"a.mp4\"\n[faces]\nredact = \"mosaic\"\n", "mosaic"),
        ("[camera]\nsource = \"missing.mp4\"\n", "missing.mp4"),
        ("[camera]\nsauce = \"a.mp4\"\n", "sauce"),
    ] {
        std::fs::write(&path, text).unwrap();
        let run = frostglass().arg("run").arg("--config").arg(&path).assert().failure();
        let told = String::from_utf8_lossy(&run.get_output().stderr).into_owned();
        assert!(told.contains(word), "{text}: {told}");
    }
}

/// A bright square, which no network knows, comes into a scene that has stood still for three seconds.
#[test]
fn where_all_that_moves_is_hidden_nothing_that_moves_is_ever_seen() {
    const BRIGHT: u8 = 230;
    let (width, height) = (160usize, 120usize);
    let frame = |number: usize| {
        let mut luma: Vec<u8> = (0..width * height)
            .map(|at| {
                let (x, y) = (at % width, at / width);
                (70 + (x * 7 + y * 3) % 50 + (x * y + number) % 2) as u8
            })
            .collect();
        if let Some(moved) = number.checked_sub(45) {
            for row in 40..72 {
                luma[row * width..][..width][2 * moved..2 * moved + 24].fill(BRIGHT);
            }
        }
        [b"FRAME\n".to_vec(), luma, vec![128; width * height / 2]].concat()
    };
    let clip = [b"YUV4MPEG2 W160 H120 F15:1 C420jpeg\n".to_vec()].into_iter().chain((0..100).map(frame));
    let dir = folder();
    std::fs::write(dir.path().join("scene.y4m"), clip.flatten().collect::<Vec<u8>>()).unwrap();
    let run = |moving: &str| {
        let path = dir.path().join("camera.toml");
        let text = format!(
            "[camera]\nsource = \"scene.y4m\"\n[faces]\ndetail = \"fast\"\n{moving}\n[hold]\ndeadline_ms = 20000\n\
             [emit]\ny4m = \"-\"\n"
        );
        std::fs::write(&path, text).unwrap();
        let run = frostglass().arg("run").arg("--config").arg(&path).assert().success();
        let clip = Clip::parse(&run.get_output().stdout);
        let lumas: Vec<Vec<u8>> = clip.frames.into_iter().map(|frame| frame[..width * height].to_vec()).collect();
        // The square's own pixels, but for the masks' blur around it.
        let seen = lumas.iter().filter(|luma| luma.iter().any(|&luma| luma > 200)).count();
        let parts = lumas.iter().rev().take(50).filter(|luma| luma.iter().any(|sample| *sample != luma[0])).count();
        (seen, parts)
    };
    // A busy machine looks at few frames, and the rest are masked, of which nothing can be learnt: it is tried again.
    let until = |enough: usize, turn: &dyn Fn() -> usize, what: &str| {
        let mut turns = Vec::new();
        while turns.last().is_none_or(|&had| had < enough) {
            assert!(turns.len() < 4, "{what}: {turns:?}");
            turns.push(turn());
        }
    };
    until(30, &|| run("").0, "without it the square is seen");
    let hidden = || {
        let (seen, parts) = run("[moving]\nredact = true");
        assert_eq!(seen, 0, "frames show a part of what moves");
        parts
    };
    until(20, &hidden, "and of 50 frames the rest of the scene is still seen");
}
