//! The command line as golden cases: what is printed where, and how it exits.
#![allow(clippy::unwrap_used, reason = "a test may panic: that is how it fails")]

mod common;

use common::{folder, frostglass, scene};

/// Exit code, standard output and standard error, with the program's folder and times taken out.
fn outcome(args: &[&str], dir: &std::path::Path) -> String {
    let run = frostglass().args(args).current_dir(dir).output().unwrap();
    let text = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes).replace(&dir.display().to_string(), "DIR");
        // Trailing blanks of wrapped help, and times, differ from run to run.
        let lines = text.lines().map(|line| line.trim_end().to_owned());
        let lines = lines.map(|line| match line.find(" in ") {
            Some(at) if line.ends_with(" s") => format!("{} in TIME", &line[..at]),
            _ => line,
        });
        lines.collect::<Vec<_>>().join("\n")
    };
    format!("exit {}\n-- out\n{}\n-- err\n{}", run.status.code().unwrap(), text(&run.stdout), text(&run.stderr))
}

#[test]
fn help_teaches() {
    let dir = folder();
    for (name, args) in [
        ("help", &["--help"][..]),
        ("help_redact", &["redact", "--help"]),
        ("help_run", &["run", "--help"]),
        ("help_bench", &["bench", "--help"]),
        ("help_check", &["check", "--help"]),
        ("help_verify", &["verify", "--help"]),
    ] {
        insta::assert_snapshot!(name, outcome(args, dir.path()));
    }
}

#[test]
fn wrong_use_is_told_and_exits_with_2() {
    let dir = folder();
    scene(20, 20, 1).save(dir.path().join("a.png")).unwrap();
    std::fs::write(dir.path().join("file.png"), "x").unwrap();
    for (name, args) in [
        ("nothing", &[][..]),
        ("no_output", &["redact", "a.png"]),
        ("unknown_flag", &["redact", "a.png", "-o", "b.png", "--fast"]),
        ("several_into_a_file", &["redact", "a.png", "file.png", "-o", "file.png"]),
        ("several_to_standard_output", &["redact", "a.png", "file.png", "-o", "-"]),
        ("bench_size", &["bench", "--size", "huge"]),
        ("bench_model", &["bench", "--model", "resnet"]),
        ("verify_key", &["verify", "file.png", "--key", "secret"]),
    ] {
        let outcome = outcome(args, dir.path());
        assert!(outcome.starts_with("exit 2\n"), "{outcome}");
        insta::assert_snapshot!(name, outcome);
    }
}

#[test]
fn failures_say_what_was_tried_on_what() {
    let dir = folder();
    std::fs::write(dir.path().join("text.jpg"), "Dear reader").unwrap();
    std::fs::write(dir.path().join("empty.png"), "").unwrap();
    std::fs::write(dir.path().join("old.gif"), b"GIF89a\0\0\0\0").unwrap();
    std::fs::write(dir.path().join("bad.toml"), "[faces]\nscore = 7.0\n").unwrap();
    scene(20, 20, 1).save(dir.path().join("a.png")).unwrap();
    for (name, args) in [
        ("missing_input", &["redact", "nowhere.jpg", "-o", "out/"][..]),
        ("no_picture", &["redact", "text.jpg", "-o", "out/"]),
        ("empty_file", &["redact", "empty.png", "-o", "out/"]),
        ("animated", &["redact", "old.gif", "-o", "out/"]),
        ("bad_config", &["redact", "a.png", "-o", "out/", "--config", "bad.toml"]),
        ("missing_config", &["check", "--config", "nowhere.toml"]),
        ("missing_record", &["verify", "nowhere.jsonl"]),
        ("no_record", &["verify", "bad.toml"]),
    ] {
        let outcome = outcome(args, dir.path());
        assert!(outcome.starts_with("exit 1\n"), "{outcome}");
        insta::assert_snapshot!(name, outcome);
    }
}

#[test]
fn a_picture_is_told_in_a_line() {
    let dir = folder();
    scene(40, 30, 1).save(dir.path().join("a.png")).unwrap();
    insta::assert_snapshot!("one_picture", outcome(&["redact", "a.png", "-o", "out/"], dir.path()));
}
