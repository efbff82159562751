//! The place of a process: who fills it, whether its work goes on, and when an empty one is filled again.
//!
//! **Invariant.** Talking is not enough: a process hangs when it says nothing, and also when it goes on telling that it lives
//! while its work stands still. What the supervisor does about it stands in `recover`.

use std::time::{Duration, Instant};

use super::child::Child;

/// A process that says nothing for so long hangs; and so does one whose work stands still for so long.
const SILENCE: Duration = Duration::from_secs(20);
/// Loading networks and opening a camera may take so long on a small machine.
const STARTING: Duration = Duration::from_secs(120);
/// A process that stood so long has earned a new start.
const EARNED: Duration = Duration::from_secs(60);

/// The place of a process, filled or empty.
#[derive(Default)]
pub(super) struct Post {
    pub(super) child: Option<Child>,
    /// Whether the one that is there said that it stands.
    pub(super) stands: bool,
    /// Whether any ever did.
    pub(super) stood: bool,
    /// When an empty post is filled again.
    pub(super) due: Option<Instant>,
    /// Starts that failed in a row.
    pub(super) failures: u32,
    work: Option<Work>,
}

/// What a process counts as it works, and since when that has not changed.
struct Work {
    done: [u64; 2],
    since: Instant,
}

impl Post {
    /// A process begins here.
    pub(super) fn fill(&mut self, child: Child) {
        (self.child, self.due, self.stands, self.work) = (Some(child), None, false, None);
    }

    /// It says that it stands.
    pub(super) fn stand(&mut self, now: Instant) {
        (self.stands, self.stood) = (true, true);
        self.work = Some(Work { done: [0; 2], since: now });
    }

    /// What it counts as it works. Any other number is work: they begin anew with a new process.
    pub(super) fn worked(&mut self, done: [u64; 2], now: Instant) {
        if let Some(work) = self.work.as_mut().filter(|work| work.done != done) {
            *work = Work { done, since: now };
        }
    }

    /// Why it has to be ended, if it does. Its work may stand still for `patience`.
    pub(super) fn hangs(&self, patience: Duration, now: Instant) -> Option<&'static str> {
        let silence = if self.stands { SILENCE } else { STARTING };
        let silent = |child: &Child| now.saturating_duration_since(child.heard) > silence;
        if self.child.as_ref().is_some_and(silent) { Some("hung") } else { self.stands_still(patience, now) }
    }

    fn stands_still(&self, patience: Duration, now: Instant) -> Option<&'static str> {
        let work = self.work.as_ref().filter(|_| self.stands)?;
        let still = now.saturating_duration_since(work.since) > patience.max(SILENCE);
        still.then_some("did nothing but talk")
    }

    /// It is to be filled again: at once after one that has earned it, else later each time.
    pub(super) fn plan(&mut self, stood: bool, since: Instant) {
        let earned = stood && since.elapsed() > EARNED;
        let wait = if earned { Duration::from_millis(100) } else { back_off(self.failures) };
        self.failures = if earned { 0 } else { self.failures.saturating_add(1) };
        self.due = Some(Instant::now() + wait);
    }

    pub(super) fn is_due(&self) -> bool {
        self.child.is_none() && self.due.is_some_and(|due| due <= Instant::now())
    }
}

/// Half a second, then twice as long each time, at most half a minute.
fn back_off(failures: u32) -> Duration {
    Duration::from_millis(500 << failures.min(6)).min(Duration::from_secs(30))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_waits_longer_each_time_but_never_longer_than_half_a_minute() {
        let waits: Vec<u128> = (0..9).map(|failures| back_off(failures).as_millis()).collect();
        assert_eq!(waits, [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
    }

    #[test]
    fn a_process_whose_work_stands_still_hangs_however_much_it_says() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut post = Post::default();
        assert_eq!(post.hangs(Duration::ZERO, after(1000)), None, "nobody is there");
        post.stand(start);
        for second in 0..100 {
            post.worked([second, 7], after(second));
            assert_eq!(post.hangs(Duration::ZERO, after(second + 20)), None, "a camera of a frame each 20 s");
        }
        post.worked([99, 7], after(110));
        assert_eq!(post.hangs(Duration::from_secs(60), after(150)), None, "its deadline is long");
        assert_eq!(post.hangs(Duration::ZERO, after(120)), Some("did nothing but talk"));
        // The next one begins to count at 0.
        post.stand(after(130));
        post.worked([1, 0], after(131));
        assert_eq!(post.hangs(Duration::ZERO, after(150)), None);
    }
}
