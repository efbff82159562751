//! The pipe by which the pixel process tells the supervisor how many frames it let out.
//!
//! **Invariant.** It is the pixel process's standard output and goes to the supervisor alone: the front, which could forge counts
//! that went through it, never holds an end. Neither side waits for the other. A record has 32 bytes, which a pipe takes whole or
//! not at all, and holds totals: one that is lost is made up for by the next. The reading side believes nothing: what is no
//! record, or goes backwards, is passed over and counted.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rustix::fs::{FileType, OFlags, fcntl_getfl, fcntl_setfl, fstat};

use super::line::Frames;
use crate::metrics::Emit;

/// The writing end, shared by the threads of the pixel process.
#[derive(Debug)]
pub(crate) struct Counters {
    pipe: OwnedFd,
    /// Records written; `None` after the last one.
    written: Mutex<Option<u64>>,
}

/// The reading end, of one pixel process's life.
#[derive(Debug)]
pub(crate) struct Counted {
    pipe: OwnedFd,
    /// The beginning of a record.
    rest: Vec<u8>,
    /// The newest record: its number, frames out, wholly masked ones among them.
    newest: [u64; 3],
    is_last: bool,
    /// Bytes that were no record, and records that went backwards.
    nonsense: u64,
}

const MARK: [u8; 7] = *b"fg-out1";
/// The mark, whether it is the last one, and three numbers of 8 bytes, the lowest first.
const BYTES: usize = 32;
/// Read at once: as much as a pipe holds, so that a wild process does not keep the supervisor busy.
const MOST_AT_ONCE: usize = 64 << 10;
/// The last record is worth waiting for so long.
const FAREWELL: Duration = Duration::from_secs(1);

impl Counters {
    /// The pipe that this process was given as its standard output.
    ///
    /// # Errors
    /// When that is no pipe.
    pub(crate) fn of_this_process() -> io::Result<Self> {
        Self::of(io::stdout().as_fd().try_clone_to_owned()?)
    }

    /// The writing end of a pipe.
    ///
    /// # Errors
    /// When it is none.
    pub(crate) fn of(pipe: OwnedFd) -> io::Result<Self> {
        if FileType::from_raw_mode(fstat(&pipe)?.st_mode) != FileType::Fifo {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the way of counters is no pipe"));
        }
        fcntl_setfl(&pipe, fcntl_getfl(&pipe)? | OFlags::NONBLOCK)?;
        Ok(Self { pipe, written: Mutex::new(Some(0)) })
    }

    /// Tells how many left until now.
    pub(crate) fn tell(&self, emit: &Emit) {
        self.write(emit, false);
    }

    /// Tells how many left in all: no more will, and no more is told.
    pub(crate) fn tell_last(&self, emit: &Emit) {
        self.write(emit, true);
    }

    fn write(&self, emit: &Emit, last: bool) {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(number) = *written else { return };
        // A frame is counted as masked before it is counted.
        let (masked, out) = (emit.masked.get(), emit.out.get());
        let record = record([number + 1, out, masked.min(out)], last);
        let sent = rustix::io::write(&self.pipe, &record);
        if last && sent == Err(rustix::io::Errno::AGAIN) {
            let mut ready = [rustix::event::PollFd::new(&self.pipe, rustix::event::PollFlags::OUT)];
            let wait = rustix::event::Timespec::try_from(FAREWELL).ok();
            let _ = rustix::event::poll(&mut ready, wait.as_ref());
            let _ = rustix::io::write(&self.pipe, &record);
        }
        *written = (!last).then_some(number + 1);
    }
}

fn record(numbers: [u64; 3], last: bool) -> [u8; BYTES] {
    let mut record = [0; BYTES];
    record[..7].copy_from_slice(&MARK);
    record[7] = u8::from(last);
    for (place, number) in record[8..].chunks_exact_mut(8).zip(numbers) {
        place.copy_from_slice(&number.to_le_bytes());
    }
    record
}

impl Counted {
    /// # Errors
    /// When the system refuses to read it without waiting.
    pub(crate) fn new(pipe: OwnedFd) -> io::Result<Self> {
        fcntl_setfl(&pipe, fcntl_getfl(&pipe)? | OFlags::NONBLOCK)?;
        Ok(Self { pipe, rest: Vec::new(), newest: [0; 3], is_last: false, nonsense: 0 })
    }

    /// Reads what came; gives the frames since the last time.
    pub(crate) fn read(&mut self) -> Frames {
        let before = self.newest;
        let mut bytes = [0; 4096];
        for _ in 0..MOST_AT_ONCE / bytes.len() {
            match rustix::io::read(&self.pipe, &mut bytes) {
                Ok(count @ 1..) => self.take(&bytes[..count]),
                _ => break,
            }
        }
        let [_, out, masked] = self.newest;
        Frames { out: out - before[1], masked: masked - before[2], at_least: false }
    }

    /// Whether the process has told its last count.
    pub(crate) fn is_last(&self) -> bool {
        self.is_last
    }

