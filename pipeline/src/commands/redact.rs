//! `frostglass redact`: files in, redacted files out, through the same stages as a camera's frames.
//!
//! **Invariant.** What is in a file is decoded and looked at by another process, behind walls ([`crate::files`]). This one looks at the
//! beginning of each, to tell what it is, and at the index of an MP4, to tell who can decode it; and it writes: it has no network
//! any more, and writes nowhere but where outputs go.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use anyhow::{Context, bail};
use clap::Args;
use frostglass_vault::Style;
use indicatif::{ProgressBar, ProgressStyle};

use super::networks::all_cores;
use super::plan::{Job, Plan, is_dash, plan};
use super::stills::Stills;
use super::{Done, WrongUse, shown, start_log, stop_on_signals, told};
use crate::config::Config;
use crate::emit::{JsonLines, Overwrite, Sink};
use crate::files::behind::{Behind, Heard};
use crate::files::{Name, Start, Text, Work};
use crate::sandbox::{Reach, Role, Walls};
use crate::supervise::inherited;

/// Arguments of `frostglass redact`.
#[derive(Debug, Args)]
#[command(after_help = "\
Names are kept: a folder gives a folder, a picture goes into OUTPUT if that ends in `/` or is a folder.
Without --config every face is blurred and heads of persons whose face was not found are, too.")]
pub(crate) struct RedactArgs {
    /// Pictures, clips or folders; `-` reads Y4M video from standard input
    #[arg(required = true)]
    inputs: Vec<PathBuf>,
    /// The file or folder to write; `-` writes Y4M video to standard output
    #[arg(short, long)]
    output: PathBuf,
    /// What to hide, and how (TOML); its [camera] source is ignored
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Write the motion events of clips there, one JSON object a line
    #[arg(long, value_name = "FILE")]
    events: Option<PathBuf>,
    /// Overwrite outputs that exist (never an input)
    #[arg(long)]
    force: bool,
    /// Run without walls: who takes over a decoder or a network then reaches all that this user may reach
    #[arg(long)]
    without_sandbox: bool,
}

/// More pictures at a time hold more large ones in memory than a small machine has room for.
const MOST_WORKERS: usize = 4;

pub(crate) fn redact(args: &RedactArgs) -> anyhow::Result<Done> {
    let (config, text) = config_and_text(args.config.as_deref())?;
    start_log(&config.log_level);
    refuse_what_would_uncover(&config)?;
    let plan = plan(&args.inputs, &args.output)?;
    if is_dash(&args.output) && args.events.as_deref().is_some_and(is_dash) {
        return Err(WrongUse("video and --events cannot both go to standard output: name a file for one".into()).into());
    }
    if config.faces.style == Style::Mosaic && !plan.clips.is_empty() {
        let clip = plan.clips[0].input.display();
        return Err(WrongUse(format!(
            "{clip}: `mosaic` is for pictures: on moving input its cells would change from frame to frame and add up \
             to the face; use `blur` or `solid` in [faces]"
        ))
        .into());
    }
    if let (true, Some(still)) = (config.moving, plan.stills.first()) {
        let input = still.input.display();
        let why = "a picture shows nothing that moves, so that nothing would be hidden for it";
        return Err(WrongUse(format!("{input}: [moving] redact = true is for clips: {why}; leave it out")).into());
    }
    if plan.stills.is_empty() && plan.clips.is_empty() && plan.failed.is_empty() {
        let inputs: Vec<_> = args.inputs.iter().map(|input| input.display().to_string()).collect();
        let skipped = match plan.skipped.len() {
            0 => String::new(),
            skipped => format!(", only {} of another kind", plural(skipped as u64, "file")),
        };
        bail!("{}: no picture and no clip in it{skipped}; nothing was done", inputs.join(", "));
    }
    for job in plan.stills.iter().chain(&plan.clips).filter(|job| !is_dash(&job.output)) {
        make_folder_of(&job.output)?;
    }
    let events = args.events.as_deref().map(open_events).transpose()?;
    let walls = behind_walls(&plan, !args.without_sandbox)?;
    let mut work = Jobs {
        stop: stop_on_signals()?,
        overwrite: if args.force { Overwrite::Force } else { Overwrite::Refuse },
        events,
        config: text,
        walls,
        said: Heard::default(),
        warned: Vec::new(),
        done: 0,
        failed: 0,
    };
    let start = Instant::now();
    work.redact(&plan)?;
    if let Some(events) = work.events.take() {
        events.finish()?;
    }
    let (done, skipped) = (work.done, plan.skipped.len());
    let seconds = start.elapsed().as_secs_f64();
    let mut summary = format!("{done} redacted");
    if work.failed > 0 {
        summary += &format!(", {} failed", work.failed);
    }
    if skipped > 0 {
        summary += &format!(", {skipped} skipped (neither picture nor clip)");
    }
    eprintln!("frostglass: {summary} in {seconds:.1} s");
    if work.stop.load(Ordering::Relaxed) {
        bail!("interrupted: what was finished is whole, the rest was not written");
    }
    Ok(if work.failed > 0 { Done::InPart } else { Done::Whole })
}

/// Walls around this process, before there is a decoder to be guarded against.
fn behind_walls(plan: &Plan, wanted: bool) -> anyhow::Result<Walls> {
    let outputs = || plan.stills.iter().chain(&plan.clips).map(|job| &job.output).filter(|output| !is_dash(output));
    let folder = |output: &PathBuf| match output.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    };
    let mut fill: Vec<_> = outputs().map(folder).collect();
    fill.sort_unstable();
    fill.dedup();
    inherited::close_in_children().context("looking which descriptors this program was started with failed")?;
    let mut walls = Walls::first(Role::Writer, wanted)?;
    walls.before_others(&Reach { fill, ..Reach::default() })?;
    Ok(walls)
}

