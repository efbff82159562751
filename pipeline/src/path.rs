//! The path of a frame: source, hold, inspector, redactor, hatch, wired with threads and bounded channels.
//!
//! **Invariant.** A camera never waits for a network: a frame for which the inspector has no time leaves wholly
//! masked and on time. Whichever thread dies or hangs, what leaves is masked, or nothing.
//!
//! Three threads: *capture* fills blanks, the *inspector* looks at lent frames, and the *keeper* (the thread that
//! calls [`run`]) owns the hold, the redactor and the pixel side of the hatch. What comes out of the hatch is for
//! another thread to take.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded, never, select};
use frostglass_vault::{Findings, Kind, Look, Pool, RawFrame, RedactedFrame, Redactor, Stamp, Zones};

use crate::capture::{CaptureError, Source};
use crate::clock::Clock;
use crate::event::{self, Event, Fault, Masked, Phase};
use crate::hatch::{Closed, Hatch, Outbound};
use crate::hold::{Hold, Leaving, Limits};
use crate::inspect::Inspector;
use crate::metrics::Metrics;

/// How patient the path is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manners {
    /// Of files: each frame is looked at, the source waits.
    Patient,
    /// Of a camera: the source sets the pace; what cannot be looked at in time leaves masked.
    Live,
}

/// What a frame passes on its way.
pub struct Stages {
    /// Painted over before anybody holds the frame.
    pub zones: Arc<Zones>,
    /// Looks.
    pub inspector: Inspector,
    /// Paints.
    pub redactor: Redactor,
    /// How long frames are held.
    pub limits: Limits,
}

/// What all threads of a path share.
#[derive(Clone)]
pub struct Shared {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The counters.
    pub metrics: Arc<Metrics>,
    /// Set from outside to end: what is held still leaves.
    pub stop: Arc<AtomicBool>,
}