    /// Bytes that were no record, and records that went backwards.
    pub(crate) fn nonsense(&self) -> u64 {
        self.nonsense
    }

    fn take(&mut self, bytes: &[u8]) {
        self.rest.extend_from_slice(bytes);
        let mut at = 0;
        while let Some(piece) = self.rest.get(at..at + BYTES) {
            let number = |place: usize| u64::from_le_bytes(piece[place..place + 8].try_into().unwrap_or_default());
            let (now, last) = ([number(8), number(16), number(24)], piece[7]);
            if piece[..7] != MARK || last > 1 {
                (at, self.nonsense) = (at + 1, self.nonsense + 1);
                continue;
            }
            at += BYTES;
            let [before, out, masked] = self.newest;
            let rises = now[0] > before && now[1] >= out && now[2] >= masked && now[2] - masked <= now[1] - out;
            if rises && !self.is_last {
                (self.newest, self.is_last) = (now, last == 1);
            } else {
                self.nonsense += 1;
            }
        }
        self.rest.drain(..at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> (Counters, Counted) {
        let (reader, writer) = rustix::pipe::pipe().unwrap();
        (Counters::of(writer).unwrap(), Counted::new(reader).unwrap())
    }

    fn emit(out: u64, masked: u64) -> Emit {
        let emit = Emit::default();
        emit.out.set(out);
        emit.masked.set(masked);
        emit
    }

    fn frames(out: u64, masked: u64) -> Frames {
        Frames { out, masked, at_least: false }
    }

    #[test]
    fn what_is_read_is_what_left_since_the_last_time() {
        let (counters, mut counted) = pair();
        assert_eq!(counted.read(), frames(0, 0));
        counters.tell(&emit(8, 8));
        counters.tell(&emit(20, 9));
        assert_eq!(counted.read(), frames(20, 9));
        counters.tell(&emit(21, 9));
        counters.tell_last(&emit(23, 11));
        assert!(!counted.is_last());
        assert_eq!(counted.read(), frames(3, 2));
        assert!(counted.is_last());
        counters.tell(&emit(100, 0));
        assert_eq!((counted.read(), counted.nonsense()), (frames(0, 0), 0), "nothing follows the last");
    }

    #[test]
    fn a_reader_that_sleeps_costs_nobody_time_and_loses_no_frame() {
        let (counters, mut counted) = pair();
        for out in 0..100_000 {
            counters.tell(&emit(out, out / 2));
        }
        let first = counted.read();
        assert!(first.out > 1000 && first.out < 99_999, "{first:?}");
        counters.tell(&emit(100_000, 50_000));
        assert_eq!(first.out + counted.read().out, 100_000);
    }

    #[test]
    fn the_last_record_finds_room_when_the_reader_wakes() {
        let (counters, mut counted) = pair();
        for out in 0..100_000 {
            counters.tell(&emit(out, 0));
        }
        let read = std::thread::scope(|scope| {
            scope.spawn(|| counters.tell_last(&emit(100_001, 1)));
            std::thread::sleep(Duration::from_millis(50));
            let first = counted.read();
            std::thread::sleep(Duration::from_millis(50));
            first.out + counted.read().out
        });
        assert_eq!((read, counted.is_last()), (100_001, true));
    }

    #[test]
    fn nonsense_is_counted_and_moves_nothing() {
        let (counters, mut counted) = pair();
        let say = |bytes: &[u8]| assert_eq!(rustix::io::write(&counters.pipe, bytes), Ok(bytes.len()));
        counters.tell(&emit(10, 5));
        say(b"a library prints a line\n");
        say(&record([2, 9, 5], false));
        say(&record([3, 11, 7], false));
        say(&record([4, u64::MAX, 4], false));
        say(&record([1, 50, 5], false));
        say(&[&MARK[..], &[7; 25]].concat());
        assert_eq!(counted.read(), frames(10, 5));
        let nonsense = counted.nonsense();
        assert!(nonsense >= 24 + 4, "{nonsense}");
        // What is whole again is taken again, wherever it begins.
        say(&record([9, 12, 6], true));
        assert_eq!((counted.read(), counted.is_last()), (frames(2, 1), true));
        say(&record([10, 13, 6], false));
        assert_eq!(counted.read(), frames(0, 0), "nothing follows the last");
    }

    #[test]
    fn one_that_never_stops_keeps_nobody_busy() {
        let (reader, writer) = rustix::pipe::pipe().unwrap();
        let mut counted = Counted::new(reader).unwrap();
        std::thread::scope(|scope| {
            scope.spawn(move || while rustix::io::write(&writer, &[b'x'; 4096]).is_ok() {});
            for _ in 0..20 {
                assert_eq!(counted.read(), frames(0, 0));
                assert!(counted.rest.len() < BYTES);
            }
            drop(counted);
        });
    }

    #[test]
    fn what_is_no_pipe_is_refused() {
        assert!(Counters::of(tempfile::tempfile().unwrap().into()).is_err());
    }
}
