//! The walls around each process, from outside: that they stand, what becomes of a machine that lacks one, and that they can
//! only be left out aloud. What code inside tries against them is in `faults/by_escape.rs` and `by_decoder.rs`.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic: that is how it fails")]

mod common;
#[path = "common/running.rs"]
mod running;

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Output};

use common::{folder, frostglass, have, pan};
use running::{Running, wait_for};
use rustix::process::{Resource, Rlimit};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};

fn config(emit: &str) -> String {
    format!("[camera]\nsource = {:?}\nrepeat = true\n[hold]\ndeadline_ms = 5000\n[emit]\n{emit}\n", pan())
}

/// One look at each frame.
const FAST: &str = "[faces]\ndetail = \"fast\"\n";

/// The words of `key` in what the kernel says of each thread of a process.
fn of_each_thread(process: u32, key: &str) -> Vec<String> {
    let threads = fs::read_dir(format!("/proc/{process}/task")).unwrap().flatten();
    let said = threads.filter_map(|thread| fs::read_to_string(thread.path().join("status")).ok());
    let of = |status: String| status.lines().find_map(|line| line.strip_prefix(key)).unwrap().trim().to_owned();
    said.map(of).collect()
}

fn missing(run: &Running) -> Vec<String> {
    let health = run.events().into_iter().rev().find(|event| event["type"] == "health").unwrap();
    health["walls_missing"].as_array().unwrap().iter().map(|wall| wall.as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_walls_of_each_process_stand_around_all_of_its_threads() {
    let dir = folder();
    let emit = format!("jsonl = \"events.jsonl\"\nhttp = \"127.0.0.1:0\"\n{FAST}");
    let mut run = Running::start(dir.path(), &config(&emit));
    run.wait_for_health("inspected", 1);
    let (pixel, front) = (run.part("pixel-process").unwrap(), run.part("front-process").unwrap());
    let supervisor = run.id().as_raw_nonzero().get() as u32;
    // Each filter stands behind those that were there before: the supervisor's, that of the missing call, the deadly one, the one
    // that kills who changes files, the one that allows.
    for (process, filters) in [(supervisor, 1), (front, 3), (pixel, 5)] {
        assert!(of_each_thread(process, "Seccomp:").iter().all(|mode| mode == "2"), "{process}");
        let outside: usize = of_each_thread(std::process::id(), "Seccomp_filters:")[0].parse().unwrap();
        for count in of_each_thread(process, "Seccomp_filters:") {
            assert_eq!(count.parse(), Ok(outside + filters), "filters of {process}");
        }
        assert!(of_each_thread(process, "NoNewPrivs:").iter().all(|flag| flag == "1"));
    }
    assert!(of_each_thread(pixel, "Threads:").len() > 3, "there are threads to look at");
    let limits = fs::read_to_string(format!("/proc/{pixel}/limits")).unwrap();
    for (limit, value) in [("Max core file size", "0"), ("Max file size", "0"), ("Max open files", "256")] {
        let line = limits.lines().find_map(|line| line.strip_prefix(limit)).unwrap();
        assert_eq!(line.split_whitespace().take(2).collect::<Vec<_>>(), [value, value], "{limit}");
    }
    for thread in of_each_thread(pixel, "CapEff:").into_iter().chain(of_each_thread(pixel, "CapPrm:")) {
        assert_eq!(u64::from_str_radix(&thread, 16), Ok(0), "the pixel process has capabilities");
    }
    // CAP_DAC_OVERRIDE and CAP_NET_BIND_SERVICE.
    for thread in of_each_thread(front, "CapPrm:") {
        assert_eq!(u64::from_str_radix(&thread, 16).unwrap() & !(1 << 1 | 1 << 10), 0, "of the front: {thread}");
    }
    let said = missing(&run);
    let apart = have("walls", !said.iter().any(|wall| wall.starts_with("an own network: ")));
    if have("root", rustix::process::geteuid().is_root()) && apart {
        let network = |process: u32| fs::read_link(format!("/proc/{process}/ns/net")).unwrap();
        assert_ne!(network(pixel), network(std::process::id()), "the pixel process has a network of its own");
        assert_eq!(network(front), network(std::process::id()));
    }
    // What is missing on this machine is what `check` says.
    let checked = check(&mut frostglass(), &run);
    let told: Vec<String> =
        checked.lines().filter_map(|line| line.strip_prefix("Walls: MISSING ")).map(str::to_owned).collect();
    assert!(told.iter().all(|wall| said.contains(wall)), "{said:?}: {checked}");
    run.end();
}

#[test]
fn the_process_that_reads_files_is_walled_in_and_the_one_that_writes_them_has_no_network() {
    let dir = folder();
    // Long enough not to be done before it was looked at.
    let clip = dir.path().join("long.y4m");
    fs::write(&clip, common::Clip::moving(160, 120, 600).bytes()).unwrap();
    fs::write(dir.path().join("fast.toml"), FAST).unwrap();
    let arguments = ["redact", "--config", "fast.toml", "long.y4m", "-o", "out.y4m"];
    let run = Running::command(dir.path().to_owned(), &arguments, |_| {});
    let part = wait_for("a first frame", || {
        let parts = fs::read_dir(dir.path()).unwrap().flatten();
        let mut parts = parts.filter(|part| part.file_name().to_string_lossy().starts_with(".out.y4m."));
        let begun = parts.any(|part| part.metadata().is_ok_and(|about| about.len() > 0));
        begun.then(|| run.part("decoder-process").unwrap())
    });
    let writer = run.id().as_raw_nonzero().get() as u32;
    if !have("walls", !run.told().contains("walls that do not stand")) {
        return;
    }
    let outside: usize = of_each_thread(std::process::id(), "Seccomp_filters:")[0].parse().unwrap();
    // The writer's stands around the decoder, too; there it is followed by that of the missing call, the deadly one, the one that
    // kills who changes files, and the one that allows.
    for (process, filters) in [(writer, 1), (part, 5)] {
        for count in of_each_thread(process, "Seccomp_filters:") {
            assert_eq!(count.parse(), Ok(outside + filters), "filters of {process}");
        }
        assert!(of_each_thread(process, "NoNewPrivs:").iter().all(|flag| flag == "1"));
    }
    assert!(of_each_thread(part, "Threads:").len() > 3, "there are threads to look at");
    for thread in of_each_thread(part, "CapPrm:") {
        assert_eq!(u64::from_str_radix(&thread, 16), Ok(0), "the decoder has capabilities");
    }
    // CAP_DAC_OVERRIDE.
    for thread in of_each_thread(writer, "CapPrm:") {
        assert_eq!(u64::from_str_radix(&thread, 16).unwrap() & !(1 << 1), 0, "of the writer: {thread}");
    }
    if have("root", rustix::process::geteuid().is_root()) {
        let network = |process: u32| fs::read_link(format!("/proc/{process}/ns/net")).unwrap();
        assert_eq!(network(writer), network(part));
        assert_ne!(network(writer), network(std::process::id()), "neither has the machine's network");
        // Of a process that can not be dumped only root sees this: its sockets, the clip, memory, and no file that it could write.
        let open: Vec<_> = fs::read_dir(format!("/proc/{part}/fd")).unwrap().flatten().collect();
        let files: Vec<_> = open.iter().map(|entry| fs::read_link(entry.path()).unwrap()).collect();
        let is_named = |file: &&PathBuf| file.is_absolute() && !file.to_string_lossy().starts_with("/memfd:");
        let named: Vec<_> = files.iter().filter(is_named).collect();
        assert!(
            named.iter().all(|file| **file == clip.canonicalize().unwrap() || file.starts_with("/dev/null")),
            "{named:?}"
        );
    }
    run.signal(rustix::process::Signal::INT);
    let (code, told) = run.ends();
    assert!(code == Some(1) && told.contains("interrupted"), "{code:?}: {told}");
}

/// As `run` does.
#[test]
fn a_wall_that_a_machine_lacks_is_named_when_files_are_redacted() {
    let dir = folder();
    let [picture, fast] = ["a.png", "fast.toml"].map(|name| dir.path().join(name));
    common::scene(320, 240, 1).save(&picture).unwrap();
    fs::write(&fast, FAST).unwrap();
    let arguments = format!("redact --config {} {} -o out.png", fast.display(), picture.display());
    for (calls, wall) in [
        (LANDLOCK, "no files (Landlock)"),
        (LANDLOCK, "nothing written but outputs (Landlock)"),
        (UNSHARE, "an own network"),
    ] {
        let (output, _) = on_a_machine_without(calls, &arguments);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            output.status.success() && told.contains(&format!("WARNING: walls that do not stand: {wall}: ")),
            "{told}"
        );
    }
    let (output, _) = on_a_machine_without(SECCOMP, &arguments);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(1) && told.contains("can not be walled in"), "{told}");
}

