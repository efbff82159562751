//! `frostglass run`: a camera, until Ctrl-C, SIGTERM or the clip's end.

use std::fs::{File, OpenOptions as FileOptions};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use clap::Args;
use frostglass_vault::{Blank, Format, PersonRule, Redactor, Style, Zones};

use super::networks::{Medium, Networks, all_cores, hidden_zones, policy, watch};
use super::redact::plural;
use super::{Done, WrongUse, start_log, stop_on_signals};
use crate::capture::{CaptureError, MovingSource, OpenOptions, Opened, Rate, Rotated, Source, Turn};
use crate::clock::{Clock, SystemClock};
use crate::config::{CameraSource, Config, Target, ZoneRule};
use crate::emit::{EmitError, JsonLines, PictureFolder, Sink, Y4mStream};
use crate::event::{self, Event};
use crate::hatch::{Front, Received, WhenFull, in_process};
use crate::hold::Limits;
use crate::metrics::Metrics;
use crate::path::{Manners, Shared, Stages};

/// Arguments of `frostglass run`.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// What to capture, hide and emit (TOML); examples/demo.toml replays a clip that is bundled
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Accepted; this version has no sandbox yet
    #[arg(long)]
    without_sandbox: bool,
}

/// Redacted frames that may wait for a slow sink; then the oldest give way.
const HATCH_FRAMES: usize = 4;
/// Health is told so often.
const HEALTH_EVERY: Duration = Duration::from_secs(1);

pub(crate) fn run(args: &RunArgs) -> anyhow::Result<Done> {
    let config = Config::read(&args.config)?;
    start_log(&config.log_level);
    refuse_what_is_not_served(&config)?;
    let stop = stop_on_signals()?;

    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
    let camera = open_camera(&config)?;
    let format = camera.format();
    let rate = camera.rate().unwrap_or(Rate { frames: config.camera.fps, seconds: 1 });
    let zones = Arc::new(Zones::new(&hidden_zones(&config), format));
    let networks = Networks::find(&config, Medium::Moving)?;
    let mut inspector = networks.inspector((all_cores() / 2).max(1))?;
    if let Some(watch) = watch(&config, format) {
        inspector = inspector.with_watch(watch);
    }
    let mut sinks = Sinks::open(&config, rate)?;
    let stages = Stages {
        redactor: Redactor::new(policy(&config), format, Arc::clone(&zones)),
        zones,
        inspector,
        limits: Limits { look_ahead: config.hold.frames, deadline: config.hold.deadline, frame_time: rate.time_of(1) },
    };
    let shared = Shared { clock: Arc::clone(&clock), metrics: Arc::default(), stop: Arc::clone(&stop) };
    let per_second = f64::from(rate.frames) / f64::from(rate.seconds);
    eprintln!("frostglass: {} at {per_second:.2} frames a second; Ctrl-C ends", format.size);

    let source = Box::new(Paced { source: camera, clock: Arc::clone(&clock), start: None });
    let (mut hatch, front) = in_process(HATCH_FRAMES, WhenFull::Replace);
    let for_path = shared.clone();
    let path = std::thread::spawn(move || crate::path::run(source, stages, &mut hatch, Manners::Live, &for_path));
    sinks.event(&Event::Policy(event::Policy { time: event::written(clock.wall()), hides: hides(&config) }));
    sinks.take_all(front, &shared);
    let ran = path.join().map_err(|_| anyhow::anyhow!("the pipeline's thread died; nothing more was let out"))?;
    let failed = sinks.finish();
    eprintln!("frostglass: {}", summary(&shared.metrics));
    match ran {
        // Whoever read the output has enough of it, as `head` does.
        Err(crate::path::PathError::Closed(_)) if !failed => Ok(Done::Whole),
        Err(error) => Err(error.into()),
        Ok(()) => Ok(if failed { Done::InPart } else { Done::Whole }),
    }
}

/// A wish that is not honoured must not look honoured.
fn refuse_what_is_not_served(config: &Config) -> anyhow::Result<()> {
    if config.faces.style == Style::Mosaic {
        let why = "on moving input its cells would change from frame to frame and add up to the face";
        return Err(
            WrongUse(format!("[faces] redact = \"mosaic\" is for pictures: {why}; use `blur` or `solid`")).into()
        );
    }
    let missing = config.not_yet();
    if missing.is_empty() {
        return Ok(());
    }
    let list: Vec<_> = missing.iter().map(|wish| format!("  {}: {}", wish.key, wish.why)).collect();
    bail!("this version cannot do what the config asks for, so it does not start:\n{}", list.join("\n"))
}

fn open_camera(config: &Config) -> anyhow::Result<Box<dyn Source>> {
    let path = match &config.camera.source {
        Some(CameraSource::Path(path)) => path,
        Some(CameraSource::Auto) => bail!("[camera] source = \"auto\": this version replays clips and folders only"),
        None => return Err(WrongUse("[camera] source is missing: name a clip or a folder of pictures".into()).into()),
    };
    let MovingSource { source, notes, .. } = open_moving(path, config)?;
    for note in notes {
        eprintln!("{}: {note}", path.display());
    }
    let turn = Turn::from_degrees(config.camera.rotate).context("[camera] rotate")?;
    Ok(match turn {
        Turn::None => source,
        turn => Box::new(Rotated::new(source, turn)),
    })
}

fn open_moving(path: &Path, config: &Config) -> anyhow::Result<MovingSource> {
    let fps = Rate::new(config.camera.fps, 1);
    let options = OpenOptions { fps, repeat: config.camera.repeat };
    match crate::capture::open(path, &options)? {
        Opened::Moving(moving) => Ok(moving),
        Opened::Still(_) => {
            bail!("{}: one picture is no camera; name a clip, or a folder of pictures", path.display())
        }
    }
}

