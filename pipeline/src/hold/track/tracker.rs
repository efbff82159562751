//! Which detection belongs to which track, frame by frame.
//!
//! **Invariant.** It decides nothing about what is hidden: whatever it ties together wrongly, each detection is hidden where
//! it was found. The number of tracks is bounded, and nothing is allocated once its lists have grown.

use frostglass_vault::{Area, Detection, Kind, MOST_DETECTIONS};

use super::{Clues, Place, Shift, Sighting};

/// Frames after which a track that was not seen is forgotten; one that was only ever weak, sooner.
const FORGOTTEN_AFTER: u64 = 40;
const WEAK_FORGOTTEN_AFTER: u64 = 5;
/// A detection may be so far from where its track was expected, in sizes of the larger of both, and farther with each frame
/// for which the track was not seen.
const GATE: f32 = 0.6;
const GATE_PER_FRAME: f32 = 0.04;
const WIDEST_GATE: f32 = 1.2;
/// And its size may differ by this ratio.
const RATIO: f32 = 1.7;
/// How much of a new velocity is believed.
const BELIEF: f32 = 0.4;
/// Weak detections this near to what was seen in the same frame, in sizes, say nothing new.
const SAME: f32 = 0.5;
/// The surroundings of a lost track that are worth a closer look, in sizes of its box.
const SURROUNDINGS: f32 = 2.0;

/// Ties detections together over frames.
#[derive(Debug, Default)]
pub struct Tracker {
    tracks: Vec<Track>,
    next: u64,
    last: Option<u64>,
    pairs: Vec<Pair>,
    taken: Vec<bool>,
    /// The person whose turn it is to be looked at more closely, counted from the first.
    turn: usize,
}

#[derive(Clone, Copy, Debug)]
struct Track {
    id: u64,
    kind: Kind,
    /// Where it was seen last, as the camera has moved since.
    place: Place,
    /// In shares of the picture for each frame, beside the camera's.
    velocity: [f32; 2],
    seen: u64,
    hits: u32,
    strong: bool,
}

#[derive(Clone, Copy, Debug)]
struct Pair {
    closeness: f32,
    track: usize,
    detection: usize,
}

impl Track {
    fn expected(&self, sequence: u64) -> Place {
        let frames = self.missed(sequence);
        self.place.moved(self.velocity.map(|velocity| velocity * frames))
    }

    fn missed(&self, sequence: u64) -> f32 {
        sequence.saturating_sub(self.seen) as f32
    }

    /// How well a place fits, in `0..=1`; `None` when it does not.
    fn closeness(&self, place: Place, sequence: u64) -> Option<f32> {
        let expected = self.expected(sequence);
        let gate = (GATE + GATE_PER_FRAME * (self.missed(sequence) - 1.0).max(0.0)).min(WIDEST_GATE);
        let distance = expected.distance(place).min(self.place.distance(place));
        (distance <= gate && expected.ratio(place) <= RATIO).then(|| 1.0 - distance / gate)
    }

    fn see(&mut self, place: Place, strong: bool, sequence: u64) {
        let frames = self.missed(sequence).max(1.0);
        // The first velocity is believed wholly, for there is none to hold against it.
        let belief = if self.hits == 1 { 1.0 } else { BELIEF };
        for axis in 0..2 {
            let now = (place.centre[axis] - self.place.centre[axis]) / frames;
            self.velocity[axis] += (now - self.velocity[axis]) * belief;
        }
        (self.place, self.seen, self.hits) = (place, sequence, self.hits.saturating_add(1));
        self.strong |= strong;
    }
}

impl Tracker {
    /// A tracker that has seen nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The next frame comes: `shift` is how the picture moved since the one before, `cut` whether it is another scene. A
    /// sequence number that does not rise is another scene too.
    pub fn begin(&mut self, sequence: u64, shift: Shift, cut: bool) {
        if cut || self.last.is_some_and(|last| sequence <= last) {
            self.tracks.clear();
        }
        self.last = Some(sequence);
        self.tracks.retain(|track| {
            let most = if track.strong || track.hits > 1 { FORGOTTEN_AFTER } else { WEAK_FORGOTTEN_AFTER };
            sequence.saturating_sub(track.seen) <= most
        });
        for track in &mut self.tracks {
            track.place = shift.carry(track.place);
            track.velocity = track.velocity.map(|velocity| velocity * shift.scale);
        }
    }

