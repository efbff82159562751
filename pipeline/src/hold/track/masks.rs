//! What the mask of something known hides of something that is guessed.
//!
//! **Invariant.** A guess counts as hidden only when one mask hides all of what it most likely is: near and of like size is not
//! enough, for a face that was lost beside another one is not that one. A round mask has no corners, and the small in a corner
//! of the large is not hidden by it.

use frostglass_vault::{Kind, mask_hides};

use super::Place;
use super::fill::Filled;

/// Something known in the frame that leaves, in the size in which it is masked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    pub(super) kind: Kind,
    /// Where it was seen, or lies between two sightings.
    pub(super) place: Place,
    /// The same in the size of its mask, without margin.
    pub(super) shown: Place,
}

/// Of where something may be, so much at least.
const ENOUGH: f32 = 0.9;
/// Points along each side that are tried.
const POINTS: i32 = 7;

impl Known {
    /// Whether its mask, grown by `margin`, hides what is guessed: the oval in a face's box, all of a body, and nine tenths of
    /// where either may be.
    pub(super) fn hides(&self, guess: Filled, margin: f32) -> bool {
        // Most others are far away.
        let reach = self.shown.grown(2.0 * margin, [0.0; 2]);
        let is_near = (0..2).all(|axis| (reach.centre[axis] - guess.core.centre[axis]).abs() * 2.0 < reach.size[axis]);
        let hides = |point: [f32; 2]| match self.kind {
            Kind::Face => mask_hides(self.shown.centre, self.shown.size, margin, point),
            Kind::Person => {
                (0..2).all(|axis| (point[axis] - self.shown.centre[axis]).abs() <= self.shown.size[axis] / 2.0)
            }
        };
        let at = |place: Place, [across, down]: [f32; 2]| {
            [place.centre[0] + across * place.size[0], place.centre[1] + down * place.size[1]]
        };
        let is_of_it = |[across, down]: [f32; 2]| self.kind == Kind::Person || across * across + down * down <= 0.25;
        is_near
            && grid().filter(|&point| is_of_it(point)).all(|point| hides(at(guess.core, point)))
            && grid().filter(|&point| hides(at(guess.place, point))).count() as f32 >= ENOUGH * (POINTS * POINTS) as f32
    }
}

/// Points over a box, its edges among them, from its middle in its sizes.
fn grid() -> impl Iterator<Item = [f32; 2]> {
    let along = |step: i32| step as f32 / (POINTS - 1) as f32 - 0.5;
    (0..POINTS * POINTS).map(move |step| [along(step % POINTS), along(step / POINTS)])
}

#[cfg(test)]
mod tests {
    use super::super::fill::How;
    use super::*;

    fn place(x: f32, y: f32, side: f32) -> Place {
        Place { centre: [x, y], size: [side, side] }
    }

    fn hides(kind: Kind, known: Place, guess: Place) -> bool {
        let guess = Filled { place: guess.grown(0.05, [0.0; 2]), core: guess, how: How::Guessed };
        Known { kind, place: known, shown: known }.hides(guess, 0.5)
    }

    #[test]
    fn the_same_under_another_number_is_hidden_and_its_neighbour_is_not() {
        let known = place(0.4, 0.4, 0.2);
        assert!(hides(Kind::Face, known, place(0.41, 0.4, 0.19)));
        assert!(!hides(Kind::Face, known, place(0.5, 0.4, 0.2)));
        assert!(!hides(Kind::Face, known, place(0.4, 0.4, 0.35)), "and what is larger is not");
    }

    #[test]
    fn a_small_face_in_the_corner_of_a_large_one_is_not_hidden_by_it() {
        assert!(!hides(Kind::Face, place(0.4, 0.4, 0.2), place(0.505, 0.505, 0.03)));
        assert!(hides(Kind::Face, place(0.4, 0.4, 0.2), place(0.42, 0.42, 0.03)));
    }

    #[test]
    fn a_child_whose_head_is_above_a_known_body_is_not_hidden_by_it() {
        let adult = Place { centre: [0.5, 0.645], size: [0.4, 0.61] };
        let child = |y: f32| Place { centre: [0.45, y], size: [0.1, 0.4] };
        assert!(!hides(Kind::Person, adult, child(0.5)));
        assert!(hides(Kind::Person, adult, child(0.6)));
    }
}
