//! A stream of memory-mapped buffers, to or from a device.
//!
//! **Invariant.** By its queue a buffer is either the driver's or ours. Bytes are only read of a buffer that the driver gave
//! back, whose index it has, and inside of what it says is used *and* of what is mapped. That the driver leaves alone what it
//! gave back is not relied on: its memory stays shared, so whoever takes a picture copies it, and parses the copy.

use std::io;
use std::time::Duration;

use super::calls::Mapping;
use super::{Dequeued, Driver, Kind, Layout, MOST_PLANES};

/// Buffers in the driver's hands: one is being filled, one is waiting, and some are for a moment in which we are late.
const BUFFERS: u32 = 4;
/// A driver that gives more is not asked for more.
const MOST_BUFFERS: u32 = 32;

/// A running stream.
pub struct Stream<D: Driver> {
    driver: D,
    kind: Kind,
    planes: usize,
    buffers: Vec<Vec<Mapping>>,
    /// Which of them the driver has.
    queued: Vec<bool>,
}

/// What is wrong with a driver or its device.
#[derive(Debug, thiserror::Error)]
pub enum StreamFault {
    /// A call failed.
    #[error("{tried} failed")]
    Io {
        /// What was tried.
        tried: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
    /// The driver said what cannot be.
    #[error("the driver {0}")]
    Driver(&'static str),
}

impl StreamFault {
    fn io(tried: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { tried, source }
    }

    /// Whether the device is gone, for now or for good.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        // ENODEV, EIO, ENXIO.
        matches!(self, Self::Io { source, .. } if matches!(source.raw_os_error(), Some(19 | 5 | 6)))
    }
}

/// What the driver gave back.
#[derive(Debug)]
pub struct Filled<'a> {
    /// What it says about it.
    pub about: Dequeued,
    /// The bytes of each plane that it says it used: to be copied, for they may change while they are read.
    pub planes: [&'a [u8]; MOST_PLANES],
}

/// What comes of waiting for a picture.
#[derive(Debug, PartialEq, Eq)]
pub enum Next<T> {
    /// Nothing came in time.
    Nothing,
    /// A buffer came whose numbers cannot be: nothing of it was read.
    Bad(&'static str),
    /// A buffer came.
    Filled(T),
}

impl<D: Driver> Stream<D> {
    /// Asks for buffers, maps them, gives those of a camera to the driver, and starts.
    ///
    /// # Errors
    /// When a call fails or the driver says what cannot be; the device is given back.
    pub fn start(mut driver: D, kind: Kind, layout: &Layout) -> Result<Self, StreamFault> {
        if layout.planes == 0 || layout.planes > MOST_PLANES {
            return Err(StreamFault::Driver("speaks of a picture in no plane, or in too many"));
        }
        let count = driver.request(kind, BUFFERS).map_err(StreamFault::io("asking the driver for buffers"))?;
        if count == 0 || count > MOST_BUFFERS {
            return Err(StreamFault::Driver("gives no buffer, or far too many"));
        }
        let mut stream = Self { driver, kind, planes: layout.planes, buffers: Vec::new(), queued: Vec::new() };
        for index in 0..count {
            let mapped = stream.driver.map(kind, index, layout.planes).map_err(StreamFault::io("mapping a buffer"))?;
            if mapped.len() != layout.planes {
                return Err(StreamFault::Driver("gives a buffer with other planes than its format"));
            }
            stream.buffers.push(mapped);
            stream.queued.push(false);
        }
        if kind != Kind::Output {
            for index in 0..count {
                stream.give(index, 0)?;
            }
            stream.driver.streaming(kind, true).map_err(StreamFault::io("starting the stream"))?;
        }
        Ok(stream)
    }

