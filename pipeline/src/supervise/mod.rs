//! The supervisor: proves the owner's config, starts the pixel process and the front, and starts either again.
//!
//! **Invariant.** It touches no pixel and no network. Restarting is the one way to recover: a camera that went, a size that
//! changed, a new config, a network that hangs, a crash all end the pixel process; while it is away the front shows wholly
//! masked frames. A front that dies is started again while the pixel process lives on. A process that fails before it ever
//! stood up ends the run, because then a person is looking at the terminal.
//!
//! What the processes do is [`crate::pixel`]'s and [`crate::front`]'s business; what they say stands in `messages`. How one is
//! started and lost is `recover`'s, what becomes of a new config `renew`'s,
//! what is told of it all in the record of policy `pen`'s.

pub(crate) mod child;
pub(crate) mod inherited;
pub(crate) mod messages;
mod notify;
mod noting;
mod pen;
mod post;
mod recover;
mod reload;
mod renew;
mod status;
pub(crate) mod teller;

use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;

use self::child::Child;
pub(crate) use self::child::{FRONT, PIXEL};
use self::messages::{Begun, FromFront, FromPixel, ToPixel};
use self::notify::{Notify, Progress};
use self::pen::Pen;
use self::post::Post;
use self::recover::Ends;
use self::reload::Proved;
use self::status::StatusLine;
use self::teller::Teller;
use crate::capture::camera::find::is_device;
use crate::config::{CameraSource, Target};
use crate::sandbox::{Reach, Role, Walls};

/// What the owner asked for on the command line.
#[derive(Debug)]
pub(crate) struct Orders<'a> {
    /// The config file.
    pub(crate) config: &'a Path,
    /// Ends the run.
    pub(crate) stop: Arc<AtomicBool>,
    /// Asks for the config to be read again.
    pub(crate) reload: Arc<AtomicBool>,
    /// Whether walls go up.
    pub(crate) walls: bool,
    /// Tells people.
    pub(crate) teller: Teller,
}

/// How long nothing is looked at when nothing happens.
const TICK: Duration = Duration::from_millis(200);
/// Messages of one process that are heard at once, so that one which never stops does not keep the supervisor from the other.
const MOST_MESSAGES: usize = 64;

/// Runs the camera until it is over.
///
/// # Errors
/// When the config cannot be read or proved, or a process cannot be started. What went wrong in a process was told by it:
/// then the result is `Ok(false)`.
pub(crate) fn run(orders: &Orders<'_>) -> anyhow::Result<bool> {
    let proved = Proved::read(orders.config)?;
    crate::commands::servable(&proved.config)?;
    crate::commands::out_of_reach_of_its_outputs(&proved.config, orders.config)?;
    inherited::close_in_children().context("looking which descriptors this program was started with failed")?;
    let mut walls = Walls::first(Role::Supervisor, orders.walls)?;
    walls.before_anything_from_outside(false, &Reach::default())?;
    for wall in walls.missing() {
        eprintln!("frostglass: WARNING: walls that do not stand: {wall}");
    }
    let pen = Pen::open(&proved, orders.walls, walls.missing())?;
    let mut supervisor = Supervisor {
        pen,
        proved,
        walls: orders.walls,
        pixel: Post::default(),
        front: Post::default(),
        hatch: None,
        restarts: 0,
        camera: None,
        progress: Progress::default(),
        outcome: None,
        glanced: Instant::now(),
        ending: None,
        leaving: None,
        begun: Begun::Nothing,
        y4m: None,
        corpses: Vec::new(),
        notify: Notify::new(),
        status: StatusLine::new(orders.teller.clone()),
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
            supervisor.see_to_the_record();
            supervisor.start_what_is_due();
        }
        supervisor.tell();
    }
    let told = supervisor.close_record();
    supervisor.status.clear();
    Ok(supervisor.outcome.unwrap_or(true) && told)
}

