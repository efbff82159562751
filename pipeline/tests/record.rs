//! The record of policy, written by `frostglass run` and proved by `frostglass verify`: what it tells, what breaks it, and what
//! leaves when it can not be written.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic: that is how it fails")]

mod common;
#[path = "common/running.rs"]
mod running;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use common::{folder, frostglass, have, pan};
use running::{Running, wait_for};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

const ZONE: &str = "[[zone]]\nname = \"porch\"\noutline = [[0, 0], [0.2, 0], [0.2, 0.2]]\n";

fn config(record: &str, extra: &str) -> String {
    let camera = format!("[camera]\nsource = {:?}\nrepeat = true\n[hold]\ndeadline_ms = 5000\n", pan());
    format!("{camera}[emit]\njsonl = \"events.jsonl\"\n[record]\npolicy = {record:?}\n{extra}")
}

fn kill_pixel(run: &Running) {
    kill_process(Pid::from_raw(run.part("pixel-process").unwrap() as i32).unwrap(), Signal::KILL).unwrap();
}

fn lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// Of these lines, without those about walls, which differ from machine to machine.
fn reasons(lines: &[Value]) -> Vec<&str> {
    lines.iter().map(|line| line["reason"].as_str().unwrap()).filter(|reason| *reason != "walls").collect()
}

fn wait_for_line(path: &Path, reason: &str, count: usize) {
    wait_for(reason, || {
        let found = lines(path).iter().filter(|line| line["reason"] == reason).count();
        (found >= count).then_some(())
    });
}

fn verify(path: &Path, key: Option<&str>) -> (Option<i32>, Value, String) {
    let mut command = frostglass();
    command.arg("verify").arg(path);
    if let Some(key) = key {
        command.args(["--key", key]);
    }
    let Output { status, stdout, stderr } = command.output().unwrap();
    let data = serde_json::from_slice(&stdout).unwrap_or(Value::Null);
    (status.code(), data, String::from_utf8_lossy(&stderr).into_owned())
}

#[test]
fn a_record_tells_what_was_hidden_when_and_how_much_left_and_one_altered_byte_breaks_it() {
    let dir = folder();
    let path = dir.path().join("policy.jsonl");
    let mut run = Running::start(dir.path(), &config("policy.jsonl", ""));
    run.wait_for_health("inspected", 20);
    run.replace_config(&config("policy.jsonl", ZONE));
    wait_for_line(&path, "config", 1);
    wait_for("the new policy", || {
        run.events().iter().any(|event| event["hides"].to_string().contains("porch")).then_some(())
    });
    let inspected = run.health("inspected").unwrap_or(0);
    run.wait_for_health("inspected", inspected + 10);
    kill_pixel(&run);
    wait_for_line(&path, "restart", 1);
    let inspected = run.health("inspected").unwrap_or(0);
    run.wait_for_health("inspected", inspected + 10);
    // Another comment is another text, and no other policy.
    run.replace_config(&format!("# the porch is hidden\n{}", config("policy.jsonl", ZONE)));
    wait_for_line(&path, "config", 2);
    run.end();

    let told = lines(&path);
    assert_eq!(reasons(&told), ["start", "config", "fault", "restart", "config", "stop"]);
    let of = |reason: &str| told.iter().find(|line| line["reason"] == reason).unwrap();
    let frames = |line: &Value| (line["frames"]["out"].as_u64().unwrap(), line["frames"]["masked"].as_u64().unwrap());
    for reason in ["config", "fault"] {
        let (out, masked) = frames(of(reason));
        assert!(out > masked && masked >= 8, "the first eight leave masked: {}", of(reason));
        assert_eq!(of(reason)["frames"]["at_least"], true, "a process that was killed told no last count");
    }
    assert_eq!((frames(of("start")), frames(of("restart"))), ((0, 0), (0, 0)));
    let ended: Vec<_> = told.iter().skip_while(|line| line["reason"] != "restart").skip(1).collect();
    let (out, masked) = ended.iter().map(|line| frames(line)).fold((0, 0), |sum, add| (sum.0 + add.0, sum.1 + add.1));
    assert!(out > masked && masked >= 8, "{ended:?}");
    assert!(
        ended.iter().all(|line| line["frames"]["at_least"] == false),
        "who ends in peace tells its last count: {ended:?}"
    );
    let hides = |line: &Value| line["hides"].to_string();
    assert!(!hides(of("start")).contains("porch") && hides(of("config")).contains("porch"));
    assert!(hides(of("fault")) == "[\"everything\"]" && hides(of("restart")).contains("porch"));
    assert!(of("fault")["what"].as_str().unwrap().contains("SIGKILL"), "{}", of("fault"));

    let (code, data, text) = verify(&path, None);
    assert_eq!(code, Some(0), "{text}");
    assert_eq!((&data["whole"], data["lines"].as_u64()), (&Value::Bool(true), Some(told.len() as u64)));
    let policies = data["policies"].as_array().unwrap();
    assert_eq!(policies.len(), 3, "{data}");
    assert!(policies.iter().all(|policy| policy["frames"]["out"].as_u64() > Some(8)), "{data}");
    for words in
        ["whole", data["hash"].as_str().unwrap(), data["key"].as_str().unwrap(), "at least", "cut off at the end"]
    {
        assert!(text.contains(words), "{words}: {text}");
    }
    // The right key, as its file and as its digits; another one.
    let public = fs::read_to_string(dir.path().join("policy.pub")).unwrap();
    let digits = public.split_whitespace().last().unwrap();
    assert_eq!(verify(&path, Some(digits)).0, Some(0));
    assert_eq!(verify(&path, Some(&dir.path().join("policy.pub").display().to_string())).0, Some(0));
    let other = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
    let (code, _, text) = verify(&path, Some(other));
    assert!(code == Some(1) && text.contains("line 1: it is signed by another key"), "{text}");

    let whole = fs::read(&path).unwrap();
    let second = whole.iter().position(|&byte| byte == b'\n').unwrap() + 1;
    for at in [second + 100, second + 700, second - 20] {
        let mut altered = whole.clone();
        altered[at] ^= 1;
        fs::write(&path, altered).unwrap();
        let (code, data, text) = verify(&path, None);
        let line = if at < second { 1 } else { 2 };
        assert!(code == Some(1) && data["line"] == line && text.contains(&format!("line {line}")), "{text}");
    }
}

