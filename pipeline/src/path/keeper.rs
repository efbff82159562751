//! The thread that owns the hold, the redactor and the pixel side of the hatch.
//!
//! **Invariant.** What has no findings when it has to leave, leaves masked. A network that hangs, or a thread that died, ends
//! the path, with all that was held let out before: of it, too, nothing is clear that nobody looked at.

use std::sync::atomic::Ordering;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, TrySendError, never, select};
use frostglass_vault::{Findings, Kind, Look, Redactor};

use super::alarm::{Alarm, look_again};
use super::camera::Captured;
use super::desk::Answer;
use super::{FAREWELL, Lent, Manners, PathError, Shared};
use crate::event::{self, Event, Fault, Masked, Phase};
use crate::hatch::{Closed, Hatch, Outbound};
use crate::hold::track::Clues;
use crate::hold::{Hold, Leaving};

/// The thread that owns the hold.
pub(super) struct Keeper<'a> {
    hold: Hold,
    redactor: Redactor,
    hatch: &'a mut dyn Hatch,
    manners: Manners,
    shared: Shared,
    /// `None` when no more looks will be sent.
    inspector: Option<Sender<Lent>>,
    /// A lease for which the inspector's queue had no room yet.
    waiting: Option<Lent>,
    /// Lists for clues that are not in use.
    spare: Vec<Clues>,
    asked: Asked,
    alarm: Alarm,
    /// What the path will end by.
    fault: Option<PathError>,
    /// When the order to stop was seen.
    stopped: Option<Duration>,
}

/// Lists for clues that are kept for later.
const MOST_SPARE: usize = 16;

/// Looks that were lent and not answered.
struct Asked {
    count: usize,
    /// Since when the oldest of them has had the inspector for itself.
    since: Duration,
    /// Longer than this is not slow, but stuck.
    limit: Duration,
}

impl<'a> Keeper<'a> {
    pub(super) fn new(
        hold: Hold,
        redactor: Redactor,
        hatch: &'a mut dyn Hatch,
        manners: Manners,
        shared: Shared,
        inspector: Sender<Lent>,
    ) -> Self {
        let deadline = hold.limits().deadline;
        let limit = match manners {
            Manners::Patient => deadline / 2,
            Manners::Live => (10 * deadline).max(Duration::from_secs(5)),
        };
        let asked = Asked { count: 0, since: Duration::ZERO, limit };
        let alarm = Alarm::default();
        Self {
            hold,
            redactor,
            hatch,
            manners,
            shared,
            inspector: Some(inspector),
            waiting: None,
            spare: Vec::new(),
            asked,
            alarm,
            fault: None,
            stopped: None,
        }
    }

    pub(super) fn keep(
        &mut self,
        captured: &Receiver<(Captured, Duration)>,
        answers: &Receiver<Answer>,
    ) -> Result<(), PathError> {
        let (no_frames, no_answers) = (never(), never());
        let (mut frames_come, mut answers_come) = (true, true);
        while frames_come || !self.hold.is_empty() {
            self.lend_waiting();
            let frames = if frames_come && self.waiting.is_none() { captured } else { &no_frames };
            let answers = if answers_come { answers } else { &no_answers };
            select! {
                recv(frames) -> came => match came {
                    Ok((captured, at)) => self.take_in(captured, at),
                    Err(_) => frames_come = false,
                },
                recv(answers) -> came => match came {
                    Ok(answer) => self.settle(answer)?,
                    Err(_) => {
                        answers_come = false;
                        self.give_up_inspecting(PathError::InspectorDied)?;
                    }
                },
                default(self.patience()) => {}
            }
            if self.fault.is_none() && self.hangs() {
                self.give_up_inspecting(PathError::InspectorHangs { limit: self.asked.limit })?;
            }
            if let (Some(_), Manners::Patient) = (&self.fault, self.manners) {
                // Of a file, nothing is better than a clip that is grey from there on.
                break;
            }
            frames_come &= self.fault.is_none() && !self.has_waited_for_the_end();
            if !frames_come {
                self.hold.close();
            }
            self.let_out()?;
        }
        match self.fault.take() {
            Some(fault) => Err(fault),
            None => self.collect_last_events(answers),
        }
    }

    /// Capture ends by itself when it is told to stop; but its source may wait for something that never comes.
    fn has_waited_for_the_end(&mut self) -> bool {
        if !self.shared.stop.load(Ordering::Relaxed) {
            return false;
        }
        let now = self.shared.clock.now();
        now.saturating_sub(*self.stopped.get_or_insert(now)) > FAREWELL
    }

    /// Whether the inspector has had one look for longer than it may.
    fn hangs(&self) -> bool {
        self.asked.count > 0 && self.shared.clock.now().saturating_sub(self.asked.since) > self.asked.limit
    }

