//! Which `score` and `detail` to choose: recall against over-redaction, on the user's own labelled pictures.
//!
//! **Recall** is the share of labelled faces of which at least 0.9 of the box is under a mask; **over-redaction** the
//! share of pixels under a mask that are no labelled face grown by a margin and no zone. Both are `leak`'s definitions,
//! taken from the masks instead of from the pixels, so that a lower score can never lower recall.
//!
//! Measured are the face networks on each picture, or each frame of a clip, alone, at any detail. Tracks, look-ahead and heads
//! of persons are not part of the curves: they hide more than this, and paint more, which `leak` measures. The tracks of the
//! labels only say which faces fail together. Codecs and the style have no part in it. Pictures are looked at as `redact`
//! looks at them: frames as a camera's, stills with all their further looks at `thorough`.
//!
//! **Invariant:** the masks are those that the redactor itself paints: see `mask`. How a setting is chosen is `choose`'s
//! business, how it is drawn `chart`'s.

mod chart;
mod choose;
mod mask;
mod sweep;
mod table;

use frostglass::config::{Config, Leisure};
use frostglass_models::{Detail, FaceSetup, NetworkFile};
use frostglass_vault::Style;
use serde::Serialize;

pub use self::chart::{ChartError, svg};
pub use self::choose::{Candidate, Choice, candidates};
pub use self::mask::Probe;
pub use self::sweep::{SweepError, sweep};
use crate::bootstrap::{Bootstrap, Interval};

/// The scores of a curve: 0.05 to 0.95.
pub const SCORES: [f32; 19] =
    [0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95];

/// What is measured, and how.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The face networks.
    pub networks: Vec<NetworkFile>,
    /// Those for `thorough` when the pictures are stills; `None` when they are frames of a clip.
    pub stills: Option<Vec<NetworkFile>>,
    /// How faces are painted over.
    pub style: Style,
    /// Growth of boxes, as `[faces] margin`.
    pub margin: f32,
    /// Which curves.
    pub details: Vec<Detail>,
    /// At which scores, rising, in `0..=1`.
    pub scores: Vec<f32>,
    /// A face of which a smaller share of the box is hidden is not found; 0 to 1.
    pub hidden: f64,
    /// A box grows by this share of its size on each side before what is redacted beside it counts as too much; ≥ 0.
    pub spared: f64,
    /// Faces that are lower do not count towards recall, in pixels.
    pub smallest: f64,
    /// How intervals are drawn.
    pub bootstrap: Bootstrap,
}

impl Settings {
    /// With the networks, the style and the margin of a config, everything else as `leak` has it. The pictures are stills, or
    /// frames, which are looked at as a camera's are.
    #[must_use]
    pub fn of(config: &Config, stills: bool) -> Self {
        let faces = &config.faces;
        Self {
            networks: faces.model.files(Leisure::Little),
            stills: stills.then(|| faces.model.files(Leisure::Still)),
            style: faces.style,
            margin: faces.margin,
            details: vec![Detail::Fast, Detail::Balanced, Detail::Thorough],
            scores: SCORES.to_vec(),
            hidden: 0.9,
            spared: 0.5,
            smallest: 0.0,
            bootstrap: Bootstrap::default(),
        }
    }

    fn setup(&self, detail: Detail, threads: usize) -> FaceSetup {
        let score = self.scores.iter().copied().fold(1.0, f32::min);
        let stills = self.stills.as_ref().filter(|_| detail == Detail::Thorough);
        let networks = stills.unwrap_or(&self.networks).clone();
        FaceSetup { networks, detail, score, threads, stills: stills.is_some() }
    }
}

/// The curves of all details.
#[derive(Debug, Clone, Serialize)]
pub struct Curves {
    /// Pictures that were looked at.
    pub pictures: usize,
    /// Labels whose picture is not there.
    pub missing: usize,
    /// Labelled faces that count.
    pub faces: usize,
    /// Faces below this height do not, in pixels.
    pub smallest: f64,
    /// What was drawn for intervals: `tracks` where labels have them, else `pictures`.
    pub bootstrap_units: &'static str,
    /// One for each detail, in the order that was asked for.
    pub curves: Vec<Curve>,
}

/// The curve of one detail.
#[derive(Debug, Clone, Serialize)]
pub struct Curve {
    /// `fast`, `balanced` or `thorough`.
    pub detail: &'static str,
    /// Its points, in the order of the scores.
    pub points: Vec<Point>,
}

/// What one setting comes to.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Point {
    /// `[faces] score`.
    pub score: f32,
    /// Faces that are hidden.
    pub hidden: usize,
    /// The share of them.
    pub recall: f64,
    /// Its interval, as [`Bootstrap::of_quotient`] finds it: none of a single track or picture.
    pub recall_interval: Option<Interval>,
    /// The share of what is no face and no zone that is painted.
    pub over_redaction: f64,
}

/// The word for a detail in a config.
#[must_use]
pub fn word(detail: Detail) -> &'static str {
    match detail {
        Detail::Fast => "fast",
        Detail::Balanced => "balanced",
        Detail::Thorough => "thorough",
    }
}
