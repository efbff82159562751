//! Faults make it darker: the program that people run, with all its processes, on a clip with known faces, while something is
//! wrong with its engine, its source, its queues, its memory or its config.
//!
//! Each test proves the same three things from the pixels that left: no face was clear, before, during and after the fault
//! ([`originals`] judges each frame); frames went on leaving; and when the fault was over, the scene was seen again, so that
//! a program that shows nothing fails. What is wrong with the engine is done by an engine that does it, in the real one's
//! place (`tests/engine`); what is wrong with the source, by a source that does it. No stage is a mock.
//!
//! What only a device can do is in `tests/rig.rs`: unplugging, stalling, damaged buffers.
#![cfg(feature = "h264")]
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic: that is how it fails")]

#[path = "../common/mod.rs"]
mod common;
mod originals;
#[path = "../common/running.rs"]
mod running;
mod source;
mod trial;

use std::fs;

use faulty_engine::{Fault, Whom};
use running::wait_for;
use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, prlimit};
use source::{Flow, Pipe, jumping};
use trial::{Trial, config, config_of};

fn pid(process: u32) -> Pid {
    Pid::from_raw(process as i32).unwrap()
}

#[test]
fn an_engine_that_fails_or_answers_nonsense_masks_the_stream_and_nothing_is_started_anew() {
    let trial = Trial::start(&config(""));
    let pixel = trial.part("pixel-process").unwrap();
    for fault in [Fault::Error, Fault::Nan, Fault::Garbage, Fault::Wild, Fault::Many(1), Fault::Swapped] {
        trial.masks(Whom::Faces, fault, 12);
    }
    // Faces alone are not enough where the owner wants persons to be looked for.
    for fault in [Fault::Error, Fault::Nan, Fault::Many(1)] {
        trial.masks(Whom::Persons, fault, 12);
    }
    assert_eq!(trial.part("pixel-process"), Some(pixel), "it is the same process");
    trial.end();
}

#[test]
fn an_engine_that_hangs_masks_the_stream_and_is_replaced() {
    // After ten times its deadline it counts as stuck.
    let mut trial = Trial::start(&config("").replace("deadline_ms = 3000", "deadline_ms = 1000"));
    let pixel = trial.part("pixel-process").unwrap();
    // For a moment: a late answer uncovers nothing, and that is all.
    trial.masks(Whom::Faces, Fault::Hang, 20);
    assert_eq!(trial.part("pixel-process"), Some(pixel), "it is the same process");
    // For good: masked frames of the pixel process, then of the front, then of the next one.
    let (start, restarts) = (trial.now(), trial.restarts());
    trial.order(Whom::All, Fault::Hang);
    trial.wait_for_restart(restarts);
    let seen = trial.now();
    trial.until("a hanging engine, started anew", seen, |counts| counts.masked >= 20);
    assert!(trial.since(start).clear < 20, "{:?}", trial.since(start));
    trial.recovers("after the engine hung");
    let told = trial.end();
    assert!(told.contains("a network did not answer within"), "{told}");
}

#[test]
fn an_engine_that_dies_or_makes_its_thread_panic_masks_the_stream_and_is_started_anew() {
    let mut trial = Trial::start(&config(""));
    for fault in [Fault::Die, Fault::Nothing] {
        let (start, restarts) = (trial.now(), trial.restarts());
        trial.order(Whom::Faces, fault);
        trial.wait_for_restart(restarts);
        trial.order(Whom::All, Fault::None);
        trial.until(&format!("{fault:?}"), start, |counts| counts.masked >= 10);
        trial.recovers(&format!("after {fault:?}"));
    }
    let told = trial.end();
    assert!(told.contains("SIGABRT") && told.contains("the inspecting thread died"), "{told}");
}

#[test]
fn under_overload_frames_leave_masked_or_with_every_face_covered() {
    let trial = Trial::start(&config(""));
    let start = trial.now();
    trial.order(Whom::All, Fault::Slow(10));
    trial.until("ten times slower", start, |counts| counts.all() >= 60);
    // However fast this machine is.
    let start = trial.now();
    trial.order(Whom::All, Fault::Slow(60));
    trial.until("sixty times slower", start, |counts| counts.masked >= 20);
    trial.recovers("after the overload");
    trial.end();
}

/// Where it may look less closely, what it looks at more coarsely shows no face either.
#[test]
fn under_overload_with_less_detail_no_face_is_shown() {
    let lower = |text: String| text.replace("detail = \"fast\"", "detail = \"balanced\"");
    let wish = lower(config("")).replace("[emit]", "may_lower_detail = true\n[emit]");
    let trial = Trial::start_wide(&wish);
    let start = trial.now();
    trial.order(Whom::All, Fault::Slow(20));
    // It takes some hundred frames until it steps down, and down again.
    trial.until("twenty times slower", start, |counts| counts.all() >= 400);
    trial.recovers("after the overload");
    let told = trial.end();
    assert!(told.contains("this machine is too slow: from now on it looks fast, persons seldom"), "{told}");
}