struct Supervisor {
    pen: Pen,
    proved: Proved,
    /// Whether the others put up walls.
    walls: bool,
    pixel: Post,
    front: Post,
    hatch: Option<Ends>,
    restarts: u64,
    camera: Option<String>,
    progress: Progress,
    /// How the run ended; `None` while it goes on.
    outcome: Option<bool>,
    glanced: Instant,
    /// Since when the run is ending.
    ending: Option<Instant>,
    /// Since when the front is ending, to make room for another.
    leaving: Option<Instant>,
    /// What the front before the next one left in its Y4M stream, and where that is.
    begun: Begun,
    y4m: Option<Target>,
    /// What was killed and has not ended.
    corpses: Vec<Child>,
    notify: Notify,
    status: StatusLine,
}

impl Supervisor {
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
        for _ in 0..MOST_MESSAGES {
            let Some((message, descriptors)) = self.pixel.child.as_mut().and_then(Child::hear) else { break };
            self.heard_pixel(message, descriptors);
        }
        if let Some(counted) = self.pixel.child.as_mut().and_then(|child| child.counted.as_mut()) {
            self.pen.count(counted);
        }
        for _ in 0..MOST_MESSAGES {
            let Some((message, _)) = self.front.child.as_mut().and_then(Child::hear) else { break };
            self.heard_front(message);
        }
    }

    fn heard_pixel(&mut self, message: FromPixel, descriptors: Vec<OwnedFd>) {
        match message {
            // It stands up once: one that says so again and again would keep the front at taking hatches, and look busy.
            FromPixel::Ready { .. } if self.pixel.stands => {}
            FromPixel::Ready { format, camera, walls_missing } => {
                let Ok(ends) = <[OwnedFd; 3]>::try_from(descriptors) else {
                    tracing::error!("the pixel process stood up without a hatch");
                    return;
                };
                self.pixel.stand(Instant::now());
                self.camera = camera.filter(|camera| is_identity(camera)).or(self.camera.take());
                self.hatch = Some(Ends::new(ends, format));
                for wall in walls_missing.iter().take(MOST_MESSAGES) {
                    tracing::warn!("walls that do not stand: {}", crate::event::plain(wall));
                }
                self.note_standing(walls_missing);
                self.introduce();
            }
            FromPixel::Progress { frames, answers, turns } => {
                self.progress.answers = answers;
                self.pixel.worked([frames, turns], Instant::now());
            }
            FromPixel::SourceEnded => self.over(true),
            FromPixel::SourceBroken if self.is_file_played_once() => self.over(false),
            FromPixel::SourceBroken => {}
        }
    }

    fn heard_front(&mut self, message: FromFront) {
        match message {
            FromFront::Ready => (self.front.stands, self.front.stood) = (true, true),
            FromFront::Progress { frames, health, hatch } => {
                if frames > 0 {
                    self.notify.ready();
                }
                self.progress.frames = frames;
                if let Some(text) = self.status.health(health) {
                    self.notify.status(&text);
                }
                self.see_to_the_hatch(hatch);
            }
            FromFront::Finished { y4m } => self.begun = y4m.map_or(Begun::Nothing, Begun::Whole),
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

    fn is_over(&self) -> bool {
        self.ending.is_some() && self.pixel.child.is_none() && self.front.child.is_none()
    }

    fn tell(&mut self) {
        self.notify.watch(self.progress, !self.pixel.stands);
        self.status.draw();
    }
}

/// Whether a text can be what a camera is known again by: some names that the kernel gives, of at most 31 bytes each. It is
/// handed to the next pixel process, and a long one would leave no room for the config.
fn is_identity(text: &str) -> bool {
    text.len() <= 400 && !text.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_camera_is_known_again_by_what_can_be_its_names_and_by_nothing_else() {
        assert!(is_identity("usb-0000:00:14.0-1, node 0, uvcvideo, A Camera: größer"));
        assert!(!is_identity(&"u".repeat(100_000)) && !is_identity("usb\n\u{1b}[2J"));
    }
}
