//! What moves, for whoever hides it: complete, however small, slow or still.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use frostglass_vault::{Area, Picture, Plane, Stamp};
use jiff::Timestamp;

use super::super::{Watch, WatchSettings};
use super::film::{Film, SIZE, format, room, somebody, walk};

#[test]
fn motion_off_raises_nothing_but_is_known() {
    let mut film = Film::new(WatchSettings { motion: false, ..WatchSettings::default() });
    film.play(1.0, 2.0, |_, x, y| room(x, y));
    assert_eq!(film.watch.moving(), [Area::EVERYTHING], "not known is not still");
    film.play(3.0, 2.0, |_, x, y| room(x, y));
    assert_eq!(film.watch.moving(), []);
    film.play(2.0, 2.0, |since, x, y| somebody(100.0 + since * 40.0, x, y, room(x, y)));
    let moving = film.watch.moving().to_vec();
    assert!(moving.len() == 1 && moving[0].width() < 0.7 && moving[0].right() > 0.55, "{moving:?}");
    assert_eq!(film.end(), []);
}

/// Head and body of `somebody(at)`.
fn body(at: f32) -> Area {
    // Before they come in they are at the edge.
    let at = at.max(0.0);
    Area::clipped((at - 14.0) / 320.0, 55.0 / 180.0, (at + 14.0) / 320.0, 165.0 / 180.0).unwrap()
}

/// Share of an area that the moving ones cover, on a raster of 20 by 20 points.
fn covered(area: Area, moving: &[Area]) -> f32 {
    let inside = |x: f32, y: f32| {
        moving.iter().any(|box_| (box_.left()..=box_.right()).contains(&x) && (box_.top()..=box_.bottom()).contains(&y))
    };
    let points = (0..400).map(|at| {
        let (x, y) = ((at % 20) as f32 / 19.0, (at / 20) as f32 / 19.0);
        (area.left() + x * area.width(), area.top() + y * area.height())
    });
    points.filter(|&(x, y)| inside(x, y)).count() as f32 / 400.0
}

/// The least cover of `area(seconds)` from `from` seconds on, by parts of the film.
fn least_cover(film: &mut Film, from: f32, area: impl Fn(f32) -> Area + 'static) -> Rc<RefCell<f32>> {
    let least = Rc::new(RefCell::new(1.0f32));
    let seen = Rc::clone(&least);
    film.after = Box::new(move |since, watch: &Watch| {
        if since >= from {
            let mut least = seen.borrow_mut();
            *least = least.min(covered(area(since), watch.moving()));
        }
    });
    least
}

/// The law of what is kept: who came in and then sits still for ten minutes is in what moves, in each frame.
#[test]
fn who_sits_still_where_it_is_kept_moves_in_each_frame_and_is_learnt_when_it_is_not() {
    let at = |since: f32| walk(since).min(160.0);
    for kept in [true, false] {
        let mut film = Film::new(WatchSettings::default());
        film.fps = 2.0;
        film.play(8.0, 2.0, |_, x, y| room(x, y));
        if kept {
            film.kept = |since| Some(body(walk(since).min(160.0)));
        }
        let least = least_cover(&mut film, 1.0, move |since| body(at(since)));
        film.play(600.0, 2.0, |since, x, y| {
            // The day goes on meanwhile.
            somebody(at(since), x, y, room(x, y)) * (1.0 - since / 3000.0)
        });
        if kept {
            assert!(*least.borrow() > 0.97, "covered {} of somebody who is kept", least.borrow());
            // Let go, they are learnt after a while, like everything else.
            film.kept = |_| None;
            let least = least_cover(&mut film, 0.0, move |_| body(160.0));
            film.play(60.0, 2.0, |_, x, y| somebody(160.0, x, y, room(x, y)) * 0.8);
            assert!(*least.borrow() > 0.97, "not at once: covered {}", least.borrow());
            film.play(60.0, 2.0, |_, x, y| somebody(160.0, x, y, room(x, y)) * 0.8);
        }
        assert_eq!(film.watch.moving(), [], "kept: {kept}");
    }
}

