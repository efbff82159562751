//! YUV4MPEG2: uncompressed video as other programs pipe it.
//!
//! **Invariant.** A stream that ends inside a frame is a fault that is told, not a plain end. Frames are read
//! straight into the blank: nothing is allocated per frame, and no sample lies anywhere else.
//!
//! Format: `yuv4mpeg(5)` of mjpegtools; `XCOLORRANGE` as ffmpeg writes it.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::time::Duration;

use frostglass_vault::{Blank, Format, Matrix, Range, Size};

use super::{CaptureError, Rate, Source, check_blank, check_size, handed, io_error};

/// A longer stream header is refused.
const LONGEST_HEADER: u64 = 4096;
/// A longer frame header is refused.
const LONGEST_FRAME_HEADER: u64 = 512;
/// What every frame starts with.
const FRAME: &[u8] = b"FRAME";
/// A stream that does not state its rate is played at this one, and it is said.
const USUAL_RATE: Rate = Rate { frames: 25, seconds: 1 };
/// How to make something that is taken out of what is not.
const CONVERT: &str = "convert it with: ffmpeg -i IN -pix_fmt yuv420p -f yuv4mpegpipe OUT.y4m";

/// Frames of a Y4M stream: a file, standard input, another program's output.
pub struct Y4mSource<R> {
    input: BufReader<R>,
    path: String,
    header: Header,
    line: Vec<u8>,
    index: u64,
    frames: Option<u64>,
    ended: bool,
}

/// What the stream header says.
#[derive(Clone, Debug, PartialEq)]
struct Header {
    format: Format,
    mono: bool,
    rate: Rate,
    notes: Vec<String>,
}

/// Opens a Y4M file.
///
/// # Errors
/// When it cannot be read, or its header asks for what is not taken.
pub fn open_y4m(path: &Path) -> Result<Y4mSource<File>, CaptureError> {
    let shown = path.display().to_string();
    let file = handed::open(path).map_err(io_error(&shown, "opening"))?;
    let length = file.metadata().ok().filter(std::fs::Metadata::is_file).map(|about| about.len());
    let mut source = Y4mSource::new(shown, file)?;
    let frame = (source.sample_bytes() + FRAME.len() + 1) as u64;
    source.frames = length.map(|length| length / frame.max(1));
    Ok(source)
}

impl<R: Read> Y4mSource<R> {
    /// Reads the stream header of `input`; `path` is how errors call it.
    ///
    /// # Errors
    /// When it cannot be read, or its header asks for what is not taken.
    pub fn new(path: String, input: R) -> Result<Self, CaptureError> {
        // Headers byte by byte, so that no sample is ever read anywhere but into its frame.
        let mut input = BufReader::with_capacity(1, input);
        let mut line = Vec::with_capacity(256);
        let read = read_line(&mut input, &mut line, LONGEST_HEADER).map_err(io_error(&path, "reading"))?;
        if read == 0 {
            return Err(CaptureError::Empty { path });
        }
        let header = Header::parse(&path, &line)?;
        Ok(Self { input, path, header, line, index: 0, frames: None, ended: false })
    }

    /// What the user should know: what was assumed, what was dropped.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.header.notes
    }

    /// Whole frames that were read so far.
    #[must_use]
    pub fn frames_read(&self) -> u64 {
        self.index
    }

    /// The stream, behind what was read of it.
    #[must_use]
    pub fn get_ref(&self) -> &R {
        self.input.get_ref()
    }

    /// The same, to be changed.
    pub(super) fn get_mut(&mut self) -> &mut R {
        self.input.get_mut()
    }

    /// Bytes of a frame's samples in the stream.
    fn sample_bytes(&self) -> usize {
        if self.header.mono { self.header.format.size.pixels() } else { self.header.format.bytes() }
    }

    fn next_frame(&mut self, blank: &mut Blank) -> Result<Option<Duration>, CaptureError> {
        let read = read_line(&mut self.input, &mut self.line, LONGEST_FRAME_HEADER).map_err(|error| self.cut(error))?;
        if read == 0 {
            return Ok(None);
        }
        let whole_line = self.line.last() == Some(&b'\n');
        let says_frame = self.line.starts_with(FRAME) && matches!(self.line.get(FRAME.len()), Some(b'\n' | b' '));
        if !whole_line
            && self.line.len() < LONGEST_FRAME_HEADER as usize
            && FRAME.starts_with(&self.line[..read.min(5)])
        {
            return Err(self.cut(io::ErrorKind::UnexpectedEof.into()));
        }
        if !(whole_line && says_frame) {
            let reason = "there is no frame header where one should be".to_owned();
            return Err(CaptureError::BrokenClip { path: self.path.clone(), index: self.index, reason });
        }
        let mono = self.header.mono;
        for (number, plane) in blank.planes_mut().into_iter().enumerate() {
            if mono && number > 0 {
                plane.bytes.fill(128);
            } else {
                self.input.read_exact(plane.bytes).map_err(|error| self.cut(error))?;
            }
        }
        let time = self.header.rate.time_of(self.index);
        self.index += 1;
        Ok(Some(time))
    }

    fn cut(&self, error: io::Error) -> CaptureError {
        if error.kind() == io::ErrorKind::UnexpectedEof {
            return CaptureError::Truncated { path: self.path.clone(), whole: self.index };
        }
        io_error(&self.path, "reading")(error)
    }
}

