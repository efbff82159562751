//! The program under test, with the test engine in it and somebody who watches all that leaves.
//!
//! **Invariant.** Each frame that left since the program was started is judged; the trial does not end well if one of them
//! showed a face.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::ops::{Deref, DerefMut};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{ChildStdout, Command};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use faulty_engine::{Fault, ORDERS, Order, RUNTIME, Whom};
use frostglass_models::Runtime;
use tempfile::TempDir;

use crate::common::folder;
use crate::marks;
use crate::originals::{Originals, Verdict};
use crate::running::{LONG, Running, wait_for};
use crate::source::RATE;

/// So many frames with a clear background have to leave before a program counts as healthy.
const HEALTHY: usize = 10;

/// A run of the program.
pub(crate) struct Trial {
    run: Running,
    orders: File,
    seen: Arc<Seen>,
    watcher: JoinHandle<()>,
    _folder: TempDir,
}

#[derive(Default)]
struct Seen {
    frames: Mutex<Vec<Frame>>,
    paused: AtomicBool,
    ended: AtomicBool,
}

/// A frame that left.
#[derive(Clone, Debug)]
struct Frame {
    verdict: Verdict,
    /// Whether the upper eighth of it is one colour.
    top_hidden: bool,
    /// The number that stands in it.
    number: Option<u32>,
}

/// How many frames of each kind left.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) masked: usize,
    pub(crate) clear: usize,
    pub(crate) veiled: usize,
    pub(crate) leaks: usize,
}

impl Counts {
    fn of(frames: &[Frame]) -> Self {
        let count = |is: fn(&Verdict) -> bool| frames.iter().filter(|frame| is(&frame.verdict)).count();
        Self {
            masked: count(|verdict| *verdict == Verdict::Masked),
            clear: count(|verdict| *verdict == Verdict::Clear),
            veiled: count(|verdict| *verdict == Verdict::Veiled),
            leaks: count(|verdict| matches!(verdict, Verdict::Leak(_))),
        }
    }

    pub(crate) fn all(self) -> usize {
        self.masked + self.clear + self.veiled + self.leaks
    }
}

/// The engine is built with this test and lies beside it.
pub(crate) fn engine() -> PathBuf {
    let this = std::env::current_exe().unwrap();
    let library = this.with_file_name("libfaulty_engine.so");
    assert!(library.is_file(), "{} was not built", library.display());
    library
}

/// The usual config: the bundled clip over and over, `more` beside it. There is time, for this machine may be busy.
pub(crate) fn config(more: &str) -> String {
    config_of(&crate::source::clip(), more)
}

/// The same with another source.
pub(crate) fn config_of(source: &Path, more: &str) -> String {
    format!(
        "[camera]\nsource = {source:?}\nrepeat = true\n[faces]\ndetail = \"fast\"\n[hold]\ndeadline_ms = 3000\n[emit]\ny4m = \"-\"\njsonl = \"events.jsonl\"\n{more}\n"
    )
}

impl Trial {
    /// Starts the program and waits until frames leave with a clear background.
    pub(crate) fn start(config: &str) -> Self {
        Self::start_with(config, |_| {})
    }

    /// The same on another clip than the bundled one.
    pub(crate) fn start_on(config: &str, originals: Arc<Originals>) -> Self {
        Self::start_judged(config, originals, |_| {})
    }

    /// The same with changes to the command.
    pub(crate) fn start_with(config: &str, change: impl FnOnce(&mut Command)) -> Self {
        Self::start_judged(config, Originals::of_pan(), change)
    }

    fn start_judged(config: &str, originals: Arc<Originals>, change: impl FnOnce(&mut Command)) -> Self {
        let dir = folder();
        let path = dir.path().join("orders");
        std::fs::write(&path, Order::NONE.bytes()).unwrap();
        let orders = File::options().write(true).open(&path).unwrap();
        let real = Runtime::load().unwrap().path().to_owned();
        let mut run = Running::start_with(dir.path(), config, |command| {
            command.env("ORT_DYLIB_PATH", engine()).env(RUNTIME, real).env(ORDERS, path);
            command.stdout(std::process::Stdio::piped());
            change(command);
        });
        let (seen, stream) = (Arc::<Seen>::default(), run.stdout().unwrap());
        let watcher = std::thread::spawn({
            let seen = Arc::clone(&seen);
            move || watch(stream, &originals, &seen)
        });
        let trial = Self { run, orders, seen, watcher, _folder: dir };
        wait_for("a first frame", || (trial.now() > 0).then_some(()));
        trial.is_healthy("at the start");
        trial
    }

    /// From now on, this is wrong with the engine.
    pub(crate) fn order(&self, whom: Whom, fault: Fault) {
        self.orders.write_all_at(&Order { whom, fault }.bytes(), 0).unwrap();
    }

    /// How many frames left so far.
    pub(crate) fn now(&self) -> usize {
        self.frames(0).len()
    }

    /// What left since `start`.
    pub(crate) fn since(&self, start: usize) -> Counts {
        Counts::of(&self.frames(start))
    }

    /// Whether something of the scene left since `start`, and never of its top.
    pub(crate) fn is_top_hidden(&self, start: usize) -> bool {
        let frames = self.frames(start);
        let mut shown = frames.iter().filter(|frame| frame.verdict != Verdict::Masked).peekable();
        shown.peek().is_some() && shown.all(|frame| frame.top_hidden)
    }

