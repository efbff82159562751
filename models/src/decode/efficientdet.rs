//! EfficientDet-Lite (Tan, Pang, Le: "EfficientDet: Scalable and Efficient Object Detection", 2020), cut before its
//! non-maximum suppression and to the class of persons.
//!
//! Each anchor answers top, left, bottom and right as shares of the square input, and a score.

use frostglass_vault::Size;
use ndarray::{ArrayView1, ArrayView2};

use super::{Nonsense, Sink, all_finite};
use crate::network::session::Outputs;

pub(super) const OUTPUTS: &[(&str, &[i64])] =
    &[("boxes", &[1, ANCHORS as i64, 4]), ("person_score", &[1, ANCHORS as i64])];

/// Anchors of the Lite0 network at 320×320.
const ANCHORS: usize = 19_206;

pub(crate) fn read(outputs: &Outputs<'_, '_>, input: Size, sink: &mut Sink<'_>) -> Result<(), Nonsense> {
    let boxes = outputs.floats("boxes", [1, ANCHORS, 4])?;
    let scores = outputs.floats("person_score", [1, ANCHORS])?;
    decode(boxes, scores, input, sink)
}

#[expect(clippy::cast_precision_loss, reason = "the input is 320 pixels wide")]
fn decode(boxes: &[f32], scores: &[f32], input: Size, sink: &mut Sink<'_>) -> Result<(), Nonsense> {
    all_finite(boxes)?;
    all_finite(scores)?;
    let scores = ArrayView1::from(scores);
    let boxes = ArrayView2::from_shape((scores.len(), 4), boxes).map_err(|_| Nonsense::NotFinite)?;
    let (width, height) = (input.width as f32, input.height as f32);
    for (row, &score) in boxes.rows().into_iter().zip(scores) {
        if score >= sink.threshold {
            sink.take([row[1] * width, row[0] * height, row[3] * width, row[2] * height], score.min(1.0))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::Candidate;
    use proptest::prelude::*;

    #[test]
    fn top_comes_before_left() {
        let boxes = [0.0, 0.0, 1.0, 1.0, 0.1, 0.2, 0.3, 0.5];
        let mut found = Vec::new();
        let mut sink = Sink::new(Size::new(320, 320), 0.35, &mut found);
        decode(&boxes, &[0.1, 0.7], Size::new(320, 320), &mut sink).unwrap();
        assert_eq!(found, [Candidate { left: 64.0, top: 32.0, right: 160.0, bottom: 96.0, score: 0.7 }]);
    }

    proptest! {
        #[test]
        fn no_numbers_make_it_panic_and_nan_is_never_taken(
            numbers in prop::collection::vec(prop::num::f32::ANY, 30), threshold in 0.0f32..1.0,
        ) {
            let mut found = Vec::new();
            let size = Size::new(320, 320);
            let outcome = decode(&numbers[..24], &numbers[24..], size, &mut Sink::new(size, threshold, &mut found));
            let finite = numbers.iter().all(|number| number.is_finite());
            prop_assert!(finite || outcome.is_err());
            prop_assert!(found.iter().all(|found| found.left < found.right && found.score >= threshold));
        }
    }
}
