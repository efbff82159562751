//! Proves a record from its first line to its last.
//!
//! **Invariant.** What is called whole was signed line by line by one key, in this order, with nothing missing in between and
//! nothing that was not signed but what a power cut leaves. What was cut off at the end can not be seen in it. No more is kept of
//! it than the line that is being read, what is torn in front of it, and a few words on each policy.

use std::io::{self, BufRead, Read};

use serde::Serialize;

use super::key::PublicKey;
use super::line::{self, Entry, Frames, Line, Reason, Torn};
use super::tail::{MOST_TORN, Tail};

/// What a whole record tells.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Told {
    /// Lines, without those that are torn.
    pub(crate) lines: u64,
    /// When the first one was written,
    pub(crate) first: String,
    /// and the last.
    pub(crate) last: String,
    /// SHA-256 of the last line: kept elsewhere, it shows later whether anything was cut off.
    pub(crate) hash: String,
    /// The public key that signed all of it.
    pub(crate) key: String,
    /// Lines of the file, counted from 1, in front of which something torn stands, and is named.
    pub(crate) torn: Vec<u64>,
    /// Bytes at the end that are no whole line.
    pub(crate) torn_at_the_end: u64,
    /// Whether the last line tells that the run, or this record, is over. If not it is still written, the run was killed, or the
    /// end is cut off: what left since then is not counted.
    pub(crate) ended: bool,
    /// Lines that tell of a start,
    pub(crate) starts: u64,
    /// and of a fault, at which everything was masked.
    pub(crate) faults: u64,
    /// Each wall that was missing at some time.
    pub(crate) walls_missing: Vec<String>,
    /// What was hidden, one after the other.
    pub(crate) policies: Vec<Span>,
}

/// More names of walls than there can be are not kept.
const MOST_WALLS: usize = 100;

/// The time for which one config was in force.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Span {
    /// SHA-256 of its text.
    pub(crate) config: String,
    /// What it hides.
    pub(crate) hides: Vec<String>,
    /// From this line's time on,
    pub(crate) from: String,
    /// until this one's.
    pub(crate) until: String,
    /// What left meanwhile.
    pub(crate) frames: Frames,
}

/// Why nothing is proved.
#[derive(Debug, thiserror::Error)]
pub(crate) enum VerifyError {
    /// The system refused.
    #[error("reading the record failed")]
    Read(#[from] io::Error),
    /// There is nothing to prove.
    #[error("the file is empty: a record has at least one line")]
    Empty,
    /// It is broken.
    #[error("broken at line {line}: {why}")]
    Broken {
        /// Of the file, counted from 1.
        line: u64,
        /// What is wrong there.
        why: String,
    },
}

/// Proves a record. Without a `key` it is the one that its first line names: then it is only shown that a single key signed all
/// of it.
///
/// # Errors
/// When it can not be read, or does not prove: where, and why.
pub(crate) fn verify(record: impl Read, key: Option<PublicKey>) -> Result<Told, VerifyError> {
    let mut reading = Reading { key, tail: Tail::none(), torn: Vec::new(), torn_from: 0, number: 0, told: None };
    let mut record = io::BufReader::new(record);
    let mut piece = Vec::new();
    loop {
        piece.clear();
        let most = line::LONGEST as u64 + 1;
        if (&mut record).take(most).read_until(b'\n', &mut piece)? == 0 {
            break;
        }
        let ended = piece.pop_if(|last| *last == b'\n').is_some();
        reading.number += 1;
        if piece.len() > line::LONGEST {
            return Err(reading.broken(format!("it is longer than any line of a record ({} bytes)", line::LONGEST)));
        }
        reading.take(&piece, ended)?;
    }
    reading.end()
}

struct Reading {
    key: Option<PublicKey>,
    /// What the next line has to follow.
    tail: Tail,
    /// What is torn in front of it, and in which line that begins.
    torn: Vec<u8>,
    torn_from: u64,
    /// The line of the file that is read.
    number: u64,
    told: Option<Told>,
}

impl Reading {
    /// A line of the file: one of the record, or something torn.
    fn take(&mut self, piece: &[u8], ended: bool) -> Result<(), VerifyError> {
        let Some(key) = self.key.or_else(|| Line::claims(piece)) else { return self.take_torn(piece, ended) };
        match Line::proved(piece, &key) {
            Ok(line) => {
                self.key = Some(key);
                self.follow(&line, piece)
            }
            Err(_) if line::can_be_torn(piece, self.tail.next) => self.take_torn(piece, ended),
            Err(flaw) => Err(self.broken(flaw.to_string())),
        }
    }

