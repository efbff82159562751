//! The pen: when a line of the record of policy is written, and what happens when none can be.
//!
//! **Invariant.** Where a record is asked for, no uncovered frame leaves under a policy that it does not tell: the line is on the
//! disk before the front gets the hatch. While none can be written no pixel process has a front, and what leaves is wholly masked;
//! it is tried again, and the first line afterwards says what has no line of its own. Where none is asked for, nothing of this
//! file does anything.
//!
//! What a line is, and the key, is [`crate::record`]'s business; which moments of the supervisor have one stands in `noting`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::process::{DumpableBehavior, set_dumpable_behavior};

use super::reload::Proved;
use crate::commands::{hides, live_networks};
use crate::event;
use crate::record::counters::Counted;
use crate::record::line::{EVERYTHING, Entry};
use crate::record::{Frames, Log, Reason, RecordError, WallsTold, sha256};

/// Writes the record, or knows that none is asked for.
pub(super) struct Pen {
    path: Option<PathBuf>,
    log: Option<Log>,
    policy: Policy,
    /// Of all processes, as far as they told,
    walls: WallsTold,
    /// those of this one among them,
    own_missing: Vec<String>,
    /// and those of the last line.
    told: WallsTold,
    /// Since the last line.
    frames: Frames,
    /// The last line said that everything is hidden.
    dark: bool,
    /// Pixel processes since then that were lost before they stood.
    failed: u64,
    outage: Option<Outage>,
    written: Instant,
}

/// What is in force.
#[derive(Default)]
struct Policy {
    config: String,
    networks: BTreeMap<String, Option<String>>,
    runtime: Option<String>,
    hides: Vec<String>,
}

/// No line could be written.
struct Outage {
    /// Wall time at which it began,
    since: String,
    /// and why.
    why: String,
    /// What would have had a line.
    changes: u64,
    failures: u32,
    /// When it is tried again.
    due: Instant,
}

/// A line that says nothing but how many frames left.
const COUNT_EVERY: Duration = Duration::from_secs(3600);
/// More walls than there are.
const MOST_WALLS: usize = 16;

impl Pen {
    /// Opens the record that the config asks for, if it does, and tells the start in it.
    ///
    /// # Errors
    /// When it can not be written: then nothing is started.
    pub(super) fn open(proved: &Proved, walls_wanted: bool, missing: &[String]) -> Result<Self, RecordError> {
        let mut pen = Self {
            path: proved.config.record.clone(),
            log: None,
            policy: Policy::default(),
            walls: WallsTold { wanted: walls_wanted, missing: missing.to_vec() },
            own_missing: missing.to_vec(),
            told: WallsTold::default(),
            frames: Frames::default(),
            dark: false,
            failed: 0,
            outage: None,
            written: Instant::now(),
        };
        let what = pen.take_up()?;
        pen.put(Reason::Start, &format!("frostglass {} starts{what}", env!("CARGO_PKG_VERSION")), Some(proved))?;
        if let Some(log) = pen.log.as_ref().filter(|log| log.is_new_key()) {
            tracing::info!(
                "a key for the record of policy was made; who wants to prove it later keeps this: {}",
                log.key()
            );
        }
        Ok(pen)
    }

    /// Whether all is told that had to be. What is not told does not leave.
    pub(super) fn is_up_to_date(&self) -> bool {
        self.outage.is_none()
    }

    /// Counts what a pixel process let out since the last time.
    pub(super) fn count(&mut self, counted: &mut Counted) {
        let Frames { out, masked, .. } = counted.read();
        self.frames.out = self.frames.out.saturating_add(out);
        self.frames.masked = self.frames.masked.saturating_add(masked);
    }

    /// The same, when the process is at its end. `stood`: whether it could let anything out.
    pub(super) fn count_last(&mut self, counted: &mut Counted, stood: bool) {
        self.count(counted);
        self.frames.at_least |= stood && !counted.is_last() || counted.nonsense() > 0;
        if counted.nonsense() > 0 {
            tracing::warn!("the pixel process's counters held what is none ({} times)", counted.nonsense());
        }
    }

