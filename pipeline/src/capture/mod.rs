//! Where frames come from.
//!
//! **Invariant.** A source only fills blanks; the owner's zones are painted over before anybody else holds the
//! frame. No metadata of a file or camera comes along: what a frame carries is in [`Format`] and [`Stamp`].

use std::time::Duration;

use frostglass_vault::{Blank, Format};

/// A camera, a clip, a folder of pictures, a still. A trait because there are several, and replays in tests.
pub trait Source: Send {
    /// The format of every frame it will give.
    fn format(&self) -> Format;

    /// How fast the frames follow one another, if that is known.
    fn rate(&self) -> Option<Rate>;

    /// How many frames will come, if that is known: for a progress bar, not to be relied on.
    fn expected_frames(&self) -> Option<u64> {
        None
    }

    /// Fills the blank with the next frame, wholly, and tells its time since the first one; `None` at the end.
    ///
    /// # Errors
    /// When the frame could not be read whole. The blank's content is then worthless. A source that ended by a
    /// fault gives that fault once, after the last whole frame, and then `None`.
    fn read(&mut self, blank: &mut Blank) -> Result<Option<Duration>, CaptureError>;
}

/// Frames per second as a fraction, as containers have it: 30000/1001 is exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Frames ...
    pub frames: u32,
    /// ... in so many seconds; never 0.
    pub seconds: u32,
}

/// What went wrong while pictures were brought in. Each says what was tried, on what, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// The file could not be read.
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
