//! The figures of an attack, for people and as JSON.
//!
//! **Invariant.** A style never stands at chance in a report whose control failed: then nothing was shown.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::Settings;
use super::cast::Cast;
use super::matching::Credit;
use super::stats::Rate;

/// Whether people keep their faces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Faces {
    /// Each face is in its own place: light and surroundings help the attacker.
    InPlace,
    /// Each face is in somebody else's place: whose face it is, only the face can tell.
    Exchanged,
}

impl Faces {
    pub(super) const BOTH: [Self; 2] = [Self::InPlace, Self::Exchanged];
}

/// What the attacker compares with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Against {
    /// Clear faces from earlier frames.
    Originals,
    /// The same faces, redacted as what is attacked.
    Redacted,
}

/// What the attacker has of each person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Probes {
    /// One frame after the other.
    Single,
    /// The mean of all frames, laid over one another by the labelled boxes.
    Average,
    /// All pixels in and around the face that were uncovered in any frame.
    Union,
}

/// Which figure it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) faces: Faces,
    pub(super) style: &'static str,
    pub(super) against: Against,
    pub(super) probes: Probes,
}

/// How often the right person was named first.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Row {
    /// Whether people keep their faces.
    pub faces: Faces,
    /// `clear` (the control), `blur`, `solid` or `mosaic`.
    pub style: &'static str,
    /// What it was compared with.
    pub against: Against,
    /// What was compared.
    pub probes: Probes,
    /// By the user's network.
    pub network: Rate,
    /// By correlation of coarse luma.
    pub pixels: Rate,
    /// The better of both.
    pub rank1: f64,
    /// The interval of either lies above chance.
    pub above_chance: bool,
}

/// What masks left uncovered.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Uncovered {
    /// The style.
    pub style: &'static str,
    /// Mean share of a face that was uncovered in any frame.
    pub share_of_face: f64,
    /// Redacted frames in which somebody was attacked.
    pub frames: usize,
    /// Of these, those which are byte for byte the same after faces were exchanged.
    pub same_bytes: usize,
}

/// All figures of an attack.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// People in the gallery, all of whom are attacked.
    pub people: usize,
    /// One in so many.
    pub chance: f64,
    /// Frames that were used.
    pub frames: usize,
    /// Faces in the gallery.
    pub gallery: usize,
    /// Faces that were attacked.
    pub probes: usize,
    /// Faces that were redacted but not attacked: no track, too small, cut off, or ignored.
    pub left_out: usize,
    /// Tracks seen only once.
    pub too_short: usize,
    /// Growth of the boxes.
    pub margin: f32,
    /// How far edges of boxes were off, in shares of the box.
    pub jitter: f32,
    /// Side of the square that was looked at, in sizes of the face.
    pub zoom: f32,
    /// Where the generator started.
    pub seed: u64,
    /// Whether unredacted faces were matched far above chance; if not, no other figure means anything.
    pub control_passed: bool,
    /// All figures.
    pub rows: Vec<Row>,
    /// What masks left uncovered.
    pub uncovered: Vec<Uncovered>,
}

/// An attack that matches fewer clear faces than this is broken.
const CONTROL: f64 = 0.5;

impl Report {
    pub(super) fn new(
        cast: &Cast,
        frames: usize,
        settings: Settings,
        figures: BTreeMap<Key, Vec<Vec<Credit>>>,
        uncovered: Vec<Uncovered>,
    ) -> Self {
        let chance = cast.chance();
        let rows: Vec<Row> = figures.iter().filter_map(|(&key, people)| row(key, people, chance)).collect();
        // What the user brings is on trial; the pixels only ever add to it.
        let is_matched = |row: &Row| row.network.rate >= CONTROL && row.network.is_above(chance);
        let mut controls = rows.iter().filter(|row| row.style == "clear" && row.probes != Probes::Union).peekable();
        Self {
            people: cast.people.len(),
            chance,
            frames,
            gallery: cast.people.iter().map(|person| person.gallery.len()).sum(),
            probes: cast.people.iter().map(|person| person.probes.len()).sum(),
            left_out: cast.left_out,
            too_short: cast.too_short,
            margin: settings.margin,
            jitter: settings.jitter,
            zoom: settings.zoom,
            seed: settings.seed,
            control_passed: controls.peek().is_some() && controls.all(is_matched),
            rows,
            uncovered,
        }
    }

    /// One figure.
    pub fn row(&self, faces: Faces, style: &str, against: Against, probes: Probes) -> Option<&Row> {
        self.rows
            .iter()
            .find(|row| row.faces == faces && row.style == style && row.against == against && row.probes == probes)
    }
}

