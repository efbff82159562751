//! How far a figure could be off: intervals from drawing the sample again and again (Efron, 1979).
//!
//! Faces of one picture, and frames of one track, fail together; so whole units are drawn (a track, a picture), with
//! all that is in them. The generator is seeded: the same measurement gives the same interval.

use serde::Serialize;

/// The middle 95 % of the drawn figures.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Interval {
    /// 2.5 % of the drawn figures are lower.
    pub low: f64,
    /// 2.5 % are higher.
    pub high: f64,
}

/// What one unit adds to a figure that is a quotient.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Part {
    /// What is counted.
    pub count: f64,
    /// What it is counted among.
    pub among: f64,
}

/// How to draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bootstrap {
    /// How often.
    pub rounds: usize,
    /// Where the generator starts.
    pub seed: u64,
}

impl Default for Bootstrap {
    fn default() -> Self {
        Self { rounds: 1000, seed: 1927 }
    }
}

impl Bootstrap {
    /// The interval of `Σ count / Σ among` when the units are drawn with replacement; `None` when there is nothing to
    /// divide by. Draws without anything to divide by are left out.
    pub fn of_quotient(self, units: &[Part]) -> Option<Interval> {
        if units.iter().all(|unit| unit.among == 0.0) {
            return None;
        }
        let mut random = SplitMix64(self.seed);
        let mut drawn: Vec<f64> = (0..self.rounds)
            .filter_map(|_| {
                let mut sum = Part::default();
                for _ in 0..units.len() {
                    let unit = units[random.below(units.len())];
                    sum.count += unit.count;
                    sum.among += unit.among;
                }
                (sum.among > 0.0).then(|| sum.count / sum.among)
            })
            .collect();
        drawn.sort_by(f64::total_cmp);
        Some(Interval { low: quantile(&drawn, 0.025)?, high: quantile(&drawn, 0.975)? })
    }
}

/// Of sorted figures, interpolated between neighbours.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "lies in 0..len")]
pub(crate) fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let position = sorted.len().checked_sub(1)? as f64 * share;
    let (lower, upper) = (sorted[position.floor() as usize], sorted[position.ceil() as usize]);
    Some(lower + (upper - lower) * position.fract())
}

/// Steele, Lea and Flood, 2014. Small, and good enough to draw pictures with.
pub(crate) struct SplitMix64(pub(crate) u64);

impl SplitMix64 {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    #[expect(clippy::cast_possible_truncation, reason = "the high half of a product with a length is below it")]
    pub(crate) fn below(&mut self, length: usize) -> usize {
        ((u128::from(self.next()) * length as u128) >> 64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn units(leaked: usize, all: usize) -> Vec<Part> {
        (0..all).map(|i| Part { count: f64::from(u8::from(i < leaked)), among: 1.0 }).collect()
    }

    #[test]
    fn the_same_seed_gives_the_same_interval_and_another_another() {
        let units = units(13, 97);
        let first = Bootstrap { rounds: 300, seed: 1 }.of_quotient(&units);
        assert_eq!(first, Bootstrap { rounds: 300, seed: 1 }.of_quotient(&units));
        assert_ne!(first, Bootstrap { rounds: 300, seed: 2 }.of_quotient(&units));
    }

    /// For independent units the interval is close to the normal one: p ± 1.96·√(p·q/n).
    #[test]
    fn the_interval_of_independent_units_has_the_width_theory_gives_it() {
        let Interval { low, high } = Bootstrap { rounds: 4000, seed: 5 }.of_quotient(&units(120, 400)).unwrap();
        assert!((low - 0.255).abs() < 0.01 && (high - 0.345).abs() < 0.01, "{low} to {high}");
    }

    #[test]
    fn units_that_fail_together_widen_the_interval() {
        let together: Vec<Part> =
            (0..40).map(|i| Part { count: if i < 12 { 10.0 } else { 0.0 }, among: 10.0 }).collect();
        let width = |interval: Interval| interval.high - interval.low;
        let bootstrap = Bootstrap::default();
        let (alone, together) = (bootstrap.of_quotient(&units(120, 400)), bootstrap.of_quotient(&together));
        assert!(width(together.unwrap()) > 2.0 * width(alone.unwrap()));
    }

    #[test]
    fn nothing_has_no_interval() {
        assert_eq!(Bootstrap::default().of_quotient(&[]), None);
        assert_eq!(Bootstrap::default().of_quotient(&[Part::default(); 3]), None);
        assert_eq!(Bootstrap { rounds: 0, seed: 0 }.of_quotient(&units(1, 2)), None);
    }
}
