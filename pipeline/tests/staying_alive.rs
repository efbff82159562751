//! `frostglass run` for weeks: what the system, a camera or a terminal can do to it, and what leaves meanwhile.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic: that is how it fails")]

mod common;
#[path = "common/running.rs"]
mod running;

use std::fs;
use std::io::Write;
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::process::Command;

use common::{Clip, folder, have, pan};
use running::{Running, wait_for};
use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};

fn config(emit: &str) -> String {
    format!("[camera]\nsource = {:?}\nrepeat = true\n[hold]\ndeadline_ms = 5000\n[emit]\n{emit}\n", pan())
}

fn kill(process: u32, signal: Signal) {
    kill_process(Pid::from_raw(process as i32).unwrap(), signal).unwrap();
}

/// A decoder that gives ten frames and then nothing: the process that reads it says each half second that it lives.
#[test]
fn a_pixel_process_that_lives_and_does_nothing_is_killed_and_replaced() {
    let dir = folder();
    fs::write(dir.path().join("clip.avi"), b"RIFF\0\x10\0\0AVI LIST\0\0\0\0hdrl").unwrap();
    fs::write(dir.path().join("clip.y4m"), Clip::moving(64, 48, 10).bytes()).unwrap();
    let decoder = dir.path().join("ffmpeg");
    fs::write(&decoder, "#!/bin/sh\ncat clip.y4m\nwhile kill -0 $PPID; do sleep 1; done 2>/dev/null\n").unwrap();
    fs::set_permissions(&decoder, fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", dir.path().display(), std::env::var("PATH").unwrap());
    let text = "[camera]\nsource = \"clip.avi\"\n[hold]\nframes = 0\n[emit]\njsonl = \"events.jsonl\"\n";
    let mut run = Running::start_with(dir.path(), text, |command| {
        command.env("PATH", path);
    });
    run.wait_for_health("frames_in", 10);
    // Nobody has to be killed for this: who waits for frames gets masked ones.
    run.wait_for_health("masked", 30);
    run.wait_for_health("restarts", 1);
    run.wait_for_health("frames_in", 20);
    let told = run.end();
    assert!(told.contains("did nothing but talk and was killed"), "{told}");
}

#[test]
fn the_watchdog_is_fed_while_the_camera_is_away() {
    let dir = folder();
    let clip = dir.path().join("clip.mp4");
    fs::copy(pan(), &clip).unwrap();
    let manager = UnixDatagram::bind(dir.path().join("notify")).unwrap();
    manager.set_nonblocking(true).unwrap();
    let text = config("jsonl = \"events.jsonl\"").replace(&format!("{:?}", pan()), "\"clip.mp4\"");
    let mut run = Running::start_with(dir.path(), &text, |command| {
        command.env("NOTIFY_SOCKET", dir.path().join("notify")).env("WATCHDOG_USEC", "2000000");
    });
    let heard = || {
        let mut bytes = [0; 4096];
        manager.recv(&mut bytes).ok().map(|length| String::from_utf8_lossy(&bytes[..length]).into_owned())
    };
    wait_for("readiness", || heard().filter(|what| what.contains("READY=1")));
    run.wait_for_health("inspected", 5);
    wait_for("the watchdog's food", || heard().filter(|what| what.contains("WATCHDOG=1")));
    // It is unplugged, and nothing takes its place.
    fs::remove_file(&clip).unwrap();
    kill(run.part("pixel-process").unwrap(), Signal::KILL);
    run.wait_for_health("restarts", 2);
    while heard().is_some() {}
    for _ in 0..3 {
        wait_for("more of it", || heard().filter(|what| what.contains("WATCHDOG=1")));
    }
    run.end();
}

/// As a service manager, or a terminal that is closed, does it.
#[test]
fn a_signal_to_all_processes_ends_the_run_as_one_to_the_first_does() {
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        let dir = folder();
        let mut run = Running::start(dir.path(), &config("jsonl = \"events.jsonl\"\ny4m = \"out.y4m\""));
        run.wait_for_health("inspected", 10);
        for part in ["pixel-process", "front-process"] {
            kill(run.part(part).unwrap(), signal);
        }
        let told = if signal == Signal::HUP { run.end() } else { run.end_by(signal) };
        assert!(told.contains("frames in") && !told.contains("ended (signal"), "{signal:?}: {told}");
        whole_frames(dir.path());
    }
}

/// The clip that is in `out.y4m`, from its first byte to its last.
fn whole_frames(dir: &std::path::Path) -> Clip {
    let bytes = fs::read(dir.join("out.y4m")).unwrap();
    let header = bytes.iter().position(|&byte| byte == b'\n').unwrap() + 1;
    let clip = Clip::parse(&bytes);
    let frame = "FRAME\n".len() + clip.width * clip.height * 3 / 2;
    assert_eq!((bytes.len() - header) % frame, 0, "the last frame is whole");
    clip
}