    /// The line that is due when a pixel process stands and says which walls it lacks, if one is.
    pub(super) fn news_of_one_that_stands(&mut self, missing: Vec<String>) -> Option<(Reason, String)> {
        let mut all = self.own_missing.clone();
        for wall in missing.into_iter().take(MOST_WALLS).map(|wall| event::plain(&wall)) {
            if !all.contains(&wall) {
                all.push(wall);
            }
        }
        self.walls.missing = all;
        let failed = std::mem::take(&mut self.failed);
        if self.dark {
            let after = if failed > 0 { format!(", after {failed} that did not") } else { String::new() };
            return Some((Reason::Restart, format!("another pixel process stands{after}")));
        }
        let what = || match self.walls.missing.as_slice() {
            [] => "all walls stand".to_owned(),
            missing => format!("walls that do not stand: {}", missing.join("; ")),
        };
        (self.walls != self.told).then(|| (Reason::Walls, what()))
    }

    /// Whether the loss of a pixel process changes what is hidden. One that is lost before it stood, while all is masked anyway,
    /// is only counted: a camera that is away for weeks fills no disk.
    pub(super) fn is_loss_news(&mut self) -> bool {
        let news = !self.dark || self.frames != Frames::default() || self.outage.is_some();
        self.failed += u64::from(!news);
        news
    }

    /// Whether the config's text is another than the one of the last line.
    pub(super) fn is_other_text(&self, text: &str) -> bool {
        self.log.is_some() && self.policy.config != sha256(text.as_bytes())
    }

    pub(super) fn is_count_due(&self) -> bool {
        self.written.elapsed() >= COUNT_EVERY
    }

    /// Writes a line. After an error that is told by it there is an [`Outage`], and further changes are only counted.
    pub(super) fn write(&mut self, reason: Reason, what: &str, renewed: Option<&Proved>) -> Result<(), RecordError> {
        if let Some(outage) = &mut self.outage {
            outage.changes += 1;
            return Ok(());
        }
        self.put(reason, what, renewed).inspect_err(|error| self.fail(error))
    }

    /// `renewed`: the config, where the policy may be another than that of the last line.
    fn put(&mut self, reason: Reason, what: &str, renewed: Option<&Proved>) -> Result<(), RecordError> {
        let Some(log) = &mut self.log else { return Ok(()) };
        if let Some(proved) = renewed {
            self.policy = Policy::of(proved);
        }
        let dark = match reason {
            Reason::Fault | Reason::Stop => true,
            Reason::Start | Reason::Restart => false,
            // A config that is changed while nobody sees the sensor uncovers nothing until somebody does.
            Reason::Config | Reason::End | Reason::Walls | Reason::Count => self.dark,
        };
        let Policy { config, networks, runtime, hides } = &self.policy;
        let hides = if dark { vec![EVERYTHING.to_owned()] } else { hides.clone() };
        let (networks, walls) = (networks.clone(), self.walls.clone());
        log.append(Entry {
            reason,
            what: event::plain(what),
            config: config.clone(),
            networks,
            runtime: runtime.clone(),
            hides,
            walls,
            frames: self.frames,
        })?;
        (self.frames, self.dark, self.written) = (Frames::default(), dark, Instant::now());
        self.told = self.walls.clone();
        Ok(())
    }

    fn fail(&mut self, error: &RecordError) {
        self.log = None;
        let since = event::written(jiff::Timestamp::now());
        let (why, due) = (chain(error), Instant::now() + patience(0));
        self.outage = Some(Outage { since, why, changes: 1, failures: 0, due });
    }

