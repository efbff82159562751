//! What waits for one way out.
//!
//! **Invariant.** Putting something in never waits: a queue that is full of frames gives up its oldest, one that is full of
//! events takes no more.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

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
}

pub(super) enum Item {
    Video(Video, Arc<Answer>),
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
        if state.events >= EVENTS {
            return;
        }
        state.events += 1;
        state.items.push_back(Item::Event(Arc::clone(event)));
        self.more.notify_one();
    }

    pub(super) fn push_video(&self, video: Video) -> Arc<Answer> {
        let answer = Arc::new(Answer::default());
        self.lock().items.push_back(Item::Video(video, Arc::clone(&answer)));
        self.more.notify_one();
        answer
    }

    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.more.notify_all();
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

/// Whether a way out could be opened for some video.
#[derive(Default)]
pub(super) struct Answer {
    given: Mutex<Option<Option<String>>>,
    came: Condvar,
}

impl Answer {
    pub(super) fn give(&self, fault: Option<String>) {
        *self.given.lock().unwrap_or_else(PoisonError::into_inner) = Some(fault);
        self.came.notify_all();
    }

    /// What went wrong, if that is known within `limit`.
    pub(super) fn wait(&self, limit: Duration) -> Option<String> {
        let given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.came.wait_timeout_while(given, limit, |given| given.is_none());
        waited.unwrap_or_else(PoisonError::into_inner).0.clone().flatten()
    }
}
