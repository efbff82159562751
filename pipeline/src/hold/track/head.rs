//! Where in the box of a person the face is, learnt while the face was seen.
//!
//! **Invariant.** It tells one more place to hide, and is no reason to hide less: the fixed share of the box that a person's head
//! is presumed in is hidden all the same. A person whose box has another shape than when it was learnt (bent, sat down, cut off
//! by the picture's edge) has its face elsewhere, and nothing is told.

use super::Place;

/// The place of a face in the box of its person.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    /// From the middle of the person to the middle of the face, in widths and heights of the person.
    offset: [f32; 2],
    /// Width and height of the face, in those of the person.
    size: [f32; 2],
    /// Width of the person by its height.
    shape: f32,
}

/// How much of what is seen now is believed.
const BELIEF: f32 = 0.3;
/// The shape of a box may differ by this ratio.
const SAME_SHAPE: f32 = 1.3;

impl Head {
    /// A face was seen in the box of a person. What was learnt of another shape is forgotten.
    pub(super) fn learn(before: Option<Self>, person: Place, face: Place) -> Self {
        let share = |axis: usize, length: f32| length / person.size[axis].max(1e-6);
        let now = Self {
            offset: [0, 1].map(|axis| share(axis, face.centre[axis] - person.centre[axis])),
            size: [0, 1].map(|axis| share(axis, face.size[axis])),
            shape: shape(person),
        };
        let Some(before) = before.filter(|before| before.fits(person)) else { return now };
        let towards = |before: [f32; 2], now: [f32; 2]| [0, 1].map(|at| before[at] + (now[at] - before[at]) * BELIEF);
        Self {
            offset: towards(before.offset, now.offset),
            size: towards(before.size, now.size),
            shape: before.shape + (now.shape - before.shape) * BELIEF,
        }
    }

    /// Where the face of this person must be.
    pub(super) fn place(self, person: Place) -> Option<Place> {
        let along = |axis: usize| person.centre[axis] + self.offset[axis] * person.size[axis];
        let size = [0, 1].map(|axis| self.size[axis] * person.size[axis]);
        self.fits(person).then(|| Place { centre: [along(0), along(1)], size })
    }

    fn fits(self, person: Place) -> bool {
        let ratio = shape(person) / self.shape.max(1e-6);
        (1.0 / SAME_SHAPE..=SAME_SHAPE).contains(&ratio)
    }
}

fn shape(person: Place) -> f32 {
    person.size[0] / person.size[1].max(1e-6)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERSON: Place = Place { centre: [0.5, 0.5], size: [0.2, 0.6] };
    const FACE: Place = Place { centre: [0.55, 0.3], size: [0.05, 0.1] };

    fn near(one: Place, two: Place) -> bool {
        (0..2).all(|axis| {
            (one.centre[axis] - two.centre[axis]).abs() < 1e-5 && (one.size[axis] - two.size[axis]).abs() < 1e-5
        })
    }

    #[test]
    fn the_face_moves_and_grows_with_its_person() {
        let head = Head::learn(None, PERSON, FACE);
        assert!(near(head.place(PERSON).unwrap(), FACE));
        let nearer = Place { centre: [0.3, 0.6], size: [0.4, 1.2] };
        assert!(near(head.place(nearer).unwrap(), Place { centre: [0.4, 0.2], size: [0.1, 0.2] }));
    }

    #[test]
    fn of_another_shape_nothing_is_known_and_what_was_learnt_is_forgotten() {
        let head = Head::learn(None, PERSON, FACE);
        let lying = Place { centre: [0.5, 0.8], size: [0.5, 0.25] };
        assert!(head.place(lying).is_none());
        let face = Place { centre: [0.3, 0.75], size: [0.06, 0.1] };
        let anew = Head::learn(Some(head), lying, face);
        assert!(near(anew.place(lying).unwrap(), face) && anew.place(PERSON).is_none());
    }

    #[test]
    fn one_face_that_is_off_does_not_turn_it_round() {
        let head = Head::learn(None, PERSON, FACE);
        let off = Head::learn(Some(head), PERSON, Place { centre: [0.45, 0.3], ..FACE }).place(PERSON).unwrap();
        assert!((off.centre[0] - 0.52).abs() < 1e-5, "{off:?}");
    }
}
