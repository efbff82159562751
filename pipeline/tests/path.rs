//! What leaves when something on the path is slow, hangs, answers nonsense or dies: something darker, in order.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic: that is how it fails")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use frostglass::capture::{CaptureError, Rate, Source};
use frostglass::clock::SystemClock;
use frostglass::hatch::{Closed, Hatch, Outbound};
use frostglass::hold::Limits;
use frostglass::inspect::Inspector;
use frostglass::path::{self, Manners, PathError, Shared, Stages};
use frostglass_models::{DetectError, Detector};
use frostglass_vault::{
    Blank, Detection, Format, Matrix, PersonRule, Picture, Policy, Range, Redactor, Size, Style, Zones,
};

#[path = "path/panics.rs"]
mod panics;

const FORMAT: Format = Format::video(Size::new(16, 10), Matrix::Bt601, Range::Full);

/// Frames of one brightness each, which tells their number.
struct Made {
    next: u64,
    count: u64,
    every: Duration,
    ends_by: Option<CaptureError>,
}

fn made(count: u64, every: Duration) -> Box<Made> {
    Box::new(Made { next: 0, count, every, ends_by: None })
}

impl Source for Made {
    fn format(&self) -> Format {
        FORMAT
    }

    fn rate(&self) -> Option<Rate> {
        None
    }

    fn read(&mut self, blank: &mut Blank) -> Result<Option<Duration>, CaptureError> {
        if self.next == self.count {
            return self.ends_by.take().map_or(Ok(None), Err);
        }
        std::thread::sleep(self.every);
        for plane in blank.planes_mut() {
            plane.bytes.fill(100 + (self.next % 100) as u8);
        }
        self.next += 1;
        Ok(Some(self.every * (self.next - 1) as u32))
    }
}

/// A detector that does as it is told.
struct Fake<F>(F);

impl<F: FnMut(u64) -> Result<(), DetectError> + Send> Detector for Fake<F> {
    fn detect(&mut self, picture: &Picture<'_>, _: &mut Vec<Detection>) -> Result<(), DetectError> {
        (self.0)(u64::from(picture.row(0, 0)[0]) - 100)
    }
}

/// Keeps what came out: sequence number, and the brightness of its top left pixel unless it was masked.
#[derive(Default)]
struct Basket {
    frames: Vec<(u64, Option<u8>)>,
    faults: usize,
    closes_after: Option<usize>,
}

impl Hatch for Basket {
    fn publish(&mut self, what: Outbound) -> Result<u64, Closed> {
        match what {
            Outbound::Event(_) => self.faults += 1,
            Outbound::Frame(frame) => {
                let shown = frame.picture().row(0, 0)[0];
                self.frames.push((frame.stamp().sequence, (!frame.is_masked()).then_some(shown)));
                // A masked frame must not show the scene, whatever it says of itself.
                assert!(!frame.is_masked() || shown < 100, "a frame that calls itself masked shows the scene");
            }
        }
        if self.closes_after.is_some_and(|limit| self.frames.len() >= limit) { Err(Closed) } else { Ok(0) }
    }
}

impl Basket {
    fn masked(&self) -> usize {
        self.frames.iter().filter(|(_, shown)| shown.is_none()).count()
    }
}

fn shared() -> Shared {
    Shared { clock: Arc::new(SystemClock::start()), metrics: Arc::default(), stop: Arc::new(AtomicBool::new(false)) }
}

fn run(
    source: Box<Made>,
    detector: impl FnMut(u64) -> Result<(), DetectError> + Send + 'static,
    manners: Manners,
    look_ahead: usize,
    basket: &mut Basket,
    shared: &Shared,
) -> Result<(), PathError> {
    let deadline = match manners {
        Manners::Live => Duration::from_millis(250),
        Manners::Patient => Duration::from_secs(3),
    };
    run_within(deadline, source, detector, manners, look_ahead, basket, shared)
}

fn run_source(
    source: Box<dyn Source>,
    detector: impl FnMut(u64) -> Result<(), DetectError> + Send + 'static,
    manners: Manners,
    basket: &mut Basket,
    shared: &Shared,
) -> Result<(), PathError> {
    run_within(Duration::from_millis(250), source, detector, manners, 1, basket, shared)
}

fn run_within(
    deadline: Duration,
    source: Box<dyn Source>,
    detector: impl FnMut(u64) -> Result<(), DetectError> + Send + 'static,
    manners: Manners,
    look_ahead: usize,
    basket: &mut Basket,
    shared: &Shared,
) -> Result<(), PathError> {
    let zones = Arc::new(Zones::none());
    let policy = Policy { style: Style::Blur, persons: PersonRule::Head, margin: 0.5 };
    let stages = Stages {
        inspector: Inspector::new(Box::new(Fake(detector))),
        redactor: Redactor::new(policy, FORMAT, Arc::clone(&zones)),
        zones,
        limits: Limits::new(look_ahead, deadline, Duration::from_millis(10)),
    };
    path::run(source, stages, basket, manners, shared)
}

