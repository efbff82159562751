//! What the source does wrong: it stalls, breaks off, speaks nonsense, changes its size, and jumps in time.

use crate::originals::Originals;
use crate::pipe::{Flow, Pipe};
use crate::source::{PAN_RATE, RATE, RESIZED_AFTER, resized, timed, times_of};
use crate::trial::{Trial, config_of};

#[test]
fn a_source_that_stalls_is_cut_speaks_nonsense_or_changes_its_size_leaves_masked_frames() {
    let pipe = Pipe::new();
    let mut trial = Trial::start_with(&config_of(&pipe.clip(), ""), |command| pipe.serve(command));
    let start = trial.now();
    pipe.give(Flow::Nothing);
    trial.until("a source that stalls", start, |counts| counts.masked >= 20);
    pipe.give(Flow::Frames);
    trial.recovers("after the source stalled");
    for flow in [Flow::Cut, Flow::Junk, Flow::OtherSize, Flow::End] {
        let (start, readers, restarts) = (trial.now(), pipe.readers(), trial.restarts());
        pipe.give(flow);
        trial.wait_for_restart(restarts);
        trial.until(&format!("{flow:?}"), start, |counts| counts.masked >= 4);
        trial.recovers(&format!("after {flow:?}"));
        assert!(pipe.readers() > readers, "it was opened anew");
    }
    let told = trial.end();
    assert!(told.matches("whole frames").count() >= 4, "each end is told: {told}");
}

/// A clip of pictures says in the middle what size it has now.
#[test]
fn a_source_that_changes_its_size_in_mid_stream_leaves_masked_frames_until_it_has_the_old_one() {
    let [(_folder, clip), (_other, whole)] = resized();
    let wish = config_of(&clip, "").replace("[camera]\n", &format!("[camera]\nfps = {RATE}\n"));
    let mut trial = Trial::start_on(&wish, Originals::of_first(RESIZED_AFTER, &whole));
    for change in ["first", "second"] {
        let (start, restarts) = (trial.now(), trial.restarts());
        trial.wait_for_restart(restarts);
        trial.until(&format!("the {change} change of size"), start, |counts| counts.masked >= 4);
        trial.recovers(&format!("after the {change} change of size"));
    }
    let told = trial.end();
    assert!(told.contains("320") && told.contains("640"), "{told}");
}

#[test]
fn a_source_whose_clock_jumps_leaves_masked_frames_until_its_time_has_come() {
    let (_folder, clip) = timed(|frame| if frame < 20 { frame } else { frame + 10 * PAN_RATE });
    let trial = Trial::start(&config_of(&clip, ""));
    trial.until("over the jump", trial.now(), |counts| counts.masked >= 20);
    trial.recovers("after the jump");
    trial.end();
}

/// Frames whose time has passed, or is that of the frame before, come as fast as the source can give them.
#[test]
fn a_source_whose_clock_jumps_backwards_or_stands_still_shows_no_face() {
    let back = timed(|frame| if frame < 20 { frame } else { frame - PAN_RATE });
    let standing = timed(|frame| if frame < 20 { frame } else { 20.max(frame - 20) });
    let far_back = timed(|frame| if frame < 20 { frame + 30 * PAN_RATE } else { frame });
    for (what, (_folder, clip)) in [("back", back), ("standing", standing), ("far back", far_back)] {
        let times = times_of(&clip);
        assert_eq!(times.len(), 60, "{what}");
        let repeated = times.windows(2).filter(|two| two[0] == two[1]).count();
        assert!(repeated >= 14 && times.is_sorted(), "{what}: {repeated} of {times:?}");
        let trial = Trial::start(&config_of(&clip, ""));
        // Twice over the clip.
        trial.until(what, trial.now(), |counts| counts.all() >= 120 && counts.masked >= 10);
        trial.recovers(&format!("after {what}"));
        trial.end();
    }
}
