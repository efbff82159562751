//! Tracks: what ties the findings of many frames together, so that one missed look leaks nothing.
//!
//! **Invariant.** A track only adds. It hides more of a frame than the frame's own findings do, from numbers alone: it
//! never sees a pixel, and no pixel of another frame comes into a fill. What a track does not reach is as the findings say.
//!
//! Two halves. The [`Tracker`] works where the networks do, on each frame as it comes: it says which detection belongs to
//! which track, weak ones too, and where a closer look may pay. [`Trails`] work where frames leave: they know the frames
//! before and the look-ahead after, and fill what lies between, before and behind. The way between them is [`Clues`].
//!
//! After ByteTrack (Zhang et al., 2022): weak detections keep a track that is there, and one that comes again begins one.

mod fill;
mod head;
mod masks;
mod place;
mod shown;
mod tracker;
mod trails;
mod ways;

pub use place::{Place, Shift};
pub use tracker::Tracker;
pub use trails::{Reach, Trails};

use frostglass_vault::{Area, Kind};

/// What looking at one frame told beyond its findings.
#[derive(Clone, Debug, Default)]
pub struct Clues {
    /// Detections, weak ones too, each with the track that it belongs to.
    pub sightings: Vec<Sighting>,
    /// What moves, where all that moves is to be hidden.
    pub moving: Vec<Area>,
    /// How the picture moved since the frame that was looked at before.
    pub shift: Shift,
    /// The scene is another one than in the frame before.
    pub cut: bool,
}

impl Clues {
    /// Nothing is known; the room stays.
    pub fn clear(&mut self) {
        self.sightings.clear();
        self.moving.clear();
        (self.shift, self.cut) = (Shift::NONE, false);
    }
}

/// A detection that belongs to a track.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sighting {
    /// The track: counts up, and names nobody.
    pub track: u64,
    /// What it is.
    pub kind: Kind,
    /// Where it is.
    pub area: Area,
    /// Whether its score reaches the threshold; what does not is in no findings.
    pub strong: bool,
}
