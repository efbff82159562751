//! The ring of redacted frames: memory that the pixel process writes and the front may only read.
//!
//! **Invariant.** Only redacted frames are ever written here. The memory is sealed before anybody else has it: it can
//! neither shrink (no `SIGBUS` for a reader) nor grow, and nobody can map it writable any more. A reader takes a copy and
//! looks at the slot's number again before it believes it: what was overwritten meanwhile is dropped and counted.
//!
//! Each slot is a sequence lock (Lameter, "Effective Synchronization on Linux/NUMA Systems", 2005): its number is odd
//! while it is written and names the frame when it is whole. Both sides never hold a reference into the memory, only raw
//! pointers and atomics: what the other side does to it can give wrong bytes, never undefined lengths. How the other side
//! learns that there is a frame, and events, are [`super::shared`]'s business.

#![allow(unsafe_code)]

use std::ffi::c_void;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering, fence};
use std::time::Duration;

use frostglass_vault::{Format, RedactedFrame, Stamp};
use rustix::fs::{MemfdFlags, SealFlags};
use rustix::mm::{MapFlags, ProtFlags};

/// Frames in the ring of a camera or clip.
pub const SLOTS: usize = 4;
/// Copies that are tried at once: a writer that never stops does not keep a reader for ever.
const ATTEMPTS: usize = 2 * SLOTS;
/// A page, so that planes start aligned: room for the count of published frames.
const HEAD: usize = 4096;
/// Before each slot's planes: its number, the frame's number, its time in nanoseconds, whether it is wholly masked, and
/// when it was captured in nanoseconds of the machine's monotonic clock.
const SLOT_HEAD: usize = 64;

/// The writing end, in the pixel process.
#[derive(Debug)]
pub struct RingWriter {
    memory: Memory,
    descriptor: OwnedFd,
    format: Format,
    slots: usize,
    published: u64,
}

impl RingWriter {
    /// Memory for [`SLOTS`] frames, all of it there and sealed.
    ///
    /// # Errors
    /// When the system has no memory for it, or cannot seal it.
    pub fn new(format: Format) -> io::Result<Self> {
        Self::of(format, SLOTS)
    }

    /// The same for `slots` frames; of a picture there is one.
    ///
    /// # Errors
    /// As [`RingWriter::new`].
    pub(crate) fn of(format: Format, slots: usize) -> io::Result<Self> {
        let length = length_for(format, slots);
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        let name = "frostglass-redacted-frames";
        // Kernels before 6.3 do not know the flag that forbids executing it.
        let descriptor = rustix::fs::memfd_create(name, flags | MemfdFlags::NOEXEC_SEAL)
            .or_else(|_| rustix::fs::memfd_create(name, flags))?;
        rustix::fs::ftruncate(&descriptor, length as u64)?;
        // Now, and not as a signal in the middle of a frame.
        rustix::fs::fallocate(&descriptor, rustix::fs::FallocateFlags::empty(), 0, length as u64)?;
        let memory = Memory::map(descriptor.as_fd(), length, ProtFlags::READ | ProtFlags::WRITE)?;
        rustix::fs::fcntl_add_seals(&descriptor, seals())?;
        Ok(Self { memory, descriptor, format, slots, published: 0 })
    }

    /// What the front maps.
    #[must_use]
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }

    /// The format of all frames.
    #[must_use]
    pub fn format(&self) -> Format {
        self.format
    }

    /// How many frames it holds.
    pub(crate) fn slots(&self) -> usize {
        self.slots
    }

    /// Copies a frame into the oldest slot and makes it the newest. A frame of another format is refused. `captured` is a
    /// time of the machine's monotonic clock.
    pub fn publish(&mut self, frame: &RedactedFrame, captured: Duration) -> bool {
        let (number, picture) = (self.published, frame.picture());
        if picture.format() != self.format {
            return false;
        }
        let at = slot_at(self.format, self.slots, number);
        self.memory.word(at).store(2 * number + 1, Ordering::Relaxed);
        fence(Ordering::Release);
        self.memory.word(at + 8).store(frame.stamp().sequence, Ordering::Relaxed);
        self.memory.word(at + 16).store(nanos(frame.stamp().time), Ordering::Relaxed);
        self.memory.word(at + 24).store(u64::from(frame.is_masked()), Ordering::Relaxed);
        self.memory.word(at + 32).store(nanos(captured), Ordering::Relaxed);
        let mut to = at + SLOT_HEAD;
        for plane in 0..3 {
            let size = self.format.plane_size(plane);
            let (from, width) = (picture.plane(plane), size.width as usize);
            if from.stride == width {
                self.memory.copy_in(to, &from.bytes[..size.pixels()]);
            } else {
                for y in 0..size.height {
                    self.memory.copy_in(to + y as usize * width, picture.row(plane, y));
                }
            }
            to += size.pixels();
        }
        self.memory.word(at).store(2 * number + 2, Ordering::Release);
        self.published += 1;
        self.memory.word(0).store(self.published, Ordering::Release);
        true
    }
}

