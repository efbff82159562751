//! Y4M: raw planes with a line of text before them, for another program's standard input.
//!
//! **Invariant.** Nothing is written after a fault: a stream that lost bytes would shift every later frame.
//!
//! The format (`yuv4mpeg(5)` of mjpegtools) has one frame rate and no time stamps, and no word for the matrix:
//! readers take BT.709 for high definition and BT.601 below, as ffmpeg does. The range stands in the comment
//! `XCOLORRANGE`, as ffmpeg writes it.

use std::io::{self, Write};

use frostglass_vault::{Chroma, Colour, Format, Picture, Range};

use super::{incomplete, unsupported};
use crate::capture::Rate;

/// Writes a Y4M stream to a file, a pipe or standard output.
#[derive(Debug)]
pub struct Y4mWriter {
    rate: Option<Rate>,
    format: Option<Format>,
    broken: bool,
}

impl Y4mWriter {
    /// A writer for clips of this rate; without one the header says 25, as readers would take it.
    #[must_use]
    pub fn new(rate: Option<Rate>) -> Self {
        Self { rate, format: None, broken: false }
    }

    /// Writes a frame, and the header before the first one.
    ///
    /// # Errors
    /// Those of `out`, and `Unsupported` for RGB stills and for a frame of another format than the first.
    pub fn write(&mut self, picture: &Picture<'_>, out: &mut impl Write) -> io::Result<()> {
        if self.broken {
            return Err(incomplete());
        }
        let header = self.header(picture.format())?;
        let written = put(header.as_deref(), picture, out);
        self.broken = written.is_err();
        written
    }

    /// Tells whether all was written; there is no trailer.
    ///
    /// # Errors
    /// When an earlier frame was not written whole.
    pub fn finish(self) -> io::Result<()> {
        if self.broken { Err(incomplete()) } else { Ok(()) }
    }

    fn header(&mut self, format: Format) -> io::Result<Option<String>> {
        match self.format {
            Some(first) if first == format => return Ok(None),
            Some(_) => return Err(unsupported("the frames changed their format in the middle of a Y4M stream")),
            None => {}
        }
        let (Colour::Yuv { range, .. }, Chroma::Half) = (format.colour, format.chroma) else {
            return Err(unsupported("Y4M holds 4:2:0 video only: write stills as pictures"));
        };
        self.format = Some(format);
        let (chroma, named) = match range {
            // Full range comes from JPEG, whose chroma lies between the pixels; that of video lies to the left.
            Range::Full => ("420jpeg", "FULL"),
            Range::Limited => ("420mpeg2", "LIMITED"),
        };
        let (frames, seconds) = self.rate.map_or((25, 1), |rate| (rate.frames, rate.seconds));
        let (width, height) = (format.size.width, format.size.height);
        Ok(Some(format!("YUV4MPEG2 W{width} H{height} F{frames}:{seconds} Ip A1:1 C{chroma} XCOLORRANGE={named}\n")))
    }
}

fn put(header: Option<&str>, picture: &Picture<'_>, out: &mut impl Write) -> io::Result<()> {
    out.write_all(header.unwrap_or_default().as_bytes())?;
    out.write_all(b"FRAME\n")?;
    for index in 0..3 {
        let size = picture.format().plane_size(index);
        let plane = picture.plane(index);
        if plane.stride == size.width as usize {
            out.write_all(&plane.bytes[..size.pixels()])?;
        } else {
            (0..size.height).try_for_each(|y| out.write_all(picture.row(index, y)))?;
        }
    }
    Ok(())
}
