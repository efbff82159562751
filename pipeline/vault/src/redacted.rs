//! What may leave.
//!
//! **Invariant.** Private fields and two doors: the redactor, and [`RedactedFrame::masked`], which is made without
//! a pixel of any frame.

use std::sync::Arc;

use crate::frame::{Handle, Stamp};
use crate::picture::{Format, Picture, Plane};

/// Lightness of what is painted over without looking: dark, so that nobody takes it for a scene.
pub(crate) const SHUTTER: u8 = 40;

/// A frame in which everything that has to be hidden is hidden.
pub struct RedactedFrame {
    content: Content,
    format: Format,
    stamp: Stamp,
}

enum Content {
    Painted(Handle),
    Masked(Arc<Flat>),
}

impl RedactedFrame {
    /// A wholly masked frame: it has no pixel to leak.
    #[must_use]
    pub fn masked(format: Format, stamp: Stamp) -> Self {
        Self::shuttered(&Arc::new(Flat::new(format)), stamp)
    }

    /// The same without an allocation.
    pub(crate) fn shuttered(flat: &Arc<Flat>, stamp: Stamp) -> Self {
        Self { format: flat.format, content: Content::Masked(Arc::clone(flat)), stamp }
    }

    /// Only the redactor calls this, when it is done with a frame.
    pub(crate) fn painted(handle: Handle, format: Format, stamp: Stamp) -> Self {
        Self { content: Content::Painted(handle), format, stamp }
    }

    /// The planes.
    #[must_use]
    pub fn picture(&self) -> Picture<'_> {
        match &self.content {
            Content::Painted(handle) => handle.picture(self.format),
            Content::Masked(flat) => flat.picture(),
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
        matches!(self.content, Content::Masked(_))
    }
}

impl std::fmt::Debug for RedactedFrame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedactedFrame")
            .field("format", &self.format)
            .field("stamp", &self.stamp)
            .field("masked", &self.is_masked())
            .finish_non_exhaustive()
    }
}

/// One flat grey for all wholly masked frames of a format.
pub(crate) struct Flat {
    format: Format,
    planes: [Vec<u8>; 3],
}

impl Flat {
    pub(crate) fn new(format: Format) -> Self {
        let samples = format.grey(SHUTTER);
        let planes = [0, 1, 2].map(|index| vec![samples[index]; format.plane_size(index).pixels()]);
        Self { format, planes }
    }

    fn picture(&self) -> Picture<'_> {
        let plane =
            |index: usize| Plane { bytes: &self.planes[index], stride: self.format.plane_size(index).width as usize };
        Picture::new(self.format, [plane(0), plane(1), plane(2)]).expect("the planes were made for this format")
    }
}
