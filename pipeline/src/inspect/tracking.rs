//! What the inspector knows of the frames before: how the camera moves, which tracks there are, where to look closer.
//!
//! **Invariant.** It changes no findings but by adding what a closer look found in this very frame.

use frostglass_models::{DetectError, Detector};
use frostglass_vault::{Area, Detection, Kind, Picture};

use super::motion::grid::Grid;
use super::shift::Steadying;
use crate::hold::track::{Clues, Shift, Tracker};

/// Places in one frame that are looked at more closely.
pub(crate) const MOST_PLACES: usize = 4;

/// The inspector's memory.
pub(super) struct Tracking {
    steadying: Steadying,
    tracker: Tracker,
    places: Vec<Area>,
    /// What happened to the picture since the tracker was last shown one.
    untracked: Change,
    /// And since the last frame whose clues were told: a frame whose findings are missing after all tells none, and the next
    /// one has to tell of both.
    untold: Change,
}

/// How the picture moved over some frames, and whether there was a cut among them.
#[derive(Clone, Copy, Debug, Default)]
struct Change {
    shift: Shift,
    cut: bool,
}

impl Change {
    fn add(&mut self, shift: Shift, cut: bool) {
        *self = Self { shift: self.shift.then(shift), cut: self.cut | cut };
    }
}

impl Tracking {
    pub(super) fn new() -> Self {
        let places = Vec::with_capacity(MOST_PLACES);
        let (untracked, untold) = (Change::default(), Change::default());
        Self { steadying: Steadying::new(), tracker: Tracker::new(), places, untracked, untold }
    }

    /// The grey picture of the frame that came last; `None` when it could not be read.
    pub(super) fn grid(&self) -> Option<&Grid> {
        self.steadying.grid()
    }

    /// Where tracks are.
    pub(super) fn areas(&self, areas: &mut Vec<Area>) {
        self.tracker.areas(areas);
    }

    /// A frame comes. What is told of it later counts from the last frame that was told of.
    pub(super) fn begin(&mut self, picture: &Picture<'_>) {
        let seen = self.steadying.observe(picture);
        self.untracked.add(seen.shift, seen.cut);
        self.untold.add(seen.shift, seen.cut);
    }

    /// The clues of the frame that came last are on their way.
    pub(super) fn told(&mut self) {
        self.untold = Change::default();
    }

    /// The networks have looked: `persons` and what they saw weakly, where they looked for persons. A closer look at what was
    /// lost, by `faces`, may add to `found`.
    pub(super) fn conclude(
        &mut self,
        (picture, sequence): (&Picture<'_>, u64),
        faces: &mut dyn Detector,
        persons: Option<(&[Detection], &[Detection])>,
        closer: bool,
        found: &mut Vec<Detection>,
        clues: &mut Clues,
    ) -> Result<(), DetectError> {
        (clues.shift, clues.cut) = (self.untold.shift, self.untold.cut);
        let Change { shift, cut } = std::mem::take(&mut self.untracked);
        self.tracker.begin(sequence, shift, cut);
        if let Some((strong, weak)) = persons {
            self.tracker.tie(Kind::Person, strong, weak, clues);
        }
        self.tracker.tie(Kind::Face, found, faces.weak(), clues);
        if !closer {
            return Ok(());
        }
        self.places.clear();
        self.tracker.places(MOST_PLACES, &mut self.places);
        if !self.places.is_empty() {
            let before = found.len();
            faces.look_closer(picture, &self.places, found)?;
            self.tracker.tie(Kind::Face, found.get(before..).unwrap_or_default(), faces.weak(), clues);
        }
        Ok(())
    }
}
