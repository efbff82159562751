//! Made scenes, and how many events each must raise.

mod camera;
mod film;
mod hiding;
mod persons;

use std::time::Duration;

use frostglass_vault::{Area, Format, Matrix, Outline, Range, Size, Stamp};
use jiff::Timestamp;
use proptest::prelude::*;

use super::{Watch, WatchRule, WatchSettings, WatchZone};
use crate::event::{Event, Motion, Phase, What};
use film::{FPS, Film, Noise, assert_well_formed, format, room, seen_at, show, somebody, starts, walk};

#[test]
fn a_light_switch_is_no_event() {
    let lit = |_: f32, x, y| room(x, y);
    // The lamp hangs at the right: what is far from it is lit less, and the window stays as it was.
    let dark =
        |_: f32, x: f32, y| if (40.0..90.0).contains(&x) { room(x, y) * 0.8 } else { room(x, y) * (0.15 + x / 1500.0) };
    let mut film = Film::new(WatchSettings::default());
    film.play(5.0, 2.0, lit).play(5.0, 2.0, dark).play(5.0, 2.0, lit);
    // And one that needs a second to come on.
    film.play(5.0, 2.0, dark).play(6.0, 2.0, |since, x, y| {
        let on = since.min(1.0);
        on * lit(0.0, x, y) + (1.0 - on) * dark(0.0, x, y)
    });
    assert_eq!(film.end(), []);
}

#[test]
fn sensor_noise_at_dark_gain_is_no_event() {
    let dark = |_: f32, x, y| room(x, y) * 0.15;
    let mut film = Film::new(WatchSettings::default());
    film.play(8.0, 25.0, dark);
    assert_eq!(film.end(), []);
    // The gain goes up after the background was learnt in good light.
    film.play(5.0, 1.0, dark).play(10.0, 25.0, dark);
    assert_eq!(film.end(), []);
}

#[test]
fn a_swaying_branch_is_no_event() {
    let branch = |since: f32, x: f32, y: f32| {
        let at = 120.0 + 14.0 * (since * 4.4).sin() + 4.0 * (since * 7.1).sin();
        if (x - at - y / 4.0).abs() < 5.0 && y < 120.0 { 30.0 } else { room(x, y) }
    };
    let mut film = Film::new(WatchSettings::default());
    film.play(40.0, 2.0, branch);
    assert_eq!(film.end(), []);
    // A gust after a calm is motion like any other, but it does not go on being one.
    let mut film = Film::new(WatchSettings::default());
    film.play(5.0, 2.0, |_, x, y| branch(0.0, x, y)).play(60.0, 2.0, branch);
    let events = film.end();
    assert!(starts(&events) <= 1, "{events:?}");
    assert!(events.iter().all(|event| event.frame < 35 * u64::from(FPS)), "{events:?}");
}

#[test]
fn day_becoming_night_is_no_event() {
    let mut film = Film::new(WatchSettings::default());
    film.play(60.0, 2.0, |since, x, y| room(x, y) * (1.0 - since / 70.0));
    // The camera turns its infrared lamp on and its colour off: leaves become bright, the sky black.
    film.play(10.0, 6.0, |_, x, y| {
        let lamp = 1.2 - ((x - 160.0).powi(2) + (y - 90.0).powi(2)) / 40_000.0;
        lamp * if y < 60.0 { 0.3 * room(x, y) } else { 0.9 * room(x, y) }
    });
    assert_eq!(film.end(), []);
}

#[test]
fn somebody_walking_through_is_one_event() {
    let mut film = Film::new(WatchSettings::default());
    film.play(4.0, 2.0, |_, x, y| room(x, y));
    film.play(8.0, 2.0, |since, x, y| somebody(walk(since), x, y, room(x, y)));
    film.play(8.0, 2.0, |_, x, y| room(x, y));
    let last = film.events.last().cloned().expect("an event");
    assert_eq!(last.phase, Phase::End, "it ends by itself, after the cooldown");
    let events = film.end();
    assert_eq!(starts(&events), 1, "{events:?}");
    assert!(events.iter().all(|event| event.what == What::Motion && event.zones.is_empty()));
    assert!((6..=10).contains(&(events.len() - 2)), "an update a second: {events:?}");
    assert!(events[0].area[2] < 0.3 && last.area[0] > 0.7, "from left to right: {events:?}");
    assert!(events[2].area[3] - events[2].area[1] > 0.5, "head to foot: {events:?}");
}