    /// Waits for a picture, hands it to `take`, which copies it, and gives the buffer back to the driver.
    ///
    /// # Errors
    /// When a call fails, or the driver gives a buffer that it does not have: the stream is over then.
    pub fn next<T>(&mut self, limit: Duration, take: impl FnOnce(&Filled<'_>) -> T) -> Result<Next<T>, StreamFault> {
        if !self.driver.wait(self.kind, limit).map_err(StreamFault::io("waiting for a frame"))? {
            return Ok(Next::Nothing);
        }
        let taken = self.driver.dequeue(self.kind, self.planes).map_err(StreamFault::io("taking a frame"))?;
        let Some(about) = taken else { return Ok(Next::Nothing) };
        let index = self.take_back(about.index)?;
        let next = match used(&about, &self.buffers[index]) {
            Ok(planes) => Next::Filled(take(&Filled { about, planes })),
            Err(what) => Next::Bad(what),
        };
        self.give(about.index, 0)?;
        Ok(next)
    }

    /// Has `fill` put a picture into a free buffer, which says how many bytes it has, and gives it to the driver; `false`
    /// when the driver has all of them, and none comes back within `limit`.
    ///
    /// # Errors
    /// When a call fails, or the driver gives a buffer that it does not have: the stream is over then.
    pub fn send(&mut self, limit: Duration, fill: impl FnOnce(&mut [u8]) -> usize) -> Result<bool, StreamFault> {
        let free = match self.queued.iter().position(|&queued| !queued) {
            Some(free) => free,
            None => {
                if !self.driver.wait(self.kind, limit).map_err(StreamFault::io("waiting for a free buffer"))? {
                    return Ok(false);
                }
                match self.driver.dequeue(self.kind, 1).map_err(StreamFault::io("taking a buffer back"))? {
                    Some(about) => self.take_back(about.index)?,
                    None => return Ok(false),
                }
            }
        };
        let used = self.buffers[free].first_mut().map_or(0, |plane| fill(plane.bytes_mut()));
        let first = self.queued.iter().all(|&queued| !queued);
        let index = u32::try_from(free).map_err(|_| StreamFault::Driver("has too many buffers"))?;
        self.give(index, u32::try_from(used).unwrap_or(u32::MAX))?;
        if first {
            self.driver.streaming(self.kind, true).map_err(StreamFault::io("starting the stream"))?;
        }
        Ok(true)
    }

    fn give(&mut self, index: u32, used: u32) -> Result<(), StreamFault> {
        self.driver
            .queue(self.kind, index, self.planes, used)
            .map_err(StreamFault::io("giving a buffer to the driver"))?;
        self.queued[index as usize] = true;
        Ok(())
    }

    fn take_back(&mut self, index: u32) -> Result<usize, StreamFault> {
        let index = index as usize;
        match self.queued.get_mut(index) {
            Some(queued) if *queued => *queued = false,
            Some(_) => return Err(StreamFault::Driver("gives a buffer back that it does not have")),
            None => return Err(StreamFault::Driver("gives a buffer back that does not exist")),
        }
        Ok(index)
    }
}

impl<D: Driver> Drop for Stream<D> {
    fn drop(&mut self) {
        // A device that is gone, or a driver that keeps its buffers for a reader, refuses this; it ends with the descriptor.
        let _ = self.driver.streaming(self.kind, false);
        self.buffers.clear();
        let _ = self.driver.request(self.kind, 0);
    }
}

/// The used bytes of each plane, after a look at the driver's numbers.
fn used<'a>(about: &Dequeued, planes: &'a [Mapping]) -> Result<[&'a [u8]; MOST_PLANES], &'static str> {
    let mut list: [&[u8]; MOST_PLANES] = [&[]; MOST_PLANES];
    for (index, plane) in planes.iter().enumerate() {
        let (used, offset) = about.planes[index];
        let (used, offset) = (used as usize, offset as usize);
        if used > plane.bytes().len() {
            return Err("says that more of a buffer is used than there is");
        }
        if offset > used {
            return Err("says that a picture begins behind its end");
        }
        list[index] = &plane.bytes()[offset..used];
    }
    Ok(list)
}

#[cfg(test)]
#[path = "stream_tests.rs"]
pub(crate) mod tests;
