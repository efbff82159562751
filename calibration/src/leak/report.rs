//! The figures that a measurement comes to: by size of the face and by whatever else the labels know; by track, see
//! `tracks`.
//!
//! **Invariant:** a rate over nothing is absent (`null`), never 0.
//!
//! Two intervals stand beside a rate. `ci95` is Wilson's (1927) and takes each face for itself, as if it were a case of its
//! own. The other draws whole tracks (or pictures), which is what fails together; where none or all of the faces leaked, it
//! is Wilson's over these tracks (or pictures), of fewer than thirty it is never narrower than that, and of a single one there is
//! none. Its `method` says which.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Serialize, Serializer};

use super::tracks::{Tracks, Unit};
use super::{Beside, Counted, MISSED, Measured, MeasuredBox, MeasuredPicture, Settings};
use crate::bootstrap::{Bootstrap, Interval, Part, quantile, wilson};

/// All figures of a measurement. As JSON it has the names that `leak_eval.py` gave them, and some more.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Labels whose original is there.
    pub images: usize,
    /// Labels whose original is not.
    pub orig_missing: usize,
    /// Pictures without a redacted one: nothing leaked, nothing was shown.
    pub suppressed_frames: usize,
    /// Of these, labelled frames after the end of a redacted clip.
    pub ended_early: usize,
    /// Boxes that are blank in the original and unchanged.
    pub undecidable: usize,
    /// `faces` or `persons`.
    pub target: &'static str,
    /// A box of which less was changed is leaked.
    pub thr: f64,
    /// A box of which less was changed is missed.
    pub missed_thr: f64,
    /// Growth of boxes for over-redaction, in shares of their size.
    pub margin: f64,
    /// Rounds of the bootstrap.
    pub bootstrap_rounds: usize,
    /// Its seed.
    pub bootstrap_seed: u64,
    /// What was drawn for rates: `tracks` where labels have them, else `pictures`.
    pub bootstrap_units: &'static str,
    /// All boxes.
    pub overall: Group,
    /// By height of the box in pixels.
    #[serde(serialize_with = "in_order")]
    pub by_height: Vec<(String, Group)>,
    /// Those of 16 pixels and more.
    pub at_least_16: Group,
    /// By attribute and its value, where the labels have few values for one.
    pub by_attr: BTreeMap<String, BTreeMap<String, Group>>,
    /// Where labels have tracks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tracks: Option<Tracks>,
    /// Where there is at least one redacted picture with free pixels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub over_redaction: Option<OverRedaction>,
}

/// Some of the boxes.
#[derive(Debug, Clone, Serialize)]
pub struct Group {
    /// How many.
    pub n: usize,
    /// Of these, leaked.
    pub leaked: usize,
    /// The share of them.
    pub leak_rate: Option<f64>,
    /// The same of 10,000: of so many faces (of a clip: faces in frames), so many leak.
    pub leaked_per_10000: Option<f64>,
    /// Its Wilson interval, each box for itself; of no boxes anything from 0 to 1.
    pub ci95: [f64; 2],
    /// Its interval over tracks or pictures, as [`Bootstrap::of_quotient`] finds it.
    pub leak_interval: Option<Interval>,
    /// The share that leaks when the ellipse in the box is looked at.
    pub leak_rate_ellipse: Option<f64>,
    /// Of all, missed.
    pub missed: usize,
    /// The share of them.
    pub missed_rate: Option<f64>,
    /// Its interval over tracks or pictures.
    pub missed_interval: Option<Interval>,
    /// How much of a box was changed on average.
    pub mean_redacted: Option<f64>,
}

/// What was redacted and should not have been.
#[derive(Debug, Clone, Serialize)]
pub struct OverRedaction {
    /// Of all pixels outside of boxes and zones, the share that was altered.
    pub share_of_non_target_pixels: f64,
    /// Its interval over pictures, as [`Bootstrap::of_quotient`] finds it.
    pub interval: Option<Interval>,
    /// The median of the pictures' own shares.
    pub median_per_frame: f64,
    /// Pictures with more than 1 % altered.
    pub frames_above_1pct: usize,
}

