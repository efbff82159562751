//! From boxes to heads: how far a mask reaches beyond what a network found.
//!
//! **Invariant.** A shape contains the box it was made from, corners included, whatever the margin.

use super::{PersonRule, Policy, Style, clipped};
use crate::detection::{Detection, Kind};
use crate::findings::Also;
use crate::geometry::{Area, Rect, Size};
use crate::picture::Format;

/// Something to hide.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shape {
    /// A superellipse.
    Round(Head),
    /// A rectangle.
    Block(Area),
}

/// A superellipse |x/rx|^p + |y/ry|^p ≤ 1 around a head, in pixels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    /// Centre.
    pub(super) centre: [f32; 2],
    /// Half of its width and height.
    pub(super) radius: [f32; 2],
}

/// Rounder than a box, whose corners carry background; fuller than an ellipse, outside of which ears lie.
pub(super) const POWER: f32 = 2.6;
/// Of what a box grows in height, this share goes upwards: hair and forehead are above the box, the neck below.
const UPWARD: f32 = 0.7;
/// Masks below so many pixels could be drawn with a finger; faces that small are found a few pixels off.
const SMALLEST_RADIUS: f32 = 4.0;
/// The head of a standing person, as a share of the box: drawings count seven and a half heads, the hair and
/// the box's own error come on top.
const HEAD_HEIGHT: f32 = 0.24;
const HEAD_WIDTH: f32 = 0.66;
/// Two boxes that have so much in common are the same person.
const ONE_PERSON: f32 = 0.7;

/// What has to be hidden: gives each shape, and the area that it must hide at least.
pub(super) fn shapes(
    found: &[Detection],
    also: &[Also],
    policy: &Policy,
    size: Size,
    mut each: impl FnMut(Shape, Area),
) {
    let margin = if (0.0..=4.0).contains(&policy.margin) { policy.margin } else { 4.0 };
    let around = |head: Area, margin: f32| match policy.style {
        Style::Blur => Shape::Round(Head::around(head, margin, size)),
        Style::Mosaic | Style::Solid => Shape::Block(grown(head, margin, UPWARD)),
    };
    let scene = Scene { found, also };
    for Detection { kind, area, .. } in scene.seen() {
        match (kind, policy.persons) {
            (Kind::Face, _) => each(around(area, margin), area),
            (Kind::Person, PersonRule::None) => {}
            (Kind::Person, PersonRule::Body) => each(Shape::Block(grown(area, 0.06, 0.5)), area),
            (Kind::Person, PersonRule::Head) if scene.has_face_of(area, size) => {}
            (Kind::Person, PersonRule::Head) => {
                // The share of the box is a head already, not a face.
                let head = head_of(area, size);
                each(around(head, margin / 4.0), head);
            }
        }
    }
    for also in also {
        match *also {
            Also::Area(area) => each(Shape::Block(area), area),
            Also::Face(face) => each(around(face, margin), face),
            Also::Head(head) => each(around(head, margin / 4.0), head),
            Also::Seen(_) => {}
        }
    }
}

/// All that is known to be in the picture.
struct Scene<'a> {
    found: &'a [Detection],
    also: &'a [Also],
}

impl Scene<'_> {
    fn seen(&self) -> impl Iterator<Item = Detection> {
        let also = self.also.iter().filter_map(|also| match also {
            Also::Seen(seen) => Some(*seen),
            _ => None,
        });
        self.found.iter().copied().chain(also)
    }

    /// Whether the face of this person is among what was seen: one whose middle lies where this person's head must be, and
    /// that fits no other person better. A face behind somebody's shoulder does not uncover that somebody.
    fn has_face_of(&self, person: Area, size: Size) -> bool {
        let head = head_of(person, size);
        let mut faces = self.seen().filter(|seen| seen.kind == Kind::Face).map(|seen| seen.area);
        faces.any(|face| {
            let off = distance(face, head);
            // Two boxes that are nearly one are one person, found twice.
            let is_other = |seen: &Detection| seen.kind == Kind::Person && seen.area.iou(person) < ONE_PERSON;
            let mut others = self.seen().filter(is_other);
            // A face is no speck in a person's box, and no poster behind it.
            let fits = (0.05..0.9).contains(&(face.height() / person.height().max(f32::MIN_POSITIVE)));
            fits && off <= 1.0 && others.all(|other| off <= distance(face, head_of(other.area, size)))
        })
    }
}

