//! CenterFace (Xu, Yan, Yang, Zhao: "CenterFace: Joint Face Detection and Alignment Using Face as Point", 2019).
//!
//! At stride 4 each cell answers how likely a face's centre lies in it, the logarithm of the face's height and width
//! in strides, and the offset of the centre. Half a cell is added to the centre: without it all boxes sit 2 px
//! of the input up and left of the faces.

use frostglass_vault::Size;
use ndarray::{ArrayView2, ArrayView3};

use super::{Nonsense, Sink, all_finite};
use crate::network::session::Outputs;

pub(super) const OUTPUTS: &[(&str, &[i64])] =
    &[("537", &[1, 1, -1, -1]), ("538", &[1, 2, -1, -1]), ("539", &[1, 2, -1, -1])];

const STRIDE: usize = 4;

pub(crate) fn read(outputs: &Outputs<'_, '_>, input: Size, sink: &mut Sink<'_>) -> Result<(), Nonsense> {
    let (rows, columns) = (input.height as usize / STRIDE, input.width as usize / STRIDE);
    let answer = Answer {
        rows,
        columns,
        heat: outputs.floats("537", [1, 1, rows, columns])?,
        size: outputs.floats("538", [1, 2, rows, columns])?,
        offset: outputs.floats("539", [1, 2, rows, columns])?,
    };
    answer.read(sink)
}

struct Answer<'a> {
    rows: usize,
    columns: usize,
    heat: &'a [f32],
    size: &'a [f32],
    offset: &'a [f32],
}

impl Answer<'_> {
    #[expect(clippy::cast_precision_loss, reason = "a few thousand cells at most")]
    fn read(&self, sink: &mut Sink<'_>) -> Result<(), Nonsense> {
        for numbers in [self.heat, self.size, self.offset] {
            all_finite(numbers)?;
        }
        let grid = (self.rows, self.columns);
        let pair = (2, self.rows, self.columns);
        let ragged = |_| Nonsense::NotFinite;
        let heat = ArrayView2::from_shape(grid, self.heat).map_err(ragged)?;
        let size = ArrayView3::from_shape(pair, self.size).map_err(ragged)?;
        let offset = ArrayView3::from_shape(pair, self.offset).map_err(ragged)?;
        let stride = STRIDE as f32;
        for ((row, column), &score) in heat.indexed_iter() {
            if score < sink.threshold {
                continue;
            }
            let at = |channel| [channel, row, column];
            let (height, width) = (size[at(0)].exp() * stride, size[at(1)].exp() * stride);
            let centre_y = (row as f32 + offset[at(0)] + 0.5) * stride;
            let centre_x = (column as f32 + offset[at(1)] + 0.5) * stride;
            let edges =
                [centre_x - width / 2.0, centre_y - height / 2.0, centre_x + width / 2.0, centre_y + height / 2.0];
            sink.take(edges, score.min(1.0))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::Candidate;
    use proptest::prelude::*;

    #[test]
    fn centre_is_half_a_cell_on_and_height_comes_first() {
        // Two rows of three cells of 4 px; the face's centre lies in the third cell of the second row.
        let (mut heat, mut size, mut offset) = ([0.1; 6], [0.0; 12], [0.0; 12]);
        heat[5] = 0.8;
        size[5] = 3.0f32.ln();
        size[11] = 2.0f32.ln();
        offset[5] = 0.25;
        offset[11] = -0.5;
        let answer = Answer { rows: 2, columns: 3, heat: &heat, size: &size, offset: &offset };
        let mut found = Vec::new();
        answer.read(&mut Sink::new(Size::new(12, 8), 0.35, &mut found)).unwrap();
        let [Candidate { left, top, right, bottom, score }] = found[..] else { panic!("{found:?}") };
        for (is, expected) in [(left, 4.0), (top, 1.0), (right, 12.0), (bottom, 13.0), (score, 0.8)] {
            assert!((is - expected).abs() < 1e-4, "{found:?}");
        }
    }

    proptest! {
        #[test]
        fn no_numbers_make_it_panic_and_nan_is_never_taken(
            numbers in prop::collection::vec(prop::num::f32::ANY, 30), threshold in 0.0f32..1.0,
        ) {
            let answer = Answer {
                rows: 2, columns: 3, heat: &numbers[..6], size: &numbers[6..18], offset: &numbers[18..],
            };
            let mut found = Vec::new();
            let outcome = answer.read(&mut Sink::new(Size::new(12, 8), threshold, &mut found));
            let finite = numbers.iter().all(|number| number.is_finite());
            prop_assert!(finite || outcome.is_err());
            prop_assert!(found.iter().all(|found| found.left < found.right && found.score >= threshold));
        }
    }
}
