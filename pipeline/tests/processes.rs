//! The three processes of `frostglass run`: what each has, what becomes of the others when one dies, and new configs.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic: that is how it fails")]

mod common;
#[path = "common/running.rs"]
mod running;

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::{Clip, folder, have, pan};
use running::{Running, wait_for};
use rustix::process::{Pid, Signal, kill_process};

fn config(extra: &str, emit: &str) -> String {
    format!("[camera]\nsource = {:?}\nrepeat = true\n{extra}\n[hold]\ndeadline_ms = 5000\n[emit]\n{emit}\n", pan())
}

fn kill(process: u32, signal: Signal) {
    kill_process(Pid::from_raw(process as i32).unwrap(), signal).unwrap();
}

fn is_there(process: u32) -> bool {
    // What has ended and was not waited for is still listed.
    fs::read_to_string(format!("/proc/{process}/stat")).is_ok_and(|line| !line.contains(") Z"))
}

fn is_flat(clip: &Clip, frame: &[u8]) -> bool {
    frame[..clip.width * clip.height].iter().all(|&sample| sample == frame[0])
}

#[test]
fn a_pixel_process_that_dies_leaves_masked_frames_and_is_started_again() {
    let dir = folder();
    let mut run = Running::start(dir.path(), &config("", "jsonl = \"events.jsonl\"\ny4m = \"out.y4m\""));
    run.wait_for_health("inspected", 20);
    let front = run.part("front-process").unwrap();
    kill(run.part("pixel-process").unwrap(), Signal::KILL);
    run.wait_for_health("restarts", 1);
    let inspected = run.health("inspected").unwrap();
    run.wait_for_health("inspected", inspected + 20);
    assert_eq!(run.part("front-process"), Some(front), "the front lives on");
    let fault = run.events().into_iter().find(|event| event["type"] == "fault").unwrap();
    assert_eq!(fault["masked"], "everything", "{fault}");
    let told = run.end();
    assert!(told.contains("the pixel process ended"), "{told}");
    assert!(!told.contains('\u{1b}') && !told.contains("[2m"), "a file gets no colours: {told:?}");
    // The stream: masked at its very start, clear, then wholly masked, then clear, and never another size.
    let clip = Clip::parse(&fs::read(dir.path().join("out.y4m")).unwrap());
    let flat: Vec<bool> = clip.frames.iter().map(|frame| is_flat(&clip, frame)).collect();
    let begun = flat.iter().position(|&flat| !flat).expect("a clear frame");
    assert!(begun >= 8, "the first frames that were looked at leave masked: {begun}");
    let flat = &flat[begun..];
    let gap = flat.windows(3).position(|three| three.iter().all(|&flat| flat)).expect("masked frames in a row");
    assert!(flat[..gap].contains(&false) && flat[gap..].contains(&false), "clear before and after");
}

#[test]
fn a_front_that_dies_is_started_again_and_the_camera_goes_on() {
    let dir = folder();
    let mut run =
        Running::start(dir.path(), &config("", "jsonl = \"events.jsonl\"\npictures = \"shots\"\npictures_every = 10"));
    run.wait_for_health("inspected", 10);
    let (pixel, front) = (run.part("pixel-process").unwrap(), run.part("front-process").unwrap());
    kill(front, Signal::KILL);
    let other = wait_for("another front", || run.part("front-process").filter(|&other| other != front));
    assert_ne!(other, front);
    let shots = || fs::read_dir(dir.path().join("shots")).unwrap().count();
    let before = shots();
    wait_for("pictures of the new front", || (shots() > before + 2).then_some(()));
    assert_eq!(run.part("pixel-process"), Some(pixel), "the pixel process lives on");
    assert!(run.events().len() > 2, "events go on in the same file");
    run.end();
}

#[test]
fn without_a_supervisor_both_end() {
    let dir = folder();
    let mut run = Running::start(dir.path(), &config("", "jsonl = \"events.jsonl\""));
    run.wait_for_health("out", 5);
    let parts = [run.part("pixel-process").unwrap(), run.part("front-process").unwrap()];
    run.signal(Signal::KILL);
    wait_for("both to end", || parts.iter().all(|&part| !is_there(part)).then_some(()));
}