/// How a path ended. What was whole has left in any case.
#[derive(Debug, thiserror::Error)]
pub enum PathError {
    /// The source ended by a fault.
    #[error(transparent)]
    Source(#[from] CaptureError),
    /// The inspecting thread died; frames left masked from then on.
    #[error("the inspecting thread died; no frame was let out unmasked after that")]
    InspectorDied,
    /// A network hangs.
    #[error("a network did not answer within {limit:?}; nothing was let out")]
    InspectorHangs {
        /// How long it was waited for.
        limit: Duration,
    },
    /// The capturing thread died.
    #[error("the capturing thread died")]
    CaptureDied,
    /// Nobody takes what comes out.
    #[error(transparent)]
    Closed(#[from] Closed),
}

/// Frames between capture and keeper.
const QUEUE: usize = 2;
/// Looks of a camera that may wait for a network which is slow for a moment.
const LOOKS: usize = 6;
/// Slots for frames in queues, in capture's and the inspector's hands, and in the hatch.
const SLOTS_BESIDE_HOLD: usize = QUEUE + LOOKS + 10;
/// How long an inspector that hangs is waited for at the end.
const FAREWELL: Duration = Duration::from_secs(2);

/// Runs frames from `source` to `hatch` until the source ends, `stop` is set, or nobody takes them any more.
///
/// # Errors
/// When it ended otherwise than by its source's regular end; all that was whole has then left, too.
pub fn run(
    source: Box<dyn Source>,
    stages: Stages,
    hatch: &mut dyn Hatch,
    manners: Manners,
    shared: &Shared,
) -> Result<(), PathError> {
    let pool = Pool::new(source.format(), stages.limits.look_ahead + SLOTS_BESIDE_HOLD);
    let (captured_in, captured) = bounded(QUEUE);
    let (lend, lent) = bounded(if manners == Manners::Live { LOOKS } else { 1 });
    // An answer for each slot has room: the inspector never waits for the keeper.
    let (answer_in, answers) = bounded(stages.limits.look_ahead + SLOTS_BESIDE_HOLD);

    let camera = Camera { source, pool, zones: stages.zones, manners, shared: shared.clone() };
    let capture = spawn("capture", move || camera.capture(&captured_in));
    let mut desk = Desk {
        inspector: stages.inspector,
        clock: Arc::clone(&shared.clock),
        // A file's frames are each looked at, however long it takes.
        deadline: (manners == Manners::Live).then_some(stages.limits.deadline),
        usual: Duration::ZERO,
    };
    let inspecting = spawn("inspect", move || desk.answer(&lent, &answer_in));

    let mut keeper = Keeper {
        hold: Hold::new(stages.limits),
        redactor: stages.redactor,
        hatch,
        manners,
        shared: shared.clone(),
        inspector: Some(lend),
        inspector_died: false,
        waiting: None,
    };
    let kept = keeper.keep(&captured, &answers);
    let inspector_died = keeper.inspector_died;
    drop(keeper);
    // Capture gives up at its next frame when nobody receives any more.
    drop(captured);
    let farewell = farewell(&inspecting);
    let source_fault = capture.join().map_err(|_| PathError::CaptureDied)?;
    kept?;
    match source_fault {
        Some(fault) => Err(fault.into()),
        None if inspector_died || farewell.is_err() => Err(PathError::InspectorDied),
        None => Ok(()),
    }
}

/// What capture hands to the keeper.
enum Captured {
    Frame(RawFrame),
    Lost(Stamp),
}

/// What the inspector hands to the keeper.
struct Answer {
    sequence: u64,
    findings: Findings,
    events: Vec<Event>,
    /// There was no time to look.
    skipped: bool,
}

/// A look at a frame, and when the frame was captured.
type Lent = (Look, Duration);

/// The capturing thread.
struct Camera {
    source: Box<dyn Source>,
    pool: Pool,
    zones: Arc<Zones>,
    manners: Manners,
    shared: Shared,
}

impl Camera {
    /// Captures until the source ends; gives the fault by which it ended, if it was one.
    fn capture(mut self, out: &Sender<(Captured, Duration)>) -> Option<CaptureError> {
        // What is read while all slots are in quarantine goes here, so that the source's time goes on.
        let scrap = Pool::new(self.pool.format(), 1);
        let mut sequence = 0;
        while !self.shared.stop.load(Ordering::Relaxed) {
            let (mut blank, lost) = match (self.pool.blank(), self.manners) {
                (Some(blank), _) => (blank, false),
                (None, Manners::Live) => (scrap.blank()?, true),
                (None, Manners::Patient) => {
                    thread::sleep(Duration::from_millis(1));
                    continue;
                }
            };
            let stamp = |time| Stamp { sequence, time };
            let captured = match self.source.read(&mut blank) {
                Ok(None) => return None,
                Ok(Some(time)) => {
                    if lost {
                        Captured::Lost(stamp(time))
                    } else {
                        Captured::Frame(blank.expose(stamp(time), &self.zones))
                    }
                }
                Err(error @ CaptureError::BrokenFrame { time, .. }) => {
                    // A camera may do so for weeks: told at the 1st, 2nd, 4th, 8th ...
                    if (self.shared.metrics.capture.lost.get() + 1).is_power_of_two() {
                        tracing::warn!("{error}; it leaves masked");
                    }
                    Captured::Lost(stamp(time))
                }
                Err(CaptureError::NotYet { .. }) => continue,
                Err(error) => return Some(error),
            };
            self.shared.metrics.capture.captured.one();
            self.shared.metrics.capture.lost.add(u64::from(matches!(captured, Captured::Lost(_))));
            if out.send((captured, self.shared.clock.now())).is_err() {
                return None;
            }
            sequence += 1;
        }
        None
    }
}

/// The inspecting thread.
struct Desk {
    inspector: Inspector,
    clock: Arc<dyn Clock>,
    /// From capture to findings; `None` when there is time for each.
    deadline: Option<Duration>,
    /// How long a look takes of late.
    usual: Duration,
}

impl Desk {
    /// One answer for each look, in the order in which they were lent.
    fn answer(&mut self, lent: &Receiver<Lent>, answers: &Sender<Answer>) {
        for (look, captured) in lent {
            let sequence = look.stamp().sequence;
            let mut events = Vec::new();
            let skipped = self.is_hopeless(captured, lent);
            let findings = if skipped { Findings::Missing } else { self.inspect(look, &mut events) };
            if answers.send(Answer { sequence, findings, events, skipped }).is_err() {
                return;
            }
        }
        let mut events = Vec::new();
        self.inspector.finish(self.clock.wall(), &mut events);
        // Nobody waits for this sequence number: the answer carries the last events only.
        let _ = answers.send(Answer { sequence: u64::MAX, findings: Findings::Missing, events, skipped: false });
    }

    /// Whether the findings would come too late while a newer frame waits. Under overload the time is spent on frames
    /// that can still leave clear; the newest is always looked at, so that one slow answer does not end all looking.
    fn is_hopeless(&self, captured: Duration, lent: &Receiver<Lent>) -> bool {
        let ready = self.clock.now().saturating_add(self.usual);
        !lent.is_empty() && self.deadline.is_some_and(|deadline| ready >= captured.saturating_add(deadline))
    }

    fn inspect(&mut self, look: Look, events: &mut Vec<Event>) -> Findings {
        let began = self.clock.now();
        let findings = self.inspector.inspect(look, self.clock.wall(), events);
        let took = self.clock.now().saturating_sub(began);
        self.usual = (self.usual * 7 + took) / 8;
        findings
    }
}

/// The thread that owns the hold.
struct Keeper<'a> {
    hold: Hold,
    redactor: Redactor,
    hatch: &'a mut dyn Hatch,
    manners: Manners,
    shared: Shared,
    /// `None` when no more looks will be sent.
    inspector: Option<Sender<Lent>>,
    inspector_died: bool,
    /// A lease for which the inspector's queue had no room yet.
    waiting: Option<Lent>,
}

impl Keeper<'_> {
    fn keep(&mut self, captured: &Receiver<(Captured, Duration)>, answers: &Receiver<Answer>) -> Result<(), PathError> {
        let (no_frames, no_answers) = (never(), never());
        let (mut frames_come, mut answers_come) = (true, true);
        while frames_come || !self.hold.is_empty() {
            self.lend_waiting();
            let frames = if frames_come && self.waiting.is_none() { captured } else { &no_frames };
            let answers = if answers_come { answers } else { &no_answers };
            select! {
                recv(frames) -> came => match came {
                    Ok((captured, at)) => self.take_in(captured, at),
                    Err(_) => {
                        frames_come = false;
                        self.hold.close();
                    }
                },
                recv(answers) -> came => match came {
                    Ok(answer) => self.settle(answer)?,
                    Err(_) => {
                        answers_come = false;
                        self.lose_inspector()?;
                    }
                },
                default(self.patience()) => {}
            }
            self.refuse_to_wait_forever()?;
            self.let_out()?;
        }
        self.collect_last_events(answers, answers_come)
    }