/// The reading end, in the front.
#[derive(Debug)]
pub struct RingReader {
    memory: Memory,
    format: Format,
    slots: usize,
    /// Number of the frame to read next.
    next: u64,
    /// Frames that were overwritten before they were read.
    lost: u64,
    /// Copies that were overwritten while they were taken.
    torn: u64,
}

/// A frame's place and kind, copied out of the ring with its planes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The pixel side's stamp.
    pub stamp: Stamp,
    /// Whether nothing of the scene is left in it.
    pub masked: bool,
    /// When it was captured, by the machine's monotonic clock, as the other side says.
    pub captured: Duration,
}

impl RingReader {
    /// Maps what the other side gave, which is believed in nothing: its length has to be that of `format`, and it has
    /// to be sealed. Frames that were published before are read if they are still there.
    ///
    /// # Errors
    /// When it is not such memory.
    pub fn new(descriptor: BorrowedFd<'_>, format: Format) -> io::Result<Self> {
        Self::of(descriptor, format, SLOTS)
    }

    /// The same for a ring of `slots` frames.
    ///
    /// # Errors
    /// As [`RingReader::new`].
    pub(crate) fn of(descriptor: BorrowedFd<'_>, format: Format, slots: usize) -> io::Result<Self> {
        let length = length_for(format, slots);
        let wrong = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
        if rustix::fs::fstat(descriptor)?.st_size as u64 != length as u64 {
            return Err(wrong("the ring of frames is not as long as its format needs"));
        }
        if !rustix::fs::fcntl_get_seals(descriptor)?.contains(seals()) {
            return Err(wrong("the ring of frames is not sealed"));
        }
        let memory = Memory::map(descriptor, length, ProtFlags::READ)?;
        Ok(Self { memory, format, slots, next: 0, lost: 0, torn: 0 })
    }

    /// What is there was read by another: only what comes from now on is read here.
    pub fn skip(&mut self) {
        self.next = self.next.max(self.memory.word(0).load(Ordering::Acquire));
    }

    /// Copies the oldest unread frame into `planes`, packed; `None` when there is none, or when one after the other is
    /// overwritten while it is copied.
    pub fn take(&mut self, planes: &mut Vec<u8>) -> Option<Taken> {
        for _ in 0..ATTEMPTS {
            let published = self.memory.word(0).load(Ordering::Acquire);
            if published <= self.next {
                return None;
            }
            let oldest = published.saturating_sub(self.slots as u64);
            if oldest > self.next {
                self.lost = self.lost.saturating_add(oldest - self.next);
                self.next = oldest;
            }
            let number = self.next;
            self.next = number.saturating_add(1);
            if let Some(taken) = self.copy(number, planes) {
                return Some(taken);
            }
            self.torn = self.torn.saturating_add(1);
        }
        None
    }

    /// Frames that were overwritten before they were read, and copies that were dropped because they were torn.
    #[must_use]
    pub fn missed(&self) -> (u64, u64) {
        (self.lost, self.torn)
    }

