//! The hold: owns every raw frame from capture until it leaves, in order.
//!
//! **Invariant.** Frames leave in the order in which they came, each exactly once, and none later than its due
//! time: what is not known by then leaves as [`Findings::Missing`], wholly masked. A late answer changes nothing.
//! A frame whose lease is still out leaves masked too, and the pool keeps its memory until the lease comes back. Of a
//! camera, the first frames leave masked as well: what stands in the picture from the start gets a chance to be found.
//!
//! The hold knows no threads and no clock: it is told the time. Who looks at a lent frame is `inspect`'s business,
//! what tracks make of findings is `track`'s: when a frame leaves, they hide more of it, with the frames behind it known.

pub mod track;

use std::collections::VecDeque;
use std::time::Duration;

use frostglass_vault::{Area, Findings, Inspected, Look, RawFrame, Stamp};

use track::{Clues, Reach, Trails};

/// The longest look-ahead, in frames: of a camera it is latency, of a file memory.
pub const LONGEST: usize = 64;

/// A delay line of frames.
#[derive(Debug)]
pub struct Hold {
    lane: VecDeque<Held>,
    trails: Trails,
    /// Lists of what moves, for frames to come.
    spare: Vec<Vec<Area>>,
    limits: Limits,
    /// Frames that were looked at and still leave masked.
    unshown: usize,
    closed: bool,
}

/// How long the hold keeps a frame.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// A frame leaves when so many successors are settled; at most [`LONGEST`].
    pub look_ahead: usize,
    /// From capture to findings; after that, they count as missing.
    pub deadline: Duration,
    /// From one frame to the next.
    pub frame_time: Duration,
    /// Frames for which a lost track stays masked.
    pub linger: usize,
    /// The person network looks at one of so many frames.
    pub persons_every: usize,
    /// Of persons only the head is hidden.
    pub heads_only: bool,
    /// The redactor grows each face by this share of its size, all sides together. Where it is not known, 0 is safe: what is
    /// guessed is then masked more often beside something known.
    pub margin: f32,
    /// The first so many frames that were looked at leave masked all the same: of what the networks find at their second or
    /// fifth look only, the first frame would show the face. For who enters later there is the look-ahead.
    pub warm_up: usize,
}

impl Limits {
    /// These, with tracks that linger as a config says when it says nothing.
    #[must_use]
    pub fn new(look_ahead: usize, deadline: Duration, frame_time: Duration) -> Self {
        Self {
            look_ahead,
            deadline,
            frame_time,
            linger: 15,
            persons_every: 6,
            heads_only: false,
            margin: 0.0,
            warm_up: 0,
        }
    }
}

/// What comes out of the hold.
#[derive(Debug)]
pub enum Leaving {
    /// A frame with what is known about it.
    Frame(Inspected),
    /// A frame that was never read whole, or that nobody looked at: only its place in the sequence is left.
    Lost(Stamp),
    /// One of the first, which was looked at in time and is not to be shown all the same.
    Unshown(Stamp),
}

#[derive(Debug)]
struct Held {
    stamp: Stamp,
    frame: Option<RawFrame>,
    captured: Duration,
    findings: Option<Findings>,
    /// What moves in it, where that is to be hidden.
    moving: Vec<Area>,
}

impl Held {
    /// A frame that nobody looked at will leave masked: its pixels go now, and their memory serves the next frame.
    fn know(&mut self, findings: Findings) {
        if matches!(findings, Findings::Missing) {
            self.frame = None;
        }
        self.findings = Some(findings);
    }
}

