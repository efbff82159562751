//! Sources that go wrong on order: a pipe that a stand-in for `ffmpeg` reads, and a clip whose clock jumps.
//!
//! **Invariant.** What they give is the bundled clip, sample by sample, or it is no frame.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;
use std::time::Duration;

use rustix::fs::{CWD, Mode, OFlags, mkfifoat};
use tempfile::TempDir;

use crate::common::{folder, pan};
use crate::originals::Originals;

/// Frames a second of what is made here: few, so that a machine that is busy keeps up.
pub(crate) const RATE: u32 = 8;

/// The bundled clip as Y4M.
pub(crate) fn clip() -> PathBuf {
    static CLIP: OnceLock<PathBuf> = OnceLock::new();
    let make = || {
        let (originals, place) = (Originals::of_pan(), Path::new(env!("CARGO_TARGET_TMPDIR")));
        let mut bytes = header(originals.width, originals.height).into_bytes();
        originals.frames.iter().for_each(|original| {
            bytes.extend_from_slice(b"FRAME\n");
            bytes.extend_from_slice(&original.bytes);
        });
        let unfinished = place.join(format!("faults-{}.y4m", std::process::id()));
        fs::write(&unfinished, bytes).unwrap();
        fs::rename(unfinished, place.join("faults.y4m")).unwrap();
        place.join("faults.y4m")
    };
    CLIP.get_or_init(make).clone()
}

fn header(width: usize, height: usize) -> String {
    format!("YUV4MPEG2 W{width} H{height} F{RATE}:1 Ip A1:1 C420mpeg2\n")
}

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
    /// It ends well, and the next reader gets frames of another size; the one after that the old size again.
    OtherSize,
}

/// A clip that a program of the test's own decodes, in `ffmpeg`'s place: it comes out of a pipe, and the test decides
/// what goes in.
pub(crate) struct Pipe {
    folder: TempDir,
    flow: Arc<Mutex<Flow>>,
    readers: Arc<AtomicUsize>,
}

impl Pipe {
    pub(crate) fn new() -> Self {
        let folder = folder();
        // The first bytes of Matroska: a clip that is read by way of ffmpeg.
        fs::write(folder.path().join("clip.mkv"), b"\x1a\x45\xdf\xa3 what is in it comes out of a pipe").unwrap();
        let program = folder.path().join("ffmpeg");
        // Each reader takes a pipe of its own, so that the end of one is not the beginning of the next.
        let script = "cd \"${0%/*}\"\nuntil mv pipe taken.$$ 2>/dev/null; do sleep 0.05; done\nexec cat taken.$$";
        fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let (flow, readers) = (Arc::new(Mutex::new(Flow::Frames)), Arc::<AtomicUsize>::default());
        // It ends with the test's process: nobody can be waited for who waits for a reader.
        thread::spawn({
            let (folder, flow, readers) = (folder.path().to_owned(), Arc::clone(&flow), Arc::clone(&readers));
            move || feed(&folder, &flow, &readers)
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
        self.readers.load(Ordering::Relaxed)
    }
}

/// Serves one reader after another.
fn feed(folder: &Path, flow: &Mutex<Flow>, readers: &AtomicUsize) {
    let originals = Originals::of_pan();
    loop {
        // Waits for a reader; errors mean that the test is over.
        let Ok(mut pipe) = new_pipe(folder) else { return };
        readers.fetch_add(1, Ordering::Relaxed);
        // An error is a reader that went away.
        let _ = serve(&mut pipe, &originals, flow);
    }
}

fn new_pipe(folder: &Path) -> io::Result<File> {
    let (unseen, seen) = (folder.join("unseen"), folder.join("pipe"));
    mkfifoat(CWD, &unseen, Mode::RUSR | Mode::WUSR)?;
    // By its handle, for the reader gives it another name.
    let handle = rustix::fs::open(&unseen, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
    fs::rename(unseen, seen)?;
    File::options().write(true).open(format!("/proc/self/fd/{}", handle.as_raw_fd()))
}

fn serve(pipe: &mut File, originals: &Originals, flow: &Mutex<Flow>) -> io::Result<()> {
    if *flow.lock().unwrap() == Flow::OtherSize {
        // Seen by the one reader who comes after a clean end, and by nobody else.
        *flow.lock().unwrap() = Flow::Frames;
        return other_size(pipe);
    }
    pipe.write_all(header(originals.width, originals.height).as_bytes())?;
    for original in originals.frames.iter().cycle() {
        let mut now = *flow.lock().unwrap();
        while now == Flow::Nothing {
            thread::sleep(Duration::from_millis(10));
            now = *flow.lock().unwrap();
        }
        let once = || *flow.lock().unwrap() = Flow::Frames;
        match now {
            Flow::Frames | Flow::Nothing => {
                pipe.write_all(b"FRAME\n")?;
                pipe.write_all(&original.bytes)?;
            }
            Flow::Cut => {
                once();
                pipe.write_all(b"FRAME\n")?;
                return pipe.write_all(&original.bytes[..original.bytes.len() / 3]);
            }
            Flow::Junk => {
                once();
                return pipe.write_all(&original.bytes);
            }
            Flow::OtherSize => return Ok(()),
        }
    }
    Ok(())
}

fn other_size(pipe: &mut File) -> io::Result<()> {
    pipe.write_all(header(320, 180).as_bytes())?;
    loop {
        pipe.write_all(b"FRAME\n")?;
        pipe.write_all(&[120; 320 * 180 * 3 / 2])?;
    }
}

/// The bundled clip with a jump of so many seconds in its clock after 20 of its frames.
pub(crate) fn jumping(seconds: u32) -> (TempDir, PathBuf) {
    let mut bytes = fs::read(pan()).unwrap();
    // The index stands last, so that it can grow. Each box that holds the table of times grows with it.
    let place = |bytes: &[u8], name: &[u8; 4]| bytes.windows(4).rposition(|four| four == name).unwrap() - 4;
    let number = |bytes: &[u8], at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
    let table = place(&bytes, b"stts");
    let (count, step) = (number(&bytes, table + 16), number(&bytes, table + 20));
    assert_eq!((number(&bytes, table + 12), count), (1, 60), "one entry for all frames");
    let per_second = step * 15;
    let entries = [(20, step), (1, seconds * per_second), (count - 21, step)];
    let mut longer = 3u32.to_be_bytes().to_vec();
    entries.iter().for_each(|(count, step)| {
        longer.extend_from_slice(&u32::to_be_bytes(*count));
        longer.extend_from_slice(&u32::to_be_bytes(*step));
    });
    let grown = longer.len() as u32 - 12;
    for name in [b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stts"] {
        let at = place(&bytes, name);
        let length = number(&bytes, at) + grown;
        bytes[at..at + 4].copy_from_slice(&length.to_be_bytes());
    }
    bytes.splice(table + 12..table + 24, longer);
    // The edit list would end the clip where it ended before.
    let edits = place(&bytes, b"elst");
    let length = number(&bytes, edits + 16) + 1000 * seconds;
    bytes[edits + 16..edits + 20].copy_from_slice(&length.to_be_bytes());
    let folder = folder();
    let path = folder.path().join("jump.mp4");
    fs::write(&path, bytes).unwrap();
    (folder, path)
}
