//! The command `reidentify`: arguments in, table and JSON out.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use indicatif::{ProgressBar, ProgressStyle};

use super::{Choice, Embedder, Input, Report, Settings, attack};
use crate::{labels, outputs};

/// What the command is asked.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A face-recognition network of yours: ONNX, one picture of three channels in, one vector out
    #[arg(long, value_name = "FILE.onnx")]
    network: PathBuf,
    /// Labels, as `leak` takes them; "track" says which faces are one person's
    #[arg(long, required = true, num_args = 1.., value_name = "FILE")]
    labels: Vec<PathBuf>,
    /// Folder of the labelled pictures, or the clip of which line n is frame n
    #[arg(long, value_name = "DIR|CLIP")]
    original: PathBuf,
    /// At most so many frames are used, spread evenly
    #[arg(long, default_value = "60", value_name = "N", value_parser = clap::value_parser!(u32).range(2..))]
    frames: u32,
    /// The first faces of each track, by this share of it, are what the attacker knows
    #[arg(long, default_value = "0.25", value_name = "SHARE", value_parser = between::<0, 1>)]
    gallery: f32,
    /// Faces lower than so many pixels are left out
    #[arg(long, default_value = "12", value_name = "PIXELS", value_parser = between::<0, 10000>)]
    smallest: f32,
    /// Growth of each box, as `faces.margin` of the configuration
    #[arg(long, default_value = "0.5", value_name = "SHARE", value_parser = between::<0, 4>)]
    margin: f32,
    /// Each edge of a box is off by up to this share of its size, as a detector's are
    #[arg(long, default_value = "0.1", value_name = "SHARE", value_parser = between::<0, 1>)]
    jitter: f32,
    /// Side of the square shown to the network, in sizes of the face
    #[arg(long, default_value = "1", value_name = "SIZES", value_parser = between::<0, 4>)]
    zoom: f32,
    /// The network takes blue before red
    #[arg(long)]
    bgr: bool,
    /// Taken off each level (0 to 255) before the network sees it
    #[arg(long, default_value = "0", value_name = "LEVEL", allow_hyphen_values = true, value_parser = between::<-1000, 1000>)]
    mean: f32,
    /// Multiplied with each level after that
    #[arg(long, default_value = "1", value_name = "FACTOR", value_parser = between::<0, 1000>)]
    scale: f32,
    /// Seed of jitter and exchange
    #[arg(long, default_value = "1927", value_name = "N")]
    seed: u64,
    /// Write the figures as JSON; "-" is standard output (the table then goes to standard error)
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

fn between<const LOW: i32, const HIGH: i32>(text: &str) -> Result<f32, String> {
    let number: f32 = text.parse().map_err(|error| format!("{error}"))?;
    let fits = (f64::from(LOW)..=f64::from(HIGH)).contains(&f64::from(number));
    if fits { Ok(number) } else { Err(format!("expected a number from {LOW} to {HIGH}")) }
}

/// Attacks, prints, and fails where the control did.
///
/// # Errors
/// Labels, frames or network that can not be used; a control that was not matched far above chance.
pub fn command(args: &Args) -> anyhow::Result<()> {
    if args.zoom < 0.5 {
        bail!("--zoom {}: below 0.5 no face is seen", args.zoom);
    }
    if args.scale == 0.0 {
        bail!("--scale 0: the network would see black");
    }
    let inputs = args.labels.iter().chain([&args.original, &args.network]);
    outputs::spare([args.json.as_deref()], inputs.map(PathBuf::as_path))?;
    let labels = labels::read(&args.labels)?;
    let input = Input { bgr: args.bgr, mean: args.mean, scale: args.scale };
    let mut network = Embedder::load(&args.network, input)?;
    let settings = Settings {
        choice: Choice {
            frames: args.frames as usize,
            gallery: f64::from(args.gallery),
            smallest: f64::from(args.smallest),
        },
        margin: args.margin,
        jitter: args.jitter,
        zoom: args.zoom,
        seed: args.seed,
    };
    let style = ProgressStyle::with_template("{spinner} {pos} frames attacked, {elapsed}");
    let progress = ProgressBar::new_spinner().with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
    let report = attack(&labels, &args.original, &mut network, settings, &|| progress.inc(1));
    progress.finish_and_clear();
    let report = report?;
    print(&report, args.json.as_deref())?;
    if !report.control_passed {
        bail!(
            "the attack is broken: of unredacted faces, too few are matched to the right person; check --bgr, --mean, \
             --scale and --zoom, or use more people and larger faces"
        );
    }
    Ok(())
}

fn print(report: &Report, json: Option<&Path>) -> anyhow::Result<()> {
    let text = serde_json::to_string_pretty(report).context("making JSON of the report failed")?;
    let (mut data, mut human) = (io::stdout().lock(), io::stderr().lock());
    match json {
        Some(file) if file == Path::new("-") => {
            writeln!(data, "{text}").context("standard output: writing failed")?;
            write!(human, "{report}").context("standard error: writing failed")
        }
        json => {
            if let Some(file) = json {
                fs::write(file, text + "\n").with_context(|| format!("{}: writing failed", file.display()))?;
            }
            write!(data, "{report}").context("standard output: writing failed")
        }
    }
}