fn in_order(basket: &Basket, count: u64) {
    let sequences: Vec<_> = basket.frames.iter().map(|(sequence, _)| *sequence).collect();
    assert_eq!(sequences, (0..count).collect::<Vec<_>>());
    // An unmasked frame shows its own picture, not another's.
    for (sequence, shown) in &basket.frames {
        assert!(shown.is_none_or(|shown| u64::from(shown) == 100 + sequence % 100), "frame {sequence} shows {shown:?}");
    }
}

#[test]
fn of_a_file_each_frame_is_inspected_and_leaves_in_order() {
    for look_ahead in [0, 1, 3, 15] {
        let (mut basket, shared) = (Basket::default(), shared());
        run(made(80, Duration::ZERO), |_| Ok(()), Manners::Patient, look_ahead, &mut basket, &shared).unwrap();
        in_order(&basket, 80);
        assert_eq!((basket.masked(), shared.metrics.inspect.complete.get()), (0, 80));
    }
}

#[test]
fn frames_that_were_not_inspected_leave_masked_and_the_others_do_not() {
    let mut basket = Basket::default();
    let failing = |number| if number % 3 == 0 { Err(DetectError::Other("made up by the test".into())) } else { Ok(()) };
    run(made(30, Duration::ZERO), failing, Manners::Patient, 3, &mut basket, &shared()).unwrap();
    in_order(&basket, 30);
    let wrong: Vec<_> = basket.frames.iter().filter(|(number, shown)| shown.is_none() != (number % 3 == 0)).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn a_slow_network_delays_no_camera() {
    let (mut basket, shared) = (Basket::default(), shared());
    let slow = |_| {
        std::thread::sleep(Duration::from_millis(45));
        Ok(())
    };
    run(made(40, Duration::from_millis(10)), slow, Manners::Live, 2, &mut basket, &shared).unwrap();
    in_order(&basket, 40);
    assert!(basket.masked() >= 10, "{} masked", basket.masked());
    assert!(basket.masked() < 40, "some were looked at in time");
}

#[test]
fn a_look_that_is_slow_now_and_then_masks_nothing() {
    let (mut basket, shared) = (Basket::default(), shared());
    let uneven = |number: u64| {
        std::thread::sleep(Duration::from_millis(if number.is_multiple_of(6) { 60 } else { 1 }));
        Ok(())
    };
    let source = made(60, Duration::from_millis(20));
    run_within(Duration::from_secs(20), source, uneven, Manners::Live, 2, &mut basket, &shared).unwrap();
    in_order(&basket, 60);
    assert_eq!((basket.masked(), shared.metrics.inspect.skipped.get()), (0, 0));
}

#[test]
fn under_overload_the_frames_that_are_looked_at_are_in_time() {
    let (mut basket, shared) = (Basket::default(), shared());
    let slow = |_| {
        std::thread::sleep(Duration::from_millis(50));
        Ok(())
    };
    run(made(80, Duration::from_millis(10)), slow, Manners::Live, 2, &mut basket, &shared).unwrap();
    in_order(&basket, 80);
    // Answers in the order of asking would all be late once the queue is full.
    assert!(basket.frames[40..].iter().any(|(_, shown)| shown.is_some()));
    assert!(shared.metrics.inspect.skipped.get() > 0);
}

#[test]
fn a_network_that_hangs_masks_the_stream_but_does_not_stop_it() {
    let mut basket = Basket::default();
    let hanging = |number| {
        if number >= 5 {
            std::thread::sleep(Duration::from_secs(30));
        }
        Ok(())
    };
    let ended = run(made(40, Duration::from_millis(10)), hanging, Manners::Live, 1, &mut basket, &shared());
    assert!(matches!(ended, Err(PathError::InspectorHangs { .. })), "{ended:?}");
    in_order(&basket, 40);
    assert!(basket.frames[..5].iter().any(|(_, shown)| shown.is_some()));
    assert!(basket.frames[5..].iter().all(|(_, shown)| shown.is_none()));
}

#[test]
fn a_network_that_hangs_on_a_file_is_an_error() {
    let mut basket = Basket::default();
    let hanging = |number| {
        if number == 5 {
            std::thread::sleep(Duration::from_secs(30));
        }
        Ok(())
    };
    let ended = run(made(40, Duration::ZERO), hanging, Manners::Patient, 1, &mut basket, &shared());
    assert!(matches!(ended, Err(PathError::InspectorHangs { .. })), "{ended:?}");
    assert!(basket.frames.len() <= 5, "{:?}", basket.frames);
}

#[test]
fn an_inspector_that_dies_ends_a_camera_masked_and_is_told() {
    let mut basket = Basket::default();
    let dying = |number| {
        // Not exactly that one: a busy machine may skip it.
        assert!(number < 7, "killed by the test");
        Ok(())
    };
    let ended = run(made(1_000_000, Duration::from_millis(5)), dying, Manners::Live, 2, &mut basket, &shared());
    assert!(matches!(ended, Err(PathError::InspectorDied)), "{ended:?}");
    in_order(&basket, basket.frames.len() as u64);
    assert!(basket.frames.len() >= 7, "what was held was let out");
    assert!(basket.frames[7..].iter().all(|(_, shown)| shown.is_none()));
    assert_eq!(basket.faults, 1);
}

#[test]
fn a_network_that_hangs_ends_a_camera_so_that_it_can_be_started_again() {
    let (mut basket, shared) = (Basket::default(), shared());
    let hanging = |number| {
        if number >= 20 {
            std::thread::sleep(Duration::from_secs(60));
        }
        Ok(())
    };
    let ended = run(made(1_000_000, Duration::from_millis(10)), hanging, Manners::Live, 1, &mut basket, &shared);
    assert!(matches!(ended, Err(PathError::InspectorHangs { .. })), "{ended:?}");
    in_order(&basket, basket.frames.len() as u64);
    // The stream went on, masked, until the verdict: some seconds.
    assert!(basket.frames.len() > 60, "{}", basket.frames.len());
    assert!(basket.frames[20..60].iter().all(|(_, shown)| shown.is_none()));
    // Darkness for three seconds, and the hang.
    assert_eq!(basket.faults, 2);
}

#[test]
fn a_last_look_that_takes_its_time_is_no_fault() {
    for manners in [Manners::Live, Manners::Patient] {
        let mut basket = Basket::default();
        let slow = |number| {
            std::thread::sleep(Duration::from_millis(if number == 4 { 2600 } else { 0 }));
            Ok(())
        };
        run(made(5, Duration::from_millis(20)), slow, manners, 1, &mut basket, &shared()).unwrap();
        in_order(&basket, 5);
    }
}

#[test]
fn an_order_to_stop_is_obeyed_while_the_source_gives_nothing() {
    let (mut basket, shared) = (Basket::default(), shared());
    let stop = Arc::clone(&shared.stop);
    // The second frame would come in a minute.
    let source = Box::new(Stuck(made(1, Duration::ZERO)));
    let stopper = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(400));
        stop.store(true, Ordering::Relaxed);
    });
    let start = std::time::Instant::now();
    run_source(source, |_| Ok(()), Manners::Live, &mut basket, &shared).unwrap();
    assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
    in_order(&basket, 1);
    stopper.join().unwrap();
}

