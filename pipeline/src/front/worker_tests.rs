//! What becomes of a way out that fails, over and over.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crossbeam_channel::unbounded;

use super::super::touchy::{Panics, touchy, video};
use super::*;
use crate::event::Event;

/// Takes `well` events, and then none.
struct FullDisk {
    well: u32,
}

impl Sink for FullDisk {
    fn name(&self) -> String {
        "a full disk".to_owned()
    }

    fn event(&mut self, _: &Event) -> Result<(), EmitError> {
        if self.well == 0 {
            let source = std::io::ErrorKind::StorageFull.into();
            return Err(EmitError::Full { path: "events".to_owned(), bytes: 0, source });
        }
        self.well -= 1;
        Ok(())
    }
}

#[test]
fn what_can_be_opened_and_not_written_is_told_once_and_tried_more_and_more_seldom() {
    let opened = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&opened);
    let open = move |_| -> anyhow::Result<Option<Box<dyn Sink>>> {
        count.fetch_add(1, Ordering::Relaxed);
        Ok(Some(Box::new(FullDisk { well: 1 })))
    };
    let way = Way { name: "events".to_owned(), open: Box::new(open), once: false, per_format: false, place: None };
    let (says, said) = unbounded();
    let mut worker = Worker::new(way, Some(Box::new(FullDisk { well: 0 })), 0, says);
    let event = Event::Policy(crate::event::Policy { time: String::new(), hides: Vec::new() });
    let mut waits = Vec::new();
    for _ in 0..8 {
        while worker.sink.is_some() {
            assert!(worker.with_sink(|sink| sink.event(&event)));
        }
        waits.push(worker.wait.as_secs());
        // It is time for the next attempt.
        worker.retry = Some(Instant::now());
        assert!(worker.with_sink(|sink| sink.event(&event)));
    }
    assert_eq!(waits, [2, 4, 8, 16, 32, 60, 60, 60]);
    assert_eq!((said.try_iter().count(), opened.load(Ordering::Relaxed)), (1, 8));
}

/// Panics at each event.
struct Broken;

impl Sink for Broken {
    fn name(&self) -> String {
        "a broken one".to_owned()
    }

    fn event(&mut self, _: &Event) -> Result<(), EmitError> {
        panic!("made up by the test");
    }
}

#[test]
fn one_that_panics_is_told_once_and_tried_again() {
    let opened = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&opened);
    let open = move |_| -> anyhow::Result<Option<Box<dyn Sink>>> {
        count.fetch_add(1, Ordering::Relaxed);
        Ok(Some(Box::new(FullDisk { well: 5 })))
    };
    let way = Way { name: "events".to_owned(), open: Box::new(open), once: false, per_format: false, place: None };
    let (says, said) = unbounded();
    let mut worker = Worker::new(way, Some(Box::new(Broken)), 0, says);
    let event = Event::Policy(crate::event::Policy { time: String::new(), hides: Vec::new() });
    assert!(worker.with_sink(|sink| sink.event(&event)));
    assert!(worker.sink.is_none(), "it is closed");
    let (_, Said::Fault(what)) = said.try_recv().unwrap() else { panic!("a fault is told") };
    assert!(what.contains("it panicked"), "{what}");
    worker.retry = Some(Instant::now());
    assert!(worker.with_sink(|sink| sink.event(&event)));
    assert_eq!((worker.sink.is_some(), opened.load(Ordering::Relaxed)), (true, 1));
}

#[test]
fn one_that_panics_when_it_is_closed_for_other_video_is_a_fault_and_opened_anew() {
    let (says, said) = unbounded();
    let mut worker = Worker::new(touchy(Panics { close: true, ..Panics::default() }), None, 0, says);
    assert!(worker.begin(video(16)).is_none());
    let fault = worker.begin(video(32)).unwrap();
    assert_eq!(fault.to_string(), "it panicked while it was closed");
    assert!(worker.stumble(&fault) && worker.sink.is_none() && said.try_iter().count() == 1);
    worker.retry = Some(Instant::now());
    assert!(worker.with_sink(|_| Ok(())) && worker.sink.is_some(), "it is open again");
    // A fault that closes it is told, whatever the closing does.
    worker.mended = None;
    assert!(worker.stumble(&fault) && worker.sink.is_none() && said.try_iter().count() == 1);
}

#[test]
fn one_that_panics_when_it_is_opened_again_is_tried_more_and_more_seldom() {
    let (says, said) = unbounded();
    let mut worker = Worker::new(touchy(Panics { open: true, ..Panics::default() }), None, 0, says);
    let fault = worker.begin(video(16)).unwrap();
    assert!(worker.stumble(&fault));
    let mut waits = Vec::new();
    for _ in 0..3 {
        waits.push(worker.wait.as_secs());
        worker.retry = Some(Instant::now());
        assert!(worker.with_sink(|_| Ok(())) && worker.sink.is_none());
    }
    assert_eq!((waits, said.try_iter().count()), (vec![2, 4, 8], 1));
}
