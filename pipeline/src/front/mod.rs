//! The front process: everything that has a network, a disk or an encoder.
//!
//! **Invariant.** It gets redacted frames and plausible events out of the hatch, and nothing else; it cannot ask for more.
//! When no frame comes in time, wholly masked ones take their place, of the same size and at the same rate, so that whoever
//! watches keeps the stream. One way out never waits for another.
//!
//! What a way out does with frames is [`crate::emit`]'s business; [`outlet`] gives each its own thread and queue, [`worker`]
//! is that thread, [`tally`] adds up health over the lives of several pixel processes.

mod line;
mod outlet;
mod places;
mod queue;
mod tally;
mod thermal;
#[cfg(test)]
mod touchy;
mod ways;
mod worker;

use std::os::fd::{AsFd, OwnedFd};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use frostglass_vault::Format;

use self::line::Line;
use self::outlet::{Outlets, Report};
use self::tally::Tally;
use crate::capture::Rate;
use crate::config::Config;
use crate::event::{self, Event, Fault, Masked, Policy};
use crate::hatch::shared::{FrontEnd, SharedFront, ToldFormat};
use crate::hatch::{Buffers, ReceivedFrame};
use crate::sandbox::{Reach, Role, Walls};
use crate::supervise::messages::{FromFront, Start, ToFront};
use crate::wire::{Wire, WireError};

/// Health is told so often, and the supervisor hears of progress twice in that time.
const HEALTH_EVERY: Duration = Duration::from_secs(1);
/// How long nothing is looked at when nothing happens.
const TICK: Duration = Duration::from_millis(100);
/// Frames and events of the pixel process, and masked frames in their place, that are handed on before something else is
/// looked at: one that never stops does not keep the front from its supervisor.
const AT_ONCE: usize = 64;
/// A front makes room for another, which can open what was replaced, no sooner than after so long.
const ANEW_AFTER: Duration = Duration::from_secs(60);

/// Lives until the supervisor says that it is over, or nobody takes anything any more.
pub(crate) fn run(wire: Wire) -> anyhow::Result<ExitCode> {
    let start = match wire.receive(Duration::from_secs(30))?.map(|record| record.message::<ToFront>()).transpose()? {
        Some(ToFront::Start(start)) => start,
        _ => anyhow::bail!("the front was not told to start"),
    };
    let config = Config::prove(&start.text, &start.origin, &start.folder)?;
    crate::commands::start_log(&config.log_level);
    let mut walls = Walls::first(Role::Front, start.walls)?;
    walls.before_anything_from_outside(config.emit.http.is_some(), &Reach::default())?;
    let outlets = open(&config, &start, &mut walls)?;
    wire.send(&FromFront::Ready, &[])?;
    let mut front = Front {
        outlets,
        pixel: None,
        video: None,
        buffers: Buffers::default(),
        tally: Tally::new(walls.missing().to_vec()),
        line: Line::default(),
        told: Instant::now(),
        health_due: Instant::now() + HEALTH_EVERY,
        walled: walls.wanted().then(Instant::now),
        finishing: false,
    };
    while !front.finishing {
        front.wait(&wire);
        if let Err(error) = front.obey(&wire) {
            // What can not be opened for the first video would not open the next time either: the run is over.
            let _ = wire.send(&FromFront::Failed, &[]);
            return Err(error);
        }
        front.take_in();
        front.fill_in();
        front.look_at_reports(&wire);
        front.tell(&wire);
    }
    front.take_in();
    let Front { video, tally, outlets, .. } = front;
    let y4m = video.filter(|_| tally.out() > 0).and_then(|video| ToldFormat::of(video.format, video.rate));
    if !outlets.finish() {
        return Ok(ExitCode::FAILURE);
    }
    let _ = wire.send(&FromFront::Finished { y4m }, &[]);
    Ok(ExitCode::SUCCESS)
}