/// How far the middle of a face is from the middle of a head: 0 in its middle, 1 at its edge, more outside.
fn distance(face: Area, head: Area) -> f32 {
    let off = |low: f32, high: f32, from: f32, to: f32| {
        let half = ((to - from) / 2.0).max(f32::MIN_POSITIVE);
        ((low + high) / 2.0 - (from + to) / 2.0).abs() / half
    };
    let across = off(face.left(), face.right(), head.left(), head.right());
    across.max(off(face.top(), face.bottom(), head.top(), head.bottom()))
}

/// Where the head of a person must be: a fixed share of the box. Of somebody who sits or
/// is cut off it is a larger share; somebody who lies has it anywhere.
fn head_of(person: Area, size: Size) -> Area {
    #[expect(clippy::cast_precision_loss, reason = "a side is far below 2^24")]
    let [width, height] = [person.width() * size.width as f32, person.height() * size.height as f32];
    // Widths in heights: a standing person is about 0.4 wide, a bust about 1.
    let wide = width / height.max(f32::MIN_POSITIVE);
    let (across, down) = match wide {
        _ if wide <= 0.625 => (HEAD_WIDTH, HEAD_HEIGHT),
        _ if wide <= 1.4 => (0.8, (0.48 * wide).clamp(0.3, 0.7)),
        _ => (1.0, 1.0),
    };
    // What is cut off at the sides, so that rounding takes nothing away where nothing is cut off.
    let side = (1.0 - across) * person.width() / 2.0;
    let bottom = person.top() + down * person.height();
    clipped(person.left() + side, person.top() - 0.02 * person.height(), person.right() - side, bottom)
}

/// An area grown by a share of its size, all sides together; of what it grows in height, `upward` goes up.
fn grown(area: Area, margin: f32, upward: f32) -> Area {
    let (across, down) = (area.width() * margin, area.height() * margin);
    let top = area.top() - down * upward;
    clipped(area.left() - across / 2.0, top, area.right() + across / 2.0, area.bottom() + down * (1.0 - upward))
}

impl Head {
    /// The superellipse in the grown box, made larger where a corner of the face would stick out.
    fn around(face: Area, margin: f32, size: Size) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "a side is far below 2^24")]
        let [width, height] = [size.width as f32, size.height as f32];
        let [w, h] = [face.width() * width, face.height() * height];
        let middle = [(face.left() + face.right()) * width / 2.0, (face.top() + face.bottom()) * height / 2.0];
        // Upwards by more than downwards: the centre moves up by half of the difference.
        let rise = h * margin * (UPWARD - 0.5);
        let radius = [w * (1.0 + margin) / 2.0, h * (1.0 + margin) / 2.0].map(|radius| radius.max(SMALLEST_RADIUS));
        let corner = (w / 2.0 / radius[0]).powf(POWER) + ((h / 2.0 + rise) / radius[1]).powf(POWER);
        // A thousandth more, so that rounding takes nothing away.
        let scale = corner.powf(1.0 / POWER).max(1.0) * 1.001;
        Self { centre: [middle[0], middle[1] - rise], radius: radius.map(|radius| radius * scale) }
    }

    /// Width of the feather that surrounds it, in pixels.
    pub(super) fn feather(&self) -> f32 {
        (self.shorter() / 8.0).max(2.0)
    }

    /// The value of |x/rx|^p + |y/ry|^p at which the feather ends.
    pub(super) fn feather_ends(&self) -> f32 {
        (1.0 + self.feather() / self.shorter()).powf(POWER)
    }

    fn shorter(&self) -> f32 {
        self.radius[0].min(self.radius[1])
    }
}

impl Shape {
    /// The rectangle of pixels it can touch, feather included, and the shorter side of what it hides.
    pub(super) fn reach(&self, format: Format) -> (Rect, f32) {
        let Size { width, height } = format.size;
        match self {
            Self::Block(area) => {
                let rect = area.cover(format.size, format.chroma);
                #[expect(clippy::cast_precision_loss, reason = "a side is far below 2^24")]
                let side = rect.width().min(rect.height()) as f32;
                (rect, side)
            }
            Self::Round(head) => {
                let stretch = head.feather_ends().powf(1.0 / POWER);
                let [(left, right), (top, bottom)] = [0, 1].map(|axis| {
                    let reach = head.radius[axis] * stretch + 2.0;
                    (head.centre[axis] - reach, head.centre[axis] + reach)
                });
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the picture")]
                let (low, high) = (|edge: f32| edge.max(0.0) as u32, |edge: f32| edge.max(0.0).ceil() as u32);
                // Onto the chroma grid, so that a plane's rectangle is the same one.
                let cell = format.chroma.cell();
                let down = |edge: f32, end: u32| (low(edge).min(end) / cell) * cell;
                let up = |edge: f32, end: u32| high(edge).div_ceil(cell).saturating_mul(cell).min(end);
                let rect = Rect {
                    left: down(left, width),
                    top: down(top, height),
                    right: up(right, width),
                    bottom: up(bottom, height),
                };
                (rect, 2.0 * head.shorter())
            }
        }
    }

