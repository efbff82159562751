//! The front process: everything that has a network, a disk or an encoder.
//!
//! **Invariant.** It gets redacted frames and plausible events out of the hatch, and nothing else; it cannot ask for more.
//! When no frame comes in time, wholly masked ones take their place, of the same size and at the same rate, so that whoever
//! watches keeps the stream. One way out never waits for another.
//!
//! What a way out does with frames is [`crate::emit`]'s business; [`outlet`] gives each its own thread and queue,
//! [`tally`] adds up health over the lives of several pixel processes.

mod outlet;
mod tally;
mod thermal;
mod ways;

use std::os::fd::{AsFd, OwnedFd};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use frostglass_vault::{Format, Stamp};

use self::outlet::{Outlets, Report};
use self::tally::Tally;
use crate::capture::Rate;
use crate::config::Config;
use crate::event::{self, Event, Fault, Masked, Policy};
use crate::hatch::shared::{FrontEnd, SharedFront, ToldFormat};
use crate::hatch::{Buffers, ReceivedFrame};
use crate::sandbox::{Role, Stage, enter};
use crate::supervise::messages::{FromFront, Start, ToFront};
use crate::wire::{Wire, WireError};

/// Health is told so often, and the supervisor hears of progress twice in that time.
const HEALTH_EVERY: Duration = Duration::from_secs(1);
/// How long nothing is looked at when nothing happens.
const TICK: Duration = Duration::from_millis(100);
/// Frames and events of the pixel process, and masked frames in their place, that are handed on before something else is
/// looked at: one that never stops does not keep the front from its supervisor.
const AT_ONCE: usize = 64;
/// After a sleep of the machine longer than this nobody wants the frames of the night.
const NIGHT: Duration = Duration::from_secs(1);

