//! The writer's hold on a decoder: started, handed one file after the other, looked after, ended.
//!
//! **Invariant.** None outlives its writer, and what it says reaches people as lines that can not drive a terminal. Without walls
//! it is a thread, and all else the same.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, bail};

use super::conversation::{Conversation, words};
use super::{FromDecoder, Name, Start, ToDecoder, decoder};
use crate::commands::is_dash;
use crate::sandbox::Role;
use crate::supervise::child::{Child, Words};
use crate::wire::{Wire, WireError};

/// A decoder that is ready.
pub(crate) struct Behind {
    /// First, so that it is closed before the process is waited for.
    wire: Wire,
    process: Option<Child>,
    relay: Option<JoinHandle<()>>,
    walls_missing: Vec<String>,
}

/// Somebody waiting looks so often whether it should go on.
const TICK: Duration = Duration::from_millis(200);
/// One that closed its conversation is waited for so long: it has something to say, or is being killed.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// A job finds no room only while the decoder has a hundred others before it.
const ROOM: Duration = Duration::from_millis(20);

impl Behind {
    /// Starts one, and waits until it is ready. `foreign`: clips that will come and that only ffmpeg reads.
    ///
    /// # Errors
    /// When the system starts none, or it can not work.
    pub(crate) fn start(start: &Start, foreign: &[PathBuf], stop: &AtomicBool) -> anyhow::Result<Self> {
        let mut behind = if start.walls {
            let mut process = Child::start(Role::Decoder, foreign).context("starting the decoding process failed")?;
            let words = process.take_words();
            let relay = std::thread::Builder::new().name("relay".to_owned()).spawn(move || relay(words))?;
            let wire = process.wire.try_clone()?;
            Self { wire, process: Some(process), relay: Some(relay), walls_missing: Vec::new() }
        } else {
            let (wire, theirs) = Wire::pair()?;
            let decoding = move || {
                if let Err(error) = decoder::run(&theirs, Vec::new()) {
                    tracing::error!("{error:#}");
                }
            };
            std::thread::Builder::new().name("decoder".to_owned()).spawn(decoding)?;
            Self { wire, process: None, relay: None, walls_missing: Vec::new() }
        };
        behind.tell(&ToDecoder::Start(start.clone()), &[])?;
        loop {
            if stop.load(Ordering::Relaxed) {
                bail!("interrupted, nothing was written");
            }
            match behind.wire.receive(TICK) {
                Ok(None) | Err(WireError::Nonsense(_)) => {}
                Ok(Some(record)) => match record.message::<FromDecoder>()? {
                    FromDecoder::Ready { walls_missing } => {
                        behind.walls_missing = walls_missing.iter().map(|wall| words(wall)).collect();
                        return Ok(behind);
                    }
                    FromDecoder::Failed { why } => bail!(words(&why)),
                },
                Err(WireError::Closed | WireError::Io(_)) => {
                    bail!("the decoding process ended at its start{}", behind.how_it_ended())
                }
            }
        }
    }

    /// Walls that do not stand around it.
    pub(crate) fn walls_missing(&self) -> &[String] {
        &self.walls_missing
    }

    /// Hands it a file, and begins the conversation about that.
    ///
    /// # Errors
    /// When the file can not be opened, or the decoder takes nothing any more.
    pub(crate) fn begin(&self, input: &Path) -> anyhow::Result<Conversation> {
        let file: OwnedFd = if is_dash(input) {
            io::stdin().as_fd().try_clone_to_owned().context("standard input")?
        } else {
            File::open(input).with_context(|| format!("{}: opening failed", input.display()))?.into()
        };
        let (ours, theirs) = Wire::pair()?;
        self.tell(&ToDecoder::Job(Name::of(input)), &[file, theirs.into_descriptor()])?;
        Ok(Conversation::new(ours))
    }

    fn tell(&self, message: &ToDecoder, descriptors: &[OwnedFd]) -> io::Result<()> {
        let descriptors: Vec<_> = descriptors.iter().map(AsFd::as_fd).collect();
        loop {
            match self.wire.send(message, &descriptors) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => std::thread::sleep(ROOM),
                // Whoever is gone is noticed by the conversation that is not answered.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
                sent => return sent,
            }
        }
    }

    /// How it ended, in brackets, when its conversations have.
    pub(crate) fn how_it_ended(&mut self) -> String {
        let mut waited = Duration::ZERO;
        while let Some(process) = &mut self.process
            && waited < LAST_WORDS
        {
            if let Some(status) = process.ended() {
                return described(status);
            }
            std::thread::sleep(ROOM);
            waited += ROOM;
        }
        String::new()
    }
}

fn described(status: ExitStatus) -> String {
    let called = match status.signal() {
        // SIGSYS.
        Some(31) => ": its walls killed it for a system call that no part of this program makes",
        _ => "",
    };
    format!(" ({status}{called})")
}

/// Hands on what it says until it says no more.
fn relay(mut words: Words) {
    while let Some(pipe) = words.descriptor() {
        if crate::wire::readable(&[pipe], TICK).is_err() {
            std::thread::sleep(TICK);
        }
        words.relay(|line| eprintln!("{line}"));
    }
}

impl Drop for Behind {
    fn drop(&mut self) {
        // Ended first, for only then its last words end.
        self.process = None;
        if let Some(relay) = self.relay.take() {
            let _ = relay.join();
        }
    }
}