    /// Ties what was found of one kind to tracks, the strong before the weak, and appends a sighting for each that belongs to
    /// one. May be called again for the same frame, after a closer look.
    pub fn tie(&mut self, kind: Kind, found: &[Detection], weak: &[Detection], clues: &mut Clues) {
        self.tie_some(kind, found, true, clues);
        self.tie_some(kind, weak, false, clues);
    }

    fn tie_some(&mut self, kind: Kind, found: &[Detection], strong: bool, clues: &mut Clues) {
        let Some(sequence) = self.last else { return };
        self.pairs.clear();
        self.taken.clear();
        self.taken.extend(found.iter().map(|seen| seen.kind != kind));
        for (index, track) in
            self.tracks.iter().enumerate().filter(|(_, track)| track.kind == kind && track.seen < sequence)
        {
            let fits = found.iter().enumerate().filter(|(at, _)| !self.taken[*at]).filter_map(|(detection, seen)| {
                let closeness = track.closeness(Place::of(seen.area), sequence)?;
                Some(Pair { closeness, track: index, detection })
            });
            self.pairs.extend(fits);
        }
        self.pairs.sort_unstable_by(|one, two| two.closeness.total_cmp(&one.closeness));
        for &Pair { track, detection, .. } in &self.pairs {
            if self.taken[detection] || self.tracks[track].seen == sequence {
                continue;
            }
            self.taken[detection] = true;
            let area = found[detection].area;
            self.tracks[track].see(Place::of(area), strong, sequence);
            clues.sightings.push(Sighting { track: self.tracks[track].id, kind, area, strong });
        }
        for (at, Detection { area, .. }) in found.iter().enumerate() {
            if self.taken[at] || self.tracks.len() >= 2 * MOST_DETECTIONS {
                continue;
            }
            let (area, place) = (*area, Place::of(*area));
            let is_known =
                |track: &Track| track.kind == kind && track.seen == sequence && track.place.distance(place) < SAME;
            if !strong && self.tracks.iter().any(is_known) {
                continue;
            }
            self.tracks.push(Track { id: self.next, kind, place, velocity: [0.0; 2], seen: sequence, hits: 1, strong });
            clues.sightings.push(Sighting { track: self.next, kind, area, strong });
            self.next += 1;
        }
    }

    /// Where each track is, or must be by now, but for those that were only seen weakly once.
    pub fn areas(&self, areas: &mut Vec<Area>) {
        let Some(sequence) = self.last else { return };
        let counts = |track: &&Track| track.strong || track.hits > 1;
        areas.extend(self.tracks.iter().filter(counts).filter_map(|track| track.expected(sequence).area()));
    }

    /// Where a closer look may find what was not seen in this frame, at most `most` places: the surroundings of tracks of
    /// faces that were lost, the latest first, and the upper parts of persons without a face, by turns.
    pub fn places(&mut self, most: usize, places: &mut Vec<Area>) {
        let Some(sequence) = self.last else { return };
        let lost =
            |track: &&Track| track.kind == Kind::Face && track.seen < sequence && (track.strong || track.hits > 1);
        let before = places.len();
        for age in [1..=2, 3..=8, 9..=FORGOTTEN_AFTER] {
            for track in self.tracks.iter().filter(lost).filter(|track| age.contains(&(sequence - track.seen))) {
                if places.len() - before == most {
                    return;
                }
                places.extend(track.expected(sequence).grown(SURROUNDINGS, [0.0; 2]).area());
            }
        }
        let persons = || self.tracks.iter().filter(|track| track.kind == Kind::Person && track.strong);
        let count = persons().count();
        let first = if count == 0 { 0 } else { self.turn % count };
        let mut considered = 0;
        for track in persons().cycle().skip(first).take(count) {
            if places.len() - before == most {
                break;
            }
            considered += 1;
            let upper = upper_part(track.expected(sequence));
            let is_there = |face: &Track| face.kind == Kind::Face && face.seen == sequence && holds(upper, face.place);
            if !self.tracks.iter().any(is_there) {
                places.extend(upper.area());
            }
        }
        self.turn = first + considered;
    }
}

