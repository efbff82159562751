//! The pixel process: the camera, the networks, the hold, the redactor, and one hatch.
//!
//! **Invariant.** It is told to start and to stop, and nothing else; it gives away redacted frames, events and counters.
//! When anything of it fails it ends, and what it held ends with it: the supervisor starts another.

use std::os::fd::AsFd;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context;
use frostglass_vault::{Redactor, Zones};

use crate::capture::Rate;
use crate::clock::{Clock, SystemClock};
use crate::commands::{
    Medium, Networks, all_cores, cameras, hidden_zones, live_limits, open_camera, open_foreign, policy, reach, summary,
    takes_ffmpeg, with_watch,
};
use crate::config::Config;
use crate::event::{Event, Health};
use crate::hatch::shared::{FrontEnd, Messages, SharedHatch, ToldFormat};
use crate::metrics::Metrics;
use crate::path::{Frames, Manners, PathError, Shared, Stages};
use crate::record::counters::Counters;
use crate::sandbox::{Role, Walls};
use crate::supervise::messages::{FromPixel, Start, ToPixel};
use crate::wire::{Wire, WireError};

/// The supervisor hears of progress so often.
const PROGRESS_EVERY: Duration = Duration::from_millis(500);
/// The first message comes at once, or never.
const START_WITHIN: Duration = Duration::from_secs(30);

/// Lives until the source ends, the supervisor says stop, or something fails.
pub(crate) fn run(wire: Wire) -> anyhow::Result<ExitCode> {
    let start = first_message(&wire)?;
    let config = Config::prove(&start.text, &start.origin, &start.folder)?;
    crate::commands::start_log(&config.log_level);
    let wire = Arc::new(wire);
    let counters = Arc::new(Counters::of_this_process().context("the way of counters to the supervisor")?);
    let stop = Arc::new(AtomicBool::new(false));
    let mut walls = Walls::first(Role::Pixel, start.walls)?;
    if takes_ffmpeg(&config) {
        walls.before_ffmpeg();
    }
    let foreign = open_foreign(&config)?;
    walls.before_anything_from_outside(false, &cameras(&config))?;
    let networks = Networks::find(&config, Medium::Live)?;

    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
    let shared = Shared { clock: Arc::clone(&clock), metrics: Arc::default(), stop: Arc::clone(&stop) };
    let camera = open_camera(&config, &start, &shared, foreign)?;
    let format = camera.source.format();
    // What a driver or a clip says of itself may be no rate at all.
    let told = camera.source.rate().filter(|&rate| ToldFormat::can_be(rate));
    let rate = told.unwrap_or(Rate { frames: config.camera.fps, seconds: 1 });
    let (mut hatch, end) = SharedHatch::new(format).context("making the ring of redacted frames failed")?;
    let limits = live_limits(&config, rate.time_of(1));
    let (frames, locked) = Frames::guarded(format, &limits).context("there is no memory for frames")?;
    walls.note("locked memory", locked);
    let mut reach = reach(&config);
    reach.read.extend(networks.own_files());
    reach.cameras.extend(camera.device);
    walls.before_threads(&reach);

    let zones = Arc::new(Zones::new(&hidden_zones(&config), format));
    let inspector = with_watch(networks.inspector((all_cores() / 2).max(1))?, &config, format, true);
    let stages =
        Stages { redactor: Redactor::new(policy(&config), format, Arc::clone(&zones)), zones, inspector, limits };
    let streams = ToldFormat::of(format, rate).context("only planar 4:2:0 video passes the ring")?;
    stand_up(&wire, &end, streams, camera.identity, walls.missing())?;
    drop(end);

    listen(Arc::clone(&wire), Arc::clone(&stop))?;
    tell_health(Arc::clone(&wire), Arc::clone(&counters), hatch.messages(), shared.clone(), walls.missing().to_vec())?;
    let per_second = f64::from(rate.frames) / f64::from(rate.seconds);
    eprintln!("frostglass: {} at {per_second:.2} frames a second; Ctrl-C ends", format.size);
    let ran = crate::path::run_behind(camera.source, frames, stages, &mut hatch, Manners::Live, &shared, || {
        walls.before_frames(&reach).map_err(|error| PathError::Walls(error.to_string()))
    });
    counters.tell_last(&shared.metrics.emit);
    let last = Health { walls_missing: walls.missing().to_vec(), ..shared.metrics.health(clock.wall()) };
    let _ = hatch.messages().send(&Event::Health(last));
    eprintln!("frostglass: {}", summary(&shared.metrics));
    tell_end(&wire, &ran, stop.load(Ordering::Relaxed));
    match ran {
        Ok(()) | Err(PathError::Closed(_)) => Ok(ExitCode::SUCCESS),
        Err(error) => Err(error.into()),
    }
}