/// Walls go up between what has to be there for them and the first thread.
fn open(config: &Config, start: &Start, walls: &mut Walls) -> anyhow::Result<Outlets> {
    let mut ways = ways::ways(config, start.again, start.y4m)?;
    let places = ways.iter_mut().filter_map(|way| way.place.as_mut());
    walls.before_ways_out(&places::reach(config, places));
    let outlets = Outlets::of(ways, start.again)?;
    if outlets.is_empty() {
        eprintln!("frostglass: note: [emit] names no way out; frames are redacted and dropped");
    }
    Ok(outlets)
}

struct Front {
    outlets: Outlets,
    pixel: Option<SharedFront>,
    /// What the stream looks like, as soon as that is known.
    video: Option<Video>,
    buffers: Buffers,
    tally: Tally,
    line: Line,
    told: Instant,
    health_due: Instant,
    /// Since when walls stand, if any do.
    walled: Option<Instant>,
    finishing: bool,
}

/// What the stream looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Video {
    pub(crate) format: Format,
    pub(crate) rate: Rate,
}

impl Front {
    fn wait(&self, wire: &Wire) {
        let mut descriptors = vec![wire.as_fd()];
        descriptors.extend(self.pixel.iter().flat_map(SharedFront::descriptors));
        let due = self.line.at.filter(|_| self.video.is_some()).map(|at| at + self.line.silence);
        let due = due.map_or(TICK, |due| due.saturating_duration_since(Instant::now()).min(TICK));
        if crate::wire::readable(&descriptors, due).is_err() {
            std::thread::sleep(TICK);
        }
    }

