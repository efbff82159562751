//! Where a track is in a frame in which it was not seen: between two sightings, before the first, after the last.
//!
//! **Invariant.** What is guessed is larger than what was seen, and larger the farther away that is. Everything here is in
//! the coordinates of the frame that is filled: how the camera moved has been taken off before.

use super::Place;

/// A sighting of a track, carried over into the frame that is filled.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spot {
    /// The frame it was seen in, counted from the one that is filled.
    pub(super) frames: i64,
    pub(super) place: Place,
}

/// Where a track is in a frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Filled {
    /// Where it may be: what has to be hidden.
    pub(super) place: Place,
    /// Where it most likely is, in the size in which it was seen. Of a person whose box has grown, the head would be presumed
    /// above where it is.
    pub(super) core: Place,
    pub(super) how: How,
}

/// How a track is known in a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// It was seen, or lies between two sightings.
    Known,
    /// It was seen before or will be seen, but not both.
    Guessed,
}

/// A guess grows by this share of its size with each frame, and by this share of how far it moves.
const GROWTH: f32 = 0.025;
const GROWTH_BY_SPEED: f32 = 0.3;
/// While it was seen once only, nobody knows how fast it is.
const GROWTH_UNKNOWN: f32 = 0.08;
/// And by no more than this.
const MOST_GROWTH: f32 = 0.6;
/// Between two sightings it grows too, by this for each frame from the nearer one.
const GROWTH_BETWEEN: f32 = 0.02;
/// A velocity is the slope between two sightings which are so many frames apart at least, if there are some.
const BASE: i64 = 3;

/// How far a track reaches beyond its sightings, in frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reaches {
    pub(super) forwards: i64,
    pub(super) backwards: i64,
    /// Two sightings so far apart still have the track between them.
    pub(super) between: i64,
}

/// Where the track is, by its sightings in order. The frame that is filled is number 0.
pub(super) fn fill(spots: &[Spot], reaches: Reaches) -> Option<Filled> {
    let next = spots.partition_point(|spot| spot.frames < 0);
    let (before, after) = (next.checked_sub(1).map(|last| spots[last]), spots.get(next).copied());
    if let Some(now) = after.filter(|spot| spot.frames == 0) {
        return Some(Filled { place: now.place, core: now.place, how: How::Known });
    }
    match (before, after) {
        (Some(before), Some(after)) if after.frames - before.frames <= reaches.between => {
            let share = -before.frames as f32 / (after.frames - before.frames) as f32;
            let nearer = after.frames.min(-before.frames) as f32;
            let core = before.place.towards(after.place, share);
            Some(Filled { place: core.grown(GROWTH_BETWEEN * nearer, [0.0; 2]), core, how: How::Known })
        }
        _ => {
            let forwards = before
                .filter(|before| -before.frames <= reaches.forwards)
                .map(|before| guess(before, velocity(&spots[..next], true), spots.len() == 1));
            let backwards = after
                .filter(|after| after.frames <= reaches.backwards)
                .map(|after| guess(after, velocity(&spots[next..], false), spots.len() == 1));
            // Where both reach, the nearer sighting knows better.
            match (forwards.zip(before), backwards.zip(after)) {
                (Some((_, before)), Some((nearer, after))) if after.frames < -before.frames => Some(nearer),
                (Some((one, _)), _) | (None, Some((one, _))) => Some(one),
                (None, None) => None,
            }
        }
    }
}

/// From one sighting to frame 0, by this velocity.
fn guess(from: Spot, velocity: [f32; 2], seen_once: bool) -> Filled {
    let frames = -from.frames as f32;
    let by = velocity.map(|velocity| velocity * frames);
    let growth = if seen_once { GROWTH_UNKNOWN } else { GROWTH };
    let share = (growth * frames.abs()).min(MOST_GROWTH);
    let most = from.place.size.map(|side| side * MOST_GROWTH);
    let more = [0, 1].map(|axis| (by[axis].abs() * GROWTH_BY_SPEED * 2.0).min(most[axis]));
    let core = from.place.moved(by);
    Filled { place: core.grown(share, more), core, how: How::Guessed }
}

/// Shares of the picture for each frame at the end of these sightings, or at their beginning.
fn velocity(spots: &[Spot], at_the_end: bool) -> [f32; 2] {
    let (first, last) = if at_the_end {
        let Some(last) = spots.last() else { return [0.0; 2] };
        let first = spots.iter().rev().find(|spot| last.frames - spot.frames >= BASE).or(spots.first());
        (first.copied(), Some(*last))
    } else {
        let Some(first) = spots.first() else { return [0.0; 2] };
        let last = spots.iter().find(|spot| spot.frames - first.frames >= BASE).or(spots.last());
        (Some(*first), last.copied())
    };
    let (Some(first), Some(last)) = (first, last) else { return [0.0; 2] };
    if last.frames == first.frames {
        return [0.0; 2];
    }
    let frames = (last.frames - first.frames) as f32;
    [0, 1].map(|axis| (last.place.centre[axis] - first.place.centre[axis]) / frames)
}

#[cfg(test)]
mod tests {
    use super::*;

    const REACHES: Reaches = Reaches { forwards: 15, backwards: 3, between: 18 };

    fn spot(frames: i64, x: f32) -> Spot {
        Spot { frames, place: Place { centre: [x, 0.5], size: [0.1, 0.1] } }
    }

    fn place(filled: Option<Filled>) -> Place {
        filled.expect("something is filled").place
    }

    #[test]
    fn what_was_seen_is_where_it_was_seen() {
        let place = spot(0, 0.5).place;
        let seen = Some(Filled { place, core: place, how: How::Known });
        assert_eq!(fill(&[spot(-1, 0.2), spot(0, 0.5), spot(1, 0.9)], REACHES), seen);
    }

    #[test]
    fn a_gap_is_filled_on_the_straight_way() {
        let filled = place(fill(&[spot(-1, 0.2), spot(3, 0.6)], REACHES));
        assert!((filled.centre[0] - 0.3).abs() < 1e-5 && filled.size[0] >= 0.1, "{filled:?}");
    }

    #[test]
    fn a_new_track_is_filled_backwards_with_a_box_that_grows_with_its_speed() {
        let still = place(fill(&[spot(2, 0.5), spot(5, 0.5)], REACHES));
        let fast = place(fill(&[spot(2, 0.5), spot(5, 0.56)], REACHES));
        assert!((fast.centre[0] - 0.46).abs() < 1e-5 && fast.size[0] > still.size[0] && still.size[0] > 0.1);
        assert_eq!(fill(&[spot(4, 0.5)], REACHES), None, "beyond the look-ahead nothing is held");
    }

    #[test]
    fn a_lost_track_is_kept_for_a_while_and_widens() {
        let widths: Vec<f32> =
            (1..=15).map(|age| place(fill(&[spot(-age - 1, 0.5), spot(-age, 0.5)], REACHES)).size[0]).collect();
        assert!(widths.windows(2).all(|pair| pair[1] > pair[0]), "{widths:?}");
        assert_eq!(fill(&[spot(-17, 0.5), spot(-16, 0.5)], REACHES), None);
    }

    #[test]
    fn of_two_sightings_far_apart_the_nearer_one_tells() {
        let filled = place(fill(&[spot(-17, 0.2), spot(2, 0.8)], REACHES));
        assert!((filled.centre[0] - 0.8).abs() < 0.05, "{filled:?}");
        let filled = place(fill(&[spot(-10, 0.2), spot(12, 0.8)], REACHES));
        assert!((filled.centre[0] - 0.2).abs() < 0.05, "{filled:?}");
    }
}