    fn take_torn(&mut self, piece: &[u8], ended: bool) -> Result<(), VerifyError> {
        if !line::can_be_torn(piece, self.tail.next) {
            return Err(self.broken(line::Flaw::NoLine.to_string()));
        }
        if self.torn.is_empty() {
            self.torn_from = self.number;
        }
        self.torn.extend_from_slice(piece);
        if ended {
            self.torn.push(b'\n');
        }
        if self.torn.len() > MOST_TORN {
            return Err(self.broken("more is torn here than power cuts leave".to_owned()));
        }
        Ok(())
    }

    fn follow(&mut self, line: &Line, bytes: &[u8]) -> Result<(), VerifyError> {
        // The last line feed is the one by which this line begins on its own.
        let torn = self.torn.strip_suffix(b"\n").map(Torn::of);
        if torn != line.torn {
            return match torn {
                Some(_) => Err(VerifyError::Broken {
                    line: self.torn_from,
                    why: "it is no whole line, and the next whole line does not name it".to_owned(),
                }),
                None => Err(self.broken("it names something torn in front of it that is not there".to_owned())),
            };
        }
        if line.seq != self.tail.next {
            let why = format!("it is number {} of the record, and number {} belongs here", line.seq, self.tail.next);
            return Err(self.broken(why));
        }
        if line.previous != self.tail.previous {
            return Err(self.broken("it follows another line than the one before it".to_owned()));
        }
        if torn.is_some()
            && let Some(told) = &mut self.told
        {
            told.torn.push(self.number);
        }
        self.torn.clear();
        self.tail = Tail::behind(line, bytes);
        self.tell(line, torn.is_some());
        Ok(())
    }

    fn tell(&mut self, line: &Line, torn: bool) {
        let Line { time, entry, .. } = line;
        let told = self.told.get_or_insert_with(|| Told {
            lines: 0,
            first: time.clone(),
            last: String::new(),
            hash: String::new(),
            key: self.key.map_or_else(String::new, |key| key.to_string()),
            // Of the first line; the others were told before they were taken.
            torn: torn.then_some(self.number).into_iter().collect(),
            torn_at_the_end: 0,
            ended: false,
            starts: 0,
            faults: 0,
            walls_missing: Vec::new(),
            policies: Vec::new(),
        });
        told.ended = matches!(entry.reason, Reason::Stop | Reason::End);
        told.starts += u64::from(entry.reason == Reason::Start);
        told.faults += u64::from(entry.reason == Reason::Fault);
        for wall in &entry.walls.missing {
            if told.walls_missing.len() < MOST_WALLS && !told.walls_missing.contains(wall) {
                told.walls_missing.push(wall.clone());
            }
        }
        told.lines += 1;
        told.last.clone_from(time);
        told.hash.clone_from(&self.tail.previous);
        count(&mut told.policies, time, entry);
    }

    fn broken(&self, why: String) -> VerifyError {
        VerifyError::Broken { line: self.number, why }
    }

    fn end(self) -> Result<Told, VerifyError> {
        match self.told {
            // What a power cut leaves has no line feed.
            _ if self.torn.ends_with(b"\n") => Err(VerifyError::Broken {
                line: self.torn_from,
                why: "it is no whole line, and none follows that names it".to_owned(),
            }),
            Some(told) => Ok(Told { torn_at_the_end: self.torn.len() as u64, ..told }),
            None if self.number == 0 => Err(VerifyError::Empty),
            // Nothing but the beginning of a first line.
            None => Err(VerifyError::Broken { line: 1, why: "it is torn, and there is no whole line".to_owned() }),
        }
    }
}

/// The frames of a line left under the policy of the line before.
fn count(policies: &mut Vec<Span>, time: &str, entry: &Entry) {
    if let Some(span) = policies.last_mut() {
        let Frames { out, masked, at_least } = entry.frames;
        span.frames.out = span.frames.out.saturating_add(out);
        span.frames.masked = span.frames.masked.saturating_add(masked);
        span.frames.at_least |= at_least;
        time.clone_into(&mut span.until);
        if span.config == entry.config && span.hides == [line::EVERYTHING] {
            // The config came into force while everything was masked.
            span.hides.clone_from(&entry.hides);
        }
    }
    let new = policies.last().is_none_or(|span| span.config != entry.config);
    if new {
        let (config, hides, from) = (entry.config.clone(), entry.hides.clone(), time.to_owned());
        policies.push(Span { config, hides, until: from.clone(), from, frames: Frames::default() });
    }
}

#[cfg(test)]
#[path = "verify_tests.rs"]
mod tests;
