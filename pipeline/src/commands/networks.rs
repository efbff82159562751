//! From a config to networks that are loaded and have proved themselves.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use frostglass_models::{Detail, FaceSetup, NetworkFile, Runtime, face_detector, person_detector};
use frostglass_vault::{Format, PersonRule, Policy, Zone};

use crate::config::{self, Config, Leisure, ZoneRule};
use crate::hold::Limits;
use crate::inspect::motion::{Watch, WatchSettings};
use crate::inspect::{Inspector, SELDOM};

/// What the networks look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Medium {
    /// Single pictures: `thorough` unless the config says otherwise, persons on each.
    Stills,
    /// Clips that are files: `balanced` unless the config says otherwise, persons on each n-th frame.
    Clips,
    /// Cameras, and clips in the place of one: the same, with as few networks as will do.
    Live,
}

impl Medium {
    fn moves(self) -> bool {
        self != Self::Stills
    }
}

/// The engine and the names of the networks that a config asks for.
pub(crate) struct Networks {
    runtime: Runtime,
    faces: FaceSetup,
    persons: Option<NetworkFile>,
    every: u32,
    may_lower: bool,
}

impl Networks {
    /// Finds the inference engine, and says when something of it is not the pinned one.
    pub(crate) fn find(config: &Config, medium: Medium) -> anyhow::Result<Self> {
        let runtime = Runtime::load()?;
        if !runtime.is_pinned() {
            let (path, hash) = (runtime.path().display(), runtime.sha256());
            eprintln!("frostglass: note: using ONNX Runtime from {path} (SHA-256 {hash}), which is not pinned");
        }
        let faces = FaceSetup {
            networks: face_networks(config, medium),
            detail: detail(config, medium),
            score: config.faces.score,
            threads: 1,
            stills: medium == Medium::Stills,
        };
        let persons = person_network(config, medium);
        for own in faces.networks.iter().chain(&persons).filter(|network| !network.is_pinned()) {
            let file = own.card()?.file;
            eprintln!("frostglass: note: {file} is your own network: its hash is not pinned");
        }
        let every = match medium {
            Medium::Stills => 1,
            Medium::Clips | Medium::Live => config.persons.every,
        };
        let may_lower = config.hold.may_lower_detail && medium.moves();
        Ok(Self { runtime, faces, persons, every, may_lower })
    }

    /// Networks of the owner's own, which are read when they are loaded.
    pub(crate) fn own_files(&self) -> Vec<PathBuf> {
        let all = self.faces.networks.iter().chain(&self.persons);
        let own = all.filter_map(|network| match network {
            NetworkFile::Own { path, .. } => Some(path.clone()),
            NetworkFile::Bundled(_) => None,
        });
        own.collect()
    }

    /// Loads the networks, each of which must find what is in its test picture.
    pub(crate) fn inspector(&self, threads: usize) -> anyhow::Result<Inspector> {
        let setup = FaceSetup { threads, ..self.faces.clone() };
        let mut inspector = Inspector::new(face_detector(&self.runtime, &setup).context("the face network")?);
        if self.may_lower {
            let (wish, below) = match setup.detail {
                Detail::Fast => ("fast", &[][..]),
                Detail::Balanced => ("balanced", &[("fast", Detail::Fast)][..]),
                Detail::Thorough => ("thorough", &[("balanced", Detail::Balanced), ("fast", Detail::Fast)][..]),
            };
            let lower = below.iter().map(|&(word, detail)| {
                let setup = FaceSetup { detail, ..setup.clone() };
                Ok((word, face_detector(&self.runtime, &setup).context("the face network")?))
            });
            inspector = inspector.with_ladder(wish, lower.collect::<anyhow::Result<_>>()?);
        }
        match &self.persons {
            None => Ok(inspector),
            Some(network) => {
                let persons = person_detector(&self.runtime, network, threads).context("the person network")?;
                Ok(inspector.with_persons(persons, self.every))
            }
        }
    }
}

/// How many threads a network may use when nothing else runs.
pub(crate) fn all_cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// What the redactor has to do.
pub(crate) fn policy(config: &Config) -> Policy {
    Policy { style: config.faces.style, persons: config.persons.rule, margin: config.faces.margin }
}

/// How long the frames of a camera are held, and how far tracks reach.
pub(crate) fn live_limits(config: &Config, frame_time: Duration) -> Limits {
    // Under overload, persons may be looked for less often than the owner wished.
    let seldom = if config.hold.may_lower_detail { SELDOM } else { 1 };
    Limits {
        look_ahead: config.hold.frames,
        deadline: config.hold.deadline,
        frame_time,
        linger: config.hold.linger as usize,
        persons_every: config.persons.every as usize * seldom as usize,
        heads_only: config.persons.rule == PersonRule::Head,
        margin: config.faces.margin,
        warm_up: config.masked_start(),
    }
}

