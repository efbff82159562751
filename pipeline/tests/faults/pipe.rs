//! A source that goes wrong on order: a pipe that a stand-in for `ffmpeg` reads.
//!
//! **Invariant.** What it gives is the bundled clip, sample by sample but for numbers where they are asked for
//! ([`marks`](crate::marks)), or it is no frame.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use rustix::fs::{CWD, Mode, mkfifoat};
use tempfile::TempDir;

use crate::common::folder;
use crate::marks;
use crate::originals::Originals;
use crate::source::header;

/// What the pipe gives from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flow {
    /// Frames, as fast as they are taken.
    Frames,
    /// Nothing, and it stays open.
    Nothing,
    /// It closes in the middle of a frame, and the next reader gets frames again.
    Cut,
    /// Bytes that are no frame; the next reader gets frames again.
    Junk,
    /// In the middle of the stream it goes on with frames of another size, under a header that says so; the next reader gets
    /// the old size again.
    OtherSize,
    /// It ends, though it was asked to repeat itself for ever; the next reader gets frames again.
    End,
}

/// A clip that a program of the test's own decodes, in `ffmpeg`'s place: it comes out of a pipe, and the test decides
/// what goes in.
pub(crate) struct Pipe {
    folder: TempDir,
    flow: Arc<Mutex<Flow>>,
    /// The number of the first frame for each who has begun to read.
    readers: Arc<Mutex<Vec<u32>>>,
}

impl Pipe {
    pub(crate) fn new() -> Self {
        Self::start(false)
    }

    /// One whose frames show their number, which rises over all who read one after the other.
    pub(crate) fn numbered() -> Self {
        Self::start(true)
    }

    fn start(numbered: bool) -> Self {
        let folder = folder();
        // The first bytes of Matroska: a clip that is read by way of ffmpeg.
        fs::write(folder.path().join("clip.mkv"), b"\x1a\x45\xdf\xa3 what is in it comes out of a pipe").unwrap();
        let program = folder.path().join("ffmpeg");
        // It may change no file. Each reader has a pipe of its own, which the feeder takes away from the next one.
        let script = "cd \"${0%/*}\"\nuntil [ -p pipe ]; do sleep 0.05; done\nexec cat pipe";
        fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let (flow, readers) = (Arc::new(Mutex::new(Flow::Frames)), Arc::<Mutex<Vec<u32>>>::default());
        // It ends with the test's process: nobody can be waited for who waits for a reader.
        thread::spawn({
            let (folder, flow, readers) = (folder.path().to_owned(), Arc::clone(&flow), Arc::clone(&readers));
            let feeder = Feeder { originals: Originals::of_pan(), folder, flow, readers, numbered, next: 0 };
            move || feeder.feed()
        });
        Self { folder, flow, readers }
    }

    /// The source that a config names.
    pub(crate) fn clip(&self) -> PathBuf {
        self.folder.path().join("clip.mkv")
    }

    /// Puts the stand-in before any `ffmpeg` of the machine.
    pub(crate) fn serve(&self, command: &mut Command) {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let all = std::iter::once(self.folder.path().to_owned()).chain(std::env::split_paths(&path));
        command.env("PATH", std::env::join_paths(all).unwrap());
    }

    /// What it gives from now on.
    pub(crate) fn give(&self, flow: Flow) {
        *self.flow.lock().unwrap() = flow;
    }

    /// How many have begun to read so far.
    pub(crate) fn readers(&self) -> usize {
        self.readers.lock().unwrap().len()
    }

    /// The number of the first frame that the last reader was given.
    pub(crate) fn first_of_last_reader(&self) -> u32 {
        *self.readers.lock().unwrap().last().unwrap()
    }
}

/// Serves one reader after another.
struct Feeder {
    originals: Arc<Originals>,
    folder: PathBuf,
    flow: Arc<Mutex<Flow>>,
    readers: Arc<Mutex<Vec<u32>>>,
    numbered: bool,
    /// The number of the next frame.
    next: u32,
}

impl Feeder {
    fn feed(mut self) {
        loop {
            // Waits for a reader; errors mean that the test is over.
            let Ok(mut pipe) = new_pipe(&self.folder) else { return };
            self.readers.lock().unwrap().push(self.next);
            // An error is a reader that went away.
            let _ = self.serve(&mut pipe);
        }
    }

    fn flow(&self) -> Flow {
        *self.flow.lock().unwrap()
    }

    fn serve(&mut self, pipe: &mut File) -> io::Result<()> {
        let once = |flow: &Mutex<Flow>| *flow.lock().unwrap() = Flow::Frames;
        let originals = Arc::clone(&self.originals);
        pipe.write_all(header(originals.width, originals.height).as_bytes())?;
        for original in originals.frames.iter().cycle() {
            while self.flow() == Flow::Nothing {
                thread::sleep(Duration::from_millis(10));
            }
            match self.flow() {
                Flow::Frames | Flow::Nothing => {
                    let mut frame = original.bytes.clone();
                    if self.numbered {
                        marks::paint(&mut frame, originals.width, self.next);
                    }
                    self.next += 1;
                    pipe.write_all(b"FRAME\n")?;
                    pipe.write_all(&frame)?;
                }
                Flow::Cut => {
                    once(&self.flow);
                    pipe.write_all(b"FRAME\n")?;
                    return pipe.write_all(&original.bytes[..original.bytes.len() / 3]);
                }
                Flow::Junk => {
                    once(&self.flow);
                    return pipe.write_all(&original.bytes);
                }
                Flow::OtherSize => {
                    once(&self.flow);
                    return other_size(pipe);
                }
                Flow::End => {
                    once(&self.flow);
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}

fn new_pipe(folder: &Path) -> io::Result<File> {
    let name = folder.join("pipe");
    mkfifoat(CWD, &name, Mode::RUSR | Mode::WUSR)?;
    let pipe = File::options().write(true).open(&name)?;
    fs::remove_file(name)?;
    Ok(pipe)
}

fn other_size(pipe: &mut File) -> io::Result<()> {
    pipe.write_all(header(320, 180).as_bytes())?;
    loop {
        pipe.write_all(b"FRAME\n")?;
        pipe.write_all(&[120; 320 * 180 * 3 / 2])?;
    }
}
