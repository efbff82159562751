//! Bad input gets a clear error, and nothing is lost: no output that does not open, none that was not inspected.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic: that is how it fails")]

mod common;
#[path = "bad_input/networks.rs"]
mod networks;
#[path = "../../models/tests/common/own_network.rs"]
mod own_network;

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use common::{Clip, example, files, folder, frostglass, have, pan, read, scene, solvay};

fn told(run: &assert_cmd::assert::Assert) -> String {
    String::from_utf8_lossy(&run.get_output().stderr).into_owned()
}

#[test]
fn what_is_no_whole_picture_is_named_and_has_no_output() {
    let dir = folder();
    let jpeg = std::fs::read(solvay()).unwrap();
    let png = {
        let path = dir.path().join("whole.png");
        scene(90, 70, 1).save(&path).unwrap();
        std::fs::read(path).unwrap()
    };
    let half = |bytes: &[u8]| bytes[..bytes.len() / 2].to_vec();
    let mut flipped = png.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 0x55;
    let cases = [
        ("empty.jpg", Vec::new()),
        ("text.jpg", b"this is no picture".to_vec()),
        ("half.jpg", half(&jpeg)),
        ("half.png", half(&png)),
        ("flipped.png", flipped),
        ("start.jpg", jpeg[..20].to_vec()),
    ];
    for (name, bytes) in cases {
        let input = dir.path().join(name);
        std::fs::write(&input, bytes).unwrap();
        let out = folder();
        let run = frostglass().arg("redact").arg(&input).arg("-o").arg(out.path().join("out/")).assert().code(1);
        assert!(told(&run).contains(name), "{name}: {}", told(&run));
        assert!(files(out.path()).is_empty(), "{name}: {:?}", files(out.path()));
    }
}

/// Whoever names a file that somebody else redacts does not get to write on the terminal of that one.
#[test]
fn a_files_name_does_not_drive_the_terminal() {
    let (from, to) = (folder(), folder());
    let name = |number: u32| from.path().join(format!("{number}\u{1b}[2J\u{202e}.png"));
    scene(48, 40, 1).save(name(1)).unwrap();
    let whole = std::fs::read(name(1)).unwrap();
    std::fs::write(name(2), &whole[..whole.len() / 2]).unwrap();
    let told = told(&frostglass().arg("redact").arg(from.path()).arg("-o").arg(to.path()).assert().code(1));
    assert!(told.contains("1\u{fffd}[2J\u{fffd}.png →") && told.contains("2\u{fffd}[2J"), "{told}");
    assert!(!told.contains(['\u{1b}', '\u{202e}']), "{told:?}");
}

#[test]
fn one_bad_file_in_a_folder_of_a_hundred_spoils_no_other() {
    let (from, to) = (folder(), folder());
    for number in 0..100 {
        scene(48, 40, number).save(from.path().join(format!("{number:03}.png"))).unwrap();
    }
    let bad = from.path().join("042.png");
    let bytes = std::fs::read(&bad).unwrap();
    std::fs::write(&bad, &bytes[..bytes.len() - 30]).unwrap();
    let run = frostglass().arg("redact").arg(from.path()).arg("-o").arg(to.path()).assert().code(1);
    let told = told(&run);
    assert!(told.contains("042.png") && told.contains("99 redacted, 1 failed"), "{told}");
    assert_eq!(files(to.path()).len(), 99);
}

#[test]
fn one_bad_name_among_several_spoils_no_other() {
    let dir = folder();
    scene(40, 30, 1).save(dir.path().join("good.png")).unwrap();
    let inputs = [dir.path().join("good.png"), dir.path().join("nowhere.png")];
    let run = frostglass().arg("redact").args(inputs).arg("-o").arg(dir.path().join("out")).assert().code(1);
    assert!(told(&run).contains("nowhere.png") && told(&run).contains("1 redacted, 1 failed"), "{}", told(&run));
    assert_eq!(files(&dir.path().join("out")), ["good.png"]);
}

#[test]
fn the_smallest_and_a_large_picture_are_done() {
    let (dir, out) = (folder(), folder());
    scene(1, 1, 1).save(dir.path().join("one.png")).unwrap();
    scene(5, 1, 1).save(dir.path().join("row.png")).unwrap();
    scene(5472, 3648, 1).save(dir.path().join("large.jpg")).unwrap();
    frostglass().arg("redact").arg(dir.path()).arg("-o").arg(out.path()).assert().success();
    assert_eq!(files(out.path()), ["large.jpg", "one.png", "row.png"]);
    assert_eq!(read(&out.path().join("large.jpg")).dimensions(), (5472, 3648));
}

