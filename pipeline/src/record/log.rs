//! The pen: opens a record, and puts lines behind its last one.
//!
//! **Invariant.** One process at a time writes a record, and only behind an end that proves (see [`tail`](super::tail); what
//! stands in front of that is not read at the start, however long it has become). A line counts as written when the disk has it.
//! Nothing is ever taken away. After any error the log is not written to again: whoever needs it opens it anew, and what was
//! left torn is named by the next line.

use std::fs::{File, Metadata};
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};

use super::RecordError;
use super::key::{Key, PublicKey};
use super::line::{self, Entry, Line, Reason};
use super::place::Place;
use super::tail::Tail;
use crate::event;

/// A record that is open for the next line.
pub(crate) struct Log {
    file: File,
    place: Place,
    key: Key,
    made_key: bool,
    tail: Tail,
    /// Bytes that the file has.
    length: u64,
}

/// What is there of a record, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// The key, if there is one.
    pub(crate) key: Option<PublicKey>,
    /// Lines that are there, as the last one says.
    pub(crate) lines: u64,
}

impl Log {
    /// Opens it. At the first start both are made, the key and the record.
    ///
    /// # Errors
    /// When its place can not be written, others can touch it, the key is missing or no key, the record does not end as one of
    /// this key does, or another process writes it.
    pub(crate) fn open(path: &Path) -> Result<Self, RecordError> {
        let place = Place::of(path);
        place.look_at_folder()?;
        let found = place.open_log(false)?;
        let (key, made_key) = match (Key::read(&place)?, &found) {
            (Some(key), _) => (key, false),
            (None, Some(_)) => return Err(RecordError::KeyIsGone { log: place.log, key: place.key }),
            (None, None) => (Key::make(&place)?, true),
        };
        key.show(&place)?;
        let file = match found {
            Some(file) => file,
            None => place.make_log()?,
        };
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => return Err(RecordError::Taken { log: place.log }),
            Err(error) => return Err(RecordError::io("locking the record", &place.log)(error.into())),
        }
        let tail = Tail::read(&file, &place, key.public())?;
        let length = file.metadata().map_err(RecordError::io("looking at the record", &place.log))?.len();
        Ok(Self { file, place, key, made_key, tail, length })
    }

    /// Looks at all that [`Log::open`] looks at, and makes nothing. Whether another process writes it is not asked.
    ///
    /// # Errors
    /// Those of [`Log::open`].
    pub(crate) fn look(path: &Path) -> Result<Found, RecordError> {
        let place = Place::of(path);
        place.look_at_folder()?;
        place.can_be_written()?;
        match (Key::read(&place)?, place.open_log(true)?) {
            (None, Some(_)) => Err(RecordError::KeyIsGone { log: place.log, key: place.key }),
            (None, None) => Ok(Found { key: None, lines: 0 }),
            (Some(key), None) => Ok(Found { key: Some(*key.public()), lines: 0 }),
            (Some(key), Some(file)) => {
                let lines = Tail::read(&file, &place, key.public())?.next;
                Ok(Found { key: Some(*key.public()), lines })
            }
        }
    }

    /// Puts a line behind the last one, and has it written to the disk.
    ///
    /// # Errors
    /// When it is not certain that the line is there. Then this log is done with.
    pub(crate) fn append(&mut self, entry: Entry) -> Result<(), RecordError> {
        let found = match self.file.metadata() {
            Ok(found) if !self.was_moved(&found) => found.len(),
            _ => return Err(RecordError::Moved { log: self.place.log.clone() }),
        };
        if found != self.length {
            return Err(RecordError::Touched { log: self.place.log.clone(), found, left: self.length });
        }
        let time = event::written(jiff::Timestamp::now());
        let Tail { next, previous, torn, open, .. } = &self.tail;
        let line = Line::signed(*next, time, entry, torn.clone(), previous, &self.key);
        if line.len() > line::LONGEST {
            return Err(RecordError::TooLong { log: self.place.log.clone(), bytes: line.len() });
        }
        // In one piece: a line feed that ends what is torn is no line of its own.
        let mut bytes = Vec::with_capacity(line.len() + 2);
        bytes.extend_from_slice(if *open { b"\n" } else { b"" });
        bytes.extend_from_slice(&line);
        bytes.push(b'\n');
        let tried = "writing a line of the record";
        self.file.write_all(&bytes).map_err(RecordError::io(tried, &self.place.log))?;
        self.file.sync_data().map_err(RecordError::io("writing the record to the disk", &self.place.log))?;
        self.tail = Tail { next: next + 1, previous: super::sha256(&line), last: None, torn: None, open: false };
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// Why the line that was last when it was opened was written, and when.
    pub(crate) fn last(&self) -> Option<&(Reason, String)> {
        self.tail.last.as_ref()
    }

    /// How many lines there are.
    pub(crate) fn lines(&self) -> u64 {
        self.tail.next
    }

    /// Bytes that a power cut left, which the next line will name.
    pub(crate) fn torn(&self) -> Option<u64> {
        self.tail.torn.as_ref().map(|torn| torn.bytes)
    }

    /// Hash of the last line.
    pub(crate) fn hash(&self) -> &str {
        &self.tail.previous
    }

    /// Whether its key was made when it was opened.
    pub(crate) fn is_new_key(&self) -> bool {
        self.made_key
    }

    /// The public half of its key.
    pub(crate) fn key(&self) -> &PublicKey {
        self.key.public()
    }

    /// Whether its name is another file's, or none's: lines would go where nobody looks for them.
    fn was_moved(&self, open: &Metadata) -> bool {
        let named = std::fs::symlink_metadata(&self.place.log);
        !named.is_ok_and(|named| (named.dev(), named.ino()) == (open.dev(), open.ino()))
    }
}

#[cfg(test)]
#[path = "log_tests.rs"]
mod tests;
