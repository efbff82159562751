//! A Video4Linux camera.
//!
//! **Invariant.** A frame is taken whole or not at all: what the driver flagged, left short or filled with nonsense leaves
//! wholly masked in its place, and is counted. The driver's memory is given back as soon as its bytes were copied out;
//! nothing is parsed in it. What goes on for longer (unplugged, stalled, nothing but damage, another size) ends the source:
//! whoever runs it starts anew.
//!
//! The calls to the kernel are [`crate::v4l2`]'s business.

mod fault;
pub mod find;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
pub mod negotiate;
mod unpack;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use frostglass_vault::{Blank, Format};

pub use self::fault::CameraFault;
use self::find::{Found, cameras, look_at};
use self::negotiate::{Agreed, agree, api};
use self::unpack::Unpack;
use super::{CaptureError, FrameFault, Rate, Source, check_blank};
use crate::clock::Clock;
use crate::config::{Camera as Wish, CameraSource};
use crate::metrics::Metrics;
use crate::v4l2::stream::{Next, Stream, StreamFault};
use crate::v4l2::{Dequeued, Device, Driver};

/// How long is waited for a frame before whoever reads may look whether to stop.
const SLICE: Duration = Duration::from_millis(100);
/// No frame, or no whole one, for so long, and the camera is started anew.
const PATIENCE: Duration = Duration::from_secs(5);
/// A driver's time that is farther off than this from ours is not believed.
const CREDIBLE: Duration = Duration::from_secs(2);

/// `V4L2_BUF_FLAG_ERROR`.
const FLAG_ERROR: u32 = 0x40;
/// `V4L2_BUF_FLAG_TIMESTAMP_MASK` and `_MONOTONIC`.
const TIME_KIND: u32 = 0xe000;
const TIME_MONOTONIC: u32 = 0x2000;

/// A camera that streams.
#[derive(Debug)]
pub struct Opened {
    /// Gives its frames.
    pub source: Camera<Device>,
    /// What differs from the wish, and other things that its owner wants to know.
    pub notes: Vec<String>,
    /// Finds it again under another number.
    pub identity: String,
}

/// Opens the camera that `wish` names, and starts it. `before` is the identity of the one that was used; no other is taken
/// then. `sink` is a loopback device of our own, which `auto` passes over.
///
/// # Errors
/// When there is none, or it can not be used; what to do about it.
pub fn open(
    wish: &Wish,
    before: Option<&str>,
    sink: Option<&Path>,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
) -> Result<Opened, CaptureError> {
    let named = match &wish.source {
        Some(CameraSource::Path(path)) => Some(path.as_path()),
        _ => None,
    };
    let shown = named.map_or_else(|| "camera".to_owned(), |path| path.display().to_string());
    let fault = |fault| CaptureError::Camera { path: shown.clone(), fault };
    let mut found = pick(named, before, sink).map_err(fault)?;
    let shown = found.path.display().to_string();
    let fault = |fault| CaptureError::Camera { path: shown.clone(), fault };
    let Agreed { layout, unpack, rate, mut notes } = agree(&mut found, wish).map_err(fault)?;
    if named != Some(found.path.as_path()) {
        notes.insert(0, format!("this is {}", found.identity()));
    }
    notes.push(format!("{} {}, {}", layout.size, layout.fourcc, api(found.kind)));
    let identity = found.identity();
    let stream = Stream::start(found.device, found.kind, &layout).map_err(|error| match error {
        // EBUSY.
        StreamFault::Io { source, .. } if source.raw_os_error() == Some(16) => {
            fault(CameraFault::Busy(find::holders(&found.path)))
        }
        error => fault(error.into()),
    })?;
    let source = Camera::new(shown.clone(), stream, unpack, rate, clock, metrics);
    Ok(Opened { source, notes, identity })
}

/// The device that is meant.
fn pick(named: Option<&Path>, before: Option<&str>, sink: Option<&Path>) -> Result<Found, CameraFault> {
    let same = |found: &Found| before.is_none_or(|before| found.identity() == before);
    let first = named.map(look_at);
    match first {
        Some(Ok(found)) if same(&found) => return Ok(found),
        Some(Err(fault)) if before.is_none() => return Err(fault),
        _ => {}
    }
    let mut there = cameras(sink);
    if let Some(before) = before {
        return match (there.iter().position(same), first) {
            (Some(place), _) => Ok(there.swap_remove(place)),
            (None, Some(Ok(other))) => Err(CameraFault::Another { was: before.to_owned(), is: other.identity() }),
            (None, Some(Err(fault))) => Err(fault),
            (None, None) => Err(CameraFault::None),
        };
    }
    match there.len() {
        0 => Err(nodes_fault(sink)),
        1 => Ok(there.remove(0)),
        _ => Err(CameraFault::Several(
            there.iter().map(|found| format!("{}: {}", found.path.display(), found.identity())).collect(),
        )),
    }
}

/// Why no camera was found: perhaps there is one that may not be opened.
fn nodes_fault(sink: Option<&Path>) -> CameraFault {
    let nodes = find::nodes().into_iter().filter(|path| Some(path.as_path()) != sink);
    let faults = nodes.filter_map(|path| look_at(&path).err());
    faults.into_iter().find(|fault| matches!(fault, CameraFault::Denied(_))).unwrap_or(CameraFault::None)
}

impl From<StreamFault> for CameraFault {
    fn from(fault: StreamFault) -> Self {
        match fault {
            fault if fault.is_gone() => Self::Gone,
            StreamFault::Io { tried, source } => Self::Call { tried, said: source },
            StreamFault::Driver(what) => Self::Driver(format!("its driver {what}")),
        }
    }
}

