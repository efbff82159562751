//! Looking at frames: motion, faces, persons.
//!
//! **Invariant.** Findings are complete only if the face network looked at this very frame and all it said made
//! sense. Whatever else happens, an error, a nonsensical box, a person network that fails, the frame counts as not
//! looked at.
//!
//! The inspector works on a lease and keeps no pixel. The networks are the models crate's, the frame is the hold's.

pub mod motion;

use frostglass_models::{DetectError, Detector};
use frostglass_vault::{Area, Detection, Findings, Kind, Look, MOST_DETECTIONS, Picture};
use jiff::Timestamp;

use crate::event::Event;
use motion::Watch;

/// Looks at one frame after another.
pub struct Inspector {
    faces: Box<dyn Detector>,
    persons: Option<Persons>,
    watch: Option<Watch>,
    last_error: Option<DetectError>,
}

/// The person network looks at one of so many frames; in between, what it saw last is carried on.
struct Persons {
    network: Box<dyn Detector>,
    every: u32,
    since: u32,
    last: Vec<Detection>,
}

/// Until tracks carry them, person boxes grow by this share of their size for each frame since they were seen.
const GROWTH_PER_FRAME: f32 = 0.03;

impl Inspector {
    /// An inspector that looks for faces only.
    #[must_use]
    pub fn new(faces: Box<dyn Detector>) -> Self {
        Self { faces, persons: None, watch: None, last_error: None }
    }

    /// Looks for persons too, on one of `every` frames.
    #[must_use]
    pub fn with_persons(mut self, network: Box<dyn Detector>, every: u32) -> Self {
        self.persons = Some(Persons { network, every: every.max(1), since: 0, last: Vec::new() });
        self
    }

    /// Looks for motion too, and reports events.
    #[must_use]
    pub fn with_watch(mut self, watch: Watch) -> Self {
        self.watch = Some(watch);
        self
    }

    /// Looks at a frame, gives the lease back, and says what was found. Motion events are appended to `events`.
    pub fn inspect(&mut self, mut look: Look, wall: Timestamp, events: &mut Vec<Event>) -> Findings {
        let mut found = look.take_notepad();
        let stamp = look.stamp();
        let seen = self.see(&look.picture(), &mut found);
        if let Some(watch) = &mut self.watch {
            let looked = self.persons.as_ref().filter(|persons| persons.since == 0);
            watch.observe(&look.picture(), stamp, looked.map(|persons| persons.last.as_slice()), wall, events);
        }
        // The lease ends before the answer is given: who has the findings may have the frame.
        drop(look);
        match seen {
            Ok(()) => Findings::Complete(found),
            Err(error) => {
                tracing::debug!(frame = stamp.sequence, %error, "not inspected");
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
            persons.see(picture, found)?;
        }
        if found.len() > MOST_DETECTIONS {
            let network = "all networks together".to_owned();
            return Err(DetectError::TooMany { network, found: found.len(), most: MOST_DETECTIONS });
        }
        Ok(())
    }
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
    fn see(&mut self, picture: &Picture<'_>, found: &mut Vec<Detection>) -> Result<(), DetectError> {
        self.since = (self.since + 1) % self.every;
        if self.since == 0 || self.every == 1 {
            self.since = 0;
            self.last.clear();
            self.network.detect(picture, &mut self.last)?;
            found.extend_from_slice(&self.last);
        } else {
            let share = GROWTH_PER_FRAME * self.since as f32;
            found.extend(self.last.iter().map(|seen| Detection { area: grown(seen.area, share), ..*seen }));
        }
        debug_assert!(self.last.iter().all(|seen| seen.kind == Kind::Person), "a person network finds persons");
        Ok(())
    }
}

/// An area grown on each side by this share of its own width and height, cut at the picture's edge.
fn grown(area: Area, share: f32) -> Area {
    let (across, down) = (area.width() * share, area.height() * share);
    Area::clipped(area.left() - across, area.top() - down, area.right() + across, area.bottom() + down).unwrap_or(area)
}
