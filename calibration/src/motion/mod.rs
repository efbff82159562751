//! Replays a clip before the camera's own motion watch, at several sensitivities: what each would have told.
//!
//! **Invariant.** What is watched is what `frostglass` watches: its capture, its watch, hidden zones painted over before
//! anybody looks, persons looked for as often as the config says. Nothing of a picture is kept or written.
//!
//! `draw` makes a picture of a [`Replay`], `table` a text; the watch itself is `frostglass::inspect::motion`.

mod draw;
mod table;

use std::path::Path;
use std::time::Duration;

use frostglass::capture::{self, CaptureError, Container, OpenOptions, Opened, Rate, Source};
use frostglass::config::{Config, ZoneRule};
use frostglass::event::{Event, Phase, What};
use frostglass::inspect::motion::{Watch, WatchSettings};
use frostglass_models::{DetectError, Detector, ModelError, Runtime, RuntimeError, person_detector};
use frostglass_vault::{Detection, Pool, Stamp, Zone, Zones};
use jiff::Timestamp;

pub use draw::svg;

/// What can go wrong between a clip and its curves.
#[derive(Debug, thiserror::Error)]
pub enum MotionError {
    /// The clip could not be opened or read.
    #[error(transparent)]
    Capture(#[from] CaptureError),
    /// A picture was given.
    #[error("{clip}: one picture: motion is seen between frames; give a clip, or a folder of pictures in order")]
    OnePicture {
        /// What was given.
        clip: String,
    },
    /// The rate that was asked for would not be that of the events.
    #[error(
        "{clip}: {} frames in {} s are asked for, but this clip's frames have times of their own; a rate can be given for \
         a folder of pictures and a stream of JPEGs, leave it out here",
        .fps.frames, .fps.seconds
    )]
    OwnTimes {
        /// What was given.
        clip: String,
        /// The rate.
        fps: Rate,
    },
    /// It ended before anything could move.
    #[error("{clip}: {frames} whole frames: motion is seen between frames, and there must be two at least")]
    TooShort {
        /// What was given.
        clip: String,
        /// Frames that were whole.
        frames: u64,
        /// Why there were no more, if that is known.
        source: Option<CaptureError>,
    },
    /// No inference engine.
    #[error("the person network")]
    Runtime(#[from] RuntimeError),
    /// The person network could not be loaded.
    #[error("the person network")]
    Model(#[from] ModelError),
    /// The person network failed.
    #[error("frame {frame}: the person network failed")]
    Detect {
        /// Which frame.
        frame: u64,
        /// Why.
        source: DetectError,
    },
}

/// What a clip would have raised.
#[derive(Debug)]
pub struct Replay {
    /// The clip, as it was named.
    pub clip: String,
    /// Time of the last frame, in seconds since the first.
    pub seconds: f32,
    /// Frames that were whole.
    pub frames: u64,
    /// Whether persons were looked for.
    pub persons: bool,
    /// One for each sensitivity.
    pub curves: Vec<Curve>,
    /// What cut it short or was missing in it.
    pub fault: Option<CaptureError>,
}

/// A clip at one sensitivity.
#[derive(Debug)]
pub struct Curve {
    /// `0..=1`.
    pub sensitivity: f32,
    /// The score from which an event begins.
    pub begins_at: f32,
    /// Seconds and score of each frame, as `Watch::score` has it.
    pub points: Vec<(f32, f32)>,
    /// What would have been told, in the order in which it began.
    pub events: Vec<Raised>,
}

/// An event, from its start to its end.
#[derive(Clone, Debug, PartialEq)]
pub struct Raised {
    id: String,
    /// Seconds since the first frame.
    pub start: f32,
    /// The same; the clip's end for what was still going on.
    pub end: f32,
    /// Whether it went on until the clip ended.
    pub open: bool,
    /// What it was called at last.
    pub what: What,
    /// Left, top, right, bottom of all places where it was, as shares of the picture.
    pub area: [f32; 4],
    /// The watched zones that it was in.
    pub zones: Vec<String>,
}

/// Plays a clip to one watch for each sensitivity. The config says where events are wanted, what is hidden, and how persons
/// are looked for; its own sensitivity does not count. `persons` is whether they are looked for at all, `fps` the rate of
/// a folder of pictures or a stream of JPEGs, `progress` is told of each frame.
///
/// # Errors
/// When there is no clip of at least two whole frames, when `fps` is given for one that has its own times, or the person
/// network fails. A clip that breaks off later gives
/// what was whole, with its fault.
pub fn replay(
    clip: &Path,
    config: &Config,
    sensitivities: &[f32],
    persons: bool,
    fps: Option<Rate>,
    progress: &dyn Fn(),
) -> Result<Replay, MotionError> {
    let name = clip.display().to_string();
    let opened = capture::open(clip, &OpenOptions { fps, repeat: false })?;
    let Opened::Moving(moving) = opened else { return Err(MotionError::OnePicture { clip: name }) };
    let states_no_rate = matches!(moving.container, Container::Folder | Container::Mjpeg);
    if let Some(fps) = fps.filter(|_| !states_no_rate) {
        return Err(MotionError::OwnTimes { clip: name, fps });
    }
    let mut source = moving.source;
    let mut network = if persons { Some(person_network(config)?) } else { None };
    let format = source.format();
    let (pool, hidden) = (Pool::new(format, 1), Zones::new(&hidden(config), format));
    let mut watched: Vec<Watched> = sensitivities
        .iter()
        .map(|&sensitivity| {
            Watched::new(
                Watch::new(WatchSettings { motion: true, sensitivity, ..WatchSettings::of(config) }, format),
                sensitivity,
            )
        })
        .collect();

    let (mut frames, mut seconds, mut fault, mut found) = (0u64, 0.0f32, None, Vec::new());
    while let Some(mut blank) = pool.blank() {
        let time = match source.read(&mut blank) {
            Ok(Some(time)) => time,
            Ok(None) => break,
            Err(CaptureError::NotYet { .. }) => continue,
            Err(error) => {
                fault = Some(error);
                continue;
            }
        };
        let look = blank.expose(Stamp { sequence: frames, time }, &hidden).lend();
        let looks = frames.is_multiple_of(u64::from(config.persons.every.max(1)));
        if let Some(network) = network.as_mut().filter(|_| looks) {
            found.clear();
            network
                .detect(&look.picture(), &mut found)
                .map_err(|source| MotionError::Detect { frame: frames, source })?;
        }
        let persons = (network.is_some() && looks).then_some(found.as_slice());
        for watched in &mut watched {
            watched.observe(&look, persons, time);
        }
        seconds = time.as_secs_f32();
        frames += 1;
        progress();
    }
    if frames < 2 {
        return Err(MotionError::TooShort { clip: name, frames, source: fault });
    }
    let curves = watched.into_iter().map(|watched| watched.finish(seconds)).collect();
    Ok(Replay { clip: name, seconds, frames, persons, curves, fault })
}

/// A watch, and what it has told so far.
struct Watched {
    watch: Watch,
    curve: Curve,
    told: Vec<Event>,
}

impl Watched {
    fn new(watch: Watch, sensitivity: f32) -> Self {
        let begins_at = watch.begins_at();
        Self {
            watch,
            curve: Curve { sensitivity, begins_at, points: Vec::new(), events: Vec::new() },
            told: Vec::new(),
        }
    }

    fn observe(&mut self, look: &frostglass_vault::Look, persons: Option<&[Detection]>, time: Duration) {
        self.watch.observe(&look.picture(), look.stamp(), persons, Timestamp::UNIX_EPOCH, &mut self.told);
        self.curve.points.push((time.as_secs_f32(), self.watch.score()));
        self.gather(time.as_secs_f32(), false);
    }

    fn finish(mut self, seconds: f32) -> Curve {
        self.watch.finish(Timestamp::UNIX_EPOCH, &mut self.told);
        self.gather(seconds, true);
        self.curve
    }

    /// Makes one thing of the start, the updates and the end of an event.
    fn gather(&mut self, now: f32, open: bool) {
        for event in self.told.drain(..) {
            let Event::Motion(event) = event else { continue };
            let events = &mut self.curve.events;
            if event.phase == Phase::Start {
                let (id, what) = (event.id.clone(), event.what);
                events.push(Raised {
                    id,
                    start: now,
                    end: now,
                    open: false,
                    what,
                    area: event.area,
                    zones: Vec::new(),
                });
            }
            let Some(raised) = events.iter_mut().rev().find(|raised| raised.id == event.id) else { continue };
            let ([left, top, right, bottom], [l, t, r, b]) = (raised.area, event.area);
            raised.area = [left.min(l), top.min(t), right.max(r), bottom.max(b)];
            (raised.end, raised.what, raised.zones) = (now, event.what, event.zones);
            raised.open = open && event.phase == Phase::End;
        }
    }
}

fn person_network(config: &Config) -> Result<Box<dyn Detector>, MotionError> {
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    Ok(person_detector(&Runtime::load()?, &config.persons.model.file(), threads)?)
}

fn hidden(config: &Config) -> Vec<Zone> {
    let hidden = config.zones.iter().filter(|zone| zone.rule == ZoneRule::Hide);
    hidden.map(|zone| Zone { outline: zone.outline.clone(), style: zone.style }).collect()
}
