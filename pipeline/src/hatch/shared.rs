//! The hatch between two processes: frames through the [`ring`](super::ring), events through a socket.
//!
//! **Invariant.** The pixel side never waits for the front, and takes nothing from it. The front believes nothing: a
//! message that is no event, an event with a number or a text that no event has, and what is too much at once are dropped
//! and counted.
//!
//! A third descriptor, one of a pair of sockets, wakes the front when there is a frame, so that a slow front's socket of events
//! is not filled with news of frames. Each side has an end of its own: what one does to its own makes no call of the other
//! wait, as it would with a counter (`eventfd`), which is one and the same file on both sides.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use frostglass_vault::{Chroma, Colour, Format, Matrix, Range, RedactedFrame, Size, Stamp};
use rustix::io::Errno;
use rustix::net::sockopt::socket_type;
use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType, recv, socketpair};
use serde::{Deserialize, Serialize};

use super::ring::{RingReader, RingWriter};
use super::{Buffers, Closed, Hatch, Outbound, ReceivedFrame};
use crate::capture::{LONGEST_SIDE, Rate};
use crate::event::Event;
use crate::wire::{Wire, WireError};

/// The pixel process's end.
#[derive(Debug)]
pub struct SharedHatch {
    ring: RingWriter,
    wake: OwnedFd,
    messages: Messages,
}

/// What the front's end is made of: the ring, what wakes, the socket of messages.
#[derive(Debug)]
pub struct FrontEnd(pub [OwnedFd; 3]);

impl SharedHatch {
    /// A new ring for frames of this format, and the front's end of it.
    ///
    /// # Errors
    /// When the system has no memory or descriptors for it.
    pub fn new(format: Format) -> io::Result<(Self, FrontEnd)> {
        let ring = RingWriter::new(format)?;
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let (wake, woken) = socketpair(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
        let (ours, theirs) = Wire::pair()?;
        let front = FrontEnd([ring.descriptor().try_clone_to_owned()?, woken, theirs.into_descriptor()]);
        let messages = Messages { wire: Arc::new(ours), lost: Arc::default() };
        Ok((Self { ring, wake, messages }, front))
    }

    /// A second way in for events, for who tells health.
    #[must_use]
    pub fn messages(&self) -> Messages {
        self.messages.clone()
    }
}

impl Hatch for SharedHatch {
    /// Never waits; what the front missed is counted on its side, so that the number given here is 0.
    fn publish(&mut self, what: Outbound) -> Result<u64, Closed> {
        match what {
            Outbound::Event(event) => self.messages.send(&event)?,
            Outbound::Frame(frame) => return self.publish_captured(frame, Duration::ZERO),
        }
        Ok(0)
    }

    fn publish_captured(&mut self, frame: RedactedFrame, ago: Duration) -> Result<u64, Closed> {
        if !self.ring.publish(&frame, monotonic().saturating_sub(ago)) {
            tracing::error!("a frame of another format than the ring's was not let out");
        }
        // A full socket wakes as well.
        let _ = rustix::io::write(&self.wake, &[1]);
        Ok(0)
    }
}

/// The clock that all processes of the machine share.
fn monotonic() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    Duration::try_from(now).unwrap_or_default()
}

/// The way of events.
#[derive(Clone, Debug)]
pub struct Messages {
    wire: Arc<Wire>,
    lost: Arc<AtomicU64>,
}

impl Messages {
    /// Sends an event, or counts it as lost when the front does not read.
    ///
    /// # Errors
    /// When there is no front, and none will come.
    pub fn send(&self, event: &Event) -> Result<(), Closed> {
        match self.wire.write(event) {
            Ok(()) => Ok(()),
            // One that goes with messages unread resets the conversation first.
            Err(error) if matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset) => {
                Err(Closed)
            }
            Err(_) => {
                self.lost.fetch_add(1, Ordering::Relaxed);
                Ok(())
            }
        }
    }

    /// Events that the front did not take in time.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }
}

/// The front's end of one pixel process's life.
pub struct SharedFront {
    ring: RingReader,
    wake: OwnedFd,
    /// Whether anybody can still wake.
    wakes: bool,
    messages: Wire,
    format: Format,
    buffers: Buffers,
    /// Messages that were no events, or too many.
    refused: u64,
    /// Messages that may come before the next second begins.
    allowance: u32,
    /// When the last frame was captured, as the other side says.
    captured: Duration,
}

/// Messages a second that a front takes; a pixel process sends some ten.
const MOST_MESSAGES: u32 = 500;
/// Messages that are refused at once, before whoever reads looks at something else.
const MOST_REFUSED: usize = 64;
/// Frames a second that can be: of a time-lapse, of a fast camera.
const RATES: std::ops::RangeInclusive<f64> = 1.0 / 60.0..=1000.0;

