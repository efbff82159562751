//! The setting that meets a wanted recall at the least over-redaction.
//!
//! **Invariant:** what is recommended was measured as it will run, with the network's own threshold at the very score: at
//! a lower threshold other boxes may be merged, so that a point of a curve is a good guess and no proof.

use std::fmt;
use std::path::Path;

use frostglass_models::{Detail, Runtime};

use super::{Curves, Point, Settings, SweepError, sweep, word};
use crate::labels::Labelled;

/// A point of a curve that reaches the wanted recall.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// How closely to look.
    pub detail: Detail,
    /// The score and what it came to.
    pub point: Point,
}

/// A setting that was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    /// The setting, and what it came to when it was run at its score.
    pub found: Candidate,
    /// The recall that was wanted.
    pub wanted: f64,
    /// The faces it was measured on.
    pub faces: usize,
    /// The growth of boxes that it was measured with.
    pub margin: f32,
}

/// The points that reach a recall, that with the least over-redaction first. Where as much is painted, to the hundredth of a
/// percent that people are shown, the faster detail comes first, then the higher recall, then the higher score: a score at
/// the edge of a cliff saves nothing.
#[must_use]
pub fn candidates(curves: &Curves, settings: &Settings, wanted: f64) -> Vec<Candidate> {
    let all = settings.details.iter().zip(&curves.curves);
    let all = all.flat_map(|(&detail, curve)| curve.points.iter().map(move |&point| Candidate { detail, point }));
    let mut reach: Vec<Candidate> = all.filter(|candidate| candidate.point.recall >= wanted).collect();
    let cost = |detail: Detail| match detail {
        Detail::Fast => 0,
        Detail::Balanced => 1,
        Detail::Thorough => 2,
    };
    reach.sort_by(|a, b| {
        let shown = |point: &Point| (point.over_redaction * 10_000.0).round();
        let over = shown(&a.point).total_cmp(&shown(&b.point));
        let safer = b.point.recall.total_cmp(&a.point.recall);
        over.then(cost(a.detail).cmp(&cost(b.detail))).then(safer).then(b.point.score.total_cmp(&a.point.score))
    });
    reach
}

impl Choice {
    /// Runs the candidates, the best first, until one keeps what its curve promised; `None` when none does. `done` is
    /// called after each picture.
    ///
    /// # Errors
    /// As of [`sweep()`].
    pub fn confirm(
        candidates: &[Candidate],
        wanted: f64,
        runtime: &Runtime,
        labels: &[Labelled],
        pictures: &Path,
        settings: &Settings,
        done: &dyn Fn(),
    ) -> Result<Option<Self>, SweepError> {
        for &Candidate { detail, point } in candidates {
            let one = Settings { details: vec![detail], scores: vec![point.score], ..settings.clone() };
            let run = sweep(runtime, labels, pictures, &one, done)?;
            let point = run.curves.first().and_then(|curve| curve.points.first()).copied();
            if let Some(point) = point.filter(|point| point.recall >= wanted) {
                let found = Candidate { detail, point };
                return Ok(Some(Self { found, wanted, faces: run.faces, margin: settings.margin }));
            }
        }
        Ok(None)
    }
}

impl fmt::Display for Choice {
    /// As TOML, for the configuration of Frostglass.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Candidate { detail, point } = self.found;
        // Rounded down: 0.9499 is not 0.95.
        let recall = (point.recall * 1000.0).floor() / 10.0;
        writeln!(
            f,
            "# Hides {recall:.1} % of {} labelled faces ({:.1} % were wanted) and paints {:.2} % of the rest, with margin = {}.",
            self.faces,
            self.wanted * 100.0,
            point.over_redaction * 100.0,
            self.margin
        )?;
        if let Some(interval) = point.recall_interval {
            writeln!(f, "# On other pictures like these: {} % (95 %).", interval.written(100.0, 1))?;
        }
        writeln!(f, "[faces]")?;
        writeln!(f, "detail = \"{}\"", word(detail))?;
        writeln!(f, "score = {}", point.score)
    }
}

#[cfg(test)]
mod tests {
    use frostglass::config::Config;

    use super::super::Curve;
    use super::*;

    fn point(score: f32, recall: f64, over_redaction: f64) -> Point {
        Point { score, hidden: 0, recall, recall_interval: None, over_redaction }
    }

    fn curves() -> (Curves, Settings) {
        let curve = |detail, points: &[Point]| Curve { detail, points: points.to_vec() };
        let curves = Curves {
            pictures: 1,
            missing: 0,
            faces: 100,
            smallest: 0.0,
            bootstrap_units: "pictures",
            curves: vec![
                curve("fast", &[point(0.2, 0.9, 0.01), point(0.4, 0.8, 0.002)]),
                curve("thorough", &[point(0.2, 0.97, 0.02), point(0.4, 0.9, 0.01)]),
            ],
        };
        let details = vec![Detail::Fast, Detail::Thorough];
        (curves, Settings { details, ..Settings::of(&Config::default_for_files(), false) })
    }

    #[test]
    fn the_least_over_redaction_wins_then_the_faster_detail() {
        let (curves, settings) = curves();
        let best = |wanted| candidates(&curves, &settings, wanted).first().map(|best| (best.detail, best.point.score));
        assert_eq!(best(0.8), Some((Detail::Fast, 0.4)));
        assert_eq!(best(0.9), Some((Detail::Fast, 0.2)));
        assert_eq!(best(0.95), Some((Detail::Thorough, 0.2)));
        assert_eq!(best(0.98), None);
    }

    #[test]
    fn of_scores_that_paint_as_much_the_safer_one_is_taken() {
        let (mut curves, settings) = curves();
        curves.curves[0].points =
            vec![point(0.5, 1.0, 0.000_01), point(0.8, 1.0, 0.000_005), point(0.85, 0.99, 0.000_001)];
        let best = candidates(&curves, &settings, 0.95)[0];
        assert_eq!((best.detail, best.point.score), (Detail::Fast, 0.8));
    }

    #[test]
    fn what_is_written_is_a_configuration() {
        let (curves, settings) = curves();
        let found = candidates(&curves, &settings, 0.95)[0];
        let text = Choice { found, wanted: 0.95, faces: 100, margin: 0.5 }.to_string();
        let config = Config::prove(&text, "snippet", Path::new(".")).unwrap_or_else(|fault| panic!("{text}: {fault}"));
        assert_eq!(config.faces.score, 0.2);
        assert_eq!(config.faces.detail, Some(frostglass::config::Detail::Thorough));
        assert!(text.starts_with("# Hides 97.0 % of 100 labelled faces (95.0 % were wanted)"), "{text}");
    }
}