    fn take_in(&mut self, captured: Captured, at: Duration) {
        match captured {
            Captured::Lost(stamp) => self.hold.take_in_lost(stamp, at),
            Captured::Frame(frame) => {
                let look = self.hold.take_in(frame, at);
                self.waiting = Some((look, at, self.spare.pop().unwrap_or_default()));
                self.lend_waiting();
            }
        }
        if self.manners == Manners::Live
            && let Some((look, _, clues)) = self.waiting.take()
        {
            self.shared.metrics.inspect.skipped.one();
            self.spare.push(clues);
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
            Ok(()) => {
                if self.asked.count == 0 {
                    self.asked.since = self.shared.clock.now();
                }
                self.asked.count += 1;
            }
            Err(TrySendError::Full(lent)) => self.waiting = Some(lent),
            Err(TrySendError::Disconnected((look, ..))) => self.give_up(look),
        }
    }

    /// Nobody will look at this frame.
    fn give_up(&mut self, look: Look) {
        let sequence = look.stamp().sequence;
        drop(look);
        self.hold.give_up(sequence);
    }

    fn settle(&mut self, answer: Answer) -> Result<(), PathError> {
        let Answer { sequence, findings, clues, events, skipped } = answer;
        if sequence != Answer::LAST {
            self.asked.count = self.asked.count.saturating_sub(1);
            self.asked.since = self.shared.clock.now();
        }
        let inspect = &self.shared.metrics.inspect;
        match &findings {
            Findings::Missing if sequence == Answer::LAST => {}
            Findings::Missing if skipped => inspect.skipped.one(),
            Findings::Missing => inspect.failed.one(),
            Findings::Complete(found) => {
                inspect.complete.one();
                inspect.faces.add(found.iter().filter(|seen| seen.kind == Kind::Face).count() as u64);
            }
        }
        self.hold.settle(sequence, findings, &clues);
        if self.spare.len() < MOST_SPARE {
            self.spare.push(clues);
        }
        for event in events {
            inspect.events.add(u64::from(matches!(&event, Event::Motion(motion) if motion.phase == Phase::Start)));
            self.hatch.publish(Outbound::Event(event))?;
        }
        Ok(())
    }

    fn let_out(&mut self) -> Result<(), Closed> {
        while let Some((leaving, captured)) = self.hold.leave(self.shared.clock.now()) {
            let is_first = matches!(leaving, Leaving::Unshown(_));
            let redacted = match leaving {
                Leaving::Frame(inspected) => self.redactor.redact(inspected),
                Leaving::Lost(stamp) | Leaving::Unshown(stamp) => self.redactor.masked(stamp),
            };
            let (wall, metrics) = (self.shared.clock.wall(), &self.shared.metrics);
            if let Some(fault) = look_again(self.redactor.proof(), wall, &metrics.emit) {
                self.hatch.publish(Outbound::Event(fault))?;
            }
            let (emit, masked) = (&self.shared.metrics.emit, redacted.is_masked());
            let ago = self.shared.clock.now().saturating_sub(captured);
            emit.replaced.add(self.hatch.publish_captured(redacted, ago)?);
            emit.masked.add(u64::from(masked));
            emit.out.one();
            let now = self.shared.clock.now();
            emit.latency.record(now.saturating_sub(captured));
            // That a camera begins masked is no fault, however few frames a second it gives.
            let dark = masked && !is_first;
            if self.manners == Manners::Live
                && let Some(fault) = self.alarm.left(dark, now, self.shared.clock.wall(), &self.shared.metrics)
            {
                self.hatch.publish(Outbound::Event(fault))?;
            }
        }
        Ok(())
    }

    /// Nobody looks any more: what is held leaves masked, and the path ends by this fault.
    fn give_up_inspecting(&mut self, fault: PathError) -> Result<(), Closed> {
        self.inspector = None;
        if let Some((look, ..)) = self.waiting.take() {
            self.give_up(look);
        }
        tracing::error!("{fault}");
        let now = event::written(self.shared.clock.wall());
        let told = Fault { time: now.clone(), what: fault.to_string(), since: now, masked: Masked::Everything };
        self.fault = Some(fault);
        self.hatch.publish(Outbound::Event(Event::Fault(told))).map(drop)
    }

    /// Tells the inspector that no more will come, and lets out the events it ends with.
    fn collect_last_events(&mut self, answers: &Receiver<Answer>) -> Result<(), PathError> {
        self.inspector = None;
        loop {
            match answers.recv_timeout(FAREWELL) {
                Ok(answer) if answer.sequence == Answer::LAST => return self.settle(answer),
                Ok(answer) => self.settle(answer)?,
                Err(error) if error.is_disconnected() => return Err(PathError::InspectorDied),
                // The last look takes its time.
                Err(_) if self.hangs() || self.asked.count == 0 => {
                    return Err(PathError::InspectorHangs { limit: self.asked.limit });
                }
                Err(_) => {}
            }
        }
    }

    /// How long nothing has to happen.
    fn patience(&self) -> Duration {
        const LONG: Duration = Duration::from_millis(500);
        let until_due = self.hold.next_due().map(|due| due.saturating_sub(self.shared.clock.now()));
        until_due.map_or(LONG, |until| until.min(LONG))
    }
}
