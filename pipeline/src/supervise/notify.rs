//! What systemd is told, over the one socket that the supervisor holds.
//!
//! **Invariant.** The watchdog is fed only by progress: since it was fed last, a frame left, masked or not, *and* the
//! networks answered. Living is not enough. While no pixel process stands nobody can answer, and masked frames are what there
//! is to do: a camera that was unplugged is no reason to end those who wait for it.

use std::time::{Duration, Instant};

use sd_notify::NotifyState;

/// What has to rise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Progress {
    /// Frames that were handed to the ways out, masked or not.
    pub(super) frames: u64,
    /// Answers of the networks.
    pub(super) answers: u64,
}

/// The service manager, if there is one.
pub(super) struct Notify {
    every: Option<Duration>,
    fed: Instant,
    at: Progress,
    ready: bool,
}

impl Notify {
    pub(super) fn new() -> Self {
        // Half of what systemd waits for, as its documentation advises.
        let every = sd_notify::watchdog_enabled().map(|patience| patience / 2);
        Self { every, fed: Instant::now(), at: Progress::default(), ready: false }
    }

    /// The first frame left.
    pub(super) fn ready(&mut self) {
        if !self.ready {
            self.ready = true;
            tell(&[NotifyState::Ready]);
        }
    }

    pub(super) fn stopping(&self) {
        tell(&[NotifyState::Stopping]);
    }

    pub(super) fn status(&self, text: &str) {
        tell(&[NotifyState::Status(text)]);
    }

    /// Feeds the watchdog if it is time to, and there was progress. `away`: no pixel process stands.
    pub(super) fn watch(&mut self, now: Progress, away: bool) {
        let Some(every) = self.every else { return };
        if self.fed.elapsed() >= every && progressed(self.at, now, away) {
            (self.fed, self.at) = (Instant::now(), now);
            tell(&[NotifyState::Watchdog]);
        }
    }
}

/// Numbers start again with a new process: any other number is a step forward, as long as both moved that can.
fn progressed(before: Progress, now: Progress, away: bool) -> bool {
    now.frames != before.frames && (away || now.answers != before.answers)
}

fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::debug!("the service manager was not told: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_without_answers_and_answers_without_frames_are_no_progress() {
        let at = |frames, answers| Progress { frames, answers };
        assert!(progressed(at(1, 1), at(2, 2), false));
        assert!(!progressed(at(1, 1), at(2, 1), false), "the networks hang");
        assert!(!progressed(at(1, 1), at(1, 2), false), "nothing leaves");
        assert!(progressed(at(100, 90), at(3, 2), false), "a new process begins at 0");
    }

    #[test]
    fn masked_frames_are_progress_while_no_pixel_process_stands() {
        let at = |frames, answers| Progress { frames, answers };
        assert!(progressed(at(1, 1), at(2, 1), true));
        assert!(!progressed(at(1, 1), at(1, 1), true), "nothing leaves");
    }
}