fn check(command: &mut assert_cmd::Command, run: &Running) -> String {
    let output = command.args(["check", "--config"]).arg(run.folder.join("camera.toml")).output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn without_walls_it_runs_and_says_so_again_and_again() {
    let dir = folder();
    let mut run = Running::start_with(dir.path(), &config("jsonl = \"events.jsonl\""), |command| {
        command.arg("--without-sandbox");
    });
    run.wait_for_health("inspected", 5);
    assert!(missing(&run).iter().any(|wall| wall.contains("all of them (--without-sandbox)")), "{:?}", missing(&run));
    let told = run.end();
    assert!(told.contains("WARNING") && told.contains("--without-sandbox"), "{told}");
}

/// Numbers of calls that a kernel does not have, or a container does not allow, on x86-64 and aarch64.
const LANDLOCK: &str = "444 445 446";
const SECCOMP: &str = if cfg!(target_arch = "x86_64") { "317" } else { "277" };
const UNSHARE: &str = if cfg!(target_arch = "x86_64") { "272" } else { "97" };

/// What is no call.
const LOCKED_MEMORY: &str = "locked memory";

/// Not a test of its own: it takes the place of a machine that lacks calls, and starts the program there.
#[test]
#[ignore = "started by the tests below, as a process of its own"]
fn a_machine_that_lacks() {
    let Some(numbers) = std::env::var_os("FROSTGLASS_LACKS") else { return };
    let numbers = numbers.to_str().unwrap();
    if numbers == LOCKED_MEMORY {
        // Who has this capability may lock as much as there is.
        let _ = rustix::thread::remove_capability_from_bounding_set(rustix::thread::CapabilitySet::IPC_LOCK);
        let little = Some(1 << 20);
        rustix::process::setrlimit(Resource::Memlock, Rlimit { current: little, maximum: little }).unwrap();
    }
    let numbers = numbers.split(' ').filter_map(|number| Some((number.parse().ok()?, Vec::new()))).collect();
    // ENOSYS.
    let (no, yes) = (SeccompAction::Errno(38), SeccompAction::Allow);
    let filter = SeccompFilter::new(numbers, yes, no, std::env::consts::ARCH.try_into().unwrap()).unwrap();
    seccompiler::apply_filter(&BpfProgram::try_from(filter).unwrap()).unwrap();
    let arguments = std::env::var("FROSTGLASS_ARGUMENTS").unwrap();
    let error = Command::new(assert_cmd::cargo::cargo_bin("frostglass")).args(arguments.split(' ')).exec();
    panic!("{error}");
}

/// Runs the program to the clip's end on a machine that lacks these calls.
fn on_a_machine_without(calls: &str, arguments: &str) -> (Output, Vec<String>) {
    let dir = folder();
    let text = config("jsonl = \"events.jsonl\"").replace("repeat = true\n", "");
    fs::write(dir.path().join("camera.toml"), text).unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "a_machine_that_lacks", "--ignored", "--nocapture"]).current_dir(dir.path());
    command.env("FROSTGLASS_LACKS", calls).env("FROSTGLASS_ARGUMENTS", arguments);
    let output = command.output().unwrap();
    let events = fs::read_to_string(dir.path().join("events.jsonl")).unwrap_or_default();
    let of = |line: &str| serde_json::from_str::<serde_json::Value>(line).ok();
    let health = events.lines().filter_map(of).filter(|event| event["type"] == "health");
    let missing = health.map(|health| health["walls_missing"].as_array().cloned().unwrap()).collect::<Vec<_>>();
    // Of what is missing, no message is silent: not the first, before the pixel process has told, and not the last.
    let unknown = |wall: &serde_json::Value| wall.as_str().unwrap().contains("not known yet");
    let missing: Vec<_> = missing.into_iter().filter(|walls| !walls.iter().any(unknown)).collect();
    assert!(missing.windows(2).all(|two| two[0] == two[1]), "{missing:?}");
    let missing = missing.into_iter().next_back().unwrap_or_default();
    (output, missing.into_iter().map(|wall| wall.as_str().unwrap().to_owned()).collect())
}

