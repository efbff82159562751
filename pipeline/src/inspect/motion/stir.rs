//! What is not where it was a moment ago: tells who moves from what only stands where it did not stand before.
//!
//! **Invariant.** Compared is with a picture between [`EVERY`] and twice that ago (or the frame before, where frames are
//! longer), so that a slow walker stirs, and the hole that somebody left in the background does not. While there is no
//! such picture nothing stirs. The light that all cells share is taken out. Nothing is allocated after [`Stir::new`].

use super::background::{MEDIAN_OF_SQUARE, Threshold, median};

/// Seconds between two pictures that are kept to compare with.
const EVERY: f32 = 0.4;
/// When more of the picture than this stirs, it is the light or the camera.
const CREDIBLE: f32 = 0.35;

pub(super) struct Stir {
    threshold: Threshold,
    /// Cells that are not as they were.
    cells: Vec<bool>,
    share: f32,
    /// What is compared with, and what will be next.
    earlier: Vec<f32>,
    next: Vec<f32>,
    /// How many of the two are there, and how old the newer one is.
    pictures: u8,
    age: f32,
    sample: Vec<f32>,
}

impl Stir {
    pub(super) fn new(cells: usize, threshold: Threshold) -> Self {
        Self {
            threshold,
            cells: vec![false; cells],
            share: 0.0,
            earlier: vec![0.0; cells],
            next: vec![0.0; cells],
            pictures: 0,
            age: 0.0,
            sample: Vec::with_capacity(cells),
        }
    }

    /// Begins anew: what comes is another scene.
    pub(super) fn forget(&mut self) {
        self.pictures = 0;
        self.share = 0.0;
        self.cells.fill(false);
    }

    pub(super) fn observe(&mut self, means: &[f32], seconds: f32) {
        self.age += seconds;
        match self.pictures {
            0 => {
                self.next.copy_from_slice(means);
                self.earlier.copy_from_slice(means);
                (self.pictures, self.age) = (1, 0.0);
                return;
            }
            _ => self.compare(means),
        }
        if self.age >= EVERY {
            std::mem::swap(&mut self.earlier, &mut self.next);
            self.next.copy_from_slice(means);
            self.age = 0.0;
        }
    }

    /// How many cells stir in this box of cells, of those that count.
    pub(super) fn count(
        &self,
        [left, top, right, bottom]: [usize; 4],
        columns: usize,
        counts: impl Fn(usize) -> bool,
    ) -> usize {
        let rows = (top..bottom).map(|y| y * columns);
        rows.flat_map(|row| row + left..row + right).filter(|&cell| self.cells[cell] && counts(cell)).count()
    }

    /// Whether it can be something in the scene that stirs, rather than light or camera.
    pub(super) fn is_credible(&self) -> bool {
        self.share < CREDIBLE
    }

    fn compare(&mut self, means: &[f32]) {
        let stride = if means.len() > 1000 { 7 } else { 1 };
        let pairs = || means.iter().zip(&self.earlier).step_by(stride);
        self.sample.clear();
        self.sample.extend(pairs().map(|(value, earlier)| value - earlier));
        let offset = median(&mut self.sample);
        self.sample.clear();
        self.sample.extend(pairs().map(|(value, earlier)| (value - earlier - offset).powi(2)));
        // The difference of two frames has the noise of both; four times is all that a restless scene is allowed.
        let noise = (median(&mut self.sample) / MEDIAN_OF_SQUARE).clamp(1.0, 64.0);
        let threshold = self.threshold.deviations.powi(2) * noise + self.threshold.floor.powi(2);
        let mut stirring = 0usize;
        for ((cell, value), earlier) in self.cells.iter_mut().zip(means).zip(&self.earlier) {
            *cell = (value - earlier - offset).powi(2) > threshold;
            stirring += usize::from(*cell);
        }
        self.share = stirring as f32 / means.len().max(1) as f32;
    }
}