#[test]
fn somebody_who_stays_is_one_event() {
    let comes = |since: f32| walk(since).min(160.0);
    for persons in [false, true] {
        let mut film = Film::new(WatchSettings::default());
        film.play(4.0, 2.0, |_, x, y| room(x, y));
        let sees = |since| if persons { seen_at(comes(since)) } else { None };
        film.play_with(60.0, 2.0, sees, |since, x, y| {
            somebody(comes(since) + (since * 0.7).sin() * 2.0, x, y, room(x, y))
        });
        assert_eq!(starts(&film.events), 1);
        assert!(film.events.iter().all(|event| event.phase != Phase::End), "still there after a minute");
        film.play(8.0, 2.0, |since, x, y| somebody(walk(since + 4.0), x, y, room(x, y)));
        assert_eq!(starts(&film.end()), 1);
    }
}

#[test]
fn two_people_far_apart_are_two_events() {
    let mut film = Film::new(WatchSettings::default());
    film.play(4.0, 2.0, |_, x, y| room(x, y));
    film.play(5.0, 2.0, |since, x, y| {
        somebody(-20.0 + since * 20.0, x, y, somebody(340.0 - since * 20.0, x, y, room(x, y)))
    });
    assert_eq!(starts(&film.end()), 2);
}

#[test]
fn who_comes_back_within_the_cooldown_is_the_same_event() {
    for (pause, expected) in [(2.0, 1), (8.0, 2)] {
        let mut film = Film::new(WatchSettings::default());
        film.play(4.0, 2.0, |_, x, y| room(x, y));
        for _ in 0..2 {
            film.play(2.0, 2.0, |since, x, y| somebody(150.0 + 20.0 * since, x, y, room(x, y)));
            film.play(pause, 2.0, |_, x, y| room(x, y));
        }
        assert_eq!(starts(&film.end()), expected, "after {pause} s");
    }
}

#[test]
fn zones_say_where_events_are_wanted() {
    let zone = |name: &str, rule, left, right| WatchZone {
        name: name.to_owned(),
        rule,
        outline: Outline::new(&[[left, 0.0], [right, 0.0], [right, 1.0], [left, 1.0]]).unwrap(),
    };
    use WatchRule::{Hide, Ignore, Watch as Watched};
    let cases: [(&str, Vec<WatchZone>, Vec<&str>, usize); 6] = [
        (
            "in the one he reaches last too",
            vec![zone("b", Watched, 0.5, 0.6), zone("a", Watched, 0.2, 0.3)],
            vec!["b", "a"],
            1,
        ),
        ("in one of two", vec![zone("far", Watched, 0.9, 1.0), zone("near", Watched, 0.2, 0.4)], vec!["near"], 1),
        ("nowhere near", vec![zone("far", Watched, 0.9, 1.0)], vec![], 0),
        ("where it is ignored", vec![zone("street", Ignore, 0.0, 0.8)], vec![], 0),
        ("ignored elsewhere", vec![zone("street", Ignore, 0.8, 1.0)], vec![], 1),
        ("where it is hidden", vec![zone("bath", Hide, 0.0, 0.8)], vec![], 0),
    ];
    for (name, zones, told, expected) in cases {
        let mut film = Film::new(WatchSettings { zones, ..WatchSettings::default() });
        film.play(4.0, 2.0, |_, x, y| room(x, y));
        film.play(4.0, 2.0, |since, x, y| somebody(20.0 + 45.0 * since, x, y, room(x, y)));
        let events = film.end();
        assert_eq!(starts(&events), expected, "{name}: {events:?}");
        if let Some(last) = events.last() {
            assert_eq!(last.zones, told, "{name}");
        }
        let grows = |pair: &[Motion]| pair[0].zones.iter().all(|zone| pair[1].zones.contains(zone));
        assert!(events.windows(2).all(grows), "{name}: {events:?}");
    }
}

