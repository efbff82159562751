//! The stream's numbers and times, and when a masked frame is due.
//!
//! **Invariant.** Numbers and times rise, whichever pixel process is started again and whatever it counts; a gap is filled at
//! the stream's own rate, and one that the machine slept through is not.

use std::time::{Duration, Instant};

use frostglass_vault::Stamp;

use crate::capture::Rate;

/// After a sleep of the machine longer than this nobody wants the frames of the night.
const NIGHT: Duration = Duration::from_secs(1);

/// One stream over the lives of several pixel processes: numbers and times go on rising.
#[derive(Default)]
pub(super) struct Line {
    began: Option<Instant>,
    /// Added to the pixel process's numbers and times.
    pub(super) base: Option<Stamp>,
    pub(super) last: Option<Stamp>,
    /// When the last frame went out.
    pub(super) at: Option<Instant>,
    /// So long without a frame, and masked ones follow; that of one frame while there is nobody to give any.
    pub(super) silence: Duration,
    /// The same while a pixel process gives frames.
    pub(super) patience: Duration,
}

impl Line {
    /// What follows `last`, by the clock.
    fn next(&mut self) -> Stamp {
        let time = self.began.get_or_insert_with(Instant::now).elapsed();
        match self.last {
            None => Stamp { sequence: 0, time },
            // The last one may have been told by a pixel process that counts wildly.
            Some(last) => Stamp {
                sequence: last.sequence.saturating_add(1),
                time: time.max(last.time.saturating_add(Duration::from_micros(1))),
            },
        }
    }

    /// The stamp of a masked frame that is due, and the time that stands for its own: the next one is due a frame's time later.
    pub(super) fn filler(&mut self, now: Instant, rate: Rate) -> Option<(Stamp, Instant)> {
        let at = self.at?;
        let frame = rate.time_of(1);
        if now.saturating_duration_since(at) < self.silence.max(frame) {
            return None;
        }
        // From now on at the stream's own rate, until a frame comes.
        (self.silence, self.base) = (frame, None);
        let due = at + frame;
        let asleep = now.saturating_duration_since(due) >= NIGHT;
        Some((self.next(), if asleep { now } else { due }))
    }

    /// The stream's stamp for a frame of the pixel process.
    pub(super) fn stamp(&mut self, of: Stamp) -> Stamp {
        let base = match self.base {
            Some(base) => base,
            None => {
                let next = self.next();
                let time = next.time.saturating_sub(of.time);
                *self.base.insert(Stamp { sequence: next.sequence.saturating_sub(of.sequence), time })
            }
        };
        let stamp =
            Stamp { sequence: base.sequence.saturating_add(of.sequence), time: base.time.saturating_add(of.time) };
        // A pixel process that counts backwards does not make the stream do so.
        match self.last {
            Some(last) if stamp.sequence <= last.sequence || stamp.time <= last.time => self.next(),
            _ => stamp,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_times_rise_over_the_lives_of_several_pixel_processes() {
        let mut line = Line::default();
        let mut stamps = Vec::new();
        for _life in 0..3 {
            line.base = None;
            for sequence in 0..5 {
                let stamp = line.stamp(Stamp { sequence, time: Duration::from_millis(40 * sequence) });
                line.last = Some(stamp);
                stamps.push(stamp);
            }
            let filler = line.next();
            line.last = Some(filler);
            stamps.push(filler);
        }
        assert!(stamps.windows(2).all(|two| two[0].sequence + 1 == two[1].sequence), "{stamps:?}");
        assert!(stamps.windows(2).all(|two| two[0].time < two[1].time), "{stamps:?}");
    }

    #[test]
    fn a_pixel_process_that_counts_wildly_does_not_turn_the_stream_back() {
        let mut line = Line::default();
        let mut last: Option<Stamp> = None;
        for (sequence, nanos) in [(7, 0), (3, 90), (u64::MAX, u64::MAX), (0, 0), (8, 5)] {
            let stamp = line.stamp(Stamp { sequence, time: Duration::from_nanos(nanos) });
            assert!(last.is_none_or(|last| stamp.sequence > last.sequence || last.sequence == u64::MAX), "{stamp:?}");
            (line.last, last) = (Some(stamp), Some(stamp));
            if stamp.sequence == u64::MAX {
                break;
            }
        }
        let filler = line.next();
        assert_eq!(filler.sequence, u64::MAX, "there is no higher number, and no end of the front either");
        line.last = Some(Stamp { sequence: 0, time: Duration::MAX });
        assert_eq!(line.next().time, Duration::MAX);
    }

    #[test]
    fn gaps_are_filled_at_the_streams_rate_and_a_night_is_not() {
        let rate = Rate { frames: 10, seconds: 1 };
        let start = Instant::now();
        let after = |millis| start + Duration::from_millis(millis);
        let mut line = Line { at: Some(start), silence: Duration::from_millis(250), ..Line::default() };
        let mut fill = |now| {
            let mut count = 0;
            while let Some((stamp, at)) = line.filler(now, rate) {
                (line.last, line.at, count) = (Some(stamp), Some(at), count + 1);
            }
            count
        };
        assert_eq!((fill(after(240)), fill(after(250))), (0, 2), "all of the gap, when it is one");
        assert_eq!((fill(after(299)), fill(after(300)), fill(after(720))), (0, 1, 4));
        let hour = 3_600_000;
        assert_eq!(fill(after(hour)), 1, "one to go on with");
        assert_eq!((fill(after(hour + 99)), fill(after(hour + 100))), (0, 1));
    }
}
