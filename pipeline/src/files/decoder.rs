//! The process that sees what is in files: decoders, networks, tracks, the redactor, and one hatch for each job.
//!
//! **Invariant.** Walls stand before it is handed the first file, and it opens none itself. A job that fails, or whose thread dies,
//! has no last word: what was let out of it until then was redacted, and the writer keeps nothing of it.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::{Context, bail};
use crossbeam_channel::{Sender, unbounded};
use frostglass_vault::{Findings, Inspected, Kind, Pool, Redactor, Stamp, Zones};

use super::conversation::{Done, Frames, Opened, Telling, end};
use super::{FromDecoder, Start, ToDecoder, Work};
use crate::capture::{self, MovingSource, OpenOptions, Source, handed, starter};
use crate::clock::SystemClock;
use crate::commands::{Medium, Networks, all_cores, file_limits, hidden_zones, is_dash, policy, with_watch};
use crate::config::Config;
use crate::hatch::{Hatch, Outbound};
use crate::inspect::Inspector;
use crate::metrics::Metrics;
use crate::path::{Manners, PathError, Shared, Stages};
use crate::sandbox::{Reach, Role, Walls};
use crate::wire::{Wire, WireError};

/// A frame of a file that nobody answers for after so long is not waited for any more.
const PATIENCE: Duration = Duration::from_secs(120);
/// The first message comes at once, or never.
const START_WITHIN: Duration = Duration::from_secs(30);

/// One file and the conversation about it.
struct Job {
    name: PathBuf,
    file: File,
    wire: Wire,
}

/// Lives until nobody has a job any more. `foreign`: the clips that only ffmpeg reads.
///
/// # Errors
/// When the conversation is none. What keeps it from working is told to the writer.
pub(crate) fn run(wire: &Wire, foreign: Vec<PathBuf>) -> anyhow::Result<()> {
    let start = match wire.receive(START_WITHIN)?.map(|record| record.message::<ToDecoder>()).transpose()? {
        Some(ToDecoder::Start(start)) => start,
        _ => bail!("the decoder was not told to start"),
    };
    match Decoder::prepare(start, foreign) {
        Ok((decoder, walls_missing)) => {
            wire.send(&FromDecoder::Ready { walls_missing }, &[])?;
            decoder.serve(wire)
        }
        Err(error) => Ok(wire.send(&FromDecoder::Failed { why: format!("{error:#}") }, &[])?),
    }
}

struct Decoder {
    config: Arc<Config>,
    networks: Networks,
    events: bool,
    /// To the threads that redact pictures, if those come.
    stills: Option<Sender<Job>>,
}

impl Decoder {
    /// Walls, and between them what has to be there for the next one.
    fn prepare(start: Start, foreign: Vec<PathBuf>) -> anyhow::Result<(Self, Vec<String>)> {
        let config = match start.config {
            Some(config) => Config::prove(&config.text, &config.origin, &config.folder.path())?,
            None => Config::default_for_files(),
        };
        crate::commands::start_log(&config.log_level);
        if start.walls && !foreign.is_empty() {
            starter::install(foreign).context("starting a process that will start ffmpeg failed")?;
        }
        let mut walls = Walls::first(Role::Decoder, start.walls)?;
        walls.before_anything_from_outside(false, &Reach::default())?;
        let (medium, events) = match start.work {
            Work::Stills { .. } => (Medium::Stills, false),
            Work::Clips { events } => (Medium::Clips, events),
        };
        let networks = Networks::find(&config, medium)?;
        let own = networks.own_files();
        let reach = Reach { reopens: !own.is_empty(), read: own, ..Reach::default() };
        walls.before_jobs(&reach);
        let config = Arc::new(config);
        let stills = match start.work {
            Work::Stills { workers } => Some(still_workers(workers.max(1), &networks, &config)?),
            Work::Clips { .. } => None,
        };
        walls.before_frames(&reach)?;
        let missing = walls.missing().to_vec();
        Ok((Self { config, networks, events, stills }, missing))
    }

    fn serve(&self, wire: &Wire) -> anyhow::Result<()> {
        loop {
            let record = match wire.receive(Duration::from_secs(3600)) {
                Ok(None) | Err(WireError::Nonsense(_)) => continue,
                Ok(Some(record)) => record,
                Err(WireError::Closed | WireError::Io(_)) => return Ok(()),
            };
            let Ok(ToDecoder::Job(name)) = record.message() else { continue };
            let Ok([file, conversation]) = <[OwnedFd; 2]>::try_from(record.descriptors) else { continue };
            let job = Job { name: name.path(), file: file.into(), wire: Wire::from_descriptor(conversation)? };
            match &self.stills {
                // Whose thread died ends the conversation about its job, and with the last of them all are ended.
                Some(workers) => drop(workers.send(job)),
                None => {
                    let Job { name, file, wire } = job;
                    end(&wire, self.clip(&name, file, &wire));
                }
            }
        }
    }

