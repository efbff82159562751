//! One process that the supervisor or `redact` started: its conversation, its standard error, its end.
//!
//! **Invariant.** A child gets its socket as standard input, a pipe as standard error, and as standard output,
//! if it is a front that lets something out there, the program's own, if it is the pixel process, a pipe for its counters,
//! and nothing otherwise; every other descriptor closes when it is executed, those included that this program was started with
//! (`inherited`). It begins a session of its own, so that Ctrl-C reaches the supervisor alone and no terminal is in its reach, and
//! it ends when the conversation does, and by no signal but those that cannot be refused; what it started itself ends with it.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child as Process, ChildStderr, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::fs::OFlags;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::record::counters::Counted;
use crate::sandbox::Role;
use crate::wire::{Wire, WireError};

/// A child and what is known of it.
pub(crate) struct Child {
    process: Process,
    pub(crate) wire: Wire,
    words: Words,
    /// How many frames it let out, if it is the pixel process.
    pub(super) counted: Option<Counted>,
    /// When it was started.
    pub(super) since: Instant,
    /// When it last said anything.
    pub(super) heard: Instant,
    /// Messages that were none.
    nonsense: u64,
}

/// Hidden sub-commands by which the program executes itself.
pub(crate) const PIXEL: &str = "pixel-process";
/// See [`PIXEL`].
pub(crate) const FRONT: &str = "front-process";

/// See [`PIXEL`]; `redact` starts it.
pub(crate) const DECODER: &str = "decoder-process";

/// What is longer is cut: the line of a child that runs wild.
const LONGEST_LINE: usize = 2000;
/// Bytes of standard error that are passed on at once, so that a wild child does not keep the supervisor busy.
const MOST_AT_ONCE: usize = 64 * 1024;
/// Messages that are none, of which no more are passed over at once.
const MOST_NONSENSE: usize = 64;
/// What was killed is waited for so long: one that is stuck in the kernel ends when that lets it go.
const DEATH: Duration = Duration::from_secs(2);

impl Child {
    /// Executes this program again, as `role`, with the names of these files as arguments.
    /// `speaks`: whether what a front lets out goes to standard output.
    pub(crate) fn start(role: Role, files: &[PathBuf], speaks: bool) -> io::Result<Self> {
        let (ours, theirs) = Wire::pair()?;
        let (name, stdout) = match role {
            Role::Front if speaks => (FRONT, Stdio::inherit()),
            Role::Front => (FRONT, Stdio::null()),
            Role::Pixel => (PIXEL, Stdio::piped()),
            Role::Decoder => (DECODER, Stdio::null()),
            Role::Supervisor | Role::Writer => return Err(io::ErrorKind::InvalidInput.into()),
        };
        let mut command = Command::new("/proc/self/exe");
        command.arg0(format!("frostglass-{}", name.trim_end_matches("-process"))).arg(name);
        if !files.is_empty() {
            command.arg("--").args(files);
        }
        command.stdin(theirs.into_descriptor()).stdout(stdout).stderr(Stdio::piped());
        // Only the supervisor talks to systemd.
        for name in ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"] {
            command.env_remove(name);
        }
        let mut process = command.spawn()?;
        let words = Words::new(process.stderr.take())?;
        let counted = process.stdout.take().map(|pipe| Counted::new(pipe.into())).transpose()?;
        let now = Instant::now();
        Ok(Self { process, wire: ours, words, counted, since: now, heard: now, nonsense: 0 })
    }

    /// Tells it something. One that does not listen is noticed by its silence.
    pub(super) fn tell(&self, message: &impl Serialize, descriptors: &[BorrowedFd<'_>]) {
        if let Err(error) = self.wire.send(message, descriptors) {
            tracing::warn!("a message to a process got lost: {error}");
        }
    }

    /// The next message, with its descriptors. Nonsense is told and passed over.
    pub(super) fn hear<M: DeserializeOwned>(&mut self) -> Option<(M, Vec<std::os::fd::OwnedFd>)> {
        for _ in 0..MOST_NONSENSE {
            let heard = match self.wire.receive(Duration::ZERO) {
                // Its end is seen where processes are waited for.
                Ok(None) | Err(WireError::Closed) => return None,
                Ok(Some(record)) => record.message().map(|message| (message, record.descriptors)),
                Err(error) => Err(error),
            };
            match heard {
                Ok(message) => {
                    self.heard = Instant::now();
                    return Some(message);
                }
                Err(error) => {
                    self.nonsense += 1;
                    // One that runs wild is told of at the 1st, 2nd, 4th, 8th ...
                    if self.nonsense.is_power_of_two() {
                        tracing::warn!("{error} ({} times)", self.nonsense);
                    }
                }
            }
        }
        None
    }

    /// What becomes readable when it says something.
    pub(super) fn descriptors(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        std::iter::once(self.wire.as_fd()).chain(self.words.descriptor())
    }

    /// What it says, for another thread to hand on.
    pub(crate) fn take_words(&mut self) -> Words {
        std::mem::replace(&mut self.words, Words { pipe: None, line: Vec::new(), flow: Flow::new(self.since) })
    }

    /// Hands on what it says.
    pub(super) fn relay(&mut self, tell: impl FnMut(&str)) {
        self.words.relay(tell);
    }

    /// How it ended, if it did; what it had started itself ends with it.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        let pid = self.pid();
        // Looked at before it is buried: until then the number of its group is nobody else's.
        let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        if let Some(pid) = pid
            && matches!(waitid(WaitId::Pid(pid), look), Ok(Some(_)))
        {
            let _ = kill_process_group(pid, Signal::KILL);
        }
        self.process.try_wait().ok().flatten()
    }

    /// Ends it at once, with what it started, and waits a moment for that; whether it has ended.
    pub(super) fn kill(&mut self) -> bool {
        if matches!(self.process.try_wait(), Ok(Some(_))) {
            return true;
        }
        if let Some(pid) = self.pid() {
            let _ = kill_process_group(pid, Signal::KILL);
        }
        let _ = self.process.kill();
        let until = Instant::now() + DEATH;
        while matches!(self.process.try_wait(), Ok(None)) {
            if Instant::now() >= until {
                return false;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        true
    }

    fn pid(&self) -> Option<Pid> {
        i32::try_from(self.process.id()).ok().and_then(Pid::from_raw)
    }
}

impl Drop for Child {
    /// None outlives its supervisor.
    fn drop(&mut self) {
        self.kill();
    }
}

/// What a child says: its standard error.
pub(crate) struct Words {
    pipe: Option<ChildStderr>,
    line: Vec<u8>,
    flow: Flow,
}

impl Words {
    fn new(pipe: Option<ChildStderr>) -> io::Result<Self> {
        if let Some(pipe) = &pipe {
            rustix::fs::fcntl_setfl(pipe, rustix::fs::fcntl_getfl(pipe)? | OFlags::NONBLOCK)?;
        }
        Ok(Self { pipe, line: Vec::new(), flow: Flow::new(Instant::now()) })
    }

    /// What becomes readable when it says something; none when it will not any more.
    pub(crate) fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.pipe.as_ref().map(AsFd::as_fd)
    }

    /// Hands each whole line of the process to `tell`, with control characters taken out, as many as people can read.
    pub(crate) fn relay(&mut self, mut tell: impl FnMut(&str)) {
        let Some(stderr) = &self.pipe else { return };
        let mut bytes = [0; 4096];
        let (line, flow) = (&mut self.line, &mut self.flow);
        let mut hand_on = |line: &mut Vec<u8>| {
            for line in flow.pass(printable(line), Instant::now()) {
                tell(&line);
            }
            line.clear();
        };
        for _ in 0..MOST_AT_ONCE / bytes.len() {
            match rustix::io::read(stderr, &mut bytes) {
                Ok(0) => {
                    self.pipe = None;
                    break;
                }
                Ok(count) => {
                    for &byte in &bytes[..count] {
                        match byte {
                            b'\n' => hand_on(line),
                            byte if line.len() < LONGEST_LINE => line.push(byte),
                            _ => {}
                        }
                    }
                }
                Err(_) => break,
            }
        }
        if self.pipe.is_none() && !line.is_empty() {
            hand_on(line);
        }
    }
}

