//! Motion JPEG: pictures one behind the other.
//!
//! **Invariant.** A frame whose end is not there, whose blocks are not those of its size, or that the decoder calls broken
//! in its strict mode, is missing: [`CaptureError::BrokenFrame`], after which the stream goes on. The decoder of one frame
//! stands in a file of its own, because cameras use it too.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use frostglass_vault::{Blank, Format, Matrix, Range, Size};

use super::jpeg::{self, Walk};
use super::{CaptureError, Rate, Source, check_blank, handed, io_error};

mod frame;
mod huffman;

pub use frame::{FrameFault, JpegFrameDecoder};

/// A stream does not state its rate: this one is assumed, and it is said.
const USUAL_RATE: Rate = Rate { frames: 25, seconds: 1 };
/// A longer compressed frame is not believed.
const LONGEST_FRAME: usize = 64 << 20;
/// So much is read at once, at least.
const CHUNK: usize = 64 << 10;

/// Frames of a stream of JPEGs. What stands between two of them (padding, multipart headers) is passed over.
pub struct MjpegSource<R> {
    input: R,
    path: String,
    buffer: Vec<u8>,
    /// Where in the buffer the next frame is looked for.
    at: usize,
    input_ended: bool,
    decoder: JpegFrameDecoder,
    format: Format,
    rate: Rate,
    index: u64,
    ended: bool,
    notes: Vec<String>,
}

/// Opens a file of JPEGs, one behind the other.
///
/// # Errors
/// When it cannot be read, or its first frame is not whole.
pub fn open_mjpeg(path: &Path, rate: Option<Rate>) -> Result<MjpegSource<File>, CaptureError> {
    let shown = path.display().to_string();
    let file = handed::open(path).map_err(io_error(&shown, "opening"))?;
    MjpegSource::new(shown, file, rate)
}

impl<R: Read> MjpegSource<R> {
    /// Reads `input` up to the end of its first frame, which tells the size; `path` is how errors call it.
    ///
    /// # Errors
    /// When it cannot be read, or its first frame is not whole.
    pub fn new(path: String, input: R, rate: Option<Rate>) -> Result<Self, CaptureError> {
        let mut notes = Vec::new();
        if rate.is_none() {
            notes.push(format!("no frame rate is stated: {} frames a second are assumed", USUAL_RATE.frames));
        }
        let format = Format::video(Size::new(0, 0), Matrix::Bt601, Range::Full);
        let (decoder, rate) = (JpegFrameDecoder::new(), rate.unwrap_or(USUAL_RATE));
        let (buffer, at, index) = (Vec::new(), 0, 0);
        let mut source =
            Self { input, path, buffer, at, input_ended: false, decoder, format, rate, index, ended: false, notes };
        let length = match source.find_frame() {
            Ok(Some(Found::Frame(length))) => length,
            Ok(Some(Found::Broken { reason, .. })) => {
                return Err(CaptureError::Broken {
                    path: source.path,
                    what: "first MJPEG frame",
                    reason: reason.into(),
                });
            }
            Ok(None) => return Err(CaptureError::NoFrames { path: source.path, what: "an MJPEG clip" }),
            Err(fault) => return Err(fault),
        };
        match JpegFrameDecoder::format_of(&source.buffer[source.at..source.at + length]) {
            Ok(format) => source.format = format,
            Err(FrameFault::Broken(reason)) => {
                return Err(CaptureError::Broken { path: source.path, what: "first MJPEG frame", reason });
            }
            Err(FrameFault::OtherFormat(format)) => source.format = format,
        }
        source.decoder = JpegFrameDecoder::of(source.format.size).map_err(|error| CaptureError::Io {
            path: source.path.clone(),
            tried: "making room for its frames",
            source: error,
        })?;
        Ok(source)
    }

