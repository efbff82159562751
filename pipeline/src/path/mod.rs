//! The path of a frame: source, hold, inspector, redactor, hatch, wired with threads and bounded channels.
//!
//! **Invariant.** A camera never waits for a network: a frame for which the inspector has no time leaves wholly
//! masked and on time. Whichever thread dies or hangs, what leaves is masked, or nothing.
//!
//! Three threads: *capture* fills blanks, the *inspector* looks at lent frames, and the *keeper*
//! (the thread that calls [`run`]) owns the hold, the redactor and the pixel side of the hatch. What comes out of the hatch
//! is for another thread to take. A fault ends the path; whoever runs it starts anew.

mod alarm;
mod camera;
mod desk;
mod keeper;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use crossbeam_channel::bounded;
use frostglass_vault::{Format, Look, Pool, Redactor, Zones};

use self::camera::Camera;
use self::desk::Desk;
use self::keeper::Keeper;
use crate::capture::{CaptureError, Source};
use crate::clock::Clock;
use crate::hatch::{Closed, Hatch};
use crate::hold::track::Clues;
use crate::hold::{Hold, Limits};
use crate::inspect::Inspector;
use crate::metrics::Metrics;

/// How patient the path is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manners {
    /// Of files: each frame is looked at, the source waits.
    Patient,
    /// Of a camera: the source sets the pace; what cannot be looked at in time leaves masked.
    Live,
}

/// What a frame passes on its way.
pub struct Stages {
    /// Painted over before anybody holds the frame.
    pub zones: Arc<Zones>,
    /// Looks.
    pub inspector: Inspector,
    /// Paints.
    pub redactor: Redactor,
    /// How long frames are held.
    pub limits: Limits,
}

/// What all threads of a path share.
#[derive(Clone)]
pub struct Shared {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The counters.
    pub metrics: Arc<Metrics>,
    /// Set from outside to end: what is held still leaves.
    pub stop: Arc<AtomicBool>,
}

