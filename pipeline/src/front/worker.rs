//! The thread of one way out.
//!
//! **Invariant.** One that fails is told once, closed, and tried again with back-off, until it has been open for a minute
//! without a fault: to be opened is no success, for a folder on a full disk can be. One that can not be opened again is told
//! and gone. One that panics has failed, whatever it was about: opening, taking something, closing, finishing. When the
//! thread itself panics, or the way out can not be finished, it is told and gone, with a failure. What panics a second time
//! while it unwinds ends the process, as Rust has it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use crossbeam_channel::Sender;

use super::Video;
use super::places::Place;
use super::queue::{Item, Queue};
use super::ways::Way;
use crate::emit::{EmitError, Sink};

/// Between attempts to open what failed.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// What has been open for so long is well again.
const WELL: Duration = Duration::from_secs(60);

/// What a way out's thread says.
pub(super) enum Said {
    Fault(String),
    /// What it writes to was replaced, and can not be opened from behind the walls of this process.
    OutOfReach,
    Gone {
        failed: bool,
    },
}

/// The thread of one way out.
pub(super) struct Worker {
    way: Way,
    sink: Option<Box<dyn Sink>>,
    video: Option<Video>,
    retry: Option<Instant>,
    wait: Duration,
    /// Since when it is open again after a fault; `None` as long as there was none.
    mended: Option<Instant>,
    index: usize,
    says: Sender<(usize, Said)>,
}

impl Worker {
    pub(super) fn new(way: Way, sink: Option<Box<dyn Sink>>, index: usize, says: Sender<(usize, Said)>) -> Self {
        Self { way, sink, video: None, retry: None, wait: FIRST_WAIT, mended: None, index, says }
    }

    /// Until the queue is closed and empty, or the way out is gone for good.
    pub(super) fn work(mut self, queue: &Queue) {
        if catch_unwind(AssertUnwindSafe(|| self.take_all(queue))).is_err() {
            self.close();
            self.say_gone(&anyhow::anyhow!("its thread panicked"));
        }
        queue.leave();
    }

    fn take_all(&mut self, queue: &Queue) {
        while let Some(item) = queue.take() {
            let going_on = match item {
                Item::Video(video, answer) => {
                    let fault = self.begin(video);
                    let _ = answer.send(fault.as_ref().map(|error| format!("{error:#}")));
                    fault.is_none_or(|fault| self.stumble(&fault))
                }
                Item::Frame(frame) => self.with_sink(|sink| sink.frame(&frame)),
                Item::Event(event) => self.with_sink(|sink| sink.event(&event)),
            };
            if !going_on {
                return;
            }
        }
        let Some(sink) = self.sink.take() else { return };
        match catch_unwind(AssertUnwindSafe(|| sink.finish())) {
            Ok(Err(error)) if !error.is_closed() => self.say_gone(&error.into()),
            Ok(_) => {}
            Err(_) => {
                self.say_gone(&anyhow::anyhow!("it panicked while it was finished; what was not written is lost"));
            }
        }
    }

    /// Opens what waits for video, or what has to begin anew with other video.
    fn begin(&mut self, video: Video) -> Option<anyhow::Error> {
        let other = self.video.replace(video).is_some_and(|before| before.format != video.format);
        if self.sink.is_some() && !(other && self.way.per_format) {
            return None;
        }
        if !self.close() {
            return Some(anyhow::anyhow!("it panicked while it was closed"));
        }
        match self.way.opened(Some(video)) {
            Ok(sink) => {
                self.sink = sink;
                None
            }
            Err(error) => Some(error),
        }
    }

    /// Gives the sink something, and opens it again when that is due. Whether this way out goes on.
    fn with_sink(&mut self, give: impl FnOnce(&mut dyn Sink) -> Result<(), EmitError>) -> bool {
        if self.sink.is_none() && self.retry.is_some_and(|retry| retry <= Instant::now()) {
            match self.way.opened(self.video) {
                Ok(sink) => {
                    (self.sink, self.retry, self.mended) = (sink, None, Some(Instant::now()));
                    tracing::info!("{}: open again", self.way.name);
                }
                Err(_) => {
                    if self.way.place.as_ref().is_some_and(Place::is_other) {
                        let _ = self.says.send((self.index, Said::OutOfReach));
                    }
                    self.wait_longer();
                }
            }
        }
        let Some(sink) = &mut self.sink else { return true };
        // One that panics would else be dead, with nobody told. What it was doing is not gone on with: it is closed.
        let Ok(given) = catch_unwind(AssertUnwindSafe(|| give(sink.as_mut()))) else {
            return self.stumble(&anyhow::anyhow!("it panicked"));
        };
        match given {
            Ok(()) => true,
            Err(error) if error.is_closed() && self.way.once => {
                tracing::warn!("{}: its reader has gone", self.way.name);
                let _ = self.says.send((self.index, Said::Gone { failed: false }));
                false
            }
            Err(error) => self.stumble(&error.into()),
        }
    }

    /// A fault: it is told, and tried again later if that makes sense.
    fn stumble(&mut self, error: &anyhow::Error) -> bool {
        self.close();
        if self.way.once {
            self.say_gone(error);
            return false;
        }
        let again = self.retry.is_some() || self.mended.is_some_and(|since| since.elapsed() < WELL);
        if !again {
            self.wait = FIRST_WAIT;
        }
        self.wait_longer();
        if !again {
            let what = format!("{}: {error:#}; it is closed and tried again", self.way.name);
            tracing::error!("{what}");
            let _ = self.says.send((self.index, Said::Fault(what)));
        }
        true
    }

    /// Drops the sink; whether that went well.
    fn close(&mut self) -> bool {
        let sink = self.sink.take();
        let well = catch_unwind(AssertUnwindSafe(|| drop(sink))).is_ok();
        if !well {
            tracing::error!("{}: it panicked while it was closed", self.way.name);
        }
        well
    }

    fn say_gone(&self, error: &anyhow::Error) {
        tracing::error!("{}: closed after a fault: {error:#}", self.way.name);
        let _ = self.says.send((self.index, Said::Fault(format!("{}: {error:#}", self.way.name))));
        let _ = self.says.send((self.index, Said::Gone { failed: true }));
    }

    fn wait_longer(&mut self) {
        self.retry = Some(Instant::now() + self.wait);
        self.wait = (2 * self.wait).min(LONGEST_WAIT);
    }
}

#[cfg(test)]
#[path = "worker_tests.rs"]
mod tests;
