//! `frostglass run`: a camera, until Ctrl-C, SIGTERM or the clip's end. And the two processes that it starts.

use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use frostglass_models::NetworkFile;
use frostglass_vault::{Blank, Format, Style};

use super::{Done, WrongUse, start_log_to, stop_on_signals};
use crate::capture::camera::find::is_device;
use crate::capture::{self, CaptureError, MovingSource, OpenOptions, Opened, Paced, Rate, Rotated, Source, Turn};
use crate::clock::Clock;
use crate::config::{CameraSource, Config, Target};
use crate::metrics::Metrics;
use crate::path::Shared;
use crate::sandbox::Reach;
use crate::supervise::child::DECODER;
use crate::supervise::messages::Start;
use crate::supervise::teller::Teller;
use crate::supervise::{FRONT, Orders, PIXEL};
use crate::wire::Wire;

/// Arguments of `frostglass run`.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// What to capture, hide and emit (TOML); examples/demo.toml replays a clip that is bundled
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Run without walls: whoever takes over a decoder or a network then reaches all that this user may reach
    #[arg(long)]
    without_sandbox: bool,
}

pub(crate) fn run(args: &RunArgs) -> anyhow::Result<Done> {
    let config = Config::read(&args.config)?;
    let teller = Teller::start().context("starting a thread failed")?;
    let its_teller = teller.clone();
    start_log_to(&config.log_level, move || its_teller.clone());
    let reload = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(signal_hook::consts::SIGHUP, Arc::clone(&reload))?;
    let orders =
        Orders { config: &args.config, stop: stop_on_signals()?, reload, walls: !args.without_sandbox, teller };
    let ended = crate::supervise::run(&orders);
    orders.teller.finish();
    Ok(if ended? { Done::Whole } else { Done::InPart })
}

/// One of the processes that `run` starts; its conversation with the supervisor is its standard input.
pub(crate) fn part(name: &str) -> anyhow::Result<ExitCode> {
    let socket = std::io::stdin().as_fd().try_clone_to_owned()?;
    let wire = Wire::from_descriptor(socket).map_err(|_| WrongUse(format!("{name} is started by `frostglass run`")))?;
    leave_the_terminal()?;
    match name {
        FRONT => crate::front::run(wire),
        PIXEL => crate::pixel::run(wire),
        _ => bail!("there is no such part: {name}"),
    }
}

/// Who ends a run signals all of its processes at once. The one that people started decides in which order they end, so that what is
/// held and what is open is let out: its word, or its end, ends this one. In a session of its own, a process that was taken over can not
/// type into the shell from which the program was started.
fn leave_the_terminal() -> anyhow::Result<()> {
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM, signal_hook::consts::SIGHUP] {
        signal_hook::flag::register(signal, Arc::default())?;
    }
    rustix::process::setsid().context("beginning a session of its own failed")?;
    Ok(())
}

/// The process that reads files for `redact`; its conversation is its standard input.
pub(crate) fn decoder(foreign: Vec<PathBuf>) -> anyhow::Result<Done> {
    let wire = Wire::from_descriptor(std::io::stdin().as_fd().try_clone_to_owned()?)
        .map_err(|_| WrongUse(format!("{DECODER} is started by `frostglass redact`")))?;
    leave_the_terminal()?;
    crate::files::decoder::run(&wire, foreign)?;
    Ok(Done::Whole)
}

/// The process that starts ffmpeg for `redact`; its conversation is its standard input.
pub(crate) fn ffmpeg(files: &[PathBuf]) -> anyhow::Result<Done> {
    let wire = Wire::from_descriptor(std::io::stdin().as_fd().try_clone_to_owned()?)
        .map_err(|_| WrongUse(format!("{} is started by `frostglass redact`", capture::starter::STARTER)))?;
    capture::starter::run(&wire, files)?;
    Ok(Done::Whole)
}

/// A wish that is not honoured must not look honoured.
pub(crate) fn servable(config: &Config) -> anyhow::Result<()> {
    if config.faces.style == Style::Mosaic {
        let why = "on moving input its cells would change from frame to frame and add up to the face";
        return Err(
            WrongUse(format!("[faces] redact = \"mosaic\" is for pictures: {why}; use `blur` or `solid`")).into()
        );
    }
    if config.camera.source.is_none() {
        let what = "[camera] source is missing: name a device, a clip or a folder of pictures, or \"auto\"";
        return Err(WrongUse(what.into()).into());
    }
    if let (Some(CameraSource::Path(source)), Some(sink)) = (&config.camera.source, &config.emit.loopback)
        && (source == sink
            || std::fs::canonicalize(source)
                .ok()
                .is_some_and(|source| std::fs::canonicalize(sink).ok() == Some(source)))
    {
        let what = format!("[emit] loopback is the very device of [camera] source, {}", source.display());
        return Err(WrongUse(format!("{what}; it takes two")).into());
    }
    let missing = config.not_yet();
    if missing.is_empty() {
        return Ok(());
    }
    let list: Vec<_> = missing.iter().map(|wish| format!("  {}: {}", wish.key, wish.why)).collect();
    bail!("this version cannot do what the config asks for, so it does not start:\n{}", list.join("\n"))
}

