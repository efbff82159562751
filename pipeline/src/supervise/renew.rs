//! What a new config does to the processes.
//!
//! **Invariant.** A new config is a restart of the pixel process, whatever changed, and of the front when its own part did.
//! What the old one chose is forgotten with it: the camera that was found is looked for again only if the same is asked for.

use std::time::{Duration, Instant};

use super::Supervisor;
use super::reload::{Change, Glance};
use crate::commands::uncovered;
use crate::config::Config;
use crate::event::Masked;

/// The config file is looked at so often.
const GLANCE: Duration = Duration::from_secs(1);

impl Supervisor {
    pub(super) fn look_at_config(&mut self, asked: bool) {
        let due = self.glanced.elapsed() >= GLANCE;
        if due {
            self.glanced = Instant::now();
        }
        let glance = if due { self.proved.glance() } else { Glance::Same };
        if glance == Glance::Gone {
            let what = format!("{} is gone; the config that was read from it stays in force", self.proved.origin());
            tracing::warn!("{what}");
            self.tell_fault(what, Masked::Nothing);
        }
        if !(asked || glance == Glance::Replaced) {
            return;
        }
        match self.proved.again() {
            Change::None => {
                if asked {
                    tracing::info!("the config is the same as before");
                }
                self.note_text();
            }
            Change::Refused(error) => {
                self.status.print(&crate::commands::told(&error));
                tracing::error!("the new config is refused; the old one stays in force");
                self.tell_fault(
                    format!("the new config is at fault, and the old one stays in force: {error}"),
                    Masked::Nothing,
                );
            }
            Change::New { before } => {
                tracing::info!("a new config comes into force: {}", self.proved.origin());
                for what in uncovered(&before, &self.proved.config) {
                    tracing::warn!("the new config uncovers something: {what}");
                }
                self.begin_anew(&before);
            }
        }
    }

    fn begin_anew(&mut self, before: &Config) {
        let now = &self.proved.config;
        let front_too = before.emit != now.emit || before.log_level != now.log_level;
        if before.camera.source != now.camera.source {
            // Its zones were drawn for another picture.
            self.camera = None;
        }
        if let Some(mut pixel) = self.pixel.child.take() {
            pixel.kill();
            let status = &mut self.status;
            pixel.relay(|line| status.print(line));
            if let Some(counted) = &mut pixel.counted {
                self.pen.count_last(counted, self.pixel.stands);
            }
            self.put_away(pixel);
        }
        self.hatch = None;
        (self.pixel.stands, self.pixel.failures, self.pixel.due) = (false, 0, Some(Instant::now()));
        self.restarts += 1;
        self.tell_gone();
        self.note_config(before);
        if front_too {
            // It finishes what is open; a new one follows when it has ended.
            self.leaving = Some(Instant::now());
            self.finish_front();
        }
    }
}
