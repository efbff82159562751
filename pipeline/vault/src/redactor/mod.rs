//! The redactor: a raw frame and its findings go in, a frame that may leave comes out.
//!
//! **Invariant.** It cannot fail, and it is the only one. What is not known is painted: a frame that nobody looked
//! at, that somebody still looks at, or that is not of the expected format leaves as one flat grey. The painted
//! samples of `blur` and `solid` depend on no sample under any mask.
//!
//! Before a frame leaves, points of everything that must be hidden are looked at again (`witness`): one that does not show
//! what it has to masks the whole frame.
//!
//! Where heads are is `head`'s business, which samples they hide `cover`'s, what `blur` shows instead `frost`'s
//! and `pyramid`'s, `mosaic` has its own file.

mod cover;
mod frost;
mod head;
mod mosaic;
mod pyramid;
mod witness;

use std::sync::Arc;

use crate::findings::{Findings, Inspected, MOST_DETECTIONS};
use crate::frame::Stamp;
use crate::geometry::{Area, Rect};
use crate::picture::{Format, PlaneMut};
use crate::redacted::{Flat, RedactedFrame, SHUTTER};
use crate::zone::{ZoneStyle, Zones};
use cover::Cover;
use frost::Frost;
use head::Shape;
pub use head::mask_hides;
use mosaic::Mosaic;
use witness::Witnesses;

/// Paints over what has to be hidden.
pub struct Redactor {
    policy: Policy,
    format: Format,
    zones: Arc<Zones>,
    shutter: Arc<Flat>,
    shapes: Vec<Shape>,
    /// Groups of masks that touch: the rectangle around each, in pixels.
    groups: Vec<(Rect, f32)>,
    /// Those of the blurred zones, which are always there.
    zone_groups: Vec<(Rect, f32)>,
    covers: [Cover; 3],
    frost: Frost,
    mosaic: Mosaic,
    witnesses: Witnesses,
    proof: Proof,
    /// Spoils what was painted.
    #[cfg(test)]
    sabotage: Option<fn(&mut [PlaneMut<'_>; 3])>,
}

/// What looking again at the pixels of frames that were about to leave has shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Proof {
    /// Points of hidden areas that showed what they had to, so far.
    pub points: u64,
    /// Frames in which one did not: they left wholly masked.
    pub refuted: u64,
}

impl Redactor {
    /// A redactor for frames of `format`, which were exposed with these same `zones`.
    #[must_use]
    pub fn new(policy: Policy, format: Format, zones: Arc<Zones>) -> Self {
        // Zones that were made for another format hide everything.
        let fits = zones.format().is_none_or(|made_for| made_for == format);
        let zone_groups = if fits { blurred_zones(&zones, format) } else { Vec::new() };
        Self {
            policy,
            format,
            shutter: Arc::new(Flat::new(format)),
            // As many as there can be, so that no frame allocates.
            shapes: Vec::with_capacity(2 * MOST_DETECTIONS),
            groups: Vec::with_capacity(2 * MOST_DETECTIONS + zone_groups.len()),
            zone_groups,
            covers: [0, 1, 2].map(|index| Cover::new(index, format, if fits { Some(&zones) } else { None })),
            frost: Frost::new(format),
            mosaic: Mosaic::new(),
            witnesses: Witnesses::new(if fits { zones.witnesses().to_vec() } else { Vec::new() }),
            proof: Proof::default(),
            #[cfg(test)]
            sabotage: None,
            zones,
        }
    }

    /// The format of the frames it takes.
    #[must_use]
    pub fn format(&self) -> Format {
        self.format
    }

    /// A wholly masked frame in the place of one that is not there.
    #[must_use]
    pub fn masked(&self, stamp: Stamp) -> RedactedFrame {
        RedactedFrame::shuttered(&self.shutter, stamp)
    }

    /// Paints over everything that was found or is not known. It cannot fail: a frame with missing findings, whose
    /// lease is still out, or of another format leaves wholly masked.
    pub fn redact(&mut self, seen: Inspected) -> RedactedFrame {
        let Inspected { mut frame, findings, also } = seen;
        let (format, stamp) = (frame.format(), frame.stamp());
        if format != self.format || self.zones.format().is_some_and(|made_for| made_for != format) {
            return RedactedFrame::masked(format, stamp);
        }
        let Findings::Complete(found) = findings else { return RedactedFrame::shuttered(&self.shutter, stamp) };
        if found.len() > MOST_DETECTIONS || also.len() > MOST_DETECTIONS {
            return RedactedFrame::shuttered(&self.shutter, stamp);
        }
        let Some(mut planes) = frame.planes_mut() else { return RedactedFrame::shuttered(&self.shutter, stamp) };

        // Painted before already, unless the frame was exposed with other zones than ours.
        self.zones.paint(format, &mut planes);
        self.shapes.clear();
        self.witnesses.begin(format.size);
        let witnesses = &mut self.witnesses;
        head::shapes(&found, &also, &self.policy, format.size, |shape, core| {
            self.shapes.push(shape);
            witnesses.stand_in(core, format.size);
        });
        match self.policy.style {
            Style::Blur => self.blur(&mut planes),
            Style::Solid => {
                self.blur_zones(&mut planes);
                self.paint_solid(&mut planes);
            }
            Style::Mosaic => {
                self.blur_zones(&mut planes);
                self.groups.clear();
                let cover = |shape: &Shape| shape.block(format.size).cover(format.size, format.chroma);
                self.groups.extend(self.shapes.iter().map(|shape| (cover(shape), 0.0)));
                join_touching(&mut self.groups);
                self.mosaic.paint(&self.groups, format, &mut planes);
            }
        }
        #[cfg(test)]
        if let Some(sabotage) = self.sabotage {
            sabotage(&mut planes);
        }
        let agreed = self.witnesses.agree(&planes, format, self.policy.style == Style::Mosaic);
        frame.keep_lists(found, also);
        if !agreed {
            self.proof.refuted += 1;
            return RedactedFrame::shuttered(&self.shutter, stamp);
        }
        self.proof.points += self.witnesses.count() as u64;
        RedactedFrame::painted(frame.into_handle(), format, stamp)
    }