/// The order to start, which comes before anything else.
fn first_message(wire: &Wire) -> anyhow::Result<Start> {
    match wire.receive(START_WITHIN)?.map(|record| record.message::<ToPixel>()).transpose()? {
        Some(ToPixel::Start(start)) => Ok(start),
        _ => anyhow::bail!("the pixel process was not told to start"),
    }
}

fn stand_up(
    wire: &Wire,
    end: &FrontEnd,
    format: ToldFormat,
    camera: Option<String>,
    walls_missing: &[String],
) -> anyhow::Result<()> {
    let ends = end.0.each_ref().map(AsFd::as_fd);
    wire.send(&FromPixel::Ready { format, camera, walls_missing: walls_missing.to_vec() }, &ends)
        .context("telling the supervisor that the camera streams failed")
}

/// Waits for the order to stop; a supervisor that is gone has given it.
fn listen(wire: Arc<Wire>, stop: Arc<AtomicBool>) -> anyhow::Result<()> {
    let listening = move || {
        loop {
            match wire.receive(Duration::from_secs(3600)) {
                Ok(None) => {}
                Ok(Some(record)) => {
                    if let Ok(ToPixel::Stop) = record.message() {
                        break;
                    }
                }
                Err(WireError::Closed | WireError::Io(_)) => break,
                Err(WireError::Nonsense(_)) => {}
            }
        }
        stop.store(true, Ordering::Relaxed);
        // What hangs does not look at the flag.
        std::thread::sleep(Duration::from_secs(10));
        eprintln!("frostglass: the pixel process did not end in time and gives up");
        std::process::exit(1);
    };
    std::thread::Builder::new().name("listen".to_owned()).spawn(listening).context("starting a thread failed")?;
    Ok(())
}

/// Progress and counters to the supervisor, and once a second health to the front.
fn tell_health(
    wire: Arc<Wire>,
    counters: Arc<Counters>,
    messages: Messages,
    shared: Shared,
    walls_missing: Vec<String>,
) -> anyhow::Result<()> {
    let telling = move || {
        for round in 0u64.. {
            std::thread::sleep(PROGRESS_EVERY);
            let _ = wire.write(&progress(&shared.metrics));
            counters.tell(&shared.metrics.emit);
            if round.is_multiple_of(2) {
                let health = shared.metrics.health(shared.clock.wall());
                let _ = messages.send(&Event::Health(Health { walls_missing: walls_missing.clone(), ..health }));
            }
        }
    };
    std::thread::Builder::new().name("health".to_owned()).spawn(telling).context("starting a thread failed")?;
    Ok(())
}

fn progress(metrics: &Metrics) -> FromPixel {
    let Metrics { capture, inspect, emit } = metrics;
    FromPixel::Progress { frames: emit.out.get(), answers: inspect.complete.get(), turns: capture.turns.get() }
}

fn tell_end(wire: &Wire, ran: &Result<(), PathError>, asked: bool) {
    let message = match ran {
        Ok(()) if !asked => FromPixel::SourceEnded,
        Err(PathError::Source(_)) => FromPixel::SourceBroken,
        _ => return,
    };
    let _ = wire.write(&message);
}
