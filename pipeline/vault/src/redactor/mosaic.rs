//! `mosaic`: at most 4 by 4 coarse averages of a head, for those who want a hint of colour.
//!
//! **Invariant.** A head of a still leaves at most [`BITS`] bits: 16 cells of three samples of [`LEVELS`] levels.
//! Averages are taken of all heads before any is painted.

use zeroize::Zeroize;

use super::{in_plane, row_mut};
use crate::findings::MOST_DETECTIONS;
use crate::geometry::Rect;
use crate::picture::{Colour, Format, PlaneMut};

/// Cells along a side.
const SIDE: u32 = 4;
/// Levels of each sample.
const LEVELS: u32 = 8;
/// Bits that one head keeps: 16 cells, three samples, 3 bits each.
#[cfg(test)]
const BITS: u32 = SIDE * SIDE * 3 * LEVELS.ilog2();

/// Paints mosaics; keeps its averages only while it paints.
pub(super) struct Mosaic {
    averages: Vec<[u8; 16]>,
}

impl Mosaic {
    pub(super) fn new() -> Self {
        Self { averages: Vec::with_capacity(2 * MOST_DETECTIONS) }
    }

    /// Paints rectangles of pixels, none of which touches another: two over one head would show it in finer cells.
    pub(super) fn paint(&mut self, heads: &[(Rect, f32)], format: Format, planes: &mut [PlaneMut<'_>; 3]) {
        for (index, plane) in planes.iter_mut().enumerate() {
            self.averages.clear();
            let rects = || heads.iter().map(move |(head, _)| in_plane(*head, index, format));
            let signed = index > 0 && format.colour != Colour::Rgb;
            self.averages.extend(rects().map(|rect| averages(plane, rect, signed)));
            for (rect, averages) in rects().zip(&self.averages) {
                for (number, &sample) in (0u32..).zip(averages) {
                    let cell = cell(rect, number);
                    for row in cell.top..cell.bottom {
                        row_mut(plane, row, cell.left, cell.right).fill(sample);
                    }
                }
            }
            self.averages.zeroize();
        }
    }
}

/// Whether a sample is one of the few that a mosaic shows in a plane.
pub(super) fn is_level(sample: u8, index: usize, format: Format) -> bool {
    let (signed, width) = (index > 0 && format.colour != Colour::Rgb, 256 / LEVELS);
    u32::from(sample) % width == if signed { 0 } else { width / 2 }
}

/// Cell `number` of a rectangle; empty where the rectangle has fewer than four rows or columns.
fn cell(rect: Rect, number: u32) -> Rect {
    let part = |from: u32, length: u32, part: u32| from + length * part / SIDE;
    let (column, row) = (number % SIDE, number / SIDE);
    Rect {
        left: part(rect.left, rect.width(), column),
        top: part(rect.top, rect.height(), row),
        right: part(rect.left, rect.width(), column + 1),
        bottom: part(rect.top, rect.height(), row + 1),
    }
}

/// Coarse averages of the cells of a rectangle. Of a `signed` plane, 128 is no colour, and has to stay that.
fn averages(plane: &mut PlaneMut<'_>, rect: Rect, signed: bool) -> [u8; 16] {
    let mut averages = [0; 16];
    for (number, average) in (0u32..).zip(&mut averages) {
        let cell = cell(rect, number);
        let count = u64::from(cell.width()) * u64::from(cell.height());
        let mut sum = 0;
        for row in cell.top..cell.bottom {
            sum += row_mut(plane, row, cell.left, cell.right).iter().map(|&sample| u64::from(sample)).sum::<u64>();
        }
        let mean = sum.checked_div(count).unwrap_or(0);
        let width = 256 / u64::from(LEVELS);
        // The middle of a level, or of signed samples the multiple of a level's width that is nearest.
        let coarse = if signed {
            ((mean + width / 2) / width).min(u64::from(LEVELS) - 1) * width
        } else {
            mean / width * width + width / 2
        };
        #[expect(clippy::cast_possible_truncation, reason = "below 256")]
        let coarse = coarse as u8;
        *average = coarse;
    }
    averages
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bits_are_those_that_the_documents_state() {
        assert_eq!(BITS, 144);
    }
}
