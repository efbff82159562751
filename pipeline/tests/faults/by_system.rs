//! What the system does wrong: a queue is full, there is no memory, a thread or a process dies, the config changes.

use std::fs;

use faulty_engine::{Fault, Whom};
use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, prlimit};

use crate::pipe::Pipe;
use crate::running::wait_for;
use crate::trial::{Trial, config, config_of, engine};

fn pid(process: u32) -> Pid {
    Pid::from_raw(process as i32).unwrap()
}

#[test]
fn full_queues_lose_frames_and_show_no_face() {
    let mut trial = Trial::start(&config(""));
    let replaced = |trial: &Trial| trial.health("replaced").unwrap_or(0);
    // The front takes nothing: frames are replaced in the ring.
    let (before, front) = (replaced(&trial), pid(trial.part("front-process").unwrap()));
    kill_process(front, Signal::STOP).unwrap();
    std::thread::sleep(std::time::Duration::from_secs(3));
    kill_process(front, Signal::CONT).unwrap();
    trial.wait_for_health("replaced", before + 10);
    trial.recovers("after the front stood still");
    // The reader takes nothing: the way out drops its oldest, and the others go on.
    let (start, out, before) = (trial.now(), trial.health("out").unwrap_or(0), replaced(&trial));
    trial.pause_reading(true);
    trial.wait_for_health("out", out + 60);
    assert!(trial.since(start).all() < 40, "{:?}", trial.since(start));
    trial.wait_for_health("replaced", before + 20);
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

/// The inspecting thread panics where its engine gives it nothing to read, in `by_engine`.
#[test]
fn a_thread_that_captures_or_keeps_and_panics_masks_the_stream_and_is_started_anew() {
    let mut trial = Trial::start_with(&config(""), |command| {
        command.env("LD_PRELOAD", engine());
    });
    for whom in [Whom::Capture, Whom::Keeper] {
        let (start, restarts) = (trial.now(), trial.restarts());
        trial.order(whom, Fault::NoClock);
        trial.wait_for_restart(restarts);
        trial.order(Whom::All, Fault::None);
        trial.until(&format!("{whom:?} panics"), start, |counts| counts.masked >= 10);
        trial.recovers(&format!("after {whom:?} panicked"));
    }
    let told = trial.end();
    for words in ["thread 'capture'", "the capturing thread died", "thread 'main'", "(exit status: 101)"] {
        assert!(told.contains(words), "{words}: {told}");
    }
}

/// Held are frames that were captured and not yet let out. What was let out before its process died may leave after that:
/// it is redacted.
#[test]
fn what_was_held_dies_with_its_process_and_never_leaves_after_a_restart() {
    const HELD: usize = 8;
    let pipe = Pipe::numbered();
    let wish = config_of(&pipe.clip(), "").replace("[hold]\n", &format!("[hold]\nframes = {HELD}\n"));
    let mut trial = Trial::start_with(&wish, |command| pipe.serve(command));
    for how in ["killed", "replaced for another config"] {
        let (start, restarts) = (trial.now(), trial.restarts());
        match how {
            "killed" => kill_process(pid(trial.part("pixel-process").unwrap()), Signal::KILL).unwrap(),
            _ => trial.replace_config(&format!("{wish}[events]\nsensitivity = 0.4\n")),
        }
        trial.wait_for_restart(restarts);
        trial.until(how, start, |counts| counts.masked >= 10);
        trial.recovers(how);
        let (first, left) = (pipe.first_of_last_reader(), trial.numbers(start));
        let shown: Vec<u32> = left.iter().flatten().copied().collect();
        assert!(shown.is_sorted_by(|one, next| one < next), "{how}: the stream went back: {shown:?}");
        let back = left.iter().position(|number| *number >= Some(first)).unwrap();
        let last = left[..back].iter().rposition(Option::is_some);
        let dark = back - last.map_or(0, |last| last + 1);
        assert!(dark >= 10, "{how}: only {dark} frames between were masked: {left:?}");
        // Its own frames ended earlier than what it had been given.
        let before = last
            .and_then(|last| left[last])
            .unwrap_or_else(|| trial.numbers(0)[..start].iter().flatten().copied().max().unwrap());
        let gone = (first - before - 1) as usize;
        assert!(gone >= HELD, "{how}: {gone} frames that it had been given did not leave");
    }
    trial.end();
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
