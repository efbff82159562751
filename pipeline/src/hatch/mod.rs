//! The one opening in the wall: what may pass it, and how.
//!
//! **Invariant.** [`Outbound`] is the whole list of what goes out, and nothing comes in here. What arrives on the
//! other side is a [`ReceivedFrame`], which can be made of a redacted frame, of a copy out of the ring, or of nothing at
//! all.
//!
//! [`in_process`] joins both sides inside one process, for files; [`shared`] joins two processes by a [`ring`] of frames
//! in memory and a socket for messages.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use frostglass_vault::{Format, Picture, Plane, RedactedFrame, Stamp};

use crate::event::Event;

mod in_process;
pub mod ring;
pub mod shared;

pub use in_process::{Front, InProcess, WhenFull, in_process};

/// All that can pass the hatch.
#[derive(Debug)]
pub enum Outbound {
    /// A redacted frame.
    Frame(RedactedFrame),
    /// Something moved, something is wrong, a count of what happened.
    Event(Event),
}

/// The pixel side's end. A trait because there will be two: in one process, and between processes.
pub trait Hatch: Send {
    /// Lets something out. Gives the number of older frames that were given up to make room.
    ///
    /// # Errors
    /// When nobody is on the other side any more.
    fn publish(&mut self, what: Outbound) -> Result<u64, Closed>;

    /// Lets out a frame that was captured so long ago, for those who measure how long it takes to the other side.
    ///
    /// # Errors
    /// As [`Hatch::publish`].
    fn publish_captured(&mut self, frame: RedactedFrame, _ago: Duration) -> Result<u64, Closed> {
        self.publish(Outbound::Frame(frame))
    }
}

/// The front is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("nobody takes what comes through the hatch any more")]
pub struct Closed;

/// What comes out of the hatch.
#[derive(Debug)]
pub enum Received {
    /// A frame.
    Frame(ReceivedFrame),
    /// An event.
    Event(Event),
    /// Nothing within the time that was given.
    Nothing,
}

/// A redacted frame on the side of those who have a network or a disk.
#[derive(Debug)]
pub struct ReceivedFrame {
    content: Content,
    format: Format,
    stamp: Stamp,
    masked: bool,
}

enum Content {
    /// Moved through the hatch of one process.
    Moved(RedactedFrame),
    /// Copied out of the ring, or flat: three packed planes.
    Copied(Buffer),
}

impl ReceivedFrame {
    /// A wholly masked frame, for when nothing comes through the hatch.
    #[must_use]
    pub fn masked(format: Format, stamp: Stamp) -> Self {
        Self::from_redacted(RedactedFrame::masked(format, stamp))
    }

    /// The in-process hatch moves the frame.
    #[must_use]
    pub fn from_redacted(frame: RedactedFrame) -> Self {
        let (format, stamp, masked) = (frame.format(), frame.stamp(), frame.is_masked());
        Self { content: Content::Moved(frame), format, stamp, masked }
    }

    /// The ring's reader has copied it; only the shared hatch calls this. `None` when it has not the bytes of its format.
    pub(crate) fn copied(planes: Buffer, format: Format, stamp: Stamp, masked: bool) -> Option<Self> {
        (planes.bytes.len() == format.bytes()).then_some(Self {
            content: Content::Copied(planes),
            format,
            stamp,
            masked,
        })
    }

    /// The planes.
    #[must_use]
    #[expect(clippy::missing_panics_doc, reason = "the length was checked when it was made")]
    pub fn picture(&self) -> Picture<'_> {
        match &self.content {
            Content::Moved(frame) => frame.picture(),
            Content::Copied(planes) => packed(self.format, &planes.bytes).expect("as long as its format needs"),
        }
    }

    /// Size, chroma layout and colour.
    #[must_use]
    pub fn format(&self) -> Format {
        self.format
    }

    /// When it was taken, and its place in the sequence.
    #[must_use]
    pub fn stamp(&self) -> Stamp {
        self.stamp
    }

    /// Whether nothing of the scene is left.
    #[must_use]
    pub fn is_masked(&self) -> bool {
        self.masked
    }
}

fn packed(format: Format, bytes: &[u8]) -> Option<Picture<'_>> {
    let mut rest = bytes;
    let mut plane = |index: usize| {
        let size = format.plane_size(index);
        let (bytes, after) = rest.split_at_checked(size.pixels())?;
        rest = after;
        Some(Plane { bytes, stride: size.width as usize })
    };
    let planes = [plane(0)?, plane(1)?, plane(2)?];
    Picture::new(format, planes)
}

impl std::fmt::Debug for Content {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Moved(_) => "Moved",
            Self::Copied(_) => "Copied",
        })
    }
}

/// Memory for frames that were copied out, used again when the last sink is done with a frame.
#[derive(Clone, Default)]
pub(crate) struct Buffers(Arc<Mutex<Vec<Vec<u8>>>>);

/// More than this is given back to the system: frames that many slow sinks held at once.
const SPARE_BUFFERS: usize = 4;

impl Buffers {
    pub(crate) fn take(&self) -> Buffer {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default();
        Buffer { bytes, home: self.clone() }
    }
}

/// Three packed planes of a redacted frame.
pub(crate) struct Buffer {
    pub(crate) bytes: Vec<u8>,
    home: Buffers,
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let mut spare = self.home.0.lock().unwrap_or_else(PoisonError::into_inner);
        if spare.len() < SPARE_BUFFERS {
            spare.push(std::mem::take(&mut self.bytes));
        }
    }
}
