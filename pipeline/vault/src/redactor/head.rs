//! From boxes to heads: how far a mask reaches beyond what a network found.
//!
//! **Invariant.** A shape contains the box it was made from, corners included, whatever the margin.

use super::{PersonRule, Policy, Style, clipped};
use crate::detection::{Detection, Kind};
use crate::findings::{Also, Suspect};
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
    let body = |person: Area| (Shape::Block(grown(person, 0.06, 0.5)), person);
    // The share of the box is a head already, not a face.
    let top = |person: Area| {
        let head = head_of(person, size);
        (around(head, margin / 4.0), head)
    };
    let scene = Scene { found, also };
    let mut detected = |seen: &Detection, by: Trust| match (seen.kind, policy.persons) {
        (Kind::Face, _) => each(around(seen.area, margin), seen.area),
        (Kind::Person, PersonRule::None) => {}
        (Kind::Person, PersonRule::Body) => {
            let (shape, core) = body(seen.area);
            each(shape, core);
        }
        (Kind::Person, PersonRule::Head) if scene.has_face_of(seen.area, by, size) => {}
        (Kind::Person, PersonRule::Head) => {
            let (shape, core) = top(seen.area);
            each(shape, core);
        }
    };
    found.iter().for_each(|seen| detected(seen, Trust::Found));
    for also in also {
        if let Also::Seen(seen) = also {
            detected(seen, Trust::Told);
        }
    }
    for also in also {
        match *also {
            Also::Area(area) => each(Shape::Block(area), area),
            Also::Face(face) => each(around(face, margin), face),
            Also::Head(head) => each(around(head, margin / 4.0), head),
            Also::Seen(_) => {}
            Also::Person(Suspect { core, place, face }) => {
                // Of one that was found both are the same.
                let boxes = [Some(core), Some(place).filter(|place| *place != core)].into_iter().flatten();
                match policy.persons {
                    PersonRule::None => continue,
                    PersonRule::Body => boxes.map(body).for_each(|(shape, core)| each(shape, core)),
                    PersonRule::Head if scene.has_face_of(core, Trust::Told, size) => continue,
                    PersonRule::Head => boxes.map(top).for_each(|(shape, core)| each(shape, core)),
                }
                if let Some(face) = face {
                    each(around(face, margin), face);
                }
            }
        }
    }
}

/// Which faces may stand for the head of a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trust {
    /// For a person that was found, those that were found: what is told beyond the findings uncovers nothing.
    Found,
    /// For one that is told of, also those that are.
    Told,
}

/// Whether the mask that is made of a face, in whatever style, hides a point for certain. The face is given by its middle and
/// its size; all in shares of the picture.
#[must_use]
pub fn mask_hides(centre: [f32; 2], size: [f32; 2], margin: f32, point: [f32; 2]) -> bool {
    let off = |axis: usize, from: f32| (point[axis] - from).abs() / size[axis].max(f32::MIN_POSITIVE);
    if off(0, centre[0]) <= 0.5 && off(1, centre[1]) <= 0.5 {
        return true;
    }
    let margin = if (0.0..=4.0).contains(&margin) { margin } else { 0.0 };
    let (radius, rise) = ((1.0 + margin) / 2.0, (UPWARD - 0.5) * margin * size[1]);
    (off(0, centre[0]) / radius).powf(POWER) + (off(1, centre[1] - rise) / radius).powf(POWER) <= 1.0
}

/// All that is known to be in the picture.
struct Scene<'a> {
    found: &'a [Detection],
    also: &'a [Also],
}

impl Scene<'_> {
    fn faces(&self, by: Trust) -> impl Iterator<Item = Area> {
        let also = self.also.iter().filter_map(move |also| match also {
            Also::Seen(Detection { kind: Kind::Face, area, .. }) if by == Trust::Told => Some(*area),
            _ => None,
        });
        self.found.iter().filter(|seen| seen.kind == Kind::Face).map(|seen| seen.area).chain(also)
    }

    fn persons(&self) -> impl Iterator<Item = Area> {
        let also = self.also.iter().filter_map(|also| match also {
            Also::Seen(Detection { kind: Kind::Person, area, .. }) => Some(*area),
            Also::Person(Suspect { core, .. }) => Some(*core),
            _ => None,
        });
        self.found.iter().filter(|seen| seen.kind == Kind::Person).map(|seen| seen.area).chain(also)
    }

    /// Whether the face of this person is among what was seen: one whose middle lies where this person's head must be, and
    /// that fits no other person better. A face behind somebody's shoulder does not uncover that somebody.
    fn has_face_of(&self, person: Area, by: Trust, size: Size) -> bool {
        let head = head_of(person, size);
        self.faces(by).any(|face| {
            let off = distance(face, head);
            // Two boxes that are nearly one are one person, found twice.
            let mut others = self.persons().filter(|other| other.iou(person) < ONE_PERSON);
            // A face is no speck in a person's box, and no poster behind it.
            let fits = (0.05..0.9).contains(&(face.height() / person.height().max(f32::MIN_POSITIVE)));
            fits && off <= 1.0 && others.all(|other| off <= distance(face, head_of(other, size)))
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
#[path = "head_tests.rs"]
mod tests;