/// Attributes that say how a label was made, not what the face is like.
const NOT_SHOWN: [&str; 2] = ["orig_h", "invalid"];
/// An attribute with more values is a measure, not a kind.
const MOST_VALUES: usize = 12;

impl Measured {
    /// Sums up.
    pub fn report(&self) -> Report {
        let Settings { counted, threshold, margin, bootstrap } = self.settings;
        let rows: Vec<Row<'_>> = self.pictures.iter().flat_map(Row::of_picture).collect();
        let group = |rows: &[&Row<'_>]| Group::new(rows, threshold, bootstrap);
        let all: Vec<&Row<'_>> = rows.iter().collect();
        let tracks = Tracks::new(&rows, threshold, bootstrap);
        Report {
            images: self.pictures.len(),
            orig_missing: self.originals_missing,
            suppressed_frames: self.pictures.iter().filter(|picture| picture.beside.is_none()).count(),
            ended_early: self.ended_early,
            undecidable: self.pictures.iter().map(|picture| picture.undecidable).sum(),
            target: match counted {
                Counted::Faces => "faces",
                Counted::Persons => "persons",
            },
            thr: threshold,
            missed_thr: MISSED,
            margin,
            bootstrap_rounds: bootstrap.rounds,
            bootstrap_seed: bootstrap.seed,
            bootstrap_units: if tracks.is_some() { "tracks" } else { "pictures" },
            overall: group(&all),
            by_height: by_height(&all).into_iter().map(|(name, rows)| (name.to_owned(), group(&rows))).collect(),
            at_least_16: group(&all.iter().copied().filter(|row| row.measured.target.h >= 16.0).collect::<Vec<_>>()),
            by_attr: by_attribute(&all)
                .into_iter()
                .map(|(name, values)| (name, values.into_iter().map(|(value, rows)| (value, group(&rows))).collect()))
                .collect(),
            tracks,
            over_redaction: OverRedaction::new(&self.pictures, bootstrap),
        }
    }

    /// Whether this box leaked.
    pub fn is_leaked(&self, measured: &MeasuredBox) -> bool {
        measured.redacted.of_box < self.settings.threshold
    }
}

/// A box, and what it stands and falls with.
pub(super) struct Row<'a> {
    pub(super) unit: Unit<'a>,
    pub(super) measured: &'a MeasuredBox,
}

impl<'a> Row<'a> {
    pub(super) fn of_picture(picture: &'a MeasuredPicture) -> impl Iterator<Item = Self> {
        picture.boxes.iter().map(move |measured| {
            let file = &picture.place.file;
            let folder = Path::new(&picture.image).parent().unwrap_or(Path::new(""));
            let unit = match &measured.target.track {
                Some(track) => Unit::Track(file, folder, track),
                None => Unit::Picture(file, picture.place.line),
            };
            Self { unit, measured }
        })
    }

    pub(super) fn redacted(&self) -> f64 {
        self.measured.redacted.of_box
    }
}