    /// The rectangle around it, without feather.
    pub(super) fn block(&self, size: Size) -> Area {
        match self {
            Self::Block(area) => *area,
            Self::Round(Head { centre: [x, y], radius: [rx, ry] }) => {
                #[expect(clippy::cast_precision_loss, reason = "a side is far below 2^24")]
                let [width, height] = [size.width as f32, size.height as f32];
                clipped((x - rx) / width, (y - ry) / height, (x + rx) / width, (y + ry) / height)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_head_contains_its_face_box(
            x in 0.0f32..0.9, y in 0.0f32..0.9, w in 0.001f32..1.0, h in 0.001f32..1.0, margin in 0.0f32..4.0,
            width in 1u32..3000, height in 1u32..3000,
        ) {
            let face = Area::clipped(x, y, x + w, y + h).unwrap();
            let size = Size::new(width, height);
            let Head { centre, radius } = Head::around(face, margin, size);
            for corner in [[face.left(), face.top()], [face.right(), face.top()], [face.left(), face.bottom()], [face.right(), face.bottom()]] {
                let at = [corner[0] * width as f32, corner[1] * height as f32];
                let f: f32 = (0..2).map(|axis| ((at[axis] - centre[axis]).abs() / radius[axis]).powf(POWER)).sum();
                prop_assert!(f <= 1.0, "{f}");
            }
        }
    }

    #[test]
    fn a_found_face_stands_for_its_own_person_only() {
        let size = Size::new(1000, 1000);
        let seen = |kind, [left, top, right, bottom]: [f32; 4]| Detection {
            kind,
            area: Area::new(left, top, right, bottom).unwrap(),
            score: crate::detection::Score::new(0.9).unwrap(),
        };
        let policy = Policy { style: Style::Blur, persons: PersonRule::Head, margin: 0.5 };
        let (one, two) = (seen(Kind::Person, [0.1, 0.1, 0.3, 0.9]), seen(Kind::Person, [0.14, 0.12, 0.34, 0.9]));
        let face = seen(Kind::Face, [0.18, 0.12, 0.22, 0.17]);
        let count = |found: &[Detection]| {
            let mut found_shapes = Vec::new();
            shapes(found, &[], &policy, size, |shape, _| found_shapes.push(shape));
            found_shapes.len()
        };
        assert_eq!(count(&[one, face]), 1, "the face is this person's");
        assert_eq!(count(&[one, two, face]), 2, "the other one's head is still hidden");
        assert_eq!(count(&[one]), 1, "no face was found");
        assert_eq!(count(&[one, seen(Kind::Face, [0.18, 0.6, 0.22, 0.65])]), 2, "a face at the knees is another's");
        assert_eq!(count(&[one, seen(Kind::Face, [0.195, 0.12, 0.2, 0.125])]), 2, "a speck is no face of this size");
    }

    /// Of who sits, or is cut off below, the head is a larger share of the box: what is hidden reaches farther down.
    #[test]
    fn the_head_of_who_sits_or_is_cut_off_is_a_larger_share_of_the_box() {
        let size = Size::new(1000, 1000);
        let head = |width: f32| head_of(Area::new(0.2, 0.2, 0.2 + width, 0.7).unwrap(), size);
        let share = |head: Area| (head.bottom() - 0.2) / 0.5;
        let (standing, sitting, bust) = (share(head(0.2)), share(head(0.4)), share(head(0.5)));
        assert!(standing < 0.25 && sitting > 0.35 && bust > 0.45, "{standing} {sitting} {bust}");
        // The eyes of a bust are half way down, its ears a fifth from the sides.
        let bust = head(0.5);
        assert!(bust.left() <= 0.2 + 0.2 * 0.5 && bust.right() >= 0.7 - 0.2 * 0.5, "{bust:?}");
    }

    #[test]
    fn the_head_of_a_standing_person_is_at_the_top_and_of_a_lying_one_anywhere() {
        let size = Size::new(1000, 1000);
        let standing = head_of(Area::new(0.4, 0.1, 0.6, 0.7).unwrap(), size);
        assert!(standing.top() <= 0.1 && standing.bottom() < 0.3 && standing.left() > 0.4, "{standing:?}");
        let lying = head_of(Area::new(0.1, 0.6, 0.7, 0.8).unwrap(), size);
        assert!(lying.left() <= 0.1 && lying.right() >= 0.7 && lying.bottom() >= 0.79, "{lying:?}");
    }
}
