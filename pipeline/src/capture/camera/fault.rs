//! What can be wrong with a camera. Each says what to do about it.

use std::time::Duration;

/// Why a camera cannot be taken, or gives no more pictures.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CameraFault {
    /// There is no camera at all.
    #[error("no camera is there (no /dev/video* device gives pictures); plug one in, or load its driver")]
    None,
    /// `auto` may not guess.
    #[error("source = \"auto\" takes the only camera there is, and there are several:\n  {}\nname one of them", .0.join("\n  "))]
    Several(Vec<String>),
    /// The device file is not there.
    #[error("there is no such device; {0}")]
    NoDevice(String),
    /// It is a device, or a file, but not of Video4Linux.
    #[error("this is no Video4Linux device; `frostglass devices` lists the cameras of this machine")]
    NotVideo,
    /// It gives no pictures: metadata, radio, an output.
    #[error("{card} gives no pictures here; {advice}")]
    NoPictures {
        /// Its name.
        card: String,
        /// What to do.
        advice: String,
    },
    /// It may not be opened.
    #[error("opening it is not permitted; {0}")]
    Denied(String),
    /// Somebody else streams from it.
    #[error("the camera is in use{0}; end what uses it, or put a v4l2loopback device between")]
    Busy(String),
    /// Nothing it offers is taken.
    #[error(
        "the camera offers no format that is taken (it has {offers}; YUYV, UYVY, NV12, YU12 and MJPG are); {advice}"
    )]
    NoFormat {
        /// What it offers.
        offers: String,
        /// What to do.
        advice: String,
    },
    /// Its driver said what cannot be.
    #[error("{0}; nothing of it was read")]
    Driver(String),
    /// A call to the driver failed.
    #[error("{tried} failed: {said}")]
    Call {
        /// What was tried.
        tried: &'static str,
        /// What the kernel said.
        said: std::io::Error,
    },
    /// Another camera stands where the one that was used had been.
    #[error(
        "the camera that was used ({was}) is not there, and {is} stands in its place; zones are drawn for the first: plug it in again, or start anew to take the other"
    )]
    Another {
        /// The bus path before.
        was: String,
        /// What is there now.
        is: String,
    },
    /// It was unplugged, or its driver gave up.
    #[error("the camera is gone; it is taken again when it comes back")]
    Gone,
    /// No frame came for a long time.
    #[error("no frame came for {} s; the camera is started anew", .0.as_secs())]
    Stalled(Duration),
    /// Buffers came, but no whole frame, for a long time.
    #[error("no whole frame came for {} s, the last was broken: {reason}; the camera is started anew", .limit.as_secs())]
    Damaged {
        /// So long.
        limit: Duration,
        /// What was wrong with the last one.
        reason: String,
    },
}
