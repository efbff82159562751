//! From what was written to what is true: every value in its range, or a fault that points at it.

use std::collections::HashSet;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use frostglass_vault::{Outline, OutlineError, PersonRule, Style, ZoneStyle};
use toml::Spanned;

use super::fault::Fault;
use super::file::{ConfigFile, EmitFile, ModelFile, PersonRuleFile, StyleFile, ZoneFile, ZoneStyleFile};
use super::{
    Camera, CameraSource, Config, Emit, Events, FaceModel, Faces, Family, Hold, NamedZone, PersonModel, Persons, Target,
};
use crate::event::{LONGEST_NAME, MOST_ZONES};
use crate::record::place::Place;

/// Proves a file; relative paths start at `folder`.
pub(super) fn prove(file: ConfigFile, folder: &Path) -> Result<Config, Vec<Fault>> {
    let mut proof = Proof { faults: Vec::new(), folder };
    let ConfigFile { camera, faces, persons, moving, hold, zone, events, emit, record, log } = file;
    let config = Config {
        camera: Camera {
            source: camera.source.map(|source| match source.get_ref().as_str() {
                "auto" => CameraSource::Auto,
                path => CameraSource::Path(proof.path(source.span(), Path::new(path))),
            }),
            width: proof.whole(&camera.width, 16..=16_384, "pixels"),
            height: proof.whole(&camera.height, 16..=16_384, "pixels"),
            fps: proof.whole(&camera.fps, 1..=240, "frames a second"),
            format: camera.format,
            rotate: proof.rotation(&camera.rotate),
            repeat: camera.repeat,
        },
        faces: Faces {
            model: faces.model.as_ref().map_or(FaceModel::Fitting, |model| proof.face_model(model)),
            detail: faces.detail,
            style: match faces.redact {
                StyleFile::Blur => Style::Blur,
                StyleFile::Mosaic => Style::Mosaic,
                StyleFile::Solid => Style::Solid,
            },
            score: proof.share(&faces.score, 1.0),
            margin: proof.share(&faces.margin, 4.0),
        },
        persons: Persons {
            model: proof.person_model(&persons.model),
            rule: match persons.redact {
                PersonRuleFile::Head => PersonRule::Head,
                PersonRuleFile::Body => PersonRule::Body,
                PersonRuleFile::None => PersonRule::None,
            },
            every: proof.whole(&persons.every, 1..=1000, "frames"),
        },
        moving: moving.redact,
        hold: Hold {
            frames: proof.whole(&hold.frames, 0..=15, "frames") as usize,
            linger: proof.whole(&hold.linger, 0..=10_000, "frames"),
            deadline: Duration::from_millis(u64::from(proof.whole(&hold.deadline_ms, 1..=60_000, "milliseconds"))),
            may_lower_detail: hold.may_lower_detail,
        },
        zones: proof.zones(zone),
        events: Events {
            motion: events.motion,
            sensitivity: proof.share(&events.sensitivity, 1.0),
            cooldown: Duration::from_secs_f32(proof.share(&events.cooldown_s, 86_400.0)),
        },
        emit: proof.emit(emit),
        record: record.policy.map(|path| proof.record(path.span(), path.get_ref())),
        log_level: proof.level(&log.level),
    };
    // In the order in which they stand in the file.
    proof.faults.sort_by_key(|fault| fault.span.start);
    if proof.faults.is_empty() { Ok(config) } else { Err(proof.faults) }
}

/// Collects faults, so that the owner sees them all at once.
struct Proof<'a> {
    faults: Vec<Fault>,
    folder: &'a Path,
}

