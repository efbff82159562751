//! Non-maximum suppression: of boxes that mean the same thing, within one look and across looks, the best is kept.
//!
//! **Invariant.** A box goes only when one that stays covers what it stood for. The work is bounded: kept boxes are
//! few, or there is no answer.

use frostglass_vault::{Detection, MOST_DETECTIONS};

/// A box in shares of the picture, not yet clipped, with the user's score.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Found {
    pub(crate) left: f32,
    pub(crate) top: f32,
    pub(crate) right: f32,
    pub(crate) bottom: f32,
    pub(crate) score: f32,
    /// It ends where a tile ends, so it may be a part of something.
    pub(crate) cut: bool,
    /// Which view of the picture showed it.
    pub(crate) view: u8,
}

/// When two boxes mean the same thing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Same {
    /// From this intersection over union on.
    pub(crate) overlap: f32,
    /// Whether a part inside a larger box means the same: true of faces, of which one holds no other; not of persons.
    pub(crate) parts: bool,
}

/// What a mask reaches beyond a face's box at least, as a share of the box's side: downwards, where it grows least.
const REACH: f32 = 0.15;

/// More boxes than a frame may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooMany;

/// Of boxes that do not reach the score, so many at most are compared in one merge: it bounds the time.
pub(crate) const MOST_WEAK: usize = 2 * MOST_DETECTIONS;

/// Keeps the best of each group in `found[start..]`, without allocating.
///
/// Whole boxes go before cut ones, whatever their score: half a face never replaces a face. The one that stays has the
/// highest score of its group, so that a weak whole box does not make a sure half disappear from what is reported. More
/// boxes that reach `score` than a frame may have are an error; of weaker ones the weakest go.
pub(crate) fn merge(found: &mut Vec<Found>, start: usize, same: Same, score: f32) -> Result<(), TooMany> {
    let group = &mut found[start..];
    group.sort_unstable_by(|a, b| a.cut.cmp(&b.cut).then(b.score.total_cmp(&a.score)));
    let (mut kept, mut weak) = (0, 0);
    for index in 0..group.len() {
        let candidate = group[index];
        let is_weak = !candidate.reaches(score);
        weak += usize::from(is_weak);
        if is_weak && weak > MOST_WEAK {
            continue;
        }
        if let Some(best) = group[..kept].iter_mut().find(|best| best.stands_for(&candidate, same)) {
            best.score = best.score.max(candidate.score);
            continue;
        }
        if kept == MOST_DETECTIONS {
            if is_weak {
                continue;
            }
            return Err(TooMany);
        }
        group[kept] = candidate;
        kept += 1;
    }
    found.truncate(start + kept);
    Ok(())
}

impl Found {
    /// Whether it is to be reported.
    pub(crate) fn reaches(&self, score: f32) -> bool {
        self.score >= score
    }

    /// Cuts off what lies outside of the picture.
    pub(crate) fn clip(&mut self) {
        for edge in [&mut self.left, &mut self.top, &mut self.right, &mut self.bottom] {
            *edge = edge.clamp(0.0, 1.0);
        }
    }

    pub(crate) fn area(&self) -> f32 {
        (self.right - self.left) * (self.bottom - self.top)
    }

    /// Intersection over union.
    pub(crate) fn overlap(&self, other: &Self) -> f32 {
        let width = (self.right.min(other.right) - self.left.max(other.left)).max(0.0);
        let height = (self.bottom.min(other.bottom) - self.top.max(other.top)).max(0.0);
        let both = width * height;
        both / (self.area() + other.area() - both).max(f32::MIN_POSITIVE)
    }

    /// Whether nearly all of the other face lies in the mask that is made of this one: it reaches beyond the box by at
    /// least [`REACH`] of its size on each side, unless the owner chose a smaller margin than the default.
    pub(crate) fn hides(&self, other: &Self) -> bool {
        let (across, down) = (REACH * (self.right - self.left), REACH * (self.bottom - self.top));
        let width = (self.right + across).min(other.right) - (self.left - across).max(other.left);
        let height = (self.bottom + down).min(other.bottom) - (self.top - down).max(other.top);
        width.max(0.0) * height.max(0.0) > 0.9 * other.area()
    }

    /// Whether the other box can go when this one stays.
    pub(crate) fn stands_for(&self, other: &Self, same: Same) -> bool {
        let width = self.right.min(other.right) - self.left.max(other.left);
        let height = self.bottom.min(other.bottom) - self.top.max(other.top);
        if width <= 0.0 || height <= 0.0 {
            return false;
        }
        let both = width * height;
        let overlaps = both > same.overlap * (self.area() + other.area() - both) && (!same.parts || self.hides(other));
        // A much smaller box stays: in a corner of the larger one it may stick out of the mask that is made of that.
        let is_part = same.parts && both > 0.9 * other.area() && other.area() > 0.25 * self.area();
        overlaps || is_part
    }
}