#[test]
fn an_output_that_exists_is_refused_without_force_and_an_input_is_never_overwritten() {
    let dir = folder();
    let (input, output) = (dir.path().join("in.png"), dir.path().join("out.png"));
    scene(40, 30, 1).save(&input).unwrap();
    std::fs::write(&output, "mine").unwrap();
    let redact = |to: &Path, force: bool| {
        let mut command = frostglass();
        command.arg("redact").arg(&input).arg("-o").arg(to);
        if force {
            command.arg("--force");
        }
        command.assert()
    };
    let refused = redact(&output, false).code(1);
    assert!(told(&refused).contains("--force"), "{}", told(&refused));
    assert_eq!(std::fs::read(&output).unwrap(), b"mine");
    redact(&output, true).success();
    assert_eq!(read(&output).dimensions(), (40, 30));
    let before = std::fs::read(&input).unwrap();
    let link = dir.path().join("link.png");
    std::fs::hard_link(&input, &link).unwrap();
    for same in [&input, &link] {
        redact(same, true).code(1);
        assert_eq!(std::fs::read(&input).unwrap(), before);
    }
}

#[test]
fn a_clip_that_ends_mid_frame_keeps_what_was_whole() {
    let dir = folder();
    let clip = Clip::moving(64, 48, 6);
    let bytes = clip.bytes();
    let input = dir.path().join("cut.y4m");
    std::fs::write(&input, &bytes[..bytes.len() - 1000]).unwrap();
    let output = dir.path().join("out.y4m");
    let run = frostglass().arg("redact").arg(&input).arg("-o").arg(&output).assert().code(1);
    assert!(told(&run).contains("cut.y4m"), "{}", told(&run));
    let kept = Clip::parse(&std::fs::read(&output).unwrap());
    assert_eq!((kept.frames.len(), kept.width), (5, 64));
}

#[test]
fn a_full_disk_is_told_and_leaves_no_file() {
    let root = rustix::process::geteuid().is_root();
    if !have("root", root) {
        return;
    }
    let dir = folder();
    let small = dir.path().join("small");
    std::fs::create_dir(&small).unwrap();
    let mount = Command::new("mount").args(["-t", "tmpfs", "-o", "size=64k", "tmpfs"]).arg(&small).status();
    if !have("root", mount.is_ok_and(|status| status.success())) {
        return;
    }
    let run = frostglass().arg("redact").arg(solvay()).arg(pan()).arg("-o").arg(&small).assert().code(1);
    let left = files(&small);
    Command::new("umount").arg(&small).status().unwrap();
    assert!(told(&run).contains("solvay.jpg") && told(&run).to_lowercase().contains("space"), "{}", told(&run));
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_picture_does_not_go_to_standard_output() {
    let dir = folder();
    scene(32, 32, 1).save(dir.path().join("a.png")).unwrap();
    let run = frostglass().args(["redact", "a.png", "-o", "-"]).current_dir(dir.path()).assert().code(2);
    assert!(told(&run).contains("a.png: standard output takes a clip"), "{}", told(&run));
    assert_eq!(files(dir.path()), ["a.png"]);
}

#[test]
fn no_job_writes_what_another_reads() {
    let dir = folder();
    for name in ["photos", "new"] {
        std::fs::create_dir(dir.path().join(name)).unwrap();
    }
    scene(32, 32, 1).save(dir.path().join("photos/b.png")).unwrap();
    scene(32, 32, 2).save(dir.path().join("new/d.png")).unwrap();
    // By another name, too.
    std::fs::hard_link(dir.path().join("photos/b.png"), dir.path().join("photos/d.png")).unwrap();
    let before = std::fs::read(dir.path().join("photos/b.png")).unwrap();
    let run = frostglass()
        .args(["redact", "--force", "photos/b.png", "new/d.png", "-o", "photos/"])
        .current_dir(dir.path())
        .assert()
        .code(2);
    assert!(told(&run).contains("which is the input photos/b.png"), "{}", told(&run));
    assert_eq!(std::fs::read(dir.path().join("photos/b.png")).unwrap(), before);
}

#[test]
fn what_files_would_not_get_is_refused_and_not_passed_over() {
    let dir = folder();
    scene(32, 32, 1).save(dir.path().join("a.png")).unwrap();
    for wish in ["[moving]\nredact = true\n", "[camera]\nrotate = 180\n"] {
        std::fs::write(dir.path().join("my.toml"), wish).unwrap();
        let run = frostglass()
            .args(["redact", "a.png", "-o", "out.png", "--config", "my.toml"])
            .current_dir(dir.path())
            .assert()
            .code(2);
        assert!(told(&run).contains(wish.lines().nth(1).unwrap()), "{}", told(&run));
        assert!(!dir.path().join("out.png").exists());
    }
}

/// ONNX Runtime for Linux would keep a store and a device number in the user's cache folder.
#[test]
fn the_engine_leaves_nothing_behind() {
    let dir = folder();
    let home = dir.path().join("home");
    std::fs::create_dir(&home).unwrap();
    scene(64, 64, 1).save(dir.path().join("a.png")).unwrap();
    frostglass()
        .args(["redact", "a.png", "-o", "out.png"])
        .env_remove("ORT_DISABLE_TELEMETRY")
        .env_remove("XDG_CACHE_HOME")
        .env("HOME", &home)
        .current_dir(dir.path())
        .assert()
        .success();
    assert_eq!(std::fs::read_dir(&home).unwrap().count(), 0, "the engine made files of its own");
}

#[test]
fn events_are_not_appended_to_an_input() {
    let dir = folder();
    let clip = dir.path().join("pan.mp4");
    std::fs::copy(example("media/solvay_pan.mp4"), &clip).unwrap();
    let before = std::fs::read(&clip).unwrap();
    let run = frostglass()
        .args(["redact", "pan.mp4", "-o", "out.mp4", "--events", "pan.mp4"])
        .current_dir(dir.path())
        .assert()
        .code(1);
    assert!(told(&run).contains("pan.mp4") && told(&run).contains("name another file"), "{}", told(&run));
    assert_eq!(std::fs::read(&clip).unwrap(), before);
}

#[test]
fn a_description_that_nobody_reads_to_its_end_is_no_fault() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let status = Command::new(env!("CARGO_BIN_EXE_frostglass"))
        .args(["check", "--config"])
        .arg(example("demo.toml"))
        .stdout(Stdio::from(writer))
        .status()
        .unwrap();
    assert!(status.success(), "{status}");
}