    fn copy(&self, number: u64, planes: &mut Vec<u8>) -> Option<Taken> {
        let at = slot_at(self.format, self.slots, number);
        let whole = number.checked_mul(2)?.checked_add(2)?;
        if self.memory.word(at).load(Ordering::Acquire) != whole {
            return None;
        }
        let word = |offset| self.memory.word(at + offset).load(Ordering::Relaxed);
        let stamp = Stamp { sequence: word(8), time: Duration::from_nanos(word(16)) };
        let masked = word(24) != 0;
        let captured = Duration::from_nanos(word(32));
        planes.resize(self.format.bytes(), 0);
        self.memory.copy_out(at + SLOT_HEAD, planes);
        fence(Ordering::Acquire);
        (self.memory.word(at).load(Ordering::Relaxed) == whole).then_some(Taken { stamp, masked, captured })
    }
}

fn seals() -> SealFlags {
    SealFlags::SHRINK | SealFlags::GROW | SealFlags::FUTURE_WRITE
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// Bytes from one slot to the next, a multiple of a cache line.
fn slot_bytes(format: Format) -> usize {
    (SLOT_HEAD + format.bytes()).next_multiple_of(64)
}

fn length_for(format: Format, slots: usize) -> usize {
    (HEAD + slots * slot_bytes(format)).next_multiple_of(HEAD)
}

fn slot_at(format: Format, slots: usize, number: u64) -> usize {
    HEAD + (number % slots.max(1) as u64) as usize * slot_bytes(format)
}

/// A mapping of shared memory.
#[derive(Debug)]
struct Memory {
    start: NonNull<c_void>,
    length: usize,
}

// SAFETY: the mapping belongs to this value alone and is reached through raw pointers and atomics, from any thread.
unsafe impl Send for Memory {}

impl Memory {
    fn map(descriptor: BorrowedFd<'_>, length: usize, access: ProtFlags) -> io::Result<Self> {
        // SAFETY: the kernel picks the place of a new mapping, so that no memory of ours is replaced; the callers have
        // made sure that the descriptor is as long as that, and it can not shrink.
        let start = unsafe { rustix::mm::mmap(std::ptr::null_mut(), length, access, MapFlags::SHARED, descriptor, 0)? };
        let start = NonNull::new(start).ok_or_else(|| io::Error::other("the system mapped memory at address 0"))?;
        Ok(Self { start, length })
    }

    /// The 8 bytes at `offset`, which must be a multiple of 8 inside the mapping.
    fn word(&self, offset: usize) -> &AtomicU64 {
        assert!(offset.is_multiple_of(8) && offset + 8 <= self.length, "a word of the ring lies inside of it");
        // SAFETY: inside the mapping, which lives as long as `self`, and aligned (asserted; a mapping starts at a page).
        // All access to these words, on both sides, is atomic; a read-only mapping is only loaded from by `RingReader`.
        unsafe { AtomicU64::from_ptr(self.start.as_ptr().byte_add(offset).cast()) }
    }

    fn copy_in(&self, offset: usize, bytes: &[u8]) {
        assert!(offset <= self.length && bytes.len() <= self.length - offset, "a plane lies inside the ring");
        // SAFETY: the target is inside the mapping (asserted), which only `RingWriter` maps writable; `bytes` is a
        // borrowed slice of other memory. Readers of the other process may see half of it, which the slot's number tells.
        unsafe {
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), self.start.as_ptr().cast::<u8>().add(offset), bytes.len());
        }
    }

    fn copy_out(&self, offset: usize, bytes: &mut [u8]) {
        assert!(offset <= self.length && bytes.len() <= self.length - offset, "a plane lies inside the ring");
        // SAFETY: the source is inside the mapping (asserted), `bytes` is memory of our own. The writer may be at it:
        // any byte is a valid `u8`, and the caller drops the copy when the slot's number has changed.
        unsafe {
            std::ptr::copy_nonoverlapping(
                self.start.as_ptr().cast::<u8>().add(offset),
                bytes.as_mut_ptr(),
                bytes.len(),
            );
        }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: this mapping, made by `map` with this length; nothing borrowed from it outlives `self`.
        let _ = unsafe { rustix::mm::munmap(self.start.as_ptr(), self.length) };
    }
}

#[cfg(any(test, fuzzing))]
#[path = "ring_fuzz.rs"]
pub(crate) mod fuzz;
#[cfg(test)]
#[path = "ring_tests.rs"]
mod tests;