    /// What looking again has shown since the start.
    #[must_use]
    pub fn proof(&self) -> Proof {
        self.proof
    }

    fn blur(&mut self, planes: &mut [PlaneMut<'_>; 3]) {
        self.groups.clear();
        self.groups.extend_from_slice(&self.zone_groups);
        self.groups.extend(self.shapes.iter().map(|shape| shape.reach(self.format)));
        self.frost_over(planes);
    }

    /// With another style for faces, zones may still ask for `blur`. What the faces' masks will hide must not shine
    /// through it, so that it does not count here; it is painted afterwards.
    fn blur_zones(&mut self, planes: &mut [PlaneMut<'_>; 3]) {
        if self.zone_groups.is_empty() {
            return;
        }
        for (index, (cover, plane)) in self.covers.iter_mut().zip(planes).enumerate() {
            for shape in &self.shapes {
                cover.keep_out(shape.block(self.format.size), self.format);
            }
            for &group in &self.zone_groups {
                self.frost.fill(index, group, self.format, cover, plane, &mut self.witnesses);
            }
            for shape in &self.shapes {
                cover.clear(shape.block(self.format.size).cover(self.format.size, self.format.chroma), self.format);
            }
        }
    }

    /// Covers all shapes, fills what is covered group by group, and uncovers the map for the next frame.
    fn frost_over(&mut self, planes: &mut [PlaneMut<'_>; 3]) {
        join_touching(&mut self.groups);
        for (index, (cover, plane)) in self.covers.iter_mut().zip(planes).enumerate() {
            for shape in &self.shapes {
                cover.add(shape, self.format);
            }
            for &group in &self.groups {
                self.frost.fill(index, group, self.format, cover, plane, &mut self.witnesses);
            }
            for &(group, _) in &self.groups {
                cover.clear(group, self.format);
            }
        }
    }

    fn paint_solid(&self, planes: &mut [PlaneMut<'_>; 3]) {
        let samples = self.format.grey(SHUTTER);
        for shape in &self.shapes {
            let rect = shape.block(self.format.size).cover(self.format.size, self.format.chroma);
            for (index, plane) in planes.iter_mut().enumerate() {
                let rect = in_plane(rect, index, self.format);
                for row in rect.top..rect.bottom {
                    row_mut(plane, row, rect.left, rect.right).fill(samples[index]);
                }
            }
        }
    }
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Redactor").field("policy", &self.policy).field("format", &self.format).finish_non_exhaustive()
    }
}

/// What is hidden, and how.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Policy {
    /// How faces, heads and bodies are painted over.
    pub style: Style,
    /// What is hidden of a person.
    pub persons: PersonRule,
    /// Grows each face box by this share of its size, all sides together; `0..=4`. What is no such number counts
    /// as 4.
    pub margin: f32,
}

/// How a face is painted over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Frosted glass, filled in from the pixels outside.
    Blur,
    /// At most 4 by 4 coarse averages of the head.
    Mosaic,
    /// One flat colour.
    Solid,
}

/// What is hidden of a person whose face was not found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PersonRule {
    /// The place where the head must be.
    Head,
    /// All of the person.
    Body,
    /// Nothing.
    None,
}

/// The rectangle around each run of rows of the blurred zones, with the shorter side that tells how coarse it is.
fn blurred_zones(zones: &Zones, format: Format) -> Vec<(Rect, f32)> {
    let mut groups = Vec::new();
    if zones.is_empty() {
        return groups;
    }
    zones.for_each_row(0, format, |style, row, first, end| {
        if style == ZoneStyle::Blur {
            groups.push((Rect { left: first, top: row, right: end, bottom: row + 1 }, f32::MAX));
        }
    });
    join_touching(&mut groups);
    for (rect, smallest) in &mut groups {
        #[expect(clippy::cast_precision_loss, reason = "a side is far below 2^24")]
        let side = rect.width().min(rect.height()) as f32;
        *smallest = side;
    }
    groups
}

/// Joins rectangles that touch, until none does; keeps the smallest side of each group.
fn join_touching(groups: &mut Vec<(Rect, f32)>) {
    // Those in front touch none of each other, those behind have not been looked at. Each step settles a group or
    // leaves one less, so that the cost of any number of them grows with its square at most.
    let mut settled = 0;
    while settled < groups.len() {
        let Some((rect, smallest)) = groups.pop() else { return };
        if let Some(other) = groups.iter().position(|(other, _)| rect.touches(*other)) {
            let (joined, side) = groups[other];
            groups[other] = (rect.union(joined), smallest.min(side));
            if other < settled {
                // Grown, it may touch what it did not touch before.
                settled -= 1;
                groups.swap(other, settled);
            }
        } else {
            groups.push((rect, smallest));
            let last = groups.len() - 1;
            groups.swap(settled, last);
            settled += 1;
        }
    }
}

/// A rectangle of pixels as samples of a plane, rounded outwards.
fn in_plane(rect: Rect, index: usize, format: Format) -> Rect {
    let cell = if index == 0 { 1 } else { format.chroma.cell() };
    Rect {
        left: rect.left / cell,
        top: rect.top / cell,
        right: rect.right.div_ceil(cell),
        bottom: rect.bottom.div_ceil(cell),
    }
}

/// Samples `left..right` of a row.
fn row_mut<'a>(plane: &'a mut PlaneMut<'_>, row: u32, left: u32, right: u32) -> &'a mut [u8] {
    let start = row as usize * plane.size.width as usize;
    &mut plane.bytes[start + left as usize..start + right as usize]
}

/// The whole picture as an area, grown boxes cut at its edge.
fn clipped(left: f32, top: f32, right: f32, bottom: f32) -> Area {
    Area::clipped(left, top, right, bottom).unwrap_or(Area::EVERYTHING)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::detection::{Detection, Kind, Score};
    use crate::frame::Pool;
    use crate::geometry::Size;
    use crate::picture::{Matrix, Range};
    use crate::zone::{Outline, Zone};

    /// A frame with a face in its middle and a zone in its corner, under each style; whether it left wholly masked.
    fn redact(style: Style, zone: ZoneStyle, sabotage: Option<fn(&mut [PlaneMut<'_>; 3])>) -> (bool, Proof) {
        let format = Format::video(Size::new(160, 120), Matrix::Bt601, Range::Full);
        let outline = Outline::new(&[[0.0, 0.0], [0.2, 0.0], [0.0, 0.3]]).unwrap();
        let zones = Arc::new(Zones::new(&[Zone { outline, style: zone }], format));
        let policy = Policy { style, persons: PersonRule::Head, margin: 0.5 };
        let mut redactor = Redactor::new(policy, format, Arc::clone(&zones));
        redactor.sabotage = sabotage;
        let mut blank = Pool::new(format, 1).blank().unwrap();
        for (index, plane) in blank.planes_mut().into_iter().enumerate() {
            (0u32..).zip(plane.bytes).for_each(|(at, byte)| *byte = (at * 7 % 191 + index as u32) as u8);
        }
        let raw = blank.expose(Stamp { sequence: 0, time: Duration::ZERO }, &zones);
        let area = Area::new(0.4, 0.4, 0.6, 0.7).unwrap();
        let face = Detection { kind: Kind::Face, area, score: Score::SURE };
        let mut seen = Inspected::new(raw, Findings::Complete(vec![face]));
        seen.hide_face_also(Area::new(0.8, 0.1, 0.9, 0.3).unwrap());
        let frame = redactor.redact(seen);
        (frame.is_masked(), redactor.proof())
    }

    const ALL: [(Style, ZoneStyle); 6] = [
        (Style::Blur, ZoneStyle::Solid),
        (Style::Blur, ZoneStyle::Blur),
        (Style::Solid, ZoneStyle::Solid),
        (Style::Solid, ZoneStyle::Blur),
        (Style::Mosaic, ZoneStyle::Solid),
        (Style::Mosaic, ZoneStyle::Blur),
    ];

    #[test]
    fn what_was_painted_as_it_should_be_is_proved() {
        for (style, zone) in ALL {
            let (masked, proof) = redact(style, zone, None);
            assert!(!masked && proof.refuted == 0 && proof.points > 10, "{style:?} {zone:?}: {proof:?}");
        }
    }

    #[test]
    fn a_sample_that_shows_something_else_masks_the_whole_frame() {
        // The middle of the face that was found, of the one that was added, and a corner of the zone; in luma, in colour.
        let spoils: [fn(&mut [PlaneMut<'_>; 3]); 4] = [
            |planes| planes[0].bytes[66 * 160 + 80] ^= 0x55,
            |planes| planes[1].bytes[33 * 80 + 40] ^= 0x55,
            |planes| planes[0].bytes[24 * 160 + 136] ^= 0x55,
            |planes| planes[2].bytes[0] ^= 0x55,
        ];
        for (style, zone) in ALL {
            for (number, spoil) in spoils.into_iter().enumerate() {
                let (masked, proof) = redact(style, zone, Some(spoil));
                assert!(masked && proof.refuted == 1, "{style:?} {zone:?}, spoil {number}");
            }
        }
    }
}
