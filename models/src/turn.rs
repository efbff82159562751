//! Turned and mirrored looks: networks that lose faces which lie on their side see them upright.
//!
//! **Invariant.** What is turned is shown whole, and a box of the turned content maps back to an upright box that holds
//! all of it.

use frostglass_vault::Size;

/// How the content of a look is turned before a network sees it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Turn {
    /// Columns of the matrix that takes an offset from the middle of what is shown to one from the middle of the
    /// content. It keeps lengths.
    right: [f32; 2],
    down: [f32; 2],
}

impl Turn {
    /// As it is.
    pub(crate) const NONE: Self = Self { right: [1.0, 0.0], down: [0.0, 1.0] };
    /// Left and right exchanged.
    pub(crate) const MIRRORED: Self = Self { right: [-1.0, 0.0], down: [0.0, 1.0] };

    /// Clockwise.
    pub(crate) fn by_degrees(degrees: f32) -> Self {
        // Whole quarters are exact.
        let (sin, cos) = match degrees {
            90.0 => (1.0, 0.0),
            -90.0 => (-1.0, 0.0),
            180.0 | -180.0 => (0.0, -1.0),
            _ => degrees.to_radians().sin_cos(),
        };
        Self { right: [cos, -sin], down: [sin, cos] }
    }

    /// The size in which content of this size is shown whole.
    pub(crate) fn shown(self, content: Size) -> Size {
        let [width, height] = sides(content);
        // An offset is turned back by the transposed matrix.
        let across = width * self.right[0].abs() + height * self.right[1].abs();
        let down = width * self.down[0].abs() + height * self.down[1].abs();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most the sum of both sides")]
        let length = |length: f32| (length - 1e-3).ceil().max(1.0) as u32;
        Size::new(length(across), length(down))
    }

    /// Where in the content lies what is at this place of what is shown.
    fn back(self, at: [f32; 2], content: Size, shown: Size) -> [f32; 2] {
        let ([width, height], [across, down]) = (sides(content), sides(shown));
        let [x, y] = [at[0] - across / 2.0, at[1] - down / 2.0];
        [x * self.right[0] + y * self.down[0] + width / 2.0, x * self.right[1] + y * self.down[1] + height / 2.0]
    }

    /// Left, top, right, bottom of the upright box in the content around a box of what is shown.
    pub(crate) fn upright(self, [left, top, right, bottom]: [f32; 4], content: Size) -> [f32; 4] {
        if self == Self::NONE {
            return [left, top, right, bottom];
        }
        let shown = self.shown(content);
        let corners =
            [[left, top], [right, top], [right, bottom], [left, bottom]].map(|at| self.back(at, content, shown));
        let low = |axis: usize| corners.iter().map(|corner| corner[axis]).fold(f32::INFINITY, f32::min);
        let high = |axis: usize| corners.iter().map(|corner| corner[axis]).fold(f32::NEG_INFINITY, f32::max);
        [low(0), low(1), high(0), high(1)]
    }

    /// Turns a plane of this size; `around` is laid where the content ends. Samples between others are interpolated.
    pub(crate) fn plane(self, content: Size, from: &[u8], around: u8, into: &mut Vec<u8>) {
        let shown = self.shown(content);
        into.clear();
        into.reserve(shown.pixels());
        let [width, height] = sides(content);
        let columns = content.width as usize;
        for y in 0..shown.height {
            #[expect(clippy::cast_precision_loss, reason = "an input is a few thousand pixels wide")]
            let middle = |x: u32| [x as f32 + 0.5, y as f32 + 0.5];
            into.extend((0..shown.width).map(|x| {
                let [x, y] = self.back(middle(x), content, shown);
                if x < 0.0 || y < 0.0 || x >= width || y >= height {
                    return around;
                }
                let ((first, next, across), (upper, lower, down)) =
                    (neighbours(x, content.width), neighbours(y, content.height));
                let row = |row: usize, share: f32| {
                    let (left, right) = (from[row * columns + first as usize], from[row * columns + next as usize]);
                    (f32::from(left) * (1.0 - across) + f32::from(right) * across) * share
                };
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a mean of bytes")]
                let mean = (row(upper as usize, 1.0 - down) + row(lower as usize, down) + 0.5) as u8;
                mean
            }));
        }
    }
}

