//! What a network's numbers mean, family by family.
//!
//! **Invariant.** A candidate's edges are finite and within one input size of the input, its sides longer than
//! nothing. An answer with one number that makes no sense is worthless as a whole: the decoder fails, it never skips.
//!
//! Boxes here are in pixels of the network's input; [`crate::look`] maps them into the picture.

pub(crate) mod centerface;
pub(crate) mod efficientdet;
pub(crate) mod yunet;

use frostglass_vault::Size;

use crate::network::Family;

/// More anchors than this above the threshold in one run are nonsense: no crowd has so many faces.
pub(crate) const MOST_CANDIDATES: usize = 40_000;

/// A box that a network proposes, in pixels of its input.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Candidate {
    pub(crate) left: f32,
    pub(crate) top: f32,
    pub(crate) right: f32,
    pub(crate) bottom: f32,
    /// On the network's own scale.
    pub(crate) score: f32,
}

/// Why an answer is worthless.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Nonsense {
    NotFinite,
    Outside([f32; 4]),
    TooMany(usize),
    Shape { output: &'static str, found: Vec<i64>, expected: Vec<usize> },
}

/// Where decoders put what they read.
pub(crate) struct Sink<'a> {
    input: Size,
    threshold: f32,
    start: usize,
    found: &'a mut Vec<Candidate>,
}

impl<'a> Sink<'a> {
    pub(crate) fn new(input: Size, threshold: f32, found: &'a mut Vec<Candidate>) -> Self {
        Self { input, threshold, start: found.len(), found }
    }

    /// Takes a box given by its edges, if the score reaches the threshold.
    fn take(&mut self, edges: [f32; 4], score: f32) -> Result<(), Nonsense> {
        let [left, top, right, bottom] = edges;
        if !edges.iter().all(|edge| edge.is_finite()) {
            return Err(Nonsense::NotFinite);
        }
        #[expect(clippy::cast_precision_loss, reason = "inputs are a few thousand pixels wide")]
        let (width, height) = (self.input.width as f32, self.input.height as f32);
        let near = left >= -width && right <= 2.0 * width && top >= -height && bottom <= 2.0 * height;
        if !near || left >= right || top >= bottom {
            return Err(Nonsense::Outside([left / width, top / height, right / width, bottom / height]));
        }
        if self.found.len() - self.start >= MOST_CANDIDATES {
            return Err(Nonsense::TooMany(MOST_CANDIDATES + 1));
        }
        self.found.push(Candidate { left, top, right, bottom, score });
        Ok(())
    }
}

/// One NaN anywhere, and the network can not be trusted for this picture.
fn all_finite(numbers: &[f32]) -> Result<(), Nonsense> {
    // Without the sign, the bits of a finite number are below those of infinity: one pass without a branch.
    let largest = numbers.iter().fold(0, |largest, number| (number.to_bits() & 0x7fff_ffff).max(largest));
    if largest < f32::INFINITY.to_bits() { Ok(()) } else { Err(Nonsense::NotFinite) }
}

/// The outputs that a family reads, with their shapes; `-1` depends on the input's size, empty is checked later.
pub(crate) fn outputs(family: Family) -> &'static [(&'static str, &'static [i64])] {
    match family {
        Family::YuNet => yunet::OUTPUTS,
        Family::CenterFace => centerface::OUTPUTS,
        Family::EfficientDet => efficientdet::OUTPUTS,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_outside_all_sense_is_an_error_and_never_dropped() {
        let input = Size::new(64, 32);
        let mut found = Vec::new();
        let mut take = |edges| Sink::new(input, 0.5, &mut found).take(edges, 0.9);
        assert_eq!(take([-10.0, 0.0, 20.0, 40.0]), Ok(()), "a box that sticks out is clipped later");
        for edges in [
            [-65.0, 0.0, 10.0, 10.0],
            [0.0, 0.0, 129.0, 10.0],
            [0.0, -33.0, 10.0, 10.0],
            [0.0, 0.0, 10.0, 65.0],
            [10.0, 0.0, 9.0, 10.0],
            [10.0, 5.0, 12.0, 5.0],
        ] {
            assert!(matches!(take(edges), Err(Nonsense::Outside(_))), "{edges:?}");
        }
        assert_eq!(take([0.0, f32::NAN, 1.0, 1.0]), Err(Nonsense::NotFinite));
        assert_eq!(take([0.0, 0.0, f32::INFINITY, 1.0]), Err(Nonsense::NotFinite));
    }

    #[test]
    fn one_nan_or_infinity_anywhere_is_seen() {
        for odd in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut numbers = vec![1.0e30; 1000];
            assert_eq!(all_finite(&numbers), Ok(()));
            numbers[567] = odd;
            assert_eq!(all_finite(&numbers), Err(Nonsense::NotFinite));
        }
    }

    #[test]
    fn too_many_candidates_are_an_error() {
        let mut found = Vec::new();
        let mut sink = Sink::new(Size::new(64, 64), 0.5, &mut found);
        for _ in 0..MOST_CANDIDATES {
            sink.take([1.0, 1.0, 2.0, 2.0], 0.9).unwrap();
        }
        assert!(matches!(sink.take([1.0, 1.0, 2.0, 2.0], 0.9), Err(Nonsense::TooMany(_))));
    }
}
