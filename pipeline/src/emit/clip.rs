//! One clip in one file.
//!
//! **Invariant.** The clip has its name only when [`Sink::finish`] went well; after any fault it is not finished.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

#[cfg(feature = "h264")]
use super::encode::Mp4Writer;
use super::encode::Y4mWriter;
use super::{EmitError, Output, Overwrite, Sink, shown};
use crate::capture::Rate;
use crate::hatch::ReceivedFrame;

/// What a clip is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ClipContainer {
    /// H.264 in fragmented MP4. It has even sizes: an odd side is one pixel longer, by repetition.
    Mp4,
    /// Raw planes; large, and with one constant rate.
    Y4m,
}

impl ClipContainer {
    /// What the end of a file name asks for, in any case: `mp4`, `m4v`, `y4m`.
    #[must_use]
    pub fn from_path(path: &Path) -> Option<Self> {
        match path.extension().and_then(OsStr::to_str)?.to_ascii_lowercase().as_str() {
            "mp4" | "m4v" => Some(Self::Mp4),
            "y4m" => Some(Self::Y4m),
            _ => None,
        }
    }
}

/// A clip file in the making. Dropped without [`Sink::finish`], it leaves nothing.
#[derive(Debug)]
pub struct ClipFile {
    output: Output,
    writer: Writer,
    frames: u64,
}

#[derive(Debug)]
enum Writer {
    #[cfg(feature = "h264")]
    Mp4(Box<Mp4Writer>),
    Y4m(Y4mWriter),
}

impl ClipFile {
    /// Opens a clip of this container and rate; the rest as in [`Output::create`].
    ///
    /// # Errors
    /// Those of [`Output::create`]; [`EmitError::Unsupported`] for MP4 in a build without the feature `h264`.
    pub fn create(
        path: &Path,
        container: ClipContainer,
        rate: Option<Rate>,
        overwrite: Overwrite,
        protect: &[PathBuf],
    ) -> Result<Self, EmitError> {
        let writer = match container {
            #[cfg(feature = "h264")]
            ClipContainer::Mp4 => {
                let writer =
                    Mp4Writer::new(rate).map_err(|error| EmitError::of(shown(path), "starting MP4", 0, error))?;
                Writer::Mp4(Box::new(writer))
            }
            #[cfg(not(feature = "h264"))]
            ClipContainer::Mp4 => {
                let why = "this build has no H.264 (feature `h264`): write it as .y4m".to_owned();
                return Err(EmitError::Unsupported { path: shown(path), why });
            }
            ClipContainer::Y4m => Writer::Y4m(Y4mWriter::new(rate)),
        };
        Ok(Self { output: Output::create(path, overwrite, protect)?, writer, frames: 0 })
    }
}

impl Sink for ClipFile {
    fn name(&self) -> String {
        format!("clip {}", shown(self.output.target()))
    }

    fn frame(&mut self, frame: &ReceivedFrame) -> Result<(), EmitError> {
        let written: io::Result<()> = match &mut self.writer {
            #[cfg(feature = "h264")]
            Writer::Mp4(writer) => writer.write(&frame.picture(), frame.stamp(), &mut self.output),
            Writer::Y4m(writer) => writer.write(&frame.picture(), &mut self.output),
        };
        self.frames += 1;
        written.map_err(|error| self.output.fault("writing a frame", error))
    }

    fn finish(self: Box<Self>) -> Result<(), EmitError> {
        let Self { mut output, writer, frames } = *self;
        if frames == 0 {
            return Err(EmitError::Empty { path: shown(output.target()) });
        }
        let finished = match writer {
            #[cfg(feature = "h264")]
            Writer::Mp4(writer) => writer.finish(&mut output),
            Writer::Y4m(writer) => writer.finish(),
        };
        finished.map_err(|error| output.fault("finishing the clip", error))?;
        output.commit()
    }
}