impl Group {
    fn new(rows: &[&Row<'_>], threshold: f64, bootstrap: Bootstrap) -> Self {
        let count = |is: &dyn Fn(&Row<'_>) -> bool| rows.iter().filter(|row| is(row)).count();
        let n = rows.len();
        let rate = |count: usize| (n > 0).then(|| count as f64 / n as f64);
        let interval = |is: &dyn Fn(&Row<'_>) -> bool| bootstrap.of_quotient(&parts(rows, is));
        let is_leaked = |row: &Row<'_>| row.redacted() < threshold;
        let is_missed = |row: &Row<'_>| row.redacted() < MISSED;
        let (leaked, missed) = (count(&is_leaked), count(&is_missed));
        Self {
            n,
            leaked,
            leak_rate: rate(leaked),
            leaked_per_10000: rate(leaked).map(|rate| 10_000.0 * rate),
            ci95: wilson(leaked as f64, n),
            leak_interval: interval(&is_leaked),
            leak_rate_ellipse: rate(count(&|row| row.measured.redacted.of_ellipse < threshold)),
            missed,
            missed_rate: rate(missed),
            missed_interval: interval(&is_missed),
            mean_redacted: (n > 0).then(|| rows.iter().map(|row| row.redacted()).sum::<f64>() / n as f64),
        }
    }
}

/// What each unit adds to a rate.
fn parts(rows: &[&Row<'_>], is: &dyn Fn(&Row<'_>) -> bool) -> Vec<Part> {
    let mut units: BTreeMap<&Unit<'_>, Part> = BTreeMap::new();
    for row in rows {
        let part = units.entry(&row.unit).or_default();
        part.count += if is(row) { 1.0 } else { 0.0 };
        part.among += 1.0;
    }
    units.into_values().collect()
}

impl OverRedaction {
    fn new(pictures: &[MeasuredPicture], bootstrap: Bootstrap) -> Option<Self> {
        let beside: Vec<Beside> = pictures.iter().filter_map(|picture| picture.beside).collect();
        let (altered, pixels) = beside.iter().fold((0, 0), |(a, p), one| (a + one.altered, p + one.pixels));
        let parts: Vec<Part> =
            beside.iter().map(|one| Part { count: one.altered as f64, among: one.pixels as f64 }).collect();
        let mut shares: Vec<f64> = beside.iter().map(|one| one.altered as f64 / one.pixels.max(1) as f64).collect();
        shares.sort_by(f64::total_cmp);
        let median_per_frame = quantile(&shares, 0.5)?;
        (pixels > 0).then(|| Self {
            share_of_non_target_pixels: altered as f64 / pixels as f64,
            interval: bootstrap.of_quotient(&parts),
            median_per_frame,
            frames_above_1pct: shares.iter().filter(|&&share| share > 0.01).count(),
        })
    }
}

/// Height in pixels: from, to (not included).
pub(super) const HEIGHTS: [(&str, f64, f64); 4] =
    [("<16", 0.0, 16.0), ("16-32", 16.0, 32.0), ("32-64", 32.0, 64.0), (">=64", 64.0, f64::INFINITY)];

fn by_height<'r, 'a>(rows: &[&'r Row<'a>]) -> Vec<(&'static str, Vec<&'r Row<'a>>)> {
    let within =
        |from: f64, to: f64| rows.iter().copied().filter(move |row| (from..to).contains(&row.measured.target.h));
    HEIGHTS.iter().map(|&(name, from, to)| (name, within(from, to).collect())).collect()
}

fn by_attribute<'r, 'a>(rows: &[&'r Row<'a>]) -> BTreeMap<String, BTreeMap<String, Vec<&'r Row<'a>>>> {
    let mut attributes: BTreeMap<String, BTreeMap<String, Vec<&'r Row<'a>>>> = BTreeMap::new();
    for &row in rows {
        for (name, value) in &row.measured.target.attrs {
            let value = match value {
                serde_json::Value::Bool(_) => value.to_string(),
                serde_json::Value::Number(number) if !number.is_f64() => value.to_string(),
                serde_json::Value::String(word) => word.clone(),
                _ => continue,
            };
            if !NOT_SHOWN.contains(&name.as_str()) {
                attributes.entry(name.clone()).or_default().entry(value).or_default().push(row);
            }
        }
    }
    attributes.retain(|_, values| values.len() <= MOST_VALUES);
    attributes
}

/// Groups as an object whose keys keep their order.
pub(super) fn in_order<S: Serializer, G: Serialize>(groups: &[(String, G)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(groups.iter().map(|(name, group)| (name, group)))
}
