//! Two attackers: the user's network, and a matcher of pixels, which on a mosaic is the stronger one.
//!
//! **Invariant.** Whoever can not tell guesses: equal scores share the hit, and what has no contrast correlates with
//! nothing.

use super::crop::{Crop, in_window};
use super::network::{Embedder, NetworkError};

/// Cells along a side of what the matcher of pixels compares.
const CELLS: usize = 16;
/// On fewer cells than this a correlation means nothing.
const FEWEST_CELLS: usize = 8;
/// Mean square of the contrast, in levels, below which there is only rounding.
const FLAT: f32 = 0.06;
/// Scores this close are equal.
const EQUAL: f32 = 1e-6;

/// What the attackers keep of a crop.
#[derive(Debug, Clone)]
pub(super) struct Features {
    vector: Vec<f32>,
    luma: Luma,
}

impl Features {
    /// Of a crop of which all is seen that the window shows.
    ///
    /// # Errors
    /// The network's.
    pub(super) fn of(crop: &Crop, zoom: f32, network: &mut Embedder) -> Result<Self, NetworkError> {
        let seen = vec![true; crop.side() * crop.side()];
        Self::of_seen(crop, &seen, zoom, network)
    }

    /// Of a crop of which some pixels are known.
    ///
    /// # Errors
    /// The network's.
    pub(super) fn of_seen(crop: &Crop, seen: &[bool], zoom: f32, network: &mut Embedder) -> Result<Self, NetworkError> {
        Ok(Self { vector: network.embed(crop)?, luma: Luma::of(crop, seen, zoom) })
    }

    /// One for all faces of a person: the mean of the network's vectors, and the pixels of the mean crop.
    pub(super) fn of_person(all: &[Self], mean: &Crop, zoom: f32) -> Self {
        let seen = vec![true; mean.side() * mean.side()];
        let length = all.first().map_or(0, |features| features.vector.len());
        let sum: Vec<f32> = (0..length).map(|at| all.iter().map(|features| features.vector[at]).sum()).collect();
        let norm = sum.iter().map(|number| number * number).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
        Self { vector: sum.iter().map(|number| number / norm).collect(), luma: Luma::of(mean, &seen, zoom) }
    }
}

/// How much of a hit each attacker has.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Credit {
    /// The user's network, by cosine.
    pub(super) network: f64,
    /// Normalised correlation of coarse luma.
    pub(super) pixels: f64,
}

/// Names the most similar of a gallery, and says how much of a hit that is: 1, 0, or a share where several are equal.
pub(super) fn rank_first(probe: &Features, gallery: &[Features], truth: usize) -> Credit {
    let cosine = |known: &Features| known.vector.iter().zip(&probe.vector).map(|(a, b)| a * b).sum::<f32>();
    Credit {
        network: credit(&gallery.iter().map(cosine).collect::<Vec<f32>>(), truth),
        pixels: credit(&gallery.iter().map(|known| probe.luma.correlation(&known.luma)).collect::<Vec<f32>>(), truth),
    }
}

fn credit(scores: &[f32], truth: usize) -> f64 {
    let best = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let first = scores.iter().filter(|&&score| best - score <= EQUAL).count();
    if best - scores[truth] <= EQUAL { 1.0 / first as f64 } else { 0.0 }
}

/// Coarse luma of what is in the window.
#[derive(Debug, Clone)]
struct Luma {
    /// `None` where too little of a cell is known.
    cells: Vec<Option<f32>>,
}

impl Luma {
    fn of(crop: &Crop, seen: &[bool], zoom: f32) -> Self {
        let side = crop.side();
        let mut sums = vec![(0.0, 0_usize); CELLS * CELLS];
        for (row, pixels) in crop.rows().enumerate() {
            for (column, [red, green, blue]) in pixels.iter().enumerate() {
                if seen[row * side + column] && in_window(column, row, side, zoom) {
                    let (sum, count) = &mut sums[row * CELLS / side * CELLS + column * CELLS / side];
                    *sum += 0.299 * red + 0.587 * green + 0.114 * blue;
                    *count += 1;
                }
            }
        }
        let least = (side * side / (CELLS * CELLS) / 4).max(1);
        Self { cells: sums.into_iter().map(|(sum, count)| (count >= least).then(|| sum / count as f32)).collect() }
    }

    /// Pearson's, over the cells that both know: -1 to 1, 0 where nothing can be said.
    fn correlation(&self, other: &Self) -> f32 {
        let both = || self.cells.iter().zip(&other.cells).filter_map(|(&one, &two)| Some((one?, two?)));
        let count = both().count();
        if count < FEWEST_CELLS {
            return 0.0;
        }
        let (sum_one, sum_two) = both().fold((0.0, 0.0), |(a, b), (one, two)| (a + one, b + two));
        let (mean_one, mean_two) = (sum_one / count as f32, sum_two / count as f32);
        let (mut of_one, mut of_two, mut of_both) = (0.0, 0.0, 0.0);
        for (one, two) in both() {
            let (one, two) = (one - mean_one, two - mean_two);
            of_one += one * one;
            of_two += two * two;
            of_both += one * two;
        }
        if of_one.min(of_two) / (count as f32) < FLAT { 0.0 } else { of_both / (of_one * of_two).sqrt() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reidentify::crop::Face;
    use crate::reidentify::frames::Frame;
    use frostglass_vault::{Format, Size};

    fn luma(level: impl Fn(usize, usize) -> u8) -> Luma {
        let plane: Vec<u8> = (0..64 * 64).map(|at| level(at % 64, at / 64)).collect();
        let frame = Frame { format: Format::still(Size::new(64, 64)), planes: [plane.clone(), plane.clone(), plane] };
        let face = Face { left: 8.0, top: 0.0, width: 48.0, height: 64.0 };
        Luma::of(&Crop::of(&frame, face, 64, 1.0), &[true; 64 * 64], 1.0)
    }

    #[test]
    fn brightness_and_contrast_do_not_matter_and_shape_does() {
        let face = luma(|x, y| (x * y / 20) as u8);
        assert!(face.correlation(&luma(|x, y| (x * y / 40 + 60) as u8)) > 0.99);
        assert!(face.correlation(&luma(|x, y| ((63 - x) * y / 20) as u8)) < 0.6);
    }

    #[test]
    fn what_is_flat_or_hardly_seen_correlates_with_nothing() {
        let face = luma(|x, y| (x * y / 20) as u8);
        assert_eq!(face.correlation(&luma(|_, _| 40)), 0.0);
        let mut hardly = face.clone();
        hardly.cells.iter_mut().skip(FEWEST_CELLS - 1).for_each(|cell| *cell = None);
        assert_eq!(face.correlation(&hardly), 0.0);
    }

    #[test]
    fn equal_scores_share_the_hit() {
        assert_eq!(credit(&[0.0; 4], 2), 0.25);
        assert_eq!(credit(&[0.1, 0.9, 0.9], 1), 0.5);
        assert_eq!(credit(&[0.1, 0.9, 0.8], 1), 1.0);
        assert_eq!(credit(&[0.1, 0.9, 0.8], 2), 0.0);
    }
}