/// Frames of a camera.
pub struct Camera<D: Driver> {
    path: String,
    stream: Stream<D>,
    unpack: Unpack,
    rate: Option<Rate>,
    metrics: Arc<Metrics>,
    times: Times,
    clock: Arc<dyn Clock>,
    /// The driver's count of the last buffer.
    counted: Option<u32>,
    /// When the last buffer came.
    heard: Duration,
    /// When the last whole frame came.
    whole: Duration,
    index: u64,
    ended: bool,
}

impl<D: Driver> std::fmt::Debug for Camera<D> {
    /// Names the device, never a pixel.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Camera").field("path", &self.path).field("unpack", &self.unpack).finish_non_exhaustive()
    }
}

impl<D: Driver> Camera<D> {
    /// Starts `device` in the layout that it was brought to.
    ///
    /// # Errors
    /// When the layout can not be, or the driver refuses.
    pub fn start(
        path: &str,
        device: D,
        kind: crate::v4l2::Kind,
        layout: &crate::v4l2::Layout,
        clock: Arc<dyn Clock>,
        metrics: Arc<Metrics>,
    ) -> Result<Self, CameraFault> {
        let unpack = Unpack::new(layout, kind).map_err(|why| CameraFault::Driver(format!("its driver {why}")))?;
        Ok(Self::new(path.to_owned(), Stream::start(device, kind, layout)?, unpack, None, clock, metrics))
    }

    fn new(
        path: String,
        stream: Stream<D>,
        unpack: Unpack,
        rate: Option<Rate>,
        clock: Arc<dyn Clock>,
        metrics: Arc<Metrics>,
    ) -> Self {
        let heard = clock.now();
        Self {
            path,
            stream,
            unpack,
            rate,
            metrics,
            times: Times::default(),
            clock,
            counted: None,
            heard,
            whole: heard,
            index: 0,
            ended: false,
        }
    }

    /// Its device file.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    fn end(&mut self, fault: CameraFault) -> CaptureError {
        self.ended = true;
        CaptureError::Camera { path: self.path.clone(), fault }
    }

    /// Counts what the driver says that it did not give.
    fn count_gap(&mut self, sequence: u32) {
        if let Some(before) = self.counted.replace(sequence) {
            let missing = sequence.wrapping_sub(before).wrapping_sub(1);
            // More than half of all numbers ahead is behind: a driver that began anew.
            if missing < u32::MAX / 2 {
                self.metrics.capture.gaps.add(missing.into());
            }
        }
    }
}

impl<D: Driver> Source for Camera<D> {
    fn format(&self) -> Format {
        self.unpack.format()
    }

    fn rate(&self) -> Option<Rate> {
        self.rate
    }

    fn read(&mut self, blank: &mut Blank) -> Result<Option<Duration>, CaptureError> {
        check_blank(blank, self.format())?;
        if self.ended {
            return Ok(None);
        }
        let unpack = &mut self.unpack;
        let next = self.stream.next(SLICE, |filled| {
            let broken = |why: &str| Err(FrameFault::Broken(why.to_owned()));
            let result = if filled.about.flags & FLAG_ERROR != 0 {
                broken("the driver flagged it as damaged")
            } else if filled.planes[0].is_empty() {
                broken("the driver gave it without a byte")
            } else {
                unpack.copy_out(&filled.planes, blank)
            };
            (filled.about, result)
        });
        let now = self.clock.now();
        let (about, result) = match next {
            Err(fault) => return Err(self.end(fault.into())),
            Ok(Next::Nothing) if now.saturating_sub(self.heard) >= PATIENCE => {
                return Err(self.end(CameraFault::Stalled(PATIENCE)));
            }
            Ok(Next::Nothing) => return Err(CaptureError::NotYet { path: self.path.clone() }),
            Ok(Next::Bad(what)) => (None, Err(FrameFault::Broken(format!("the driver {what}")))),
            Ok(Next::Filled((about, result))) => (Some(about), result.and_then(|()| self.unpack.finish(blank))),
        };
        self.heard = now;
        let time = self.times.time(about.as_ref(), now);
        if let Some(about) = about {
            self.count_gap(about.sequence);
        }
        let index = self.index;
        self.index += 1;
        match result {
            Ok(()) => {
                self.whole = now;
                Ok(Some(time))
            }
            Err(FrameFault::Broken(reason)) => {
                self.metrics.capture.dropped.one();
                if now.saturating_sub(self.whole) >= PATIENCE {
                    return Err(self.end(CameraFault::Damaged { limit: PATIENCE, reason }));
                }
                Err(CaptureError::BrokenFrame { path: self.path.clone(), index, time, reason })
            }
            Err(FrameFault::OtherFormat(other)) => {
                self.ended = true;
                let (was, is) = (self.format().size, other.size);
                Err(CaptureError::SizeChanged { path: self.path.clone(), index, was, is })
            }
        }
    }
}

/// Times of frames since the first one: the driver's own, as long as they can be right.
#[derive(Default)]
struct Times {
    /// Of the first frame: the driver's time and ours.
    first: Option<(Duration, Duration)>,
    last: Option<Duration>,
}

impl Times {
    fn time(&mut self, about: Option<&Dequeued>, now: Duration) -> Duration {
        let told = about.filter(|about| about.flags & TIME_KIND == TIME_MONOTONIC).map(|about| about.time);
        let (first_told, first_now) = *self.first.get_or_insert((told.unwrap_or(now), now));
        let ours = now.saturating_sub(first_now);
        let told = told.and_then(|told| told.checked_sub(first_told));
        let time = told.filter(|told| told.abs_diff(ours) <= CREDIBLE).unwrap_or(ours);
        // Times rise, whatever a driver says.
        let time = self.last.map_or(time, |last| time.max(last + Duration::from_micros(1)));
        *self.last.insert(time)
    }
}

#[cfg(test)]
mod tests;
