//! The course of the attack: gallery first, then frame by frame, then what was put together over each track.

use std::collections::BTreeMap;
use std::path::Path;

use frostglass_vault::{Area, Style};

use super::cast::{Cast, Sighting, faces, used};
use super::crop::{Crop, Face, Grid, Sum, in_window};
use super::frames::{Frame, read, refuse_one_picture};
use super::masks::{Painter, found};
use super::matching::{Credit, Features, rank_first};
use super::network::{Embedder, NetworkError};
use super::report::{Against, Faces, Key, Probes, Report, Uncovered};
use super::{ReidentifyError, Settings};
use crate::labels::Labelled;

/// Attacks the labelled faces of a folder of pictures, or of a clip, in each style. `done` is called after each frame.
///
/// # Errors
/// A single picture, labels without two people who are seen twice, frames that do not fit them or can not be read, a
/// network that fails.
pub fn attack(
    labels: &[Labelled],
    original: &Path,
    network: &mut Embedder,
    settings: Settings,
    done: &dyn Fn(),
) -> Result<Report, ReidentifyError> {
    refuse_one_picture(original)?;
    let used = used(labels, settings.choice);
    let cast = Cast::of(labels, &used, settings.choice)?;
    let frames = read(labels, original, &used)?;
    let labelled: Vec<Vec<Face>> = used.iter().map(|&index| faces(&labels[index])).collect();
    let masked: Vec<Vec<Area>> = frames
        .iter()
        .zip(&labelled)
        .zip(0_u64..)
        .map(|((frame, faces), index)| found(faces, frame, settings.jitter, settings.seed ^ ((index + 1) << 20)))
        .collect();
    let mut scene = Scene { cast: &cast, frames: &frames, masked: &masked, network, settings };

    let donors = cast.ring(settings.seed);
    let mut rows = BTreeMap::new();
    let mut uncovered = Vec::new();
    let originals = scene.gallery(None)?;
    for style in [None, Some(Style::Blur), Some(Style::Solid), Some(Style::Mosaic)] {
        let redacted = if style.is_some() { Some(scene.gallery(style)?) } else { None };
        let galleries = Galleries { originals: &originals, redacted: redacted.as_deref() };
        let left = scene.attack(style, &donors, &galleries, &mut rows, done)?;
        uncovered.extend(style.map(|style| Uncovered { style: name(Some(style)), ..left }));
    }
    Ok(Report::new(&cast, used.len(), settings, rows, uncovered))
}

/// How a style is called; the unredacted control is `clear`.
fn name(style: Option<Style>) -> &'static str {
    match style {
        None => "clear",
        Some(Style::Blur) => "blur",
        Some(Style::Solid) => "solid",
        Some(Style::Mosaic) => "mosaic",
    }
}

/// What the attacker compares with, one entry for each person.
struct Galleries<'a> {
    originals: &'a [Features],
    redacted: Option<&'a [Features]>,
}

/// All that an attack looks at.
struct Scene<'a> {
    cast: &'a Cast,
    frames: &'a [Frame],
    /// The boxes that were found in each frame.
    masked: &'a [Vec<Area>],
    network: &'a mut Embedder,
    settings: Settings,
}

/// What was put together of one person.
struct Collected {
    average: Sum,
    union: Sum,
}

/// For each row and person, the credits of all that was attacked.
type Rows = BTreeMap<Key, Vec<Vec<Credit>>>;