    /// What the user should know: what was assumed.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Finds the next frame, which then starts at `self.at`; reads as much as it takes.
    fn find_frame(&mut self) -> Result<Option<Found>, CaptureError> {
        loop {
            let rest = &self.buffer[self.at..];
            let start = rest.windows(3).position(|three| three == b"\xff\xd8\xff");
            // A start marker may be cut by the end of what was read so far.
            self.at += start.unwrap_or(rest.len().saturating_sub(2));
            if start.is_some() {
                match jpeg::walk(&self.buffer[self.at..]) {
                    Walk::Whole(skeleton) => return Ok(Some(Found::Frame(skeleton.length))),
                    Walk::Broken { reason, at } => return Ok(Some(Found::Broken { reason, length: at.max(2) })),
                    Walk::Cut { .. } if self.input_ended => {
                        return Err(CaptureError::Truncated { path: self.path.clone(), whole: self.index });
                    }
                    Walk::Cut { .. } if self.buffer.len() - self.at > LONGEST_FRAME => {
                        let reason = format!("it is longer than {LONGEST_FRAME} bytes");
                        return Err(CaptureError::BrokenClip { path: self.path.clone(), index: self.index, reason });
                    }
                    Walk::Cut { .. } => {}
                }
            } else if self.input_ended {
                return Ok(None);
            }
            self.read_more()?;
        }
    }

    /// Reads as much again as is there, so that a long frame is walked over a few times only.
    fn read_more(&mut self) -> Result<(), CaptureError> {
        self.buffer.drain(..self.at);
        self.at = 0;
        let more = self.buffer.len().max(CHUNK) as u64;
        let read = (&mut self.input).take(more).read_to_end(&mut self.buffer);
        let read = read.map_err(io_error(&self.path, "reading"))?;
        self.input_ended = (read as u64) < more;
        Ok(())
    }

    fn next_frame(&mut self, blank: &mut Blank) -> Result<Option<Duration>, CaptureError> {
        let found = match self.find_frame() {
            Ok(Some(found)) => found,
            Ok(None) => {
                self.ended = true;
                return Ok(None);
            }
            Err(fault) => {
                self.ended = true;
                return Err(fault);
            }
        };
        let (index, time) = (self.index, self.rate.time_of(self.index));
        self.index += 1;
        let (length, result) = match found {
            Found::Broken { reason, length } => (length, Err(FrameFault::Broken(reason.to_owned()))),
            Found::Frame(length) => (length, self.decoder.decode(&self.buffer[self.at..self.at + length], blank)),
        };
        let frame = &self.buffer[self.at..self.at + length];
        self.at += if result.is_err() { length_without_neighbour(frame, self.format) } else { length };
        match result {
            Ok(()) => Ok(Some(time)),
            Err(FrameFault::Broken(reason)) => {
                Err(CaptureError::BrokenFrame { path: self.path.clone(), index, time, reason })
            }
            Err(FrameFault::OtherFormat(other)) => {
                self.ended = true;
                let (was, is) = (self.format.size, other.size);
                Err(CaptureError::SizeChanged { path: self.path.clone(), index, was, is })
            }
        }
    }
}

/// Where in a broken frame a whole one of the right format begins: a frame that was cut inside a segment swallows the
/// start of the next.
fn length_without_neighbour(frame: &[u8], format: Format) -> usize {
    let starts = frame.windows(3).enumerate().skip(2).filter(|(_, three)| three == b"\xff\xd8\xff");
    let neighbour = starts.map(|(at, _)| at).find(|&at| JpegFrameDecoder::format_of(&frame[at..]) == Ok(format));
    neighbour.unwrap_or(frame.len())
}

enum Found {
    Frame(usize),
    Broken { reason: &'static str, length: usize },
}

impl<R: Read + Send> Source for MjpegSource<R> {
    fn format(&self) -> Format {
        self.format
    }

    fn rate(&self) -> Option<Rate> {
        Some(self.rate)
    }

    fn read(&mut self, blank: &mut Blank) -> Result<Option<Duration>, CaptureError> {
        check_blank(blank, self.format)?;
        if self.ended { Ok(None) } else { self.next_frame(blank) }
    }
}

#[cfg(test)]
#[path = "mjpeg/tests.rs"]
mod tests;