    /// Of a file, a frame that nobody answers for ends the work: nobody wants a clip that is grey from there on.
    fn refuse_to_wait_forever(&self) -> Result<(), PathError> {
        let overdue = self.hold.next_due().is_some_and(|due| due <= self.shared.clock.now());
        match self.manners {
            Manners::Patient if overdue => Err(PathError::InspectorHangs { limit: self.hold.limits().deadline }),
            _ => Ok(()),
        }
    }

    fn take_in(&mut self, captured: Captured, at: Duration) {
        match captured {
            Captured::Lost(stamp) => self.hold.take_in_lost(stamp, at),
            Captured::Frame(frame) => {
                let look = self.hold.take_in(frame, at);
                self.waiting = Some((look, at));
                self.lend_waiting();
            }
        }
        if self.manners == Manners::Live
            && let Some((look, _)) = self.waiting.take()
        {
            self.shared.metrics.inspect.skipped.one();
            self.give_up(look);
        }
    }

    fn lend_waiting(&mut self) {
        let Some(lent) = self.waiting.take() else { return };
        let sent = match &self.inspector {
            Some(inspector) => inspector.try_send(lent),
            None => Err(TrySendError::Disconnected(lent)),
        };
        match sent {
            Ok(()) => {}
            Err(TrySendError::Full(lent)) => self.waiting = Some(lent),
            Err(TrySendError::Disconnected((look, _))) => self.give_up(look),
        }
    }