/// How a path ended. What was whole has left in any case.
#[derive(Debug, thiserror::Error)]
pub enum PathError {
    /// The source ended by a fault.
    #[error(transparent)]
    Source(#[from] CaptureError),
    /// The inspecting thread died.
    #[error("the inspecting thread died; no frame was let out unmasked after that")]
    InspectorDied,
    /// A network hangs.
    #[error("a network did not answer within {limit:?}; no frame was let out unmasked after that")]
    InspectorHangs {
        /// How long it was waited for.
        limit: Duration,
    },
    /// The capturing thread died.
    #[error("the capturing thread died")]
    CaptureDied,
    /// A wall that has to stand does not.
    #[error("{0}")]
    Walls(String),
    /// Nobody takes what comes out.
    #[error(transparent)]
    Closed(#[from] Closed),
}

/// Frames between capture and keeper.
const QUEUE: usize = 2;
/// Looks of a camera that may wait for a network which is slow for a moment.
const LOOKS: usize = 6;
/// Slots for frames in queues, in capture's and the inspector's hands, and in the hatch.
const SLOTS_BESIDE_HOLD: usize = QUEUE + LOOKS + 10;
/// How long a thread is waited for at the end.
const FAREWELL: Duration = Duration::from_secs(2);

/// A look at a frame, when the frame was captured, and a list for clues about it.
type Lent = (Look, Duration, Clues);

/// Runs frames from `source` to `hatch` until the source ends, `stop` is set, or nobody takes them any more.
///
/// # Errors
/// When it ended otherwise than by its source's regular end; all that was whole has then left, too.
pub fn run(
    source: Box<dyn Source>,
    stages: Stages,
    hatch: &mut dyn Hatch,
    manners: Manners,
    shared: &Shared,
) -> Result<(), PathError> {
    let frames = Frames::new(source.format(), &stages.limits);
    run_behind(source, frames, stages, hatch, manners, shared, || Ok(()))
}

/// The memory that frames live in from capture to the hatch.
#[derive(Debug)]
pub struct Frames {
    pool: Pool,
    /// For what is read while all of the pool is in use: source's time goes on.
    scrap: Pool,
}

impl Frames {
    /// As many as a path with these limits uses, on the heap.
    #[must_use]
    pub fn new(format: Format, limits: &Limits) -> Self {
        Self { pool: Pool::new(format, slots(limits)), scrap: Pool::new(format, 1) }
    }

    /// The same in guarded memory, and what of the guard does not stand.
    ///
    /// # Errors
    /// When there is no memory.
    pub(crate) fn guarded(format: Format, limits: &Limits) -> std::io::Result<(Self, Result<(), String>)> {
        let (pool, stands) = crate::arena::pool(format, slots(limits))?;
        let (scrap, scrap_stands) = crate::arena::pool(format, 1)?;
        Ok((Self { pool, scrap }, stands.and(scrap_stands)))
    }
}

fn slots(limits: &Limits) -> usize {
    limits.look_ahead + SLOTS_BESIDE_HOLD
}

/// The same in memory that is there already, with walls that go up when all threads run and nothing was read.
///
/// # Errors
/// As [`run`]; that of `walls`, and then nothing was read.
pub fn run_behind(
    source: Box<dyn Source>,
    frames: Frames,
    stages: Stages,
    hatch: &mut dyn Hatch,
    manners: Manners,
    shared: &Shared,
    walls: impl FnOnce() -> Result<(), PathError>,
) -> Result<(), PathError> {
    let (captured_in, captured) = bounded(QUEUE);
    let (lend, lent) = bounded(if manners == Manners::Live { LOOKS } else { 1 });
    // An answer for each slot has room: the inspector never waits for the keeper.
    let (answer_in, answers) = bounded(slots(&stages.limits));

    let camera = Camera { source, frames, zones: stages.zones, manners, shared: shared.clone() };
    // All threads meet twice: when they run, and when the walls stand.
    let meeting = Arc::new(Barrier::new(3));
    let meets = Arc::clone(&meeting);
    let capture = spawn("capture", move || {
        meets.wait();
        meets.wait();
        camera.capture(&captured_in)
    });
    // A file's frames are each looked at, however long it takes.
    let deadline = (manners == Manners::Live).then_some(stages.limits.deadline);
    let mut desk = Desk::new(stages.inspector, shared.clone(), deadline);
    let meets = Arc::clone(&meeting);
    let inspecting = spawn("inspect", move || {
        meets.wait();
        meets.wait();
        desk.answer(&lent, &answer_in);
    });
    meeting.wait();
    let walled = walls();
    if walled.is_err() {
        // Whoever captures looks at this before it reads.
        shared.stop.store(true, Ordering::Relaxed);
    }
    meeting.wait();
    walled?;

    // Of a file, a network that hangs ends the path before the hold gives up waiting for it.
    let hold_deadline = match manners {
        Manners::Patient => 2 * stages.limits.deadline,
        Manners::Live => stages.limits.deadline,
    };
    let hold = Hold::new(Limits { deadline: hold_deadline, ..stages.limits });
    let mut keeper = Keeper::new(hold, stages.redactor, hatch, manners, shared.clone(), lend);
    let kept = keeper.keep(&captured, &answers);
    drop(keeper);
    // Capture gives up at its next frame when nobody receives any more; a source that never gives one is left behind, with
    // the memory it holds in quarantine, and so is a network that hangs.
    drop(captured);
    let (capture_ended, _) = (farewell(&capture), farewell(&inspecting));
    kept?;
    if !capture_ended {
        return Ok(());
    }
    match capture.join().map_err(|_| PathError::CaptureDied)? {
        Some(fault) => Err(fault.into()),
        None => Ok(()),
    }
}

fn spawn<T: Send + 'static>(name: &str, work: impl FnOnce() -> T + Send + 'static) -> thread::JoinHandle<T> {
    thread::Builder::new().name(name.to_owned()).spawn(work).expect("the system can start a thread")
}

/// Waits a little for a thread to end; whether it did.
fn farewell<T>(thread: &thread::JoinHandle<T>) -> bool {
    let until = std::time::Instant::now() + FAREWELL;
    while !thread.is_finished() && std::time::Instant::now() < until {
        thread::sleep(Duration::from_millis(1));
    }
    thread.is_finished()
}
