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

    /// A writer behind whole frames of this format: it writes no header.
    #[must_use]
    pub fn going_on(format: Format) -> Self {
        Self { rate: None, format: Some(format), broken: false }
    }

    /// Writes a frame, and the header before the first one.
    ///
    /// # Errors
    /// Those of `out`, and `Unsupported` for RGB stills and for a frame of another format than the first.
    pub fn write(&mut self, picture: &Picture<'_>, out: &mut impl Write) -> io::Result<()> {
        if self.broken {
            return Err(incomplete());
        }
        let written = self.header(picture.format()).and_then(|header| put(header.as_deref(), picture, out));
        self.broken = written.is_err();
        written
    }

    /// Hands on what is left; there is no trailer.
    ///
    /// # Errors
    /// Those of `out`; or an earlier frame was not written whole.
    pub fn finish(self, out: &mut impl Write) -> io::Result<()> {
        if self.broken { Err(incomplete()) } else { out.flush() }
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

#[cfg(test)]
mod tests {
    use frostglass_vault::{Matrix, Size};

    use super::*;
    use crate::emit::testing::{Breaks, frame};

    fn rate(frames: u32, seconds: u32) -> Option<Rate> {
        Some(Rate { frames, seconds })
    }

    #[test]
    fn the_bytes_are_a_header_and_the_planes() {
        let format = Format::video(Size::new(3, 3), Matrix::Bt601, Range::Full);
        let frame = frame(format, |plane, x, y| (100 * plane as u32 + 10 * y + x) as u8);
        let (mut writer, mut bytes) = (Y4mWriter::new(rate(30_000, 1001)), Vec::new());
        writer.write(&frame.picture(), &mut bytes).unwrap();
        writer.write(&frame.picture(), &mut bytes).unwrap();
        writer.finish(&mut bytes).unwrap();
        let planes = [0, 1, 2, 10, 11, 12, 20, 21, 22, 100, 101, 110, 111, 200, 201, 210, 211];
        let mut wanted = b"YUV4MPEG2 W3 H3 F30000:1001 Ip A1:1 C420jpeg XCOLORRANGE=FULL\n".to_vec();
        for _ in 0..2 {
            wanted.extend_from_slice(b"FRAME\n");
            wanted.extend_from_slice(&planes);
        }
        assert_eq!(bytes, wanted);
    }

    #[test]
    fn limited_range_is_named() {
        let frame = frame(Format::video(Size::new(2, 2), Matrix::Bt709, Range::Limited), |_, _, _| 90);
        let mut bytes = Vec::new();
        Y4mWriter::new(None).write(&frame.picture(), &mut bytes).unwrap();
        assert!(bytes.starts_with(b"YUV4MPEG2 W2 H2 F25:1 Ip A1:1 C420mpeg2 XCOLORRANGE=LIMITED\nFRAME\n"));
    }

    #[test]
    fn stills_and_changed_formats_are_refused() {
        let still = frame(Format::still(Size::new(2, 2)), |_, _, _| 1);
        let error = Y4mWriter::new(None).write(&still.picture(), &mut Vec::new()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::Unsupported);
        let mut writer = Y4mWriter::new(None);
        let video = |side| frame(Format::video(Size::new(side, side), Matrix::Bt601, Range::Full), |_, _, _| 1);
        writer.write(&video(4).picture(), &mut Vec::new()).unwrap();
        let mut bytes = Vec::new();
        assert!(writer.write(&video(6).picture(), &mut bytes).is_err());
        assert!(bytes.is_empty());
    }

    #[test]
    fn nothing_follows_a_torn_frame() {
        let frame = frame(Format::video(Size::new(4, 4), Matrix::Bt601, Range::Full), |_, _, _| 1);
        for left in 0..80 {
            let mut writer = Y4mWriter::new(None);
            let mut out = Breaks { left, kind: io::ErrorKind::StorageFull };
            assert_eq!(writer.write(&frame.picture(), &mut out).unwrap_err().kind(), io::ErrorKind::StorageFull);
            let mut later = Vec::new();
            assert!(writer.write(&frame.picture(), &mut later).is_err());
            assert!(later.is_empty() && writer.finish(&mut later).is_err(), "after {left} bytes");
        }
    }
}
