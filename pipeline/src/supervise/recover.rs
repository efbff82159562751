//! How the supervisor starts processes, notices that one is lost, and starts it again.
//!
//! **Invariant.** Whatever is lost, the other process goes on, and the supervisor never waits for one that does not end. A
//! process that fails before it ever stood up ends the run, because then a person is looking at the terminal; later
//! nothing does, a start that the system refuses included.

use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use super::Supervisor;
use super::child::Child;
use super::messages::{Begun, Start, ToFront, ToPixel};
use crate::capture::camera::find::{holders, is_device};
use crate::commands::hides;
use crate::config::{CameraSource, Target};
use crate::event::{self, Fault, Masked};
use crate::hatch::shared::ToldFormat;
use crate::sandbox::Role;

/// What a process may take to end when it was told to; then it is killed.
const FAREWELL: Duration = Duration::from_secs(15);
/// A look may take ten deadlines before the pixel process itself calls it stuck, and then says so.
const DEADLINES: u32 = 15;
/// What the front has not taken after so long is offered to it again.
const OFFERED: Duration = Duration::from_secs(2);
/// A hatch that was not taken after so many offers is no hatch.
const OFFERS: u32 = 5;

/// The front's end of the hatch, kept so that a new front can have it.
pub(super) struct Ends {
    ends: [OwnedFd; 3],
    format: ToldFormat,
    offers: u32,
    offered: Instant,
    /// A front has had it.
    taken: bool,
}

impl Ends {
    pub(super) fn new(ends: [OwnedFd; 3], format: ToldFormat) -> Self {
        Self { ends, format, offers: 0, offered: Instant::now(), taken: false }
    }
}

impl Supervisor {
    fn start(&self, role: Role, again: bool, y4m: Begun) -> anyhow::Result<(Child, Start)> {
        let emit = &self.proved.config.emit;
        let speaks = [&emit.jsonl, &emit.y4m].into_iter().flatten().any(|target| *target == Target::Stdout);
        let child = Child::start(role, &[], speaks)
            .map_err(|error| anyhow::Error::new(error).context("starting a process of this program failed"))?;
        let start = Start {
            text: self.proved.text.clone(),
            origin: self.proved.origin(),
            folder: self.proved.folder(),
            again,
            walls: self.walls,
            camera: self.camera.clone(),
            y4m,
        };
        Ok((child, start))
    }

    pub(super) fn start_pixel(&mut self) -> anyhow::Result<()> {
        let (child, start) = self.start(Role::Pixel, self.pixel.stood, Begun::Nothing)?;
        child.tell(&ToPixel::Start(start), &[]);
        self.pixel.fill(child);
        Ok(())
    }

    pub(super) fn start_front(&mut self) -> anyhow::Result<()> {
        let target = &self.proved.config.emit.y4m;
        let begun = if *target == self.y4m { self.begun } else { Begun::Nothing };
        let (child, start) = self.start(Role::Front, self.front.stood, begun)?;
        child.tell(&ToFront::Start(start), &[]);
        self.front.fill(child);
        // Unless it says otherwise at its end.
        (self.begun, self.y4m) = (Begun::Torn, target.clone());
        if let Some(hatch) = &mut self.hatch {
            hatch.offers = 0;
        }
        self.introduce();
        Ok(())
    }

    /// Fills empty posts. A system that has no process or descriptor to give now may have some later.
    pub(super) fn start_what_is_due(&mut self) {
        if self.front.is_due()
            && let Err(error) = self.start_front()
        {
            tracing::error!("{error:#}; it is tried again");
            self.front.plan(false, Instant::now());
        }
        if self.pixel.is_due()
            && self.pen.is_up_to_date()
            && let Err(error) = self.start_pixel()
        {
            tracing::error!("{error:#}; it is tried again");
            self.pixel.plan(false, Instant::now());
        }
    }

    /// Hands the hatch to the front, once all is told of what it will show.
    pub(super) fn introduce(&mut self) {
        if !self.pen.is_up_to_date() {
            return;
        }
        let (Some(front), Some(hatch)) = (&self.front.child, &mut self.hatch) else { return };
        let hold = &self.proved.config.hold;
        let [frames, seconds] = hatch.format.rate();
        let frame_ms = 1000.0 * f64::from(seconds) / f64::from(frames.max(1));
        // As long as the pixel process itself may take, and two frames and a moment for both processes to be slow in.
        let silence_ms = hold.deadline.as_millis() as u64 + (frame_ms * (hold.frames as f64 + 2.0)) as u64 + 250;
        let hides = hides(&self.proved.config);
        let (format, restarts, seen) = (hatch.format, self.restarts, hatch.taken);
        front.tell(
            &ToFront::Pixel { format, hides, silence_ms, restarts, seen },
            &hatch.ends.each_ref().map(AsFd::as_fd),
        );
        (hatch.offers, hatch.offered) = (hatch.offers + 1, Instant::now());
    }

    /// The front says whether it has a hatch: a message may have found its socket full.
    pub(super) fn see_to_the_hatch(&mut self, has_one: bool) {
        let Some(hatch) = self.hatch.as_mut().filter(|_| self.leaving.is_none()) else { return };
        hatch.taken |= has_one;
        if has_one || hatch.offered.elapsed() < OFFERED {
            return;
        }
        if hatch.offers < OFFERS {
            self.introduce();
        } else {
            self.hatch = None;
            self.lose_pixel("the front does not take the hatch of the pixel process, which was killed", false);
        }
    }

