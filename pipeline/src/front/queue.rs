//! What waits for one way out.
//!
//! **Invariant.** Putting something in never waits: a queue that is full of frames gives up its oldest, one that is full of
//! events, or that nobody takes from any more, takes none. Who asks whether a way out could be opened is answered, or sees
//! that nobody will.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crossbeam_channel::{Receiver, Sender, bounded};

use super::Video;
use crate::event::Event;
use crate::hatch::ReceivedFrame;

/// Redacted frames that may wait for a slow way out.
const FRAMES: usize = 4;
/// Events that may.
const EVENTS: usize = 4096;

/// What waits for a way out.
#[derive(Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    more: Condvar,
}

#[derive(Default)]
struct State {
    items: VecDeque<Item>,
    frames: usize,
    events: usize,
    replaced: u64,
    closed: bool,
    left: bool,
}

/// What went wrong when a way out was opened for some video, if anything did. Whoever can not answer any more drops it.
pub(super) type Answer = Sender<Option<String>>;

pub(super) enum Item {
    Video(Video, Answer),
    Frame(Arc<ReceivedFrame>),
    Event(Arc<Event>),
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, State> {
        // The queue is whole between two operations, so a panic elsewhere does not make it wrong.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn push_frame(&self, frame: &Arc<ReceivedFrame>) {
        let mut state = self.lock();
        if state.left {
            return;
        }
        if state.frames >= FRAMES
            && let Some(oldest) = state.items.iter().position(|item| matches!(item, Item::Frame(_)))
        {
            state.items.remove(oldest);
            (state.frames, state.replaced) = (state.frames - 1, state.replaced + 1);
        }
        state.frames += 1;
        state.items.push_back(Item::Frame(Arc::clone(frame)));
        self.more.notify_one();
    }

    /// Frames that were given up so far, because newer ones came before they were taken.
    pub(super) fn replaced(&self) -> u64 {
        self.lock().replaced
    }

    pub(super) fn push_event(&self, event: &Arc<Event>) {
        let mut state = self.lock();
        if state.left || state.events >= EVENTS {
            return;
        }
        state.events += 1;
        state.items.push_back(Item::Event(Arc::clone(event)));
        self.more.notify_one();
    }

    /// Gives what will be answered.
    pub(super) fn push_video(&self, video: Video) -> Receiver<Option<String>> {
        // There is room for the answer, so that giving it never waits.
        let (answer, answered) = bounded(1);
        let mut state = self.lock();
        if state.left {
            let _ = answer.send(None);
        } else {
            state.items.push_back(Item::Video(video, answer));
            self.more.notify_one();
        }
        answered
    }

    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.more.notify_all();
    }

    /// Nobody takes anything any more. A way out that ends has said why, so that to whom asks about it nothing is new.
    pub(super) fn leave(&self) {
        let mut state = self.lock();
        state.left = true;
        for item in std::mem::take(&mut state.items) {
            if let Item::Video(_, answer) = item {
                let _ = answer.send(None);
            }
        }
        (state.frames, state.events) = (0, 0);
    }

    /// The next item; `None` when it is closed and empty.
    pub(super) fn take(&self) -> Option<Item> {
        let mut state = self.lock();
        loop {
            if let Some(item) = state.items.pop_front() {
                state.frames -= usize::from(matches!(item, Item::Frame(_)));
                state.events -= usize::from(matches!(item, Item::Event(_)));
                return Some(item);
            }
            if state.closed {
                return None;
            }
            state = self.more.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}
