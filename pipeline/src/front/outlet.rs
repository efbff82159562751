//! Each way out in a thread of its own, with a short queue.
//!
//! **Invariant.** A way out that is slow loses its oldest unread frames, which are counted, and delays nobody. One that
//! fails or panics is told, and the others go on; only at the first start, what can not be opened ends the run. All went
//! well when each thread has ended in time, without a panic, and none was gone with a failure. Frames are shared, not
//! copied.
//!
//! What a thread does when its way out fails is [`worker`](super::worker)'s business.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Context;
use crossbeam_channel::{Receiver, RecvTimeoutError, unbounded};

use super::Video;
use super::queue::Queue;
use super::ways::Way;
use super::worker::{Said, Worker};
use crate::event::Event;
use crate::hatch::ReceivedFrame;

/// For so long the first frame waits for what is opened; what takes longer is open later.
const PATIENCE: Duration = Duration::from_secs(10);
/// What is open is finished within this time, or left.
const FAREWELL: Duration = Duration::from_secs(10);

/// All ways out.
pub(super) struct Outlets {
    open: Vec<Outlet>,
    reports: Receiver<(usize, Said)>,
    /// Ways out for whose video the first opening has to succeed.
    patient: bool,
    failed: bool,
}

/// What the front has to know of its ways out.
pub(super) enum Report {
    /// Something is wrong with one of them.
    Fault(String),
    /// One of them can only be opened by another front.
    Anew,
    /// The last of them is gone.
    Over {
        /// By a fault, and not because its reader had enough.
        failed: bool,
    },
}

struct Outlet {
    name: String,
    queue: Arc<Queue>,
    thread: JoinHandle<()>,
    gone: bool,
}

impl Outlets {
    /// Opens what can be opened before the first frame. At the first start a fault here is a fault of the run; `again` it
    /// is told, and tried once more later.
    pub(super) fn of(ways: Vec<Way>, again: bool) -> anyhow::Result<Self> {
        let (says, reports) = unbounded();
        let mut open = Vec::new();
        for (index, mut way) in ways.into_iter().enumerate() {
            let sink = match way.opened(None) {
                Ok(sink) => sink,
                Err(error) if again => {
                    let _ = says.send((index, Said::Fault(format!("{}: {error:#}", way.name))));
                    None
                }
                Err(error) => return Err(error.context(way.name)),
            };
            let queue = Arc::new(Queue::default());
            let (name, says, its_queue) = (way.name.clone(), says.clone(), Arc::clone(&queue));
            let worker = Worker::new(way, sink, index, says);
            let thread = std::thread::Builder::new().name(format!("out-{index}"));
            let thread = thread.spawn(move || worker.work(&its_queue)).context("starting a thread failed")?;
            open.push(Outlet { name, queue, thread, gone: false });
        }
        Ok(Self { open, reports, patient: again, failed: false })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Says what the stream looks like from now on. At the first start, what cannot be opened for it ends the run.
    pub(super) fn video(&mut self, video: Video) -> anyhow::Result<()> {
        for outlet in &self.open {
            let answer = outlet.queue.push_video(video);
            if self.patient {
                continue;
            }
            match answer.recv_timeout(PATIENCE) {
                Ok(None) => {}
                Ok(Some(fault)) => anyhow::bail!("{}: {fault}", outlet.name),
                Err(RecvTimeoutError::Disconnected) => anyhow::bail!("{}: it ended before it was open", outlet.name),
                Err(RecvTimeoutError::Timeout) => {
                    tracing::warn!("{}: is slow to open; until it is, it loses frames", outlet.name);
                }
            }
        }
        self.patient = true;
        Ok(())
    }

    pub(super) fn frame(&mut self, frame: &Arc<ReceivedFrame>) {
        self.open.iter().filter(|outlet| !outlet.gone).for_each(|outlet| outlet.queue.push_frame(frame));
    }

    pub(super) fn event(&mut self, event: &Event) {
        let event = Arc::new(event.clone());
        self.open.iter().filter(|outlet| !outlet.gone).for_each(|outlet| outlet.queue.push_event(&event));
    }

    /// Frames that a way out was too slow for, over all ways out.
    pub(super) fn replaced(&self) -> u64 {
        self.open.iter().map(|outlet| outlet.queue.replaced()).fold(0, u64::saturating_add)
    }

    pub(super) fn report(&mut self) -> Option<Report> {
        loop {
            let (index, said) = self.reports.try_recv().ok()?;
            match said {
                Said::Fault(what) => return Some(Report::Fault(what)),
                Said::OutOfReach => return Some(Report::Anew),
                Said::Gone { failed } => {
                    self.failed |= failed;
                    if let Some(outlet) = self.open.get_mut(index) {
                        outlet.gone = true;
                    }
                    if self.open.iter().all(|outlet| outlet.gone) {
                        return Some(Report::Over { failed: self.failed });
                    }
                }
            }
        }
    }

    /// Finishes what is open; whether all of it went well.
    pub(super) fn finish(mut self) -> bool {
        for outlet in &self.open {
            outlet.queue.close();
        }
        let until = Instant::now() + FAREWELL;
        for outlet in self.open.drain(..) {
            while !outlet.thread.is_finished() && Instant::now() < until {
                std::thread::sleep(Duration::from_millis(2));
            }
            if !outlet.thread.is_finished() {
                tracing::error!("{}: did not end in time; what was not written is lost", outlet.name);
                self.failed = true;
            } else if outlet.thread.join().is_err() {
                tracing::error!("{}: its thread panicked; what was not written is lost", outlet.name);
                self.failed = true;
            }
        }
        while self.report().is_some() {}
        !self.failed
    }
}

#[cfg(test)]
#[path = "outlet_tests.rs"]
mod tests;