impl From<&Detection> for Found {
    fn from(seen: &Detection) -> Self {
        let (area, score) = (seen.area, seen.score.value());
        Self {
            left: area.left(),
            top: area.top(),
            right: area.right(),
            bottom: area.bottom(),
            score,
            cut: false,
            view: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FACES: Same = Same { overlap: 0.3, parts: true };

    fn found(left: f32, right: f32, score: f32, cut: bool) -> Found {
        Found { left, top: 0.0, right, bottom: 0.1, score, cut, view: 0 }
    }

    #[test]
    fn the_best_of_a_group_stays_and_neighbours_do_too() {
        let (best, second, other) =
            (found(0.0, 0.1, 0.9, false), found(0.01, 0.11, 0.8, false), found(0.5, 0.6, 0.3, false));
        let mut all = vec![other, second, best];
        merge(&mut all, 0, FACES, 0.5).unwrap();
        assert_eq!(all, [best, other]);
    }

    /// Below the picture the network's input is black, and boxes of somebody whom the edge cuts off end anywhere in it.
    #[test]
    fn two_boxes_of_one_person_that_reach_out_of_the_picture_are_one() {
        const PERSONS: Same = Same { overlap: 0.5, parts: false };
        let person = |top: f32, bottom: f32, score: f32| Found { top, bottom, ..found(0.1, 0.8, score, false) };
        let boxes = [person(0.1, 1.0, 0.8), person(0.2, 1.9, 0.7)];
        let mut raw = boxes.to_vec();
        merge(&mut raw, 0, PERSONS, 0.5).unwrap();
        assert_eq!(raw.len(), 2, "they would be two");
        let mut all = boxes.to_vec();
        all.iter_mut().for_each(Found::clip);
        merge(&mut all, 0, PERSONS, 0.5).unwrap();
        assert_eq!(all, [boxes[0]]);
    }

    #[test]
    fn a_face_behind_another_is_kept_where_the_mask_of_that_would_not_hide_it() {
        let front = found(0.0, 0.1, 0.9, false);
        for (shift, left) in [(0.01, 1), (0.02, 1), (0.04, 2), (0.05, 2)] {
            let mut all = vec![front, found(shift, 0.1 + shift, 0.8, false)];
            merge(&mut all, 0, FACES, 0.5).unwrap();
            assert_eq!(all.len(), left, "shifted by {shift}");
        }
        let mut part = vec![found(0.02, 0.07, 0.95, false), front];
        merge(&mut part, 0, FACES, 0.5).unwrap();
        assert_eq!(part.len(), 2, "a part that is surer than the whole does not replace it");
    }

    #[test]
    fn half_a_face_at_a_border_never_replaces_the_face() {
        let (whole, half) = (found(0.0, 0.1, 0.4, false), found(0.0, 0.06, 0.99, true));
        let mut all = vec![half, whole];
        merge(&mut all, 0, FACES, 0.5).unwrap();
        let as_sure = Found { score: 0.99, ..whole };
        assert_eq!(all, [as_sure], "a whole box that is not sure does not make a sure half disappear");
        let mut alone = vec![half];
        merge(&mut alone, 0, FACES, 0.5).unwrap();
        assert_eq!(alone, [half], "where nobody saw the whole, the half is hidden");
    }

    #[test]
    fn a_child_before_an_adult_is_a_person_of_its_own() {
        let (adult, child) = (found(0.0, 0.1, 0.9, false), found(0.02, 0.06, 0.8, false));
        let mut all = vec![adult, child];
        merge(&mut all, 0, Same { overlap: 0.5, parts: false }, 0.5).unwrap();
        assert_eq!(all.len(), 2);
    }

    #[test]
    fn more_boxes_than_a_frame_may_have_are_an_error() {
        let apart = |index: usize| found(index as f32, index as f32 + 0.5, 0.9, false);
        let mut all: Vec<Found> = (0..MOST_DETECTIONS).map(apart).collect();
        merge(&mut all, 0, FACES, 0.5).unwrap();
        assert_eq!(all.len(), MOST_DETECTIONS);
        all.push(apart(MOST_DETECTIONS));
        assert_eq!(merge(&mut all, 0, FACES, 0.5), Err(TooMany));
    }

    proptest! {
        #[test]
        fn each_box_that_goes_is_stood_for_and_the_rest_is_untouched(
            boxes in prop::collection::vec((0.0f32..1.0, 0.01f32..0.3, 0.0f32..1.0, prop::bool::ANY), 1..60),
        ) {
            let before: Vec<Found> =
                boxes.iter().map(|&(left, width, score, cut)| found(left, left + width, score, cut)).collect();
            let mut after = before.clone();
            after.insert(0, found(0.0, 1.0, 0.0, true));
            merge(&mut after, 1, FACES, 0.5).unwrap();
            prop_assert_eq!(after[0], found(0.0, 1.0, 0.0, true));
            for gone in before.iter().filter(|found| !after.contains(found)) {
                let reach = |best: &Found| 0.16 * (best.right - best.left);
                let hidden = |best: &Found| {
                    let (left, right) = (gone.left.max(best.left - reach(best)), gone.right.min(best.right + reach(best)));
                    right - left > 0.89 * (gone.right - gone.left)
                };
                prop_assert!(after[1..].iter().any(hidden), "{gone:?}");
            }
        }
    }
}
