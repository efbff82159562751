//! What supervisor, pixel process and front tell one another.
//!
//! **Invariant.** Towards the pixel process there is "start", "stop" and nothing else: nothing that could uncover anything.
//! The supervisor learns numbers and states from the others, and no text that it acts on.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::event::{Fault, Health};
use crate::hatch::shared::ToldFormat;

/// The first message to each process: what the owner wants, as the supervisor proved it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Start {
    /// The config's text,
    pub(crate) text: String,
    /// its name in messages,
    pub(crate) origin: String,
    /// and where relative paths start.
    pub(crate) folder: PathBuf,
    /// Whether such a process stood up before: a front is then patient with what it cannot open.
    pub(crate) again: bool,
    /// Whether walls go up; `--without-sandbox` says no.
    pub(crate) walls: bool,
    /// The camera that was taken the last time, by its bus path.
    pub(crate) camera: Option<String>,
    /// What the front before this one left in its Y4M stream.
    pub(crate) y4m: Begun,
}

/// What stands in a stream that cannot be begun twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Begun {
    /// Not a byte.
    Nothing,
    /// Whole frames of this format: others may follow.
    Whole(ToldFormat),
    /// Perhaps half a frame: nothing may follow.
    Torn,
}

/// From the supervisor to the pixel process.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ToPixel {
    /// Begin.
    Start(Start),
    /// Let out what is held, and end.
    Stop,
}

/// From the pixel process to the supervisor.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FromPixel {
    /// The camera streams. The front's end of the hatch comes with it.
    Ready {
        /// Of the frames in the ring.
        format: ToldFormat,
        /// The bus path of the camera, if it is one.
        camera: Option<String>,
        /// Walls that do not stand around it.
        walls_missing: Vec<String>,
    },
    /// It lives; and numbers that change as it works.
    Progress {
        /// Frames that were let out, masked or not.
        frames: u64,
        /// Answers of the networks.
        answers: u64,
        /// Turns of the capturing thread, which rise while a camera has nothing to give and stop when anything on the way of
        /// a frame is stuck.
        turns: u64,
    },
    /// The source is at its end: nothing more will come, and that is right.
    SourceEnded,
    /// The file that was replayed is broken: another start would find it broken again.
    SourceBroken,
}

/// From the supervisor to the front.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ToFront {
    /// Begin.
    Start(Start),
    /// A pixel process stands. Its end of the hatch comes with it.
    Pixel {
        /// Of the frames in the ring.
        format: ToldFormat,
        /// What is hidden from now on.
        hides: Vec<String>,
        /// Milliseconds without a frame after which masked ones take their place.
        silence_ms: u64,
        /// Pixel processes that stood before this one.
        restarts: u64,
        /// Whether another front has read from this hatch: what is in it was shown.
        seen: bool,
    },
    /// The pixel process is gone.
    Gone {
        /// Pixel processes that stood or tried to, with this one.
        restarts: u64,
    },
    /// Tell this.
    Fault(Fault),
    /// Finish what is open, and end.
    Finish,
}

/// From the front to the supervisor.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FromFront {
    /// All ways out are open.
    Ready,
    /// It lives; frames that were handed to the ways out, and how the camera does.
    Progress {
        /// Masked or not.
        frames: u64,
        /// For the status line.
        health: Option<Health>,
        /// Whether it has the hatch of a pixel process.
        hatch: bool,
    },
    /// All ways out were finished, and are whole: the last message.
    Finished {
        /// The format of the frames that left, if any did.
        y4m: Option<ToldFormat>,
    },
    /// Everybody who read has gone: the run is over.
    Enough,
    /// The last way out failed for good: the run is over.
    Failed,
}
