//! `frostglass-calibrate thresholds`: which score and detail to choose.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use frostglass::capture::{Kind, kind_of};
use frostglass::config::Config;
use frostglass_calibration::bootstrap::Bootstrap;
use frostglass_calibration::labels::{self, Labelled};
use frostglass_calibration::outputs;
use frostglass_calibration::thresholds::{Choice, Curves, Settings, candidates, svg, sweep};
use frostglass_models::Runtime;

use super::{WrongUse, not_negative, print_report, progress_bar, rounds, share, write_file};

#[derive(Debug, Args)]
#[command(after_help = "\
Labels and pictures are those of `leak`. Measured are the face networks on each picture, or each frame of a clip, alone:
tracks, look-ahead and heads of persons are not part of the curves. With them more is hidden and more is painted; `leak`
measures that. Tracks in the labels say which faces fail together, for the intervals, and that pictures are frames of a clip:
a folder of pictures whose labels have none is looked at as stills are, at thorough mirrored, turned and enlarged too, which
takes seconds for each. With --recall, the TOML goes to standard output and the table to
standard error; when no setting reaches it, the exit code is 1.

  frostglass-calibrate thresholds --labels gt.jsonl --pictures pictures/ -o curve.svg --recall 0.95

What it prints is a `[faces]` table: where your config has one already, put its two lines there.")]
pub(crate) struct ThresholdsArgs {
    /// Labels: JSON lines with "image", "width", "height", and "faces" of "x", "y", "w", "h" in pixels
    #[arg(long, required = true, num_args = 1.., value_name = "FILE")]
    labels: Vec<PathBuf>,
    /// The labelled pictures: a folder, a clip whose frames are labelled in order, or one picture
    #[arg(long, value_name = "DIR|CLIP")]
    pictures: PathBuf,
    /// Draw the curves there
    #[arg(short, long, value_name = "FILE.svg")]
    output: PathBuf,
    /// Take `[faces]` model, redact and margin from this configuration
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Only these details
    #[arg(long, value_enum, num_args = 1..)]
    detail: Vec<Detail>,
    /// Write `[faces]` score and detail that hide at least this share of the faces, at the least over-redaction
    #[arg(long, value_parser = share)]
    recall: Option<f64>,
    /// Faces that are lower do not count, in pixels
    #[arg(long, default_value = "0", value_parser = not_negative, value_name = "PIXELS")]
    smallest: f64,
    /// Growth of each label, per side and in shares of its size, that does not count as over-redaction
    #[arg(long, default_value = "0.5", value_parser = not_negative, allow_negative_numbers = true)]
    spared: f64,
    /// Write the curves as JSON; "-" is standard output (not together with --recall)
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Rounds of the bootstrap
    #[arg(long, default_value = "1000", value_name = "N", value_parser = rounds)]
    rounds: usize,
    /// Seed of the bootstrap
    #[arg(long, default_value = "1927", value_name = "N")]
    seed: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Detail {
    Fast,
    Balanced,
    Thorough,
}

impl From<Detail> for frostglass_models::Detail {
    fn from(detail: Detail) -> Self {
        match detail {
            Detail::Fast => Self::Fast,
            Detail::Balanced => Self::Balanced,
            Detail::Thorough => Self::Thorough,
        }
    }
}

/// Measures, draws, and chooses where that is asked for.
pub(crate) fn thresholds(args: &ThresholdsArgs) -> anyhow::Result<()> {
    let inputs = args.labels.iter().chain([&args.pictures]).chain(&args.config);
    outputs::spare([Some(args.output.as_path()), args.json.as_deref()], inputs.map(PathBuf::as_path))?;
    let labels = labels::read(&args.labels)?;
    let settings = settings(args, are_stills(&labels, &args.pictures))?;
    let runtime = Runtime::load()?;
    let progress = progress_bar(labels.len() * settings.details.len());
    let curves = sweep(&runtime, &labels, &args.pictures, &settings, &|| progress.inc(1));
    progress.finish_and_clear();
    let curves = curves?;

    let Some(wanted) = args.recall else {
        write_chart(args, &svg(&curves, None, None)?)?;
        return print_report(&curves, args.json.as_deref());
    };
    let reach = candidates(&curves, &settings, wanted);
    let progress = progress_bar(labels.len());
    let choice = Choice::confirm(&reach, wanted, &runtime, &labels, &args.pictures, &settings, &|| progress.inc(1));
    progress.finish_and_clear();
    let choice = choice?;
    write_chart(args, &svg(&curves, Some(wanted), choice.as_ref().map(|choice| choice.found))?)?;
    if let Some(file) = &args.json {
        let text = serde_json::to_string_pretty(&curves).context("making JSON of the curves failed")?;
        write_file(file, |out| writeln!(out, "{text}"))?;
    }
    write!(io::stderr(), "{curves}").context("standard error: writing failed")?;
    match choice {
        Some(choice) => write!(io::stdout(), "{choice}").context("standard output: writing failed"),
        None => bail!(best_of(&curves, wanted)),
    }
}

/// Whether the pictures have nothing to do with one another: of a clip's frames, tracks tie faces together.
fn are_stills(labels: &[Labelled], pictures: &Path) -> bool {
    let is_clip = kind_of(pictures).is_ok_and(Kind::is_clip);
    !is_clip && labels.iter().flat_map(|label| &label.record.faces).all(|face| face.track.is_none())
}

fn settings(args: &ThresholdsArgs, stills: bool) -> anyhow::Result<Settings> {
    if args.recall.is_some() && args.json.as_deref().is_some_and(|file| file.as_os_str() == "-") {
        let what = "--json - and --recall both want standard output: name a file for the curves";
        return Err(WrongUse(what.to_owned()).into());
    }
    let config = args.config.as_ref().map_or_else(|| Ok(Config::default_for_files()), |file| Config::read(file))?;
    let mut settings = Settings {
        smallest: args.smallest,
        spared: args.spared,
        bootstrap: Bootstrap { rounds: args.rounds, seed: args.seed },
        ..Settings::of(&config, stills)
    };
    if !args.detail.is_empty() {
        let mut asked = args.detail.clone();
        asked.sort_by_key(|detail| *detail as usize);
        asked.dedup();
        settings.details = asked.into_iter().map(Into::into).collect();
    }
    Ok(settings)
}

fn write_chart(args: &ThresholdsArgs, svg: &str) -> anyhow::Result<()> {
    write_file(&args.output, |out| out.write_all(svg.as_bytes()))
}

fn best_of(curves: &Curves, wanted: f64) -> String {
    let all = curves.curves.iter().flat_map(|curve| curve.points.iter().map(move |point| (curve.detail, point)));
    let best =
        all.max_by(|(_, a), (_, b)| a.recall.total_cmp(&b.recall).then(b.over_redaction.total_cmp(&a.over_redaction)));
    let best = best.map_or_else(String::new, |(detail, point)| {
        let (recall, over) = (point.recall * 100.0, point.over_redaction * 100.0);
        format!("; the best is {recall:.1} % with detail = \"{detail}\", score = {}, {over:.2} % painted", point.score)
    });
    format!("no setting hides {:.1} % of these faces{best}", wanted * 100.0)
}