    /// Nobody will look at this frame.
    fn give_up(&mut self, look: Look) {
        let sequence = look.stamp().sequence;
        drop(look);
        self.hold.settle(sequence, Findings::Missing);
    }

    fn settle(&mut self, answer: Answer) -> Result<(), PathError> {
        let Answer { sequence, findings, events, skipped } = answer;
        let inspect = &self.shared.metrics.inspect;
        match &findings {
            Findings::Missing if sequence == u64::MAX => {}
            Findings::Missing if skipped => inspect.skipped.one(),
            Findings::Missing => inspect.failed.one(),
            Findings::Complete(found) => {
                inspect.complete.one();
                inspect.faces.add(found.iter().filter(|seen| seen.kind == Kind::Face).count() as u64);
            }
        }
        self.hold.settle(sequence, findings);
        for event in events {
            inspect.events.add(u64::from(matches!(&event, Event::Motion(motion) if motion.phase == Phase::Start)));
            self.hatch.publish(Outbound::Event(event))?;
        }
        Ok(())
    }

    fn let_out(&mut self) -> Result<(), PathError> {
        while let Some((leaving, captured)) = self.hold.leave(self.shared.clock.now()) {
            let redacted = match leaving {
                Leaving::Frame(inspected) => self.redactor.redact(inspected),
                Leaving::Lost(stamp) => RedactedFrame::masked(self.redactor.format(), stamp),
            };
            let emit = &self.shared.metrics.emit;
            emit.masked.add(u64::from(redacted.is_masked()));
            emit.replaced.add(self.hatch.publish(Outbound::Frame(redacted))?);
            emit.out.one();
            emit.latency.record(self.shared.clock.now().saturating_sub(captured));
        }
        Ok(())
    }

    fn lose_inspector(&mut self) -> Result<(), PathError> {
        (self.inspector, self.inspector_died) = (None, true);
        if let Some((look, _)) = self.waiting.take() {
            self.give_up(look);
        }
        tracing::error!("the inspecting thread died: every frame leaves masked from now on");
        let now = event::written(self.shared.clock.wall());
        let what = "the inspecting thread died".to_owned();
        let fault = Fault { time: now.clone(), what, since: now, masked: Masked::Everything };
        self.hatch.publish(Outbound::Event(Event::Fault(fault)))?;
        match self.manners {
            // A camera's stream goes on, masked; of a file, nothing is better than a grey clip.
            Manners::Live => Ok(()),
            Manners::Patient => Err(PathError::InspectorDied),
        }
    }

    /// Tells the inspector that no more will come, and lets out the events it ends with.
    fn collect_last_events(&mut self, answers: &Receiver<Answer>, answers_come: bool) -> Result<(), PathError> {
        if !answers_come {
            return Ok(());
        }
        self.inspector = None;
        while let Ok(answer) = answers.recv_timeout(FAREWELL) {
            self.settle(answer)?;
        }
        Ok(())
    }

    /// How long nothing has to happen.
    fn patience(&self) -> Duration {
        const LONG: Duration = Duration::from_millis(500);
        let until_due = self.hold.next_due().map(|due| due.saturating_sub(self.shared.clock.now()));
        until_due.map_or(LONG, |until| until.min(LONG))
    }
}

fn spawn<T: Send + 'static>(name: &str, work: impl FnOnce() -> T + Send + 'static) -> thread::JoinHandle<T> {
    thread::Builder::new().name(name.to_owned()).spawn(work).expect("the system can start a thread")
}

/// Waits a little for a thread to end; one that hangs is left behind, with the memory it holds in quarantine.
fn farewell(thread: &thread::JoinHandle<()>) -> Result<(), ()> {
    let until = std::time::Instant::now() + FAREWELL;
    while !thread.is_finished() {
        if std::time::Instant::now() > until {
            return Err(());
        }
        thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}