/// The same for a file, which is known far ahead: as many frames as fit into [`WINDOW_BYTES`], at most [`WINDOW_FRAMES`], and
/// no fewer than a camera's.
pub(crate) fn file_limits(config: &Config, format: Format, deadline: Duration, frame_time: Duration) -> Limits {
    let fit = (WINDOW_BYTES / format.bytes().max(1)).min(WINDOW_FRAMES);
    let live = live_limits(config, frame_time);
    Limits { look_ahead: live.look_ahead.max(fit), deadline, warm_up: 0, ..live }
}

/// Memory for the frames of a clip that are looked ahead.
const WINDOW_BYTES: usize = 96 << 20;
/// Tracks do not reach farther.
const WINDOW_FRAMES: usize = 48;

/// The zones that are painted over.
pub(crate) fn hidden_zones(config: &Config) -> Vec<Zone> {
    let hidden = config.zones.iter().filter(|zone| zone.rule == ZoneRule::Hide);
    hidden.map(|zone| Zone { outline: zone.outline.clone(), style: zone.style }).collect()
}

/// An eye on what moves: for events, if the config wants them and `told` says that they are wanted here, and for what is
/// hidden because it moves.
pub(crate) fn with_watch(inspector: Inspector, config: &Config, format: Format, told: bool) -> Inspector {
    let told = told && config.events.motion;
    if !told && !config.moving {
        return inspector;
    }
    let settings = WatchSettings { motion: told, ..WatchSettings::of(config) };
    let inspector = inspector.with_watch(Watch::new(settings, format));
    if config.moving { inspector.with_hidden_motion() } else { inspector }
}

/// How closely faces are looked for.
pub(crate) fn detail(config: &Config, medium: Medium) -> Detail {
    match (config.faces.detail, medium) {
        (Some(config::Detail::Fast), _) => Detail::Fast,
        (Some(config::Detail::Balanced), _) | (None, Medium::Clips | Medium::Live) => Detail::Balanced,
        (Some(config::Detail::Thorough), _) | (None, Medium::Stills) => Detail::Thorough,
    }
}

/// The files of the face networks.
pub(crate) fn face_networks(config: &Config, medium: Medium) -> Vec<NetworkFile> {
    config.faces.model.files(match (medium, detail(config, medium)) {
        (Medium::Stills, Detail::Thorough) => Leisure::Still,
        (Medium::Clips, Detail::Balanced | Detail::Thorough) => Leisure::Clip,
        _ => Leisure::Little,
    })
}

/// The file of the person network, if anything is asked of it.
fn person_network(config: &Config, medium: Medium) -> Option<NetworkFile> {
    let wanted = config.persons.rule != PersonRule::None || (medium.moves() && config.events.motion);
    wanted.then(|| config.persons.model.file())
}

/// The files of all networks that a camera loads.
pub(crate) fn live_networks(config: &Config) -> impl Iterator<Item = NetworkFile> {
    face_networks(config, Medium::Live).into_iter().chain(person_network(config, Medium::Live))
}

#[cfg(test)]
mod tests {
    use frostglass_vault::{Chroma, Colour, Format, Size};

    use super::*;

    #[test]
    fn cameras_and_clips_begin_masked_and_files_do_not() {
        let folder = tempfile::tempdir().unwrap();
        let limits = |source: &str| {
            let config = Config::prove(source, "test", folder.path()).unwrap();
            let format = Format { size: Size::new(640, 360), chroma: Chroma::Full, colour: Colour::Rgb };
            let (second, frame) = (Duration::from_secs(1), Duration::from_millis(40));
            let (live, file) = (live_limits(&config, frame), file_limits(&config, format, second, frame));
            assert!(file.look_ahead >= live.look_ahead);
            (live.warm_up, file.warm_up)
        };
        assert_eq!(limits("[camera]\nsource = \"/dev/video0\""), (8, 0));
        assert_eq!(limits("[camera]\nsource = \"auto\""), (8, 0));
        assert_eq!(limits("[camera]\nsource = \"clip.mp4\""), (8, 0));
        assert_eq!(limits("[camera]\nsource = \".\""), (0, 0), "a folder of pictures");
        assert_eq!(limits(""), (0, 0), "no camera");
    }
}
