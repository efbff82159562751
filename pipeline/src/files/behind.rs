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
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use super::conversation::{Broken, Conversation, words};
use super::{FromDecoder, Name, Start, ToDecoder, decoder};
use crate::commands::is_dash;
use crate::sandbox::Role;
use crate::supervise::child::{Child, Words};
use crate::wire::{Wire, WireError};

/// A decoder that is ready.
pub(crate) struct Behind {
    /// Until the end.
    wire: Option<Wire>,
    process: Option<Child>,
    relay: Option<JoinHandle<()>>,
    /// Whether it will say no more.
    over: Arc<AtomicBool>,
    walls_missing: Vec<String>,
}

/// What the decoders of one call said so far, that each of them says.
#[derive(Clone, Default)]
pub(crate) struct Heard(Arc<Mutex<Vec<String>>>);

/// So many lines are known again.
const MOST_HEARD: usize = 100;
/// Networks are loaded and proved within so long, on any machine that is fit for them.
const READY_WITHIN: Duration = Duration::from_secs(300);

/// Somebody waiting looks so often whether it should go on.
const TICK: Duration = Duration::from_millis(200);
/// One that closed its conversation is waited for so long, if it is being killed.
const DEATH: Duration = Duration::from_millis(500);
/// Whether it has died is looked at so often.
const LOOK: Duration = Duration::from_millis(20);

impl Behind {
    /// Starts one, and waits until it is ready. `foreign`: clips that will come and that only ffmpeg reads.
    ///
    /// # Errors
    /// When the system starts none, or it can not work.
    pub(crate) fn start(start: &Start, foreign: &[PathBuf], stop: &AtomicBool, heard: &Heard) -> anyhow::Result<Self> {
        let mut behind = if start.walls {
            let mut process =
                Child::start(Role::Decoder, foreign, false).context("starting the decoding process failed")?;
            let (words, over, heard) = (process.take_words(), Arc::<AtomicBool>::default(), heard.clone());
            let is_over = Arc::clone(&over);
            let relaying = move || relay(words, &is_over, &heard);
            let relay = Some(std::thread::Builder::new().name("relay".to_owned()).spawn(relaying)?);
            let wire = Some(process.wire.try_clone()?);
            Self { wire, process: Some(process), relay, over, walls_missing: Vec::new() }
        } else {
            Self::thread(|wire| {
                if let Err(error) = decoder::run(&wire, Vec::new()) {
                    tracing::error!("{error:#}");
                }
            })?
        };
        behind.tell(&ToDecoder::Start(start.clone()), &[])?;
        let begun = Instant::now();
        loop {
            if stop.load(Ordering::Relaxed) {
                return Err(Broken::Interrupted.into());
            }
            if begun.elapsed() > READY_WITHIN {
                bail!("the decoding process was not ready within {} s", READY_WITHIN.as_secs());
            }
            let Some(wire) = &behind.wire else { bail!("there is no decoding process any more") };
            match wire.receive(TICK) {
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

    /// One that is a thread of this process.
    pub(crate) fn thread(decoding: impl FnOnce(Wire) + Send + 'static) -> io::Result<Self> {
        let (wire, theirs) = Wire::pair()?;
        std::thread::Builder::new().name("decoder".to_owned()).spawn(move || decoding(theirs))?;
        Ok(Self { wire: Some(wire), process: None, relay: None, over: Arc::default(), walls_missing: Vec::new() })
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
        let shown = || format!("{}: opening failed", input.display());
        let file = if is_dash(input) { what_comes_in() } else { File::open(input).map(OwnedFd::from) };
        let (ours, theirs) = Wire::pair().with_context(shown)?;
        self.tell(&ToDecoder::Job(Name::of(input)), &[file.with_context(shown)?, theirs.into_descriptor()])
            .with_context(|| format!("{}: handing it to the decoding process failed", input.display()))?;
        Ok(Conversation::new(ours, !is_dash(input)))
    }

    fn tell(&self, message: &ToDecoder, descriptors: &[OwnedFd]) -> io::Result<()> {
        let Some(wire) = &self.wire else { return Ok(()) };
        let descriptors: Vec<_> = descriptors.iter().map(AsFd::as_fd).collect();
        match wire.send(message, &descriptors) {
            // Whoever is gone is noticed by the conversation that is not answered.
            Err(error) if matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset) => Ok(()),
            // There is room for more jobs than there are at a time.
            sent => sent,
        }
    }

    /// How it ended, in brackets, when its conversations have.
    pub(crate) fn how_it_ended(&mut self) -> String {
        let mut waited = Duration::ZERO;
        while let Some(process) = &mut self.process
            && waited < DEATH
        {
            if let Some(status) = process.ended() {
                return described(status);
            }
            std::thread::sleep(LOOK);
            waited += LOOK;
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

/// Standard input, as a pipe that can be read and nothing else: what was given to this program may be a terminal, or a connection.
fn what_comes_in() -> io::Result<OwnedFd> {
    let (reader, mut writer) = io::pipe()?;
    let pumping = move || {
        // Who reads no more has its reasons, and tells them; what can not be read any more has ended.
        let _ = io::copy(&mut io::stdin().lock(), &mut writer);
    };
    std::thread::Builder::new().name("stdin".to_owned()).spawn(pumping)?;
    Ok(reader.into())
}

/// Hands on what it says until it says no more, what each decoder says once.
fn relay(mut words: Words, over: &AtomicBool, heard: &Heard) {
    while let Some(pipe) = words.descriptor() {
        let last = over.load(Ordering::Relaxed);
        if crate::wire::readable(&[pipe], TICK).is_err() {
            std::thread::sleep(TICK);
        }
        words.relay(|line| {
            let mut heard = heard.0.lock().unwrap_or_else(PoisonError::into_inner);
            if heard.iter().all(|before| before != line) {
                // Marked, for it could say what this program says.
                eprintln!("decoder: {line}");
                if heard.len() < MOST_HEARD {
                    heard.push(line.to_owned());
                }
            }
        });
        // Somebody may still hold the other end of the pipe.
        if last {
            return;
        }
    }
}

impl Drop for Behind {
    fn drop(&mut self) {
        // With all that it may have sent along unread.
        self.wire = None;
        self.process = None;
        self.over.store(true, Ordering::Relaxed);
        if let Some(relay) = self.relay.take() {
            let _ = relay.join();
        }
    }
}
