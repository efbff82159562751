//! The inspecting thread: looks in, findings out, in order.
//!
//! **Invariant.** One answer for each look. Under overload the time is spent on frames that can still leave clear. How closely
//! it looks falls only where that is allowed, and then boxes grow.

use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender};
use frostglass_vault::{Findings, Look};

use super::{Lent, Shared};
use crate::event::{self, Event, Fault, Masked};
use crate::hold::track::Clues;
use crate::inspect::Inspector;

/// What the inspector hands to the keeper.
pub(super) struct Answer {
    pub(super) sequence: u64,
    pub(super) findings: Findings,
    pub(super) clues: Clues,
    pub(super) events: Vec<Event>,
    /// There was no time to look.
    pub(super) skipped: bool,
}

impl Answer {
    /// Nobody waits for this sequence number: such an answer carries the last events only.
    pub(super) const LAST: u64 = u64::MAX;
}

/// The inspecting thread.
pub(super) struct Desk {
    pub(super) inspector: Inspector,
    pub(super) shared: Shared,
    /// From capture to findings; `None` when there is time for each.
    pub(super) deadline: Option<Duration>,
    /// How long a look takes of late.
    usual: Duration,
    load: Load,
}

impl Desk {
    pub(super) fn new(inspector: Inspector, shared: Shared, deadline: Option<Duration>) -> Self {
        let desk = Self { inspector, shared, deadline, usual: Duration::ZERO, load: Load::default() };
        desk.tell_detail();
        desk
    }

    /// One answer for each look, in the order in which they were lent.
    pub(super) fn answer(&mut self, lent: &Receiver<Lent>, answers: &Sender<Answer>) {
        for (look, captured, mut clues) in lent {
            let sequence = look.stamp().sequence;
            let mut events = Vec::new();
            let skipped = self.is_hopeless(captured, lent);
            let findings = if skipped { Findings::Missing } else { self.inspect(look, &mut events, &mut clues) };
            self.adapt(skipped, &mut events);
            if answers.send(Answer { sequence, findings, clues, events, skipped }).is_err() {
                return;
            }
        }
        let mut events = Vec::new();
        self.inspector.finish(self.shared.clock.wall(), &mut events);
        let (findings, clues) = (Findings::Missing, Clues::default());
        let _ = answers.send(Answer { sequence: Answer::LAST, findings, clues, events, skipped: false });
    }

    /// Whether the findings would come too late while a newer frame waits. The newest is always looked at, so that one slow
    /// answer does not end all looking.
    fn is_hopeless(&self, captured: Duration, lent: &Receiver<Lent>) -> bool {
        let ready = self.shared.clock.now().saturating_add(self.usual);
        !lent.is_empty() && self.deadline.is_some_and(|deadline| ready >= captured.saturating_add(deadline))
    }

    fn inspect(&mut self, look: Look, events: &mut Vec<Event>, clues: &mut Clues) -> Findings {
        let clock = Arc::clone(&self.shared.clock);
        let began = clock.now();
        let findings = self.inspector.inspect_next(look, clock.wall(), events, clues);
        let took = clock.now().saturating_sub(began);
        self.usual = (self.usual * 7 + took) / 8;
        findings
    }

    /// Looks less closely under overload, and as closely as wished when that is over.
    fn adapt(&mut self, skipped: bool, events: &mut Vec<Event>) {
        let change = self.load.note(skipped);
        let changed = match change {
            Change::None => false,
            Change::Less => self.inspector.look_less_closely(),
            Change::More => self.inspector.look_more_closely(),
        };
        if !changed {
            return;
        }
        // Looks of another kind take another time.
        self.usual = Duration::ZERO;
        self.tell_detail();
        let detail = self.inspector.detail().unwrap_or_default();
        if change == Change::Less {
            let what = format!("this machine is too slow: from now on it looks {detail}, and masks are wider");
            tracing::warn!("{what}");
            let now = event::written(self.shared.clock.wall());
            events.push(Event::Fault(Fault { time: now.clone(), what, since: now, masked: Masked::Parts }));
        } else {
            tracing::info!("there is time again: it looks {detail}");
        }
    }

    fn tell_detail(&self) {
        self.shared.metrics.inspect.detail.set(self.inspector.detail());
    }
}

/// Whether the machine keeps up.
struct Load {
    /// Frames since the last judgement, and those of them for which there was no time.
    frames: u32,
    skipped: u32,
    /// Frames in a row for which there was time.
    calm: u32,
    /// So many have to be, before it looks more closely again.
    wanted: u32,
}

/// A judgement is made over so many frames.
const WINDOW: u32 = 60;
/// With more than one in so many skipped, it is overloaded.
const ONE_IN: u32 = 10;
/// Some twenty seconds; twice as many after each attempt that failed, up to about an hour.
const FIRST_CALM: u32 = 600;
const LONGEST_CALM: u32 = 100_000;

impl Default for Load {
    fn default() -> Self {
        Self { frames: 0, skipped: 0, calm: 0, wanted: FIRST_CALM }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    None,
    Less,
    More,
}

impl Load {
    fn note(&mut self, skipped: bool) -> Change {
        self.calm = if skipped { 0 } else { self.calm.saturating_add(1) };
        self.frames += 1;
        self.skipped += u32::from(skipped);
        if self.skipped * ONE_IN > WINDOW {
            (self.frames, self.skipped) = (0, 0);
            self.wanted = (2 * self.wanted).min(LONGEST_CALM);
            return Change::Less;
        }
        if self.frames >= WINDOW {
            (self.frames, self.skipped) = (0, 0);
        }
        if self.calm >= self.wanted {
            self.calm = 0;
            return Change::More;
        }
        Change::None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overload_lowers_and_calm_raises_but_ever_more_slowly() {
        let mut load = Load::default();
        let until = |load: &mut Load, skipped: bool| {
            (1..1_000_000).find(|_| load.note(skipped) != Change::None).expect("some change")
        };
        assert!(until(&mut load, true) <= WINDOW);
        let first = until(&mut load, false);
        until(&mut load, true);
        let second = until(&mut load, false);
        assert!(second > first, "{first} then {second}");
        for _ in 0..30 {
            until(&mut load, true);
        }
        assert_eq!(until(&mut load, false), LONGEST_CALM);
    }

    #[test]
    fn a_slow_frame_now_and_then_is_no_overload() {
        let mut load = Load::default();
        assert!((0..100_000).all(|frame| load.note(frame % 20 == 0) == Change::None));
    }
}
