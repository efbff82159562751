//! All ways out together, when one of them panics.

use super::super::touchy::{Panics, touchy, video};
use super::*;
use crate::emit::{EmitError, Sink};

/// Ways out of which the last one panics; what panics in one of them does not keep another from its work.
fn beside_a_well_one(panics: Panics) -> Outlets {
    Outlets::of(vec![touchy(Panics::default()), touchy(panics)], false).unwrap()
}

#[test]
fn what_panics_when_it_is_opened_for_the_first_video_ends_the_start() {
    let mut outlets = beside_a_well_one(Panics { open: true, ..Panics::default() });
    let error = outlets.video(video(16)).unwrap_err().to_string();
    assert_eq!(error, "a touchy one: it panicked while it was opened");
}

#[test]
fn what_panics_when_it_is_opened_before_that_is_a_fault_of_the_start() {
    let at_once = || {
        let mut way = touchy(Panics { open: true, ..Panics::default() });
        let mut open = way.open;
        way.open = Box::new(move |_| open(Some(video(16))));
        vec![way]
    };
    let error = Outlets::of(at_once(), false).err().unwrap();
    assert_eq!(format!("{error:#}"), "a touchy one: it panicked while it was opened");
    let mut again = Outlets::of(at_once(), true).unwrap();
    let Some(Report::Fault(what)) = again.report() else { panic!("a fault is told") };
    assert_eq!(what, "a touchy one: it panicked while it was opened");
}

#[test]
fn what_panics_when_it_is_finished_did_not_go_well() {
    for (finish, goes_well) in [(false, true), (true, false)] {
        let mut outlets = beside_a_well_one(Panics { finish, ..Panics::default() });
        outlets.video(video(16)).unwrap();
        assert_eq!(outlets.finish(), goes_well);
    }
}

/// Nobody can say what went wrong.
#[derive(Debug)]
struct Unspeakable;

impl std::fmt::Display for Unspeakable {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        panic!("made up by the test");
    }
}

impl std::error::Error for Unspeakable {}

#[test]
fn a_thread_that_panics_anywhere_ends_the_start_and_did_not_go_well() {
    let mut way = touchy(Panics::default());
    way.open = Box::new(|video| if video.is_some() { Err(Unspeakable.into()) } else { Ok(None) });
    let mut outlets = Outlets::of(vec![way], false).unwrap();
    let error = outlets.video(video(16)).unwrap_err().to_string();
    assert_eq!(error, "a touchy one: it ended before it was open");
    assert!(!outlets.finish());
}

/// Its reader goes at the first event.
struct Left;

impl Sink for Left {
    fn name(&self) -> String {
        "left".to_owned()
    }

    fn event(&mut self, _: &Event) -> Result<(), EmitError> {
        Err(EmitError::Closed { path: "left".to_owned() })
    }
}

#[test]
fn one_whose_reader_has_gone_before_the_first_video_does_not_end_the_start() {
    let open = |_: Option<Video>| -> anyhow::Result<Option<Box<dyn Sink>>> { Ok(Some(Box::new(Left))) };
    let way = Way { name: "left".to_owned(), open: Box::new(open), once: true, per_format: false, place: None };
    let mut outlets = Outlets::of(vec![way], false).unwrap();
    outlets.event(&Event::Policy(crate::event::Policy { time: String::new(), hides: Vec::new() }));
    outlets.video(video(16)).unwrap();
    assert!(outlets.finish());
}
