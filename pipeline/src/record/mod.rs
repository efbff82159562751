//! The record of policy: an append-only file of JSON lines that tells what was hidden when, and how many frames left.
//!
//! **Invariant.** A line is signed by a key that was made on this device, and carries the hash of the line before: a line that
//! was altered, removed, exchanged or slipped in between does not prove. What is written is on the disk before what it tells
//! comes into force. Pen and key are the supervisor's alone.
//!
//! # What stands in the file
//!
//! Each line is one JSON object without blanks between its parts, followed by a line feed. Its fields, in this order:
//!
//! | field | what it is |
//! |---|---|
//! | `version` | 1 |
//! | `seq` | 0 in the first line, then one more in each |
//! | `time` | wall time, RFC 3339 in UTC with milliseconds |
//! | `reason` | why there is a line: `start`, `config`, `fault`, `restart`, `walls`, `count`, `stop`, `end`; see [`Reason`] |
//! | `what` | the same in words |
//! | `config` | SHA-256 of the config's text, as it is in force from here on |
//! | `networks` | SHA-256 of each network's file, by the file's name; `null` of one that could not be read |
//! | `runtime` | SHA-256 of the inference engine's library, or `null` |
//! | `hides` | what is hidden from here on, in the words of the `policy` event; `everything` while no pixel process stands |
//! | `walls` | `wanted`, and those that are `missing` of supervisor and pixel process, as far as they told |
//! | `frames` | what the pixel process let out since the line before, see [`Frames`] |
//! | `torn` | bytes in front of this line that are no line, see below; `null` when there are none |
//! | `previous` | SHA-256 of the line before, from its `{` to its `}`; in the first line 64 zeros |
//! | `key` | the public key, which is also its own fingerprint: 32 bytes of Ed25519 |
//! | `signature` | Ed25519 (RFC 8032) over the bytes of the line from its `{` up to, and without, `,"signature":` |
//!
//! Hashes, keys and signatures are written in lower-case hexadecimal, so that a line ends in `,"signature":"`, 128 digits, and
//! `"}`: whoever proves it cuts at a known length and never has to write JSON in one certain way. The key signs nothing else.
//!
//! # What a power cut leaves
//!
//! The last line may be torn: the beginning of the line that was due (`{"version":1,"seq":` and the number that is its turn),
//! without its end, or NUL bytes. Nothing is taken away from an append-only file, so it stays. The next line begins on a line of
//! its own and names it: `torn` has the number of `bytes` from the end of the last whole line to the line feed before this one,
//! and their `sha256`. Anything that is not a line and not named exactly so, by the very next line, breaks the record; so does a
//! whole JSON object that does not prove, wherever it stands. At the very end of the file, where nothing could name it yet, a
//! torn line without a line feed is told and breaks nothing.
//!
//! # Where what stands
//!
//! [`line`] makes a line and proves one; [`key`] is the key and its file; [`place`] says where the files lie and who may touch
//! them; [`tail`] reads the end of a record, [`log`] goes on writing there, [`verify`] proves all of it; [`counters`] is the pipe
//! by which the frames are counted. When a line is written, and what happens when none can be, is `supervise`'s business.

pub(crate) mod counters;
mod error;
pub(crate) mod key;
pub(crate) mod line;
pub(crate) mod log;
pub(crate) mod place;
mod tail;
pub(crate) mod verify;

pub(crate) use error::RecordError;
pub(crate) use line::{Frames, Reason, WallsTold};
pub(crate) use log::Log;

/// SHA-256, in lower-case hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex(&hmac_sha256::Hash::hash(bytes))
}

/// Lower-case hexadecimal.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Bytes from their lower-case hexadecimal, if it is that and as many.
fn from_hex<const BYTES: usize>(digits: &[u8]) -> Option<[u8; BYTES]> {
    let mut bytes = [0; BYTES];
    read_hex(digits, &mut bytes)?;
    Some(bytes)
}

/// The same, to where the bytes stay: nothing of them is left elsewhere.
fn read_hex(digits: &[u8], bytes: &mut [u8]) -> Option<()> {
    let value = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    if digits.len() != 2 * bytes.len() {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = value(pair[0])? << 4 | value(pair[1])?;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_is_read_as_it_is_written_and_in_no_other_way() {
        let bytes = [0x00, 0x7f, 0xa0, 0xff];
        assert_eq!(hex(&bytes), "007fa0ff");
        assert_eq!(from_hex(b"007fa0ff"), Some(bytes));
        for other in ["007FA0FF", "007fa0f", "007fa0ff0", "007fa0f ", "+07fa0ff", "007fa0fg", ""] {
            assert_eq!(from_hex::<4>(other.as_bytes()), None, "{other}");
        }
        // FIPS 180-4's own example.
        assert_eq!(sha256(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
