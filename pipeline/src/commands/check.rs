//! `frostglass check`: proves a config, and says in plain words what it does.
//!
//! **Invariant.** What it calls good, `run` does not refuse: the networks are loaded and prove themselves here as there, behind the
//! same walls. A camera
//! that is not plugged in at the moment is said, and is no fault of the config; nor are walls that this machine has not, if it has
//! those without which `run` refuses.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use frostglass_models::NetworkFile;
use frostglass_vault::{Format, Matrix, Range, Size};

use super::networks::{Medium, Networks, detail, face_networks};
use super::redact::plural;
use super::{Done, WALLS};
use crate::capture::camera::find::is_device;
use crate::config::{CameraSource, Config};
use crate::path::Frames;
use crate::record::Log;
use crate::record::log::Found;
use crate::sandbox::{Reach, Role, Walls};

/// Arguments of `frostglass check`.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// The config to prove (TOML)
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

pub(crate) fn check(args: &CheckArgs) -> anyhow::Result<Done> {
    let config = Config::read(&args.config)?;
    let missing = match &config.camera.source {
        Some(CameraSource::Path(path)) if !path.exists() => {
            format!("NOT THERE at the moment: {}; `run` would not start.\n", path.display())
        }
        _ => String::new(),
    };
    // A config without a source is one for files.
    let served = || super::servable(&config).and_then(|()| super::out_of_reach_of_its_outputs(&config, &args.config));
    let refused = config.camera.source.as_ref().and_then(|_| served().err());
    let refusal = match &refused {
        Some(why) if config.not_yet().is_empty() => format!("`run` refuses: {why}\n"),
        _ => String::new(),
    };
    let (record, recorded) = record(&config);
    let (walls, can_stand) = walls(&config);
    if can_stand {
        go_behind_walls()?;
    }
    let described = crate::config::describe(&config, &network_lines(&config)?);
    let looks = format!(
        "{:?} on clips and cameras, {:?} on pictures",
        detail(&config, Medium::Live),
        detail(&config, Medium::Stills)
    );
    let text = format!("{described}{record}Looks: {}\n{walls}{missing}{refusal}", looks.to_lowercase());
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        // Whoever read the beginning had enough of it, as `head` does.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => {}
        written => written.context("standard output")?,
    }
    if can_stand {
        Networks::find(&config, Medium::Live)?.inspector(1)?;
    } else {
        eprintln!("frostglass: the networks were not tried, for they are loaded behind walls alone");
    }
    let refuses = refused.is_some() || !recorded || !can_stand || !config.not_yet().is_empty();
    Ok(if refuses { Done::InPart } else { Done::Whole })
}

/// As the pixel process does before it loads an engine and networks: they may be hostile here as there. What does not stand was told.
fn go_behind_walls() -> anyhow::Result<()> {
    Walls::first(Role::Pixel, true)?.before_anything_from_outside(false, &Reach::default())?;
    Ok(())
}

/// Which networks look at what.
fn network_lines(config: &Config) -> anyhow::Result<Vec<String>> {
    let media = [(Medium::Live, "cameras"), (Medium::Clips, "clips"), (Medium::Stills, "pictures")];
    let mut faces: Vec<(NetworkFile, Vec<&str>)> = Vec::new();
    for (medium, name) in media {
        for file in face_networks(config, medium) {
            match faces.iter_mut().find(|(known, _)| *known == file) {
                Some((_, on)) => on.push(name),
                None => faces.push((file, vec![name])),
            }
        }
    }
    let networks = faces.iter().map(|(file, on)| {
        let on = if on.len() == media.len() { String::new() } else { format!(", on {}", on.join(" and ")) };
        network_line(file, &on)
    });
    networks.chain([network_line(&config.persons.model.file(), "")]).collect()
}

/// Where the record goes, in words, and whether it can be written. Nothing is made for that.
fn record(config: &Config) -> (String, bool) {
    let Some(path) = &config.record else { return (String::new(), true) };
    match Log::look(path) {
        Ok(Found { key: None, .. }) => ("Record: it can be written; the first start makes its key.\n".to_owned(), true),
        Ok(Found { key: Some(key), lines }) => {
            (format!("Record: it can be written; {} so far, key {key}.\n", plural(lines, "line")), true)
        }
        Err(error) => {
            (format!("`run` refuses, for the record can not be written: {:#}\n", anyhow::Error::from(error)), false)
        }
    }
}

/// What this machine's walls are, tried in a process that ends behind them; and whether enough of them can stand.
fn walls(config: &Config) -> (String, bool) {
    let tried = Command::new("/proc/self/exe").arg(WALLS).stdin(Stdio::null()).output();
    let missing = match &tried {
        Ok(output) if output.status.success() => String::from_utf8_lossy(&output.stdout).into_owned(),
        Ok(output) => {
            let (why, how) = (String::from_utf8_lossy(&output.stderr), output.status);
            let why = why.trim().trim_start_matches("frostglass: ");
            return (format!("Walls: NONE CAN STAND ({how}): {why}\n"), false);
        }
        Err(error) => return (format!("Walls: NOT TRIED: starting this program again failed: {error}\n"), false),
    };
    let missing: Vec<_> = missing.lines().map(str::to_owned).chain(unlocked_memory(config)).collect();
    if missing.is_empty() {
        return ("Walls: all of them stand on this machine\n".to_owned(), true);
    }
    (missing.iter().map(|wall| format!("Walls: MISSING {wall}\n")).collect(), true)
}

/// What keeps the frames of the camera that the config asks for from being locked in memory, if anything does. How large those of a
/// clip are is not known here.
fn unlocked_memory(config: &Config) -> Option<String> {
    match &config.camera.source {
        Some(CameraSource::Path(path)) if !is_device(path) => return None,
        Some(_) => {}
        None => return None,
    }
    let camera = &config.camera;
    let format = Format::video(Size::new(camera.width, camera.height), Matrix::Bt601, Range::Limited);
    let frame_time = Duration::from_secs(1) / camera.fps.max(1);
    match Frames::guarded(format, &super::live_limits(config, frame_time)) {
        Ok((_, Ok(()))) => None,
        Ok((_, Err(why))) => Some(format!("locked memory: {why}")),
        Err(error) => Some(format!("memory for frames: {error}")),
    }
}

/// The process that [`walls`] starts: goes through all that a pixel process does, and tells what does not stand.
pub(crate) fn try_walls() -> anyhow::Result<Done> {
    let mut walls = Walls::first(Role::Pixel, true)?;
    walls.before_anything_from_outside(false, &Reach::default())?;
    walls.before_threads(&Reach::default());
    walls.before_frames(&Reach::default())?;
    let missing: String = walls.missing().iter().map(|wall| format!("{wall}\n")).collect();
    std::io::stdout().lock().write_all(missing.as_bytes()).context("standard output")?;
    Ok(Done::Whole)
}

fn network_line(network: &NetworkFile, on: &str) -> anyhow::Result<String> {
    let card = network.card()?;
    let pin = if card.pinned { "pinned" } else { "your own, NOT pinned" };
    Ok(format!("{} from {}, SHA-256 {} ({pin}){on}", card.family.name(), card.file, card.sha256))
}