impl SharedFront {
    /// Joins what came from the other side, after looking at it.
    ///
    /// # Errors
    /// When it is no ring of frames of this format, or no such socket.
    pub(crate) fn new(end: FrontEnd, format: Format, buffers: Buffers) -> io::Result<Self> {
        let FrontEnd([ring, wake, messages]) = end;
        let ring = RingReader::new(ring.as_fd(), format)?;
        if socket_type(&wake)? != SocketType::STREAM {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "what wakes is no stream of bytes"));
        }
        let messages = Wire::from_descriptor(messages)?;
        Ok(Self {
            ring,
            wake,
            wakes: true,
            messages,
            format,
            buffers,
            refused: 0,
            allowance: MOST_MESSAGES,
            captured: Duration::ZERO,
        })
    }

    /// What the ring holds was shown by another front.
    pub(crate) fn skip(&mut self) {
        self.ring.skip();
    }

    /// What becomes readable when something came.
    pub(crate) fn descriptors(&self) -> [BorrowedFd<'_>; 2] {
        [self.wake.as_fd(), self.messages.as_fd()]
    }

    /// The oldest unread frame; `stamped` may give it another stamp.
    pub(crate) fn frame(&mut self, stamped: impl FnOnce(Stamp) -> Stamp) -> Option<ReceivedFrame> {
        let mut buffer = self.buffers.take();
        let taken = match self.ring.take(&mut buffer.bytes) {
            Some(taken) => taken,
            None => {
                // All was read: the next frame wakes again. One that came just now was counted after this.
                self.wakes &= forget(&self.wake);
                self.ring.take(&mut buffer.bytes)?
            }
        };
        self.captured = taken.captured;
        ReceivedFrame::copied(buffer, self.format, stamped(taken.stamp), taken.masked)
    }

    /// From the capture of the last frame to now, as far as the other side can be believed.
    pub(crate) fn age(&self) -> Duration {
        monotonic().saturating_sub(self.captured).min(Duration::from_secs(3600))
    }

    /// The next event; `None` also after a number of messages that were refused.
    ///
    /// # Errors
    /// When no more will come.
    pub(crate) fn event(&mut self) -> Result<Option<Event>, WireError> {
        for _ in 0..MOST_REFUSED {
            let record = match self.messages.receive(Duration::ZERO) {
                Ok(Some(record)) => record,
                // An end that was closed is readable for ever: who goes on without it would keep the front busy.
                Ok(None) => return if self.wakes { Ok(None) } else { Err(WireError::Closed) },
                // Too long, or with too many descriptors.
                Err(WireError::Nonsense(_)) => {
                    self.refused += 1;
                    continue;
                }
                Err(error) => return Err(error),
            };
            let event = record.message::<Event>().ok().filter(Event::is_plausible);
            match event {
                Some(event) if self.allowance > 0 && record.descriptors.is_empty() => {
                    self.allowance -= 1;
                    return Ok(Some(event));
                }
                _ => self.refused += 1,
            }
        }
        Ok(None)
    }

    /// Once a second: as many messages may come again.
    pub(crate) fn next_second(&mut self) {
        self.allowance = MOST_MESSAGES;
    }

    /// Frames that were overwritten before they were read, or while they were read; messages that were refused.
    pub(crate) fn missed(&self) -> (u64, u64) {
        let (lost, torn) = self.ring.missed();
        (lost.saturating_add(torn), self.refused)
    }
}

/// Takes what woke; says whether more can come. The other side may have kept a copy of this end, and take away its
/// `O_NONBLOCK`, or what is there between a look and a read: so the read itself says that it does not wait.
fn forget(wake: &OwnedFd) -> bool {
    !matches!(recv(wake, &mut [0; 4096], RecvFlags::DONTWAIT), Ok((0, _)) | Err(Errno::CONNRESET))
}

/// A format, as it is told to the other processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ToldFormat {
    width: u32,
    height: u32,
    matrix: u16,
    full_range: bool,
    /// Frames in so many seconds.
    rate: [u32; 2],
}

impl ToldFormat {
    pub(crate) fn of(format: Format, rate: Rate) -> Option<Self> {
        let Colour::Yuv { matrix, range } = format.colour else { return None };
        let matrix = match matrix {
            Matrix::Bt601 => 601,
            Matrix::Bt709 => 709,
            Matrix::Bt2020 => 2020,
        };
        let Size { width, height } = format.size;
        let full_range = range == Range::Full;
        let half = format.chroma == Chroma::Half;
        half.then_some(Self { width, height, matrix, full_range, rate: [rate.frames, rate.seconds] })
    }

    /// Frames in so many seconds, as told.
    pub(crate) fn rate(self) -> [u32; 2] {
        self.rate
    }

    /// Whether frames can follow one another like this. Whoever fills gaps at a rate has to be able to, and in time.
    pub(crate) fn can_be(rate: Rate) -> bool {
        RATES.contains(&(f64::from(rate.frames) / f64::from(rate.seconds)))
    }

    /// What was told, if it makes sense.
    pub(crate) fn format(self) -> Option<(Format, Rate)> {
        let matrix = match self.matrix {
            601 => Matrix::Bt601,
            709 => Matrix::Bt709,
            2020 => Matrix::Bt2020,
            _ => return None,
        };
        let range = if self.full_range { Range::Full } else { Range::Limited };
        let sides = 1..=LONGEST_SIDE;
        let sound = sides.contains(&self.width) && sides.contains(&self.height);
        let size = Size::new(self.width, self.height);
        let sound = sound && size.pixels() <= crate::capture::MOST_PIXELS;
        let rate = Rate::new(self.rate[0], self.rate[1]).filter(|&rate| sound && Self::can_be(rate))?;
        Some((Format::video(size, matrix, range), rate))
    }
}

#[cfg(test)]
#[path = "shared_tests.rs"]
mod tests;
