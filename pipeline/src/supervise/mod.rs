//! The supervisor: proves the owner's config, starts the pixel process and the front, and starts either again.
//!
//! **Invariant.** It touches no pixel and no network. Restarting is the one way to recover: a camera that went, a size that
//! changed, a new config, a network that hangs, a crash all end the pixel process; while it is away the front shows wholly
//! masked frames. A front that dies is started again while the pixel process lives on. A process that fails before it ever
//! stood up ends the run, because then a person is looking at the terminal.
//!
//! What the processes do is [`crate::pixel`]'s and [`crate::front`]'s business; what they say stands in `messages`.

mod child;
pub(crate) mod messages;
mod notify;
mod reload;
mod status;

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use self::child::Child;
pub(crate) use self::child::{FRONT, PIXEL};
use self::messages::{FromFront, FromPixel, Progress, Start, ToFront, ToPixel};
use self::notify::Notify;
use self::reload::{Change, Proved};
use self::status::StatusLine;
use crate::capture::camera::find::is_device;
use crate::commands::{hides, uncovered};
use crate::config::CameraSource;
use crate::event::{self, Fault, Masked};
use crate::hatch::shared::ToldFormat;
use crate::sandbox::{Role, Stage};

/// What the owner asked for on the command line.
#[derive(Debug)]
pub(crate) struct Orders<'a> {
    /// The config file.
    pub(crate) config: &'a Path,
    /// Ends the run.
    pub(crate) stop: Arc<AtomicBool>,
    /// Asks for the config to be read again.
    pub(crate) reload: Arc<AtomicBool>,
}

/// How long nothing is looked at when nothing happens.
const TICK: Duration = Duration::from_millis(200);
/// A process that says nothing for so long hangs.
const SILENCE: Duration = Duration::from_secs(20);
/// Loading networks and opening a camera may take so long on a small machine.
const STARTING: Duration = Duration::from_secs(120);
/// What a process may take to end when it was told to; then it is killed.
const FAREWELL: Duration = Duration::from_secs(15);
/// The config file is looked at so often.
const GLANCE: Duration = Duration::from_secs(1);

/// Runs the camera until it is over.
///
/// # Errors
/// When the config cannot be read or proved, or a process cannot be started. What went wrong in a process was told by it:
/// then the result is `Ok(false)`.
pub(crate) fn run(orders: &Orders<'_>) -> anyhow::Result<bool> {
    let proved = Proved::read(orders.config)?;
    crate::commands::servable(&proved.config)?;
    for wall in crate::sandbox::enter(Role::Supervisor, Stage::Start) {
        tracing::warn!("the supervisor stands without this wall: {wall}");
    }
    let mut supervisor = Supervisor {
        proved,
        pixel: Post::default(),
        front: Post::default(),
        hatch: None,
        restarts: 0,
        camera: None,
        progress: Progress::default(),
        outcome: None,
        glanced: Instant::now(),
        ending: None,
        notify: Notify::new(),
        status: StatusLine::new(),
    };
    supervisor.start_front()?;
    supervisor.start_pixel()?;
    while !supervisor.is_over() {
        supervisor.wait();
        if orders.stop.load(Ordering::Relaxed) {
            supervisor.end(true);
        }
        supervisor.hear();
        supervisor.bury();
        supervisor.judge();
        if supervisor.ending.is_none() {
            supervisor.look_at_config(orders.reload.swap(false, Ordering::Relaxed));
            supervisor.start_what_is_due()?;
        }
        supervisor.tell();
    }
    supervisor.status.clear();
    Ok(supervisor.outcome.unwrap_or(true))
}

/// The place of a process, filled or empty.
#[derive(Default)]
struct Post {
    child: Option<Child>,
    /// Whether the one that is there said that it stands.
    stands: bool,
    /// Whether any ever did.
    stood: bool,
    /// When an empty post is filled again.
    due: Option<Instant>,
    /// Starts that failed in a row.
    failures: u32,
}

