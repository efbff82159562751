//! What the scene looks like when nothing moves: for each cell a mean, how much it varies, and how it flickers.
//!
//! One running Gaussian a cell, in luma (Wren et al., Pfinder, 1997; the one-component case of Stauffer and Grimson,
//! 1999), with four additions. The light of the whole picture is compensated by a median gain or offset. The noise of
//! the whole frame is measured by its median deviation, so that a sensor that turns up its gain raises no alarm. Cells
//! that keep going in and out learn their own variance quickly, as blinking pixels do in Van Droogenbroeck and Paquot
//! (2012): a branch in the wind. And when most of the picture changes at once, or its texture stays where it was, it
//! is the light: the background is learnt again.
//!
//! **Invariant.** All rates are in sequence time, not in frames. A cell that differs is not taken into the background
//! before [`ABSORBED_AFTER`] seconds, however long the frames are.

/// Seconds that something must stay before it belongs to the scene.
const ABSORBED_AFTER: f32 = 90.0;
/// Seconds of the first learning: a whole swing of a branch.
const FIRST_LEARNING: f32 = 1.0;
/// Seconds of learning again after a change of light; what varies how much is still known.
const NEXT_LEARNING: f32 = 0.5;
/// Frames that any learning takes at least.
const LEARNING_FRAMES: u32 = 8;
/// Time constants, in seconds.
const MEAN_OVER: f32 = 8.0;
const VARIANCE_OVER: f32 = 10.0;
const FLICKER_OVER: f32 = 20.0;
const DIMMING_OVER: f32 = 2.0;
const FLICKER_LEARNT_OVER: f32 = 2.0;
/// Entries within [`FLICKER_OVER`] after which a cell counts as flickering: a passer-by makes one or two.
const FLICKERS: f32 = 2.5;
/// Variances below and above these are not believed, in squared levels of luma.
const VARIANCE: std::ops::RangeInclusive<f32> = 0.5..=2500.0;
/// Median of the square of a standard normal variable.
const MEDIAN_OF_SQUARE: f32 = 0.455;

/// What became of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The background is not known yet, or not any more.
    Learning,
    /// [`Background::moving`] says where something differs.
    Known,
    /// Most of the picture differs, and it is not the light.
    Everything,
}

/// How much a cell must differ.
#[derive(Clone, Copy, Debug)]
pub(super) struct Threshold {
    /// In standard deviations of the cell.
    pub(super) deviations: f32,
    /// In levels of luma.
    pub(super) floor: f32,
}

pub(super) struct Background {
    columns: usize,
    threshold: Threshold,
    /// Cells that are painted over anyway.
    blind: Vec<bool>,
    seeing: usize,
    mean: Vec<f32>,
    variance: Vec<f32>,
    /// Recent entries of each cell into difference.
    flicker: Vec<f32>,
    /// Seconds for which a cell has differed.
    age: Vec<f32>,
    /// Square of how much each cell differs, in thresholds; 0 where it does not.
    excess: Vec<f32>,
    moving: Vec<bool>,
    sample: Vec<f32>,
    last: Vec<f32>,
    learning: Option<Learning>,
    /// Share of the picture that differed in the frame before.
    share: f32,
    /// Most of the picture has changed from one frame to the next, and it has not been as it was since.
    swept: bool,
    /// How much brighter or darker all became lately, as a logarithm.
    dimming: f32,
    /// Seconds for which much differed and nothing moved.
    rest: f32,
}

struct Learning {
    frames: u32,
    seconds: f32,
    first: bool,
}

impl Background {
    pub(super) fn new(columns: usize, threshold: Threshold, blind: Vec<bool>) -> Self {
        let cells = blind.len();
        let zeroes = || vec![0.0; cells];
        Self {
            columns: columns.max(1),
            threshold,
            seeing: blind.iter().filter(|blind| !**blind).count(),
            blind,
            mean: zeroes(),
            variance: zeroes(),
            flicker: zeroes(),
            age: zeroes(),
            excess: zeroes(),
            moving: vec![false; cells],
            sample: Vec::with_capacity(cells),
            last: zeroes(),
            learning: Some(Learning { frames: 0, seconds: 0.0, first: true }),
            share: 0.0,
            swept: false,
            dimming: 0.0,
            rest: 0.0,
        }
    }

    /// Forgets everything: the next frames are another scene.
    pub(super) fn forget(&mut self) {
        self.learn(true);
    }

    /// Cells in which something moves, without lone ones.
    pub(super) fn moving(&self) -> &[bool] {
        &self.moving
    }

    /// Square of how much each cell differs, in thresholds.
    pub(super) fn excess(&self) -> &[f32] {
        &self.excess
    }

