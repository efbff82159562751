//! Whom the person network finds, and what that raises.

use frostglass_vault::{Area, Detection, Kind, Outline, Score};

use super::super::{WatchRule, WatchSettings, WatchZone};
use super::film::{FPS, Film, room, seen_at, somebody, starts, walk};
use crate::event::{Motion, Phase, What};

/// The network looks on each sixth frame.
fn on_looks(since: f32, found: impl FnOnce() -> Option<Vec<Detection>>) -> Option<Vec<Detection>> {
    if ((since * FPS as f32).round() as u32).is_multiple_of(6) { found() } else { None }
}

fn person(left: f32, top: f32, right: f32, bottom: f32) -> Detection {
    let area = Area::new(left / 320.0, top / 180.0, right / 320.0, bottom / 180.0).unwrap();
    Detection { kind: Kind::Person, area, score: Score::new(0.7).unwrap() }
}

#[test]
fn somebody_the_network_knows_is_one_person() {
    let mut film = Film::new(WatchSettings::default());
    film.play(4.0, 2.0, |_, x, y| room(x, y));
    let looks = |since: f32| {
        if ((since * FPS as f32).round() as u32).is_multiple_of(6) && since < 5.0 { seen_at(walk(since)) } else { None }
    };
    film.play_with(8.0, 2.0, looks, |since, x, y| somebody(walk(since), x, y, room(x, y)));
    film.play(8.0, 2.0, |_, x, y| room(x, y));
    let events = film.end();
    assert_eq!(starts(&events), 1, "{events:?}");
    let person = |event: &Motion| event.what == What::Person && event.score == 0.83;
    let first = events.iter().position(person).expect("a person");
    assert!(first <= 2 && events[first..].iter().all(person), "once a person, always one: {events:?}");
}

#[test]
fn motion_that_meets_a_person_is_told_as_one_from_then_on_and_never_back() {
    let mut film = Film::new(WatchSettings::default());
    film.play(4.0, 2.0, |_, x, y| room(x, y));
    // Known from behind for a while only, in the middle of the way.
    let sees = |since: f32| {
        on_looks(since, || if (3.0..4.5).contains(&since) { seen_at(walk(since)) } else { Some(Vec::new()) })
    };
    film.play_with(8.0, 2.0, sees, |since, x, y| somebody(walk(since), x, y, room(x, y)));
    film.play(8.0, 2.0, |_, x, y| room(x, y));
    let events = film.end();
    assert_eq!(starts(&events), 1, "{events:?}");
    let whats: Vec<What> = events.iter().map(|event| event.what).collect();
    assert_eq!((whats.first(), whats.last()), (Some(&What::Motion), Some(&What::Person)), "{whats:?}");
    assert!(whats.windows(2).all(|pair| pair != [What::Person, What::Motion]), "{whats:?}");
}

/// A poster of somebody, found in some looks and not in others, from the start or later: nothing about it moves.
#[test]
fn a_poster_is_no_event() {
    for first_found in [0.0, 20.0] {
        let mut film = Film::new(WatchSettings::default());
        let sees = |since: f32| {
            let look = (since * 2.5).round() as u32;
            let found = since >= first_found && look % 5 != 3;
            on_looks(since, || if found { seen_at(120.0) } else { Some(Vec::new()) })
        };
        film.play_with(60.0, 3.0, sees, |_, x, y| somebody(120.0, x, y, room(x, y)));
        assert_eq!(film.end(), [], "found from {first_found} s on");
    }
}

/// Somebody who is in the picture from the first frame on and moves is learnt with the scene; the network knows better.
#[test]
fn somebody_who_was_there_from_the_start_and_moves_is_one_person() {
    let at = |since: f32| 160.0 + 8.0 * (since * 3.0).sin();
    for zones in [vec![], vec![zone("desk", WatchRule::Watch, 0.4, 0.7)]] {
        let told = zones.iter().map(|zone| zone.name.clone()).collect::<Vec<_>>();
        let mut film = Film::new(WatchSettings { zones, ..WatchSettings::default() });
        let sees = |since| on_looks(since, || seen_at(at(since)));
        film.play_with(8.0, 2.0, sees, |since, x, y| somebody(at(since), x, y, room(x, y)));
        let events = film.end();
        assert_eq!(starts(&events), 1, "{events:?}");
        assert!(events.iter().all(|event| event.what == What::Person && event.zones == told), "{events:?}");
        assert!(events[0].frame < 30, "{events:?}");
    }
}

