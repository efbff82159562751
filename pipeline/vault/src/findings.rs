//! What is known about a frame when it has to leave.
//!
//! **Invariant.** "Saw nothing" and "nobody looked" are different values, and nothing that is added later can
//! uncover: an [`Inspected`] frame can only be told to hide more.

use crate::detection::Detection;
use crate::frame::RawFrame;
use crate::geometry::Area;

/// More detections than this in one frame are nonsense, or an attack: the frame counts as not inspected.
pub const MOST_DETECTIONS: usize = 2048;

/// What the inspector found in one frame.
#[derive(Debug)]
pub enum Findings {
    /// The face network looked at this very frame, and this is all it saw.
    Complete(Vec<Detection>),
    /// Nobody looked, or not in time, or what came back made no sense. Everything is hidden.
    Missing,
}

/// A raw frame and what is known about it: the only thing the redactor takes.
#[derive(Debug)]
pub struct Inspected {
    pub(crate) frame: RawFrame,
    pub(crate) findings: Findings,
    pub(crate) also: Vec<Area>,
}

impl Inspected {
    /// Ties findings to the frame they were found in.
    #[must_use]
    pub fn new(frame: RawFrame, findings: Findings) -> Self {
        Self { frame, findings, also: Vec::new() }
    }

    /// Hides this area too. There is no way to take it back.
    pub fn hide_also(&mut self, area: Area) {
        self.also.push(area);
    }

    /// Whether this frame will leave wholly masked.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        matches!(self.findings, Findings::Missing)
    }
}
