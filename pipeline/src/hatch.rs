//! The one opening in the wall: what may pass it, and how.
//!
//! **Invariant.** [`Outbound`] is the whole list. What arrives on the other side is a [`ReceivedFrame`], which can
//! only be made of a redacted frame or of nothing at all.

use frostglass_vault::{Format, Picture, RedactedFrame, Stamp};

/// A redacted frame on the side of those who have a network or a disk.
#[derive(Debug)]
pub struct ReceivedFrame(RedactedFrame);

impl ReceivedFrame {
    /// A wholly masked frame, for when nothing comes through the hatch.
    #[must_use]
    pub fn masked(format: Format, stamp: Stamp) -> Self {
        Self(RedactedFrame::masked(format, stamp))
    }

    /// The in-process hatch moves the frame; the shared ring will copy it.
    #[must_use]
    pub fn from_redacted(frame: RedactedFrame) -> Self {
        Self(frame)
    }

    /// The planes.
    #[must_use]
    pub fn picture(&self) -> Picture<'_> {
        self.0.picture()
    }

    /// Size, chroma layout and colour.
    #[must_use]
    pub fn format(&self) -> Format {
        self.0.format()
    }

    /// When it was taken, and its place in the sequence.
    #[must_use]
    pub fn stamp(&self) -> Stamp {
        self.0.stamp()
    }

    /// Whether nothing of the scene is left.
    #[must_use]
    pub fn is_masked(&self) -> bool {
        self.0.is_masked()
    }
}