    /// Sees which processes ended.
    pub(super) fn bury(&mut self) {
        self.corpses.retain_mut(|corpse| corpse.ended().is_none());
        if let Some(status) = self.pixel.child.as_mut().and_then(Child::ended) {
            let why = how_it_ended("the pixel process", status, self.pixel.stood);
            self.lose_pixel(&why, status.success());
        }
        if let Some(status) = self.front.child.as_mut().and_then(Child::ended) {
            let why = how_it_ended("the front", status, self.front.stood);
            self.lose_front(&why, status.success());
        }
    }

    /// Kills it, and does not wait for one that is stuck in the kernel.
    pub(super) fn put_away(&mut self, mut child: Child) {
        if !child.kill() {
            tracing::error!("a process was killed and does not end; it is left to the kernel");
            self.corpses.push(child);
        }
    }

    pub(super) fn lose_pixel(&mut self, why: &str, well: bool) {
        // What it said last is still in its socket and its pipe.
        self.hear();
        let Some(mut child) = self.pixel.child.take() else { return };
        let (since, stood) = (child.since, std::mem::take(&mut self.pixel.stands));
        if let Some(counted) = &mut child.counted {
            self.pen.count_last(counted, stood);
        }
        self.put_away(child);
        self.hatch = None;
        if !self.pixel.stood && !well {
            self.tell_who_has_the_camera();
        }
        if self.ending.is_some() || self.outcome.is_some() || !self.pixel.stood {
            // One that was looking for its camera when the run was ended has failed at nothing that was asked.
            let was_away = self.ending.is_some() && self.pixel.stood && !stood;
            self.over(well || was_away);
            self.ending.get_or_insert_with(Instant::now);
            // Without news that it is gone, after which masked frames would follow.
            self.finish_front();
            return;
        }
        self.restarts += 1;
        self.tell_gone();
        self.note_loss(why);
        self.pixel.plan(stood, since);
        let due = self.pixel.due.map_or(Duration::ZERO, |due| due.saturating_duration_since(Instant::now()));
        let when = match self.pen.is_up_to_date() {
            true => format!("in {:.1} s", due.as_secs_f32()),
            false => "when the record of policy can be written".to_owned(),
        };
        let what = format!("{why}; it is started again {when}, and every frame is masked until then");
        tracing::error!("{what}");
        self.tell_fault(what, Masked::Everything);
    }

    /// The pixel process sees no other one from behind its walls.
    fn tell_who_has_the_camera(&self) {
        let Some(CameraSource::Path(path)) = &self.proved.config.camera.source else { return };
        let holders = if is_device(path) { holders(path) } else { String::new() };
        if !holders.is_empty() {
            tracing::error!("{} is in use{holders}", path.display());
        }
    }

    pub(super) fn tell_gone(&self) {
        if let Some(front) = &self.front.child {
            front.tell(&ToFront::Gone { restarts: self.restarts }, &[]);
        }
    }

    fn lose_front(&mut self, why: &str, well: bool) {
        self.hear();
        let Some(child) = self.front.child.take() else { return };
        let since = child.since;
        self.put_away(child);
        let stood = std::mem::take(&mut self.front.stands);
        let asked = self.leaving.take().is_some();
        if self.ending.is_some() || !self.front.stood || self.outcome.is_some() {
            self.over(well);
            self.end(false);
            return;
        }
        if asked && well {
            self.front.due = Some(Instant::now());
            return;
        }
        self.front.plan(stood, since);
        tracing::error!("{why}; it is started again, the camera goes on");
    }

    pub(super) fn tell_fault(&self, what: String, masked: Masked) {
        let now = event::written(jiff::Timestamp::now());
        // A path or a broken config may have brought anything into it.
        let fault = Fault { time: now.clone(), what: event::plain(&what), since: now, masked };
        if let Some(front) = &self.front.child {
            front.tell(&ToFront::Fault(fault), &[]);
        }
    }

    pub(super) fn finish_front(&self) {
        if let Some(front) = &self.front.child {
            front.tell(&ToFront::Finish, &[]);
        }
    }

    /// Kills what hangs.
    pub(super) fn judge(&mut self) {
        let patience = DEADLINES * self.proved.config.hold.deadline;
        if let Some(how) = self.pixel.hangs(patience, Instant::now()) {
            self.lose_pixel(&format!("the pixel process {how} and was killed"), false);
        }
        if let Some(how) = self.front.hangs(Duration::ZERO, Instant::now()) {
            self.lose_front(&format!("the front {how} and was killed"), false);
        }
        let too_long = |since: Option<Instant>, most| since.is_some_and(|since| since.elapsed() > most);
        if self.pixel.child.is_some() && too_long(self.ending, FAREWELL) {
            self.lose_pixel("the pixel process did not end and was killed", false);
        }
        if self.front.child.is_some() && too_long(self.ending.or(self.leaving), 2 * FAREWELL) {
            self.lose_front("the front did not end and was killed", false);
        }
    }
}

/// What ended by itself has said why; what was killed has not, and where that ends the run, nobody else would.
fn how_it_ended(who: &str, status: ExitStatus, stood: bool) -> String {
    let called = match status.signal() {
        // SIGSYS.
        Some(31) => ": its walls killed it for a system call that no part of this program makes",
        _ => "",
    };
    let why = format!("{who} ended ({status}){called}");
    if status.signal().is_some() && !stood {
        tracing::error!("{why}, before it was ready");
    }
    why
}
