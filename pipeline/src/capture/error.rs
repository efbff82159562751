//! What can go wrong while pictures are brought in.

use std::io;
use std::time::Duration;

use frostglass_vault::{Format, Size};

use super::camera::CameraFault;
use super::{LONGEST_SIDE, MOST_PIXELS};

/// What went wrong while pictures were brought in. Each says what was tried, on what, and what to do.
///
/// An error names files and sizes, never pixels.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CaptureError {
    /// The file could not be read.
    #[error("{path}: {tried} failed")]
    Io {
        /// Which file.
        path: String,
        /// What was tried.
        tried: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The file has no bytes.
    #[error("{path}: the file is empty")]
    Empty {
        /// Which file.
        path: String,
    },
    /// The first bytes are those of nothing that can be shown.
    #[error(
        "{path}: neither a picture nor a clip; JPEG, PNG, WebP, MP4, Y4M and MJPEG are read, other clips by way of ffmpeg"
    )]
    Unknown {
        /// Which file.
        path: String,
    },
    /// It is known what it is, and it is not taken.
    #[error("{path}: {what} is not taken; {advice}")]
    Unsupported {
        /// Which file.
        path: String,
        /// What it is.
        what: String,
        /// What to do about it.
        advice: String,
    },
    /// The content contradicts itself.
    #[error("{path}: broken {what}: {reason}; nothing of it is used")]
    Broken {
        /// Which file.
        path: String,
        /// Which part of it.
        what: &'static str,
        /// What its reader said.
        reason: String,
    },
    /// The file ends too early. What was whole has been given.
    #[error("{path}: the file ends too early, {whole} whole frames were read; it was cut, copy or record it again")]
    Truncated {
        /// Which file.
        path: String,
        /// Frames that were whole.
        whole: u64,
    },
    /// The clip cannot be decoded any further. What was whole has been given.
    #[error("{path}: frame {index} cannot be decoded ({reason}); the {index} frames before it were read")]
    BrokenClip {
        /// Which file.
        path: String,
        /// Which frame, counted from 0.
        index: u64,
        /// What the decoder said.
        reason: String,
    },
    /// This one frame cannot be decoded; the source goes on with the next one. Whoever needs a frame in its place
    /// masks one wholly.
    #[error("{path}: frame {index} is broken ({reason})")]
    BrokenFrame {
        /// Which file or camera.
        path: String,
        /// Which frame, counted from 0, broken ones included.
        index: u64,
        /// When it should have been shown, since the first frame.
        time: Duration,
        /// What the decoder said.
        reason: String,
    },
    /// Nothing came within a tenth of a second or so; the source lives, call again. It lets whoever waits look
    /// whether it should stop.
    #[error("{path}: no frame yet")]
    NotYet {
        /// Which camera or pipe.
        path: String,
    },
    /// A camera cannot be taken, or gives no more pictures.
    #[error("{path}: {fault}")]
    Camera {
        /// Which device.
        path: String,
        /// What is wrong with it.
        fault: CameraFault,
    },
    /// The clip changes its size. What came before has been given.
    #[error("{path}: frame {index} is {is}, the frames before it {was}; cut the clip there")]
    SizeChanged {
        /// Which file.
        path: String,
        /// Which frame, counted from 0.
        index: u64,
        /// The size so far.
        was: Size,
        /// The size from there on.
        is: Size,
    },
    /// More pixels than are taken.
    #[error(
        "{path}: {size} is too large; at most {} megapixels and {LONGEST_SIDE} pixels a side are taken, shrink it first",
        MOST_PIXELS / 1_000_000
    )]
    TooLarge {
        /// Which file.
        path: String,
        /// Its size.
        size: Size,
    },
    /// The caller's blank does not fit; nothing was read.
    #[error("a frame of {source_gives:?} does not fit into a blank of {blank_takes:?}")]
    WrongFormat {
        /// What the source gives.
        source_gives: Format,
        /// What the blank is for.
        blank_takes: Format,
    },
    /// The picture or clip needs ffmpeg, and there is none.
    #[error(
        "{path}: {what} needs ffmpeg, and there is none on PATH; install ffmpeg, or convert the clip to MP4 with H.264 (8 bit, 4:2:0, progressive)"
    )]
    NoFfmpeg {
        /// Which file.
        path: String,
        /// What it is.
        what: String,
    },
    /// ffmpeg did not decode the whole clip.
    #[error("{path}: ffmpeg {how} after {whole} whole frames: {said}")]
    Ffmpeg {
        /// Which file.
        path: String,
        /// How it ended.
        how: String,
        /// Frames that were whole.
        whole: u64,
        /// The end of what it wrote to standard error.
        said: String,
    },
    /// There is nothing to show.
    #[error("{path}: {what} without a single picture")]
    NoFrames {
        /// Which file or folder.
        path: String,
        /// What it is.
        what: &'static str,
    },
}

/// What a decoder says is wrong, on one line: some of them end theirs with a line feed.
pub(super) fn said(error: &impl std::fmt::Display) -> String {
    crate::event::plain(error.to_string().trim())
}