#[test]
fn somebody_where_nobody_wants_to_know_is_no_event() {
    let at = |since: f32| 160.0 + 8.0 * (since * 3.0).sin();
    for zones in [vec![zone("desk", WatchRule::Ignore, 0.3, 0.8)], vec![zone("door", WatchRule::Watch, 0.0, 0.2)]] {
        let mut film = Film::new(WatchSettings { zones: zones.clone(), ..WatchSettings::default() });
        let sees = |since| on_looks(since, || seen_at(at(since)));
        film.play_with(8.0, 2.0, sees, |since, x, y| somebody(at(since), x, y, room(x, y)));
        assert_eq!(film.end(), [], "{zones:?}");
    }
}

/// Whoever was learnt with the scene leaves a hole in it: that is not somebody else.
#[test]
fn somebody_who_was_there_from_the_start_and_leaves_is_one_event() {
    let at = |since: f32| 80.0 + 45.0 * (since - 2.0).max(0.0);
    for looks in [false, true] {
        let mut film = Film::new(WatchSettings::default());
        let sees = |since: f32| {
            on_looks(since, || {
                if !looks {
                    None
                } else if since < 7.0 {
                    seen_at(at(since))
                } else {
                    Some(Vec::new())
                }
            })
        };
        film.play_with(30.0, 2.0, sees, |since, x, y| somebody(at(since), x, y, room(x, y)));
        let ended = film.events.iter().find(|event| event.phase == Phase::End).map(|event| event.frame);
        let events = film.end();
        assert_eq!(starts(&events), 1, "{looks}: {events:?}");
        if looks {
            assert!(ended.is_some_and(|frame| frame < 18 * u64::from(FPS)), "over when he is gone: {events:?}");
        }
    }
}

#[test]
fn somebody_who_comes_and_sits_still_is_one_event_until_they_go() {
    let at = |since: f32| walk(since).min(160.0);
    let mut film = Film::new(WatchSettings::default());
    film.fps = 5.0;
    film.play(4.0, 2.0, |_, x, y| room(x, y));
    film.play_with(200.0, 2.0, |since| seen_at(at(since)), |since, x, y| somebody(at(since), x, y, room(x, y)));
    assert!(film.events.iter().all(|event| event.phase != Phase::End), "still there");
    film.play_with(
        5.0,
        2.0,
        |since| seen_at(160.0 + 60.0 * since),
        |since, x, y| somebody(160.0 + 60.0 * since, x, y, room(x, y)),
    );
    film.play_with(9.0, 2.0, |_| Some(Vec::new()), |_, x, y| room(x, y));
    assert_eq!(film.events.last().map(|event| event.phase), Some(Phase::End), "over when they are gone");
    assert_eq!(starts(&film.end()), 1);
}

/// Head and legs, with a coat like the wall between them, are one person's.
#[test]
fn what_the_network_says_is_one_person_is_one_event() {
    let legs = |at: f32, x: f32, y: f32| (x - at).abs() < 9.0 && (135.0..175.0).contains(&y);
    let head = |at: f32, x: f32, y: f32| (x - at).powi(2) + (y - 40.0).powi(2) < 90.0;
    let mut film = Film::new(WatchSettings::default());
    let wall = |_: f32, _: f32| 110.0;
    film.play(4.0, 2.0, |_, x, y| wall(x, y));
    let at = |since: f32| 40.0 + 50.0 * since;
    let sees = |since: f32| on_looks(since, || Some(vec![person(at(since) - 15.0, 28.0, at(since) + 15.0, 178.0)]));
    film.play_with(
        4.0,
        2.0,
        sees,
        |since, x, y| {
            if legs(at(since), x, y) || head(at(since), x, y) { 40.0 } else { wall(x, y) }
        },
    );
    let events = film.end();
    assert_eq!(starts(&events), 1, "{events:?}");
}

#[test]
fn something_that_is_left_is_an_event_that_ends() {
    let mut film = Film::new(WatchSettings::default());
    film.fps = 7.0;
    film.play(4.0, 2.0, |_, x, y| room(x, y));
    film.play(60.0, 2.0, |since, x, y| {
        let parcel = (100.0..130.0).contains(&x) && (130.0..155.0).contains(&y) && since > 1.5;
        let behind = if parcel { 200.0 } else { room(x, y) };
        if since < 4.0 { somebody(115.0 + 80.0 * (since - 1.5), x, y, behind) } else { behind }
    });
    let last: Option<&Motion> = film.events.last();
    assert!(last.is_some_and(|last| last.phase == Phase::End && last.frame < 44 * 7), "{:?}", film.events);
    assert_eq!(starts(&film.end()), 1);
}

fn zone(name: &str, rule: WatchRule, left: f32, right: f32) -> WatchZone {
    let outline = Outline::new(&[[left, 0.0], [right, 0.0], [right, 1.0], [left, 1.0]]).unwrap();
    WatchZone { name: name.to_owned(), rule, outline }
}
