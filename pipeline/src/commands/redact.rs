//! `frostglass redact`: files in, redacted files out, through the same stages as a camera's frames.
//!
//! **Invariant.** What decodes, inspects and writes stands behind walls: no network, no programs, and no files but inputs and the
//! folders of outputs.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use clap::Args;
use frostglass_vault::{Redactor, Style, Zones};
use indicatif::{ProgressBar, ProgressStyle};

use super::networks::{Medium, Networks, all_cores, file_limits, hidden_zones, policy, with_watch};
use super::plan::{Job, Plan, is_dash, plan};
use super::{Done, WrongUse, config_or_default, start_log, stop_on_signals, told};
use crate::capture::{MovingSource, OpenOptions, Opened, starter, takes_ffmpeg};
use crate::clock::SystemClock;
use crate::config::Config;
use crate::emit::{ClipContainer, ClipFile, JsonLines, Overwrite, Sink, Y4mStream};
use crate::hatch::{Front, Received, WhenFull, in_process};
use crate::metrics::Metrics;
use crate::path::{Manners, PathError, Shared, Stages};
use crate::sandbox::{Reach, Role, Walls};

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

/// A frame of a file that nobody answers for after so long is not waited for any more.
const PATIENCE: Duration = Duration::from_secs(120);
/// Redacted frames on their way to the encoder.
const HATCH_FRAMES: usize = 4;