impl Scene<'_> {
    /// What everybody's gallery faces look like, in their own places, clear or in a style.
    fn gallery(&mut self, style: Option<Style>) -> Result<Vec<Features>, NetworkError> {
        let zoom = self.settings.zoom;
        let mut painter = style.map(|style| Painter::new(style, self.settings.margin));
        let mut features = vec![Vec::new(); self.cast.people.len()];
        let mut sums = vec![Sum::new(self.network.side()); self.cast.people.len()];
        for (index, frame) in self.frames.iter().enumerate() {
            let seen = sightings(self.cast.people.iter().map(|person| &person.gallery), index);
            if seen.is_empty() {
                continue;
            }
            let shown = painter.as_mut().map(|painter| painter.redact(frame, &self.masked[index]));
            for (person, sighting) in seen {
                let crop = Crop::of(shown.as_ref().unwrap_or(frame), sighting.face, self.network.side(), zoom);
                let crop = crop.windowed(zoom);
                sums[person].add(&crop, std::iter::repeat_n(true, crop.side() * crop.side()));
                features[person].push(Features::of(&crop, zoom, self.network)?);
            }
        }
        let people = features.iter().zip(&sums);
        Ok(people.map(|(features, sum)| Features::of_person(features, &sum.mean(), zoom)).collect())
    }

    /// Attacks one style, and tells how much of the faces was ever uncovered.
    fn attack(
        &mut self,
        style: Option<Style>,
        donors: &[usize],
        galleries: &Galleries<'_>,
        rows: &mut Rows,
        done: &dyn Fn(),
    ) -> Result<Uncovered, ReidentifyError> {
        let (zoom, side, people) = (self.settings.zoom, self.network.side(), self.cast.people.len());
        let mut painter = style.map(|style| Painter::new(style, self.settings.margin));
        let nothing = || Collected { average: Sum::new(side), union: Sum::new(side) };
        let mut collected: Vec<[Collected; 2]> = (0..people).map(|_| [nothing(), nothing()]).collect();
        let mut left = Uncovered::default();
        for (index, frame) in self.frames.iter().enumerate() {
            let seen = sightings(self.cast.people.iter().map(|person| &person.probes), index);
            done();
            if seen.is_empty() {
                continue;
            }
            let exchanged = self.cast.exchanged(self.frames, index, donors);
            let boxes = &self.masked[index];
            let through = painter.as_mut().map(|painter| painter.uncovered(frame, boxes, self.settings.seed));
            let shown = [frame, &exchanged].map(|frame| match painter.as_mut() {
                Some(painter) => painter.redact(frame, boxes),
                None => frame.clone(),
            });
            left.frames += 1;
            left.same_bytes += usize::from(shown[0] == shown[1]);
            for (person, sighting) in seen {
                let uncovered = seen_through(through.as_deref(), frame, sighting.face, side, zoom);
                for (faces, shown) in Faces::BOTH.into_iter().zip(&shown) {
                    let crop = Crop::of(shown, sighting.face, side, zoom);
                    let both = &mut collected[person][faces as usize];
                    both.union.add(&crop, uncovered.iter().copied());
                    let crop = crop.windowed(zoom);
                    both.average.add(&crop, std::iter::repeat_n(true, side * side));
                    let probe = Features::of(&crop, zoom, self.network)?;
                    let truth = if faces == Faces::Exchanged { donors[person] } else { person };
                    let key = Key { faces, style: name(style), against: Against::Originals, probes: Probes::Single };
                    match_both(rows, key, people, person, &probe, truth, galleries);
                }
            }
        }
        let mut shares = Vec::new();
        for (person, both) in collected.iter().enumerate() {
            for (faces, Collected { average, union }) in Faces::BOTH.into_iter().zip(both) {
                let truth = if faces == Faces::Exchanged { donors[person] } else { person };
                let probe = Features::of(&average.mean(), zoom, self.network)?;
                let key = Key { faces, style: name(style), against: Against::Originals, probes: Probes::Average };
                match_both(rows, key, people, person, &probe, truth, galleries);

                let seen: Vec<bool> = union.seen().collect();
                let key = Key { probes: Probes::Union, ..key };
                let credit = if seen.contains(&true) {
                    let probe = Features::of_seen(&union.mean(), &seen, zoom, self.network)?;
                    rank_first(&probe, galleries.originals, truth)
                } else {
                    // Nothing to go by: whoever names somebody, guesses.
                    Credit { network: self.cast.chance(), pixels: self.cast.chance() }
                };
                note(rows, key, people, person, credit);
                let window: Vec<usize> =
                    (0..side * side).filter(|at| in_window(at % side, at / side, side, zoom)).collect();
                shares.push(window.iter().filter(|&&at| seen[at]).count() as f64 / window.len().max(1) as f64);
            }
        }
        left.share_of_face = shares.iter().sum::<f64>() / shares.len().max(1) as f64;
        Ok(left)
    }
}

fn match_both(
    rows: &mut Rows,
    key: Key,
    people: usize,
    person: usize,
    probe: &Features,
    truth: usize,
    galleries: &Galleries<'_>,
) {
    note(rows, key, people, person, rank_first(probe, galleries.originals, truth));
    if let Some(redacted) = galleries.redacted {
        note(rows, Key { against: Against::Redacted, ..key }, people, person, rank_first(probe, redacted, truth));
    }
}

fn note(rows: &mut Rows, key: Key, people: usize, person: usize, credit: Credit) {
    rows.entry(key).or_insert_with(|| vec![Vec::new(); people])[person].push(credit);
}

/// Who is seen in a frame, and where.
fn sightings<'a>(all: impl Iterator<Item = &'a Vec<Sighting>>, frame: usize) -> Vec<(usize, Sighting)> {
    let in_frame = |(person, seen): (usize, &Vec<Sighting>)| {
        seen.iter().find(|sighting| sighting.frame == frame).map(|&sighting| (person, sighting))
    };
    all.enumerate().filter_map(in_frame).collect()
}

/// Which pixels of a crop show one that got through; without masks, all do.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked before")]
fn seen_through(through: Option<&[bool]>, frame: &Frame, face: Face, side: usize, zoom: f32) -> Vec<bool> {
    let (width, height) = (frame.format.size.width as f32, frame.format.size.height as f32);
    let grid = Grid::new(face, side, zoom);
    let seen = |(column, row): (usize, usize)| {
        let (x, y) = grid.at(column as f32, row as f32);
        let inside = x >= 0.0 && y >= 0.0 && x < width && y < height;
        inside && through.is_none_or(|through| through[y as usize * width as usize + x as usize])
    };
    grid.cells().map(seen).collect()
}
