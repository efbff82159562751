//! YuNet (Wu, Peng, Yu: "YuNet: A Tiny Millisecond-level Face Detector", 2023; decoding as in OpenCV's
//! `FaceDetectorYN`).
//!
//! At strides 8, 16 and 32 each cell of the input answers a class and an object score, whose geometric mean is the
//! score, and a box as offset of its centre from the cell and logarithm of its size, both in strides.

use frostglass_vault::Size;
use ndarray::{ArrayView1, ArrayView2};

use super::{Nonsense, Sink, all_finite};
use crate::network::session::Outputs;

pub(super) const OUTPUTS: &[(&str, &[i64])] = &[
    ("cls_8", &[1, -1, 1]),
    ("obj_8", &[1, -1, 1]),
    ("bbox_8", &[1, -1, 4]),
    ("cls_16", &[1, -1, 1]),
    ("obj_16", &[1, -1, 1]),
    ("bbox_16", &[1, -1, 4]),
    ("cls_32", &[1, -1, 1]),
    ("obj_32", &[1, -1, 1]),
    ("bbox_32", &[1, -1, 4]),
];

const LEVELS: [(usize, [&str; 3]); 3] =
    [(8, ["cls_8", "obj_8", "bbox_8"]), (16, ["cls_16", "obj_16", "bbox_16"]), (32, ["cls_32", "obj_32", "bbox_32"])];

pub(crate) fn read(outputs: &Outputs<'_, '_>, input: Size, sink: &mut Sink<'_>) -> Result<(), Nonsense> {
    for (stride, [class, object, boxes]) in LEVELS {
        let columns = input.width as usize / stride;
        let cells = columns * (input.height as usize / stride);
        let level = Level {
            stride,
            columns,
            class: outputs.floats(class, [1, cells, 1])?,
            object: outputs.floats(object, [1, cells, 1])?,
            boxes: outputs.floats(boxes, [1, cells, 4])?,
        };
        level.read(sink)?;
    }
    Ok(())
}

/// The answer at one stride; cells are counted row by row.
struct Level<'a> {
    stride: usize,
    columns: usize,
    class: &'a [f32],
    object: &'a [f32],
    boxes: &'a [f32],
}

impl Level<'_> {
    #[expect(clippy::cast_precision_loss, reason = "a few thousand cells at most")]
    fn read(&self, sink: &mut Sink<'_>) -> Result<(), Nonsense> {
        for numbers in [self.class, self.object, self.boxes] {
            all_finite(numbers)?;
        }
        let (class, object) = (ArrayView1::from(self.class), ArrayView1::from(self.object));
        let boxes = ArrayView2::from_shape((self.class.len(), 4), self.boxes).map_err(|_| Nonsense::NotFinite)?;
        let stride = self.stride as f32;
        // Comparing squares spares a root for each cell.
        let square = sink.threshold * sink.threshold;
        for (cell, (&class, &object)) in class.iter().zip(object).enumerate() {
            let product = class.clamp(0.0, 1.0) * object.clamp(0.0, 1.0);
            if product < square {
                continue;
            }
            let row = boxes.row(cell);
            let centre_x = ((cell % self.columns) as f32 + row[0]) * stride;
            let centre_y = ((cell / self.columns) as f32 + row[1]) * stride;
            let (half_width, half_height) = (row[2].exp() * stride / 2.0, row[3].exp() * stride / 2.0);
            let edges = [centre_x - half_width, centre_y - half_height, centre_x + half_width, centre_y + half_height];
            sink.take(edges, product.sqrt())?;
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
    fn score_centre_and_size_are_read_as_the_family_writes_them() {
        // Two rows of three cells of 16 px; the face sits in the second cell of the second row.
        let (mut class, mut object, mut boxes) = ([0.0; 6], [0.9; 6], [0.0; 24]);
        class[4] = 0.64;
        object[4] = 0.81;
        boxes[16..20].copy_from_slice(&[0.5, 0.25, 2.0f32.ln(), 3.0f32.ln()]);
        let level = Level { stride: 16, columns: 3, class: &class, object: &object, boxes: &boxes };
        let mut found = Vec::new();
        level.read(&mut Sink::new(Size::new(48, 32), 0.6, &mut found)).unwrap();
        let [Candidate { left, top, right, bottom, score }] = found[..] else { panic!("{found:?}") };
        for (is, expected) in [(left, 8.0), (top, -4.0), (right, 40.0), (bottom, 44.0), (score, 0.72)] {
            assert!((is - expected).abs() < 1e-4, "{found:?}");
        }
    }

    #[test]
    fn a_size_that_overflows_is_an_error() {
        let boxes = [0.0, 0.0, 200.0, 0.0];
        let level = Level { stride: 8, columns: 1, class: &[1.0], object: &[1.0], boxes: &boxes };
        assert_eq!(level.read(&mut Sink::new(Size::new(8, 8), 0.6, &mut Vec::new())), Err(Nonsense::NotFinite));
    }

    proptest! {
        #[test]
        fn no_numbers_make_it_panic_and_nan_is_never_taken(
            numbers in prop::collection::vec(prop::num::f32::ANY, 36), threshold in 0.0f32..1.0,
        ) {
            let level = Level {
                stride: 8, columns: 3, class: &numbers[..6], object: &numbers[6..12], boxes: &numbers[12..],
            };
            let mut found = Vec::new();
            let outcome = level.read(&mut Sink::new(Size::new(24, 16), threshold, &mut found));
            let finite = numbers.iter().all(|number| number.is_finite());
            prop_assert!(finite || outcome.is_err());
            prop_assert!(found.iter().all(|found| found.left < found.right && found.score >= threshold));
        }
    }
}
