//! Ways out for redacted frames and events: everything that has a network, a disk or an encoder.
//!
//! **Invariant.** Nothing here can name a raw frame: sinks get a [`ReceivedFrame`] and [`Event`]s. What stands
//! under its final name is whole, or was there before: see [`Output`]. Nothing is encoded that nobody asked for.
//!
//! What the bytes of a picture or clip look like is [`encode`]'s business; what is in them was settled before
//! they came through the hatch.

pub mod encode;

mod clip;
pub(crate) mod http;
mod lines;
mod loopback;
mod output;
mod pictures;
mod stream;
#[cfg(test)]
mod testing;

use std::io;
use std::net::SocketAddr;
use std::path::Path;

pub use clip::{ClipContainer, ClipFile};
pub use encode::{PictureKind, encode_picture};
pub use http::LiveView;
pub use lines::JsonLines;
pub use loopback::LoopbackSink;
pub use output::{Output, Overwrite};
pub use pictures::{PictureFolder, write_picture};
pub use stream::Y4mStream;
pub(crate) use stream::own_stdout;

use crate::event::Event;
use crate::hatch::ReceivedFrame;

/// One way out. A trait because there are several, and the user's own.
pub trait Sink: Send {
    /// Name for messages, such as `pictures in out/`.
    fn name(&self) -> String;

    /// Takes a frame. Sinks that want none ignore it.
    ///
    /// # Errors
    /// When it could not be written; what is whole stays valid.
    fn frame(&mut self, _frame: &ReceivedFrame) -> Result<(), EmitError> {
        Ok(())
    }

    /// Takes an event. Sinks that want none ignore it.
    ///
    /// # Errors
    /// When it could not be written; what is whole stays valid.
    fn event(&mut self, _event: &Event) -> Result<(), EmitError> {
        Ok(())
    }

    /// Finishes what is open: until then nothing stands under its final name that is not whole.
    ///
    /// # Errors
    /// When it could not be finished.
    fn finish(self: Box<Self>) -> Result<(), EmitError> {
        Ok(())
    }
}

/// What went wrong on a way out. Each says what was tried, on what, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum EmitError {
    /// Writing failed.
    #[error("{path}: {tried} failed")]
    Io {
        /// Which file.
        path: String,
        /// What was tried.
        tried: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// There is no room left for it.
    #[error("{path}: disk full after {bytes} bytes; make room, then try again")]
    Full {
        /// Which file.
        path: String,
        /// How much was handed to the system before it had no more room.
        bytes: u64,
        /// What the system said.
        source: io::Error,
    },
    /// Whoever read it has gone. For a pipe this is an ordinary end, as with `head`.
    #[error("{path}: closed by its reader")]
    Closed {
        /// What was written to.
        path: String,
    },
    /// The output exists.
    #[error("{path}: exists already; --force replaces it")]
    Exists {
        /// Which file.
        path: String,
    },
    /// The output is an input. Not even `--force` makes that right: the original would be gone.
    #[error("{path}: is the input {input}; give another name for the output")]
    IsInput {
        /// The output.
        path: String,
        /// The input which it is, by this or another name.
        input: String,
    },
    /// The output is there and is no file, so that it can not be replaced by one.
    #[error("{path}: is no ordinary file; give the name of a file")]
    NotAFile {
        /// Which path.
        path: String,
    },
    /// This kind of output can not hold such frames.
    #[error("{path}: {why}")]
    Unsupported {
        /// Which file or stream.
        path: String,
        /// What does not fit, and what to do.
        why: String,
    },
    /// A device to write to can not be used.
    #[error("{path}: {why}")]
    Device {
        /// Which device.
        path: String,
        /// What is wrong with it, and what to do.
        why: String,
    },
    /// The live view can not listen there.
    #[error("{address}: listening for the live view failed; {advice}")]
    Listen {
        /// Address and port.
        address: SocketAddr,
        /// What to do.
        advice: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// What a way out needs inside this process could not be made.
    #[error("{what}: starting it failed")]
    Start {
        /// What was to be started.
        what: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// Nothing was written, because no frame came.
    #[error("{path}: not a single frame came, so there is no file")]
    Empty {
        /// Which file.
        path: String,
    },
}

impl EmitError {
    /// What a fault of the system means when `written` bytes of `path` have been handed over.
    pub(crate) fn of(path: impl Into<String>, tried: &'static str, written: u64, source: io::Error) -> Self {
        let path = path.into();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full { path, bytes: written, source },
            io::ErrorKind::BrokenPipe => Self::Closed { path },
            // Encoders say so, in their own words, when they can not hold a frame.
            io::ErrorKind::Unsupported => Self::Unsupported { path, why: source.to_string() },
            _ => Self::Io { path, tried, source },
        }
    }

    /// Whether the reader of a pipe has gone, which ends a program without a fault.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        matches!(self, Self::Closed { .. })
    }
}

/// How a path is shown in messages.
pub(crate) fn shown(path: &Path) -> String {
    path.display().to_string()
}
