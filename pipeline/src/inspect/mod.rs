//! Looking at frames: motion, faces, persons.
//!
//! **Invariant.** Findings are complete only if the face network looked at this very frame and all it said made
//! sense. Whatever else happens, an error, a nonsensical box, a person network that fails, the frame counts as not
//! looked at.
//!
//! The inspector works on a lease and keeps no pixel. The networks are the models crate's, the frame is the hold's.

pub mod motion;
mod shift;
#[cfg(test)]
mod tests;
mod tracking;

use frostglass_models::{DetectError, Detector};
use frostglass_vault::{Area, Detection, Findings, Kind, Look, MOST_DETECTIONS, Picture};
use jiff::Timestamp;

use crate::event::Event;
use crate::hold::track::Clues;
use motion::Watch;
pub(crate) use tracking::MOST_PLACES;
use tracking::Tracking;

/// Looks at one frame after another.
pub struct Inspector {
    faces: Box<dyn Detector>,
    persons: Option<Persons>,
    watch: Option<Watch>,
    tracking: Tracking,
    hides_motion: bool,
    /// Where tracks are, for the watch.
    kept: Vec<Area>,
    last_error: Option<DetectError>,
    ladder: Option<Ladder>,
}

/// How closely it looks, and how it may look under overload.
struct Ladder {
    /// The owner's wish, in words.
    wish: &'static str,
    /// Detectors that look less closely, each with its word; the closest first.
    lower: Vec<(&'static str, Box<dyn Detector>)>,
    /// Steps down: the first makes persons seldom, each further one takes the next detector.
    step: usize,
}

/// Under overload persons are looked for on one of so many times as many frames.
pub(crate) const SELDOM: u64 = 4;
/// Boxes of a look that is less close than wished grow by this share of their size on each side, at each step.
const WIDER: f32 = 0.15;

/// The person network looks at one of so many frames; in between, tracks carry on what it saw.
struct Persons {
    network: Box<dyn Detector>,
    every: u64,
    /// The frame it looked at last; `None` when that look failed, or there was none.
    looked_at: Option<u64>,
    last: Vec<Detection>,
}

impl Inspector {
    /// An inspector that looks for faces only.
    #[must_use]
    pub fn new(faces: Box<dyn Detector>) -> Self {
        Self {
            faces,
            persons: None,
            watch: None,
            tracking: Tracking::new(),
            hides_motion: false,
            kept: Vec::new(),
            last_error: None,
            ladder: None,
        }
    }

    /// Looks for persons too, on one of `every` frames.
    #[must_use]
    pub fn with_persons(mut self, network: Box<dyn Detector>, every: u32) -> Self {
        self.persons = Some(Persons { network, every: u64::from(every.max(1)), looked_at: None, last: Vec::new() });
        self
    }

    /// Looks for motion too, and reports events.
    #[must_use]
    pub fn with_watch(mut self, watch: Watch) -> Self {
        self.watch = Some(watch);
        self
    }

    /// Whatever moves is to be hidden: where, is among the clues. Without a watch, that is everywhere.
    #[must_use]
    pub fn with_hidden_motion(mut self) -> Self {
        self.hides_motion = true;
        self
    }

    /// Under overload it may look less closely than `wish` says: first for persons on fewer frames, then by these detectors,
    /// the closest first.
    #[must_use]
    pub fn with_ladder(mut self, wish: &'static str, lower: Vec<(&'static str, Box<dyn Detector>)>) -> Self {
        self.ladder = Some(Ladder { wish, lower, step: 0 });
        self
    }

    /// Takes a step down, where that is allowed and possible.
    pub fn look_less_closely(&mut self) -> bool {
        let Some(ladder) = &mut self.ladder else { return false };
        let possible = ladder.step <= ladder.lower.len();
        ladder.step += usize::from(possible);
        possible
    }

    /// Takes a step back up.
    pub fn look_more_closely(&mut self) -> bool {
        let Some(ladder) = &mut self.ladder else { return false };
        let possible = ladder.step > 0;
        ladder.step -= usize::from(possible);
        possible
    }

    /// How closely it looks now, in words; `None` where that never changes.
    #[must_use]
    pub fn detail(&self) -> Option<String> {
        let ladder = self.ladder.as_ref()?;
        Some(match ladder.step {
            0 => ladder.wish.to_owned(),
            1 => format!("{}, persons seldom", ladder.wish),
            step => format!("{}, persons seldom", ladder.lower.get(step - 2).map_or(ladder.wish, |(word, _)| *word)),
        })
    }

    /// Looks at a picture that has no neighbours, gives the lease back, and says what was found. Persons are always looked for.
    pub fn inspect(&mut self, mut look: Look) -> Findings {
        let mut found = look.take_notepad();
        let seen = self.see(&look.picture(), &mut found);
        let sequence = look.stamp().sequence;
        drop(look);
        self.answer(seen, found, sequence)
    }

