//! What the engine does wrong: it fails, lies, hangs, dies, or has too little time.

use faulty_engine::{Fault, Whom};

use crate::trial::{Trial, config};

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

/// More boxes than any scene holds, at the sizes of input that are used; and in answers that are larger than the input's size
/// allows, which no healthy engine gives.
#[test]
fn ten_thousand_boxes_mask_the_stream_whatever_answer_they_come_in() {
    // Looks are larger, and take longer.
    let wish = config("").replace("detail = \"fast\"", "detail = \"balanced\"");
    let wish = wish.replace("deadline_ms = 3000", "deadline_ms = 8000");
    let trial = Trial::start_with(&wish, |command| {
        command.env("RUST_LOG", "info,frostglass::inspect=debug");
    });
    let pixel = trial.part("pixel-process").unwrap();
    for whom in [Whom::Faces, Whom::Persons] {
        for fault in [Fault::Many(10_000), Fault::Longer] {
            trial.masks(whom, fault, 12);
        }
    }
    assert_eq!(trial.part("pixel-process"), Some(pixel), "it is the same process");
    let told = trial.end();
    // All cells of an input of 1280×736; all anchors of the person network.
    for count in [19_320, 19_206] {
        assert!(told.contains(&format!("{count} boxes in one picture")), "{count}: {told}");
    }
    assert!(told.contains(&format!("has shape [1, {}", Fault::LONGER)), "{told}");
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
    // Under the last filter, too, an abort is seen as one.
    assert!(told.contains("SIGABRT") && !told.contains("SIGSEGV"), "{told}");
    assert!(told.contains("the inspecting thread died"), "{told}");
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
    assert!(trial.health("skipped") > Some(0), "there was no time for some frames: {:?}", trial.health("skipped"));
    trial.recovers("after the overload");
    trial.end();
}

/// Where it may look less closely, what it looks at more coarsely shows no face either.
#[test]
fn under_overload_with_less_detail_no_face_is_shown() {
    let lower = |text: String| text.replace("detail = \"fast\"", "detail = \"balanced\"");
    let wish = lower(config("")).replace("[emit]", "may_lower_detail = true\n[emit]");
    let trial = Trial::start(&wish);
    let start = trial.now();
    trial.order(Whom::All, Fault::Slow(20));
    // It takes some hundred frames until it steps down, and down again.
    trial.until("twenty times slower", start, |counts| counts.all() >= 400);
    trial.recovers("after the overload");
    let told = trial.end();
    assert!(told.contains("this machine is too slow: from now on it looks fast, persons seldom"), "{told}");
}
