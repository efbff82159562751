//! The curve between the user's score and a network's own threshold.

/// Straight lines between points, rising in both directions from a score of 0 to a score of 1.
#[derive(Clone, Debug, PartialEq, serde::Deserialize)]
#[serde(try_from = "Vec<[f32; 2]>")]
pub(crate) struct Curve {
    points: Vec<[f32; 2]>,
}

impl TryFrom<Vec<[f32; 2]>> for Curve {
    type Error = String;

    fn try_from(points: Vec<[f32; 2]>) -> Result<Self, String> {
        let rising = points.windows(2).all(|pair| pair[0][0] < pair[1][0] && pair[0][1] < pair[1][1]);
        let whole = points.first().is_some_and(|first| first[0] == 0.0 && first[1] >= 0.0)
            && points.last().is_some_and(|last| last[0] == 1.0);
        if rising && whole { Ok(Self { points }) } else { Err("a curve rises from score 0 to score 1".to_owned()) }
    }
}

impl Curve {
    /// The network's threshold for a user's score in `0..=1`.
    pub(crate) fn raw(&self, score: f32) -> f32 {
        self.along(score, 0, 1)
    }

    /// The user's score, in `0..=1`, for what a network answered.
    pub(crate) fn score(&self, raw: f32) -> f32 {
        self.along(raw, 1, 0).clamp(0.0, 1.0)
    }

    fn along(&self, value: f32, from: usize, to: usize) -> f32 {
        let (first, last) = (self.points[0], self.points[self.points.len() - 1]);
        if value <= first[from] {
            return first[to];
        }
        let segment = self.points.windows(2).find(|pair| value <= pair[1][from]);
        segment.map_or(last[to], |pair| {
            let share = (value - pair[0][from]) / (pair[1][from] - pair[0][from]);
            pair[0][to] + share * (pair[1][to] - pair[0][to])
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Family;
    use crate::network::catalogue::Entry;
    use proptest::prelude::*;

    #[test]
    fn half_is_the_recommended_threshold_of_each_network() {
        for (family, recommended) in [(Family::YuNet, 0.6), (Family::CenterFace, 0.35), (Family::EfficientDet, 0.35)] {
            assert_eq!(Entry::of(family).unwrap().curve.raw(0.5), recommended);
        }
    }

    #[test]
    fn a_curve_that_does_not_rise_from_0_to_1_is_refused() {
        let refused: [&[[f32; 2]]; 4] =
            [&[], &[[0.0, 0.1]], &[[0.0, 0.5], [1.0, 0.5]], &[[0.0, f32::NAN], [0.5, 0.5], [1.0, 1.0]]];
        for points in refused {
            assert!(Curve::try_from(points.to_vec()).is_err(), "{points:?}");
        }
    }

    proptest! {
        #[test]
        fn a_score_survives_the_way_there_and_back(score in 0.0f32..=1.0) {
            for family in [Family::YuNet, Family::CenterFace, Family::EfficientDet] {
                let curve = Entry::of(family).unwrap().curve;
                prop_assert!((curve.score(curve.raw(score)) - score).abs() < 1e-5);
            }
        }
    }
}