#[test]
fn a_start_that_the_system_refuses_is_tried_again() {
    let dir = folder();
    let mut run = Running::start(dir.path(), &config("jsonl = \"events.jsonl\""));
    run.wait_for_health("inspected", 10);
    // No descriptor is left for another process.
    let none = Rlimit { current: Some(4), maximum: prlimit_now(&run).maximum };
    let before = prlimit(Some(run.id()), Resource::Nofile, none).unwrap();
    kill(run.part("pixel-process").unwrap(), Signal::KILL);
    wait_for("the refusal", || run.told().contains("it is tried again").then_some(()));
    let masked = run.health("masked").unwrap();
    run.wait_for_health("masked", masked + 10);
    prlimit(Some(run.id()), Resource::Nofile, before).unwrap();
    let inspected = run.health("inspected").unwrap();
    run.wait_for_health("inspected", inspected + 10);
    run.end();
}

fn prlimit_now(run: &Running) -> Rlimit {
    let text = fs::read_to_string(format!("/proc/{}/limits", run.id().as_raw_nonzero())).unwrap();
    let line = text.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let number = |place| line.split_whitespace().nth(place).and_then(|word| word.parse().ok());
    Rlimit { current: number(3), maximum: number(4) }
}

#[test]
fn a_terminal_that_takes_nothing_stops_nobody() {
    let dir = folder();
    let (reader, mut writer) = std::io::pipe().unwrap();
    // As after Ctrl-S: not one byte more has room.
    let flags = rustix::fs::fcntl_getfl(&writer).unwrap();
    rustix::fs::fcntl_setfl(&writer, flags | rustix::fs::OFlags::NONBLOCK).unwrap();
    while writer.write(&[b'.'; 4096]).is_ok() {}
    while writer.write(b".").is_ok() {}
    rustix::fs::fcntl_setfl(&writer, flags).unwrap();
    let stderr = writer.as_fd().try_clone_to_owned().unwrap();
    let mut run = Running::start_with(dir.path(), &config("jsonl = \"events.jsonl\""), |command| {
        command.stderr(stderr);
    });
    run.wait_for_health("inspected", 10);
    kill(run.part("pixel-process").unwrap(), Signal::KILL);
    run.wait_for_health("restarts", 1);
    let inspected = run.health("inspected").unwrap();
    run.wait_for_health("inspected", inspected + 10);
    run.end();
    drop(reader);
}

#[test]
fn what_was_left_open_when_it_started_reaches_no_other_process() {
    // The processes are closed to debuggers of the same user: only root may look.
    if !have("root", rustix::process::geteuid().is_root()) {
        return;
    }
    let dir = folder();
    let mut run = Running::start_with(dir.path(), &config("jsonl = \"events.jsonl\""), |command| {
        let program = command.get_program().to_owned();
        let mut shell = Command::new("bash");
        shell.args(["-c", "exec 9<camera.toml; exec \"$0\" run --config camera.toml"]).arg(program);
        let told = fs::File::create(dir.path().join("told")).unwrap();
        shell.current_dir(dir.path()).stdout(std::process::Stdio::null()).stderr(told);
        *command = shell;
    });
    run.wait_for_health("out", 5);
    let has =
        |process: u32| fs::read_link(format!("/proc/{process}/fd/9")).is_ok_and(|file| file.ends_with("camera.toml"));
    assert!(has(run.id().as_raw_nonzero().get() as u32), "it was left open for the first process");
    for part in ["pixel-process", "front-process"] {
        assert!(!has(run.part(part).unwrap()), "the {part} has a file that nobody gave to it");
    }
    run.end();
}

#[test]
fn video_goes_on_in_one_stream_when_the_ways_out_change() {
    let dir = folder();
    let emit = "jsonl = \"events.jsonl\"\ny4m = \"out.y4m\"\n";
    let mut run = Running::start(dir.path(), &config(emit));
    run.wait_for_health("inspected", 10);
    let front = run.part("front-process").unwrap();
    run.replace_config(&config(&format!("{emit}pictures = \"shots\"\npictures_every = 5\n")));
    let shots = dir.path().join("shots");
    wait_for("pictures", || fs::read_dir(&shots).is_ok_and(|list| list.count() > 3).then_some(()));
    assert_ne!(run.part("front-process"), Some(front), "another front");
    let length = || fs::metadata(dir.path().join("out.y4m")).unwrap().len();
    let before = length();
    wait_for("more video", || (length() > before + 20 * 640 * 360 * 3 / 2).then_some(()));
    let told = run.end();
    assert!(!told.contains("half a frame") && !told.contains("the camera goes on"), "{told}");
    // One header, and whole frames only.
    assert!(whole_frames(dir.path()).frames.len() > 40);
}

#[test]
fn a_front_that_dies_ends_its_video_stream_and_the_other_ways_out_go_on() {
    let dir = folder();
    let mut run = Running::start(dir.path(), &config("jsonl = \"events.jsonl\"\ny4m = \"out.y4m\""));
    run.wait_for_health("inspected", 10);
    kill(run.part("front-process").unwrap(), Signal::KILL);
    wait_for("the fault", || {
        let said = |event: &serde_json::Value| event["what"].as_str().is_some_and(|what| what.contains("half a frame"));
        run.events().iter().any(said).then_some(())
    });
    let length = fs::metadata(dir.path().join("out.y4m")).unwrap().len();
    let events = run.events().len();
    wait_for("more events", || (run.events().len() > events + 3).then_some(()));
    assert_eq!(fs::metadata(dir.path().join("out.y4m")).unwrap().len(), length, "nothing is put behind half a frame");
}
