//! Events as JSON lines.
//!
//! **Invariant.** Each line is one whole event or, after a fault, recognisably torn: it is never joined with the
//! next one. A line is handed to the system at once, so that whoever follows the file sees it.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

use super::stream::own_stdout;
use super::{EmitError, Sink, shown};
use crate::event::Event;

/// One JSON object a line, to standard output or to the end of a file.
#[derive(Debug)]
pub struct JsonLines<W: Write + Send> {
    name: String,
    out: W,
    line: Vec<u8>,
    written: u64,
    torn: bool,
}

impl JsonLines<File> {
    /// Writes to standard output.
    ///
    /// # Errors
    /// When there is no standard output.
    pub fn stdout() -> Result<Self, EmitError> {
        Ok(Self::new("standard output", own_stdout()?))
    }

    /// Writes to the end of a file, which is made if it is not there. If an earlier run was killed in the middle
    /// of a line, the next event begins a new one.
    ///
    /// # Errors
    /// When the file can not be opened.
    pub fn append(path: &Path) -> Result<Self, EmitError> {
        let fault = |tried: &'static str| move |error| EmitError::of(shown(path), tried, 0, error);
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .open(path)
            .map_err(fault("opening it to append"))?;
        let torn = ends_in_a_line(&mut file).map_err(fault("reading its end"))?;
        Ok(Self { torn, ..Self::new(shown(path), file) })
    }
}

impl<W: Write + Send> JsonLines<W> {
    /// Writes to `out`, which messages call `name`.
    #[must_use]
    pub fn new(name: impl Into<String>, out: W) -> Self {
        Self { name: name.into(), out, line: Vec::new(), written: 0, torn: false }
    }
}

impl<W: Write + Send> Sink for JsonLines<W> {
    fn name(&self) -> String {
        format!("events to {}", self.name)
    }

    fn event(&mut self, event: &Event) -> Result<(), EmitError> {
        let fault = |error| EmitError::of(&self.name, "writing an event", self.written, error);
        self.line.clear();
        if self.torn {
            self.line.push(b'\n');
        }
        serde_json::to_writer(&mut self.line, event).map_err(|error| fault(error.into()))?;
        self.line.push(b'\n');
        self.torn = true;
        self.out.write_all(&self.line).and_then(|()| self.out.flush()).map_err(fault)?;
        self.torn = false;
        self.written += self.line.len() as u64;
        Ok(())
    }
}

/// Whether the file ends without a line feed. What can not be read back, a pipe or a device, has no such end.
fn ends_in_a_line(file: &mut File) -> std::io::Result<bool> {
    let found = file.metadata()?;
    if !found.is_file() || found.len() == 0 {
        return Ok(false);
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}
