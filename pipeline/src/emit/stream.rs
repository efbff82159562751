//! Y4M to standard output, a pipe or any other writer.
//!
//! **Invariant.** Nothing follows a frame that was not written whole.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::os::fd::AsFd;

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
pub(super) fn own_stdout() -> Result<File, EmitError> {
    let handle = std::io::stdout().as_fd().try_clone_to_owned();
    handle.map(File::from).map_err(|error| EmitError::of("standard output", "opening it", 0, error))
}
