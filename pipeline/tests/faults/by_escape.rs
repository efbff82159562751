//! What code that has taken over the pixel process tries: the engine that runs there, and the thread that decodes.

use std::os::unix::process::ExitStatusExt;

use faulty_engine::{AT_LOAD, Escape, Fault, LOOT, ORDERS, Order, RUNTIME, Whom};
use frostglass_models::Runtime;

use crate::common::{folder, have};
use crate::running::{Running, wait_for};
use crate::trial::{Trial, config, engine};

/// A trial that names what an attempt to write would leave, and whose threads can be taken over; none where this machine lacks a
/// wall.
fn trial() -> Option<Trial> {
    let trial = Trial::start_with(&config(""), |command| {
        command.env("LD_PRELOAD", engine()).env(LOOT, "loot");
    });
    let health = trial.events().into_iter().rev().find(|event| event["type"] == "health").unwrap();
    println!("missing: {}", health["walls_missing"]);
    have("walls", health["walls_missing"].as_array().is_some_and(Vec::is_empty)).then_some(trial)
}

#[test]
fn an_engine_or_a_decoder_that_does_what_nobody_whole_would_dies_and_the_stream_is_masked() {
    for (whom, attempts) in [(Whom::Faces, &Escape::DEADLY[..]), (Whom::Capture, &Escape::DEADLY[..3])] {
        let Some(mut trial) = trial() else { return };
        for &escape in attempts {
            let (start, restarts) = (trial.now(), trial.restarts());
            trial.order(whom, Fault::Escape(escape));
            trial.wait_for_restart(restarts);
            trial.order(Whom::All, Fault::None);
            trial.until(&format!("{whom:?} {escape:?}"), start, |counts| counts.masked >= 10);
            trial.recovers(&format!("after {whom:?} {escape:?}"));
        }
        assert!(!trial.folder.join("loot").exists());
        let told = trial.end();
        // The next process may meet the same before the order is taken back.
        assert!(told.matches("(SIGSYS)").count() >= attempts.len(), "{told}");
        assert!(!told.contains("faulty engine: "), "none of them lived to tell: {told}");
    }
}

#[test]
fn what_an_engine_or_a_decoder_has_no_business_with_is_refused_and_the_stream_goes_on() {
    let Some(trial) = trial() else { return };
    let pixel = trial.part("pixel-process").unwrap();
    for (whom, attempts) in [(Whom::Faces, &Escape::REFUSED[..]), (Whom::Capture, &Escape::REFUSED[..2])] {
        for &escape in attempts {
            let (before, start) = (trial.told().matches(&escape.refusal()).count(), trial.now());
            trial.order(whom, Fault::Escape(escape));
            wait_for(&format!("{whom:?} {escape:?}"), || {
                let told = trial.told();
                let open = ["SUCCEEDED", "for another reason"].iter().find(|words| told.contains(*words));
                assert!(open.is_none(), "{told}");
                (told.matches(&escape.refusal()).count() > before).then_some(())
            });
            trial.until(&format!("{whom:?} {escape:?}"), start, |counts| counts.clear >= 3);
        }
        trial.order(Whom::All, Fault::None);
    }
    assert_eq!(trial.part("pixel-process"), Some(pixel), "it is the same process");
    trial.end();
}

/// The library's own code runs when it is loaded, long before the first frame.
#[test]
fn an_engine_that_talks_or_starts_a_program_as_soon_as_it_is_loaded_ends_the_start() {
    for escape in [Escape::Talk, Escape::Execute] {
        let dir = folder();
        let orders = dir.path().join("orders");
        std::fs::write(&orders, Order::NONE.bytes()).unwrap();
        let run = Running::start_with(dir.path(), &config("").replace("y4m = \"-\"\n", ""), |command| {
            command.env("ORT_DYLIB_PATH", engine()).env(RUNTIME, Runtime::load().unwrap().path()).env(ORDERS, orders);
            command.env(AT_LOAD, format!("{escape:?}"));
        });
        let (code, told) = run.ends();
        assert!(code == Some(1) && told.contains("SIGSYS") && !told.contains("faulty engine: "), "{code:?}: {told}");
    }
}