#[test]
fn without_a_place_to_write_a_record_that_is_asked_for_nothing_is_started() {
    let dir = folder();
    fs::write(dir.path().join("file"), "").unwrap();
    for place in ["file/policy.jsonl", "nowhere/policy.jsonl"] {
        let text = config(place, "");
        let (code, told) = Running::start(dir.path(), &text).ends();
        assert!(code == Some(1) && told.contains("looking at the folder of the record failed"), "{code:?}: {told}");
        let check = frostglass().args(["check", "--config"]).arg(dir.path().join("camera.toml")).output().unwrap();
        let out = String::from_utf8_lossy(&check.stdout).into_owned();
        assert!(check.status.code() == Some(1) && out.contains("the record can not be written"), "{out}");
    }
    assert!(!dir.path().join("events.jsonl").exists(), "nothing left");
}

#[test]
fn a_key_that_others_can_read_ends_the_start_with_advice_and_check_makes_nothing() {
    let dir = folder();
    let path = dir.path().join("policy.jsonl");
    let check = || {
        let check = frostglass().args(["check", "--config"]).arg(dir.path().join("camera.toml")).output().unwrap();
        (check.status.code(), String::from_utf8_lossy(&check.stdout).into_owned())
    };
    fs::write(dir.path().join("camera.toml"), config("policy.jsonl", "")).unwrap();
    let (code, out) = check();
    assert!(code == Some(0) && out.contains("the first start makes its key") && out.contains("policy.jsonl"), "{out}");
    assert_eq!(common::files(dir.path()), ["camera.toml"]);
    let mut run = Running::start(dir.path(), &config("policy.jsonl", ""));
    run.wait_for_health("out", 1);
    run.end();
    let (code, out) = check();
    assert!(code == Some(0) && out.contains("lines so far, key "), "{out}");
    let before = fs::read(&path).unwrap();
    fs::set_permissions(dir.path().join("policy.key"), Permissions::from_mode(0o644)).unwrap();
    let (code, told) = Running::start(dir.path(), &config("policy.jsonl", "")).ends();
    let words = ["other users can read this file (mode 0644)", "somebody else may hold it", "chmod 600"];
    assert!(code == Some(1) && words.iter().all(|words| told.contains(words)), "{code:?}: {told}");
    let (code, out) = check();
    assert!(code == Some(1) && words.iter().all(|words| out.contains(words)), "{out}");
    assert_eq!(fs::read(&path).unwrap(), before, "nothing was put behind it");
}

