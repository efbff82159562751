//! Each way out in a thread of its own, with a short queue.
//!
//! **Invariant.** A way out that is slow loses its oldest unread frames, which are counted, and delays nobody. One that
//! fails is told once, closed, and tried again with back-off, until it has been open for a minute without a fault: to be
//! opened is no success, for a folder on a full disk can be. One that panics has failed. The others go on. Frames are shared,
//! not copied.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Context;
use crossbeam_channel::{Receiver, Sender, unbounded};

use super::Video;
use super::queue::{Item, Queue};
use super::ways::{Way, ways};
use crate::config::Config;
use crate::emit::{EmitError, Sink};
use crate::event::Event;
use crate::hatch::ReceivedFrame;
use crate::supervise::messages::Begun;

/// Between attempts to open what failed.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// What has been open for so long is well again.
const WELL: Duration = Duration::from_secs(60);
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
    /// The last of them is gone.
    Over {
        /// By a fault, and not because its reader had enough.
        failed: bool,
    },
}

/// What a way out's thread says.
enum Said {
    Fault(String),
    Gone { failed: bool },
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
    pub(super) fn open(config: &Config, again: bool, y4m: Begun) -> anyhow::Result<Self> {
        let (says, reports) = unbounded();
        let mut open = Vec::new();
        for (index, mut way) in ways(config, again, y4m)?.into_iter().enumerate() {
            let sink = match (way.open)(None) {
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
            if let Some(fault) = answer.wait(FAREWELL) {
                anyhow::bail!("{}: {fault}", outlet.name);
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
        for outlet in &self.open {
            while !outlet.thread.is_finished() && Instant::now() < until {
                std::thread::sleep(Duration::from_millis(2));
            }
            if !outlet.thread.is_finished() {
                tracing::error!("{}: did not end in time; what was not written is lost", outlet.name);
                self.failed = true;
            }
        }
        while self.report().is_some() {}
        !self.failed
    }
}

/// The thread of one way out.
struct Worker {
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
    fn new(way: Way, sink: Option<Box<dyn Sink>>, index: usize, says: Sender<(usize, Said)>) -> Self {
        Self { way, sink, video: None, retry: None, wait: FIRST_WAIT, mended: None, index, says }
    }

    fn work(mut self, queue: &Queue) {
        while let Some(item) = queue.take() {
            let going_on = match item {
                Item::Video(video, answer) => {
                    let fault = self.begin(video);
                    answer.give(fault.as_ref().map(|error| format!("{error:#}")));
                    fault.is_none_or(|fault| self.stumble(&fault))
                }
                Item::Frame(frame) => self.with_sink(|sink| sink.frame(&frame)),
                Item::Event(event) => self.with_sink(|sink| sink.event(&event)),
            };
            if !going_on {
                queue.close();
                return;
            }
        }
        if let Some(Err(error)) = self.sink.take().map(Sink::finish)
            && !error.is_closed()
        {
            self.say_gone(&error.into());
        }
    }

    /// Opens what waits for video, or what has to begin anew with other video.
    fn begin(&mut self, video: Video) -> Option<anyhow::Error> {
        let other = self.video.replace(video).is_some_and(|before| before.format != video.format);
        if self.sink.is_some() && !(other && self.way.per_format) {
            return None;
        }
        self.sink = None;
        match (self.way.open)(Some(video)) {
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
            match (self.way.open)(self.video) {
                Ok(sink) => {
                    (self.sink, self.retry, self.mended) = (sink, None, Some(Instant::now()));
                    tracing::info!("{}: open again", self.way.name);
                }
                Err(_) => self.wait_longer(),
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
        self.sink = None;
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
#[path = "outlet_tests.rs"]
mod tests;