#[test]
fn a_folder_without_a_picture_is_no_success() {
    let dir = folder();
    std::fs::create_dir(dir.path().join("empty")).unwrap();
    std::fs::create_dir(dir.path().join("letters")).unwrap();
    std::fs::write(dir.path().join("letters/a.txt"), "Dear reader").unwrap();
    for (name, says) in [("empty", "no picture and no clip"), ("letters", "1 file of another kind")] {
        let run = frostglass().args(["redact", name, "-o", "out"]).current_dir(dir.path()).assert().code(1);
        assert!(told(&run).contains(name) && told(&run).contains(says), "{}", told(&run));
        assert!(!dir.path().join("out").exists());
    }
}

#[test]
fn a_name_that_promises_another_kind_of_file_is_told() {
    let dir = folder();
    scene(64, 64, 1).save(dir.path().join("a.png")).unwrap();
    let run = frostglass().args(["redact", "a.png", "-o", "b.mp4"]).current_dir(dir.path()).assert().success();
    assert!(told(&run).contains("written as PNG, whatever its name says"), "{}", told(&run));
}

#[test]
fn a_closed_pipe_ends_cleanly() {
    let shell = format!(
        "{} redact - -o - < {} | head -c 20000 | wc -c",
        assert_cmd::cargo::cargo_bin("frostglass").display(),
        "clip.y4m"
    );
    let dir = folder();
    std::fs::write(dir.path().join("clip.y4m"), Clip::moving(160, 120, 200).bytes()).unwrap();
    let run = Command::new("bash").args(["-c", &shell]).current_dir(dir.path()).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&run.stdout).trim(), "20000");
    assert!(!String::from_utf8_lossy(&run.stderr).contains("panicked"), "{}", String::from_utf8_lossy(&run.stderr));
}

/// Whenever it is interrupted, under the final name there is either nothing or a file that opens.
#[test]
fn an_interrupt_at_any_moment_leaves_no_broken_file() {
    let dir = folder();
    for number in 0..12 {
        scene(400, 300, number).save(dir.path().join(format!("{number:02}.png"))).unwrap();
    }
    let mut random = 0x1234_5678_u32;
    let mut interrupted = 0;
    for round in 0..20 {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let out = folder();
        let mut command = Command::new(assert_cmd::cargo::cargo_bin("frostglass"));
        command.arg("redact").arg(dir.path()).arg(pan()).arg("-o").arg(out.path());
        let mut child = command.process_group(0).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(u64::from(random >> 16) % 2500));
        let signal = if round % 4 == 3 { rustix::process::Signal::KILL } else { rustix::process::Signal::INT };
        let pid = rustix::process::Pid::from_child(&child);
        // It may be done already.
        let _ = rustix::process::kill_process(pid, signal);
        let status = child.wait().unwrap();
        interrupted += u32::from(!status.success());
        for name in files(out.path()) {
            let path = out.path().join(&name);
            if name.ends_with(".png") {
                assert_eq!(read(&path).dimensions(), (400, 300), "{name}");
            } else if name.ends_with(".mp4") {
                frostglass().arg("redact").arg(&path).arg("-o").arg(out.path().join("again.y4m")).assert().success();
            } else {
                assert!(name.contains(".part"), "{name}");
                assert_eq!(signal, rustix::process::Signal::KILL, "{name} was left behind");
            }
        }
    }
    assert!(interrupted > 5, "only {interrupted} of 20 came before the end");
}

#[test]
fn mosaic_on_moving_input_is_refused() {
    let dir = folder();
    let config = dir.path().join("mosaic.toml");
    std::fs::write(&config, "[faces]\nredact = \"mosaic\"\n").unwrap();
    let mut redact = frostglass();
    redact.arg("redact").arg(pan()).arg("-o").arg(dir.path().join("out.mp4")).arg("--config").arg(&config);
    let run = redact.assert().code(2);
    assert!(told(&run).contains("mosaic"), "{}", told(&run));
    assert!(!dir.path().join("out.mp4").exists());
}