/// Half a second, then twice as long each time, at most half a minute; a process that stood a minute has earned a new start.
fn back_off(failures: u32) -> Duration {
    Duration::from_millis(500 << failures.min(6)).min(Duration::from_secs(30))
}

struct Supervisor {
    proved: Proved,
    pixel: Post,
    front: Post,
    /// The front's end of the hatch, kept so that a new front can have it.
    hatch: Option<([OwnedFd; 3], ToldFormat)>,
    restarts: u64,
    camera: Option<String>,
    progress: Progress,
    /// How the run ended; `None` while it goes on.
    outcome: Option<bool>,
    glanced: Instant,
    /// Since when the run is ending.
    ending: Option<Instant>,
    notify: Notify,
    status: StatusLine,
}

impl Supervisor {
    fn start(&self, role: Role, again: bool) -> anyhow::Result<(Child, Start)> {
        let child = Child::start(role)
            .map_err(|error| anyhow::Error::new(error).context("starting a process of this program failed"))?;
        let start = Start {
            text: self.proved.text.clone(),
            origin: self.proved.origin(),
            folder: self.proved.folder(),
            again,
            camera: self.camera.clone(),
        };
        Ok((child, start))
    }

    fn start_pixel(&mut self) -> anyhow::Result<()> {
        let (child, start) = self.start(Role::Pixel, self.pixel.stood)?;
        child.tell(&ToPixel::Start(start), &[]);
        (self.pixel.child, self.pixel.due) = (Some(child), None);
        Ok(())
    }

    fn start_front(&mut self) -> anyhow::Result<()> {
        let (child, start) = self.start(Role::Front, self.front.stood)?;
        child.tell(&ToFront::Start(start), &[]);
        (self.front.child, self.front.due) = (Some(child), None);
        self.introduce();
        Ok(())
    }

    fn start_what_is_due(&mut self) -> anyhow::Result<()> {
        let is_due = |post: &Post| post.child.is_none() && post.due.is_some_and(|due| due <= Instant::now());
        if is_due(&self.front) {
            self.start_front()?;
        }
        if is_due(&self.pixel) {
            self.start_pixel()?;
        }
        Ok(())
    }

    /// Hands the hatch to the front.
    fn introduce(&self) {
        let (Some(front), Some((ends, format))) = (&self.front.child, &self.hatch) else { return };
        let hold = &self.proved.config.hold;
        let [frames, seconds] = format.rate();
        let frame_ms = 1000.0 * f64::from(seconds) / f64::from(frames.max(1));
        // As long as the pixel process itself may take, and two frames and a moment for both processes to be slow in.
        let silence_ms = hold.deadline.as_millis() as u64 + (frame_ms * (hold.frames as f64 + 2.0)) as u64 + 250;
        let hides = hides(&self.proved.config);
        let message = ToFront::Pixel { format: *format, hides, silence_ms, restarts: self.restarts };
        front.tell(&message, &ends.each_ref().map(AsFd::as_fd));
    }

    /// Until somebody says something, or a moment has passed.
    fn wait(&self) {
        let children = [&self.pixel, &self.front].into_iter().filter_map(|post| post.child.as_ref());
        let descriptors: Vec<_> = children.flat_map(Child::descriptors).collect();
        if let Err(error) = crate::wire::readable(&descriptors, TICK) {
            tracing::warn!("waiting for the other processes failed: {error}");
            std::thread::sleep(TICK);
        }
    }

    fn hear(&mut self) {
        let status = &mut self.status;
        for post in [&mut self.pixel, &mut self.front] {
            if let Some(child) = &mut post.child {
                child.relay(|line| status.print(line));
            }
        }
        while let Some((message, descriptors)) = self.pixel.child.as_mut().and_then(Child::hear) {
            self.heard_pixel(message, descriptors);
        }
        while let Some((message, _)) = self.front.child.as_mut().and_then(Child::hear) {
            self.heard_front(message);
        }
    }