/// Libraries are read then, but nothing is written.
#[test]
fn an_engine_that_writes_as_soon_as_it_is_loaded_writes_nothing() {
    let trial = Trial::start_with(&config(""), |command| {
        command.env(AT_LOAD, format!("{:?}", Escape::Write)).env(LOOT, "loot");
    });
    let told = trial.told();
    assert!(told.contains(&Escape::Write.refusal()) && !told.contains("SUCCEEDED"), "{told}");
    assert!(!trial.folder.join("loot").exists());
    trial.end();
}

/// Networks are run before frames come, to prove them: no filter refuses a file then, but none is in reach any more.
#[test]
fn an_engine_that_reads_a_file_as_soon_as_it_runs_reads_nothing() {
    for command in ["run", "redact"] {
        let dir = folder();
        let orders = dir.path().join("orders");
        let order = Order { whom: Whom::All, fault: Fault::Escape(Escape::Read) };
        std::fs::write(&orders, order.bytes()).unwrap();
        let with = |command: &mut std::process::Command| {
            command.env("ORT_DYLIB_PATH", engine()).env(RUNTIME, Runtime::load().unwrap().path()).env(ORDERS, orders);
        };
        let run = if command == "run" {
            Running::start_with(dir.path(), &config("").replace("y4m = \"-\"\n", ""), with)
        } else {
            let solvay = crate::common::solvay();
            Running::command(dir.path().to_owned(), &["redact", solvay.to_str().unwrap(), "-o", "out.jpg"], with)
        };
        wait_for(command, || run.told().contains("faulty engine: ").then_some(()));
        let lacks = run.told().contains("(Landlock)");
        if have("walls", !lacks) {
            assert!(run.told().contains(&Escape::Read.refusal()), "{command}: {}", run.told());
        }
    }
}

/// What was opened before the last walls stand is still open behind them: with something in it that leads out, no frame is looked at.
#[test]
fn an_engine_that_keeps_a_terminal_open_sees_no_frame() {
    let dir = folder();
    let orders = dir.path().join("orders");
    std::fs::write(&orders, Order::NONE.bytes()).unwrap();
    let mut run = Running::start_with(dir.path(), &config("").replace("y4m = \"-\"\n", ""), |command| {
        command.env("ORT_DYLIB_PATH", engine()).env(RUNTIME, Runtime::load().unwrap().path()).env(ORDERS, orders);
        command.env(AT_LOAD, format!("{:?}", Escape::Keep));
    });
    wait_for("the refusal", || run.told().contains("a terminal is open (device 5:2)").then_some(()));
    run.wait_for_health("restarts", 2);
    assert!(run.told().contains("faulty engine: Keep SUCCEEDED"), "{}", run.told());
    assert_eq!((run.health("inspected"), run.health("frames_in")), (Some(0), Some(0)));
    assert_eq!(run.health("out"), run.health("masked"));
    run.end();
}

/// Who proves a config before its first start has the engine loaded by that.
#[test]
fn check_loads_an_engine_behind_walls_as_run_does() {
    const SIGSYS: i32 = 31;
    let dir = folder();
    let (orders, loot) = (dir.path().join("orders"), dir.path().join("loot"));
    std::fs::write(&orders, Order::NONE.bytes()).unwrap();
    std::fs::write(dir.path().join("camera.toml"), config("")).unwrap();
    let check = |escape: Escape| {
        let mut command = std::process::Command::new(assert_cmd::cargo::cargo_bin("frostglass"));
        command.args(["check", "--config", "camera.toml"]).current_dir(dir.path());
        command.env("ORT_DYLIB_PATH", engine()).env(RUNTIME, Runtime::load().unwrap().path()).env(ORDERS, &orders);
        let output = command.env(LOOT, &loot).env(AT_LOAD, format!("{escape:?}")).output().unwrap();
        (output.status, String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (status, told) = check(Escape::Write);
    assert!(status.success() && told.contains(&Escape::Write.refusal()), "{status}: {told}");
    assert!(!loot.exists());
    for escape in [Escape::Talk, Escape::Execute] {
        let (status, told) = check(escape);
        assert_eq!(status.signal(), Some(SIGSYS), "{escape:?}: {told}");
    }
}
