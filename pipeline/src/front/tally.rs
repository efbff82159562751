//! Health over the lives of several pixel processes.
//!
//! **Invariant.** Counters only rise, whichever process is started again; what left is counted here, where it leaves, and
//! not where it is claimed.

use jiff::Timestamp;

use crate::event::{Health, Latency as Told, written};
use crate::metrics::Latency;

/// In the place of the walls that the pixel process lacks, until one has told: silence is no promise.
pub(super) const UNKNOWN: &str = "those of the pixel process: not known yet";

/// What is added up.
pub(super) struct Tally {
    /// Of the pixel processes that are gone.
    before: Health,
    /// Of the one that is there.
    now: Health,
    last: Option<Health>,
    out: u64,
    masked: u64,
    missed: u64,
    refused: u64,
    restarts: u64,
    /// Of the front.
    walls_missing: Vec<String>,
    /// Of the pixel process that told last.
    told_missing: Option<Vec<String>>,
    latency: Latency,
}

impl Tally {
    pub(super) fn new(walls_missing: Vec<String>) -> Self {
        Self {
            before: empty(),
            now: empty(),
            last: None,
            out: 0,
            masked: 0,
            missed: 0,
            refused: 0,
            restarts: 0,
            walls_missing,
            told_missing: None,
            latency: Latency::default(),
        }
    }

    pub(super) fn frame(&mut self, masked: bool) {
        self.out += 1;
        self.masked += u64::from(masked);
    }

    /// So long after its capture, a frame of a pixel process was handed to the ways out.
    pub(super) fn age(&self, age: std::time::Duration) {
        self.latency.record(age);
    }

    pub(super) fn restarts(&mut self, restarts: u64) {
        self.restarts = restarts;
    }

    /// What the pixel process says of itself.
    pub(super) fn health(&mut self, health: Health) {
        self.told_missing = Some(health.walls_missing.clone());
        self.now = health;
    }

    /// The pixel process is gone; `missed` frames and messages of it were not taken.
    pub(super) fn bury(&mut self, (missed, refused): (u64, u64)) {
        (self.missed, self.refused) = (self.missed.saturating_add(missed), self.refused.saturating_add(refused));
        let now = std::mem::replace(&mut self.now, empty());
        self.before = sum(&self.before, &now);
    }

    pub(super) fn out(&self) -> u64 {
        self.out
    }

    pub(super) fn last(&self) -> Option<Health> {
        self.last.clone()
    }

    /// The message of this second; `slow` frames were not taken by a way out before newer ones came.
    pub(super) fn tell(
        &mut self,
        (missed, refused): (u64, u64),
        slow: u64,
        temperature_c: Option<f32>,
        wall: Timestamp,
    ) -> Health {
        let sum = sum(&self.before, &self.now);
        let refused = self.refused.saturating_add(refused);
        if refused > 0 {
            tracing::debug!("{refused} messages of the pixel process were no events, or too many");
        }
        let mut walls_missing = self.walls_missing.clone();
        walls_missing.extend(self.told_missing.clone().unwrap_or_else(|| vec![UNKNOWN.to_owned()]));
        walls_missing.sort_unstable();
        walls_missing.dedup();
        let health = Health {
            time: written(wall),
            masked: self.masked,
            out: self.out,
            replaced: self.missed.saturating_add(missed).saturating_add(slow),
            restarts: self.restarts,
            walls_missing,
            temperature_c,
            latency_ms: self.latency.percentiles(),
            ..sum
        };
        self.last = Some(health.clone());
        health
    }
}

fn empty() -> Health {
    Health { time: written(Timestamp::UNIX_EPOCH), latency_ms: Told::default(), ..Health::default() }
}

/// Counters of both; what is no counter is the second's. Each field is named, so that a new one is thought of here.
fn sum(before: &Health, now: &Health) -> Health {
    Health {
        frames_in: before.frames_in.saturating_add(now.frames_in),
        inspected: before.inspected.saturating_add(now.inspected),
        masked: before.masked.saturating_add(now.masked),
        out: before.out.saturating_add(now.out),
        skipped: before.skipped.saturating_add(now.skipped),
        failed: before.failed.saturating_add(now.failed),
        lost: before.lost.saturating_add(now.lost),
        replaced: before.replaced.saturating_add(now.replaced),
        restarts: before.restarts.saturating_add(now.restarts),
        dropped: before.dropped.saturating_add(now.dropped),
        gaps: before.gaps.saturating_add(now.gaps),
        proved: before.proved.saturating_add(now.proved),
        refuted: before.refuted.saturating_add(now.refuted),
        time: now.time.clone(),
        latency_ms: now.latency_ms,
        temperature_c: now.temperature_c,
        detail: now.detail.clone(),
        walls_missing: now.walls_missing.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_go_on_over_a_restart_and_what_left_is_counted_here() {
        let mut tally = Tally::new(vec!["seccomp".to_owned()]);
        let life = |frames_in| Health {
            frames_in,
            inspected: frames_in / 2,
            out: 999,
            proved: 10 * frames_in,
            refuted: frames_in / 7,
            walls_missing: vec!["an own network".to_owned()],
            ..empty()
        };
        assert_eq!(tally.tell((0, 0), 0, None, Timestamp::UNIX_EPOCH).walls_missing, ["seccomp", UNKNOWN]);
        tally.health(life(100));
        (0..90).for_each(|number| tally.frame(number % 9 == 0));
        let told = tally.tell((1, 0), 2, Some(41.5), Timestamp::UNIX_EPOCH);
        assert_eq!((told.frames_in, told.inspected, told.out, told.masked, told.replaced), (100, 50, 90, 10, 3));
        assert_eq!(told.temperature_c, Some(41.5));
        tally.bury((1, 0));
        let told = tally.tell((0, 0), 2, None, Timestamp::UNIX_EPOCH);
        assert_eq!(
            (told.frames_in, told.walls_missing),
            (100, vec!["an own network".to_owned(), "seccomp".to_owned()])
        );
        tally.health(life(7));
        tally.restarts(1);
        let told = tally.tell((1, 0), 2, None, Timestamp::UNIX_EPOCH);
        assert_eq!((told.frames_in, told.replaced, told.restarts), (107, 4, 1));
        assert_eq!((told.proved, told.refuted), (1070, 15), "what was refuted once stays so");
        assert_eq!(told.walls_missing, ["an own network", "seccomp"]);
    }
}