/// Lives until the supervisor says that it is over, or nobody takes anything any more.
pub(crate) fn run(wire: Wire) -> anyhow::Result<ExitCode> {
    let start = match wire.receive(Duration::from_secs(30))?.map(|record| record.message::<ToFront>()).transpose()? {
        Some(ToFront::Start(start)) => start,
        _ => anyhow::bail!("the front was not told to start"),
    };
    let config = Config::prove(&start.text, &start.origin, &start.folder)?;
    crate::commands::start_log(&config.log_level);
    let mut missing = enter(Role::Front, Stage::Start);
    let outlets = open(&config, &start)?;
    missing.extend([Stage::BeforeThreads, Stage::BeforeFrames].iter().flat_map(|&stage| enter(Role::Front, stage)));
    wire.send(&FromFront::Ready, &[])?;
    let mut front = Front {
        outlets,
        pixel: None,
        video: None,
        buffers: Buffers::default(),
        tally: Tally::new(missing),
        line: Line::default(),
        told: Instant::now(),
        health_due: Instant::now() + HEALTH_EVERY,
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

fn open(config: &Config, start: &Start) -> anyhow::Result<Outlets> {
    let outlets = Outlets::open(config, start.again, start.y4m)?;
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
    finishing: bool,
}

/// What the stream looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Video {
    pub(crate) format: Format,
    pub(crate) rate: Rate,
}

/// One stream over the lives of several pixel processes: numbers and times go on rising.
#[derive(Default)]
struct Line {
    began: Option<Instant>,
    /// Added to the pixel process's numbers and times.
    base: Option<Stamp>,
    last: Option<Stamp>,
    /// When the last frame went out.
    at: Option<Instant>,
    /// So long without a frame, and masked ones follow; that of one frame while there is nobody to give any.
    silence: Duration,
    /// The same while a pixel process gives frames.
    patience: Duration,
}

impl Line {
    /// What follows `last`, by the clock.
    fn next(&mut self) -> Stamp {
        let time = self.began.get_or_insert_with(Instant::now).elapsed();
        match self.last {
            None => Stamp { sequence: 0, time },
            // The last one may have been told by a pixel process that counts wildly.
            Some(last) => Stamp {
                sequence: last.sequence.saturating_add(1),
                time: time.max(last.time.saturating_add(Duration::from_micros(1))),
            },
        }
    }

    /// The stamp of a masked frame that is due, and the time that stands for its own: the next one is due a frame's time later.
    fn filler(&mut self, now: Instant, rate: Rate) -> Option<(Stamp, Instant)> {
        let at = self.at?;
        let frame = rate.time_of(1);
        if now.saturating_duration_since(at) < self.silence.max(frame) {
            return None;
        }
        // From now on at the stream's own rate, until a frame comes.
        (self.silence, self.base) = (frame, None);
        let due = at + frame;
        let asleep = now.saturating_duration_since(due) >= NIGHT;
        Some((self.next(), if asleep { now } else { due }))
    }

    /// The stream's stamp for a frame of the pixel process.
    fn stamp(&mut self, of: Stamp) -> Stamp {
        let base = match self.base {
            Some(base) => base,
            None => {
                let next = self.next();
                let time = next.time.saturating_sub(of.time);
                *self.base.insert(Stamp { sequence: next.sequence.saturating_sub(of.sequence), time })
            }
        };
        let stamp =
            Stamp { sequence: base.sequence.saturating_add(of.sequence), time: base.time.saturating_add(of.time) };
        // A pixel process that counts backwards does not make the stream do so.
        match self.last {
            Some(last) if stamp.sequence <= last.sequence || stamp.time <= last.time => self.next(),
            _ => stamp,
        }
    }
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
        loop {
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
            let health = self.tally.tell(missed, thermal::temperature(), jiff::Timestamp::now());
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
mod tests {
    use super::*;

    #[test]
    fn numbers_and_times_rise_over_the_lives_of_several_pixel_processes() {
        let mut line = Line::default();
        let mut stamps = Vec::new();
        for _life in 0..3 {
            line.base = None;
            for sequence in 0..5 {
                let stamp = line.stamp(Stamp { sequence, time: Duration::from_millis(40 * sequence) });
                line.last = Some(stamp);
                stamps.push(stamp);
            }
            let filler = line.next();
            line.last = Some(filler);
            stamps.push(filler);
        }
        assert!(stamps.windows(2).all(|two| two[0].sequence + 1 == two[1].sequence), "{stamps:?}");
        assert!(stamps.windows(2).all(|two| two[0].time < two[1].time), "{stamps:?}");
    }

    #[test]
    fn a_pixel_process_that_counts_wildly_does_not_turn_the_stream_back() {
        let mut line = Line::default();
        let mut last: Option<Stamp> = None;
        for (sequence, nanos) in [(7, 0), (3, 90), (u64::MAX, u64::MAX), (0, 0), (8, 5)] {
            let stamp = line.stamp(Stamp { sequence, time: Duration::from_nanos(nanos) });
            assert!(last.is_none_or(|last| stamp.sequence > last.sequence || last.sequence == u64::MAX), "{stamp:?}");
            (line.last, last) = (Some(stamp), Some(stamp));
            if stamp.sequence == u64::MAX {
                break;
            }
        }
        let filler = line.next();
        assert_eq!(filler.sequence, u64::MAX, "there is no higher number, and no end of the front either");
        line.last = Some(Stamp { sequence: 0, time: Duration::MAX });
        assert_eq!(line.next().time, Duration::MAX);
    }

    #[test]
    fn gaps_are_filled_at_the_streams_rate_and_a_night_is_not() {
        let rate = Rate { frames: 10, seconds: 1 };
        let start = Instant::now();
        let after = |millis| start + Duration::from_millis(millis);
        let mut line = Line { at: Some(start), silence: Duration::from_millis(250), ..Line::default() };
        let mut fill = |now| {
            let mut count = 0;
            while let Some((stamp, at)) = line.filler(now, rate) {
                (line.last, line.at, count) = (Some(stamp), Some(at), count + 1);
            }
            count
        };
        assert_eq!((fill(after(240)), fill(after(250))), (0, 2), "all of the gap, when it is one");
        assert_eq!((fill(after(299)), fill(after(300)), fill(after(720))), (0, 1, 4));
        let hour = 3_600_000;
        assert_eq!(fill(after(hour)), 1, "one to go on with");
        assert_eq!((fill(after(hour + 99)), fill(after(hour + 100))), (0, 1));
    }
}
