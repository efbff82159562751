//! What a style does to a frame, and which pixels get through it.
//!
//! The frame is painted by the vault's own redactor, with the labelled faces as findings: this measures a style, not the
//! network that finds the faces. Boxes are off by a few pixels, in each frame in another way, as a network's are: masks
//! that jitter are what a patient attacker puts together.
//!
//! **Invariant.** Which pixels get through is found out without looking at the face: from random black and white in
//! place of the frame. A choice by what the original shows would tell the attacker what it shows.

use std::sync::Arc;
use std::time::Duration;

use frostglass_vault::{
    Area, Detection, Findings, Inspected, Kind, PersonRule, Policy, Pool, Redactor, Score, Stamp, Style, Zones,
};

use super::crop::Face;
use super::frames::Frame;
use crate::bootstrap::SplitMix64;

/// Pairs of a random frame and its negative. Of what lies under a mask a pixel is at most a small part, and the chance
/// that it looks like all of it goes down with each pair.
const PAIRS: u64 = 4;
/// A pixel of which more than this share gets through counts as uncovered.
const UNCOVERED: f32 = 0.5;

/// Redacts frames in one style.
#[derive(Debug)]
pub(super) struct Painter {
    policy: Policy,
    made: Option<(Pool, Redactor)>,
}

impl Painter {
    /// `margin` grows the boxes, as the configuration's does.
    pub(super) fn new(style: Style, margin: f32) -> Self {
        Self { policy: Policy { style, persons: PersonRule::None, margin }, made: None }
    }

    /// The frame as it would leave with these faces found in it.
    pub(super) fn redact(&mut self, frame: &Frame, faces: &[Area]) -> Frame {
        let fits = |made: &(Pool, Redactor)| made.1.format() == frame.format;
        if !self.made.as_ref().is_some_and(fits) {
            self.made = None;
        }
        let (pool, redactor) = self.made.get_or_insert_with(|| {
            let redactor = Redactor::new(self.policy, frame.format, Arc::new(Zones::none()));
            (Pool::new(frame.format, 1), redactor)
        });
        let stamp = Stamp { sequence: 0, time: Duration::ZERO };
        let Some(mut blank) = pool.blank() else {
            return Frame::of_redacted(&redactor.masked(stamp));
        };
        for (plane, bytes) in blank.planes_mut().into_iter().zip(&frame.planes) {
            plane.bytes.copy_from_slice(bytes);
        }
        let found =
            faces.iter().filter_map(|&area| Some(Detection { kind: Kind::Face, area, score: Score::new(1.0)? }));
        let inspected = Inspected::new(blank.expose(stamp, &Zones::none()), Findings::Complete(found.collect()));
        Frame::of_redacted(&redactor.redact(inspected))
    }

    /// For each pixel of the first plane, whether it gets through: frames of random black and white and their negatives
    /// are redacted, and a pixel is uncovered where what left follows what went in.
    pub(super) fn uncovered(&mut self, frame: &Frame, faces: &[Area], seed: u64) -> Vec<bool> {
        let mut through = vec![0.0; frame.planes[0].len()];
        for pair in 0..PAIRS {
            let mut random = SplitMix64(seed ^ (pair << 32));
            let mut dyed = frame.clone();
            for plane in &mut dyed.planes {
                for chunk in plane.chunks_mut(64) {
                    let bits = random.next();
                    for (bit, sample) in chunk.iter_mut().enumerate() {
                        *sample = if bits >> bit & 1 == 1 { 255 } else { 0 };
                    }
                }
            }
            let mut negative = dyed.clone();
            negative.planes.iter_mut().flatten().for_each(|sample| *sample = !*sample);
            let (one, other) = (self.redact(&dyed, faces), self.redact(&negative, faces));
            let left = one.planes[0].iter().zip(&other.planes[0]);
            for (through, ((&one, &other), &went_in)) in through.iter_mut().zip(left.zip(&dyed.planes[0])) {
                let follows = (f32::from(one) - f32::from(other)) / 255.0;
                *through += if went_in == 255 { follows } else { -follows };
            }
        }
        through.into_iter().map(|sum| sum / PAIRS as f32 > UNCOVERED).collect()
    }
}