    /// Takes in a frame, `seconds` after the one before.
    pub(super) fn observe(&mut self, means: &[f32], seconds: f32) -> Verdict {
        self.moving.fill(false);
        if let Some(learning) = self.learning.take() {
            self.excess.fill(0.0);
            self.learn_from(means, seconds, learning);
            self.last.copy_from_slice(means);
            return Verdict::Learning;
        }
        let (gain, offset) = self.light(means);
        let noise = self.noise(means, gain, offset);
        let before = self.share;
        self.share = self.compare(means, gain, offset, noise, seconds);
        let (changed, resting) = self.since_last(means, noise);
        self.swept = (self.swept && self.share > 0.1) || changed > 0.3 || self.share > 0.5;
        self.rest = if self.swept && resting { self.rest + seconds } else { 0.0 };
        self.dimming = self.dimming * (1.0 - seconds / DIMMING_OVER).max(0.0) + gain.ln() + offset / 128.0;
        // A lamp that comes on slowly is followed by the gain, but it lights no two walls alike.
        let lamp = self.dimming.abs() > 0.3 && self.share > 0.01;
        let sudden = self.share.max(changed) > 0.5
            && (before < 0.15 || correlation(means, &self.mean, self.columns, |_| true).0 > 0.6);
        let verdict = if lamp || sudden || self.rest > 1.0 {
            self.learn(false);
            Verdict::Learning
        } else if self.share > 0.5 {
            Verdict::Everything
        } else {
            self.update(means, gain, offset, seconds);
            self.drop_lone_cells();
            Verdict::Known
        };
        self.last.copy_from_slice(means);
        verdict
    }