/// Learning again must not take whoever sits there for the scene.
#[test]
fn who_sits_where_it_is_kept_stays_hidden_through_a_start_and_a_change_of_light() {
    let mut film = Film::new(WatchSettings::default());
    film.fps = 5.0;
    film.kept = |_| Some(body(160.0));
    let least = least_cover(&mut film, 0.0, |_| body(160.0));
    for light in [1.0, 0.35, 1.0] {
        film.play(40.0, 2.0, |_, x, y| somebody(160.0, x, y, room(x, y)) * if x < 100.0 { 1.0 } else { light });
    }
    assert!(*least.borrow() > 0.99, "covered {}", least.borrow());
    let area = film.watch.moving().iter().map(|area| area.width() * area.height()).sum::<f32>();
    assert!(area < 0.3, "and not much more: {area}");
}

#[test]
fn who_fades_in_slowly_where_it_is_kept_does_not_become_the_scene() {
    let mut film = Film::new(WatchSettings::default());
    film.fps = 2.0;
    film.play(8.0, 2.0, |_, x, y| room(x, y));
    film.kept = |_| Some(body(120.0));
    let least = least_cover(&mut film, 120.0, |_| body(120.0));
    film.play(240.0, 2.0, |since, x, y| {
        let there = (since / 100.0).min(1.0);
        there * somebody(120.0, x, y, room(x, y)) + (1.0 - there) * room(x, y)
    });
    assert!(*least.borrow() > 0.95, "covered {}", least.borrow());
}

#[test]
fn what_is_small_or_thin_moves_too_and_noise_does_not() {
    for sensitivity in [0.0, 0.5, 1.0] {
        for (name, width, height) in [("a hand", 6.0, 6.0), ("a rope", 2.0, 40.0)] {
            let mut film = Film::new(WatchSettings { sensitivity, ..WatchSettings::default() });
            film.play(4.0, 2.0, |_, x, y| room(x, y));
            let area = move |since: f32| {
                let left = (100.0 + 20.0 * since) / 320.0;
                Area::new(left, 90.0 / 180.0, left + width / 320.0, (90.0 + height) / 180.0).unwrap()
            };
            let least = least_cover(&mut film, 0.0, area);
            film.play(2.0, 2.0, move |since, x, y| {
                let at = 100.0 + 20.0 * since;
                if (at..at + width).contains(&x) && (90.0..90.0 + height).contains(&y) { 170.0 } else { room(x, y) }
            });
            assert!(*least.borrow() > 0.99, "{name} at {sensitivity}: covered {}", least.borrow());
            film.after = Box::new(|_, _| ());
            film.play(4.0, 2.0, |_, x, y| room(x, y));
            assert_eq!(film.watch.moving(), [], "{name} at {sensitivity}, gone");
        }
    }
}

#[test]
fn a_switch_of_the_light_hides_the_whole_picture() {
    let mut film = Film::new(WatchSettings::default());
    film.play(4.0, 2.0, |_, x, y| room(x, y));
    assert_eq!(film.watch.moving(), []);
    film.play(0.2, 2.0, |_, x, y| room(x, y) * (0.15 + x / 1500.0));
    assert_eq!(film.watch.moving(), [Area::EVERYTHING]);
}

#[test]
fn a_still_scene_costs_no_allocation() {
    let mut watch = Watch::new(WatchSettings::default(), format());
    let luma: Vec<u8> = (0..SIZE.pixels()).map(|at| (at % 251) as u8).collect();
    let grey = vec![128; SIZE.pixels() / 4];
    let small = Plane { bytes: &grey, stride: SIZE.width as usize / 2 };
    let planes = [Plane { bytes: &luma, stride: SIZE.width as usize }, small, small];
    let picture = Picture::new(format(), planes).unwrap();
    let mut out = Vec::new();
    let mut look = |sequence: u64| {
        let stamp = Stamp { sequence, time: Duration::from_millis(66 * sequence) };
        watch.observe(&picture, stamp, Some(&[]), Timestamp::UNIX_EPOCH, &mut out);
    };
    (0..60).for_each(&mut look);
    let cost = allocation_counter::measure(|| (60..160).for_each(&mut look));
    assert_eq!(cost.count_total, 0);
}
