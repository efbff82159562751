//! What time it is: one monotonic clock for deadlines and paces, wall time for events only.
//!
//! **Invariant.** Nothing that decides whether a frame is masked looks at the wall clock, so that setting it, or
//! waking from suspend, uncovers nothing.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use jiff::Timestamp;

/// A trait for the sake of tests, which move time by hand.
pub trait Clock: Send + Sync {
    /// Monotonic time since some start.
    fn now(&self) -> Duration;

    /// Wall time, for events.
    fn wall(&self) -> Timestamp {
        Timestamp::now()
    }

    /// Waits until [`Clock::now`] is at least `until`.
    fn sleep_until(&self, until: Duration);
}

/// The clock of the machine.
#[derive(Debug)]
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// A clock that starts at zero now.
    #[must_use]
    pub fn start() -> Self {
        Self { start: Instant::now() }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Duration {
        self.start.elapsed()
    }

    fn sleep_until(&self, until: Duration) {
        std::thread::sleep(until.saturating_sub(self.now()));
    }
}

/// A clock that moves only when it is told to, or when somebody sleeps.
#[derive(Debug, Default)]
pub struct SimulatedClock {
    nanos: AtomicU64,
}

impl SimulatedClock {
    /// Moves time forwards.
    pub fn advance(&self, by: Duration) {
        self.nanos.fetch_add(nanos(by), Ordering::Relaxed);
    }
}

impl Clock for SimulatedClock {
    fn now(&self) -> Duration {
        Duration::from_nanos(self.nanos.load(Ordering::Relaxed))
    }

    fn wall(&self) -> Timestamp {
        let seconds = i64::try_from(self.now().as_secs()).unwrap_or(i64::MAX);
        Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX)
    }

    fn sleep_until(&self, until: Duration) {
        self.nanos.fetch_max(nanos(until), Ordering::Relaxed);
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
