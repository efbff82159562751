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
//! before [`ABSORBED_AFTER`] seconds, however long the frames are, and a cell that is kept is not taken at all: it
//! follows the light, and what had to be learnt while it was kept counts as unknown, which is hidden.
//!
//! `learning` is how the scene is got to know, `light` what all cells have in common; regions and events are others'.

mod learning;
mod light;

use learning::Learning;
use light::correlation;
pub(super) use light::median;

/// Seconds that something must stay before it belongs to the scene.
const ABSORBED_AFTER: f32 = 90.0;
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
pub(super) const MEDIAN_OF_SQUARE: f32 = 0.455;

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
    /// From here on a cell counts for events ...
    threshold: Threshold,
    /// ... and from here on, which is no higher, for what is hidden because it moves.
    fine: Threshold,
    /// Cells that are painted over anyway.
    blind: Vec<bool>,
    seeing: usize,
    mean: Vec<f32>,
    variance: Vec<f32>,
    /// Recent entries of each cell into difference.
    flicker: Vec<f32>,
    /// Seconds for which a cell has differed.
    age: Vec<f32>,
    /// Square of how much each cell differs, in thresholds of events; 0 where it does not even finely.
    excess: Vec<f32>,
    moving: Vec<bool>,
    /// Cells that differ finely, or of which it is not known.
    doubtful: Vec<bool>,
    some_doubtful: bool,
    /// Cells that must not be learnt.
    kept: Vec<bool>,
    some_kept: bool,
    /// Cells whose background was learnt while they were kept: somebody may have sat there.
    unknown: Vec<bool>,
    some_unknown: bool,
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

impl Background {
    pub(super) fn new(columns: usize, threshold: Threshold, fine: Threshold, blind: Vec<bool>) -> Self {
        let cells = blind.len();
        let zeroes = || vec![0.0; cells];
        let fine =
            Threshold { deviations: fine.deviations.min(threshold.deviations), floor: fine.floor.min(threshold.floor) };
        Self {
            columns: columns.max(1),
            threshold,
            fine,
            seeing: blind.iter().filter(|blind| !**blind).count(),
            blind,
            mean: zeroes(),
            variance: zeroes(),
            flicker: zeroes(),
            age: zeroes(),
            excess: zeroes(),
            moving: vec![false; cells],
            doubtful: vec![false; cells],
            some_doubtful: false,
            kept: vec![false; cells],
            some_kept: false,
            unknown: vec![false; cells],
            some_unknown: false,
            sample: Vec::with_capacity(cells),
            last: zeroes(),
            learning: Some(Learning::begin(true)),
            share: 0.0,
            swept: false,
            dimming: 0.0,
            rest: 0.0,
        }
    }

    /// Forgets everything: the next frames are another scene. What is kept, and what was unknown, remains so.
    pub(super) fn forget(&mut self) {
        self.learn(true);
    }

    /// Whether it is getting to know the scene for the first time.
    pub(super) fn is_learning_first(&self) -> bool {
        self.learning.as_ref().is_some_and(Learning::is_first)
    }

    /// From now on these boxes of cells, and only these, must not be learnt.
    pub(super) fn keep_only(&mut self, boxes: impl Iterator<Item = [usize; 4]>) {
        if self.some_kept {
            self.kept.fill(false);
            self.some_kept = false;
        }
        for [left, top, right, bottom] in boxes {
            for y in top..bottom {
                self.kept[y * self.columns..][left..right].fill(true);
            }
            self.some_kept = true;
        }
    }

    /// Whether anything differs at all.
    pub(super) fn some_move(&self) -> bool {
        self.share > 0.0
    }

    /// Cells in which something moves, without lone ones.
    pub(super) fn moving(&self) -> &[bool] {
        &self.moving
    }

    /// Cells that have to be hidden where everything that moves is: those that differ a little together with two of
    /// their neighbours or where they are kept, and those of which it is not known. `None` when there are none.
    pub(super) fn doubtful(&self) -> Option<&[bool]> {
        self.some_doubtful.then_some(self.doubtful.as_slice())
    }

    /// Square of how much each cell differs, in thresholds of events.
    pub(super) fn excess(&self) -> &[f32] {
        &self.excess
    }