    /// What left since `start`: the number that stands in each frame, and `None` for each that was wholly masked.
    pub(crate) fn numbers(&self, start: usize) -> Vec<Option<u32>> {
        let number = |frame: Frame| match frame.verdict {
            Verdict::Masked => None,
            _ => Some(frame.number.unwrap_or_else(|| panic!("a frame shows something, and no number: {frame:?}"))),
        };
        self.frames(start).into_iter().map(number).collect()
    }

    /// Whether it was told that this zone is hidden.
    pub(crate) fn told_policy(&self, zone: &str) -> bool {
        let hides = |event: &serde_json::Value| event["type"] == "policy" && event["hides"].to_string().contains(zone);
        self.run.events().iter().any(hides)
    }

    fn frames(&self, start: usize) -> Vec<Frame> {
        self.seen.frames.lock().unwrap_or_else(PoisonError::into_inner)[start..].to_vec()
    }

    /// Waits until enough left since `start`, and sees that none of it was a face and that it left about as fast as the
    /// source gives frames.
    pub(crate) fn until(&self, what: &str, start: usize, mut enough: impl FnMut(Counts) -> bool) -> Counts {
        let began = Instant::now();
        loop {
            let frames = self.frames(start);
            let counts = Counts::of(&frames);
            let leak = frames.iter().find(|frame| matches!(frame.verdict, Verdict::Leak(_)));
            assert!(leak.is_none(), "{what}: {leak:?}, {counts:?}: {}", self.run.told());
            if enough(counts) {
                // A quarter: this machine may be busy with something else.
                let least = began.elapsed().as_secs_f32() * RATE as f32 / 4.0;
                assert!(counts.all() as f32 + 2.0 >= least, "{what}: the stream came to a halt, {counts:?}");
                println!("{what}: {counts:?} in {:.1} s", began.elapsed().as_secs_f32());
                return counts;
            }
            assert!(!self.seen.ended.load(Ordering::Relaxed), "{what}: the stream ended: {}", self.run.told());
            assert!(began.elapsed() < 2 * LONG, "{what}: waited in vain, {counts:?}: {}", self.run.told());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// A fault of the engine that makes frames leave wholly masked, and after which all is as before.
    pub(crate) fn masks(&self, whom: Whom, fault: Fault, frames: usize) {
        let start = self.now();
        self.order(whom, fault);
        self.until(&format!("{whom:?} {fault:?}"), start, |counts| counts.masked >= frames);
        self.recovers(&format!("after {whom:?} {fault:?}"));
    }

    /// Waits until one more process was started in the place of another.
    pub(crate) fn wait_for_restart(&mut self, after: u64) {
        self.run.wait_for_health("restarts", after + 1);
    }

    /// How many processes were started in the place of others.
    pub(crate) fn restarts(&self) -> u64 {
        self.run.health("restarts").unwrap_or(0)
    }

    /// Nothing is wrong any more: the scene is seen again.
    pub(crate) fn recovers(&self, when: &str) {
        self.order(Whom::All, Fault::None);
        self.is_healthy(when);
    }

    fn is_healthy(&self, when: &str) {
        self.until(when, self.now(), |counts| counts.clear >= HEALTHY);
    }

    /// Whoever reads the stream reads no more, until told otherwise.
    pub(crate) fn pause_reading(&self, paused: bool) {
        self.seen.paused.store(paused, Ordering::Relaxed);
    }

    /// Ends it as Ctrl-C does; all that left is looked at once more. Gives what it told people.
    pub(crate) fn end(self) -> String {
        let told = self.run.end();
        self.watcher.join().unwrap();
        let frames = self.seen.frames.lock().unwrap_or_else(PoisonError::into_inner);
        let leak = frames.iter().enumerate().find(|(_, frame)| matches!(frame.verdict, Verdict::Leak(_)));
        assert!(leak.is_none(), "{leak:?}: {told}");
        told
    }
}

impl Deref for Trial {
    type Target = Running;

    fn deref(&self) -> &Running {
        &self.run
    }
}

impl DerefMut for Trial {
    fn deref_mut(&mut self) -> &mut Running {
        &mut self.run
    }
}

/// Judges each frame of the stream.
fn watch(stream: ChildStdout, originals: &Originals, seen: &Seen) {
    let mut stream = BufReader::with_capacity(1 << 20, stream);
    let mut header = Vec::new();
    let begun = stream.read_until(b'\n', &mut header).is_ok_and(|count| count > 0);
    if begun {
        let size = format!(" W{} H{} ", originals.width, originals.height);
        assert!(String::from_utf8_lossy(&header).contains(&size), "{}", String::from_utf8_lossy(&header));
    }
    let mut frame = vec![0; 6 + originals.frames[0].bytes.len()];
    while stream.read_exact(&mut frame).is_ok() {
        assert_eq!(&frame[..6], b"FRAME\n");
        let samples = &frame[6..];
        let top = &samples[..originals.width * (originals.height / 8)];
        let top_hidden = top.iter().all(|sample| *sample == top[0]);
        let number = marks::read(samples, originals.width);
        let frame = Frame { verdict: originals.judge(samples), top_hidden, number };
        seen.frames.lock().unwrap_or_else(PoisonError::into_inner).push(frame);
        while seen.paused.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    seen.ended.store(true, Ordering::Relaxed);
}
