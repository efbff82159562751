//! Runs the networks once for each picture and detail, and counts what each score would hide.
//!
//! **Invariant:** of the masks of a picture, those of a lower score contain those of a higher one: what is found is only
//! added to, and the redactor's masks only grow by it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use frostglass_models::{DetectError, Detector, ModelError, Runtime, face_detector};
use frostglass_vault::{Detection, Format, Picture};

use super::{Curve, Curves, Point, Probe, Settings, word};
use crate::bootstrap::Part;
use crate::footage::{Clip, Footage, FootageError, Shot};
use crate::labels::{Labelled, Target, Track};
use crate::leak::{self, LeakError, check_size, free_pixels, pixels_of_box};

/// Why no curve can be drawn.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// Recall over nothing is no number.
    #[error(
        "no face {smallest} pixels high or higher is labelled in the {pictures} pictures: there is nothing to find"
    )]
    NoFaces {
        /// Pictures that were looked at.
        pictures: usize,
        /// The least height.
        smallest: f64,
    },
    /// Pictures that can not be had.
    #[error(transparent)]
    Footage(#[from] FootageError),
    /// Labels of other pictures.
    #[error(transparent)]
    Labels(#[from] LeakError),
    /// A network that can not be loaded.
    #[error("the face network")]
    Model(#[from] ModelError),
    /// A network that gave no answer.
    #[error("{picture}: the face network gave no answer at detail {detail}")]
    Detect {
        /// The label's name for the picture.
        picture: String,
        /// Which detail.
        detail: &'static str,
        /// What it said.
        source: Box<DetectError>,
    },
}

/// Looks at each labelled picture with each detail. `pictures` is a folder, a clip or one picture; `done` is called
/// after each look.
///
/// # Errors
/// Pictures that are not there or are not those that were labelled; networks that can not be loaded or give no answer;
/// labels without a face that counts.
pub fn sweep(
    runtime: &Runtime,
    labels: &[Labelled],
    pictures: &Path,
    settings: &Settings,
    done: &dyn Fn(),
) -> Result<Curves, SweepError> {
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let mut looks = Vec::new();
    for &detail in &settings.details {
        let network = face_detector(runtime, &settings.setup(detail, threads))?;
        looks.push(Look { detail: word(detail), network, tallies: vec![Tally::default(); settings.scores.len()] });
    }
    let mut footage = Footage::open(pictures, labels, "labelled pictures")?;
    let mut probe: Option<Probe> = None;
    let (mut seen, mut missing) = (0, 0);
    for label in labels {
        let mut show = |picture: &Picture<'_>, file: PathBuf| {
            let scene = Scene::new(label, picture.format(), &file, settings)?;
            let probe = match &mut probe {
                Some(probe) if probe.format() == picture.format() => probe,
                other => other.insert(Probe::new(picture.format(), settings.style, settings.margin)),
            };
            for look in &mut looks {
                look.at(picture, &scene, probe, settings)?;
                done();
            }
            Ok::<(), SweepError>(())
        };
        let shown = match &mut footage {
            Footage::Clip(clip) => clip.look(|picture| show(picture, pictures.to_owned()))?,
            folder @ Footage::Folder(_) => match folder.next_shot(label)? {
                Shot::File(file) => Clip::open(&file)?.look(|picture| show(picture, file.clone()))?,
                Shot::Frame(_) | Shot::Absent => None,
            },
        };
        match shown {
            Some(shown) => {
                shown?;
                seen += 1;
            }
            None => missing += 1,
        }
    }
    footage.check_end(labels.len(), true)?;
    curves(&looks, settings, seen, missing)
}

/// One detail, and what it came to at each score.
struct Look {
    detail: &'static str,
    network: Box<dyn Detector>,
    tallies: Vec<Tally>,
}

/// What one score hides.
#[derive(Debug, Clone, Default)]
struct Tally {
    faces: BTreeMap<Unit, Part>,
    painted: usize,
    free: usize,
}

/// What fails together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Unit {
    Track(PathBuf, PathBuf, Track),
    Picture(PathBuf, usize),
}

/// What is labelled in a picture.
struct Scene<'a> {
    label: &'a Labelled,
    /// Faces that count: what they stand and fall with, and left, top, right and bottom in pixels.
    faces: Vec<(Unit, [usize; 4])>,
    free: Vec<bool>,
    width: usize,
}