/// Who writes what leaves must not be able to write what is hidden, or how that is found out and recorded.
///
/// # Errors
/// When the config at `path`, its record with both keys, a network or the engine lies where one of the ways out writes, by its own
/// path or by a link on the way.
pub(crate) fn out_of_reach_of_its_outputs(config: &Config, path: &Path) -> anyhow::Result<()> {
    let file = |target: &Option<Target>| match target {
        Some(Target::File(path)) => Some(path.clone()),
        _ => None,
    };
    let emit = &config.emit;
    let places = [("pictures", emit.pictures.clone()), ("jsonl", file(&emit.jsonl)), ("y4m", file(&emit.y4m))];
    let record = config.record.iter().flat_map(|record| {
        [record.clone(), record.with_extension("key"), record.with_extension("pub")].map(|path| (path, "the record"))
    });
    let networks = super::live_networks(config).filter_map(|network| match network {
        NetworkFile::Own { path, .. } => Some((path, "who is found")),
        NetworkFile::Bundled(_) => None,
    });
    let engine = std::env::var_os("ORT_DYLIB_PATH").map(|path| (PathBuf::from(path), "who is found"));
    let guarded = std::iter::once((path.to_owned(), "what is hidden")).chain(record).chain(networks).chain(engine);
    let guarded: Vec<_> = guarded.collect();
    for (key, place) in places.into_iter().filter_map(|(key, place)| Some((key, place?))) {
        let at = whole(&place);
        for (path, what) in &guarded {
            if steps(path).iter().any(|step| step.starts_with(&at)) {
                let why = format!("the process that talks to the network writes there, and could change {what}");
                let (path, place) = (path.display(), place.display());
                let told = format!("{path}: it lies in [emit] {key}, {place}: {why}; name another place");
                return Err(WrongUse(told).into());
            }
        }
    }
    Ok(())
}

/// A path without links, as far as it is there.
fn whole(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    std::fs::canonicalize(&absolute).unwrap_or_else(|_| match (absolute.parent(), absolute.file_name()) {
        (Some(folder), Some(name)) => whole(folder).join(name),
        _ => absolute.clone(),
    })
}

/// Each name on the way to a path, in the folder that it really lies in: whoever may exchange one of them exchanges the rest.
fn steps(path: &Path) -> Vec<PathBuf> {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let named = absolute.ancestors().filter_map(|step| Some(whole(step.parent()?).join(step.file_name()?)));
    named.chain([whole(&absolute)]).collect()
}

/// What stands in for the sensor, ready to be read.
pub(crate) struct OpenedCamera {
    pub(crate) source: Box<dyn Source>,
    /// Finds the same camera again: its bus path.
    pub(crate) identity: Option<String>,
    /// The kernel's number of it.
    pub(crate) device: Option<u64>,
}

/// Opens what the config names: a camera, or a file played at its own pace.
/// `foreign`: the clip that ffmpeg decodes, from [`open_foreign`].
pub(crate) fn open_camera(
    config: &Config,
    start: &Start,
    shared: &Shared,
    foreign: Option<MovingSource>,
) -> anyhow::Result<OpenedCamera> {
    match &config.camera.source {
        Some(CameraSource::Path(path)) if !is_device(path) => {
            let MovingSource { source, notes, .. } = foreign.map_or_else(|| open_moving(path, config), Ok)?;
            for note in notes {
                eprintln!("{}: {note}", path.display());
            }
            let source = turned(source, config)?;
            let clock = Arc::new(Ticking { clock: Arc::clone(&shared.clock), metrics: Arc::clone(&shared.metrics) });
            let source = Box::new(Paced::new(source, clock, Arc::clone(&shared.stop)));
            Ok(OpenedCamera { source: counted(source, shared), identity: None, device: None })
        }
        _ => {
            let (clock, metrics) = (Arc::clone(&shared.clock), Arc::clone(&shared.metrics));
            let before = start.camera.as_deref();
            let camera =
                capture::camera::open(&config.camera, before, config.emit.loopback.as_deref(), clock, metrics)?;
            for note in camera.notes {
                eprintln!("{}: {note}", camera.source.path());
            }
            let device = std::fs::metadata(camera.source.path()).ok().map(|node| node.rdev());
            let source = counted(turned(Box::new(camera.source), config)?, shared);
            Ok(OpenedCamera { source, identity: Some(camera.identity), device })
        }
    }
}

