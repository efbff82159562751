//! Ways out for redacted frames and events: everything that has a network, a disk or an encoder.
//!
//! **Invariant.** Nothing here can name a raw frame: sinks get a [`ReceivedFrame`] and [`Event`]s.

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
        source: std::io::Error,
    },
}
