//! ffmpeg for a process that can start no program any more: another one starts it, which was there before the walls.
//!
//! **Invariant.** It starts ffmpeg and nothing else, on files that its command line names and no others, one after the other, and
//! ends it with itself. It learns numbers from the process behind walls, and no text.

use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::ffmpeg::command;
use crate::wire::{Wire, WireError};

/// Hidden sub-command by which the program executes itself as this process.
pub(crate) const STARTER: &str = "ffmpeg-process";

/// From behind the walls.
#[derive(Debug, Serialize, Deserialize)]
enum Ask {
    /// ffmpeg on one of the files; one that still runs is ended.
    Start { file: usize },
    /// How it ended, when it does so by itself within a second.
    Wait,
    /// To end it, and how it ended.
    End,
}

/// To there. The ends of two pipes come with the first: its video and its words.
#[derive(Debug, Serialize, Deserialize)]
enum Answer {
    Started,
    /// It could not be started, with the system's number for why.
    Failed {
        error: i32,
    },
    Ended {
        status: Option<i32>,
    },
}

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(10);
/// What is waited for ends so soon, or later.
const SOON: Duration = Duration::from_secs(1);

static PLACE: Mutex<Option<Starter>> = Mutex::new(None);

/// The conversation with it.
struct Starter {
    wire: Wire,
    files: Vec<PathBuf>,
    process: Child,
}

/// Starts the process that will start ffmpeg on these files.
///
/// # Errors
/// When the system starts no process, or none with so long a list.
pub(crate) fn install(files: Vec<PathBuf>) -> io::Result<()> {
    let (wire, theirs) = Wire::pair()?;
    let mut command = Command::new("/proc/self/exe");
    command.arg0("frostglass-ffmpeg").arg(STARTER).arg("--").args(&files);
    command.stdin(theirs.into_descriptor()).stdout(Stdio::null()).process_group(0);
    let process = command.spawn()?;
    *place() = Some(Starter { wire, files, process });
    Ok(())
}

/// Whether somebody else starts ffmpeg for this process.
pub(super) fn is_there() -> bool {
    place().is_some()
}

/// Has ffmpeg started on a file: its video, and its words.
pub(super) fn start(path: &Path) -> io::Result<[OwnedFd; 2]> {
    let mut place = place();
    let starter = place.as_ref().ok_or(io::ErrorKind::NotConnected)?;
    let file = starter.files.iter().position(|file| file == path).ok_or(io::ErrorKind::PermissionDenied)?;
    let answer = starter.ask(&Ask::Start { file }).inspect_err(|_| *place = None);
    match answer? {
        (Answer::Started, descriptors) => descriptors.try_into().map_err(|_| io::ErrorKind::InvalidData.into()),
        (Answer::Failed { error }, _) => Err(io::Error::from_raw_os_error(error)),
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}

/// How it ended, if it does soon.
pub(super) fn wait() -> Option<ExitStatus> {
    status(&Ask::Wait)
}

/// Ends it; how it ended.
pub(super) fn end() -> Option<ExitStatus> {
    status(&Ask::End)
}

fn status(ask: &Ask) -> Option<ExitStatus> {
    let mut place = place();
    match place.as_ref()?.ask(ask) {
        Ok((Answer::Ended { status }, _)) => status.map(ExitStatus::from_raw),
        Ok(_) => None,
        // An answer that comes late would be taken for that to the next question.
        Err(_) => {
            *place = None;
            None
        }
    }
}

fn place() -> MutexGuard<'static, Option<Starter>> {
    // A conversation is whole between two questions.
    PLACE.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Starter {
    fn ask(&self, ask: &Ask) -> io::Result<(Answer, Vec<OwnedFd>)> {
        let other = |error: WireError| io::Error::other(error);
        self.wire.send(ask, &[])?;
        let record = self.wire.receive(PATIENCE).map_err(other)?.ok_or(io::ErrorKind::TimedOut)?;
        let answer = record.message().map_err(other)?;
        Ok((answer, record.descriptors))
    }
}

impl Drop for Starter {
    fn drop(&mut self) {
        // It ends when the conversation does; behind walls nobody can be killed.
        let _ = self.process.try_wait();
    }
}

/// That process: until nobody asks any more.
///
/// # Errors
/// When standard input is no conversation.
pub(crate) fn run(wire: &Wire, files: &[PathBuf]) -> Result<(), WireError> {
    let mut running: Option<Child> = None;
    loop {
        let record = match wire.receive(Duration::from_secs(3600)) {
            Ok(Some(record)) => record,
            Ok(None) | Err(WireError::Nonsense(_)) => continue,
            Err(_) => {
                running.as_mut().map(ended);
                return Ok(());
            }
        };
        let Ok(ask) = record.message::<Ask>() else { continue };
        let (answer, pipes) = match ask {
            Ask::Start { file } => {
                running.as_mut().map(ended);
                match files
                    .get(file)
                    .map(|file| command(OsStr::new("ffmpeg"), file, false).and_then(|mut it| it.spawn()))
                {
                    Some(Ok(mut child)) => {
                        let pipes = (child.stdout.take().map(OwnedFd::from), child.stderr.take().map(OwnedFd::from));
                        running = Some(child);
                        (Answer::Started, pipes)
                    }
                    Some(Err(error)) => (Answer::Failed { error: error.raw_os_error().unwrap_or(0) }, (None, None)),
                    None => (Answer::Failed { error: rustix::io::Errno::ACCESS.raw_os_error() }, (None, None)),
                }
            }
            Ask::Wait => (Answer::Ended { status: running.as_mut().and_then(soon) }, (None, None)),
            Ask::End => (Answer::Ended { status: running.as_mut().and_then(ended) }, (None, None)),
        };
        let pipes: Vec<_> = [&pipes.0, &pipes.1].into_iter().flatten().map(AsFd::as_fd).collect();
        // Whoever does not listen asks no more.
        let _ = wire.send(&answer, &pipes);
    }
}

fn soon(child: &mut Child) -> Option<i32> {
    let until = Instant::now() + SOON;
    loop {
        match child.try_wait() {
            Ok(None) if Instant::now() < until => std::thread::sleep(Duration::from_millis(5)),
            other => return other.ok().flatten().map(ExitStatusExt::into_raw),
        }
    }
}

fn ended(child: &mut Child) -> Option<i32> {
    let _ = child.kill();
    child.wait().ok().map(ExitStatusExt::into_raw)
}
