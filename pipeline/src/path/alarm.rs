//! Says once that every frame leaves masked, and why.
//!
//! **Invariant.** It only tells. What is masked was decided before it hears of it.

use std::time::Duration;

use frostglass_vault::Proof;
use jiff::Timestamp;

use crate::event::{self, Event, Fault, Masked};
use crate::metrics::{Emit, Metrics};

/// Nothing but masked frames for so long is a fault.
const PATIENCE: Duration = Duration::from_secs(3);

/// Watches what leaves.
#[derive(Default)]
pub(super) struct Alarm {
    /// Since when no frame left clear, by both clocks, and the counts at that time.
    dark: Option<(Duration, Timestamp, Counts)>,
    told: bool,
}

#[derive(Clone, Copy, Default)]
struct Counts {
    lost: u64,
    failed: u64,
    skipped: u64,
}

impl Counts {
    fn of(metrics: &Metrics) -> Self {
        let (lost, inspect) = (metrics.capture.lost.get(), &metrics.inspect);
        Self { lost, failed: inspect.failed.get(), skipped: inspect.skipped.get() }
    }
}

impl Alarm {
    /// A frame left. Gives the fault to tell, if it is time.
    pub(super) fn left(&mut self, masked: bool, now: Duration, wall: Timestamp, metrics: &Metrics) -> Option<Event> {
        if !masked {
            if self.told {
                tracing::info!("frames leave clear again");
            }
            (self.dark, self.told) = (None, false);
            return None;
        }
        let &mut (since, since_wall, before) = self.dark.get_or_insert((now, wall, Counts::of(metrics)));
        if self.told || now.saturating_sub(since) < PATIENCE {
            return None;
        }
        self.told = true;
        let what = why(before, Counts::of(metrics)).to_owned();
        tracing::error!("every frame leaves wholly masked: {what}");
        let (time, since) = (event::written(wall), event::written(since_wall));
        Some(Event::Fault(Fault { time, what, since, masked: Masked::Everything }))
    }
}

/// Counts what the redactor proved of its own pixels. Gives the fault to tell when a mask did not show what it had to, at the
/// 1st, 2nd, 4th, 8th ... such frame: each left wholly masked.
pub(super) fn look_again(proof: Proof, wall: Timestamp, emit: &Emit) -> Option<Event> {
    emit.proved.set(proof.points);
    let (before, count) = (emit.refuted.get(), proof.refuted);
    emit.refuted.set(count);
    if count == before || !count.is_power_of_two() {
        return None;
    }
    let what = "a mask did not show in the picture what it had to; the frame was masked whole".to_owned();
    tracing::error!(frames = count, "{what}");
    let now = event::written(wall);
    Some(Event::Fault(Fault { time: now.clone(), what, since: now, masked: Masked::Everything }))
}

/// The most frequent of all reasons.
fn why(before: Counts, now: Counts) -> &'static str {
    let [lost, failed, skipped] = [now.lost - before.lost, now.failed - before.failed, now.skipped - before.skipped];
    if lost > failed.max(skipped) {
        "the source gives broken frames, or no memory is free for them"
    } else if failed > skipped {
        "the networks fail on every frame"
    } else {
        "no frame is inspected in time; lower [camera] fps, width and height or [faces] detail, or raise [hold] deadline_ms"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn darkness_is_told_once_with_its_reason_and_its_beginning() {
        let metrics = Metrics::default();
        let mut alarm = Alarm::default();
        let began = Timestamp::UNIX_EPOCH;
        let mut told = Vec::new();
        for tenth in 0..200u32 {
            metrics.inspect.failed.one();
            let wall = began + Duration::from_millis(100) * tenth;
            told.extend(
                alarm.left(tenth < 150, Duration::from_millis(100) * tenth, wall, &metrics).map(|event| (tenth, event)),
            );
        }
        let [(30, Event::Fault(fault))] = told.as_slice() else { panic!("{told:?}") };
        assert_eq!((fault.masked, fault.since.as_str()), (Masked::Everything, "1970-01-01T00:00:00.000Z"));
        assert!(fault.what.contains("networks fail"), "{}", fault.what);
    }

    #[test]
    fn masks_that_do_not_show_what_they_have_to_are_counted_and_told_ever_more_seldom() {
        let metrics = Metrics::default();
        let mut told = Vec::new();
        for frame in 0..100u64 {
            // From the tenth frame on, every second one is refuted.
            let proof = Proof { points: 7 * frame, refuted: frame.saturating_sub(9).div_ceil(2) };
            told.extend(look_again(proof, Timestamp::UNIX_EPOCH, &metrics.emit).map(|event| (proof.refuted, event)));
        }
        let counts: Vec<u64> = told.iter().map(|(count, _)| *count).collect();
        assert_eq!(counts, [1, 2, 4, 8, 16, 32]);
        let is_told = |event: &Event| matches!(event, Event::Fault(fault) if fault.masked == Masked::Everything);
        assert!(told.iter().all(|(_, event)| is_told(event)));
        let health = metrics.health(Timestamp::UNIX_EPOCH);
        assert_eq!((health.proved, health.refuted), (7 * 99, 45));
    }

    #[test]
    fn one_clear_frame_now_and_then_is_no_fault_of_this_kind() {
        let (metrics, mut alarm) = (Metrics::default(), Alarm::default());
        let frames = (0..1000u32).filter_map(|frame| {
            alarm.left(frame % 20 != 0, Duration::from_millis(100) * frame, Timestamp::UNIX_EPOCH, &metrics)
        });
        assert_eq!(frames.count(), 0);
    }

    #[test]
    fn the_wall_clock_may_jump() {
        let (metrics, mut alarm) = (Metrics::default(), Alarm::default());
        let year: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        assert_eq!(alarm.left(true, Duration::ZERO, year, &metrics), None);
        assert_eq!(alarm.left(true, Duration::from_secs(1), Timestamp::UNIX_EPOCH, &metrics), None);
        assert!(alarm.left(true, Duration::from_secs(4), Timestamp::UNIX_EPOCH, &metrics).is_some());
    }
}