#[test]
fn a_process_that_hangs_is_killed_and_replaced() {
    let dir = folder();
    let mut run = Running::start(dir.path(), &config("", "jsonl = \"events.jsonl\""));
    run.wait_for_health("inspected", 5);
    let (pixel, masked) = (run.part("pixel-process").unwrap(), run.health("masked").unwrap());
    kill(pixel, Signal::STOP);
    // The front does not wait for the verdict.
    run.wait_for_health("masked", masked + 20);
    wait_for("its end", || (!is_there(pixel)).then_some(()));
    let inspected = run.health("inspected").unwrap();
    run.wait_for_health("inspected", inspected + 10);
    let told = run.end();
    assert!(told.contains("hung and was killed"), "{told}");
}

#[test]
fn a_new_config_comes_into_force_and_a_broken_one_does_not() {
    let dir = folder();
    let emit = "jsonl = \"events.jsonl\"";
    let mut run = Running::start(dir.path(), &config("", emit));
    run.wait_for_health("inspected", 5);
    let policies = |run: &Running| -> Vec<String> {
        let events = run.events().into_iter().filter(|event| event["type"] == "policy");
        events.map(|event| event["hides"].to_string()).collect()
    };
    assert_eq!(policies(&run).len(), 1);
    // Replaced as an editor does it: by another file of the same name.
    let replace = |text: &str| {
        fs::write(dir.path().join("new"), text).unwrap();
        fs::rename(dir.path().join("new"), dir.path().join("camera.toml")).unwrap();
    };
    let zone = "[[zone]]\nname = \"porch\"\noutline = [[0, 0], [0.5, 0], [0.5, 0.5]]\n";
    replace(&(config("", emit) + zone));
    wait_for("the new policy", || policies(&run).iter().any(|hides| hides.contains("porch")).then_some(()));
    let pixel = wait_for("the new pixel process", || run.part("pixel-process"));
    // A slip of the finger: the old one stays in force, and it is told.
    replace(&(config("", emit) + &zone.replace("0.5]]", "0.5")));
    wait_for("the refusal", || {
        let events = run.events();
        events
            .iter()
            .any(|event| event["what"].as_str().is_some_and(|what| what.contains("old one stays in force: ")))
            .then_some(())
    });
    fs::rename(dir.path().join("camera.toml"), dir.path().join("elsewhere")).unwrap();
    wait_for("word that it is gone", || run.told().contains("camera.toml is gone").then_some(()));
    assert_eq!(run.part("pixel-process"), Some(pixel), "nothing was started anew");
    assert!(run.told().contains("camera.toml"), "{}", run.told());
    // Put right without the zone, by SIGHUP: what is uncovered is told.
    fs::write(dir.path().join("camera.toml"), config("", emit)).unwrap();
    run.signal(Signal::HUP);
    wait_for("the old policy again", || (policies(&run).len() == 3).then_some(()));
    assert!(!policies(&run)[2].contains("porch"));
    let told = run.told();
    assert!(told.contains("uncovers") && told.contains("porch"), "{told}");
    // Another way out: the front is started anew with it.
    replace(&config("", "jsonl = \"events.jsonl\"\npictures = \"shots\"\npictures_every = 5"));
    let shots = dir.path().join("shots");
    wait_for("pictures", || fs::read_dir(&shots).is_ok_and(|list| list.count() > 1).then_some(()));
    run.end();
}

/// What a process has open, by the kernel's own words.
fn open_files(process: u32) -> Vec<String> {
    let list = fs::read_dir(format!("/proc/{process}/fd")).unwrap().flatten();
    list.filter_map(|entry| Some(fs::read_link(entry.path()).ok()?.display().to_string())).collect()
}