/// The boxes that a network might have given: each edge off by up to `jitter` of the box's size, in the same way for the
/// same seed. Boxes wholly outside of the frame have none.
pub(super) fn found(faces: &[Face], frame: &Frame, jitter: f32, seed: u64) -> Vec<Area> {
    let mut random = SplitMix64(seed);
    let mut off = |length: f32| length * jitter * ((random.next() >> 40) as f32 / (1_u64 << 23) as f32 - 1.0);
    let (width, height) = (frame.format.size.width as f32, frame.format.size.height as f32);
    let jittered = faces.iter().map(|face| {
        let (left, top) = (face.left + off(face.width), face.top + off(face.height));
        let right = face.left + face.width + off(face.width);
        let bottom = face.top + face.height + off(face.height);
        (left.min(right), top.min(bottom), left.max(right), top.max(bottom))
    });
    jittered.filter_map(|(l, t, r, b)| Area::clipped(l / width, t / height, r / width, b / height)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use frostglass_vault::{Format, Matrix, Range, Size};

    fn scene() -> (Frame, Face) {
        let format = Format::video(Size::new(96, 96), Matrix::Bt601, Range::Full);
        let luma = (0..96 * 96).map(|at| (at * 7 % 251) as u8).collect();
        let frame = Frame { format, planes: [luma, vec![120; 48 * 48], vec![140; 48 * 48]] };
        (frame, Face { left: 32.0, top: 28.0, width: 30.0, height: 40.0 })
    }

    #[test]
    fn no_pixel_of_a_face_gets_through_any_style_and_all_get_through_beside_it() {
        let (frame, face) = scene();
        for style in [Style::Blur, Style::Solid, Style::Mosaic] {
            let faces = found(&[face], &frame, 0.0, 1);
            let uncovered = Painter::new(style, 0.5).uncovered(&frame, &faces, 3);
            for (at, &uncovered) in uncovered.iter().enumerate() {
                let (x, y) = ((at % 96) as f32, (at / 96) as f32);
                let inside = (32.0..62.0).contains(&x) && (28.0..68.0).contains(&y);
                let far = !(10.0..84.0).contains(&x) || !(4.0..88.0).contains(&y);
                assert!(!(inside && uncovered), "{style:?}: ({x}, {y}) in the face gets through");
                assert!(!far || uncovered, "{style:?}: ({x}, {y}) beside it does not");
            }
        }
    }

    #[test]
    fn a_mask_that_misses_half_of_a_face_lets_half_of_it_through() {
        let (frame, face) = scene();
        let half = Face { width: face.width / 2.0, ..face };
        let faces = found(&[half], &frame, 0.0, 1);
        let uncovered = Painter::new(Style::Solid, 0.0).uncovered(&frame, &faces, 3);
        let row = &uncovered[48 * 96 + 32..48 * 96 + 62];
        assert_eq!((row[..14].contains(&true), row[16..].contains(&false)), (false, false));
    }

    #[test]
    fn nobody_found_changes_nothing() {
        let (frame, _) = scene();
        assert_eq!(Painter::new(Style::Blur, 0.5).redact(&frame, &[]), frame);
        assert!(Painter::new(Style::Blur, 0.5).uncovered(&frame, &[], 3).iter().all(|&uncovered| uncovered));
    }

    #[test]
    fn boxes_are_off_by_no_more_than_the_jitter_and_alike_for_a_seed() {
        let (frame, face) = scene();
        let exact = found(&[face], &frame, 0.0, 5)[0];
        assert!((exact.left() * 96.0 - 32.0).abs() < 1e-3 && (exact.bottom() * 96.0 - 68.0).abs() < 1e-3);
        for seed in 0..50 {
            let off = found(&[face], &frame, 0.1, seed);
            assert_eq!(off, found(&[face], &frame, 0.1, seed));
            assert!((off[0].left() - exact.left()).abs() * 96.0 <= 3.001);
            assert!((off[0].bottom() - exact.bottom()).abs() * 96.0 <= 4.001);
        }
    }
}