    fn obey(&mut self, wire: &Wire) -> anyhow::Result<()> {
        for _ in 0..AT_ONCE {
            let record = match wire.receive(Duration::ZERO) {
                Ok(Some(record)) => record,
                Ok(None) => return Ok(()),
                Err(WireError::Nonsense(_)) => continue,
                // Without a supervisor it is over.
                Err(WireError::Closed | WireError::Io(_)) => {
                    self.finishing = true;
                    return Ok(());
                }
            };
            let Ok(message) = record.message() else { continue };
            match message {
                ToFront::Start(_) => {}
                ToFront::Pixel { format, hides, silence_ms, restarts, seen } => {
                    self.tally.restarts(restarts);
                    if let Ok(ends) = record.descriptors.try_into() {
                        self.attach(ends, format, hides, Duration::from_millis(silence_ms), seen)?;
                    }
                }
                ToFront::Gone { restarts } => {
                    self.detach();
                    // Nothing will come for a while, and that is known: masked frames follow at once.
                    self.line.silence = self.video.map_or(self.line.silence, |video| video.rate.time_of(1));
                    self.tally.restarts(restarts);
                }
                ToFront::Fault(fault) => self.outlets.event(&Event::Fault(fault)),
                ToFront::Finish => {
                    self.detach();
                    self.finishing = true;
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// A pixel process stands: its frames follow.
    fn attach(
        &mut self,
        ends: [OwnedFd; 3],
        told: ToldFormat,
        hides: Vec<String>,
        silence: Duration,
        seen: bool,
    ) -> anyhow::Result<()> {
        self.detach();
        let Some((format, rate)) = told.format() else {
            tracing::error!("the pixel process speaks of frames that cannot be; nothing of it is taken");
            return Ok(());
        };
        let mut pixel = match SharedFront::new(FrontEnd(ends), format, self.buffers.clone()) {
            Ok(pixel) => pixel,
            Err(error) => {
                tracing::error!("the pixel process's ring is not taken: {error}");
                return Ok(());
            }
        };
        if seen {
            pixel.skip();
        }
        let video = Video { format, rate };
        if self.video != Some(video) {
            self.video = Some(video);
            self.outlets.video(video)?;
        }
        (self.pixel, self.line.patience, self.line.base) = (Some(pixel), silence, None);
        if self.line.last.is_none() {
            // Nobody has seen a frame yet, so that none is missed.
            self.line.silence = silence;
        }
        self.line.at.get_or_insert_with(Instant::now);
        let time = event::written(jiff::Timestamp::now());
        self.outlets.event(&Event::Policy(Policy { time, hides }));
        Ok(())
    }

    /// The pixel process is gone: what it let out is still taken, then masked frames follow.
    fn detach(&mut self) {
        self.take_in();
        if let Some(pixel) = self.pixel.take() {
            self.tally.bury(pixel.missed());
        }
    }

    fn take_in(&mut self) {
        for _ in 0..AT_ONCE {
            let (Some(pixel), line) = (&mut self.pixel, &mut self.line) else { break };
            let Some(frame) = pixel.frame(|stamp| line.stamp(stamp)) else { break };
            line.silence = line.patience;
            self.tally.age(pixel.age());
            self.emit(frame);
        }
        let mut gone = false;
        for _ in 0..AT_ONCE {
            let Some(pixel) = &mut self.pixel else { break };
            match pixel.event() {
                Ok(Some(Event::Health(health))) => self.tally.health(health),
                Ok(Some(Event::Motion(mut motion))) => {
                    motion.frame = motion.frame.saturating_add(self.line.base.map_or(0, |base| base.sequence));
                    self.outlets.event(&Event::Motion(motion));
                }
                Ok(Some(event)) => self.outlets.event(&event),
                Ok(None) => break,
                Err(_) => {
                    gone = true;
                    break;
                }
            }
        }
        if gone && let Some(pixel) = self.pixel.take() {
            self.tally.bury(pixel.missed());
        }
    }

    /// Masked frames in the place of those that do not come.
    fn fill_in(&mut self) {
        let Some(Video { format, rate }) = self.video else { return };
        for _ in 0..AT_ONCE {
            let Some((stamp, at)) = self.line.filler(Instant::now(), rate) else { break };
            self.emit(ReceivedFrame::masked(format, stamp));
            self.line.at = Some(at);
        }
    }

    fn emit(&mut self, frame: ReceivedFrame) {
        (self.line.last, self.line.at) = (Some(frame.stamp()), Some(Instant::now()));
        self.tally.frame(frame.is_masked());
        self.outlets.frame(&Arc::new(frame));
    }

    fn look_at_reports(&mut self, wire: &Wire) {
        while let Some(report) = self.outlets.report() {
            match report {
                Report::Fault(what) => {
                    let now = event::written(jiff::Timestamp::now());
                    let fault = Fault { time: now.clone(), what, since: now, masked: Masked::Nothing };
                    self.outlets.event(&Event::Fault(fault));
                }
                Report::Anew => {
                    if self.walled.is_some_and(|since| since.elapsed() >= ANEW_AFTER) {
                        tracing::warn!("what a way out writes to was replaced: a new front opens it");
                        self.detach();
                        self.finishing = true;
                    }
                }
                Report::Over { failed } => {
                    let message = if failed { FromFront::Failed } else { FromFront::Enough };
                    let _ = wire.send(&message, &[]);
                }
            }
        }
    }

    fn tell(&mut self, wire: &Wire) {
        let missed = self.pixel.as_ref().map_or((0, 0), SharedFront::missed);
        if Instant::now() >= self.health_due {
            self.health_due = Instant::now() + HEALTH_EVERY;
            if let Some(pixel) = &mut self.pixel {
                pixel.next_second();
            }
            let slow = self.outlets.replaced();
            let health = self.tally.tell(missed, slow, thermal::temperature(), jiff::Timestamp::now());
            self.outlets.event(&Event::Health(health));
        }
        if self.told.elapsed() >= HEALTH_EVERY / 2 {
            self.told = Instant::now();
            let progress = FromFront::Progress {
                frames: self.tally.out(),
                health: self.tally.last(),
                hatch: self.pixel.is_some(),
            };
            let _ = wire.send(&progress, &[]);
        }
    }
}

#[cfg(test)]
mod attack_tests;
