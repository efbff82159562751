//! What tracks leave behind in the held frames, and what of it is hidden in each.
//!
//! **Invariant.** Of a frame only more is hidden, never less. A sighting counts on its own side of a cut only. Weak
//! detections hide nothing before their track was seen a second time within the look-ahead, or strongly once.

use std::collections::VecDeque;

use frostglass_vault::{Detection, Inspected, Kind, MOST_DETECTIONS, Score, Suspect};

use super::fill::{Filled, How, Reaches, Spot, fill};
use super::head::Head;
use super::masks::Known;
use super::shown::{Shown, larger};
use super::tracker::holds;
use super::ways::Ways;
use super::{Clues, Place, Sighting};

/// How far tracks reach beyond what was seen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reach {
    /// Frames that are known after the one that leaves.
    pub look_ahead: usize,
    /// Frames for which a lost track stays masked, and for which a new one is filled backwards as far as the look-ahead goes.
    pub linger: usize,
    /// The person network looks at one of so many frames.
    pub persons_every: usize,
    /// Of persons only the head is hidden, so that one whose face is known needs nothing more.
    pub heads_only: bool,
    /// The redactor grows each face by this share of its size, all sides together.
    pub margin: f32,
}

/// The tracks of the frames that are held, and of some before.
#[derive(Debug)]
pub struct Trails {
    reach: Reach,
    trails: Vec<Trail>,
    /// How the picture moved, and the ways from the frames around into the one that leaves.
    ways: Ways,
    spots: Vec<Spot>,
    /// What is known in the frame that leaves.
    known: Vec<Known>,
    /// Room of trails that ended.
    spare: Vec<VecDeque<Seen>>,
}

#[derive(Debug)]
struct Trail {
    track: u64,
    kind: Kind,
    seen: VecDeque<Seen>,
    /// Some network was sure of it once.
    strong: bool,
    shown: Shown,
    /// Of a person: where its face is.
    head: Option<Head>,
    /// Where it is in the frame that leaves.
    filled: Option<Filled>,
}

#[derive(Clone, Copy, Debug)]
struct Seen {
    sequence: u64,
    place: Place,
    strong: bool,
}

/// Frames on each side whose boxes have a say in how large a mask is.
const STEADY_OVER: i64 = 2;
/// Sightings that are older than so many frames are kept for the last place and velocity only.
const PAST: u64 = 8;
/// A face is at most so much wider than its person.
const WIDEST: f32 = 1.1;
/// A weak track comes again within so many frames, or it is none.
const WEAK_AGAIN: i64 = 6;
/// A track that was seen less often reaches back no farther than so many frames.
const FEW: usize = 6;
/// A track that was only ever weak stays masked for so many frames.
const WEAK_LINGER: i64 = 4;

impl Trails {
    /// No tracks yet.
    #[must_use]
    pub fn new(reach: Reach) -> Self {
        let (trails, spots) = (Vec::with_capacity(64), Vec::with_capacity(128));
        let (ways, known) = (Ways::new(), Vec::with_capacity(64));
        Self { reach, trails, ways, spots, known, spare: Vec::new() }
    }

    /// Takes in what was told of a frame. Frames come in order.
    pub fn note(&mut self, sequence: u64, clues: &Clues) {
        if !self.ways.note(sequence, clues.shift, clues.cut) {
            return;
        }
        for Sighting { track, kind, area, strong } in clues.sightings.iter().copied() {
            let seen = Seen { sequence, place: Place::of(area), strong };
            // Tracks are numbered in the order in which they begin.
            match self.trails.binary_search_by_key(&track, |trail| trail.track) {
                Ok(at) => {
                    self.trails[at].seen.push_back(seen);
                    self.trails[at].strong |= strong;
                }
                Err(_) if self.trails.len() >= 2 * MOST_DETECTIONS => {}
                Err(at) => {
                    let mut first = self.spare.pop().unwrap_or_default();
                    first.push_back(seen);
                    let (shown, head, filled) = (Shown::default(), None, None);
                    self.trails.insert(at, Trail { track, kind, seen: first, strong, shown, head, filled });
                }
            }
        }
    }

    /// Hides in a frame that leaves what tracks say of it. Frames leave in order, and each has been noted before unless
    /// nobody looked at it.
    pub fn fill(&mut self, inspected: &mut Inspected, sequence: u64) {
        self.ways.find(sequence);
        let mut trails = std::mem::take(&mut self.trails);
        self.known.clear();
        for trail in &mut trails {
            self.find_spots(trail, sequence);
            trail.filled = self.reaches(trail).and_then(|reaches| fill(&self.spots, reaches));
            if let Some(Filled { place, how: How::Known, .. }) = trail.filled {
                let near = self.spots.iter().filter(|spot| spot.frames.abs() <= STEADY_OVER);
                let size = trail.shown.steady(near.fold(place.size, |most, spot| larger(most, spot.place.size)));
                let shown = Place { size: larger(size, place.size), ..place };
                self.known.push(Known { kind: trail.kind, place, shown });
            }
        }
        for trail in &mut trails {
            let Some(filled) = trail.filled else {
                trail.shown = Shown::default();
                continue;
            };
            if (trail.kind, filled.how) == (Kind::Person, How::Known)
                && let Some(face) = self.only_face(filled.core)
            {
                trail.head = Some(Head::learn(trail.head, filled.core, face));
            }
            let is_hidden =
                || self.known.iter().any(|known| known.kind == trail.kind && known.hides(filled, self.reach.margin));
            match (trail.kind, filled.how) {
                (Kind::Face, How::Known) => hide_known_face(trail, filled.place, inspected, sequence),
                // What was found is in the findings; of where its face was, they know nothing.
                (Kind::Person, How::Known) if trail.head.is_none() && trail.is_found(sequence) => {}
                (Kind::Person, How::Known) => hide_person(trail, filled, inspected),
                (Kind::Face, How::Guessed) if is_hidden() => trail.shown = Shown::default(),
                (Kind::Person, How::Guessed) if !self.reach.heads_only && is_hidden() => trail.shown = Shown::default(),
                (kind, How::Guessed) => {
                    let size = larger(trail.shown.steady(filled.place.size), filled.place.size);
                    let place = Place { size, ..filled.place };
                    match kind {
                        Kind::Face => hide_face(place, inspected),
                        Kind::Person => hide_person(trail, Filled { place, ..filled }, inspected),
                    }
                }
            }
        }
        self.trails = trails;
    }