/// Gives what it has, and then nothing for a minute.
struct Stuck(Box<Made>);

impl Source for Stuck {
    fn format(&self) -> Format {
        FORMAT
    }

    fn rate(&self) -> Option<Rate> {
        None
    }

    fn read(&mut self, blank: &mut Blank) -> Result<Option<Duration>, CaptureError> {
        let read = self.0.read(blank);
        if matches!(read, Ok(None)) {
            std::thread::sleep(Duration::from_secs(60));
        }
        read
    }
}

#[test]
fn a_source_that_breaks_off_lets_its_whole_frames_out_first() {
    let fault =
        CaptureError::Io { path: "clip".into(), tried: "reading", source: std::io::ErrorKind::UnexpectedEof.into() };
    let source = Box::new(Made { ends_by: Some(fault), ..*made(12, Duration::ZERO) });
    let mut basket = Basket::default();
    let ended = run(source, |_| Ok(()), Manners::Patient, 3, &mut basket, &shared());
    assert!(matches!(ended, Err(PathError::Source(_))), "{ended:?}");
    in_order(&basket, 12);
    assert_eq!(basket.masked(), 0);
}

#[test]
fn a_stop_lets_out_what_is_held() {
    let (mut basket, shared) = (Basket::default(), shared());
    let stop = Arc::clone(&shared.stop);
    let stopping = move |number| {
        if number == 9 {
            stop.store(true, Ordering::Relaxed);
        }
        Ok(())
    };
    run(made(10_000, Duration::from_millis(1)), stopping, Manners::Patient, 3, &mut basket, &shared).unwrap();
    assert!((10..100).contains(&basket.frames.len()));
    in_order(&basket, basket.frames.len() as u64);
    assert_eq!(shared.metrics.capture.captured.get(), basket.frames.len() as u64);
}

#[test]
fn a_front_that_is_gone_ends_the_path() {
    let mut basket = Basket { closes_after: Some(4), ..Basket::default() };
    let ended = run(made(1_000_000, Duration::ZERO), |_| Ok(()), Manners::Patient, 3, &mut basket, &shared());
    assert!(matches!(ended, Err(PathError::Closed(_))), "{ended:?}");
}