/// The config, or the defaults; and its text for the decoder.
fn config_and_text(path: Option<&Path>) -> anyhow::Result<(Config, Option<Text>)> {
    let Some(path) = path else { return Ok((Config::default_for_files(), None)) };
    let (config, text, folder) = Config::read_with_text(path)?;
    let origin = path.display().to_string();
    Ok((config, Some(Text { text, origin, folder: Name::of(&folder) })))
}

/// A wish of the config that files would not get must not look honoured.
fn refuse_what_would_uncover(config: &Config) -> anyhow::Result<()> {
    if config.camera.rotate != 0 {
        let why = "`redact` does not turn pictures, and zones are in the upright picture";
        return Err(WrongUse(format!("[camera] rotate = {}: {why}; leave it out", config.camera.rotate)).into());
    }
    Ok(())
}

/// What all files of one call share.
pub(super) struct Jobs {
    config: Option<Text>,
    pub(super) overwrite: Overwrite,
    pub(super) events: Option<Box<dyn Sink>>,
    walls: Walls,
    /// What decoders said so far.
    said: Heard,
    /// Missing walls that people know of.
    warned: Vec<String>,
    pub(super) stop: Arc<AtomicBool>,
    pub(super) done: usize,
    pub(super) failed: usize,
}

impl Jobs {
    fn redact(&mut self, plan: &Plan) -> anyhow::Result<()> {
        for error in &plan.failed {
            self.failed += 1;
            eprintln!("{}", told(error));
        }
        if !plan.stills.is_empty() {
            let before = self.done + self.failed;
            let ended = self.redact_stills(&plan.stills);
            self.settle(ended, before + plan.stills.len())?;
        }
        if !plan.clips.is_empty() {
            let before = self.done + self.failed;
            let ended = self.redact_clips(&plan.clips);
            self.settle(ended, before + plan.clips.len())?;
        }
        Ok(())
    }

    /// Whoever gets no decoder any more, after something was done, tells of that as well; `all` is how many files there would be.
    fn settle(&mut self, ended: anyhow::Result<()>, all: usize) -> anyhow::Result<()> {
        match ended {
            // What was not begun did not fail; that it was interrupted is told at the end.
            Err(_) if self.stop.load(Ordering::Relaxed) => Ok(()),
            Err(error) if self.done + self.failed > 0 => {
                eprintln!("{}", told(&error));
                self.failed += all.saturating_sub(self.done + self.failed);
                Ok(())
            }
            ended => ended,
        }
    }

    /// Starts a process that sees what is in files.
    pub(super) fn decoder(&mut self, work: Work, foreign: &[PathBuf]) -> anyhow::Result<Behind> {
        let start = Start { config: self.config.clone(), work, walls: self.walls.wanted() };
        let behind = Behind::start(&start, foreign, &self.stop, &self.said)?;
        for wall in self.walls.missing().iter().chain(behind.walls_missing()) {
            if !self.warned.contains(wall) {
                eprintln!("frostglass: WARNING: walls that do not stand: {wall}");
                self.warned.push(wall.clone());
            }
        }
        Ok(behind)
    }

    fn redact_stills(&mut self, jobs: &[Job]) -> anyhow::Result<()> {
        let bar = progress(Some(jobs.len() as u64), "pictures");
        let (stop, overwrite) = (Arc::clone(&self.stop), self.overwrite);
        let stills = Stills { overwrite, stop: &stop, bar: &bar };
        let (mut done, mut failed) = (0, 0);
        let ended = stills.redact(
            jobs,
            all_cores().clamp(1, MOST_WORKERS),
            |workers| self.decoder(Work::Stills { workers }, &[]),
            |job, became| {
                bar.suspend(|| match became {
                    Ok(still) => {
                        done += 1;
                        let faces = plural(still.faces, "face");
                        eprintln!("{} → {}: {faces} hidden", shown(&job.input), shown(&job.output));
                        for note in still.notes {
                            eprintln!("  {note}");
                        }
                    }
                    Err(error) => {
                        failed += 1;
                        eprintln!("{}", told(&error));
                    }
                });
            },
        );
        bar.finish_and_clear();
        self.done += done;
        self.failed += failed;
        ended
    }
}

fn open_events(path: &Path) -> anyhow::Result<Box<dyn Sink>> {
    Ok(if is_dash(path) { Box::new(JsonLines::stdout()?) } else { Box::new(JsonLines::append(path)?) })
}

/// `1 face`, `2 faces`, `2 face boxes`.
pub(crate) fn plural(count: u64, noun: &str) -> String {
    let ending = match count {
        1 => "",
        _ if noun.ends_with('x') => "es",
        _ => "s",
    };
    format!("{count} {noun}{ending}")
}

fn make_folder_of(output: &Path) -> anyhow::Result<()> {
    let Some(folder) = output.parent().filter(|folder| !folder.as_os_str().is_empty()) else { return Ok(()) };
    std::fs::create_dir_all(folder).with_context(|| format!("{}: this folder could not be made", folder.display()))
}

/// A bar on a terminal, nothing elsewhere.
pub(super) fn progress(length: Option<u64>, unit: &str) -> ProgressBar {
    let bar = length.map_or_else(ProgressBar::no_length, ProgressBar::new);
    let template = match length {
        Some(_) => format!("{{bar:30}} {{pos}}/{{len}} {unit}, {{eta}} left"),
        None => format!("{{spinner}} {{pos}} {unit}, {{elapsed}}"),
    };
    bar.set_style(ProgressStyle::with_template(&template).unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}
