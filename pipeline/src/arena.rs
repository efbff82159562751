//! Memory for a camera's raw frames: never swapped out, in no core dump, not inherited by a child, and not moved by the kernel
//! into larger pages, which would leave copies behind.
//!
//! **Invariant.** A piece is whole pages of one mapping that nobody else has, and lives as long as its mapping. That it is
//! zeroised when a frame leaves it is the pool's business ([`frostglass_vault::Pool`]); when the process ends, however it ends,
//! the kernel does it before anybody else gets the page.
//!
//! What the kernel does not grant is told, and the frames are held all the same: a limit on locked memory makes a camera weaker
//! against who takes its swap, not blind.

#![expect(unsafe_code, reason = "memory is mapped, and handed out in pieces")]

use std::ffi::c_void;
use std::io;
use std::ptr::{self, NonNull};
use std::sync::Arc;

use frostglass_vault::{Format, Memory, Pool};
use rustix::mm::{Advice, MapFlags, MlockFlags, ProtFlags, madvise, mlock_with, mmap_anonymous, munmap};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use zeroize::Zeroize;

/// A pool of `slots` frames in a mapping of its own, and what of the above the kernel did not grant.
///
/// # Errors
/// When there is no memory.
pub(crate) fn pool(format: Format, slots: usize) -> io::Result<(Pool, Result<(), String>)> {
    let page = rustix::param::page_size();
    let piece = format.bytes().div_ceil(page) * page;
    let (map, stands) = Map::new(piece * slots.max(1))?;
    let map = Arc::new(map);
    let pieces = (0..slots).map(|index| Box::new(Piece::new(&map, index * piece, format.bytes())) as Box<dyn Memory>);
    Ok((Pool::within(format, pieces.collect()), stands))
}

/// Memory that frames pass through on their way, one after the other, guarded as they are, as far as the kernel grants that when
/// it is made. Between two of them it is all zeroes.
#[derive(Default)]
pub(crate) struct Scratch {
    piece: Option<Piece>,
    used: usize,
}

impl Scratch {
    /// Room for so many bytes.
    ///
    /// # Errors
    /// When there is no memory.
    pub(crate) fn of(length: usize) -> io::Result<Self> {
        let page = rustix::param::page_size();
        let (map, _) = Map::new(length.max(1).next_multiple_of(page))?;
        let length = map.length;
        Ok(Self { piece: Some(Piece::new(&Arc::new(map), 0, length)), used: 0 })
    }

    /// So many bytes of it. Where that is more than there is room for, new memory takes the place of the old.
    ///
    /// # Errors
    /// When there is no memory.
    pub(crate) fn take(&mut self, length: usize) -> io::Result<&mut [u8]> {
        if self.piece.as_ref().is_none_or(|piece| piece.length < length) {
            self.forget();
            *self = Self::of(length)?;
        }
        self.used = self.used.max(length);
        let piece = self.piece.as_mut().ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(&mut piece.bytes_mut()[..length])
    }

    /// What was taken since this was done last.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.piece.as_ref().map_or(&[], |piece| &piece.bytes()[..self.used])
    }

    /// Overwrites what was taken.
    pub(crate) fn forget(&mut self) {
        if let Some(piece) = &mut self.piece {
            piece.bytes_mut()[..self.used].zeroize();
        }
        self.used = 0;
    }
}

/// The mapping; it goes with its last piece.
struct Map {
    start: NonNull<u8>,
    length: usize,
}

// SAFETY: memory belongs to no thread; who may touch which part of it is settled by `Piece`.
unsafe impl Send for Map {}
// SAFETY: as above: a shared `Map` reads and writes nothing.
unsafe impl Sync for Map {}

impl Map {
    fn new(length: usize) -> io::Result<(Self, Result<(), String>)> {
        let access = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a new mapping at a place of the kernel's choice, so that nothing else lies there.
        let start = unsafe { mmap_anonymous(ptr::null_mut(), length, access, MapFlags::PRIVATE)? };
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        let map = Self { start, length };
        let stands = map.guard();
        Ok((map, stands))
    }

    fn guard(&self) -> Result<(), String> {
        for (advice, what) in [
            (Advice::LinuxDontDump, "kept out of core dumps"),
            (Advice::LinuxDontFork, "kept from children"),
            (Advice::LinuxNoHugepage, "kept in small pages"),
        ] {
            // SAFETY: whole pages of this mapping; none of the three changes what is in them.
            match unsafe { madvise(self.start(), self.length, advice) } {
                // A kernel without large pages has none to keep it from.
                Err(rustix::io::Errno::INVAL) if what == "kept in small pages" => {}
                given => given.map_err(|error| format!("can not be {what}: {error}"))?,
            }
        }
        let allowed = raise_limit();
        // SAFETY: whole pages of this mapping, which stay what they are. Each is locked when it is first written.
        unsafe { mlock_with(self.start(), self.length, MlockFlags::ONFAULT) }.map_err(|error| {
            let (needed, allowed) = (self.length.div_ceil(MIB), allowed.map(|bytes| bytes / MIB as u64));
            let allowed = allowed.map_or_else(String::new, |mebibytes| format!(", {mebibytes} MiB are allowed"));
            format!(
                "{needed} MiB of frames may be swapped out: {error}{allowed}; raise the limit of locked memory \
                 (`LimitMEMLOCK=infinity` in a systemd unit, `memlock` in limits.conf)"
            )
        })
    }