/// Lines that are handed on: what a process says goes to a log that may be stored, and sent elsewhere. A hostile one must not be
/// able to pour pictures into it.
struct Flow {
    left: f64,
    filled: Instant,
    held_back: u64,
}

/// A process says so many lines when it starts or panics,
const BURST: f64 = 200.0;
/// and so many a second for long.
const PER_SECOND: f64 = 5.0;

impl Flow {
    fn new(now: Instant) -> Self {
        Self { left: BURST, filled: now, held_back: 0 }
    }

    /// What is told now: the line or nothing, and before it how many were held back.
    fn pass(&mut self, line: String, now: Instant) -> Vec<String> {
        let more = now.saturating_duration_since(self.filled).as_secs_f64() * PER_SECOND;
        (self.left, self.filled) = ((self.left + more).min(BURST), now);
        if self.left < 1.0 {
            self.held_back += 1;
            return Vec::new();
        }
        self.left -= 1.0;
        let held_back = match std::mem::take(&mut self.held_back) {
            0 => None,
            count => Some(format!("frostglass: {count} lines of this process were held back: it says too much")),
        };
        held_back.into_iter().chain([line]).collect()
    }
}

/// Ends of lines, and what turns the direction of writing.
const TURNS: [char; 13] = [
    '\u{200e}', '\u{200f}', '\u{2028}', '\u{2029}', '\u{202a}', '\u{202b}', '\u{202c}', '\u{202d}', '\u{202e}',
    '\u{2066}', '\u{2067}', '\u{2068}', '\u{2069}',
];

/// A line for a terminal: a hostile process must not be able to drive it.
pub(crate) fn printable(line: &[u8]) -> String {
    let line = String::from_utf8_lossy(line);
    let drives = |letter: char| letter.is_control() && letter != '\t' || TURNS.contains(&letter);
    line.chars().map(|letter| if drives(letter) { '\u{fffd}' } else { letter }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_pours_out_lines_is_held_back_and_that_is_told() {
        let start = Instant::now();
        let mut flow = Flow::new(start);
        let told: usize = (0..10_000).map(|_| flow.pass("x".to_owned(), start).len()).sum();
        assert_eq!(told, BURST as usize);
        let later = flow.pass("y".to_owned(), start + Duration::from_secs(1));
        assert_eq!(later, ["frostglass: 9800 lines of this process were held back: it says too much", "y"]);
        assert_eq!(flow.pass("z".to_owned(), start + Duration::from_secs(1)), ["z"]);
    }

    #[test]
    fn a_line_cannot_drive_the_terminal() {
        assert_eq!(printable(b"\x1b[2Jred\r\tok \xff"), "\u{fffd}[2Jred\u{fffd}\tok \u{fffd}");
        assert_eq!(printable("a\u{202e}b\u{2028}c".as_bytes()), "a\u{fffd}b\u{fffd}c");
        assert_eq!(printable("größer · 3 °C".as_bytes()), "größer · 3 °C");
    }
}
