//! The moments at which the supervisor tells something in the record of policy.
//!
//! **Invariant.** One call at each moment at which what is hidden changes, and nowhere else; where no record is kept, each does
//! nothing. What follows when a line could not be written happens here alone: the pixel process ends, and people are told.

use super::Supervisor;
use super::pen::chain;
use crate::commands::uncovered;
use crate::config::Config;
use crate::event::Masked;
use crate::record::{Reason, RecordError};

impl Supervisor {
    /// Tells a change in the record.
    pub(super) fn note(&mut self, reason: Reason, what: &str) {
        let renewed = matches!(reason, Reason::Config | Reason::Restart).then_some(&self.proved);
        let written = self.pen.write(reason, what, renewed);
        self.heed(written);
    }

    fn heed(&mut self, written: Result<(), RecordError>) {
        let Err(error) = written else { return };
        let what = format!(
            "the record of policy can not be written, and every frame is masked until it can be: {}",
            chain(&error)
        );
        tracing::error!("{what}");
        self.tell_fault(what, Masked::Everything);
    }

    /// A pixel process stands and says which walls it lacks: told before the front gets its frames.
    pub(super) fn note_standing(&mut self, missing: Vec<String>) {
        if let Some((reason, what)) = self.pen.news_of_one_that_stands(missing) {
            self.note(reason, &what);
        }
    }

    /// The pixel process is lost.
    pub(super) fn note_loss(&mut self, why: &str) {
        if self.pen.is_loss_news() {
            self.note(Reason::Fault, why);
        }
    }

    /// A new config is in force, in the place of `before`.
    pub(super) fn note_config(&mut self, before: &Config) {
        let mut what = "a new config is in force".to_owned();
        let less = uncovered(before, &self.proved.config);
        if !less.is_empty() {
            what += &format!(" and uncovers something: {}", less.join(", "));
        }
        if before.record == self.proved.config.record {
            self.note(Reason::Config, &what);
        } else {
            let written = self.pen.follow(&what, &self.proved);
            self.heed(written);
        }
    }

    /// The config was read again and means the same; its text may be another.
    pub(super) fn note_text(&mut self) {
        if self.pen.is_other_text(&self.proved.text) {
            self.note(Reason::Config, "the config has another text, which means the same");
        }
    }

    /// Ends a pixel process that the record does not tell of, tries to write again what could not be, and counts now and then.
    pub(super) fn see_to_the_record(&mut self) {
        if !self.pen.is_up_to_date() {
            if self.pixel.child.is_some() {
                self.lose_pixel("the pixel process was ended, for the record of policy can not be written", false);
            }
            if self.pen.mend(false, &self.proved) {
                tracing::info!("the record of policy is written again");
            }
        } else if self.pixel.stands && self.pen.is_count_due() {
            self.note(Reason::Count, "nothing changed");
        }
    }

    /// The last line; whether all of the run is told.
    pub(super) fn close_record(&mut self) -> bool {
        self.pen.mend(true, &self.proved);
        let well = self.outcome.unwrap_or(true);
        self.note(Reason::Stop, if well { "the run is over" } else { "the run ended by a failure" });
        self.pen.is_up_to_date()
    }
}
