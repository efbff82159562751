//! The capturing thread: blanks in, raw frames with their zones painted out.
//!
//! **Invariant.** A frame that could not be read whole keeps its place and nothing else. The source's time goes on when no
//! memory is free.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use crossbeam_channel::Sender;
use frostglass_vault::{RawFrame, Stamp, Zones};

use super::{Frames, Manners, Shared};
use crate::capture::{CaptureError, Source};

/// What capture hands to the keeper.
pub(super) enum Captured {
    Frame(RawFrame),
    Lost(Stamp),
}

/// The capturing thread.
pub(super) struct Camera {
    pub(super) source: Box<dyn Source>,
    pub(super) frames: Frames,
    pub(super) zones: Arc<Zones>,
    pub(super) manners: Manners,
    pub(super) shared: Shared,
}

impl Camera {
    /// Captures until the source ends; gives the fault by which it ended, if it was one.
    pub(super) fn capture(mut self, out: &Sender<(Captured, Duration)>) -> Option<CaptureError> {
        let Frames { pool, scrap } = self.frames;
        let mut sequence = 0;
        while !self.shared.stop.load(Ordering::Relaxed) {
            let (mut blank, lost) = match (pool.blank(), self.manners) {
                (Some(blank), _) => (blank, false),
                (None, Manners::Live) => (scrap.blank()?, true),
                (None, Manners::Patient) => {
                    thread::sleep(Duration::from_millis(1));
                    continue;
                }
            };
            let stamp = |time| Stamp { sequence, time };
            let captured = match self.source.read(&mut blank) {
                Ok(None) => return None,
                Ok(Some(time)) => {
                    if lost {
                        Captured::Lost(stamp(time))
                    } else {
                        Captured::Frame(blank.expose(stamp(time), &self.zones))
                    }
                }
                Err(error @ CaptureError::BrokenFrame { time, .. }) => {
                    // A camera may do so for weeks: told at the 1st, 2nd, 4th, 8th ...
                    if (self.shared.metrics.capture.lost.get() + 1).is_power_of_two() {
                        tracing::warn!("{error}; it leaves masked");
                    }
                    Captured::Lost(stamp(time))
                }
                Err(CaptureError::NotYet { .. }) => continue,
                Err(error) => return Some(error),
            };
            self.shared.metrics.capture.captured.one();
            self.shared.metrics.capture.lost.add(u64::from(matches!(captured, Captured::Lost(_))));
            if out.send((captured, self.shared.clock.now())).is_err() {
                return None;
            }
            sequence += 1;
        }
        None
    }
}
