//! What a camera that moves raises.

use super::super::WatchSettings;
use super::film::{Film, room, starts};
use crate::event::Phase;

#[test]
fn a_moving_camera_does_not_flood() {
    let mut film = Film::new(WatchSettings::default());
    let shelf = |x: f32, y: f32| room(x.rem_euclid(320.0), y) + if (x / 9.0) as i32 % 3 == 0 { 50.0 } else { 0.0 };
    film.play(4.0, 2.0, shelf_at(&shelf, 0.0))
        .play(10.0, 2.0, shelf_at(&shelf, 60.0))
        .play(10.0, 2.0, |_, x, y| shelf(x + 600.0, y));
    let ended = film.events.iter().filter(|event| event.phase == Phase::End).count();
    let told = starts(&film.events);
    assert_eq!(ended, told, "all is over when the camera rests");
    assert!(starts(&film.end()) <= 3);
}

fn shelf_at(shelf: &impl Fn(f32, f32) -> f32, speed: f32) -> impl Fn(f32, f32, f32) -> f32 {
    move |since, x, y| shelf(x + speed * since, y)
}

/// A photograph: texture wherever one looks.
fn photograph(x: f32, y: f32) -> f32 {
    120.0 + 35.0 * (x * 0.11).sin() * (y * 0.13).cos() + 30.0 * (x * 0.037 + y * 0.051).sin() + 20.0 * (y * 0.4).sin()
}

#[test]
fn a_camera_that_pans_zooms_and_trembles_from_its_first_frame_on_is_one_event_at_most() {
    for speed in [6.0, 25.0, 80.0] {
        let mut film = Film::new(WatchSettings::default());
        film.play(6.0, 2.0, |since, x, y| {
            let scale = 1.0 - 0.04 * since;
            let (tremble, sway) = (1.5 * (since * 21.0).sin(), 1.2 * (since * 17.0).cos());
            photograph((x - 160.0) * scale + speed * since + tremble, (y - 90.0) * scale + 0.4 * speed * since + sway)
        });
        let events = film.end();
        assert!(starts(&events) <= 1, "{speed} pixels a second: {events:?}");
        assert!(events.iter().all(|event| event.area == [0.0, 0.0, 1.0, 1.0]), "of the whole picture: {events:?}");
    }
}

#[test]
fn a_knock_at_the_camera_is_one_event_at_most_and_it_watches_on() {
    let mut film = Film::new(WatchSettings::default());
    film.play(4.0, 2.0, |_, x, y| photograph(x, y));
    film.play(1.5, 2.0, |since, x, y| {
        photograph(x + 9.0 * (since * 13.0).sin(), y + 7.0 * (since * 19.0).sin() + 20.0 * since)
    });
    film.play(12.0, 2.0, |_, x, y| photograph(x, y + 30.0));
    assert!(starts(&film.events) <= 1, "{:?}", film.events);
    let open = film.events.last().is_some_and(|event| event.phase != Phase::End);
    assert!(!open, "{:?}", film.events);
    film.events.clear();
    film.play(
        5.0,
        2.0,
        |since, x, y| {
            if (x - 40.0 * since).abs() < 15.0 && y > 60.0 { 20.0 } else { photograph(x, y + 30.0) }
        },
    );
    assert_eq!(starts(&film.end()), 1, "somebody who walks through afterwards");
}
