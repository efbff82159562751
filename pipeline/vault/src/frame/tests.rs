//! Slots: what comes back of them, and when.

use super::*;
use crate::geometry::Size;

fn pool(slots: usize) -> Pool {
    Pool::new(Format::still(Size::new(4, 3)), slots)
}

fn raw(pool: &Pool, value: u8) -> Option<RawFrame> {
    let mut blank = pool.blank()?;
    for plane in blank.planes_mut() {
        plane.bytes.fill(value);
    }
    Some(blank.expose(Stamp { sequence: 0, time: Duration::ZERO }, &Zones::none()))
}

#[test]
fn a_slot_comes_back_zeroised() {
    let pool = pool(1);
    drop(raw(&pool, 77));
    let mut blank = pool.blank().unwrap();
    assert!(blank.planes_mut().iter().all(|plane| plane.bytes.iter().all(|&byte| byte == 0)));
}

#[test]
fn memory_that_is_too_short_for_a_frame_holds_none() {
    let piece = |bytes: usize| Box::new(vec![0u8; bytes]) as Box<dyn Memory>;
    let format = Format::still(Size::new(4, 3));
    let pool = Pool::within(format, vec![piece(format.bytes() - 1), piece(format.bytes() + 9), piece(0)]);
    assert_eq!(pool.free(), 1);
    drop(raw(&pool, 77));
    let mut blank = pool.blank().unwrap();
    assert!(blank.planes_mut().iter().all(|plane| plane.bytes.iter().all(|&byte| byte == 0)));
}

#[test]
fn a_lent_slot_stays_in_quarantine_until_the_lease_ends() {
    let pool = pool(1);
    let mut frame = raw(&pool, 77).unwrap();
    let look = frame.lend();
    drop(frame);
    assert!(pool.blank().is_none());
    assert_eq!(look.picture().row(1, 2), [77; 4]);
    drop(look);
    assert!(pool.blank().is_some());
}

#[test]
fn handles_that_go_at_once_lose_no_slot() {
    let pool = pool(2);
    for _ in 0..500 {
        let mut frame = raw(&pool, 1).unwrap();
        let look = frame.lend();
        std::thread::scope(|scope| {
            scope.spawn(|| drop(look));
            drop(frame);
        });
        assert_eq!(pool.free(), 2);
    }
}

#[test]
fn debug_shows_no_pixel() {
    let mut frame = raw(&pool(1), 211).unwrap();
    let shown = format!("{frame:?} {:?} {:?}", frame.lend(), frame.lend().picture());
    assert!(!shown.contains("211"), "{shown}");
}