#[test]
fn each_process_has_only_what_it_needs() {
    // The processes are closed to debuggers of the same user: only root may look.
    if !have("root", rustix::process::geteuid().is_root()) {
        return;
    }
    let dir = folder();
    let emit = "jsonl = \"events.jsonl\"\npictures = \"shots\"\nhttp = \"127.0.0.1:0\"";
    let mut run = Running::start(dir.path(), &config("", emit));
    run.wait_for_health("inspected", 5);
    let within = |list: &[String], path: &Path| list.iter().any(|file| Path::new(file).starts_with(path));
    // Between the end of a clip and its beginning it is opened anew.
    let pixel = wait_for("the pixel process to have the source", || {
        Some(open_files(run.part("pixel-process").unwrap())).filter(|files| within(files, &pan()))
    });
    let front = open_files(run.part("front-process").unwrap());
    let status = fs::read_to_string(format!("/proc/{}/status", run.part("pixel-process").unwrap())).unwrap();
    let parent = status.lines().find_map(|line| line.strip_prefix("PPid:")).unwrap();
    let supervisor = open_files(parent.trim().parse().unwrap());
    println!("pixel process: {pixel:?}\nfront: {front:?}\nsupervisor: {supervisor:?}");
    assert!(within(&front, dir.path()) && !within(&pixel, dir.path()), "only the front has the events' file");
    assert!(!within(&front, &pan()) && !within(&supervisor, &pan()), "only the pixel process has the source");
    // Sockets of the internet: those in the list of the kernel for the process.
    let inet = |process: &str| {
        let process = run.part(process).unwrap();
        let tables = ["tcp", "tcp6", "udp"]
            .map(|table| fs::read_to_string(format!("/proc/{process}/net/{table}")).unwrap_or_default());
        let numbers: Vec<String> = tables
            .iter()
            .flat_map(|table| table.lines().skip(1))
            .filter_map(|line| line.split_whitespace().nth(9).map(|inode| format!("socket:[{inode}]")))
            .collect();
        open_files(process).into_iter().filter(|file| numbers.contains(file)).count()
    };
    assert_eq!(inet("pixel-process"), 0, "the pixel process has no network");
    assert!(inet("front-process") > 0, "the front listens for the live view");
    for process in ["pixel-process", "front-process"] {
        let process = run.part(process).unwrap();
        let limits = fs::read_to_string(format!("/proc/{process}/limits")).unwrap();
        let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
        assert!(core.split_whitespace().filter(|word| *word == "0").count() >= 2, "{core}");
        let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
        assert!(status.contains("NoNewPrivs:\t1"), "{status}");
    }
    run.end();
}

#[test]
fn a_port_in_use_is_told_and_ends_the_run() {
    let dir = folder();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let (code, told) = Running::start(dir.path(), &config("", &format!("http = \"{address}\""))).ends();
    assert!(code == Some(1) && told.contains(&address.to_string()) && told.contains("port"), "{code:?}: {told}");
}

/// A file system with hardly any room; `None` where this user may not mount one.
struct Small(PathBuf);

impl Small {
    fn mount(place: PathBuf) -> Option<Self> {
        fs::create_dir_all(&place).unwrap();
        let done = Command::new("mount").args(["-t", "tmpfs", "-o", "size=256k", "tmpfs"]).arg(&place).output().ok()?;
        done.status.success().then_some(Self(place))
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).output();
    }
}

#[test]
fn a_full_disk_in_the_pictures_folder_is_a_fault_and_the_stream_goes_on() {
    let dir = folder();
    let small = Small::mount(dir.path().join("shots"));
    if !have("root", small.is_some()) {
        return;
    }
    let filler = dir.path().join("shots/somebody-elses");
    fs::write(&filler, vec![7u8; 240 << 10]).unwrap();
    let emit = "jsonl = \"events.jsonl\"\npictures = \"shots\"\npictures_every = 1\npictures_max_mib = 1";
    let mut run = Running::start(dir.path(), &config("", emit));
    wait_for("the fault", || {
        let said = |event: &serde_json::Value| event["type"] == "fault" && event["what"].to_string().contains("full");
        run.events().iter().any(said).then_some(())
    });
    let out = run.health("out").unwrap_or(0);
    run.wait_for_health("out", out + 60);
    assert_eq!(fs::read(&filler).unwrap().len(), 240 << 10, "what is not ours stays");
    // There is room again: pictures come again.
    fs::remove_file(&filler).unwrap();
    wait_for("pictures", || (fs::read_dir(dir.path().join("shots")).unwrap().count() > 0).then_some(()));
    run.end();
}

#[test]
fn y4m_goes_to_another_program() {
    let found = Command::new("ffmpeg").arg("-version").output().is_ok();
    if !have("ffmpeg", found) {
        return;
    }
    let dir = folder();
    let text = format!("[camera]\nsource = {:?}\n[emit]\ny4m = \"-\"\n", pan());
    fs::write(dir.path().join("camera.toml"), text).unwrap();
    let shell = format!(
        "set -o pipefail; {} run --config camera.toml | ffmpeg -v error -i - -f framecrc - | grep -vc '^#'",
        assert_cmd::cargo::cargo_bin("frostglass").display()
    );
    let run = Command::new("timeout").args(["90", "bash", "-c", &shell]).current_dir(dir.path()).output().unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let frames: u32 = String::from_utf8_lossy(&run.stdout).trim().parse().unwrap();
    assert!((50..=60).contains(&frames), "{frames} frames");
}
