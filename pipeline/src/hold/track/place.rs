//! Boxes as tracks need them, and how the picture moves under them.
//!
//! **Invariant.** All numbers are finite: a box that is none becomes none of these.

use frostglass_vault::Area;

/// A box by its middle and its size, in shares of the picture; it may lie outside.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    /// Middle, across and down.
    pub centre: [f32; 2],
    /// Width and height.
    pub size: [f32; 2],
}

impl Place {
    /// The place of an area.
    #[must_use]
    pub fn of(area: Area) -> Self {
        let centre = [(area.left() + area.right()) / 2.0, (area.top() + area.bottom()) / 2.0];
        Self { centre, size: [area.width(), area.height()] }
    }

    /// The part of it that lies in the picture; `None` when none does.
    #[must_use]
    pub fn area(self) -> Option<Area> {
        let Self { centre: [x, y], size: [w, h] } = self;
        Area::clipped(x - w / 2.0, y - h / 2.0, x + w / 2.0, y + h / 2.0)
    }

    /// Larger by this share of its size, all sides together, and by `more` on top of that.
    #[must_use]
    pub fn grown(self, share: f32, more: [f32; 2]) -> Self {
        let size = [0, 1].map(|axis| self.size[axis] * (1.0 + share) + more[axis]);
        Self { size, ..self }
    }

    /// Moved by so much.
    #[must_use]
    pub fn moved(self, by: [f32; 2]) -> Self {
        Self { centre: [self.centre[0] + by[0], self.centre[1] + by[1]], ..self }
    }

    /// `share` of the way to another place: straight for the middle, in even ratios for the size.
    #[must_use]
    pub fn towards(self, other: Self, share: f32) -> Self {
        let centre = [0, 1].map(|axis| self.centre[axis] + (other.centre[axis] - self.centre[axis]) * share);
        let size = [0, 1].map(|axis| {
            let (from, to) = (self.size[axis].max(1e-6), other.size[axis].max(1e-6));
            from * (to / from).powf(share)
        });
        Self { centre, size }
    }

    /// How far the middle of another one is, in sizes of the larger of both, by the axis in which it is farther.
    #[must_use]
    pub fn distance(self, other: Self) -> f32 {
        let along = |axis: usize| {
            (self.centre[axis] - other.centre[axis]).abs() / self.size[axis].max(other.size[axis]).max(1e-6)
        };
        along(0).max(along(1))
    }

    /// By how much the larger of both is larger, as a ratio of lengths; at least 1.
    #[must_use]
    pub fn ratio(self, other: Self) -> f32 {
        let length = |place: Self| (place.size[0] * place.size[1]).max(1e-12).sqrt();
        let ratio = length(self) / length(other);
        ratio.max(1.0 / ratio)
    }
}

/// How the picture moved from one frame to the next, by a camera that pans or zooms: what was at `p` is at
/// `scale · p + by`, in shares of the picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shift {
    /// Above 1 when the camera zooms in.
    pub scale: f32,
    /// Across and down.
    pub by: [f32; 2],
}

impl Default for Shift {
    fn default() -> Self {
        Self::NONE
    }
}

impl Shift {
    /// The camera stands still.
    pub const NONE: Self = Self { scale: 1.0, by: [0.0; 2] };

    /// Where a place of the frame before is now.
    #[must_use]
    pub fn carry(self, place: Place) -> Place {
        let centre = [0, 1].map(|axis| self.scale * place.centre[axis] + self.by[axis]);
        Place { centre, size: place.size.map(|side| side * self.scale) }
    }

    /// This one first, then another one.
    #[must_use]
    pub fn then(self, next: Self) -> Self {
        let by = [0, 1].map(|axis| next.scale * self.by[axis] + next.by[axis]);
        Self { scale: self.scale * next.scale, by }
    }

    /// The way back.
    #[must_use]
    pub fn back(self) -> Self {
        let scale = 1.0 / self.scale.max(1e-3);
        Self { scale, by: self.by.map(|by| -by * scale) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn near(one: Place, two: Place) -> bool {
        let close = |a: f32, b: f32| (a - b).abs() < 1e-4 * (1.0 + a.abs());
        (0..2).all(|axis| close(one.centre[axis], two.centre[axis]) && close(one.size[axis], two.size[axis]))
    }

    proptest! {
        #[test]
        fn the_way_back_leads_back(
            scale in 0.8f32..1.25, x in -0.5f32..0.5, y in -0.5f32..0.5, cx in 0.0f32..1.0, cy in 0.0f32..1.0,
        ) {
            let (shift, place) = (Shift { scale, by: [x, y] }, Place { centre: [cx, cy], size: [0.1, 0.2] });
            prop_assert!(near(shift.back().carry(shift.carry(place)), place));
            let twice = shift.then(shift);
            prop_assert!(near(twice.carry(place), shift.carry(shift.carry(place))));
        }
    }

    #[test]
    fn half_way_between_two_places_is_between_them() {
        let (one, two) =
            (Place { centre: [0.2, 0.2], size: [0.1, 0.1] }, Place { centre: [0.4, 0.2], size: [0.4, 0.1] });
        assert!(near(one.towards(two, 0.5), Place { centre: [0.3, 0.2], size: [0.2, 0.1] }));
        assert!(near(one.towards(two, 0.0), one) && near(one.towards(two, 1.0), two));
        assert!((one.ratio(two) - 2.0).abs() < 1e-5 && (two.ratio(one) - 2.0).abs() < 1e-5);
    }
}
