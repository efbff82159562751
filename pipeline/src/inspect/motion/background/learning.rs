//! Getting to know the scene: at the start, and again when the light has changed.
//!
//! **Invariant.** However long the frames are, learning takes [`LEARNING_FRAMES`] of them at least, and what is kept
//! meanwhile is unknown afterwards.

use super::light::median;
use super::{Background, VARIANCE};

/// Seconds of the first learning: a whole swing of a branch.
const FIRST_LEARNING: f32 = 1.0;
/// Seconds of learning again after a change of light; what varies how much is still known.
const NEXT_LEARNING: f32 = 0.5;
/// Frames that any learning takes at least.
const LEARNING_FRAMES: u32 = 8;

/// How far it has come.
pub(super) struct Learning {
    frames: u32,
    seconds: f32,
    first: bool,
}

impl Learning {
    pub(super) fn begin(first: bool) -> Self {
        Self { frames: 0, seconds: 0.0, first }
    }

    pub(super) fn is_first(&self) -> bool {
        self.first
    }
}

impl Background {
    pub(super) fn learn(&mut self, first: bool) {
        self.learning = Some(Learning::begin(first));
        self.share = 0.0;
        self.swept = false;
        self.dimming = 0.0;
        self.rest = 0.0;
    }

    pub(super) fn learn_from(&mut self, means: &[f32], seconds: f32, mut learning: Learning) {
        if learning.frames > 0 {
            let far = means.iter().zip(&self.mean).filter(|(value, mean)| (*value - *mean).abs() > 20.0).count();
            if far * 2 > means.len() {
                // The light went on while we were learning the dark: what we have is neither.
                learning.frames = 0;
            }
        }
        learning.seconds = if learning.frames == 0 { 0.0 } else { learning.seconds + seconds };
        learning.frames = learning.frames.saturating_add(1);
        if self.some_kept {
            self.unknown.iter_mut().zip(&self.kept).for_each(|(unknown, kept)| *unknown |= kept);
            self.some_unknown = true;
        }
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
}