    fn clip(&self, name: &Path, file: File, wire: &Wire) -> anyhow::Result<Done> {
        let _handed;
        let MovingSource { source, notes, .. } = if is_dash(name) {
            capture::open_pipe("standard input", file)?
        } else {
            _handed = handed::hand_over(name, file);
            match capture::open(name, &OpenOptions::default())? {
                capture::Opened::Moving(moving) => moving,
                capture::Opened::Still(_) => bail!("{}: a picture, where a clip was expected", name.display()),
            }
        };
        let metrics = Arc::new(Metrics::default());
        let ran = self.carry(source, notes, wire, &metrics);
        let faces = metrics.inspect.faces.get();
        match ran {
            Ok(()) => Ok(Done { faces, cut: None }),
            // What was whole has been let out; it is kept, and the fault is told.
            Err(error) if is_source_fault(&error) && metrics.emit.out.get() > 0 => {
                let cut = error.context(format!("{}: kept what was whole", name.display()));
                Ok(Done { faces, cut: Some(format!("{cut:#}")) })
            }
            Err(error) => Err(error.context(format!("{}: nothing was written", name.display()))),
        }
    }

    fn carry(
        &self,
        source: Box<dyn Source>,
        notes: Vec<String>,
        wire: &Wire,
        metrics: &Arc<Metrics>,
    ) -> anyhow::Result<()> {
        let (format, rate) = (source.format(), source.rate());
        let zones = Arc::new(Zones::new(&hidden_zones(&self.config), format));
        let inspector = with_watch(self.networks.inspector(all_cores())?, &self.config, format, self.events);
        let frame_time = rate.map_or(Duration::from_millis(40), |rate| rate.time_of(1));
        let stages = Stages {
            redactor: Redactor::new(policy(&self.config), format, Arc::clone(&zones)),
            zones,
            inspector,
            limits: file_limits(&self.config, format, PATIENCE, frame_time),
        };
        let (clock, stop) = (Arc::new(SystemClock::start()), Arc::new(AtomicBool::new(false)));
        let shared = Shared { clock, metrics: Arc::clone(metrics), stop };
        let frames = Frames::clip(format, rate, source.expected_frames()).context("only 4:2:0 video is taken")?;
        let mut hatch = Telling::begin(wire, Opened { frames, notes }).context("there is no memory for frames")?;
        let ran = crate::path::run(source, stages, &mut hatch, Manners::Patient, &shared);
        hatch.finish()?;
        Ok(ran?)
    }
}

fn is_source_fault(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref::<PathError>(), Some(PathError::Source(_)))
}

/// Threads that redact pictures, each with networks of its own.
fn still_workers(workers: usize, networks: &Networks, config: &Arc<Config>) -> anyhow::Result<Sender<Job>> {
    let threads = (all_cores() / workers).max(1);
    let (jobs, come) = unbounded::<Job>();
    for _ in 0..workers {
        let (come, config) = (come.clone(), Arc::clone(config));
        let mut inspector = networks.inspector(threads)?;
        let working = move || {
            for Job { name, file, wire } in come {
                let _handed = handed::hand_over(&name, file);
                end(&wire, still(&name, &wire, &mut inspector, &config));
            }
        };
        std::thread::Builder::new().name("still".to_owned()).spawn(working).context("starting a thread failed")?;
    }
    Ok(jobs)
}

/// One look, one redaction, one frame.
fn still(name: &Path, wire: &Wire, inspector: &mut Inspector, config: &Config) -> anyhow::Result<Done> {
    let mut source = capture::open_still(name)?;
    let (format, container) = (source.format(), source.container());
    let zones = Arc::new(Zones::new(&hidden_zones(config), format));
    let mut blank = Pool::new(format, 1).blank().context("no memory for the picture")?;
    if source.read(&mut blank)?.is_none() {
        bail!("{}: there is no picture in it", name.display());
    }
    let notes = source.notes().to_vec();
    drop(source);
    let mut raw = blank.expose(Stamp { sequence: 0, time: Duration::ZERO }, &zones);
    let findings = inspector.inspect(raw.lend());
    let faces = match &findings {
        Findings::Complete(found) => found.iter().filter(|seen| seen.kind == Kind::Face).count(),
        Findings::Missing => match inspector.take_error() {
            Some(error) => return Err(anyhow::Error::new(error).context(not_inspected(name))),
            None => bail!(not_inspected(name)),
        },
    };
    let redacted = Redactor::new(policy(config), format, zones).redact(Inspected::new(raw, findings));
    if redacted.is_masked() {
        bail!(not_inspected(name));
    }
    let frames = Frames::Still { size: [format.size.width, format.size.height], container };
    let mut hatch = Telling::begin(wire, Opened { frames, notes }).context("there is no memory for the picture")?;
    hatch.publish(Outbound::Frame(redacted))?;
    hatch.finish()?;
    Ok(Done { faces: faces as u64, cut: None })
}

fn not_inspected(input: &Path) -> String {
    format!("{}: it could not be inspected, so nothing was written", input.display())
}