    fn heard_pixel(&mut self, message: FromPixel, descriptors: Vec<OwnedFd>) {
        match message {
            FromPixel::Ready { format, camera } => {
                let Ok(ends) = <[OwnedFd; 3]>::try_from(descriptors) else {
                    tracing::error!("the pixel process stood up without a hatch");
                    return;
                };
                (self.pixel.stands, self.pixel.stood) = (true, true);
                self.camera = camera.or(self.camera.take());
                self.hatch = Some((ends, format));
                self.introduce();
            }
            FromPixel::Progress(progress) => self.progress.answers = progress.answers,
            FromPixel::SourceEnded => self.over(true),
            FromPixel::SourceBroken if self.is_file_played_once() => self.over(false),
            FromPixel::SourceBroken => {}
        }
    }

    fn heard_front(&mut self, message: FromFront) {
        match message {
            FromFront::Ready => (self.front.stands, self.front.stood) = (true, true),
            FromFront::Progress { frames, health } => {
                if frames > 0 {
                    self.notify.ready();
                }
                self.progress.frames = frames;
                if let Some(text) = self.status.health(health) {
                    self.notify.status(&text);
                }
            }
            FromFront::Enough => {
                self.over(true);
                self.end(false);
            }
            FromFront::Failed => {
                self.over(false);
                self.end(false);
            }
        }
    }

    /// A file that is played to its end is not played again because it is broken there.
    fn is_file_played_once(&self) -> bool {
        let camera = &self.proved.config.camera;
        !camera.repeat && matches!(&camera.source, Some(CameraSource::Path(path)) if !is_device(path))
    }

    /// The worst of all outcomes stands.
    fn over(&mut self, well: bool) {
        self.outcome = Some(self.outcome.unwrap_or(true) && well);
    }

    /// Begins to end: the pixel process lets out what it holds, then the front finishes what is open.
    fn end(&mut self, asked: bool) {
        if self.ending.is_some() {
            return;
        }
        tracing::debug!("ending, {}", if asked { "as asked" } else { "because nothing is left to do" });
        self.notify.stopping();
        self.ending = Some(Instant::now());
        (self.pixel.due, self.front.due) = (None, None);
        match &self.pixel.child {
            Some(pixel) => pixel.tell(&ToPixel::Stop, &[]),
            None => self.finish_front(),
        }
    }

    fn finish_front(&self) {
        if let Some(front) = &self.front.child {
            front.tell(&ToFront::Finish, &[]);
        }
    }

    fn is_over(&self) -> bool {
        self.ending.is_some() && self.pixel.child.is_none() && self.front.child.is_none()
    }

    /// Sees which processes ended.
    fn bury(&mut self) {
        if let Some(status) = self.pixel.child.as_mut().and_then(Child::ended) {
            self.lose_pixel(&format!("the pixel process ended ({status})"), status.success());
        }
        if let Some(status) = self.front.child.as_mut().and_then(Child::ended) {
            self.lose_front(&format!("the front ended ({status})"), status.success());
        }
    }

    fn lose_pixel(&mut self, why: &str, well: bool) {
        // What it said last is still in its socket and its pipe.
        self.hear();
        let Some(mut child) = self.pixel.child.take() else { return };
        child.kill();
        let stood = std::mem::take(&mut self.pixel.stands);
        self.hatch = None;
        if self.ending.is_some() || self.outcome.is_some() || !self.pixel.stood {
            self.over(well);
            self.ending.get_or_insert_with(Instant::now);
            // Without news that it is gone, after which masked frames would follow.
            self.finish_front();
            return;
        }
        self.restarts += 1;
        self.tell_gone();
        self.plan(Role::Pixel, stood, child.since);
        let due = self.pixel.due.map_or(Duration::ZERO, |due| due.saturating_duration_since(Instant::now()));
        let what =
            format!("{why}; it is started again in {:.1} s, and every frame is masked until then", due.as_secs_f32());
        tracing::error!("{what}");
        self.tell_fault(what);
    }

    fn tell_gone(&self) {
        if let Some(front) = &self.front.child {
            front.tell(&ToFront::Gone { restarts: self.restarts }, &[]);
        }
    }

