//! `frostglass-calibrate motion`: a clip in, its motion events at several sensitivities out.

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use frostglass::capture::Rate;
use frostglass::config::Config;
use frostglass_calibration::{motion, outputs};
use indicatif::ProgressBar;

use super::write_file;

#[derive(Debug, Args)]
pub(crate) struct MotionArgs {
    /// A clip, or a folder of pictures in order
    clip: PathBuf,
    /// Draw the score over time and the events
    #[arg(long, value_name = "FILE.svg")]
    svg: Option<PathBuf>,
    /// Only these sensitivities
    #[arg(long, num_args = 1.., default_values = ["0.1", "0.3", "0.5", "0.7", "0.9"], value_parser = sensitivity)]
    sensitivity: Vec<f32>,
    /// Zones, cooldown and persons as in this config of the camera; its sensitivity does not count
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Do not look for persons: faster, and needs no inference engine
    #[arg(long)]
    without_persons: bool,
    /// Frames per second of a folder of pictures or a stream of JPEGs, which state none; of other clips it is refused
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    fps: Option<u32>,
}

fn sensitivity(text: &str) -> Result<f32, String> {
    let sensitivity: f32 = text.parse().map_err(|error| format!("{error}"))?;
    if (0.0..=1.0).contains(&sensitivity) { Ok(sensitivity) } else { Err("expected a number between 0 and 1".into()) }
}

pub(crate) fn motion(args: &MotionArgs) -> anyhow::Result<()> {
    outputs::spare([args.svg.as_deref()], [args.clip.as_path()].into_iter().chain(args.config.as_deref()))?;
    let config = match &args.config {
        Some(path) => Config::read(path).map_err(|error| anyhow::anyhow!("{}", error.rendered()))?,
        None => Config::default_for_files(),
    };
    let fps = args.fps.and_then(|frames| Rate::new(frames, 1));
    let progress = ProgressBar::new_spinner();
    let replayed =
        motion::replay(&args.clip, &config, &args.sensitivity, !args.without_persons, fps, &|| progress.inc(1));
    progress.finish_and_clear();
    let replay = replayed?;
    write!(io::stdout().lock(), "{replay}").context("standard output: writing failed")?;
    if let Some(file) = &args.svg {
        let picture = motion::svg(&replay)?;
        write_file(file, |out| out.write_all(picture.as_bytes()))?;
    }
    match replay.fault {
        Some(fault) => Err(fault).context(format!("{} frames were whole, and are shown", replay.frames)),
        None => Ok(()),
    }
}
