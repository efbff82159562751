//! What leaves when a thread of the path panics: nothing that was not looked at. (The inspecting one is in the file above.)

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::*;

/// Gives frames until it panics at one.
struct Dying {
    frames: Box<Made>,
    panics_at: u64,
    _gone: OnDrop,
}

/// Says that who had it is gone.
#[derive(Clone, Default)]
struct Gone(Arc<AtomicBool>);

struct OnDrop(Gone);

impl Gone {
    fn told(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.0.store(true, Ordering::Relaxed);
    }
}

fn dying(panics_at: u64, gone: &Gone) -> Box<Dying> {
    Box::new(Dying { frames: made(1_000_000, Duration::from_millis(5)), panics_at, _gone: OnDrop(gone.clone()) })
}

impl Source for Dying {
    fn format(&self) -> Format {
        FORMAT
    }

    fn rate(&self) -> Option<Rate> {
        None
    }

    fn read(&mut self, blank: &mut Blank) -> Result<Option<Duration>, CaptureError> {
        let read = self.frames.read(blank);
        // With the picture in the blank, but for what comes after it.
        assert!(self.frames.next <= self.panics_at, "killed by the test");
        read
    }
}

#[test]
fn a_capturing_thread_that_panics_ends_the_path_and_what_was_not_looked_at_is_masked() {
    for manners in [Manners::Live, Manners::Patient] {
        let (mut basket, shared) = (Basket::default(), shared());
        let failing = |number| if number % 3 == 0 { Err(DetectError::Other("made up".into())) } else { Ok(()) };
        let ended = run_source(dying(20, &Gone::default()), failing, manners, &mut basket, &shared);
        assert!(matches!(ended, Err(PathError::CaptureDied)), "{ended:?}");
        // What was whole before is let out, and the frame at which it died is not.
        in_order(&basket, 20);
        let mut shown = basket.frames.iter().filter(|(_, shown)| shown.is_some()).peekable();
        assert!(shown.peek().is_some() && shown.all(|(number, _)| number % 3 != 0), "{:?}", basket.frames);
    }
}

/// Takes some frames and panics at the next.
struct Fragile<'a> {
    basket: &'a mut Basket,
    panics_at: usize,
}

impl Hatch for Fragile<'_> {
    fn publish(&mut self, what: Outbound) -> Result<u64, Closed> {
        assert!(self.basket.frames.len() < self.panics_at, "killed by the test");
        self.basket.publish(what)
    }
}

#[test]
fn a_keeping_thread_that_panics_lets_nothing_more_out_and_ends_the_others() {
    for manners in [Manners::Live, Manners::Patient] {
        let (mut basket, shared) = (Basket::default(), shared());
        let (captures, looks) = (Gone::default(), Gone::default());
        let guard = OnDrop(looks.clone());
        let look = move |_| {
            let _its_own = &guard;
            Ok(())
        };
        let zones = Arc::new(Zones::none());
        let policy = Policy { style: Style::Blur, persons: PersonRule::Head, margin: 0.5 };
        let stages = Stages {
            inspector: Inspector::new(Box::new(Fake(look))),
            redactor: Redactor::new(policy, FORMAT, Arc::clone(&zones)),
            zones,
            limits: Limits::new(3, Duration::from_secs(3), Duration::from_millis(10)),
        };
        let mut hatch = Fragile { basket: &mut basket, panics_at: 7 };
        let ran = catch_unwind(AssertUnwindSafe(|| {
            path::run(dying(u64::MAX, &captures), stages, &mut hatch, manners, &shared)
        }));
        assert!(ran.is_err(), "{ran:?}");
        in_order(&basket, 7);
        // Nobody captures or looks any more.
        let until = std::time::Instant::now() + Duration::from_secs(60);
        while !(captures.told() && looks.told()) {
            assert!(std::time::Instant::now() < until, "the other threads go on");
            std::thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(basket.frames.len(), 7);
    }
}