    /// Looks at a frame of moving pictures, gives the lease back, and says what was found in it. Motion events are appended to
    /// `events`; `clues` is what the hold can make more of, and is empty when the findings are missing.
    ///
    /// Frames come in order. Persons are in the findings of the frames on which the person network looked, and in the clues.
    pub fn inspect_next(
        &mut self,
        mut look: Look,
        wall: Timestamp,
        events: &mut Vec<Event>,
        clues: &mut Clues,
    ) -> Findings {
        clues.clear();
        let mut found = look.take_notepad();
        let stamp = look.stamp();
        self.tracking.begin(&look.picture());
        let seen = self.see_next(&look.picture(), stamp.sequence, &mut found, clues);
        if let Some(watch) = &mut self.watch {
            if self.hides_motion {
                // Who sits still under a mask must not become background.
                self.kept.clear();
                self.tracking.areas(&mut self.kept);
                watch.keep(&self.kept);
            }
            let looked = self.persons.as_ref().filter(|persons| persons.looked_at == Some(stamp.sequence));
            let persons = looked.map(|persons| persons.last.as_slice());
            match self.tracking.grid() {
                Some(grid) => watch.observe_read(grid, stamp, persons, wall, events),
                None => watch.observe(&look.picture(), stamp, persons, wall, events),
            }
        }
        // The lease ends before the answer is given: who has the findings may have the frame.
        drop(look);
        if self.hides_motion {
            let moving = self.watch.as_ref().map_or(&[Area::EVERYTHING][..], Watch::moving);
            clues.moving.extend_from_slice(moving);
        }
        match seen {
            Ok(()) => self.tracking.told(),
            Err(_) => clues.clear(),
        }
        self.answer(seen, found, stamp.sequence)
    }

    fn answer(&mut self, seen: Result<(), DetectError>, found: Vec<Detection>, sequence: u64) -> Findings {
        match seen {
            Ok(()) => Findings::Complete(found),
            Err(error) => {
                tracing::debug!(frame = sequence, %error, "not inspected");
                self.last_error = Some(error);
                Findings::Missing
            }
        }
    }

    /// Ends the motion events that are still open.
    pub fn finish(&mut self, wall: Timestamp, events: &mut Vec<Event>) {
        if let Some(watch) = &mut self.watch {
            watch.finish(wall, events);
        }
    }

    /// Why the last frame that was not inspected was not.
    pub fn take_error(&mut self) -> Option<DetectError> {
        self.last_error.take()
    }

    fn see(&mut self, picture: &Picture<'_>, found: &mut Vec<Detection>) -> Result<(), DetectError> {
        self.faces.detect(picture, found)?;
        if let Some(persons) = &mut self.persons {
            persons.network.detect(picture, found)?;
        }
        few_enough(found)
    }

    fn see_next(
        &mut self,
        picture: &Picture<'_>,
        sequence: u64,
        found: &mut Vec<Detection>,
        clues: &mut Clues,
    ) -> Result<(), DetectError> {
        let step = self.ladder.as_ref().map_or(0, |ladder| ladder.step);
        let lower = self.ladder.as_mut().and_then(|ladder| ladder.lower.get_mut(step.checked_sub(2)?));
        let faces = match lower {
            None => &mut self.faces,
            Some((_, faces)) => faces,
        };
        faces.detect(picture, found)?;
        let mut looked = None;
        if let Some(persons) = &mut self.persons
            && persons.is_due(sequence, if step > 0 { SELDOM } else { 1 })
        {
            persons.look(picture, sequence)?;
            looked = Some((persons.last.as_slice(), persons.network.weak()));
        }
        // Under overload there is no time for a closer look.
        self.tracking.conclude((picture, sequence), faces.as_mut(), looked, step == 0, found, clues)?;
        if step > 1 {
            let share = WIDER * (step - 1) as f32;
            found.iter_mut().for_each(|seen| seen.area = grown(seen.area, share));
            clues.sightings.iter_mut().for_each(|seen| seen.area = grown(seen.area, share));
        }
        if let Some((persons, _)) = looked {
            found.extend_from_slice(persons);
        }
        few_enough(found)
    }
}

fn few_enough(found: &[Detection]) -> Result<(), DetectError> {
    if found.len() > MOST_DETECTIONS {
        let network = "all networks together".to_owned();
        return Err(DetectError::TooMany { network, found: found.len(), most: MOST_DETECTIONS });
    }
    Ok(())
}

impl std::fmt::Debug for Inspector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inspector")
            .field("persons", &self.persons.is_some())
            .field("watch", &self.watch.is_some())
            .finish_non_exhaustive()
    }
}

impl Persons {
    /// Whether it is time to look again. Frames that nobody had time to look at count too: persons walk on meanwhile. What
    /// does not come after the frame that was looked at is none of its successors.
    fn is_due(&self, sequence: u64, seldom: u64) -> bool {
        let every = self.every.saturating_mul(seldom);
        !self.looked_at.is_some_and(|at| sequence > at && sequence - at < every)
    }

    fn look(&mut self, picture: &Picture<'_>, sequence: u64) -> Result<(), DetectError> {
        // After a failure the next frame is looked at again: "not known" must not be carried on as "nobody".
        self.looked_at = None;
        self.last.clear();
        self.network.detect(picture, &mut self.last)?;
        self.looked_at = Some(sequence);
        debug_assert!(self.last.iter().all(|seen| seen.kind == Kind::Person), "a person network finds persons");
        Ok(())
    }
}

/// An area grown on each side by this share of its own width and height, cut at the picture's edge.
fn grown(area: Area, share: f32) -> Area {
    let (across, down) = (area.width() * share, area.height() * share);
    Area::clipped(area.left() - across, area.top() - down, area.right() + across, area.bottom() + down).unwrap_or(area)
}