/// The clip that only ffmpeg reads, with its ffmpeg started: behind walls no program can be.
pub(crate) fn open_foreign(config: &Config) -> anyhow::Result<Option<MovingSource>> {
    match &config.camera.source {
        Some(CameraSource::Path(path)) if takes_ffmpeg(config) => open_moving(path, config).map(Some),
        _ => Ok(None),
    }
}

/// Whether the source is a clip that only ffmpeg reads.
pub(crate) fn takes_ffmpeg(config: &Config) -> bool {
    matches!(&config.camera.source, Some(CameraSource::Path(path)) if !is_device(path) && capture::takes_ffmpeg(path))
}

/// What a source may be that is written to when it is opened, as the kernel has it: cameras, if it is none of files.
pub(crate) fn cameras(config: &Config) -> Reach {
    if matches!(&config.camera.source, Some(CameraSource::Path(path)) if !is_device(path)) {
        return Reach::default();
    }
    let nodes = std::fs::read_dir("/dev").into_iter().flatten().flatten();
    let videos = nodes.filter(|node| node.file_name().to_string_lossy().starts_with("video")).map(|node| node.path());
    let named = match &config.camera.source {
        Some(CameraSource::Path(path)) if is_device(path) => Some(path.clone()),
        _ => None,
    };
    Reach { write: videos.chain(named).collect(), ..Reach::default() }
}

/// What the source opens as it goes: a folder its pictures, a repeated clip itself. One that ffmpeg reads, that reads again.
pub(crate) fn reach(config: &Config) -> Reach {
    match &config.camera.source {
        _ if takes_ffmpeg(config) => Reach::default(),
        Some(CameraSource::Path(path)) if !is_device(path) && (config.camera.repeat || path.is_dir()) => {
            Reach { read: vec![path.clone()], reopens: true, ..Reach::default() }
        }
        _ => Reach::default(),
    }
}

/// Counts its turns, by which the supervisor sees that whoever captures is not stuck.
struct Counted {
    source: Box<dyn Source>,
    metrics: Arc<Metrics>,
}

fn counted(source: Box<dyn Source>, shared: &Shared) -> Box<dyn Source> {
    Box::new(Counted { source, metrics: Arc::clone(&shared.metrics) })
}

impl Source for Counted {
    fn format(&self) -> Format {
        self.source.format()
    }

    fn rate(&self) -> Option<Rate> {
        self.source.rate()
    }

    fn read(&mut self, blank: &mut Blank) -> Result<Option<Duration>, CaptureError> {
        let read = self.source.read(blank);
        self.metrics.capture.turns.one();
        read
    }
}

/// To wait for the next frame of a clip is a turn, too: it may be a minute away.
struct Ticking {
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
}

impl Clock for Ticking {
    fn now(&self) -> Duration {
        self.clock.now()
    }

    fn wall(&self) -> jiff::Timestamp {
        self.clock.wall()
    }

    fn sleep_until(&self, until: Duration) {
        self.clock.sleep_until(until);
        self.metrics.capture.turns.one();
    }
}

fn turned(source: Box<dyn Source>, config: &Config) -> anyhow::Result<Box<dyn Source>> {
    Ok(match Turn::from_degrees(config.camera.rotate).context("[camera] rotate")? {
        Turn::None => source,
        turn => {
            // Guarded as far as the kernel grants it, which is told of the frames themselves.
            let (pool, _) = crate::arena::pool(source.format(), 1).context("there is no memory to turn a frame in")?;
            Box::new(Rotated::within(source, turn, &pool).context("there is no memory to turn a frame in")?)
        }
    })
}

fn open_moving(path: &Path, config: &Config) -> anyhow::Result<MovingSource> {
    let fps = Rate::new(config.camera.fps, 1);
    let options = OpenOptions { fps, repeat: config.camera.repeat };
    match capture::open(path, &options)? {
        Opened::Moving(moving) => Ok(moving),
        Opened::Still(_) => {
            bail!("{}: one picture is no camera; name a clip, or a folder of pictures", path.display())
        }
    }
}
