//! The end of a record: its last whole line, and what a power cut left behind it.
//!
//! **Invariant.** Only the end is proved here, whatever the length of the record: the last line by its signature, and what stands
//! behind it as something that a power cut can leave. What is neither ends the reading by an error. That all lines in front of
//! it follow one another is for [`verify`](super::verify) to prove.

use std::fs::File;
use std::os::unix::fs::FileExt;

use super::RecordError;
use super::key::PublicKey;
use super::line::{self, Flaw, Line, NONE_BEFORE, Reason, Torn};
use super::place::Place;

/// What the next line follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tail {
    /// Its number.
    pub(super) next: u64,
    /// Hash of the last line.
    pub(super) previous: String,
    /// Why there was a last line, and when.
    pub(super) last: Option<(Reason, String)>,
    /// What stands between that and the next.
    pub(super) torn: Option<Torn>,
    /// Whether the file ends within a line: the next one has to end that first.
    pub(super) open: bool,
}

/// Bytes behind the last line that are looked at: those of several power cuts in a row.
pub(super) const MOST_TORN: usize = 2 * line::LONGEST;
const WINDOW: usize = line::LONGEST + MOST_TORN + 2;

impl Tail {
    /// In front of the first line.
    pub(super) fn none() -> Self {
        Self { next: 0, previous: NONE_BEFORE.to_owned(), last: None, torn: None, open: false }
    }

    /// Behind a line.
    pub(super) fn behind(line: &Line, bytes: &[u8]) -> Self {
        let last = Some((line.entry.reason, line.time.clone()));
        Self { next: line.seq + 1, previous: super::sha256(bytes), last, torn: None, open: false }
    }

    /// Reads it.
    ///
    /// # Errors
    /// When the file can not be read, or does not end as a record of this key does.
    pub(super) fn read(file: &File, place: &Place, key: &PublicKey) -> Result<Self, RecordError> {
        let (end, is_all) = end_of(file).map_err(RecordError::io("reading the end of the record", &place.log))?;
        Self::of(&end, is_all, key).map_err(|why| RecordError::Broken { log: place.log.clone(), why })
    }

    /// `end`: what stands at the end, from the beginning of some line on; `is_all`: whether that is the whole file.
    fn of(end: &[u8], is_all: bool, key: &PublicKey) -> Result<Self, String> {
        if end.is_empty() && is_all {
            return Ok(Self::none());
        }
        let open = end.last() != Some(&b'\n');
        let mut pieces: Vec<&[u8]> = end.split(|&byte| byte == b'\n').collect();
        if !open {
            pieces.pop();
        }
        let mut flaw = Flaw::NoLine;
        let last = pieces.iter().rposition(|piece| match Line::proved(piece, key) {
            Ok(_) => true,
            Err(why) => {
                flaw = if flaw == Flaw::NoLine { why } else { flaw };
                false
            }
        });
        let mut tail = match last.map(|at| (pieces[at], Line::proved(pieces[at], key))) {
            Some((bytes, Ok(line))) => Self::behind(&line, bytes),
            _ if is_all => Self::none(),
            _ => return Err(format!("its last line does not prove ({flaw})")),
        };
        let behind = &pieces[last.map_or(0, |at| at + 1)..];
        // What was torn has no line feed at its end, or only since the next line ended it.
        let length = behind.iter().map(|piece| piece.len() + 1).sum::<usize>().saturating_sub(1);
        let is_torn = open && length <= MOST_TORN && behind.iter().all(|piece| line::can_be_torn(piece, tail.next));
        if !behind.is_empty() {
            if !is_torn {
                let of = if last.is_some() { "what stands behind the last line that proves" } else { "its first line" };
                return Err(format!("{of} is neither a line of it nor what a power cut leaves ({flaw})"));
            }
            tail.torn = Some(Torn::of(&end[end.len() - length..]));
        }
        tail.open = open;
        Ok(tail)
    }
}

/// The last bytes, from the beginning of a line on.
fn end_of(file: &File) -> std::io::Result<(Vec<u8>, bool)> {
    let length = file.metadata()?.len();
    let from = length.saturating_sub(WINDOW as u64);
    let mut end = vec![0; (length - from) as usize];
    file.read_exact_at(&mut end, from)?;
    if from > 0 {
        let begin = end.iter().position(|&byte| byte == b'\n').map_or(end.len(), |at| at + 1);
        end.drain(..begin);
    }
    Ok((end, from == 0))
}