impl Hold {
    /// An empty hold.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        let limits = Limits { look_ahead: limits.look_ahead.min(LONGEST), ..limits };
        let Limits { look_ahead, linger, persons_every, heads_only, margin, .. } = limits;
        Self {
            lane: VecDeque::with_capacity(2 * (look_ahead + 1)),
            trails: Trails::new(Reach { look_ahead, linger, persons_every, heads_only, margin }),
            spare: Vec::new(),
            unshown: limits.warm_up,
            limits,
            closed: false,
        }
    }

    /// Takes a frame in, and lends it to the inspector.
    pub fn take_in(&mut self, mut frame: RawFrame, captured: Duration) -> Look {
        let look = frame.lend();
        let (stamp, moving) = (frame.stamp(), self.spare.pop().unwrap_or_default());
        self.lane.push_back(Held { stamp, frame: Some(frame), captured, findings: None, moving });
        look
    }

    /// Keeps the place of a frame that could not be read: a masked one will leave in its stead.
    pub fn take_in_lost(&mut self, stamp: Stamp, captured: Duration) {
        let findings = Some(Findings::Missing);
        self.lane.push_back(Held { stamp, frame: None, captured, findings, moving: Vec::new() });
    }

    /// Ties findings to the frame with this sequence number, and clues to the tracks. Findings that come late, or twice, change
    /// nothing; of late clues the frames that are still held may learn where a track is.
    pub fn settle(&mut self, sequence: u64, findings: Findings, clues: &Clues) {
        if matches!(findings, Findings::Complete(_)) {
            self.trails.note(sequence, clues);
        }
        let Some(held) = self.lane.iter_mut().find(|held| held.stamp.sequence == sequence) else { return };
        if held.findings.is_none() {
            held.know(findings);
            held.moving.clear();
            held.moving.extend_from_slice(&clues.moving);
        }
    }

    /// Nobody will look at this frame.
    pub fn give_up(&mut self, sequence: u64) {
        if let Some(held) = self.lane.iter_mut().find(|held| held.stamp.sequence == sequence) {
            held.findings.is_none().then(|| held.know(Findings::Missing));
        }
    }

    /// The source has ended: no successor has to be waited for.
    pub fn close(&mut self) {
        self.closed = true;
    }

    /// Gives out the oldest frame, if it may or must leave now. Call until it gives none.
    pub fn leave(&mut self, now: Duration) -> Option<(Leaving, Duration)> {
        self.give_up_waiting(now);
        let first = self.lane.front()?;
        let settled_ahead = self.lane.iter().skip(1).take_while(|held| held.findings.is_some()).count();
        let ready = first.findings.is_some() && (self.closed || settled_ahead >= self.limits.look_ahead);
        // With the source at its end, successors still in the lane are waited for: the tracker will want them.
        let waits_for_lane = self.closed && settled_ahead < self.limits.look_ahead.min(self.lane.len() - 1);
        let due = now >= self.last_moment(first);
        if !(ready && !waits_for_lane || due) {
            return None;
        }
        let Held { stamp, frame, captured, findings, moving } = self.lane.pop_front()?;
        let leaving = match frame {
            Some(_) if self.unshown > 0 && matches!(findings, Some(Findings::Complete(_))) => {
                self.unshown -= 1;
                Leaving::Unshown(stamp)
            }
            Some(frame) => {
                let mut inspected = Inspected::new(frame, findings.unwrap_or(Findings::Missing));
                if !inspected.is_missing() {
                    self.trails.fill(&mut inspected, stamp.sequence);
                    moving.iter().for_each(|area| inspected.hide_also(*area));
                }
                Leaving::Frame(inspected)
            }
            None => Leaving::Lost(stamp),
        };
        self.trails.forget(stamp.sequence);
        if self.spare.len() < LONGEST {
            self.spare.push(moving);
        }
        Some((leaving, captured))
    }

    /// When [`Hold::leave`] will give something out, even if nothing else happens; `None` when it is empty.
    #[must_use]
    pub fn next_due(&self) -> Option<Duration> {
        let first = self.lane.front()?;
        let deadlines = self.lane.iter().filter(|held| held.findings.is_none()).map(|held| self.deadline(held));
        Some(deadlines.fold(self.last_moment(first), Duration::min))
    }

    /// How long it keeps a frame.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// Frames that are held now.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lane.len()
    }

    /// Whether no frame is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lane.is_empty()
    }

    /// Whoever was not looked at in time counts as never looked at.
    fn give_up_waiting(&mut self, now: Duration) {
        let deadline = self.limits.deadline;
        for held in &mut self.lane {
            if held.findings.is_none() && now >= held.captured.saturating_add(deadline) {
                held.know(Findings::Missing);
            }
        }
    }

    fn deadline(&self, held: &Held) -> Duration {
        held.captured.saturating_add(self.limits.deadline)
    }

    /// Capture, deadline and the frames of look-ahead: later than this, nothing stays.
    fn last_moment(&self, held: &Held) -> Duration {
        let frames = u32::try_from(self.limits.look_ahead).unwrap_or(u32::MAX);
        self.deadline(held).saturating_add(self.limits.frame_time.saturating_mul(frames))
    }
}

#[cfg(test)]
mod tests {
    use frostglass_vault::{Format, Kind, Pool, Size, Zones};

    use super::track::Sighting;
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn hold(look_ahead: usize) -> (Hold, Pool) {
        let limits = Limits::new(look_ahead, 200 * MS, 40 * MS);
        (Hold::new(limits), Pool::new(Format::still(Size::new(2, 2)), 32))
    }

    fn frame(pool: &Pool, sequence: u64) -> RawFrame {
        pool.blank().unwrap().expose(Stamp { sequence, time: Duration::ZERO }, &Zones::none())
    }

    fn masked(leaving: Option<(Leaving, Duration)>) -> Option<bool> {
        leaving.map(|(leaving, _)| match leaving {
            Leaving::Frame(inspected) => inspected.is_missing(),
            Leaving::Lost(_) | Leaving::Unshown(_) => true,
        })
    }

    #[test]
    fn a_frame_waits_for_its_successors() {
        let (mut hold, pool) = hold(2);
        for sequence in 0..3u32 {
            drop(hold.take_in(frame(&pool, sequence.into()), 40 * MS * sequence));
        }
        hold.settle(0, Findings::Complete(vec![]), &Clues::default());
        hold.settle(2, Findings::Complete(vec![]), &Clues::default());
        assert_eq!(masked(hold.leave(81 * MS)), None);
        hold.settle(1, Findings::Complete(vec![]), &Clues::default());
        assert_eq!(masked(hold.leave(82 * MS)), Some(false));
        assert_eq!(masked(hold.leave(82 * MS)), None);
    }