#[test]
fn a_wall_that_a_machine_lacks_is_named_in_every_health_message_and_by_check() {
    for (calls, wall, why) in
        [(LANDLOCK, "no files (Landlock)", "no Landlock"), (UNSHARE, "an own network", "containers")]
    {
        let (output, missing) = on_a_machine_without(calls, "run --config camera.toml");
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{told}");
        let named = missing.iter().find(|missing| missing.starts_with(wall));
        assert!(named.is_some_and(|named| named.contains(why)), "{wall}: {missing:?}: {told}");
        let (output, _) = on_a_machine_without(calls, "check --config camera.toml");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(said.contains(&format!("Walls: MISSING {wall}: ")) && output.status.success(), "{said}");
    }
}

#[test]
fn a_limit_of_locked_memory_that_is_too_low_is_named_with_what_cures_it() {
    let (output, missing) = on_a_machine_without(LOCKED_MEMORY, "run --config camera.toml");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{told}");
    let named = missing.iter().find(|missing| missing.starts_with("locked memory: ")).unwrap();
    for words in ["MiB of frames may be swapped out", "1 MiB are allowed", "LimitMEMLOCK"] {
        assert!(named.contains(words), "{words}: {named}");
    }
}

#[test]
fn a_machine_without_filters_of_system_calls_is_refused_unless_walls_are_left_out() {
    let (output, _) = on_a_machine_without(SECCOMP, "run --config camera.toml");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{told}");
    for words in ["can not be walled in", "CONFIG_SECCOMP_FILTER", "--without-sandbox"] {
        assert!(told.contains(words), "{words}: {told}");
    }
    let (output, _) = on_a_machine_without(SECCOMP, "check --config camera.toml");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("Walls: NONE CAN STAND"), "{said}");
    let (output, missing) = on_a_machine_without(SECCOMP, "run --config camera.toml --without-sandbox");
    assert!(output.status.success() && !missing.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_config_that_lies_where_its_own_pictures_go_is_refused() {
    for (emit, inside) in
        [("pictures = \".\"", true), ("pictures = \"shots\"", false), ("jsonl = \"camera.toml\"", true)]
    {
        let dir = folder();
        fs::write(dir.path().join("camera.toml"), config(emit)).unwrap();
        let mut command = frostglass();
        command.current_dir(dir.path()).args(["check", "--config", "camera.toml"]);
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(said.contains("could change what is hidden"), inside, "{emit}: {said}");
        if inside {
            let (code, told) = Running::start(dir.path(), &config(emit)).ends();
            assert!(code == Some(2) && told.contains("could change what is hidden"), "{code:?}: {told}");
        }
    }
}

/// A thread listens to ffmpeg before there are networks, and lives on behind the walls that stood then.
#[test]
fn beside_ffmpeg_no_thread_has_more_than_it_takes_to_open_a_file_and_to_lock_memory() {
    let dir = folder();
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-v", "error", "-i"]).arg(pan()).args(["-c", "copy", "clip.mkv"]).current_dir(dir.path());
    let made = ffmpeg.status();
    if !have("ffmpeg", made.is_ok_and(|status| status.success())) {
        return;
    }
    let text = format!("[camera]\nsource = \"clip.mkv\"\nrepeat = true\n[emit]\njsonl = \"events.jsonl\"\n{FAST}");
    let mut run = Running::start(dir.path(), &text);
    run.wait_for_health("inspected", 3);
    let pixel = run.part("pixel-process").unwrap();
    // CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_IPC_LOCK.
    const FEW: u64 = 1 << 1 | 1 << 2 | 1 << 14;
    let held = of_each_thread(pixel, "CapPrm:");
    let held: Vec<_> = held.iter().map(|set| u64::from_str_radix(set, 16).unwrap()).collect();
    assert!(held.iter().all(|set| set & !FEW == 0), "{held:x?}");
    assert!(held.iter().filter(|set| **set == 0).count() + 1 >= held.len(), "one of them listens: {held:x?}");
    assert!(of_each_thread(pixel, "Seccomp_filters:").iter().all(|count| count.parse::<usize>().unwrap() >= 4));
    run.end();
}
