//! Y4M to standard output, a pipe or any other writer.
//!
//! **Invariant.** Nothing follows a frame that was not written whole.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::os::fd::AsFd;

use frostglass_vault::Format;

use super::encode::Y4mWriter;
use super::{EmitError, Sink};
use crate::capture::Rate;
use crate::hatch::ReceivedFrame;

/// Redacted video for another program's standard input. Each frame is handed on when it comes.
#[derive(Debug)]
pub struct Y4mStream<W: Write + Send> {
    name: String,
    out: BufWriter<W>,
    writer: Y4mWriter,
    written: u64,
}

impl Y4mStream<File> {
    /// Writes to standard output, without the line buffer that `std` puts before it.
    ///
    /// # Errors
    /// When there is no standard output.
    pub fn stdout(rate: Option<Rate>) -> Result<Self, EmitError> {
        Ok(Self::new("standard output", own_stdout()?, rate))
    }
}

impl<W: Write + Send> Y4mStream<W> {
    /// Writes to `out`, which messages call `name`.
    #[must_use]
    pub fn new(name: impl Into<String>, out: W, rate: Option<Rate>) -> Self {
        Self { name: name.into(), out: BufWriter::new(out), writer: Y4mWriter::new(rate), written: 0 }
    }

    /// Goes on behind whole frames of `format`, which another wrote to `out`.
    #[must_use]
    pub fn going_on(name: impl Into<String>, out: W, format: Format) -> Self {
        Self { name: name.into(), out: BufWriter::new(out), writer: Y4mWriter::going_on(format), written: 0 }
    }
}

impl<W: Write + Send> Sink for Y4mStream<W> {
    fn name(&self) -> String {
        format!("Y4M to {}", self.name)
    }

    fn frame(&mut self, frame: &ReceivedFrame) -> Result<(), EmitError> {
        let picture = frame.picture();
        let sent = self.writer.write(&picture, &mut self.out).and_then(|()| self.out.flush());
        sent.map_err(|error| EmitError::of(&self.name, "writing a frame", self.written, error))?;
        self.written += picture.format().bytes() as u64;
        Ok(())
    }
}

/// Standard output as a file of our own.
pub(crate) fn own_stdout() -> Result<File, EmitError> {
    let handle = std::io::stdout().as_fd().try_clone_to_owned();
    handle.map(File::from).map_err(|error| EmitError::of("standard output", "opening it", 0, error))
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use frostglass_vault::{Matrix, Range, Size};

    use super::*;
    use crate::emit::testing::{frame, smooth};

    #[test]
    fn a_frame_is_handed_on_when_it_comes() {
        let (mut reader, writer) = std::io::pipe().unwrap();
        let format = Format::video(Size::new(16, 8), Matrix::Bt601, Range::Full);
        let frame = frame(format, smooth(0));
        let mut sink = Y4mStream::new("pipe", writer, None);
        sink.frame(&frame).unwrap();
        let mut bytes = vec![0; "YUV4MPEG2 W16 H8 F25:1 Ip A1:1 C420jpeg XCOLORRANGE=FULL\nFRAME\n".len() + 192];
        reader.read_exact(&mut bytes).unwrap();
        assert!(bytes.ends_with(frame.picture().plane(2).bytes));
        Box::new(sink).finish().unwrap();
        assert_eq!(reader.read(&mut [0]).unwrap(), 0);
    }

    #[test]
    fn a_reader_that_has_gone_is_an_end_and_not_a_fault() {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let frame = frame(Format::video(Size::new(16, 8), Matrix::Bt601, Range::Full), smooth(0));
        assert!(Y4mStream::new("pipe", writer, None).frame(&frame).unwrap_err().is_closed());
    }
}