    #[test]
    fn nothing_stays_longer_than_deadline_and_look_ahead() {
        for look_ahead in 0..=LONGEST {
            let (mut hold, pool) = hold(look_ahead);
            drop(hold.take_in(frame(&pool, 0), Duration::ZERO));
            let last = 200 * MS + 40 * MS * u32::try_from(look_ahead).unwrap();
            assert_eq!(masked(hold.leave(last - MS)), None, "look-ahead {look_ahead}");
            assert_eq!(masked(hold.leave(last)), Some(true), "look-ahead {look_ahead}");
        }
    }

    #[test]
    fn findings_in_time_are_kept_when_successors_never_come() {
        let (mut hold, pool) = hold(3);
        drop(hold.take_in(frame(&pool, 0), Duration::ZERO));
        hold.settle(0, Findings::Complete(vec![]), &Clues::default());
        assert_eq!(masked(hold.leave(319 * MS)), None);
        assert_eq!(masked(hold.leave(320 * MS)), Some(false));
    }

    #[test]
    fn late_and_second_answers_change_nothing() {
        let (mut hold, pool) = hold(1);
        drop(hold.take_in(frame(&pool, 0), Duration::ZERO));
        assert_eq!(masked(hold.leave(200 * MS)), None);
        hold.settle(0, Findings::Complete(vec![]), &Clues::default());
        hold.close();
        assert_eq!(masked(hold.leave(201 * MS)), Some(true));
        hold.settle(0, Findings::Complete(vec![]), &Clues::default());
        assert_eq!(masked(hold.leave(10_000 * MS)), None);
    }

    #[test]
    fn answers_that_all_come_late_do_not_pile_up() {
        let (mut hold, pool) = hold(3);
        let area = Area::new(0.1, 0.1, 0.2, 0.2).unwrap();
        let sighting = Sighting { track: 0, kind: Kind::Face, area, strong: true };
        let mut most = 0;
        for sequence in 0..2000u64 {
            let now = 40 * MS * u32::try_from(sequence).unwrap();
            drop(hold.take_in(frame(&pool, sequence), now));
            while hold.leave(now).is_some() {}
            // Twenty frames after its own, which has left by then. Each is another track, as in a crowd that walks by.
            if let Some(late) = sequence.checked_sub(20) {
                let sightings = vec![Sighting { track: late, ..sighting }];
                hold.settle(late, Findings::Complete(vec![]), &Clues { sightings, ..Clues::default() });
            }
            most = most.max(hold.trails.remembered());
        }
        assert!(most < 200, "{most} things are remembered");
    }

    #[test]
    fn the_end_of_the_source_lets_the_last_frames_go_in_order() {
        let (mut hold, pool) = hold(3);
        for sequence in 0..3 {
            drop(hold.take_in(frame(&pool, sequence), Duration::ZERO));
        }
        hold.settle(0, Findings::Complete(vec![]), &Clues::default());
        hold.close();
        assert_eq!(masked(hold.leave(MS)), None, "its successors are still being looked at");
        hold.settle(2, Findings::Complete(vec![]), &Clues::default());
        hold.give_up(1);
        let left: Vec<_> = std::iter::from_fn(|| masked(hold.leave(MS))).collect();
        assert_eq!(left, [false, true, false]);
    }

    #[test]
    fn a_lost_frame_keeps_its_place() {
        let (mut hold, pool) = hold(0);
        hold.take_in_lost(Stamp { sequence: 0, time: Duration::ZERO }, Duration::ZERO);
        drop(hold.take_in(frame(&pool, 1), Duration::ZERO));
        hold.settle(1, Findings::Complete(vec![]), &Clues::default());
        assert_eq!(masked(hold.leave(MS)), Some(true));
        assert_eq!(masked(hold.leave(MS)), Some(false));
    }

    #[test]
    fn the_first_frames_that_were_looked_at_leave_masked() {
        let limits = Limits { warm_up: 3, ..Limits::new(1, 200 * MS, 40 * MS) };
        let (mut hold, pool) = (Hold::new(limits), hold(0).1);
        for sequence in 0..8 {
            drop(hold.take_in(frame(&pool, sequence), Duration::ZERO));
            // One that nobody looked at tells nothing of what is in the picture.
            match sequence {
                1 => hold.give_up(sequence),
                _ => hold.settle(sequence, Findings::Complete(vec![]), &Clues::default()),
            }
        }
        hold.close();
        let left: Vec<_> = std::iter::from_fn(|| masked(hold.leave(MS))).collect();
        assert_eq!(left, [true, true, true, true, false, false, false, false]);
    }

    #[test]
    fn it_tells_when_to_wake_it() {
        let (mut hold, pool) = hold(2);
        assert_eq!(hold.next_due(), None);
        drop(hold.take_in(frame(&pool, 0), 10 * MS));
        assert_eq!(hold.next_due(), Some(210 * MS), "to give up waiting");
        hold.settle(0, Findings::Complete(vec![]), &Clues::default());
        assert_eq!(hold.next_due(), Some(290 * MS), "to leave without successors");
    }
}