#[test]
fn a_source_that_stalls_is_cut_speaks_nonsense_or_changes_its_size_leaves_masked_frames() {
    let pipe = Pipe::new();
    let mut trial = Trial::start_with(&config_of(&pipe.clip(), ""), |command| pipe.serve(command));
    let start = trial.now();
    pipe.give(Flow::Nothing);
    trial.until("a source that stalls", start, |counts| counts.masked >= 20);
    pipe.give(Flow::Frames);
    trial.recovers("after the source stalled");
    for flow in [Flow::Cut, Flow::Junk, Flow::OtherSize] {
        let (start, readers, restarts) = (trial.now(), pipe.readers(), trial.restarts());
        pipe.give(flow);
        trial.wait_for_restart(restarts);
        trial.until(&format!("{flow:?}"), start, |counts| counts.masked >= 4);
        trial.recovers(&format!("after {flow:?}"));
        assert!(pipe.readers() > readers, "it was opened anew");
    }
    let told = trial.end();
    assert!(told.contains("320") && told.contains("640"), "{told}");
}

#[test]
fn a_source_whose_clock_jumps_leaves_masked_frames_until_its_time_has_come() {
    let (_folder, clip) = jumping(10);
    let trial = Trial::start(&config_of(&clip, ""));
    trial.until("over the jump", trial.now(), |counts| counts.masked >= 20);
    trial.recovers("after the jump");
    trial.end();
}

#[test]
fn full_queues_lose_frames_and_show_no_face() {
    let mut trial = Trial::start(&config(""));
    // The front takes nothing: frames are replaced in the ring.
    let front = pid(trial.part("front-process").unwrap());
    kill_process(front, Signal::STOP).unwrap();
    std::thread::sleep(std::time::Duration::from_secs(3));
    kill_process(front, Signal::CONT).unwrap();
    trial.recovers("after the front stood still");
    // The reader takes nothing: the way out drops its oldest, and the others go on.
    let (start, out) = (trial.now(), trial.health("out").unwrap_or(0));
    trial.pause_reading(true);
    trial.wait_for_health("out", out + 60);
    assert!(trial.since(start).all() < 40, "{:?}", trial.since(start));
    trial.pause_reading(false);
    trial.recovers("after the reader stood still");
    trial.end();
}

#[test]
fn without_memory_for_frames_or_descriptors_the_stream_is_masked_until_there_are_some() {
    let mut trial = Trial::start(&config(""));
    let kill = |trial: &Trial| kill_process(pid(trial.part("pixel-process").unwrap()), Signal::KILL).unwrap();
    // The next pixel process gets no memory once its networks are loaded: none for its frames.
    let (start, restarts) = (trial.now(), trial.restarts());
    trial.order(Whom::Persons, Fault::Starve);
    kill(&trial);
    trial.wait_for_restart(restarts + 1);
    trial.until("without memory", start, |counts| counts.masked >= 10);
    trial.recovers("with memory again");
    // The supervisor can not even start one.
    let supervisor = Some(trial.id());
    let none = Rlimit { current: Some(3), ..getrlimit(Resource::Nofile) };
    let before = prlimit(supervisor, Resource::Nofile, none).unwrap();
    let start = trial.now();
    kill(&trial);
    wait_for("the failure", || trial.told().contains("starting a process of this program failed").then_some(()));
    trial.until("without descriptors", start, |counts| counts.masked >= 10);
    prlimit(supervisor, Resource::Nofile, before).unwrap();
    trial.recovers("with descriptors again");
    let told = trial.end();
    // Whichever came first: a frame or the stack of a thread.
    let failed = ["memory allocation of", "the system can start a thread", "starting a thread failed"];
    assert!(failed.iter().any(|words| told.contains(words)), "{told}");
}

#[test]
fn a_config_that_changes_under_way_shows_no_face_and_a_zone_once_hidden_stays_hidden() {
    let trial = Trial::start(&config(""));
    // Above all heads: a zone that cuts a face in two may keep its network from finding the other half.
    let zone = "[[zone]]\nname = \"ceiling\"\noutline = [[0, 0], [1, 0], [1, 0.2], [0, 0.2]]\n";
    assert!(!trial.is_top_hidden(0), "there is something to see at the top");
    let start = trial.now();
    trial.replace_config(&config(zone));
    wait_for("the new policy", || trial.told_policy("ceiling").then_some(()));
    trial.until("another config", start, |counts| counts.masked >= 3);
    trial.recovers("with a zone");
    let hidden = trial.now();
    // A slip of the finger, a file that is gone, and a change that is none of the zone's.
    trial.replace_config(&config(&zone.replace("[0, 0.2]]", "[0, 0.2]")));
    wait_for("the refusal", || trial.told().contains("the new config is refused").then_some(()));
    trial.recovers("with a broken config");
    fs::remove_file(trial.folder.join("camera.toml")).unwrap();
    trial.recovers("without a config");
    let start = trial.now();
    trial.replace_config(&config(&format!("{zone}[events]\nsensitivity = 0.4\n")));
    trial.until("a third config", start, |counts| counts.masked >= 3);
    trial.recovers("with the third config");
    assert!(trial.is_top_hidden(hidden), "a zone that is hidden stays hidden");
    trial.end();
}
