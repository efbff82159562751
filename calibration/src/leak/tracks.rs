//! Faces over time: how many tracks have at least one frame in which the face leaked.
//!
//! A viewer needs one clear frame, so that a track is the unit that counts. Tracks are independent cases, or nearly, and
//! the interval beside their share is Wilson's (1927); that of the bootstrap stands beside it where some leaked and some did
//! not.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde::Serialize;

use super::report::{HEIGHTS, Row, in_order};
use crate::bootstrap::{Bootstrap, Interval, Part, wilson};
use crate::labels::Track;

/// Faces over time.
#[derive(Debug, Clone, Serialize)]
pub struct Tracks {
    /// How many.
    pub n: usize,
    /// Of these, with at least one frame in which the face leaked.
    pub with_any_leaked_frame: usize,
    /// The interval of their share, as [`Bootstrap::of_quotient`] finds it: `ci95` where none or all of them leaked.
    pub interval: Option<Interval>,
    /// Its Wilson interval.
    pub ci95: [f64; 2],
    /// The most labelled frames of one track that leaked in a row.
    pub longest_leak_run_frames: usize,
    /// The same, of each track only the frames in which the face has this height in pixels. A face that comes nearer is
    /// in several rows.
    #[serde(serialize_with = "in_order")]
    pub by_height: Vec<(String, TrackGroup)>,
    /// The same for 16 pixels and more: smaller faces can hardly be told apart by people.
    pub at_least_16: TrackGroup,
}

/// Some of the tracks.
#[derive(Debug, Clone, Serialize)]
pub struct TrackGroup {
    /// How many.
    pub n: usize,
    /// Of these, with at least one frame in which the face leaked.
    pub with_any_leaked_frame: usize,
    /// The share of them.
    pub leak_rate: Option<f64>,
    /// Its Wilson interval; of no tracks anything from 0 to 1.
    pub ci95: [f64; 2],
}

/// What is drawn as a whole. Track names are unique in a folder of a label file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Unit<'a> {
    Track(&'a Arc<Path>, &'a Path, &'a Track),
    Picture(&'a Arc<Path>, usize),
}

impl Tracks {
    /// `None` when no label has a track.
    pub(super) fn new(rows: &[Row<'_>], threshold: f64, bootstrap: Bootstrap) -> Option<Self> {
        let tracks = frames_of_tracks(rows, threshold, 0.0..f64::INFINITY);
        if tracks.is_empty() {
            return None;
        }
        let parts: Vec<Part> =
            tracks.values().map(|frames| Part { count: f64::from(u8::from(any(frames))), among: 1.0 }).collect();
        let longest = |frames: &Vec<bool>| frames.split(|leaked| !leaked).map(<[bool]>::len).max().unwrap_or(0);
        let of_height = |from, to| TrackGroup::new(&frames_of_tracks(rows, threshold, from..to));
        let all = TrackGroup::new(&tracks);
        Some(Self {
            n: all.n,
            with_any_leaked_frame: all.with_any_leaked_frame,
            interval: bootstrap.of_quotient(&parts),
            ci95: all.ci95,
            longest_leak_run_frames: tracks.values().map(longest).max().unwrap_or(0),
            by_height: HEIGHTS.iter().map(|&(name, from, to)| (name.to_owned(), of_height(from, to))).collect(),
            at_least_16: of_height(16.0, f64::INFINITY),
        })
    }
}

impl TrackGroup {
    fn new(tracks: &BTreeMap<&Unit<'_>, Vec<bool>>) -> Self {
        let (n, leaked) = (tracks.len(), tracks.values().filter(|frames| any(frames)).count());
        let leak_rate = (n > 0).then(|| leaked as f64 / n as f64);
        Self { n, with_any_leaked_frame: leaked, leak_rate, ci95: wilson(leaked as f64, n) }
    }
}

/// For each track, in the order of its frames, whether the face leaked; of faces of these heights only.
fn frames_of_tracks<'r>(
    rows: &'r [Row<'_>],
    threshold: f64,
    heights: std::ops::Range<f64>,
) -> BTreeMap<&'r Unit<'r>, Vec<bool>> {
    let mut tracks: BTreeMap<&Unit<'_>, Vec<bool>> = BTreeMap::new();
    let in_a_track = rows.iter().filter(|row| matches!(row.unit, Unit::Track(..)));
    for row in in_a_track.filter(|row| heights.contains(&row.measured.target.h)) {
        tracks.entry(&row.unit).or_default().push(row.redacted() < threshold);
    }
    tracks
}

fn any(frames: &[bool]) -> bool {
    frames.contains(&true)
}
