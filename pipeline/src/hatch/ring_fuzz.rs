//! The laws of the ring when its writer is hostile, for `crate::fuzz`.
//!
//! **Invariant.** The bytes are what the writer does: true frames, and any number at any word of the memory, between the
//! reader's looks. The reader ends each call, believes no frame that has another number than the next, and counts what it drops.
#![allow(clippy::unwrap_used, reason = "a target may panic: that is how it tells")]

use frostglass_vault::{Matrix, Range, Size};

use super::*;
use crate::fuzz::Numbers;

pub(crate) fn judge(bytes: &[u8]) {
    let mut numbers = Numbers(bytes);
    let format = Format::video(Size::new(5, 3), Matrix::Bt601, Range::Full);
    let mut writer = RingWriter::new(format).unwrap();
    let mut reader = RingReader::new(writer.descriptor(), format).unwrap();
    let words = (writer.memory.length / 8) as u32;
    let mut planes = Vec::new();
    while !numbers.is_empty() {
        match numbers.byte() % 6 {
            0 => {
                let stamp = Stamp { sequence: numbers.u64(), time: Duration::from_nanos(numbers.u64()) };
                // Where the count was turned, its own number may be near the end of all numbers.
                writer.published = writer.published.min(u64::from(u32::MAX));
                assert!(writer.publish(&RedactedFrame::masked(format, stamp), stamp.time));
            }
            // The count of frames, wild or near the true one.
            1 => writer.memory.word(0).store(numbers.u64(), Ordering::Release),
            2 => {
                let count = writer.published.wrapping_add(u64::from(numbers.byte()));
                writer.memory.word(0).store(count, Ordering::Release);
            }
            // The head of a slot, where its own number stands first.
            3 => {
                let at = slot_at(format, SLOTS, u64::from(numbers.byte())) + usize::from(numbers.byte() % 8) * 8;
                writer.memory.word(at).store(numbers.u64(), Ordering::Release);
            }
            // Any word.
            4 => writer.memory.word((numbers.u32() % words) as usize * 8).store(numbers.u64(), Ordering::Release),
            _ => {
                let (before, (lost, torn)) = (reader.next, reader.missed());
                let published = writer.memory.word(0).load(Ordering::Acquire);
                let taken = reader.take(&mut planes);
                let (more_lost, more_torn) = (reader.missed().0 - lost, reader.missed().1 - torn);
                assert!(more_torn <= ATTEMPTS as u64 && reader.next >= before, "numbers only rise");
                match taken {
                    Some(_) => {
                        assert!(before < published && planes.len() == format.bytes());
                        // Nobody wrote meanwhile: the slot still says that it holds this very frame.
                        let (number, at) = (reader.next - 1, slot_at(format, SLOTS, reader.next - 1));
                        assert_eq!(writer.memory.word(at).load(Ordering::Acquire), 2 * number + 2);
                    }
                    None => assert!(reader.next <= published.max(before)),
                }
                let passed = reader.next - before;
                assert_eq!(
                    passed,
                    more_lost + more_torn + u64::from(taken.is_some()),
                    "each frame is taken or counted"
                );
            }
        }
    }
}
