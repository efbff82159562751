//! Motion JPEG: pictures one behind the other, and the decoder of one of them, which cameras use too.
//!
//! **Invariant.** A frame is decoded strictly and wholly, or it is missing: [`CaptureError::BrokenFrame`], after which
//! the stream goes on. JPEG frames are full-range BT.601 (JFIF); their metadata is passed over.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use frostglass_vault::{Blank, Format, Matrix, PlaneMut, Range, Size};
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_jpeg::JpegDecoder;

use super::jpeg::{self, Walk};
use super::{CaptureError, Rate, Source, check_blank, check_size, io_error};

mod huffman;

/// A stream does not state its rate: this one is assumed, and it is said.
const USUAL_RATE: Rate = Rate { frames: 25, seconds: 1 };
/// A longer compressed frame is not believed.
const LONGEST_FRAME: usize = 64 << 20;
/// So much is read at once, at least.
const CHUNK: usize = 64 << 10;

/// Decodes one compressed frame after the other; keeps its memory.
#[derive(Default)]
pub struct JpegFrameDecoder {
    samples: Vec<u8>,
    completed: Vec<u8>,
}

/// Why a compressed frame did not become a frame. The blank's content is then worthless.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FrameFault {
    /// It is cut, broken, or of a kind that is not taken; what the decoder said.
    Broken(String),
    /// It is whole as far as its headers tell, but of another format than the blank.
    OtherFormat(Format),
}

impl JpegFrameDecoder {
    /// A decoder without memory yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The format that a compressed frame decodes to.
    ///
    /// # Errors
    /// When it is cut or broken, as far as its markers tell.
    pub fn format_of(compressed: &[u8]) -> Result<Format, FrameFault> {
        skeleton_of(compressed).map(|(_, format)| format)
    }

    /// Decodes one compressed frame, and what follows it is ignored. Standard Huffman tables are put in when it
    /// brings none, as frames of many webcams do.
    ///
    /// # Errors
    /// When it cannot be decoded wholly, or does not fit the blank.
    pub fn decode(&mut self, compressed: &[u8], blank: &mut Blank) -> Result<(), FrameFault> {
        let (skeleton, format) = skeleton_of(compressed)?;
        if format != blank.format() {
            return Err(FrameFault::OtherFormat(format));
        }
        let broken = |reason: String| FrameFault::Broken(reason);
        let whole = &compressed[..skeleton.length];
        let bytes = if skeleton.has_huffman {
            whole
        } else {
            self.completed.clear();
            self.completed.extend_from_slice(&whole[..skeleton.scan]);
            self.completed.extend_from_slice(&huffman::STANDARD_TABLES);
            self.completed.extend_from_slice(&whole[skeleton.scan..]);
            &self.completed
        };
        let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), jpeg::options(ColorSpace::YCbCr));
        decoder.decode_headers().map_err(|error| broken(error.to_string()))?;
        let grey = match decoder.input_colorspace() {
            Some(ColorSpace::YCbCr) => false,
            Some(ColorSpace::Luma) => true,
            _ => return Err(broken("its colours are neither YCbCr nor grey".to_owned())),
        };
        if grey {
            decoder.set_options(jpeg::options(ColorSpace::Luma));
        }
        if decoder.dimensions() != Some((format.size.width as usize, format.size.height as usize)) {
            return Err(broken("it states two sizes".to_owned()));
        }
        let [luma, blue, red] = blank.planes_mut();
        if grey {
            decoder.decode_into(luma.bytes).map_err(|error| broken(error.to_string()))?;
            blue.bytes.fill(128);
            red.bytes.fill(128);
            return Ok(());
        }
        self.samples.resize(format.size.pixels() * 3, 0);
        decoder.decode_into(&mut self.samples).map_err(|error| broken(error.to_string()))?;
        halve_chroma(&self.samples, luma, blue, red);
        Ok(())
    }
}

fn skeleton_of(compressed: &[u8]) -> Result<(jpeg::Skeleton, Format), FrameFault> {
    let broken = |reason: &str| FrameFault::Broken(reason.to_owned());
    let skeleton = match jpeg::walk(compressed) {
        Walk::Whole(skeleton) => skeleton,
        Walk::Cut { .. } => return Err(broken("it ends too early")),
        Walk::Broken { reason, .. } => return Err(broken(reason)),
    };
    let size = skeleton.size.ok_or_else(|| broken("it states no size"))?;
    if check_size("", size).is_err() {
        return Err(FrameFault::Broken(format!("its size is {size}")));
    }
    Ok((skeleton, Format::video(size, Matrix::Bt601, Range::Full)))
}

/// Splits samples of Y, Cb, Cr at full size into planes; each chroma sample is the average of the 2 by 2 (at odd
/// edges 2 by 1 or 1 by 2) that it stands for, which undoes the decoder's own widening.
fn halve_chroma(samples: &[u8], luma: PlaneMut<'_>, blue: PlaneMut<'_>, red: PlaneMut<'_>) {
    let width = luma.size.width as usize;
    let half = blue.size.width as usize;
    let rows = samples.chunks(width * 6).zip(luma.bytes.chunks_mut(width * 2));
    for ((pair, luma), (blue, red)) in rows.zip(blue.bytes.chunks_exact_mut(half).zip(red.bytes.chunks_exact_mut(half)))
    {
        for (luma, sample) in luma.iter_mut().zip(pair.chunks_exact(3)) {
            *luma = sample[0];
        }
        let upper = &pair[..width * 3];
        // The last row of an odd height is its own neighbour.
        let lower = pair.get(width * 3..).filter(|lower| !lower.is_empty()).unwrap_or(upper);
        let columns = upper.chunks(6).zip(lower.chunks(6));
        for ((blue, red), (upper, lower)) in blue.iter_mut().zip(red).zip(columns) {
            let right = if upper.len() == 6 { 3 } else { 0 };
            let average = |channel: usize| {
                let sum = u16::from(upper[channel])
                    + u16::from(upper[channel + right])
                    + u16::from(lower[channel])
                    + u16::from(lower[channel + right]);
                u8::try_from((sum + 2) / 4).unwrap_or(u8::MAX)
            };
            (*blue, *red) = (average(1), average(2));
        }
    }
}

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
    let file = File::open(path).map_err(io_error(&shown, "opening"))?;
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