/// Where the face of a person must be, generously.
pub(super) fn upper_part(person: Place) -> Place {
    let Place { centre: [x, y], size: [w, h] } = person;
    // Of somebody who is cut off or sits, the box is wider than 0.6 heights, and the head a larger share of it.
    let share = if w > 0.6 * h { 0.7 } else { 0.4 };
    Place { centre: [x, y - h / 2.0 + h * (share / 2.0 - 0.05)], size: [w * 1.1, h * (share + 0.1)] }
}

/// Whether the middle of a place lies in another one.
pub(super) fn holds(outer: Place, inner: Place) -> bool {
    (0..2).all(|axis| (outer.centre[axis] - inner.centre[axis]).abs() <= outer.size[axis] / 2.0)
}

#[cfg(test)]
mod tests {
    use frostglass_vault::Score;

    use super::*;

    fn seen(kind: Kind, [left, top, right, bottom]: [f32; 4]) -> Detection {
        let area = Area::new(left, top, right, bottom).unwrap();
        Detection { kind, area, score: Score::new(0.9).unwrap() }
    }

    fn places(tracker: &mut Tracker, most: usize) -> Vec<Area> {
        let mut places = Vec::new();
        tracker.places(most, &mut places);
        places
    }

    #[test]
    fn the_upper_part_of_a_person_without_a_face_is_worth_a_closer_look() {
        let (mut tracker, mut clues) = (Tracker::new(), Clues::default());
        let persons = [seen(Kind::Person, [0.1, 0.2, 0.3, 0.9]), seen(Kind::Person, [0.6, 0.2, 0.8, 0.9])];
        let face = seen(Kind::Face, [0.18, 0.24, 0.22, 0.32]);
        tracker.begin(0, Shift::NONE, false);
        tracker.tie(Kind::Person, &persons, &[], &mut clues);
        tracker.tie(Kind::Face, &[face], &[], &mut clues);
        let [place] = places(&mut tracker, 4)[..] else { panic!("one place") };
        assert!(place.left() <= 0.62 && place.right() >= 0.78 && place.top() <= 0.2, "{place:?}");
        assert!(place.bottom() > 0.4 && place.bottom() < 0.65, "and not the legs: {place:?}");
    }

    #[test]
    fn where_there_are_more_places_than_looks_each_has_its_turn_and_lost_faces_come_first() {
        let (mut tracker, mut clues) = (Tracker::new(), Clues::default());
        let persons: Vec<Detection> =
            (0..6).map(|at| 0.16 * at as f32).map(|x| seen(Kind::Person, [x, 0.4, x + 0.12, 0.9])).collect();
        let mut turns = std::collections::BTreeSet::new();
        for sequence in 0..12 {
            tracker.begin(sequence, Shift::NONE, false);
            tracker.tie(Kind::Person, &persons, &[], &mut clues);
            if sequence == 0 {
                tracker.tie(Kind::Face, &[seen(Kind::Face, [0.9, 0.05, 0.94, 0.11])], &[], &mut clues);
            }
            let places = places(&mut tracker, 3);
            assert!(places.len() <= 3);
            if sequence > 0 {
                assert!(places[0].top() < 0.1 && places[0].left() > 0.8, "the lost face: {places:?}");
            }
            turns.extend(places.iter().filter(|place| place.top() > 0.2).map(|place| (place.left() * 1000.0) as u32));
        }
        assert_eq!(turns.len(), 6, "each person was looked at: {turns:?}");
    }
}