    fn lose_front(&mut self, why: &str, well: bool) {
        self.hear();
        let Some(mut child) = self.front.child.take() else { return };
        child.kill();
        let stood = std::mem::take(&mut self.front.stands);
        if self.ending.is_some() || !self.front.stood || self.outcome.is_some() {
            self.over(well);
            self.end(false);
            return;
        }
        self.plan(Role::Front, stood, child.since);
        tracing::error!("{why}; it is started again, the camera goes on");
    }

    fn plan(&mut self, role: Role, stood: bool, since: Instant) {
        let post = if role == Role::Pixel { &mut self.pixel } else { &mut self.front };
        let earned = stood && since.elapsed() > Duration::from_secs(60);
        let wait = if earned { Duration::from_millis(100) } else { back_off(post.failures) };
        post.failures = if earned { 0 } else { post.failures + 1 };
        post.due = Some(Instant::now() + wait);
    }

    fn tell_fault(&self, what: String) {
        let now = event::written(jiff::Timestamp::now());
        let fault = Fault { time: now.clone(), what, since: now, masked: Masked::Everything };
        if let Some(front) = &self.front.child {
            front.tell(&ToFront::Fault(fault), &[]);
        }
    }

    /// Kills what hangs.
    fn judge(&mut self) {
        let hangs = |post: &Post| {
            let patience = if post.stands { SILENCE } else { STARTING };
            post.child.as_ref().is_some_and(|child| child.heard.elapsed() > patience)
        };
        if hangs(&self.pixel) {
            self.lose_pixel("the pixel process hung and was killed", false);
        }
        if hangs(&self.front) {
            self.lose_front("the front hung and was killed", false);
        }
        let Some(since) = self.ending else { return };
        if self.pixel.child.is_some() && since.elapsed() > FAREWELL {
            self.lose_pixel("the pixel process did not end and was killed", false);
        }
        if self.front.child.is_some() && since.elapsed() > 2 * FAREWELL {
            self.lose_front("the front did not end and was killed", false);
        }
    }

    fn look_at_config(&mut self, asked: bool) {
        let due = self.glanced.elapsed() >= GLANCE;
        if due {
            self.glanced = Instant::now();
        }
        if !(asked || due && self.proved.was_replaced()) {
            return;
        }
        match self.proved.again() {
            Change::None if asked => tracing::info!("the config is the same as before"),
            Change::None => {}
            Change::Refused(error) => {
                self.status.print(&crate::commands::told(&error));
                tracing::error!("the new config is refused; the old one stays in force");
                let what = "the new config is at fault; the old one stays in force".to_owned();
                let now = event::written(jiff::Timestamp::now());
                let fault = Fault { time: now.clone(), what, since: now, masked: Masked::Nothing };
                if let Some(front) = &self.front.child {
                    front.tell(&ToFront::Fault(fault), &[]);
                }
            }
            Change::New { before } => {
                tracing::info!("a new config comes into force: {}", self.proved.origin());
                for what in uncovered(&before, &self.proved.config) {
                    tracing::warn!("the new config uncovers something: {what}");
                }
                self.begin_anew(
                    before.emit != self.proved.config.emit || before.log_level != self.proved.config.log_level,
                );
            }
        }
    }

    /// A new config is a restart of the pixel process, and of the front when its own part changed.
    fn begin_anew(&mut self, front_too: bool) {
        if let Some(mut pixel) = self.pixel.child.take() {
            pixel.kill();
            let status = &mut self.status;
            pixel.relay(|line| status.print(line));
        }
        self.hatch = None;
        (self.pixel.stands, self.pixel.failures, self.pixel.due) = (false, 0, Some(Instant::now()));
        self.restarts += 1;
        self.tell_gone();
        if front_too {
            // It finishes what is open; a new one follows when it has ended.
            self.finish_front();
        }
    }

    fn tell(&mut self) {
        self.notify.watch(self.progress);
        self.status.draw();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_waits_longer_each_time_but_never_longer_than_half_a_minute() {
        let waits: Vec<u128> = (0..9).map(|failures| back_off(failures).as_millis()).collect();
        assert_eq!(waits, [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
    }
}