#[test]
fn more_sensitive_sees_no_less() {
    let mut before = 0;
    for step in 0..=5u8 {
        let sensitivity = f32::from(step) / 5.0;
        let mut film = Film::new(WatchSettings { sensitivity, ..WatchSettings::default() });
        film.play(4.0, 2.0, |_, x, y| room(x, y));
        // One after the other: smaller and fainter.
        for (size, contrast) in [(60.0, 90.0), (30.0, 40.0), (16.0, 25.0), (8.0, 16.0)] {
            film.play(2.0, 2.0, |since, x, y| {
                let at = 100.0 + since * 30.0;
                // Opaque: what lets the texture through is a shadow.
                if (x - at).abs() < size / 2.0 && (y - 100.0).abs() < size { 103.0 - contrast } else { room(x, y) }
            });
            film.play(6.0, 2.0, |_, x, y| room(x, y));
        }
        let seen = starts(&film.end());
        assert!(seen >= before && seen >= 1, "{seen} at {sensitivity}, {before} below");
        before = seen;
    }
    assert_eq!(before, 4);
}

#[test]
fn many_small_movers_are_one_event() {
    let mut film = Film::new(WatchSettings::default());
    film.play(4.0, 2.0, |_, x, y| room(x, y));
    film.play(4.0, 2.0, |since, x, y| {
        let (x_in, y_in) = ((x + since * 8.0) % 64.0, y % 60.0);
        if x_in < 14.0 && y_in < 14.0 { 10.0 } else { room(x, y) }
    });
    let open = |events: &[Motion]| starts(events);
    assert!((1..=super::visits::MOST_OPEN).contains(&open(&film.events)), "{:?}", film.events);
    film.end();
}

#[test]
fn a_jump_of_the_clock_ends_what_is_open_and_begins_anew() {
    for jump in [-3.0, 1000.0] {
        let mut film = Film::new(WatchSettings::default());
        film.play(4.0, 2.0, |_, x, y| room(x, y));
        film.play(1.0, 2.0, |since, x, y| somebody(100.0 + since * 40.0, x, y, room(x, y)));
        assert_eq!(starts(&film.events), 1);
        film.time += jump;
        film.play(0.1, 2.0, |_, x, y| room(x, y));
        assert_eq!(film.events.last().map(|event| event.phase), Some(Phase::End));
        assert_eq!(film.watch.moving(), [Area::EVERYTHING]);
        film.end();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn nothing_panics_and_events_are_well_formed(
        width in 1u32..40, height in 1u32..40, sensitivity in prop_oneof![0.0f32..=1.0, Just(f32::NAN)],
        frames in proptest::collection::vec((0u8..4, any::<u32>(), 0u64..400, 0u8..20), 1..150),
        cooldown in 0u64..3000,
    ) {
        let size = Size::new(width, height);
        let settings = WatchSettings {
            sensitivity, cooldown: Duration::from_millis(cooldown), ..WatchSettings::default()
        };
        let mut watch = Watch::new(settings, Format::video(size, Matrix::Bt601, Range::Full));
        let (mut out, mut time) = (Vec::new(), Duration::ZERO);
        for (sequence, (kind, seed, step, jump)) in frames.into_iter().enumerate() {
            time = match jump { 0 => time.saturating_sub(Duration::from_secs(5)), 1 => time + Duration::from_secs(100), _ => time + Duration::from_millis(step) };
            let mut noise = Noise(seed);
            let luma: Vec<u8> = (0..size.pixels()).map(|at| match kind {
                0 => 40,
                1 => (128.0 + 60.0 * noise.next()).clamp(0.0, 255.0) as u8,
                2 => if (at as u32 % width) < seed % width { 200 } else { 90 },
                _ => 90 + (at % 7) as u8,
            }).collect();
            let persons = seen_at((seed % 320) as f32);
            let stamp = Stamp { sequence: sequence as u64, time };
            show(&mut watch, &luma, size, stamp, persons.as_deref().filter(|_| seed % 3 == 0), Timestamp::MAX, &mut out);
        }
        watch.finish(Timestamp::MIN, &mut out);
        let events: Vec<Motion> = out.into_iter().filter_map(|event| if let Event::Motion(motion) = event { Some(motion) } else { None }).collect();
        assert_well_formed(&events);
    }
}

#[test]
fn pictures_of_another_format_and_extreme_stamps_do_no_harm() {
    let mut watch = Watch::new(WatchSettings::default(), format());
    let mut out = Vec::new();
    for (sequence, time) in [(0, Duration::ZERO), (u64::MAX, Duration::MAX), (3, Duration::ZERO), (3, Duration::ZERO)] {
        show(&mut watch, &[7; 256], Size::new(16, 16), Stamp { sequence, time }, None, Timestamp::MIN, &mut out);
        assert_eq!(watch.moving(), [Area::EVERYTHING]);
    }
    assert!(out.is_empty());
}