    /// The sightings of a trail, carried over into the frame that leaves.
    fn find_spots(&mut self, trail: &Trail, sequence: u64) {
        self.spots.clear();
        for seen in &trail.seen {
            if let Some(way) = self.ways.of(seen.sequence) {
                let frames = i64::try_from(seen.sequence).unwrap_or(i64::MAX) - i64::try_from(sequence).unwrap_or(0);
                self.spots.push(Spot { frames, place: way.carry(seen.place) });
            }
        }
    }

    /// The face in the box of this person, if there is one and no other.
    fn only_face(&self, person: Place) -> Option<Place> {
        if !self.reach.heads_only {
            return None;
        }
        let faces = self.known.iter().filter(|known| known.kind == Kind::Face).map(|known| known.place);
        let mut faces = faces.filter(|&face| holds(person, face) && face.size[0] < person.size[0] * WIDEST);
        faces.next().filter(|_| faces.next().is_none())
    }

    /// How far a trail reaches; `None` when it does not count (yet).
    fn reaches(&self, trail: &Trail) -> Option<Reaches> {
        let frames = |frames: usize| i64::try_from(frames).unwrap_or(i64::MAX);
        let (linger, ahead) = (frames(self.reach.linger), frames(self.reach.look_ahead));
        let every = if trail.kind == Kind::Person { frames(self.reach.persons_every) } else { 1 };
        let again = ahead.clamp(1, WEAK_AGAIN) * every;
        if !trail.strong {
            // Weak ones far apart are nothing, and are not bridged.
            let comes_again = self.spots.windows(2).any(|pair| pair[1].frames - pair[0].frames <= again);
            let forwards = linger.min(WEAK_LINGER);
            return comes_again.then_some(Reaches { forwards, backwards: forwards.min(ahead), between: again });
        }
        let forwards = linger.saturating_add(every - 1);
        // What was seen a few times only has hardly been there for long before.
        let backwards = if trail.seen.len() < FEW { forwards.min(FEW as i64) } else { forwards };
        let between = forwards.saturating_add(ahead);
        Some(Reaches { forwards, backwards: backwards.min(ahead), between })
    }

    /// This frame has left, filled or not: what no later one can want is forgotten. Where every answer comes too late, no frame
    /// is filled, and what is noted must not pile up.
    pub fn forget(&mut self, sequence: u64) {
        let frames = self.reach.linger.max(1) + 2 * self.reach.persons_every + 4;
        let oldest = sequence.saturating_sub(frames as u64);
        self.ways.forget(oldest);
        let spare = &mut self.spare;
        self.trails.retain_mut(|trail| {
            while trail.seen.front().is_some_and(|seen| seen.sequence < oldest) {
                trail.seen.pop_front();
            }
            // A place and a velocity are all that is wanted of the past.
            while trail.seen.get(2).is_some_and(|third| third.sequence + PAST < sequence) {
                trail.seen.pop_front();
            }
            if trail.seen.is_empty() && spare.len() < 64 {
                spare.push(std::mem::take(&mut trail.seen));
                return false;
            }
            !trail.seen.is_empty()
        });
    }
}

impl Trail {
    /// Whether a network was sure of it in this very frame.
    fn is_found(&self, sequence: u64) -> bool {
        self.seen.iter().any(|seen| seen.sequence == sequence && seen.strong)
    }
}

fn hide_known_face(trail: &Trail, place: Place, inspected: &mut Inspected, sequence: u64) {
    if let Some(area) = place.area().filter(|_| trail.strong && !trail.is_found(sequence)) {
        // It stands for its person's head as one that was found does; what was only ever weak does not.
        inspected.see_also(Detection { kind: Kind::Face, area, score: Score::SURE });
    }
    hide_face(Place { size: larger(trail.shown.size, place.size), ..place }, inspected);
}

fn hide_face(place: Place, inspected: &mut Inspected) {
    if let Some(area) = place.area() {
        inspected.hide_face_also(area);
    }
}

/// Whether the person's face is among those that are known is for the redactor to say, as it is of persons that were found.
fn hide_person(trail: &Trail, Filled { place, core, .. }: Filled, inspected: &mut Inspected) {
    // Where the face of a person was while it was seen, larger as the person's box is.
    let face = trail.head.and_then(|head| head.place(core)).and_then(|face| {
        let size = [0, 1].map(|axis| face.size[axis] * (place.size[axis] / core.size[axis].max(1e-6)).max(1.0));
        Place { size, ..face }.area()
    });
    if let (Some(core), Some(place)) = (core.area().or(place.area()), place.area()) {
        inspected.suspect_also(Suspect { core, place, face });
    }
}

#[cfg(test)]
impl Trails {
    /// Frames and sightings that are remembered.
    pub(crate) fn remembered(&self) -> usize {
        self.ways.remembered() + self.trails.iter().map(|trail| trail.seen.len()).sum::<usize>()
    }
}
