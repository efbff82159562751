//! What all cells have in common: the light, the noise, and whether what differs is lit otherwise or another thing.

use super::{Background, MEDIAN_OF_SQUARE};

impl Background {
    /// Whether what differs in this box of cells is only lit otherwise: its texture is that of the background.
    pub(in super::super) fn is_light(&self, means: &[f32], [left, top, right, bottom]: [usize; 4]) -> bool {
        let inside = |cell: usize| {
            let (x, y) = (cell % self.columns, cell / self.columns);
            (left..right).contains(&x) && (top..bottom).contains(&y) && self.excess[cell] > 0.0
        };
        let (agreement, energy) = correlation(means, &self.mean, self.columns, inside);
        let count = (0..self.excess.len()).filter(|cell| inside(*cell)).count();
        // What is large has edges of its own, which a body before it would hide.
        let needed = if count * 10 > self.excess.len() { 0.6 } else { 0.9 };
        agreement > needed && energy > 4.0
    }

    /// The gain or the offset, whichever explains more, that the light of the whole picture has had.
    pub(super) fn light(&mut self, means: &[f32]) -> (f32, f32) {
        let stride = self.stride();
        let pairs = || means.iter().zip(&self.mean).step_by(stride);
        self.sample.clear();
        self.sample.extend(pairs().filter(|(_, mean)| **mean >= 8.0).map(|(value, mean)| value / mean));
        let gain = if self.sample.len() < 8 { 1.0 } else { median(&mut self.sample).clamp(0.25, 4.0) };
        self.sample.clear();
        self.sample.extend(pairs().map(|(value, mean)| value - mean));
        let offset = median(&mut self.sample);
        let unexplained = |(gain, offset): (f32, f32)| -> f32 {
            pairs().map(|(value, mean)| (value - gain * mean - offset).abs().min(20.0)).sum()
        };
        let candidates = [(1.0, 0.0), (gain, 0.0), (1.0, offset)];
        candidates
            .into_iter()
            .map(|light| (unexplained(light), light))
            .min_by(|(one, _), (other, _)| one.total_cmp(other))
            .map_or((1.0, 0.0), |(_, light)| light)
    }

    /// How much noisier, in variance, this frame is than was learnt: `1..=16`.
    pub(super) fn noise(&mut self, means: &[f32], gain: f32, offset: f32) -> f32 {
        let stride = self.stride();
        let cells = means.iter().zip(&self.mean).zip(&self.variance).step_by(stride);
        self.sample.clear();
        self.sample.extend(cells.map(|((value, mean), variance)| (value - gain * mean - offset).powi(2) / variance));
        (median(&mut self.sample) / MEDIAN_OF_SQUARE).clamp(1.0, 16.0)
    }

    /// The share of cells that are not as they were in the frame before, and whether what differs hardly moves.
    pub(super) fn since_last(&self, means: &[f32], noise: f32) -> (f32, bool) {
        // The same at each sensitivity; the difference of two frames has the noise of both.
        let (deviations, floor) = (2.0 * 16.0 * noise, 36.0);
        let (mut changed, mut differing, mut moving) = (0usize, 0usize, 0usize);
        let cells = means.iter().zip(&self.last).zip(&self.variance).zip(&self.excess);
        for (((value, last), variance), excess) in cells {
            let changes = (value - last).powi(2) > deviations * variance + floor;
            let differs = *excess > 0.0;
            changed += usize::from(changes);
            differing += usize::from(differs);
            moving += usize::from(changes & differs);
        }
        (changed as f32 / self.seeing.max(1) as f32, moving * 50 <= differing)
    }

    /// Every which cell is enough for a median: not a divisor of usual numbers of columns.
    pub(super) fn stride(&self) -> usize {
        if self.mean.len() > 1000 { 7 } else { 1 }
    }
}

/// The median, in any order of the sample; 0 of nothing.
pub(in super::super) fn median(sample: &mut [f32]) -> f32 {
    let middle = sample.len() / 2;
    if sample.is_empty() { 0.0 } else { *sample.select_nth_unstable_by(middle, f32::total_cmp).1 }
}

/// How alike the steps between neighbouring cells are in two pictures (`-1..=1`, 0 when one is flat), and the mean
/// square of such a step in the one that has the clearer ones.
pub(super) fn correlation(one: &[f32], other: &[f32], columns: usize, counts: impl Fn(usize) -> bool) -> (f32, f32) {
    let (mut both, mut first, mut second, mut steps) = (0.0f32, 0.0f32, 0.0f32, 0usize);
    for cell in (0..one.len()).filter(|&cell| counts(cell)) {
        let right = if cell % columns + 1 < columns { Some(cell + 1) } else { None };
        let below = Some(cell + columns).filter(|&below| below < one.len());
        for next in [right, below].into_iter().flatten().filter(|&next| counts(next)) {
            let (here, there) = (one[next] - one[cell], other[next] - other[cell]);
            both += here * there;
            first += here * here;
            second += there * there;
            steps += 1;
        }
    }
    let scale = (first * second).sqrt();
    (if scale > 0.0 { both / scale } else { 0.0 }, first.max(second) / steps.max(1) as f32)
}
