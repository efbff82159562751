//! A clip played at its own pace, as a camera would give it.
//!
//! **Invariant.** Nothing is given before its time, and an order to stop ends it within a tenth of a second.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use frostglass_vault::{Blank, Format};

use super::{CaptureError, Rate, Source};
use crate::clock::Clock;

/// Gives each frame at its own time, as a camera does.
pub struct Paced {
    source: Box<dyn Source>,
    clock: Arc<dyn Clock>,
    stop: Arc<AtomicBool>,
    start: Option<Duration>,
}

/// The longest sleep at once.
const SLICE: Duration = Duration::from_millis(100);

impl Paced {
    /// Plays `source` by `clock`, until its end or until `stop` is set.
    #[must_use]
    pub fn new(source: Box<dyn Source>, clock: Arc<dyn Clock>, stop: Arc<AtomicBool>) -> Self {
        Self { source, clock, stop, start: None }
    }
}

impl Source for Paced {
    fn format(&self) -> Format {
        self.source.format()
    }

    fn rate(&self) -> Option<Rate> {
        self.source.rate()
    }

    fn read(&mut self, blank: &mut Blank) -> Result<Option<Duration>, CaptureError> {
        let Some(time) = self.source.read(blank)? else { return Ok(None) };
        let start = *self.start.get_or_insert_with(|| self.clock.now().saturating_sub(time));
        let due = start.saturating_add(time);
        while self.clock.now() < due {
            if self.stop.load(Ordering::Relaxed) {
                return Ok(None);
            }
            self.clock.sleep_until(due.min(self.clock.now() + SLICE));
        }
        Ok(Some(time))
    }
}