impl<'a> Scene<'a> {
    fn new(label: &'a Labelled, format: Format, file: &Path, settings: &Settings) -> Result<Self, SweepError> {
        let (width, height) = (format.size.width as usize, format.size.height as usize);
        let Labelled { record, place } = label;
        check_size(record, place, file, [width, height])?;
        let counts = |target: &&Target| !target.ignore && target.h >= settings.smallest;
        let unit = |target: &Target| match &target.track {
            Some(track) => {
                let folder = Path::new(&record.image).parent().unwrap_or(Path::new("")).to_owned();
                Unit::Track(place.file.to_path_buf(), folder, track.clone())
            }
            None => Unit::Picture(place.file.to_path_buf(), place.line),
        };
        let faces = record.faces.iter().filter(counts);
        let faces = faces.filter_map(|target| Some((unit(target), pixels_of_box(target, width, height)?))).collect();
        let leak = leak::Settings { margin: settings.spared, ..leak::Settings::default() };
        Ok(Self { label, faces, free: free_pixels(record, leak, width, height), width })
    }
}

impl Look {
    fn at(
        &mut self,
        picture: &Picture<'_>,
        scene: &Scene<'_>,
        probe: &mut Probe,
        settings: &Settings,
    ) -> Result<(), SweepError> {
        let mut found = Vec::new();
        self.network.detect(picture, &mut found).map_err(|source| SweepError::Detect {
            picture: scene.label.record.image.clone(),
            detail: self.detail,
            source: Box::new(source),
        })?;
        let mut mask = vec![false; scene.free.len()];
        let mut counted: Option<(usize, Counts)> = None;
        // From the highest score down, so that masks are added to.
        for (tally, &score) in self.tallies.iter_mut().zip(&settings.scores).rev() {
            let reach: Vec<Detection> = found.iter().filter(|seen| seen.score.value() >= score).copied().collect();
            let counts = match counted.take() {
                Some((before, counts)) if before == reach.len() => counts,
                _ => {
                    probe.paint(&reach, &mut mask);
                    Counts::new(scene, &mask, settings.hidden)
                }
            };
            tally.add(scene, &counts);
            counted = Some((reach.len(), counts));
        }
        Ok(())
    }
}

/// What one mask hides of a scene.
struct Counts {
    hidden: Vec<bool>,
    painted: usize,
    free: usize,
}

impl Counts {
    fn new(scene: &Scene<'_>, mask: &[bool], wanted: f64) -> Self {
        let hidden = |&[left, top, right, bottom]: &[usize; 4]| {
            let rows = mask.chunks_exact(scene.width).take(bottom).skip(top);
            let hidden: usize = rows.map(|row| row[left..right].iter().filter(|&&masked| masked).count()).sum();
            hidden as f64 >= wanted * ((right - left) * (bottom - top)) as f64
        };
        let free = scene.free.iter().zip(mask).filter(|&(&free, _)| free);
        Self {
            hidden: scene.faces.iter().map(|(_, face)| hidden(face)).collect(),
            painted: free.clone().filter(|&(_, &masked)| masked).count(),
            free: free.count(),
        }
    }
}

impl Tally {
    fn add(&mut self, scene: &Scene<'_>, counts: &Counts) {
        for ((unit, _), &hidden) in scene.faces.iter().zip(&counts.hidden) {
            let part = self.faces.entry(unit.clone()).or_default();
            part.count += f64::from(u8::from(hidden));
            part.among += 1.0;
        }
        self.painted += counts.painted;
        self.free += counts.free;
    }
}

fn curves(looks: &[Look], settings: &Settings, pictures: usize, missing: usize) -> Result<Curves, SweepError> {
    let any = looks.first().and_then(|look| look.tallies.first());
    let faces = any.map_or(0.0, |tally| tally.faces.values().map(|part| part.among).sum());
    if faces == 0.0 {
        return Err(SweepError::NoFaces { pictures, smallest: settings.smallest });
    }
    let tracks = any.is_some_and(|tally| tally.faces.keys().any(|unit| matches!(unit, Unit::Track(..))));
    let point = |tally: &Tally, score: f32| {
        let parts: Vec<Part> = tally.faces.values().copied().collect();
        let hidden: f64 = parts.iter().map(|part| part.count).sum();
        Point {
            score,
            hidden: count(hidden),
            recall: hidden / faces,
            recall_interval: settings.bootstrap.of_quotient(&parts),
            over_redaction: tally.painted as f64 / tally.free.max(1) as f64,
        }
    };
    let curve = |look: &Look| Curve {
        detail: look.detail,
        points: look.tallies.iter().zip(&settings.scores).map(|(tally, &score)| point(tally, score)).collect(),
    };
    Ok(Curves {
        pictures,
        missing,
        faces: count(faces),
        smallest: settings.smallest,
        bootstrap_units: if tracks { "tracks" } else { "pictures" },
        curves: looks.iter().map(curve).collect(),
    })
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a sum of ones")]
fn count(sum: f64) -> usize {
    sum as usize
}