    /// Whether what differs in this box of cells is only lit otherwise: its texture is that of the background.
    pub(super) fn is_light(&self, means: &[f32], [left, top, right, bottom]: [usize; 4]) -> bool {
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

    /// Takes what differs in this box of cells into the background.
    pub(super) fn accept(&mut self, means: &[f32], cells: [usize; 4]) {
        self.within(cells, |background, cell| {
            if background.excess[cell] > 0.0 {
                background.mean[cell] = means[cell];
                background.age[cell] = 0.0;
            }
        });
    }

    /// Keeps what differs in this box of cells from ageing into the background.
    pub(super) fn keep(&mut self, cells: [usize; 4]) {
        self.within(cells, |background, cell| background.age[cell] = 0.0);
    }

    fn within(&mut self, [left, top, right, bottom]: [usize; 4], mut act: impl FnMut(&mut Self, usize)) {
        for y in top..bottom {
            for x in left..right {
                act(self, y * self.columns + x);
            }
        }
    }

    fn learn(&mut self, first: bool) {
        self.learning = Some(Learning { frames: 0, seconds: 0.0, first });
        self.share = 0.0;
        self.swept = false;
        self.dimming = 0.0;
        self.rest = 0.0;
    }

    fn learn_from(&mut self, means: &[f32], seconds: f32, mut learning: Learning) {
        if learning.frames > 0 {
            let far = means.iter().zip(&self.mean).filter(|(value, mean)| (*value - *mean).abs() > 20.0).count();
            if far * 2 > means.len() {
                // The light went on while we were learning the dark: what we have is neither.
                learning.frames = 0;
            }
        }
        learning.seconds = if learning.frames == 0 { 0.0 } else { learning.seconds + seconds };
        learning.frames = learning.frames.saturating_add(1);
        let rate = 1.0 / learning.frames as f32;
        for ((mean, variance), value) in self.mean.iter_mut().zip(&mut self.variance).zip(means) {
            let off = value - *mean;
            *mean += rate * off;
            if learning.first {
                *variance = (1.0 - rate) * (*variance + rate * off * off);
            } else if learning.frames > 1 {
                *variance += 0.1 * (off * off - *variance).clamp(0.0, *VARIANCE.end());
            }
        }
        let needed = if learning.first { FIRST_LEARNING } else { NEXT_LEARNING };
        if learning.frames < LEARNING_FRAMES || learning.seconds < needed {
            self.learning = Some(learning);
            return;
        }
        // A few frames can make a noisy cell look calm: none is believed to be much calmer than most.
        let stride = self.stride();
        self.sample.clear();
        self.sample.extend(self.variance.iter().step_by(stride));
        let calm = (0.5 * median(&mut self.sample)).clamp(*VARIANCE.start(), *VARIANCE.end());
        for variance in &mut self.variance {
            *variance = variance.clamp(calm, *VARIANCE.end());
        }
        if learning.first {
            self.spread_variance();
        }
        self.flicker.fill(0.0);
        self.age.fill(0.0);
        self.excess.fill(0.0);
    }

    /// Lets cells beside restless ones expect half of their unrest: a branch will swing wider than it just did.
    fn spread_variance(&mut self) {
        const REACH: usize = 3;
        let (columns, rows) = (self.columns, self.variance.len() / self.columns);
        let most = |cells: &mut dyn Iterator<Item = f32>| cells.fold(0.0, f32::max);
        self.sample.clear();
        for y in 0..rows {
            for x in 0..columns {
                let across = x.saturating_sub(REACH)..(x + REACH + 1).min(columns);
                self.sample.push(most(&mut across.map(|x| self.variance[y * columns + x])));
            }
        }
        for y in 0..rows {
            for x in 0..columns {
                let down = y.saturating_sub(REACH)..(y + REACH + 1).min(rows);
                let near = most(&mut down.map(|y| self.sample[y * columns + x]));
                let variance = &mut self.variance[y * columns + x];
                *variance = variance.max(0.5 * near);
            }
        }
    }

    /// The gain or the offset, whichever explains more, that the light of the whole picture has had.
    fn light(&mut self, means: &[f32]) -> (f32, f32) {
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
    fn noise(&mut self, means: &[f32], gain: f32, offset: f32) -> f32 {
        let stride = self.stride();
        let cells = means.iter().zip(&self.mean).zip(&self.variance).step_by(stride);
        self.sample.clear();
        self.sample.extend(cells.map(|((value, mean), variance)| (value - gain * mean - offset).powi(2) / variance));
        (median(&mut self.sample) / MEDIAN_OF_SQUARE).clamp(1.0, 16.0)
    }

    /// Writes down which cells differ, and returns their share.
    fn compare(&mut self, means: &[f32], gain: f32, offset: f32, noise: f32, seconds: f32) -> f32 {
        let deviations = self.threshold.deviations.powi(2) * noise;
        let floor = self.threshold.floor.powi(2);
        let calming = (1.0 - seconds / FLICKER_OVER).max(0.0);
        let mut differing = 0usize;
        let cells = means.iter().zip(&self.mean).zip(&self.variance).zip(&self.blind);
        for ((((value, mean), variance), blind), (excess, flicker)) in
            cells.zip(self.excess.iter_mut().zip(&mut self.flicker))
        {
            let threshold = deviations * variance + floor;
            let off = (value - gain * mean - offset).powi(2);
            let differs = (off > threshold) & !blind;
            let enters = differs & (*excess == 0.0);
            *flicker = *flicker * calming + f32::from(u8::from(enters));
            *excess = if differs { off / threshold } else { 0.0 };
            differing += usize::from(differs);
        }
        differing as f32 / self.seeing.max(1) as f32
    }

    /// Moves the background towards what was seen.
    fn update(&mut self, means: &[f32], gain: f32, offset: f32, seconds: f32) {
        // With a third of the picture covered, the median may be that of what covers it.
        let (gain, offset) = if self.share < 0.35 { (gain, offset) } else { (1.0, 0.0) };
        let towards = |over: f32| (seconds / over).min(0.5);
        let (mean_rate, variance_rate) = (towards(MEAN_OVER), towards(VARIANCE_OVER));
        let flicker_rate = towards(FLICKER_LEARNT_OVER);
        let state = self.mean.iter_mut().zip(&mut self.variance).zip(&mut self.age);
        let seen = means.iter().zip(&self.excess).zip(&self.flicker);
        for (((mean, variance), age), ((value, excess), flicker)) in state.zip(seen) {
            let lit = gain * *mean + offset;
            let off = value - lit;
            let differs = *excess > 0.0;
            let flickers = *flicker > FLICKERS;
            *mean = if differs & !flickers { lit } else { lit + mean_rate * off };
            let rate = if !differs { variance_rate } else { f32::from(u8::from(flickers)) * flicker_rate };
            *variance = (*variance + rate * (off * off - *variance)).clamp(*VARIANCE.start(), *VARIANCE.end());
            *age = if differs { *age + seconds } else { (*age - 2.0 * seconds).max(0.0) };
            if *age > ABSORBED_AFTER {
                (*mean, *age) = (*value, 0.0);
            }
        }
    }

    /// Marks as moving what differs together with three of its neighbours.
    fn drop_lone_cells(&mut self) {
        if self.share == 0.0 {
            return;
        }
        let (columns, rows) = (self.columns, self.excess.len() / self.columns);
        for y in 0..rows {
            for x in 0..columns {
                if self.excess[y * columns + x] == 0.0 {
                    continue;
                }
                let across = x.saturating_sub(1)..(x + 2).min(columns);
                let together: usize = (y.saturating_sub(1)..(y + 2).min(rows))
                    .map(|y| self.excess[y * columns..][across.clone()].iter().filter(|&&cell| cell > 0.0).count())
                    .sum();
                self.moving[y * columns + x] = together >= 4;
            }
        }
    }

    /// The share of cells that are not as they were in the frame before, and whether what differs hardly moves.
    fn since_last(&self, means: &[f32], noise: f32) -> (f32, bool) {
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
    fn stride(&self) -> usize {
        if self.mean.len() > 1000 { 7 } else { 1 }
    }
}

/// The median, in any order of the sample; 0 of nothing.
fn median(sample: &mut [f32]) -> f32 {
    let middle = sample.len() / 2;
    if sample.is_empty() { 0.0 } else { *sample.select_nth_unstable_by(middle, f32::total_cmp).1 }
}

/// How alike the steps between neighbouring cells are in two pictures (`-1..=1`, 0 when one is flat), and the mean
/// square of such a step in the one that has the clearer ones.
fn correlation(one: &[f32], other: &[f32], columns: usize, counts: impl Fn(usize) -> bool) -> (f32, f32) {
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
