//! How far a figure could be off: intervals from drawing the sample again and again (Efron, 1979).
//!
//! Faces of one picture, and frames of one track, fail together; so whole units are drawn (a track, a picture), with
//! all that is in them. The generator is seeded: the same measurement gives the same interval.
//!
//! **Invariant:** an interval is never of no width. Where each draw would come to the same, none or all of the faces having
//! leaked, it is Wilson's (1927), over the units and not over the faces; of fewer than thirty units it is never narrower than
//! that; where one unit is all there is, there is none.

use serde::Serialize;

/// Where the figure lies, with 95 % confidence.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Interval {
    /// 2.5 % of the drawn figures are lower.
    pub low: f64,
    /// 2.5 % are higher; greater than `low`.
    pub high: f64,
    /// How it was found.
    pub method: Method,
}

/// How an interval was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// By drawing units again and again.
    Bootstrap,
    /// By Wilson's formula, each unit one case.
    Wilson,
    /// The wider of both at each end, of few units: drawing among few again and again makes them look like more.
    Widest,
}

impl Interval {
    /// Both ends, multiplied, with so many decimals, and with some more where the ends would look alike.
    pub(crate) fn written(self, times: f64, decimals: usize) -> String {
        let ends = |decimals: usize| [self.low, self.high].map(|end| format!("{:.decimals$}", end * times));
        let [low, high] =
            (decimals..decimals + 4).map(ends).find(|[low, high]| low != high).unwrap_or_else(|| ends(decimals));
        format!("{low} – {high}")
    }
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

/// Fewer units than this are few.
const FEW: usize = 30;

impl Default for Bootstrap {
    fn default() -> Self {
        Self { rounds: 1000, seed: 1927 }
    }
}

impl Bootstrap {
    /// The interval of `Σ count / Σ among` when the units are drawn with replacement; Wilson's where all of them have the
    /// same share, each unit then being one case, however much is in it; of few units, at each end the wider of both. `None` without rounds, and where fewer than two
    /// units have anything to divide by: one unit says nothing about others. Units without anything are left out.
    pub fn of_quotient(self, units: &[Part]) -> Option<Interval> {
        let units: Vec<Part> = units.iter().copied().filter(|unit| unit.among > 0.0).collect();
        if units.len() < 2 || self.rounds == 0 {
            return None;
        }
        if let Some(share) = common_share(&units) {
            let [low, high] = wilson(share * units.len() as f64, units.len());
            return Some(Interval { low, high, method: Method::Wilson });
        }
        let mut random = SplitMix64(self.seed);
        let mut drawn: Vec<f64> = (0..self.rounds)
            .map(|_| {
                let mut sum = Part::default();
                for _ in 0..units.len() {
                    let unit = units[random.below(units.len())];
                    sum.count += unit.count;
                    sum.among += unit.among;
                }
                sum.count / sum.among
            })
            .collect();
        drawn.sort_by(f64::total_cmp);
        let (low, high) = (quantile(&drawn, 0.025)?, quantile(&drawn, 0.975)?);
        if units.len() < FEW {
            let sum = |part: fn(&Part) -> f64| units.iter().map(part).sum::<f64>();
            let share = sum(|unit| unit.count) / sum(|unit| unit.among);
            let wilson = wilson(share * units.len() as f64, units.len());
            return Some(Interval { low: low.min(wilson[0]), high: high.max(wilson[1]), method: Method::Widest });
        }
        // A handful of rounds may all have come to the same.
        (low < high).then_some(Interval { low, high, method: Method::Bootstrap })
    }
}

/// The share that is counted of each unit, where it is the same of all.
fn common_share(units: &[Part]) -> Option<f64> {
    let first = units.first()?;
    let alike = |unit: &Part| unit.count * first.among == first.count * unit.among;
    units.iter().all(alike).then_some(first.count / first.among)
}

/// Wilson, 1927: an interval for a share of independent cases that holds at 0 and at 1 too. Of no cases, nothing is known:
/// it may be anything. `count` need not be whole.
pub(crate) fn wilson(count: f64, n: usize) -> [f64; 2] {
    if n == 0 {
        return [0.0, 1.0];
    }
    let (z, n) = (1.96_f64, n as f64);
    let p = count / n;
    let scale = 1.0 + z * z / n;
    let centre = p + z * z / (2.0 * n);
    let reach = z * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
    [((centre - reach) / scale).max(0.0), ((centre + reach) / scale).min(1.0)]
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
        let Interval { low, high, .. } = Bootstrap { rounds: 4000, seed: 5 }.of_quotient(&units(120, 400)).unwrap();
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

    /// However often one track, or one picture, is drawn: it is always the same one.
    #[test]
    fn one_unit_and_nothing_have_no_interval() {
        let bootstrap = Bootstrap::default();
        for count in [0.0, 3.0, 10.0] {
            assert_eq!(bootstrap.of_quotient(&[Part { count, among: 10.0 }]), None);
            assert_eq!(bootstrap.of_quotient(&[Part { count, among: 10.0 }, Part::default()]), None);
        }
        assert_eq!(bootstrap.of_quotient(&[]), None);
        assert_eq!(bootstrap.of_quotient(&[Part::default(); 3]), None);
        assert_eq!(Bootstrap { rounds: 0, seed: 0 }.of_quotient(&units(1, 2)), None);
        assert_eq!(Bootstrap { rounds: 1, seed: 0 }.of_quotient(&units(1, 40)), None, "one draw has no width");
    }

    /// None of 29 tracks of 40 faces each is none of 29, not none of 1160: 0 to z² / (n + z²).
    #[test]
    fn units_that_are_all_alike_have_wilsons_interval_over_units() {
        let of =
            |count: f64, n: usize| Bootstrap::default().of_quotient(&vec![Part { count, among: 40.0 }; n]).unwrap();
        let z2 = 1.96 * 1.96;
        for n in [2, 29, 1000] {
            let most = z2 / (n as f64 + z2);
            let (none, all) = (of(0.0, n), of(40.0, n));
            assert_eq!((none.method, all.method), (Method::Wilson, Method::Wilson));
            assert!(none.low.abs() < 1e-12 && (none.high - most).abs() < 1e-12, "{none:?}");
            assert!((all.low - (1.0 - most)).abs() < 1e-12 && (all.high - 1.0).abs() < 1e-12, "{all:?}");
            let half = of(20.0, n);
            assert!(half.low < 0.5 && half.high > 0.5 && half.method == Method::Wilson, "{half:?}");
        }
        let sizes = [Part { count: 0.0, among: 1.0 }, Part { count: 0.0, among: 500.0 }];
        assert!(Bootstrap::default().of_quotient(&sizes).unwrap().high > 0.6, "two units prove little");
        assert_eq!(Bootstrap::default().of_quotient(&units(1, 31)).unwrap().method, Method::Bootstrap);
    }

    /// One face of 120 missed, in one of three tracks, says no more about others than none missed does.
    #[test]
    fn few_units_with_a_miss_are_no_more_certain_than_without_one() {
        let of = |missed: f64| {
            let part = |missed| Part { count: 40.0 - missed, among: 40.0 };
            Bootstrap::default().of_quotient(&[part(missed), part(0.0), part(0.0)]).unwrap()
        };
        let (none, one) = (of(0.0), of(1.0));
        assert!(one.low <= none.low + 1e-9 && one.method == Method::Widest, "{one:?} beside {none:?}");
        assert!(one.low < 0.5 && one.high > 0.98, "{one:?}");
    }

    #[test]
    fn ends_that_differ_look_different() {
        let written = |low, high, decimals| Interval { low, high, method: Method::Bootstrap }.written(100.0, decimals);
        assert_eq!(written(0.032, 0.087, 1), "3.2 – 8.7");
        assert_eq!(written(0.0, 0.0003, 1), "0.00 – 0.03");
        assert_eq!(written(0.999_96, 1.0, 0), "99.996 – 100.000");
    }
}