#[test]
fn while_no_line_can_be_written_nothing_uncovered_leaves() {
    let dir = folder();
    let (kept, away) = (dir.path().join("kept"), dir.path().join("away"));
    fs::create_dir(&kept).unwrap();
    fs::set_permissions(&kept, Permissions::from_mode(0o700)).unwrap();
    let mut run = Running::start(dir.path(), &config("kept/policy.jsonl", ""));
    run.wait_for_health("inspected", 20);
    fs::rename(&kept, &away).unwrap();
    kill_pixel(&run);
    wait_for("the fault", || run.told().contains("the record of policy can not be written").then_some(()));
    // What the lost process had said before is counted when the second of two more messages comes.
    let health = || run.events().into_iter().filter(|event| event["type"] == "health").collect::<Vec<_>>();
    let told = health().len();
    let then = wait_for("health", || health().into_iter().nth(told + 1));
    // The stream goes on, and all that it shows is masked.
    let since = |now: &Value, key: &str| now[key].as_u64().unwrap() - then[key].as_u64().unwrap();
    let now = wait_for("frames", || health().pop().filter(|now| since(now, "out") >= 60));
    assert_eq!((since(&now, "masked"), since(&now, "inspected")), (since(&now, "out"), 0), "{then} {now}");
    assert_eq!(run.part("pixel-process"), None, "nobody sees the sensor");
    let dark =
        |event: &Value| event["masked"] == "everything" && event["what"].to_string().contains("record of policy");
    assert!(run.events().iter().any(dark), "whoever watches is told why");
    fs::rename(&away, &kept).unwrap();
    run.wait_for_health("inspected", then["inspected"].as_u64().unwrap() + 20);
    run.end();
    let path = kept.join("policy.jsonl");
    let told = lines(&path);
    assert_eq!(reasons(&told), ["start", "fault", "restart", "stop"]);
    let gap = told.iter().find(|line| line["reason"] == "fault").unwrap();
    assert!(gap["what"].as_str().unwrap().contains("no line could be written since"), "{gap}");
    assert!(gap["frames"]["out"].as_u64() > Some(20) && gap["frames"]["at_least"] == true, "{gap}");
    assert_eq!(verify(&path, None).0, Some(0));
}

#[test]
fn another_record_is_taken_when_it_can_be_written_and_refused_when_it_can_not() {
    let dir = folder();
    let (first, second) = (dir.path().join("first.jsonl"), dir.path().join("second.jsonl"));
    let mut run = Running::start(dir.path(), &config("first.jsonl", ""));
    run.wait_for_health("inspected", 5);
    run.replace_config(&config("nowhere/second.jsonl", ""));
    wait_for("the refusal", || run.told().contains("the new config is refused").then_some(()));
    assert!(run.told().contains("looking at the folder of the record failed"), "{}", run.told());
    run.replace_config(&config("second.jsonl", ""));
    wait_for_line(&second, "config", 1);
    let inspected = run.health("inspected").unwrap();
    run.wait_for_health("inspected", inspected + 5);
    run.replace_config(&config("second.jsonl", "").replace("[record]\npolicy = \"second.jsonl\"\n", ""));
    wait_for_line(&second, "end", 1);
    assert!(run.told().contains("no record of what is hidden is kept any more"), "{}", run.told());
    run.end();
    assert_eq!(reasons(&lines(&first)), ["start", "end"]);
    assert_eq!(reasons(&lines(&second)), ["config", "end"]);
    assert_eq!((verify(&first, None).0, verify(&second, None).0), (Some(0), Some(0)));
}

/// What a process has open, by the kernel's own words.
fn open_files(process: u32) -> Vec<String> {
    let list = fs::read_dir(format!("/proc/{process}/fd")).unwrap().flatten();
    list.filter_map(|entry| Some(fs::read_link(entry.path()).ok()?.display().to_string())).collect()
}

