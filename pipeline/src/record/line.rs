//! One line: what it tells, how it is signed, how it is proved.
//!
//! **Invariant.** A [`Line`] that was read was proved: its signature fits the very bytes that were read, by the key that was
//! asked for. Whether it stands in its place is [`verify`](super::verify)'s and [`tail`](super::tail)'s business.

use std::collections::BTreeMap;

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::key::{Key, PublicKey};
use super::{from_hex, hex};

/// A line without its signature. The order of the fields is the contract; a field may be added at the end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Line {
    version: u32,
    pub(crate) seq: u64,
    pub(crate) time: String,
    #[serde(flatten)]
    pub(crate) entry: Entry,
    pub(crate) torn: Option<Torn>,
    pub(crate) previous: String,
    key: String,
}

/// What is told by a line; the rest of it is its place in the record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// Why there is a line,
    pub(crate) reason: Reason,
    /// and the same in words: one line of plain text.
    pub(crate) what: String,
    /// SHA-256 of the config's text.
    pub(crate) config: String,
    /// SHA-256 of each network, by its file's name; `None` when it could not be read.
    pub(crate) networks: BTreeMap<String, Option<String>>,
    /// SHA-256 of the inference engine, when it was found.
    pub(crate) runtime: Option<String>,
    /// What is hidden from here on.
    pub(crate) hides: Vec<String>,
    /// What the processes can not do any more.
    pub(crate) walls: WallsTold,
    /// Since the line before.
    pub(crate) frames: Frames,
}

/// Why there is a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Reason {
    /// The program was started; nothing has left yet.
    Start,
    /// Another config is in force, or another text that means the same.
    Config,
    /// The pixel process is lost, or lines could not be written: everything is masked from here on.
    Fault,
    /// Another pixel process stands: from here on, what `hides` says is hidden.
    Restart,
    /// Other walls are missing than the line before says.
    Walls,
    /// Nothing changed. Written now and then, so that a power cut does not take all counts with it.
    Count,
    /// The run is over: nothing leaves any more.
    Stop,
    /// This record is over, and the run goes on: another config names another record, or none.
    End,
}

/// Walls, as far as they are known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct WallsTold {
    /// Whether they were to go up.
    pub(crate) wanted: bool,
    /// Those that do not stand, and why.
    pub(crate) missing: Vec<String>,
}

/// Frames that passed the hatch of the pixel process. Wholly masked ones that the front puts into gaps hold no pixel of the
/// scene, and are not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Frames {
    /// All of them; what left in the last half second may be counted in the next line instead.
    pub(crate) out: u64,
    /// Those that were wholly masked.
    pub(crate) masked: u64,
    /// A process ended without its last count: there were at least so many.
    pub(crate) at_least: bool,
}

/// Bytes that are no line, in front of the line that names them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Torn {
    pub(super) bytes: u64,
    pub(super) sha256: String,
}

impl Torn {
    pub(super) fn of(bytes: &[u8]) -> Self {
        Self { bytes: bytes.len() as u64, sha256: super::sha256(bytes) }
    }
}

/// Why bytes are no line of this record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Flaw {
    /// It does not look like one.
    #[error("it is no line of a record")]
    NoLine,
    /// It looks like one and was altered, or was never signed.
    #[error("its signature does not fit: it was altered")]
    Signature,
    /// It was signed by somebody else.
    #[error("it is signed by another key")]
    OtherKey,
    /// It is of a later program.
    #[error("it is of another version of the record than this program knows")]
    Version,
}

/// Bytes of the longest line, without its line feed. The config that can be handed to the processes is shorter than half of it,
/// and a line repeats the names of its zones.
pub(super) const LONGEST: usize = 256 << 10;
/// `previous` of the first line.
pub(super) const NONE_BEFORE: &str = "0000000000000000000000000000000000000000000000000000000000000000";
/// What is hidden while no pixel process stands.
pub(crate) const EVERYTHING: &str = "everything";
const VERSION: u32 = 1;
const BEFORE_SIGNATURE: &[u8] = b",\"signature\":\"";
const AFTER_SIGNATURE: &[u8] = b"\"}";
const SIGNATURE_BYTES: usize = 64;

impl Line {
    /// A line in its place, signed: its bytes, without the line feed.
    pub(super) fn signed(
        seq: u64,
        time: String,
        entry: Entry,
        torn: Option<Torn>,
        previous: &str,
        key: &Key,
    ) -> Vec<u8> {
        let (previous, public) = (previous.to_owned(), key.public().to_string());
        let line = Self { version: VERSION, seq, time, entry, torn, previous, key: public };
        let mut bytes = serde_json::to_vec(&line).expect("numbers, texts and lists of them are JSON");
        bytes.pop();
        let signature = key.sign(&bytes);
        bytes.extend_from_slice(BEFORE_SIGNATURE);
        bytes.extend_from_slice(hex(&signature).as_bytes());
        bytes.extend_from_slice(AFTER_SIGNATURE);
        bytes
    }

    /// The line that these bytes are, if this key signed them.
    pub(super) fn proved(bytes: &[u8], key: &PublicKey) -> Result<Self, Flaw> {
        let (signed, signature) = parts(bytes).ok_or(Flaw::NoLine)?;
        if !key.signed(signed, &signature) {
            return Err(match Self::parse(signed) {
                Some(line) if line.key != key.to_string() => Flaw::OtherKey,
                Some(_) => Flaw::Signature,
                None => Flaw::NoLine,
            });
        }
        match Self::parse(signed) {
            Some(line) if line.version != VERSION => Err(Flaw::Version),
            Some(line) if line.key != key.to_string() => Err(Flaw::OtherKey),
            Some(line) => Ok(line),
            None => Err(Flaw::Version),
        }
    }

    /// The key by which a line says that it is signed; nothing of it is proved.
    pub(super) fn claims(bytes: &[u8]) -> Option<PublicKey> {
        PublicKey::from_digits(&Self::parse(parts(bytes)?.0)?.key)
    }

    fn parse(signed: &[u8]) -> Option<Self> {
        serde_json::from_slice(&[signed, b"}"].concat()).ok()
    }
}

/// What was signed, and the signature.
fn parts(bytes: &[u8]) -> Option<(&[u8], [u8; SIGNATURE_BYTES])> {
    let rest = bytes.strip_suffix(AFTER_SIGNATURE)?;
    let (rest, digits) = rest.split_at_checked(rest.len().checked_sub(2 * SIGNATURE_BYTES)?)?;
    Some((rest.strip_suffix(BEFORE_SIGNATURE)?, from_hex(digits)?))
}

/// Whether a power cut can have left these bytes of the line with this number: its beginning, or zeros, and not its end.
pub(super) fn can_be_torn(bytes: &[u8], seq: u64) -> bool {
    let begins = format!("{{\"version\":{VERSION},\"seq\":{seq},");
    let common = begins.len().min(bytes.len());
    let begins = bytes.first() == Some(&0) || bytes[..common] == begins.as_bytes()[..common];
    let mut objects = serde_json::Deserializer::from_slice(bytes).into_iter::<IgnoredAny>();
    (1..=LONGEST).contains(&bytes.len()) && begins && !matches!(objects.next(), Some(Ok(_)))
}

#[cfg(test)]
#[path = "line_tests.rs"]
pub(super) mod tests;