/// Gives each frame at its own time, as a camera does.
struct Paced {
    source: Box<dyn Source>,
    clock: Arc<dyn Clock>,
    start: Option<Duration>,
}

impl Source for Paced {
    fn format(&self) -> Format {
        self.source.format()
    }

    fn rate(&self) -> Option<Rate> {
        self.source.rate()
    }

    fn read(&mut self, blank: &mut Blank) -> Result<Option<Duration>, CaptureError> {
        let Some(time) = self.source.read(blank)? else { return Ok(None) };
        let start = *self.start.get_or_insert_with(|| self.clock.now().saturating_sub(time));
        self.clock.sleep_until(start.saturating_add(time));
        Ok(Some(time))
    }
}

/// All ways out of this run. One that fails is told and closed; the others go on.
struct Sinks {
    open: Vec<Box<dyn Sink>>,
    failed: bool,
    /// A reader that has enough closed its end: the run ends cleanly.
    enough: bool,
}

impl Sinks {
    fn open(config: &Config, rate: Rate) -> anyhow::Result<Self> {
        let mut open: Vec<Box<dyn Sink>> = Vec::new();
        match &config.emit.jsonl {
            Some(Target::Stdout) => open.push(Box::new(JsonLines::stdout()?)),
            Some(Target::File(path)) => open.push(Box::new(JsonLines::append(path)?)),
            None => {}
        }
        if let Some(folder) = &config.emit.pictures {
            let every = NonZeroU32::new(config.emit.pictures_every).unwrap_or(NonZeroU32::MIN);
            open.push(Box::new(PictureFolder::open(folder, "frostglass-", every, config.emit.pictures_max_mib)?));
        }
        match &config.emit.y4m {
            Some(Target::Stdout) => open.push(Box::new(Y4mStream::stdout(Some(rate))?)),
            Some(Target::File(path)) => {
                open.push(Box::new(Y4mStream::new(path.display().to_string(), new_file(path)?, Some(rate))));
            }
            None => {}
        }
        if open.is_empty() {
            eprintln!("frostglass: note: [emit] names no way out; frames are redacted and dropped");
        }
        Ok(Self { open, failed: false, enough: false })
    }

    /// Takes what comes out of the hatch until the pixel side is done, and tells health once a second.
    fn take_all(&mut self, front: Front, shared: &Shared) {
        let mut next_health = Instant::now() + HEALTH_EVERY;
        while let Some(received) = front.receive(next_health.saturating_duration_since(Instant::now())) {
            match received {
                Received::Frame(frame) => self.each(|sink| sink.frame(&frame)),
                Received::Event(event) => self.event(&event),
                Received::Nothing => {}
            }
            if Instant::now() >= next_health {
                next_health += HEALTH_EVERY;
                self.event(&Event::Health(shared.metrics.health(shared.clock.wall())));
            }
            // With its last way out gone, a camera would look into nothing.
            if self.enough || self.failed && self.open.is_empty() {
                shared.stop.store(true, Ordering::Relaxed);
                return;
            }
        }
    }

    fn event(&mut self, event: &Event) {
        self.each(|sink| sink.event(event));
    }

    fn each(&mut self, mut give: impl FnMut(&mut dyn Sink) -> Result<(), EmitError>) {
        let (failed, enough) = (&mut self.failed, &mut self.enough);
        self.open.retain_mut(|sink| match give(sink.as_mut()) {
            Ok(()) => true,
            Err(error) if error.is_closed() => {
                *enough = true;
                false
            }
            Err(error) => {
                *failed = true;
                tracing::error!(
                    "{:#}",
                    anyhow::Error::new(error).context(format!("{}: closed after a fault", sink.name()))
                );
                false
            }
        });
    }

    fn finish(mut self) -> bool {
        for sink in std::mem::take(&mut self.open) {
            let name = sink.name();
            match sink.finish().with_context(|| name) {
                Ok(()) => {}
                Err(error) => {
                    self.failed = true;
                    tracing::error!("{error:#}");
                }
            }
        }
        self.failed
    }
}

/// A file that was not there before; a pipe or a device may have been.
fn new_file(path: &Path) -> anyhow::Result<File> {
    let there = path.exists() && !path.is_file();
    let mut options = FileOptions::new();
    let options = if there { options.write(true) } else { options.write(true).create_new(true) };
    options.open(path).with_context(|| format!("{}: opening it to write video failed", path.display()))
}

/// What is hidden from now on, in the words of the config.
fn hides(config: &Config) -> Vec<String> {
    let persons = match config.persons.rule {
        PersonRule::Head => Some("heads of persons".to_owned()),
        PersonRule::Body => Some("persons".to_owned()),
        PersonRule::None => None,
    };
    let zones = config.zones.iter().filter(|zone| zone.rule == ZoneRule::Hide);
    let zones = zones.map(|zone| format!("zone \"{}\"", zone.name));
    std::iter::once("faces".to_owned()).chain(persons).chain(zones).collect()
}

fn summary(metrics: &Metrics) -> String {
    let Metrics { capture, inspect, emit } = metrics;
    let millis = |share| emit.latency.quantile(share).map_or(0.0, |time| time.as_secs_f64() * 1000.0);
    format!(
        "{} in, {} wholly masked, {} out ({} replaced by newer ones), {}, {}, path p50 {:.1} ms, p95 {:.1} ms",
        plural(capture.captured.get(), "frame"),
        emit.masked.get(),
        emit.out.get() - emit.replaced.get(),
        emit.replaced.get(),
        plural(inspect.faces.get(), "face box"),
        plural(inspect.events.get(), "event"),
        millis(0.5),
        millis(0.95),
    )
}