    /// Takes in a frame, `seconds` after the one before.
    pub(super) fn observe(&mut self, means: &[f32], seconds: f32) -> Verdict {
        self.moving.fill(false);
        if self.some_doubtful {
            self.doubtful.fill(false);
            self.some_doubtful = false;
        }
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
            self.mark();
            Verdict::Known
        };
        self.last.copy_from_slice(means);
        verdict
    }

    /// Takes what differs in this box of cells into the background.
    pub(super) fn accept(&mut self, means: &[f32], cells: [usize; 4]) {
        self.within(cells, |background, cell| {
            if background.excess[cell] > 0.0 && !background.kept[cell] {
                background.mean[cell] = means[cell];
                background.age[cell] = 0.0;
            }
        });
    }

    /// Makes what differs in this box of cells as new: it takes its whole time again to be learnt.
    pub(super) fn rejuvenate(&mut self, cells: [usize; 4]) {
        self.within(cells, |background, cell| background.age[cell] = 0.0);
    }

    fn within(&mut self, [left, top, right, bottom]: [usize; 4], mut act: impl FnMut(&mut Self, usize)) {
        for y in top..bottom {
            for x in left..right {
                act(self, y * self.columns + x);
            }
        }
    }

    /// Writes down which cells differ, and returns their share.
    fn compare(&mut self, means: &[f32], gain: f32, offset: f32, noise: f32, seconds: f32) -> f32 {
        let deviations = self.threshold.deviations.powi(2) * noise;
        let floor = self.threshold.floor.powi(2);
        let (fine_deviations, fine_floor) = (self.fine.deviations.powi(2) * noise, self.fine.floor.powi(2));
        let calming = (1.0 - seconds / FLICKER_OVER).max(0.0);
        let mut differing = 0usize;
        let cells = means.iter().zip(&self.mean).zip(&self.variance).zip(&self.blind);
        for ((((value, mean), variance), blind), (excess, flicker)) in
            cells.zip(self.excess.iter_mut().zip(&mut self.flicker))
        {
            let threshold = deviations * variance + floor;
            let off = (value - gain * mean - offset).powi(2);
            let differs = (off > fine_deviations * variance + fine_floor) & !blind;
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
        let mut some_unknown = false;
        let state = self.mean.iter_mut().zip(&mut self.variance).zip(&mut self.age).zip(&mut self.unknown);
        let seen = means.iter().zip(&self.excess).zip(&self.flicker).zip(&self.kept);
        for ((((mean, variance), age), unknown), (((value, excess), flicker), &kept)) in state.zip(seen) {
            let lit = gain * *mean + offset;
            let off = value - lit;
            let differs = *excess > 0.0;
            let flickers = *flicker > FLICKERS;
            *mean = if kept | (differs & !flickers) { lit } else { lit + mean_rate * off };
            let rate = if !differs { variance_rate } else { f32::from(u8::from(flickers)) * flicker_rate };
            let rate = if kept { 0.0 } else { rate };
            *variance = (*variance + rate * (off * off - *variance)).clamp(*VARIANCE.start(), *VARIANCE.end());
            *age = if differs | *unknown { *age + seconds } else { (*age - 2.0 * seconds).max(0.0) };
            *age = if kept { 0.0 } else { *age };
            if *age > ABSORBED_AFTER {
                (*mean, *age, *unknown) = (*value, 0.0, false);
            }
            some_unknown |= *unknown;
        }
        self.some_unknown = some_unknown;
    }

    /// Marks as moving what differs together with three of its neighbours, and as doubtful what might.
    fn mark(&mut self) {
        let (columns, rows) = (self.columns, self.excess.len() / self.columns);
        if self.some_unknown {
            for (doubtful, (&unknown, &blind)) in self.doubtful.iter_mut().zip(self.unknown.iter().zip(&self.blind)) {
                *doubtful = unknown & !blind;
            }
            self.some_doubtful = true;
        }
        if self.share == 0.0 {
            return;
        }
        for y in 0..rows {
            for x in 0..columns {
                if self.excess[y * columns + x] == 0.0 {
                    continue;
                }
                let (mut finely, mut clearly) = (0usize, 0usize);
                for row in y.saturating_sub(1)..(y + 2).min(rows) {
                    for &excess in &self.excess[row * columns..][x.saturating_sub(1)..(x + 2).min(columns)] {
                        finely += usize::from(excess > 0.0);
                        clearly += usize::from(excess > 1.0);
                    }
                }
                let cell = y * columns + x;
                self.moving[cell] = clearly >= 4 && self.excess[cell] > 1.0;
                if finely >= 3 || self.kept[cell] {
                    self.doubtful[cell] = true;
                    self.some_doubtful = true;
                }
            }
        }
    }
}