    fn start(&self) -> *mut c_void {
        self.start.as_ptr().cast()
    }
}

const MIB: usize = 1 << 20;

/// Asks for as much locked memory as this user may have, and says how much that is; `None` is no limit.
fn raise_limit() -> Option<u64> {
    let Rlimit { current, maximum } = getrlimit(Resource::Memlock);
    if current != maximum && setrlimit(Resource::Memlock, Rlimit { current: maximum, maximum }).is_ok() {
        return maximum;
    }
    current
}

impl Drop for Map {
    fn drop(&mut self) {
        // SAFETY: the whole of this mapping, and no piece of it is left: each holds a count of it.
        let _ = unsafe { munmap(self.start(), self.length) };
    }
}

/// The memory of one frame.
struct Piece {
    map: Arc<Map>,
    offset: usize,
    length: usize,
}

impl Piece {
    /// Called once for each place, by [`pool`].
    fn new(map: &Arc<Map>, offset: usize, length: usize) -> Self {
        assert!(offset + length <= map.length, "a piece lies in its mapping");
        Self { map: Arc::clone(map), offset, length }
    }
}

impl Memory for Piece {
    fn bytes(&self) -> &[u8] {
        // SAFETY: readable, and zeroes or what was written: the mapping lives as long as this piece, the piece lies in it
        // (`new`), and `pool` makes no two that overlap, so that only a borrow of this one can write there.
        unsafe { std::slice::from_raw_parts(self.map.start.as_ptr().add(self.offset), self.length) }
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `bytes`, and this piece is borrowed by nobody else.
        unsafe { std::slice::from_raw_parts_mut(self.map.start.as_ptr().add(self.offset), self.length) }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::Duration;

    use frostglass_vault::{Matrix, Range, Size, Stamp, Zones};

    use super::*;

    fn format() -> Format {
        Format::video(Size::new(90, 61), Matrix::Bt601, Range::Limited)
    }

    #[test]
    fn frames_have_their_own_memory_and_leave_nothing_in_it() {
        let (pool, _) = pool(format(), 3).unwrap();
        let fill = |value: u8| {
            let mut blank = pool.blank().unwrap();
            blank.planes_mut().into_iter().for_each(|plane| plane.bytes.fill(value));
            blank.expose(Stamp { sequence: 0, time: Duration::ZERO }, &Zones::none())
        };
        let mut frames = [1, 2, 3].map(fill);
        assert!(pool.blank().is_none());
        for (frame, value) in frames.iter_mut().zip(1..) {
            let look = frame.lend();
            for plane in 0..3 {
                assert!(look.picture().plane(plane).bytes.iter().all(|&sample| sample == value));
            }
        }
        drop(frames);
        let mut blanks = [(); 3].map(|()| pool.blank().unwrap());
        for plane in blanks.iter_mut().flat_map(|blank| blank.planes_mut()) {
            assert!(plane.bytes.iter().all(|&sample| sample == 0));
        }
    }

    #[test]
    fn what_passed_through_is_forgotten_however_much_room_it_took() {
        let mut scratch = Scratch::of(100).unwrap();
        for length in [100, 5000, 20, 0, 70_000, 3] {
            assert!(scratch.take(length).unwrap().iter().all(|&byte| byte == 0), "{length}");
            scratch.take(length).unwrap().fill(7);
            assert_eq!(scratch.bytes(), vec![7; length]);
            scratch.forget();
            assert!(scratch.bytes().is_empty());
            assert!(scratch.piece.as_ref().unwrap().bytes().iter().all(|&byte| byte == 0), "{length}");
        }
        assert!(is_guarded(scratch.piece.as_ref().unwrap().bytes().as_ptr() as usize).is_some());
    }

    #[test]
    fn it_is_locked_and_kept_out_of_dumps_and_children() {
        let (pool, stands) = pool(format(), 2).unwrap();
        let mut blank = pool.blank().unwrap();
        let locked = is_guarded(blank.planes_mut()[0].bytes.as_ptr() as usize).unwrap();
        assert_eq!(locked, stands.is_ok(), "{stands:?}");
    }

    /// Whether the memory at this place is locked, if it is out of dumps, children and huge pages.
    fn is_guarded(place: usize) -> Option<bool> {
        let maps = fs::read_to_string("/proc/self/smaps").unwrap();
        let mut flags = None;
        for line in maps.lines() {
            let range = line.split_once(' ').and_then(|(range, _)| range.split_once('-'));
            let ends = range.map(|(start, end)| [start, end].map(|end| usize::from_str_radix(end, 16)));
            match ends {
                Some([Ok(start), Ok(end)]) => flags = (start..end).contains(&place).then(Vec::new),
                _ => {
                    if let (Some(flags), Some(words)) = (&mut flags, line.strip_prefix("VmFlags:")) {
                        flags.extend(words.split_whitespace().map(str::to_owned));
                        break;
                    }
                }
            }
        }
        // Don't dump, don't copy on fork, no huge pages; and locked, where the limit lets it.
        let has =
            |flag: &str| flags.as_ref().is_some_and(|flags: &Vec<String>| flags.iter().any(|found| found == flag));
        ["dd", "dc", "nh"].into_iter().all(has).then(|| has("lo"))
    }
}