impl Proof<'_> {
    fn fault(&mut self, span: Range<usize>, what: impl Into<String>, help: impl Into<String>) {
        self.faults.push(Fault { span, what: what.into(), help: help.into() });
    }

    fn path(&mut self, span: Range<usize>, path: &Path) -> PathBuf {
        // Joined to the folder, an empty path would mean that folder: its pictures replayed, or others written into it.
        if path.as_os_str().is_empty() {
            self.fault(span, "the path is empty", "name a file or folder, or leave the key out");
        } else if path.as_os_str().as_encoded_bytes().contains(&0) {
            self.fault(span, "the path contains a NUL character", "no file system knows such a name");
        }
        self.folder.join(path)
    }

    fn record(&mut self, span: Range<usize>, path: &Path) -> PathBuf {
        if Place::is_of_its_own_key(path) {
            let help = "its key lies beside it under this very name: give it another ending, such as .jsonl";
            self.fault(span.clone(), "a record's name ends as that of its key does", help);
        }
        self.path(span, path)
    }

    fn whole(&mut self, value: &Spanned<i64>, range: std::ops::RangeInclusive<u32>, unit: &str) -> u32 {
        let (low, high) = (*range.start(), *range.end());
        match u32::try_from(*value.get_ref()) {
            Ok(number) if range.contains(&number) => number,
            _ => {
                self.fault(
                    value.span(),
                    format!("{} is out of range", value.get_ref()),
                    format!("expected {low} to {high} {unit}"),
                );
                low
            }
        }
    }

    /// A finite number in `0..=most`.
    fn share(&mut self, value: &Spanned<f64>, most: f64) -> f32 {
        if (0.0..=most).contains(value.get_ref()) {
            return *value.get_ref() as f32;
        }
        self.fault(value.span(), format!("{} is out of range", value.get_ref()), format!("expected 0 to {most}"));
        0.0
    }

    fn rotation(&mut self, value: &Spanned<i64>) -> u32 {
        match *value.get_ref() {
            0 => 0,
            90 => 90,
            180 => 180,
            270 => 270,
            other => {
                self.fault(value.span(), format!("{other} is no quarter turn"), "expected 0, 90, 180 or 270");
                0
            }
        }
    }

    fn level(&mut self, level: &Spanned<String>) -> String {
        if !["error", "warn", "info", "debug", "trace"].contains(&level.get_ref().as_str()) {
            let what = format!("`{}` is no log level", level.get_ref());
            self.fault(level.span(), what, "expected error, warn, info, debug or trace");
        }
        level.get_ref().clone()
    }

    fn face_model(&mut self, model: &Spanned<ModelFile>) -> FaceModel {
        const NAMES: &str = "expected yunet, centerface, both, or { family = \"yunet\", path = \"own.onnx\" }";
        match model.get_ref() {
            ModelFile::Name(name) => match name.as_str() {
                "yunet" => return FaceModel::YuNet,
                "centerface" => return FaceModel::CenterFace,
                "both" => return FaceModel::Both,
                other => self.fault(model.span(), format!("`{other}` is no face network"), NAMES),
            },
            ModelFile::Own(own) => match own.family.as_str() {
                "yunet" => return FaceModel::Own { family: Family::YuNet, path: self.path(model.span(), &own.path) },
                "centerface" => {
                    return FaceModel::Own { family: Family::CenterFace, path: self.path(model.span(), &own.path) };
                }
                other => {
                    let what = format!("`{other}` is no family of face networks");
                    self.fault(model.span(), what, "expected family = \"yunet\" or \"centerface\"");
                }
            },
        }
        FaceModel::YuNet
    }

    fn person_model(&mut self, model: &Spanned<ModelFile>) -> PersonModel {
        match model.get_ref() {
            ModelFile::Name(name) if name == "efficientdet" => {}
            ModelFile::Own(own) if own.family == "efficientdet" => {
                return PersonModel::Own { family: Family::EfficientDet, path: self.path(model.span(), &own.path) };
            }
            ModelFile::Name(other) => {
                let help = "expected efficientdet, or { family = \"efficientdet\", path = \"own.onnx\" }";
                self.fault(model.span(), format!("`{other}` is no person network"), help);
            }
            ModelFile::Own(own) => {
                let what = format!("`{}` is no family of person networks", own.family);
                self.fault(model.span(), what, "expected family = \"efficientdet\"");
            }
        }
        PersonModel::EfficientDet
    }

    fn zones(&mut self, zones: Vec<ZoneFile>) -> Vec<NamedZone> {
        let mut names = HashSet::new();
        let mut proved = Vec::new();
        for (number, zone) in zones.into_iter().enumerate() {
            let ZoneFile { name, rule, outline, style } = zone;
            let span = name.as_ref().map_or(outline.span(), Spanned::span);
            let name = name.map_or_else(|| format!("zone {}", number + 1), Spanned::into_inner);
            if name.trim().is_empty() {
                self.fault(span.clone(), "a zone's name is empty", "events tell it by its name");
            } else if name.len() > LONGEST_NAME || name.chars().any(char::is_control) {
                // An event with such a text is believed by nobody.
                let what = "a zone's name is too long, or has line breaks or other control characters";
                let help = format!("events tell it by its name: one line of at most {LONGEST_NAME} bytes");
                self.fault(span.clone(), what, help);
            }
            if number == MOST_ZONES {
                let help = format!("an event has room for the names of {MOST_ZONES}");
                self.fault(span.clone(), "there are too many zones", help);
            }
            if !names.insert(name.clone()) {
                let what = format!("two zones are called `{name}`");
                self.fault(span, what, "events tell zones by their names: each needs its own");
            }
            let style = match style {
                ZoneStyleFile::Solid => ZoneStyle::Solid,
                ZoneStyleFile::Blur => ZoneStyle::Blur,
            };
            if let Some(outline) = self.outline(&outline) {
                proved.push(NamedZone { name, rule, outline, style });
            }
        }
        proved
    }

    fn outline(&mut self, corners: &Spanned<Vec<Spanned<Vec<f64>>>>) -> Option<Outline> {
        let mut rounded = Vec::with_capacity(corners.get_ref().len());
        for corner in corners.get_ref() {
            // A fixed array would be read without a word about further numbers, and a lost bracket would lose a corner.
            let &[x, y] = corner.get_ref().as_slice() else {
                let what = format!("a corner of {} numbers", corner.get_ref().len());
                self.fault(corner.span(), what, "expected two, from the left and from the top: [0.62, 0.10]");
                return None;
            };
            // Checked before it is rounded: 1.00000001 is outside, however an f32 sees it.
            if ![x, y].iter().all(|share| (0.0..=1.0).contains(share)) {
                let help = "corners are shares of width and height, each 0 to 1: [0, 0] is the top left corner";
                self.fault(corner.span(), format!("the corner [{x}, {y}] is outside the picture"), help);
                return None;
            }
            rounded.push([x as f32, y as f32]);
        }
        let what = match Outline::new(&rounded) {
            Ok(outline) => return Some(outline),
            Err(OutlineError::TooFewCorners) => format!("an outline of {} corners encloses nothing", rounded.len()),
            Err(OutlineError::OutsideThePicture(corner)) => format!("corner {corner} is outside the picture"),
            Err(OutlineError::Flat) => "all corners lie on one line, so that nothing would be hidden".to_owned(),
        };
        self.fault(corners.span(), what, "expected at least three corners that enclose an area");
        None
    }

    fn emit(&mut self, emit: EmitFile) -> Emit {
        let streams = [&emit.jsonl, &emit.y4m];
        let to_stdout: Vec<_> = streams.into_iter().flatten().filter(|target| target.get_ref() == "-").collect();
        if let [_, second] = to_stdout.as_slice() {
            let help = "two streams in one would be unreadable: give one of them a file";
            self.fault(second.span(), "standard output is for one sink only", help);
        }
        let target = |proof: &mut Self, target: &Spanned<String>| match target.get_ref().as_str() {
            "-" => Target::Stdout,
            path => Target::File(proof.path(target.span(), Path::new(path))),
        };
        let http = emit.http.as_ref().and_then(|address| match address.get_ref().parse() {
            Ok(address) => Some(address),
            Err(_) => {
                let what = format!("`{}` is no address", address.get_ref());
                self.fault(address.span(), what, "expected an address and a port, such as 127.0.0.1:8080");
                None
            }
        });
        Emit {
            jsonl: emit.jsonl.as_ref().map(|path| target(self, path)),
            pictures: emit.pictures.map(|path| self.path(path.span(), path.get_ref())),
            pictures_every: self.whole(&emit.pictures_every, 1..=1_000_000, "frames"),
            pictures_max_mib: u64::from(self.whole(&emit.pictures_max_mib, 0..=1_000_000_000, "MiB")),
            y4m: emit.y4m.as_ref().map(|path| target(self, path)),
            loopback: emit.loopback.map(|path| self.path(path.span(), path.get_ref())),
            http,
        }
    }
}
