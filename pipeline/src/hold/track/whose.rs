//! Whose face a known face is.
//!
//! **Invariant.** A face belongs to one person. Of two who stand one behind the other it belongs to the one whose head it
//! fits better, so that the other one's head stays hidden; two boxes that are nearly one are one person, seen twice.

use super::Place;
use super::tracker::{holds, upper_part};

/// The known faces of a frame, each with its person.
#[derive(Debug, Default)]
pub(super) struct Owners {
    owned: Vec<(Place, Place)>,
}

/// Two boxes that have so much in common are the same person.
const ONE_PERSON: f32 = 0.7;
/// A face is at most so much wider than its person.
const WIDEST: f32 = 1.1;

impl Owners {
    /// Gives each face to the person that it fits best, if it fits one at all.
    pub(super) fn find(&mut self, faces: impl Iterator<Item = Place>, persons: &[Place]) {
        self.owned.clear();
        self.owned.extend(faces.filter_map(|face| {
            let fits = persons.iter().filter(|&&person| holds(upper_part(person), face) && is_of(person, face));
            let best = fits.min_by(|one, two| off(**one, face).total_cmp(&off(**two, face)))?;
            Some((face, *best))
        }));
    }

    /// Whether some face is this person's.
    pub(super) fn has_face(&self, person: Place) -> bool {
        self.owned.iter().any(|(_, owner)| *owner == person || owner.iou(person) >= ONE_PERSON)
    }
}

/// Whether a face may be this person's by its size.
pub(super) fn is_of(person: Place, face: Place) -> bool {
    face.size[0] < person.size[0] * WIDEST
}

/// How far the middle of a face is from the middle of a person's head: 1 is half a width of the person aside, or as far
/// down as its face can be.
fn off(person: Place, face: Place) -> f32 {
    let upper = upper_part(person);
    // The head is in the upper half of the part in which the face must be.
    let head = [upper.centre[0], upper.centre[1] - upper.size[1] / 4.0];
    let along = |axis: usize, half: f32| (face.centre[axis] - head[axis]).abs() / half.max(1e-6);
    along(0, upper.size[0] / 2.0).max(along(1, 0.75 * upper.size[1]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(x: f32, y: f32, w: f32, h: f32) -> Place {
        Place { centre: [x, y], size: [w, h] }
    }

    #[test]
    fn a_face_belongs_to_the_person_whose_head_it_fits_best_and_to_no_other() {
        let (front, behind) = (place(0.5, 0.6, 0.2, 0.6), place(0.44, 0.55, 0.2, 0.6));
        let face = place(0.5, 0.36, 0.05, 0.08);
        for persons in [[front, behind], [behind, front]] {
            let mut owners = Owners::default();
            owners.find([face].into_iter(), &persons);
            assert!(owners.has_face(front) && !owners.has_face(behind));
        }
    }

    #[test]
    fn one_person_that_was_seen_twice_has_one_face() {
        let (person, again) = (place(0.5, 0.6, 0.2, 0.6), place(0.51, 0.61, 0.2, 0.6));
        let mut owners = Owners::default();
        owners.find([place(0.5, 0.36, 0.05, 0.08)].into_iter(), &[person, again]);
        assert!(owners.has_face(person) && owners.has_face(again));
    }

    #[test]
    fn a_face_at_the_knees_and_one_wider_than_the_person_are_nobodys() {
        let person = place(0.5, 0.6, 0.2, 0.6);
        let mut owners = Owners::default();
        owners.find([place(0.5, 0.8, 0.05, 0.08), place(0.5, 0.36, 0.3, 0.3)].into_iter(), &[person]);
        assert!(!owners.has_face(person));
    }
}
