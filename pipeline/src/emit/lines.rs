//! Events as JSON lines.
//!
//! **Invariant.** Each line is one whole event or, after a fault, recognisably torn: it is never joined with the
//! next one. A line is handed to the system at once, so that whoever follows the file sees it. A file that was renamed or
//! removed, as a rotation of logs does, is followed by a new one of the old name with the next line.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

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
}

impl JsonLines<EventFile> {
    /// Writes to the end of a file, which is made with its folder if it is not there. If an earlier run was killed in the middle
    /// of a line, the next event begins a new one.
    ///
    /// # Errors
    /// When the file can not be opened, or holds something else, as a clip or a config does: it stays as it is.
    pub fn append(path: &Path) -> Result<Self, EmitError> {
        let fault = |tried: &'static str| move |error| EmitError::of(shown(path), tried, 0, error);
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(fault("making its folder"))?;
        }
        let mut file = EventFile::open(path).map_err(fault("opening it to append"))?;
        let torn = ends_in_a_line(&mut file.file).map_err(fault("reading its end"))?;
        Ok(Self { torn, ..Self::new(shown(path), file) })
    }
}

/// A file of events, by its name: whatever has that name when a line begins.
#[derive(Debug)]
pub struct EventFile {
    path: PathBuf,
    file: File,
    /// Nothing was written since the last line ended.
    between: bool,
}

impl EventFile {
    fn open(path: &Path) -> io::Result<Self> {
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
        if !begins_as_lines(&mut file)? {
            let why = "it holds something else than events; name another file";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
        }
        Ok(Self { path: path.to_owned(), file, between: true })
    }

    /// Whether its name was given to another file, or to none.
    fn was_moved(&self) -> io::Result<bool> {
        let place = |found: Metadata| (found.dev(), found.ino());
        match std::fs::metadata(&self.path) {
            Ok(found) => Ok(place(found) != place(self.file.metadata()?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
            // It can not be looked for now: what is open still takes lines.
            Err(_) => Ok(false),
        }
    }
}

impl Write for EventFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if std::mem::take(&mut self.between) && self.was_moved()? {
            *self = Self { between: false, ..Self::open(&self.path)? };
        }
        self.file.write(bytes)
    }

    /// A line ends.
    fn flush(&mut self) -> io::Result<()> {
        self.between = true;
        self.file.flush()
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

/// Whether the file is empty, a pipe or a device, or begins as an object of JSON does.
fn begins_as_lines(file: &mut File) -> io::Result<bool> {
    let found = file.metadata()?;
    if !found.is_file() || found.len() == 0 {
        return Ok(true);
    }
    let mut first = [0];
    file.read_exact(&mut first)?;
    Ok(first == *b"{")
}

/// Whether the file ends without a line feed. What can not be read back, a pipe or a device, has no such end.
fn ends_in_a_line(file: &mut File) -> io::Result<bool> {
    let found = file.metadata()?;
    if !found.is_file() || found.len() == 0 {
        return Ok(false);
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use super::*;
    use crate::emit::testing::Breaks;
    use crate::event::{Motion, Phase, What};

    fn event(frame: u64) -> Event {
        Event::Motion(Motion {
            phase: Phase::Start,
            id: "01J".to_owned(),
            time: "2026-11-23T18:00:00.123Z".to_owned(),
            frame,
            zones: vec!["porch\n".to_owned()],
            what: What::Person,
            score: 0.83,
            area: [0.1, 0.2, 0.3, 0.8],
        })
    }

    fn frames(text: &str) -> Vec<Option<u64>> {
        let line = |line: &str| serde_json::from_str::<serde_json::Value>(line).ok()?["frame"].as_u64();
        text.lines().map(line).collect()
    }

    #[test]
    fn each_event_is_one_line_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("not/yet/there/events.jsonl");
        let mut sink = JsonLines::append(&path).unwrap();
        for number in 0..3 {
            sink.event(&event(number)).unwrap();
            let text = std::fs::read_to_string(&path).unwrap();
            assert!(text.ends_with('\n'));
            assert_eq!(frames(&text), (0..=number).map(Some).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_file_that_holds_something_else_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("camera.toml");
        for bytes in [&b"[camera]\n"[..], b"\xff\xd8\xff\xe0", b"\0\0\0\x20ftyp"] {
            std::fs::write(&path, bytes).unwrap();
            let error = format!("{:#}", anyhow::Error::from(JsonLines::append(&path).unwrap_err()));
            assert!(error.contains("camera.toml") && error.contains("name another file"), "{error}");
            assert_eq!(std::fs::read(&path).unwrap(), bytes);
        }
    }

    #[test]
    fn a_second_run_appends_and_a_torn_line_stays_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.jsonl");
        JsonLines::append(&path).unwrap().event(&event(1)).unwrap();
        OpenOptions::new().append(true).open(&path).unwrap().write_all(b"{\"type\":\"mo").unwrap();
        let mut sink = JsonLines::append(&path).unwrap();
        sink.event(&event(2)).unwrap();
        sink.event(&event(3)).unwrap();
        assert_eq!(frames(&std::fs::read_to_string(&path).unwrap()), [Some(1), None, Some(2), Some(3)]);
    }

    #[test]
    fn a_file_that_was_rotated_is_followed_by_a_new_one() {
        let folder = tempfile::tempdir().unwrap();
        let (path, old) = (folder.path().join("events.jsonl"), folder.path().join("events.jsonl.1"));
        let mut sink = JsonLines::append(&path).unwrap();
        sink.event(&event(1)).unwrap();
        std::fs::rename(&path, &old).unwrap();
        sink.event(&event(2)).unwrap();
        sink.event(&event(3)).unwrap();
        std::fs::remove_file(&path).unwrap();
        sink.event(&event(4)).unwrap();
        assert_eq!(frames(&std::fs::read_to_string(&old).unwrap()), [Some(1)]);
        assert_eq!(frames(&std::fs::read_to_string(&path).unwrap()), [Some(4)]);
        // Somebody puts something else there: it stays as it is, and that is told.
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, "[camera]\n").unwrap();
        assert!(sink.event(&event(5)).is_err());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "[camera]\n");
    }

    #[test]
    fn a_line_torn_by_a_full_disk_is_not_joined_with_the_next() {
        let mut whole = JsonLines::new("all", Vec::new());
        whole.event(&event(1)).unwrap();
        for left in 0..whole.out.len() {
            let room = Breaks { left, kind: ErrorKind::StorageFull };
            let mut sink = JsonLines::new("events", room);
            assert!(matches!(sink.event(&event(1)), Err(EmitError::Full { .. })));
            let mut later =
                JsonLines { name: sink.name, out: Vec::new(), line: sink.line, written: 0, torn: sink.torn };
            later.event(&event(2)).unwrap();
            assert_eq!(later.out[0], b'\n', "after {left} bytes");
        }
    }

    #[test]
    fn a_full_device_is_a_full_disk() {
        let file = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let error = JsonLines::new("/dev/full", file).event(&event(1)).unwrap_err();
        assert!(matches!(&error, EmitError::Full { .. }), "{error:?}");
        assert!(error.to_string().contains("/dev/full: disk full"), "{error}");
    }

    #[test]
    fn a_reader_that_has_gone_is_an_end_and_not_a_fault() {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        assert!(JsonLines::new("pipe", writer).event(&event(1)).unwrap_err().is_closed());
    }
}
