//! Counters of one pipeline. They carry numbers and times, never pixels.
//!
//! **Invariant.** No statics: each pipeline has its own, so that two can be tested side by side.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::event;

/// All counters of one pipeline, shared by its threads.
#[derive(Debug, Default)]
pub struct Metrics {
    /// Frames in.
    pub capture: Capture,
    /// Looks and what they found.
    pub inspect: Inspect,
    /// Frames out.
    pub emit: Emit,
}

impl Metrics {
    /// The counters as a health message.
    #[must_use]
    pub fn health(&self, wall: jiff::Timestamp) -> event::Health {
        event::Health {
            time: event::written(wall),
            frames_in: self.capture.captured.get(),
            inspected: self.inspect.complete.get(),
            masked: self.emit.masked.get(),
            out: self.emit.out.get(),
            latency_ms: self.emit.latency.percentiles(),
            skipped: self.inspect.skipped.get(),
            failed: self.inspect.failed.get(),
            lost: self.capture.lost.get(),
            replaced: self.emit.replaced.get(),
            dropped: self.capture.dropped.get(),
            gaps: self.capture.gaps.get(),
            detail: self.inspect.detail.get(),
            proved: self.emit.proved.get(),
            refuted: self.emit.refuted.get(),
            ..event::Health::default()
        }
    }
}

/// Counters of capture.
#[derive(Debug, Default)]
pub struct Capture {
    /// Frames that the source gave.
    pub captured: Counter,
    /// Frames that came broken, or for which no memory was free: they leave wholly masked.
    pub lost: Counter,
    /// Buffers that a camera's driver flagged, left short or filled with what is no picture.
    pub dropped: Counter,
    /// Frames that a camera's driver counted and did not give.
    pub gaps: Counter,
    /// Times that whoever captures came back from the source, with a frame or without one, or waited for a frame's time.
    pub turns: Counter,
}

/// Counters of inspection.
#[derive(Debug, Default)]
pub struct Inspect {
    /// Frames whose findings are complete.
    pub complete: Counter,
    /// Frames for which the inspector had no time.
    pub skipped: Counter,
    /// Frames for which a network failed or answered nonsense.
    pub failed: Counter,
    /// Face boxes in complete findings.
    pub faces: Counter,
    /// Motion events begun.
    pub events: Counter,
    /// How closely faces are looked for now, where that may fall.
    pub detail: Word,
}

/// A word that changes now and then.
#[derive(Debug, Default)]
pub struct Word(Mutex<Option<String>>);

impl Word {
    /// From now on.
    pub fn set(&self, word: Option<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = word;
    }

    /// The last one.
    #[must_use]
    pub fn get(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Counters of what left.
#[derive(Debug, Default)]
pub struct Emit {
    /// Frames that passed the hatch.
    pub out: Counter,
    /// Those of them that were wholly masked.
    pub masked: Counter,
    /// Points of masks that were looked at again in what left, and showed what they had to.
    pub proved: Counter,
    /// Frames in which one did not; they left wholly masked.
    pub refuted: Counter,
    /// Frames that were replaced by newer ones because the front was slow.
    pub replaced: Counter,
    /// From capture to the hatch.
    pub latency: Latency,
}

/// A number that only rises.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// One more.
    pub fn one(&self) {
        self.add(1);
    }

    /// So many more.
    pub fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    /// It is so many now.
    pub fn set(&self, count: u64) {
        self.0.store(count, Ordering::Relaxed);
    }

    /// The number.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Sub-steps of each power of two: a quantile is right within 1/16.
const STEPS: u64 = 16;
const BUCKETS: usize = 64 * STEPS as usize;

/// A histogram of times with logarithmic buckets: a fixed size, and no allocation when it counts.
pub struct Latency(Mutex<Box<[u64; BUCKETS]>>);

impl Latency {
    /// Counts one time.
    pub fn record(&self, time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.0.lock().unwrap_or_else(PoisonError::into_inner)[bucket(micros)] += 1;
    }

    /// As health tells them: in milliseconds, 0 before the first.
    #[must_use]
    pub fn percentiles(&self) -> event::Latency {
        let millis = |share| self.quantile(share).map_or(0.0, |time| time.as_secs_f32() * 1000.0);
        event::Latency { p50: millis(0.5), p95: millis(0.95), p99: millis(0.99) }
    }

    /// The time that this share of all times does not exceed, rounded up by at most 1/16; `None` before the first.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let total: u64 = counts.iter().sum();
        if total == 0 {
            return None;
        }
        let wanted = ((share.clamp(0.0, 1.0) * total as f64).ceil() as u64).max(1);
        let mut seen = 0;
        for (index, count) in counts.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                return Some(Duration::from_micros(upper_edge(index as u64)));
            }
        }
        None
    }
}

impl Default for Latency {
    fn default() -> Self {
        Self(Mutex::new(Box::new([0; BUCKETS])))
    }
}

impl std::fmt::Debug for Latency {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Latency").field("p50", &self.quantile(0.5)).field("p95", &self.quantile(0.95)).finish()
    }
}

fn bucket(micros: u64) -> usize {
    if micros < STEPS {
        return micros as usize;
    }
    let power = u64::from(63 - micros.leading_zeros());
    let step = (micros >> (power - 4)) - STEPS;
    ((power - 3) * STEPS + step) as usize
}

/// The largest number of microseconds that falls into a bucket.
fn upper_edge(bucket: u64) -> u64 {
    if bucket < STEPS {
        return bucket;
    }
    let (power, step) = (bucket / STEPS + 3, bucket % STEPS);
    ((STEPS + step) << (power - 4)) + ((1 << (power - 4)) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_right_within_a_sixteenth() {
        for micros in [0, 1, 15, 16, 17, 31, 32, 1000, 33_333, 1_000_000, 123_456_789] {
            let latency = Latency::default();
            latency.record(Duration::from_micros(micros));
            let shown = latency.quantile(0.5).unwrap().as_micros() as f64;
            assert!(shown >= micros as f64 && shown <= micros as f64 * 17.0 / 16.0 + 1.0, "{micros} shown as {shown}");
        }
    }

    #[test]
    fn quantiles_rise_with_their_share() {
        let latency = Latency::default();
        assert_eq!(latency.quantile(0.5), None);
        for micros in 1..=1000 {
            latency.record(Duration::from_micros(micros));
        }
        let at = |share| latency.quantile(share).unwrap().as_micros();
        assert!((500..540).contains(&at(0.5)), "{}", at(0.5));
        assert!((950..1020).contains(&at(0.95)), "{}", at(0.95));
        assert!(at(0.0) <= at(0.5) && at(0.95) <= at(1.0));
    }
}