impl<R: Read + Send> Source for Y4mSource<R> {
    fn format(&self) -> Format {
        self.header.format
    }

    fn rate(&self) -> Option<Rate> {
        Some(self.header.rate)
    }

    fn expected_frames(&self) -> Option<u64> {
        self.frames
    }

    fn read(&mut self, blank: &mut Blank) -> Result<Option<Duration>, CaptureError> {
        check_blank(blank, self.header.format)?;
        if self.ended {
            return Ok(None);
        }
        let result = self.next_frame(blank);
        self.ended = !matches!(result, Ok(Some(_)));
        result
    }
}

/// Reads up to and including a line feed, or `longest` bytes; gives how many.
fn read_line(input: &mut impl BufRead, line: &mut Vec<u8>, longest: u64) -> io::Result<usize> {
    line.clear();
    input.take(longest).read_until(b'\n', line)
}

impl Header {
    fn parse(path: &str, line: &[u8]) -> Result<Self, CaptureError> {
        let broken = |reason: String| CaptureError::Broken { path: path.to_owned(), what: "Y4M header", reason };
        let Some(line) = line.strip_suffix(b"\n") else {
            return Err(broken(format!("it does not end within {LONGEST_HEADER} bytes")));
        };
        let line = std::str::from_utf8(line).map_err(|_| broken("it is not text".to_owned()))?;
        let mut fields = line.split(' ');
        if fields.next() != Some("YUV4MPEG2") {
            return Err(broken("it does not start with YUV4MPEG2".to_owned()));
        }
        let (mut width, mut height, mut rate, mut mono) = (None, None, None, false);
        let (mut range, mut notes) = (Range::Limited, Vec::new());
        for field in fields.filter(|field| !field.is_empty()) {
            let mut letters = field.chars();
            let (key, value) = (letters.next(), letters.as_str());
            let side = || value.parse::<u32>().map_err(|_| broken(format!("{:?} is no length", start_of(value))));
            match key {
                Some('W') => width = Some(side()?),
                Some('H') => height = Some(side()?),
                Some('F') => rate = ratio(value).and_then(|(frames, seconds)| Rate::new(frames, seconds)),
                Some('C') => mono = parse_chroma(path, value)?,
                Some('I') if matches!(value, "p" | "?" | "") => {}
                Some('I') => return Err(unsupported(path, "interlaced video".to_owned(), "-vf bwdif")),
                Some('A') if ratio(value).is_some_and(|(across, down)| across != down) => {
                    notes.push(format!("the pixel shape {value} is dropped: pixels count as square"));
                }
                Some('X') if value == "COLORRANGE=FULL" => range = Range::Full,
                _ => {}
            }
        }
        let (Some(width), Some(height)) = (width, height) else {
            return Err(broken("it states no width and height".to_owned()));
        };
        let size = Size::new(width, height);
        check_size(path, size)?;
        let rate = rate.unwrap_or_else(|| {
            notes.push(format!("no frame rate is stated: {} frames a second are assumed", USUAL_RATE.frames));
            USUAL_RATE
        });
        Ok(Self { format: Format::video(size, usual_matrix(size), range), mono, rate, notes })
    }
}

/// The matrix of video that does not state one: what players assume by its height.
pub(super) fn usual_matrix(size: Size) -> Matrix {
    if size.height >= 720 { Matrix::Bt709 } else { Matrix::Bt601 }
}

/// Takes 8-bit 4:2:0 of any siting, and grey; says whether it is grey.
fn parse_chroma(path: &str, value: &str) -> Result<bool, CaptureError> {
    match value {
        "420" | "420jpeg" | "420mpeg2" | "420paldv" => Ok(false),
        "mono" => Ok(true),
        _ => Err(unsupported(path, format!("the Y4M colour layout {:?}", start_of(value)), "-pix_fmt yuv420p")),
    }
}

/// So much of a field as an error may repeat: the name of a layout has room, what else may stand in a header has not.
fn start_of(value: &str) -> &str {
    &value[..value.floor_char_boundary(16)]
}

fn unsupported(path: &str, what: String, with: &str) -> CaptureError {
    let advice = if with.starts_with("-vf") {
        format!("convert it with: ffmpeg -i IN {with} -pix_fmt yuv420p -f yuv4mpegpipe OUT.y4m")
    } else {
        CONVERT.to_owned()
    };
    CaptureError::Unsupported { path: path.to_owned(), what, advice }
}

/// `30000:1001`.
fn ratio(value: &str) -> Option<(u32, u32)> {
    let (over, under) = value.split_once(':')?;
    Some((over.parse().ok()?, under.parse().ok()?))
}

#[cfg(test)]
#[path = "y4m/tests.rs"]
mod tests;
