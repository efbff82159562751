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
    pub(crate) also: Vec<Also>,
}

/// What is hidden beyond the findings.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Also {
    /// All of it.
    Area(Area),
    /// The head around a face that must be there.
    Face(Area),
    /// A head, hair and all.
    Head(Area),
    /// As if it had been found in this very frame.
    Seen(Detection),
    /// A person that must be there.
    Person(Suspect),
}

/// A person that no network saw in this frame, but that must be there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Suspect {
    /// Where it most likely is, in the size in which it was seen.
    pub core: Area,
    /// Where it may be: larger. The head is presumed at the top of a box, so that that of the larger box alone would be above
    /// where it is; both are hidden.
    pub place: Area,
    /// Where its face was while that was seen.
    pub face: Option<Area>,
}

impl Inspected {
    /// Ties findings to the frame they were found in.
    #[must_use]
    pub fn new(mut frame: RawFrame, findings: Findings) -> Self {
        let also = frame.take_further();
        Self { frame, findings, also }
    }

    /// Hides this area too. There is no way to take it back.
    pub fn hide_also(&mut self, area: Area) {
        self.also.push(Also::Area(area));
    }

    /// Hides the head around this face too, one that no network saw in this frame but that must be there.
    pub fn hide_face_also(&mut self, face: Area) {
        self.also.push(Also::Face(face));
    }

    /// Hides this head too, hair and all.
    pub fn hide_head_also(&mut self, head: Area) {
        self.also.push(Also::Head(head));
    }

    /// Hides what this calls for too, as if it had been found in this very frame: of a person what the policy says. A face
    /// that is told so stands for its person's head as a found one does: it is for places that are known, not guessed.
    pub fn see_also(&mut self, detection: Detection) {
        self.also.push(Also::Seen(detection));
    }

    /// Hides this person too: all of where it may be, or its head, as the policy says. The head needs no mask when a face that
    /// was found, or that [`Inspected::see_also`] tells of, is this person's.
    pub fn suspect_also(&mut self, person: Suspect) {
        self.also.push(Also::Person(person));
    }

    /// Whether this frame will leave wholly masked.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        matches!(self.findings, Findings::Missing)
    }
}