/// The two samples around a place, and how much of the second is in what lies there.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the plane's samples")]
fn neighbours(at: f32, length: u32) -> (u32, u32, f32) {
    let at = (at - 0.5).max(0.0);
    let first = (at as u32).min(length.saturating_sub(1));
    (first, (first + 1).min(length.saturating_sub(1)), at.fract())
}

#[expect(clippy::cast_precision_loss, reason = "an input is a few thousand pixels wide")]
fn sides(size: Size) -> [f32; 2] {
    [size.width as f32, size.height as f32]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn turned(turn: Turn, content: Size, plane: &[u8]) -> Vec<u8> {
        let mut into = vec![1, 2, 3];
        turn.plane(content, plane, 7, &mut into);
        assert_eq!(into.len(), turn.shown(content).pixels());
        into
    }

    #[test]
    fn quarters_and_mirrors_move_samples_and_change_none() {
        let (content, plane) = (Size::new(3, 2), [1, 2, 3, 4, 5, 6]);
        let cases = [
            (Turn::NONE, Size::new(3, 2), [1, 2, 3, 4, 5, 6]),
            (Turn::MIRRORED, Size::new(3, 2), [3, 2, 1, 6, 5, 4]),
            (Turn::by_degrees(90.0), Size::new(2, 3), [4, 1, 5, 2, 6, 3]),
            (Turn::by_degrees(-90.0), Size::new(2, 3), [3, 6, 2, 5, 1, 4]),
            (Turn::by_degrees(180.0), Size::new(3, 2), [6, 5, 4, 3, 2, 1]),
        ];
        for (turn, shown, expected) in cases {
            assert_eq!(turn.shown(content), shown, "{turn:?}");
            assert_eq!(turned(turn, content, &plane), expected, "{turn:?}");
        }
    }

    #[test]
    fn around_turned_content_lies_what_was_asked_for() {
        let content = Size::new(40, 20);
        let plane = turned(Turn::by_degrees(45.0), content, &[200; 800]);
        let inside = plane.iter().filter(|&&sample| sample == 200).count();
        assert!(plane.iter().all(|&sample| sample == 200 || sample == 7), "only what is there and what is around");
        assert!(inside.abs_diff(800) < 40, "{inside}");
    }

    proptest! {
        /// A box of the content, turned, has its corners in what is shown; the upright box around those holds it.
        #[test]
        fn the_upright_box_holds_the_turned_one(
            width in 1u32..500, height in 1u32..500, degrees in -180.0f32..180.0,
            x in 0.0f32..1.0, y in 0.0f32..1.0, side in 1.0f32..60.0,
        ) {
            let content = Size::new(width, height);
            for turn in [Turn::by_degrees(degrees), Turn::MIRRORED, Turn::by_degrees(90.0), Turn::by_degrees(180.0)] {
                let shown = turn.shown(content);
                let (left, top) = (x * shown.width as f32, y * shown.height as f32);
                let [from_x, from_y, to_x, to_y] = turn.upright([left, top, left + side, top + side], content);
                for (across, down) in [(0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0), (0.3, 0.8)] {
                    let [at_x, at_y] = turn.back([left + across * side, top + down * side], content, shown);
                    prop_assert!(at_x >= from_x - 0.01 && at_x <= to_x + 0.01);
                    prop_assert!(at_y >= from_y - 0.01 && at_y <= to_y + 0.01);
                }
                prop_assert!(to_x - from_x >= 0.99 * side && to_x - from_x <= 1.42 * side);
            }
        }

        #[test]
        fn what_is_shown_holds_all_of_the_content(width in 1u32..500, height in 1u32..500, degrees in -180.0f32..180.0) {
            let (content, turn) = (Size::new(width, height), Turn::by_degrees(degrees));
            let shown = turn.shown(content);
            let whole = turn.upright([0.0, 0.0, shown.width as f32, shown.height as f32], content);
            prop_assert!(whole[0] <= 0.5 && whole[1] <= 0.5);
            prop_assert!(whole[2] >= width as f32 - 0.5 && whole[3] >= height as f32 - 0.5);
        }
    }
}
