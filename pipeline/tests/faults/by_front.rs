//! A front that was taken over: see `hostile_front`.

use crate::common::have;
use crate::hostile_front::attack;
use crate::trial::{Trial, config};

#[test]
fn a_front_that_was_taken_over_gets_no_raw_frame_whatever_it_asks_and_changes_none() {
    if !have("root", rustix::process::geteuid().is_root()) {
        return;
    }
    let zone = "[[zone]]\nname = \"ceiling\"\noutline = [[0, 0], [1, 0], [1, 0.2], [0, 0.2]]\n";
    let trial = Trial::start(&config(zone));
    let (pixel, front) = (trial.part("pixel-process").unwrap(), trial.part("front-process").unwrap());
    let start = trial.now();
    attack(trial.id().as_raw_nonzero().get() as u32, front);
    // The stream goes on by the same pixel process, and the zone is hidden on each frame that shows anything.
    trial.until("after all of it", trial.now(), |counts| counts.clear >= 30);
    assert!(trial.is_top_hidden(start), "the zone was shown");
    assert_eq!(trial.part("pixel-process"), Some(pixel), "nothing that the front has reaches it");
    trial.end();
}