pub(crate) fn redact(args: &RedactArgs) -> anyhow::Result<Done> {
    let config = config_or_default(args.config.as_ref())?;
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
    let (stills, clips) = behind_walls(&plan, &config, !args.without_sandbox)?;
    let mut work = Work {
        stop: stop_on_signals()?,
        overwrite: if args.force { Overwrite::Force } else { Overwrite::Refuse },
        events,
        stills,
        clips,
        done: 0,
        failed: 0,
        config,
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

/// Puts walls around this process before it reads what may be hostile, and finds the networks for pictures and for clips. ffmpeg
/// stays outside, for it can not work behind them.
fn behind_walls(plan: &Plan, config: &Config, wanted: bool) -> anyhow::Result<(Option<Networks>, Option<Networks>)> {
    let jobs = || plan.stills.iter().chain(&plan.clips);
    let foreign: Vec<_> = plan.clips.iter().map(|job| job.input.clone()).filter(|clip| takes_ffmpeg(clip)).collect();
    if wanted && !foreign.is_empty() {
        starter::install(foreign).context("starting a process that will start ffmpeg failed")?;
    }
    let files = |path: fn(&Job) -> &PathBuf| jobs().map(path).filter(|path| !is_dash(path));
    let folder = |output: &PathBuf| match output.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    };
    let mut fill: Vec<_> = files(|job| &job.output).map(folder).collect();
    fill.sort_unstable();
    fill.dedup();
    // An output may be a device or a pipe that is there.
    let write = files(|job| &job.output).filter(|output| output.exists()).cloned().collect();
    let outputs = Reach { write, fill, ..Reach::default() };
    let mut walls = Walls::first(Role::Files, wanted)?;
    walls.before_anything_from_outside(false, &outputs)?;
    let find = |jobs: &[Job], medium| (!jobs.is_empty()).then(|| Networks::find(config, medium)).transpose();
    let (stills, clips) = (find(&plan.stills, Medium::Stills)?, find(&plan.clips, Medium::Clips)?);
    let own = stills.iter().chain(&clips).flat_map(Networks::own_files);
    let read = files(|job| &job.input).cloned().chain(own).collect();
    walls.before_files(&Reach { read, ..outputs });
    for wall in walls.missing() {
        eprintln!("frostglass: WARNING: walls that do not stand: {wall}");
    }
    Ok((stills, clips))
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
struct Work {
    config: Config,
    /// For pictures and for clips, where there are any.
    stills: Option<Networks>,
    clips: Option<Networks>,
    overwrite: Overwrite,
    events: Option<Box<dyn Sink>>,
    stop: Arc<AtomicBool>,
    done: usize,
    failed: usize,
}

impl Work {
    fn redact(&mut self, plan: &Plan) -> anyhow::Result<()> {
        for error in &plan.failed {
            self.failed += 1;
            eprintln!("{}", told(error));
        }
        if let Some(networks) = self.stills.take() {
            self.redact_stills(&plan.stills, &networks)?;
        }
        if let Some(networks) = self.clips.take() {
            for job in plan.clips.iter() {
                if self.stop.load(Ordering::Relaxed) {
                    break;
                }
                match self.redact_clip(job, &networks) {
                    Ok(()) => self.done += 1,
                    Err(error) => {
                        self.failed += 1;
                        eprintln!("{}", told(&error));
                    }
                }
            }
        }
        Ok(())
    }

    fn redact_stills(&mut self, jobs: &[Job], networks: &Networks) -> anyhow::Result<()> {
        let bar = progress(Some(jobs.len() as u64), "pictures");
        let (done, failed) = (&mut self.done, &mut self.failed);
        super::stills::redact_stills(jobs, networks, &self.config, self.overwrite, &self.stop, &bar, |job, became| {
            bar.suspend(|| match became {
                Ok(still) => {
                    *done += 1;
                    let faces = plural(still.faces as u64, "face");
                    eprintln!("{} → {}: {faces} hidden", job.input.display(), job.output.display());
                    for note in still.notes {
                        eprintln!("  {note}");
                    }
                }
                Err(error) => {
                    *failed += 1;
                    eprintln!("{}", told(&error));
                }
            });
        })?;
        bar.finish_and_clear();
        Ok(())
    }

    fn redact_clip(&mut self, job: &Job, networks: &Networks) -> anyhow::Result<()> {
        let moving = if is_dash(&job.input) {
            crate::capture::open_stdin()?
        } else {
            match crate::capture::open(&job.input, &OpenOptions::default())? {
                Opened::Moving(moving) => moving,
                Opened::Still(_) => bail!("{}: a picture, where a clip was expected", job.input.display()),
            }
        };
        for note in &moving.notes {
            eprintln!("{}: {note}", job.input.display());
        }
        let mut sink = self.open_sink(job, &moving)?;
        let bar = progress(moving.source.expected_frames(), "frames");
        let metrics = Arc::new(Metrics::default());
        let ended = self.carry(moving, networks, sink.as_mut(), &bar, &metrics);
        bar.finish_and_clear();
        let truncated = match ended {
            Ok(()) => None,
            // What was whole has been written; it is kept, and the fault is told.
            Err(error) if is_source_fault(&error) && metrics.emit.out.get() > 0 => Some(error),
            Err(error) => return Err(error.context(format!("{}: nothing was written", job.input.display()))),
        };
        if self.stop.load(Ordering::Relaxed) {
            bail!("{}: interrupted, nothing was written", job.input.display());
        }
        sink.finish()?;
        eprintln!("{} → {}: {}", job.input.display(), job.output.display(), counted(&metrics));
        match truncated {
            None => Ok(()),
            Some(error) => Err(error.context(format!("{}: kept what was whole", job.input.display()))),
        }
    }

    /// By the output's name: Y4M, or else MP4.
    fn open_sink(&self, job: &Job, moving: &MovingSource) -> anyhow::Result<Box<dyn Sink>> {
        let rate = moving.source.rate();
        if is_dash(&job.output) {
            return Ok(Box::new(Y4mStream::stdout(rate)?));
        }
        let container = ClipContainer::from_path(&job.output).unwrap_or_else(|| {
            eprintln!("{}: written as MP4, whatever its name says", job.output.display());
            ClipContainer::Mp4
        });
        let protect = std::slice::from_ref(&job.input);
        Ok(Box::new(ClipFile::create(&job.output, container, rate, self.overwrite, protect)?))
    }

    /// Runs the path in a thread of its own and takes what comes out of the hatch here.
    fn carry(
        &mut self,
        moving: MovingSource,
        networks: &Networks,
        sink: &mut dyn Sink,
        bar: &ProgressBar,
        metrics: &Arc<Metrics>,
    ) -> anyhow::Result<()> {
        let format = moving.source.format();
        let zones = Arc::new(Zones::new(&hidden_zones(&self.config), format));
        let inspector = with_watch(networks.inspector(all_cores())?, &self.config, format, self.events.is_some());
        let frame_time = moving.source.rate().map_or(Duration::from_millis(40), |rate| rate.time_of(1));
        let stages = Stages {
            redactor: Redactor::new(policy(&self.config), format, Arc::clone(&zones)),
            zones,
            inspector,
            limits: file_limits(&self.config, format, PATIENCE, frame_time),
        };
        let shared = Shared {
            clock: Arc::new(SystemClock::start()),
            metrics: Arc::clone(metrics),
            stop: Arc::clone(&self.stop),
        };
        let (mut hatch, front) = in_process(HATCH_FRAMES, WhenFull::Wait);
        let path =
            std::thread::spawn(move || crate::path::run(moving.source, stages, &mut hatch, Manners::Patient, &shared));
        let taken = self.take_all(front, sink, bar);
        let ran = path.join().map_err(|_| anyhow::anyhow!("the pipeline's thread died"))?;
        // A sink that fails closes the hatch, so that its own error is the one to tell.
        taken?;
        Ok(ran?)
    }

    fn take_all(&mut self, front: Front, sink: &mut dyn Sink, bar: &ProgressBar) -> anyhow::Result<()> {
        while let Some(received) = front.receive(Duration::from_secs(1)) {
            match received {
                Received::Frame(frame) => {
                    sink.frame(&frame)?;
                    bar.inc(1);
                }
                Received::Event(event) => {
                    if let Some(events) = &mut self.events {
                        events.event(&event)?;
                    }
                }
                Received::Nothing => {}
            }
        }
        Ok(())
    }
}

fn is_source_fault(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref::<PathError>(), Some(PathError::Source(_)))
}

fn counted(metrics: &Metrics) -> String {
    let (out, masked) = (metrics.emit.out.get(), metrics.emit.masked.get());
    let faces = plural(metrics.inspect.faces.get(), "face box");
    let masked = if masked > 0 { format!(", {masked} of them wholly masked") } else { String::new() };
    format!("{}{masked}, {faces} hidden", plural(out, "frame"))
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
fn progress(length: Option<u64>, unit: &str) -> ProgressBar {
    let bar = length.map_or_else(ProgressBar::no_length, ProgressBar::new);
    let template = match length {
        Some(_) => format!("{{bar:30}} {{pos}}/{{len}} {unit}, {{eta}} left"),
        None => format!("{{spinner}} {{pos}} {unit}, {{elapsed}}"),
    };
    bar.set_style(ProgressStyle::with_template(&template).unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}
