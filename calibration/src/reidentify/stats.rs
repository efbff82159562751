//! How far a rank-1 rate can be from chance: the exact binomial interval.
//!
//! Clopper and Pearson, 1934. Frames of one track are matched alike, so that a track counts as one trial, and a track of
//! which a third of the frames were matched counts as a third of a hit: the interval for such numbers is Korn and
//! Graubard's (1998), the same formula with numbers that need not be whole.

use serde::Serialize;

/// A rate among tracks, with the middle 95 % of what it could be.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Rate {
    /// Share of hits, 0 to 1.
    pub rate: f64,
    /// Lower end of the exact interval.
    pub low: f64,
    /// Upper end of the exact interval.
    pub high: f64,
    /// Tracks that it was measured on.
    pub tracks: usize,
}

/// The share of the distribution left out at either end.
const TAIL: f64 = 0.025;

impl Rate {
    /// The mean of one number in `0..=1` for each track; `None` without tracks.
    pub fn of(shares: &[f64]) -> Option<Self> {
        if shares.is_empty() {
            return None;
        }
        let trials = shares.len() as f64;
        let hits: f64 = shares.iter().sum();
        let low = if hits < 1e-9 { 0.0 } else { beta_quantile(TAIL, hits, trials - hits + 1.0) };
        let high = if trials - hits < 1e-9 { 1.0 } else { beta_quantile(1.0 - TAIL, hits + 1.0, trials - hits) };
        Some(Self { rate: hits / trials, low, high, tracks: shares.len() })
    }

    /// Whether chance is refuted: all of the interval lies above it.
    pub fn is_above(&self, chance: f64) -> bool {
        self.low > chance
    }
}

/// Where the share `of` of a beta distribution lies to the left.
fn beta_quantile(of: f64, a: f64, b: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if beta_below(middle, a, b) < of { low = middle } else { high = middle }
    }
    f64::midpoint(low, high)
}

/// The regularised incomplete beta function, by its continued fraction (Abramowitz and Stegun, 26.5.8), evaluated from
/// its end; a hundred terms are many for the numbers of a measurement.
fn beta_below(x: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    // The fraction converges fast to the left of the mean, and the function is its own mirror image.
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - beta_below(1.0 - x, b, a);
    }
    let fraction = (1..=200).rev().fold(1.0, |rest, term| {
        let m = f64::from(term / 2);
        let numerator = if term % 2 == 0 {
            m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m))
        } else {
            -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0))
        };
        1.0 + numerator / rest
    });
    let front = a * x.ln() + b * (1.0 - x).ln() - (ln_gamma(a) + ln_gamma(b) - ln_gamma(a + b));
    front.exp() / (a * fraction)
}

/// Stirling's series, after the argument was raised above 10.
fn ln_gamma(x: f64) -> f64 {
    let (mut raised, mut divided) = (x, 0.0);
    while raised < 10.0 {
        divided += f64::ln(raised);
        raised += 1.0;
    }
    let inverse = 1.0 / raised;
    let square = inverse * inverse;
    let series = inverse * (1.0 / 12.0 - square * (1.0 / 360.0 - square * (1.0 / 1260.0 - square / 1680.0)));
    (raised - 0.5) * raised.ln() - raised + 0.5 * std::f64::consts::TAU.ln() + series - divided
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(hits: usize, trials: usize) -> Rate {
        let shares: Vec<f64> = (0..trials).map(|track| if track < hits { 1.0 } else { 0.0 }).collect();
        Rate::of(&shares).unwrap()
    }

    /// The ends are where the binomial's own tails hold 2.5 %: checked by summing the binomial up.
    #[test]
    fn the_ends_are_where_the_binomial_has_its_tails() {
        let choose = |n: u32, k: u32| (0..k).map(|i| f64::from(n - i) / f64::from(i + 1)).product::<f64>();
        let term = |n: u32, k: u32, p: f64| choose(n, k) * p.powi(k as i32) * (1.0 - p).powi((n - k) as i32);
        for (hits, trials) in [(1, 29), (3, 29), (28, 29), (5, 10), (2, 100), (1, 2)] {
            let Rate { low, high, .. } = rate(hits as usize, trials as usize);
            let at_least: f64 = (hits..=trials).map(|k| term(trials, k, low)).sum();
            let at_most: f64 = (0..=hits).map(|k| term(trials, k, high)).sum();
            assert!((at_least - TAIL).abs() < 1e-6, "{hits} of {trials}: {at_least}");
            assert!((at_most - TAIL).abs() < 1e-6, "{hits} of {trials}: {at_most}");
        }
    }

    #[test]
    fn nothing_and_everything_have_one_sided_ends() {
        let none = rate(0, 29);
        assert_eq!(none.low, 0.0);
        assert!((none.high - (1.0 - TAIL.powf(1.0 / 29.0))).abs() < 1e-9, "{none:?}");
        let all = rate(29, 29);
        assert_eq!(all.high, 1.0);
        assert!((all.low - TAIL.powf(1.0 / 29.0)).abs() < 1e-9, "{all:?}");
        assert_eq!(Rate::of(&[]), None);
    }

    #[test]
    fn guessing_is_never_above_chance_and_knowing_is() {
        for subjects in [4, 10, 29, 137] {
            let chance = 1.0 / subjects as f64;
            assert!(!Rate::of(&vec![chance; subjects]).unwrap().is_above(chance));
            assert!(rate(subjects, subjects).is_above(chance));
        }
    }

    /// With two or three people not even a perfect attack could be told from luck.
    #[test]
    fn too_few_tracks_tell_nothing() {
        assert!(!rate(2, 2).is_above(0.5) && !rate(3, 3).is_above(1.0 / 3.0));
    }
}