#[test]
fn pen_key_and_counters_are_the_supervisors_alone() {
    // The processes are closed to debuggers of the same user: only root may look.
    if !have("root", rustix::process::geteuid().is_root()) {
        return;
    }
    let dir = folder();
    let mut run = Running::start(dir.path(), &config("policy.jsonl", ""));
    run.wait_for_health("inspected", 5);
    let (pixel, front) = (run.part("pixel-process").unwrap(), run.part("front-process").unwrap());
    let counters = fs::read_link(format!("/proc/{pixel}/fd/1")).unwrap().display().to_string();
    assert!(counters.starts_with("pipe:"), "{counters}");
    let supervisor = run.id().as_raw_nonzero().get() as u32;
    let record = dir.path().join("policy.jsonl").display().to_string();
    for (who, process, has) in [("supervisor", supervisor, true), ("front", front, false)] {
        assert_eq!(open_files(process).contains(&counters), has, "the counters' pipe, {who}");
    }
    for (who, process, has) in
        [("supervisor", supervisor, true), ("front", front, false), ("pixel process", pixel, false)]
    {
        assert_eq!(open_files(process).contains(&record), has, "the record, {who}");
    }
    run.end();
}

/// A file system with hardly any room; `None` where this user may not mount one.
struct Small(PathBuf);

impl Small {
    fn mount(place: PathBuf) -> Option<Self> {
        fs::create_dir_all(&place).unwrap();
        let options = ["-t", "tmpfs", "-o", "size=128k,mode=0700", "tmpfs"];
        let done = Command::new("mount").args(options).arg(&place).output().ok()?;
        done.status.success().then_some(Self(place))
    }

    /// Nothing can be written to it any more.
    fn seal(&self) {
        let done = Command::new("mount").args(["-o", "remount,ro"]).arg(&self.0).status().unwrap();
        assert!(done.success());
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).output();
    }
}

#[test]
fn a_full_disk_tears_a_line_masks_everything_and_is_told_when_there_is_room_again() {
    let dir = folder();
    let small = Small::mount(dir.path().join("small"));
    if !have("root", small.is_some()) {
        return;
    }
    // Lines of more than a page: none fits into what is left of the last one.
    let zone =
        |number| format!("[[zone]]\nname = \"{number} {}\"\noutline = [[0, 0], [0.1, 0], [0, 0.1]]\n", "x".repeat(190));
    let zones: String = (0..40).map(zone).collect();
    let mut run = Running::start(dir.path(), &config("small/policy.jsonl", &zones));
    run.wait_for_health("inspected", 10);
    let (path, filler) = (dir.path().join("small/policy.jsonl"), dir.path().join("small/somebody-elses"));
    let mut size = 128 << 10;
    while size > 0 && fs::write(&filler, vec![7u8; size]).is_err() {
        size -= 1 << 10;
    }
    // A line about a config: those about a fault are short.
    run.replace_config(&config("small/policy.jsonl", &format!("{zones}[events]\nsensitivity = 0.4\n")));
    wait_for("the fault", || run.told().contains("the record of policy can not be written").then_some(()));
    let torn = fs::read(&path).unwrap();
    assert!(torn.last() != Some(&b'\n'), "a part of the line had room");
    let (out, inspected) = (run.health("out").unwrap(), run.health("inspected").unwrap());
    run.wait_for_health("out", out + 60);
    assert_eq!(run.part("pixel-process"), None, "nobody sees the sensor");
    fs::remove_file(&filler).unwrap();
    run.wait_for_health("inspected", inspected + 10);
    run.end();
    assert!(fs::read(&path).unwrap().starts_with(&torn), "nothing was taken away");
    let (code, data, text) = verify(&path, None);
    assert!(code == Some(0) && data["torn"].as_array().unwrap().len() == 1, "{text}");
    assert!(text.contains("torn by a power cut or a full disk"), "{text}");
}

#[test]
fn a_read_only_disk_is_a_refusal_that_says_so_and_names_a_way_out() {
    let dir = folder();
    let small = Small::mount(dir.path().join("small"));
    if !have("root", small.is_some()) {
        return;
    }
    small.as_ref().unwrap().seal();
    let (code, told) = Running::start(dir.path(), &config("small/policy.jsonl", "")).ends();
    assert!(code == Some(1) && told.contains("Read-only file system"), "{code:?}: {told}");
    assert!(told.contains("small") && told.contains("remount it for writing, or name another place"), "{told}");
    assert!(fs::read_dir(dir.path().join("small")).unwrap().next().is_none());
    // And pictures that can not be written are no pictures.
    let picture = common::solvay();
    let out = dir.path().join("small/out.jpg");
    let run = frostglass().arg("redact").arg(picture).arg("-o").arg(out).assert().code(1);
    let told = String::from_utf8_lossy(&run.get_output().stderr).into_owned();
    assert!(told.contains("Read-only file system") && told.contains("out.jpg"), "{told}");
}