    /// Opens the record, where one is asked for; gives what has to be told of how it was found.
    fn take_up(&mut self) -> Result<String, RecordError> {
        let Some(path) = &self.path else { return Ok(String::new()) };
        // The key is in this process's memory, and the others run as the same user.
        if let Err(error) = set_dumpable_behavior(DumpableBehavior::NotDumpable) {
            tracing::warn!("the memory of this process, with the record's key in it, is open to its user: {error}");
        }
        let log = Log::open(path)?;
        let mut found = String::new();
        if log.lines() == 0 && !log.is_new_key() {
            found += "; its key was there before it: another record of this key may be elsewhere";
        }
        let cut_off = log.last().filter(|(reason, _)| !matches!(reason, Reason::Stop | Reason::End));
        if let (Some((_, time)), None) = (cut_off, &self.outage) {
            found += &format!("; the run before was cut off at some moment after {time}");
            self.frames.at_least = true;
        }
        if let Some(bytes) = log.torn() {
            found += &format!("; {bytes} bytes of a line that was not finished are in front of this one");
        }
        self.log = Some(log);
        Ok(found)
    }

    /// Tries to write again, if it is time to or the run is `ending`; whether that ended an outage.
    pub(super) fn mend(&mut self, ending: bool, proved: &Proved) -> bool {
        let Some(outage) = self.outage.as_ref().filter(|outage| ending || outage.due <= Instant::now()) else {
            return false;
        };
        let Outage { since, why, changes, failures, .. } = outage;
        let (what, failures) = (
            format!(
                "no line could be written since {since} ({why}), and {changes} changes have none of their own; nothing but \
                 wholly masked frames left meanwhile"
            ),
            *failures,
        );
        let tried = self.take_up().and_then(|found| self.put(Reason::Fault, &(what + &found), Some(proved)));
        match (tried, &mut self.outage) {
            (Ok(()), outage) => *outage = None,
            (Err(error), Some(outage)) => {
                self.log = None;
                tracing::debug!("the record of policy can still not be written: {}", chain(&error));
                (outage.failures, outage.due) = (failures + 1, Instant::now() + patience(failures + 1));
            }
            (Err(_), None) => {}
        }
        self.outage.is_none()
    }

    /// Another config names another record, or none: this one ends, and the other begins or goes on.
    pub(super) fn follow(&mut self, what: &str, proved: &Proved) -> Result<(), RecordError> {
        let to = proved.config.record.as_ref();
        let goes = to.map_or("no record is kept from here on".to_owned(), |to| {
            format!("the record goes on in {}", to.display())
        });
        let mut from = match &self.path {
            None => "no record was kept before".to_owned(),
            Some(path) => format!("until here the record was {}", path.display()),
        };
        if let Some(outage) = &self.outage {
            from += &format!(", which could not be written since {}", outage.since);
            self.dark = true;
        }
        match self.put(Reason::End, &format!("{what}; {goes}"), Some(proved)) {
            Ok(()) => {
                from += &self.log.as_ref().map_or(String::new(), |log| format!("; its last hash is {}", log.hash()));
            }
            // The new one says all that follows.
            Err(error) => tracing::error!("the record of policy could not be closed: {}", chain(&error)),
        }
        if self.path.is_none() {
            // What left before was nobody's to tell.
            self.frames = Frames::default();
        }
        (self.path, self.log, self.outage) = (to.cloned(), None, None);
        let found = self.take_up().inspect_err(|error| self.fail(error))?;
        self.write(Reason::Config, &format!("{what}; {from}{found}"), Some(proved))
    }
}

impl Policy {
    fn of(proved: &Proved) -> Self {
        let Proved { text, config, .. } = proved;
        let networks = live_networks(config).map(|network| match network.card() {
            Ok(card) => (card.file, Some(card.sha256)),
            Err(error) => (event::plain(&error.to_string()), None),
        });
        let runtime = frostglass_models::Runtime::sha256_of_what_is_found().ok();
        Self { config: sha256(text.as_bytes()), networks: networks.collect(), runtime, hides: hides(config) }
    }
}

/// A second, then twice as long each time, at most half a minute.
fn patience(failures: u32) -> Duration {
    Duration::from_secs(1 << failures.min(5)).min(Duration::from_secs(30))
}

/// An error with its causes.
pub(super) fn chain(error: &RecordError) -> String {
    match error {
        RecordError::Io { source, .. } => format!("{error}: {source}"),
        _ => error.to_string(),
    }
}

#[cfg(test)]
#[path = "pen_tests.rs"]
mod tests;
