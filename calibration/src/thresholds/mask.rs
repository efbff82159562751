//! Which pixels the redactor paints, found out by asking the redactor.
//!
//! It is given frames of noise instead of pictures: a sample that comes out otherwise than it went in was painted. Black
//! and white noise is nowhere like what it is painted over with, but by chance; three different noises leave hardly a chance.
//!
//! **Invariant:** no geometry of masks is written down here, so that it can not differ from the redactor's.

use std::sync::Arc;
use std::time::Duration;

use frostglass_vault::{
    Detection, Findings, Format, Inspected, PersonRule, Policy, Pool, Redactor, Stamp, Style, Zones,
};

/// So many noises are tried.
const NOISES: usize = 3;
/// `blur` ends in a feather. From this many grey levels on, of 128 that a mask makes on average, it counts as mask.
const FEATHER: u8 = 40;

/// Asks for masks in frames of one format.
pub struct Probe {
    redactor: Redactor,
    pool: Pool,
    least: u8,
    noises: [Vec<u8>; NOISES],
}

impl Probe {
    /// Masks of faces in this style, grown by this margin; `mosaic` covers what `solid` covers.
    #[must_use]
    pub fn new(format: Format, style: Style, margin: f32) -> Self {
        let style = if style == Style::Blur { Style::Blur } else { Style::Solid };
        let policy = Policy { style, persons: PersonRule::None, margin };
        let zones = Arc::new(Zones::none());
        let pixels = format.plane_size(0).pixels();
        Self {
            redactor: Redactor::new(policy, format, zones),
            pool: Pool::new(format, 1),
            least: if style == Style::Blur { FEATHER } else { 1 },
            noises: [1, 2, 3].map(|seed| noise(seed, pixels)),
        }
    }

    /// The format of the frames it asks about.
    #[must_use]
    pub fn format(&self) -> Format {
        self.pool.format()
    }

    /// Adds the pixels that are painted for these findings to `mask`, which is row by row as large as the picture.
    pub fn paint(&mut self, found: &[Detection], mask: &mut [bool]) {
        for noise in &self.noises {
            // The one slot came back when the frame before was dropped. Were it not there, nothing would count as hidden.
            let Some(mut blank) = self.pool.blank() else { return };
            for plane in blank.planes_mut() {
                let length = plane.bytes.len();
                plane.bytes.copy_from_slice(&noise[..length]);
            }
            let raw = blank.expose(Stamp { sequence: 0, time: Duration::ZERO }, &Zones::none());
            let redacted = self.redactor.redact(Inspected::new(raw, Findings::Complete(found.to_vec())));
            let picture = redacted.picture();
            let width = picture.size().width as usize;
            let rows = (0..picture.size().height).zip(mask.chunks_exact_mut(width)).zip(noise.chunks_exact(width));
            for ((y, mask), noise) in rows {
                for ((masked, before), after) in mask.iter_mut().zip(noise).zip(picture.row(0, y)) {
                    *masked |= before.abs_diff(*after) >= self.least;
                }
            }
        }
    }
}

/// Black and white at random, the same for the same seed (`xorshift64`, Marsaglia, 2003).
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        if state >> 63 == 1 { 255 } else { 0 }
    };
    (0..length).map(|_| next()).collect()
}

#[cfg(test)]
mod tests {
    use frostglass_vault::{Area, Kind, Matrix, Range, Score, Size};

    use super::*;

    fn face([left, top, right, bottom]: [f32; 4]) -> Detection {
        let area = Area::new(left, top, right, bottom).unwrap();
        Detection { kind: Kind::Face, area, score: Score::new(0.5).unwrap() }
    }

    fn formats() -> [Format; 2] {
        let size = Size::new(120, 90);
        [Format::still(size), Format::video(size, Matrix::Bt601, Range::Limited)]
    }

    fn mask(format: Format, style: Style, margin: f32, found: &[Detection]) -> Vec<bool> {
        let mut mask = vec![false; 120 * 90];
        Probe::new(format, style, margin).paint(found, &mut mask);
        mask
    }

    /// 12 pixels are left of the box, 9 above it: the box itself is 48 by 36 of 120 by 90.
    const BOX: [f32; 4] = [0.3, 0.3, 0.7, 0.7];

    fn inside(pixel: usize) -> bool {
        let (x, y) = (pixel % 120, pixel / 120);
        (36..84).contains(&x) && (27..63).contains(&y)
    }

    #[test]
    fn without_findings_nothing_is_painted() {
        for (format, style) in formats().into_iter().flat_map(|f| [(f, Style::Blur), (f, Style::Solid)]) {
            assert!(!mask(format, style, 0.5, &[]).contains(&true));
        }
    }

    #[test]
    fn a_solid_mask_without_margin_is_its_box_to_the_pixel() {
        for format in formats() {
            let mask = mask(format, Style::Solid, 0.0, &[face(BOX)]);
            // A chroma sample stands for two rows, so that 27 rounds out to 26, and 63 to 64.
            let cell = format.chroma.cell() as usize;
            let rows = 27 / cell * cell..63_usize.next_multiple_of(cell);
            for (pixel, &masked) in mask.iter().enumerate() {
                let (x, y) = (pixel % 120, pixel / 120);
                assert_eq!(masked, (36..84).contains(&x) && rows.contains(&y), "({x}, {y}) in {format:?}");
            }
        }
    }

    #[test]
    fn a_blurred_mask_covers_the_box_and_is_rounder_than_a_solid_one() {
        for format in formats() {
            let (blur, solid) =
                (mask(format, Style::Blur, 0.5, &[face(BOX)]), mask(format, Style::Solid, 0.5, &[face(BOX)]));
            let hidden = (0..blur.len()).filter(|&pixel| inside(pixel) && blur[pixel]).count();
            assert_eq!(hidden, 48 * 36, "each pixel of the box");
            assert!(solid[15 * 120 + 60] && blur[15 * 120 + 60], "above the box too");
            let corner = solid.iter().position(|&masked| masked).unwrap();
            assert!(!blur[corner], "corners of the rectangle are spared");
        }
    }

    #[test]
    fn more_findings_paint_more() {
        let (one, two) = (face(BOX), face([0.6, 0.1, 0.8, 0.4]));
        for style in [Style::Blur, Style::Solid] {
            let (few, many) = (mask(formats()[0], style, 0.5, &[one]), mask(formats()[0], style, 0.5, &[one, two]));
            let lost = few.iter().zip(&many).filter(|&(&few, &many)| few && !many).count();
            // The feather is another where masks touch; what is hidden stays hidden.
            assert!(lost * 20 < few.iter().filter(|&&masked| masked).count(), "{style:?}: {lost}");
            assert!(many.iter().filter(|&&m| m).count() > few.iter().filter(|&&m| m).count());
        }
    }
}
