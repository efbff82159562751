//! Video4Linux: what a device is, what it offers, and streams of memory-mapped buffers.
//!
//! **Invariant.** What a driver says is believed in nothing: numbers are checked before they are used, and no byte outside
//! of a mapping is read or written, whatever index, length or offset comes back. A time-out is a value and no error, and
//! giving a device back never panics.
//!
//! Types and numbers of the calls come from the `v4l` crate. [`calls`] is the only file here that talks to the kernel;
//! [`stream`] knows the order of the calls; what the bytes of a picture mean is `capture`'s business.
//! Source: the Linux Media Infrastructure userspace API, part I.

pub mod calls;
pub mod stream;

use std::io;
use std::time::Duration;

use crate::capture::Rate;
use frostglass_vault::Size;

pub use calls::Device;

/// A pixel format's four letters.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fourcc(pub [u8; 4]);

impl Fourcc {
    /// As the kernel writes it.
    #[must_use]
    pub const fn number(self) -> u32 {
        u32::from_le_bytes(self.0)
    }
}

impl From<u32> for Fourcc {
    fn from(number: u32) -> Self {
        Self(number.to_le_bytes())
    }
}

impl std::fmt::Display for Fourcc {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for byte in self.0 {
            write!(f, "{}", if byte.is_ascii_graphic() { char::from(byte) } else { '?' })?;
        }
        Ok(())
    }
}

impl std::fmt::Debug for Fourcc {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

/// Which way pictures go, and by which of the two APIs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// From a camera, each picture in one buffer.
    Capture,
    /// From a camera, each picture in one buffer or several.
    CaptureMultiplanar,
    /// To a device.
    Output,
}

/// What a device is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capability {
    /// The driver's name.
    pub driver: String,
    /// The device's name, for people.
    pub card: String,
    /// Where it is plugged in: stays the same when its number changes.
    pub bus: String,
    /// Flags of this very node, as `V4L2_CAP_*`.
    pub flags: u32,
}

impl Capability {
    /// How pictures come from it, if they do and can be streamed.
    #[must_use]
    pub fn capture(&self) -> Option<Kind> {
        let has = |flag| self.flags & flag != 0;
        match (has(v4l::sys::V4L2_CAP_VIDEO_CAPTURE), has(v4l::sys::V4L2_CAP_VIDEO_CAPTURE_MPLANE)) {
            _ if !has(v4l::sys::V4L2_CAP_STREAMING) => None,
            (true, _) => Some(Kind::Capture),
            (false, true) => Some(Kind::CaptureMultiplanar),
            (false, false) => None,
        }
    }

    /// Whether pictures can be streamed to it.
    #[must_use]
    pub fn is_output(&self) -> bool {
        let both = v4l::sys::V4L2_CAP_VIDEO_OUTPUT | v4l::sys::V4L2_CAP_STREAMING;
        self.flags & both == both
    }
}

/// Sizes that a device offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sizes {
    /// This one.
    One(Size),
    /// All between two, in steps.
    Range {
        /// The smallest.
        least: Size,
        /// The largest.
        most: Size,
        /// From one to the next; never 0.
        step: Size,
    },
}

/// Most planes of a picture, as the kernel has it.
pub const MOST_PLANES: usize = 8;

/// How a picture lies in its buffers, as the driver says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Its format.
    pub fourcc: Fourcc,
    /// Its size.
    pub size: Size,
    /// How many buffers each picture has.
    pub planes: usize,
    /// Bytes from row to row, of each buffer.
    pub strides: [u32; MOST_PLANES],
    /// Bytes of each buffer.
    pub bytes: [u32; MOST_PLANES],
    /// `V4L2_COLORSPACE_*`.
    pub colorspace: u32,
    /// `V4L2_YCBCR_ENC_*`.
    pub encoding: u32,
    /// `V4L2_QUANTIZATION_*`.
    pub quantization: u32,
    /// `V4L2_FIELD_*`: 1 is whole pictures, which are asked for whatever stands here; the others are halves of two moments.
    pub field: u32,
}

/// A buffer that the driver gave back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dequeued {
    /// Which one.
    pub index: u32,
    /// `V4L2_BUF_FLAG_*`.
    pub flags: u32,
    /// The driver's count, dropped frames included.
    pub sequence: u32,
    /// When it was taken, by the clock that the flags name.
    pub time: Duration,
    /// Of each plane: bytes that are used, from the buffer's start, and where the picture begins.
    pub planes: [(u32, u32); MOST_PLANES],
}

/// The calls that a stream makes. A trait so that a driver that lies can be put in the kernel's place.
pub trait Driver: Send {
    /// Asks for a format and takes what comes back.
    ///
    /// # Errors
    /// What the kernel says.
    fn set_format(&mut self, kind: Kind, wanted: &Layout) -> io::Result<Layout>;
    /// Asks for a rate and takes what comes back.
    ///
    /// # Errors
    /// What the kernel says; many devices have no rate to set.
    fn set_rate(&mut self, kind: Kind, wanted: Rate) -> io::Result<Rate>;
    /// Asks for so many buffers; 0 gives all back. Gives how many there are.
    ///
    /// # Errors
    /// What the kernel says.
    fn request(&mut self, kind: Kind, count: u32) -> io::Result<u32>;
    /// Maps the planes of one buffer.
    ///
    /// # Errors
    /// What the kernel says.
    fn map(&mut self, kind: Kind, index: u32, planes: usize) -> io::Result<Vec<calls::Mapping>>;
    /// Gives a buffer to the driver; `used` bytes of it hold a picture, for an output.
    ///
    /// # Errors
    /// What the kernel says.
    fn queue(&mut self, kind: Kind, index: u32, planes: usize, used: u32) -> io::Result<()>;
    /// Takes a buffer back; `None` when there is none yet.
    ///
    /// # Errors
    /// What the kernel says.
    fn dequeue(&mut self, kind: Kind, planes: usize) -> io::Result<Option<Dequeued>>;
    /// Starts or ends the stream.
    ///
    /// # Errors
    /// What the kernel says.
    fn streaming(&mut self, kind: Kind, on: bool) -> io::Result<()>;
    /// Waits until a buffer can be taken back; `false` when none can within `limit`.
    ///
    /// # Errors
    /// What the kernel says.
    fn wait(&mut self, kind: Kind, limit: Duration) -> io::Result<bool>;
}
