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
    /// Whether such a process stood up before: then it is patient with what it cannot open.
    pub(crate) again: bool,
    /// The camera that was taken the last time, by its bus path.
    pub(crate) camera: Option<String>,
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
    },
    /// It lives.
    Progress(Progress),
    /// The source is at its end: nothing more will come, and that is right.
    SourceEnded,
    /// The file that was replayed is broken: another start would find it broken again.
    SourceBroken,
}

/// What has to rise in a process that does its work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Progress {
    /// Frames that were let out, masked or not.
    pub(crate) frames: u64,
    /// Answers of the networks.
    pub(crate) answers: u64,
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
    },
    /// Everybody who read has gone: the run is over.
    Enough,
    /// The last way out failed for good: the run is over.
    Failed,
}