/// Each person counts once, however many frames there are: frames of one track are matched alike.
fn row(key: Key, people: &[Vec<Credit>], chance: f64) -> Option<Row> {
    let Key { faces, style, against, probes } = key;
    let rate = |of: fn(&Credit) -> f64| {
        let seen = people.iter().filter(|credits| !credits.is_empty());
        let mean = |credits: &Vec<Credit>| credits.iter().map(of).sum::<f64>() / credits.len() as f64;
        Rate::of(&seen.map(mean).collect::<Vec<_>>())
    };
    let (network, pixels) = (rate(|credit| credit.network)?, rate(|credit| credit.pixels)?);
    let above_chance = network.is_above(chance) || pixels.is_above(chance);
    Some(Row { faces, style, against, probes, network, pixels, rank1: network.rate.max(pixels.rate), above_chance })
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { people, frames, gallery, probes, left_out, too_short, .. } = self;
        let chance = 100.0 * self.chance;
        writeln!(
            f,
            "{people} people in {frames} frames, {gallery} faces known, {probes} attacked; chance is {chance:.1} %"
        )?;
        writeln!(f, "left out: {left_out} faces, {too_short} tracks seen once")?;
        for faces in [Faces::Exchanged, Faces::InPlace] {
            let what = match faces {
                Faces::Exchanged => "faces exchanged: a match is one of the face",
                Faces::InPlace => "faces in their places: surroundings and light help",
            };
            writeln!(f, "\n{what}")?;
            writeln!(
                f,
                "{:8}{:11}{:9}{:24}{:24}",
                "style", "against", "probes", "network, rank 1 in %", "pixels, rank 1 in %"
            )?;
            for style in ["clear", "blur", "solid", "mosaic"] {
                for row in self.rows.iter().filter(|row| row.faces == faces && row.style == style) {
                    self.write_row(f, row)?;
                }
            }
        }
        writeln!(f)?;
        for Uncovered { style, share_of_face, frames, same_bytes } in &self.uncovered {
            let share = 100.0 * share_of_face;
            write!(f, "{style:8}{share:.1} % of the faces were ever uncovered; ")?;
            writeln!(f, "{same_bytes} of {frames} frames are the same bytes with faces exchanged")?;
        }
        if self.control_passed {
            writeln!(f, "control: clear faces are matched far above chance")
        } else {
            writeln!(f, "control: FAILED, clear faces are not matched far above chance; no figure here means anything")
        }
    }
}

impl Report {
    fn write_row(&self, f: &mut fmt::Formatter<'_>, row: &Row) -> fmt::Result {
        let against = match row.against {
            Against::Originals => "originals",
            Against::Redacted => "redacted",
        };
        let probes = match row.probes {
            Probes::Single => "single",
            Probes::Average => "average",
            Probes::Union => "union",
        };
        let shown = |Rate { rate, low, high, .. }: Rate| {
            format!("{:.1} ({:.1} to {:.1})", 100.0 * rate, 100.0 * low, 100.0 * high)
        };
        let verdict = match (row.style, row.above_chance) {
            ("clear", _) => "control",
            _ if !self.control_passed => "no verdict",
            (_, true) => "above chance",
            (_, false) => "at chance",
        };
        let (network, pixels) = (shown(row.network), shown(row.pixels));
        writeln!(f, "{:8}{against:11}{probes:9}{network:24}{pixels:24}{verdict}", row.style)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> Key {
        Key { faces: Faces::Exchanged, style: "blur", against: Against::Originals, probes: Probes::Single }
    }

    fn credit(network: f64, pixels: f64) -> Credit {
        Credit { network, pixels }
    }

    #[test]
    fn somebody_who_is_seen_often_counts_once() {
        let people =
            [vec![credit(1.0, 0.0); 97], vec![credit(0.0, 0.0)], vec![credit(0.0, 0.0)], vec![credit(0.0, 0.0)]];
        let row = row(key(), &people, 0.25).unwrap();
        assert_eq!((row.network.rate, row.network.tracks, row.rank1), (0.25, 4, 0.25));
        assert!(!row.above_chance);
    }

    #[test]
    fn the_better_attacker_decides() {
        let people = vec![vec![credit(0.0, 1.0)]; 20];
        let row = row(key(), &people, 0.05).unwrap();
        assert_eq!(row.rank1, 1.0);
        assert!(row.above_chance);
    }
}
