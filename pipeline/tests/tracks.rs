//! What tracks hide beyond the findings, seen in the pixels that leave the hold and the redactor.
#![allow(clippy::unwrap_used, reason = "a test may panic: that is how it fails")]

use std::sync::Arc;
use std::time::Duration;

use frostglass::hold::track::{Clues, Shift, Tracker};
use frostglass::hold::{Hold, Leaving, Limits};
use frostglass_vault::{
    Area, Detection, Findings, Format, Kind, Matrix, PersonRule, Policy, Pool, Range, Redactor, Score, Size, Stamp,
    Style, Zones,
};
use proptest::prelude::*;

const FORMAT: Format = Format::video(Size::new(200, 100), Matrix::Bt601, Range::Full);
const SCENE: u8 = 200;

/// What the networks see in one frame, and how the camera moved before it.
#[derive(Clone, Debug, Default)]
struct Seen {
    strong: Vec<Detection>,
    weak: Vec<Detection>,
    shift: Shift,
    cut: bool,
    missing: bool,
}

fn face(x: f32, y: f32) -> Detection {
    of(Kind::Face, [x - 0.05, y - 0.1, x + 0.05, y + 0.1])
}

fn of(kind: Kind, [left, top, right, bottom]: [f32; 4]) -> Detection {
    Detection { kind, area: Area::clipped(left, top, right, bottom).unwrap(), score: Score::new(0.9).unwrap() }
}

fn strong(x: f32) -> Seen {
    Seen { strong: vec![face(x, 0.5)], ..Seen::default() }
}

fn weak(x: f32) -> Seen {
    Seen { weak: vec![face(x, 0.5)], ..Seen::default() }
}

fn nothing() -> Seen {
    Seen::default()
}

/// The luma of each frame that left; empty for one that was wholly masked.
fn run(script: &[Seen], look_ahead: usize, linger: usize, tracked: bool) -> Vec<Vec<u8>> {
    let limits = Limits { linger, ..Limits::new(look_ahead, Duration::from_secs(10), Duration::from_millis(40)) };
    run_within(script, limits, PersonRule::Body, tracked)
}

fn run_within(script: &[Seen], limits: Limits, persons: PersonRule, tracked: bool) -> Vec<Vec<u8>> {
    let policy = Policy { style: Style::Solid, persons, margin: 0.3 };
    let mut redactor = Redactor::new(policy, FORMAT, Arc::new(Zones::none()));
    let look_ahead = limits.look_ahead;
    let (mut hold, mut tracker, mut clues) = (Hold::new(limits), Tracker::new(), Clues::default());
    let pool = Pool::new(FORMAT, look_ahead + 4);
    let mut left = Vec::new();
    let mut let_out = |hold: &mut Hold| {
        while let Some((leaving, _)) = hold.leave(Duration::ZERO) {
            let frame = match leaving {
                Leaving::Frame(inspected) => redactor.redact(inspected),
                Leaving::Lost(stamp) | Leaving::Unshown(stamp) => redactor.masked(stamp),
            };
            let luma = (0..100).flat_map(|row| frame.picture().row(0, row).to_vec());
            left.push(if frame.is_masked() { Vec::new() } else { luma.collect() });
        }
    };
    for (sequence, seen) in script.iter().enumerate() {
        let sequence = sequence as u64;
        let mut blank = pool.blank().unwrap();
        blank.planes_mut().into_iter().for_each(|plane| plane.bytes.fill(SCENE));
        drop(hold.take_in(blank.expose(Stamp { sequence, time: Duration::ZERO }, &Zones::none()), Duration::ZERO));
        clues.clear();
        if seen.missing {
            hold.give_up(sequence);
        } else {
            if tracked {
                (clues.shift, clues.cut) = (seen.shift, seen.cut);
                tracker.begin(sequence, seen.shift, seen.cut);
                tracker.tie(Kind::Person, &seen.strong, &seen.weak, &mut clues);
                tracker.tie(Kind::Face, &seen.strong, &seen.weak, &mut clues);
            }
            hold.settle(sequence, Findings::Complete(seen.strong.clone()), &clues);
        }
        let_out(&mut hold);
    }
    hold.close();
    let_out(&mut hold);
    assert_eq!(left.len(), script.len(), "each frame leaves once");
    left
}

/// Whether the face box around `x` is hidden in a frame, its corners included.
fn hides(frame: &[u8], x: f32) -> bool {
    let (left, right) = (((x - 0.049) * 200.0) as usize, ((x + 0.049) * 200.0) as usize);
    frame.is_empty() || (41..59).all(|row| frame[row * 200 + left..row * 200 + right].iter().all(|&luma| luma != SCENE))
}

fn is_clear(frame: &[u8]) -> bool {
    !frame.is_empty() && frame.iter().all(|&luma| luma == SCENE)
}

#[test]
fn a_detection_that_is_missed_in_the_middle_of_a_track_does_not_leak() {
    let script: Vec<Seen> = (0..12)
        .map(|frame| if (5..8).contains(&frame) { nothing() } else { strong(0.2 + 0.02 * frame as f32) })
        .collect();
    for look_ahead in [0, 3, 48] {
        for (frame, luma) in run(&script, look_ahead, 15, true).iter().enumerate() {
            assert!(hides(luma, 0.2 + 0.02 * frame as f32), "frame {frame}, look-ahead {look_ahead}");
            assert!(!is_clear(luma) && luma.iter().filter(|&&luma| luma == SCENE).count() > 14_000, "frame {frame}");
        }
    }
    assert!((5..8).all(|frame| is_clear(&run(&script, 3, 15, false)[frame])), "without tracks it leaks");
}

#[test]
fn a_new_track_is_filled_backwards_through_the_held_frames() {
    let script: Vec<Seen> =
        (0..12).map(|frame| if frame < 6 { nothing() } else { strong(0.2 + 0.008 * frame as f32) }).collect();
    let left = run(&script, 3, 15, true);
    assert!((0..3).all(|frame| is_clear(&left[frame])), "what has left is not called back");
    assert!((3..12).all(|frame| hides(&left[frame], 0.2 + 0.008 * frame as f32)));
}

#[test]
fn a_lost_track_lingers_and_then_ends() {
    let mut script = vec![strong(0.5); 4];
    script.resize(20, nothing());
    let left = run(&script, 3, 10, true);
    assert!((0..14).all(|frame| hides(&left[frame], 0.5)));
    assert!((14..20).all(|frame| is_clear(&left[frame])));
}

/// Between two looks nobody can say that somebody is gone, so that a person lingers from the look after.
#[test]
fn a_person_that_was_seen_once_lingers_as_long_as_anybody() {
    let mut script = vec![Seen { strong: vec![of(Kind::Person, [0.4, 0.2, 0.6, 0.9])], ..Seen::default() }];
    script.resize(30, nothing());
    let left = run(&script, 3, 10, true);
    assert!((0..=10).all(|frame| hides(&left[frame], 0.5)), "its linger at least");
    assert!((16..30).all(|frame| is_clear(&left[frame])), "and not for ever");
}

/// Of somebody who bends down, the face is not where the shape of the box lets one presume it.
#[test]
fn where_a_persons_face_was_stays_hidden_as_long_as_the_person_is_seen() {
    let person = of(Kind::Person, [0.4, 0.05, 0.62, 0.95]);
    let seen = |frame| if frame < 6 { vec![person, face(0.51, 0.75)] } else { vec![person] };
    let script: Vec<Seen> = (0..60).map(|frame| Seen { strong: seen(frame), ..Seen::default() }).collect();
    let limits = Limits { heads_only: true, ..Limits::new(3, Duration::from_secs(10), Duration::from_millis(40)) };
    let hidden = |tracked: bool| {
        let left = run_within(&script, limits, PersonRule::Head, tracked);
        let is_hidden = |luma: &[u8]| luma.is_empty() || (93..111).all(|x| luma[75 * 200 + x] != SCENE);
        left.iter().filter(|luma| is_hidden(luma)).count()
    };
    assert_eq!((hidden(true), hidden(false)), (60, 6));
}

/// Near and of like size, and yet another one.
#[test]
fn a_face_that_is_lost_beside_a_known_one_stays_hidden() {
    for apart in [0.03, 0.045, 0.07] {
        let both = Seen { strong: vec![face(0.4, 0.5), face(0.4 + apart, 0.5)], ..Seen::default() };
        let script: Vec<Seen> = (0..16).map(|frame| if frame < 6 { both.clone() } else { strong(0.4) }).collect();
        for look_ahead in [0, 3] {
            let left = run(&script, look_ahead, 8, true);
            let hidden = left.iter().filter(|luma| hides(luma, 0.4 + apart)).count();
            assert!(
                hidden >= 14,
                "{apart} apart, look-ahead {look_ahead}: {hidden} frames, fewer than of any lost face"
            );
            assert!(apart < 0.07 || hidden == 14, "and not for ever: {hidden} frames");
            assert!(left.iter().all(|luma| hides(luma, 0.4)));
        }
    }
}

/// Whose face a face is, is decided between two looks of the person network as it is on them: by the place of the head.
#[test]
fn whose_head_is_hidden_where_a_look_was_is_hidden_between_two_looks_too() {
    let person = |edges| of(Kind::Person, edges);
    let face = |edges| of(Kind::Face, edges);
    let front = person([0.4, 0.2, 0.6, 1.0]);
    // Persons, the only face, and the middle of a head that is not its.
    let scenes = [
        (
            "behind whose face is seen",
            vec![front, person([0.3, 0.12, 0.5, 0.92])],
            face([0.45, 0.2, 0.55, 0.4]),
            [70..92, 12..30],
        ),
        (
            "in front, her back turned",
            vec![person([0.4, 0.1, 0.6, 0.9]), person([0.4, 0.24, 0.6, 1.0])],
            face([0.475, 0.1, 0.525, 0.18]),
            [88..112, 26..41],
        ),
        (
            "with a child on the arm",
            vec![person([0.4, 0.1, 0.6, 0.9])],
            face([0.475, 0.31, 0.525, 0.39]),
            [88..112, 10..28],
        ),
    ];
    for (who, persons, face, [across, down]) in scenes {
        let seen = |frame: usize| match frame % 6 {
            0 => persons.iter().copied().chain([face]).collect(),
            _ => vec![face],
        };
        let script: Vec<Seen> = (0..20).map(|frame| Seen { strong: seen(frame), ..Seen::default() }).collect();
        for look_ahead in [0, 3] {
            let limits = Limits {
                heads_only: true,
                ..Limits::new(look_ahead, Duration::from_secs(10), Duration::from_millis(40))
            };
            let hidden = |tracked: bool| {
                let left = run_within(&script, limits, PersonRule::Head, tracked);
                let is_hidden = |luma: &&Vec<u8>| {
                    down.clone().all(|y: usize| across.clone().all(|x: usize| luma[y * 200 + x] != SCENE))
                };
                assert!(left.iter().all(|luma| luma[80 * 200 + 100] == SCENE), "nobody's body is hidden");
                left.iter().filter(is_hidden).count()
            };
            assert_eq!((hidden(true), hidden(false)), (20, 4), "who stands {who}, look-ahead {look_ahead}");
        }
    }
}

/// What jitters shows a little more of the head in each frame, so that a mask does not follow each tremor of the boxes.
#[test]
fn a_box_that_jitters_has_a_mask_that_does_not() {
    let jitter = |frame: usize| {
        // A quick tremor, and a slow one.
        let half = [0.0545, 0.0495][frame / 7 % 2] + 0.0005 * (frame % 3) as f32;
        Seen { strong: vec![of(Kind::Face, [0.5 - half, 0.4, 0.5 + half, 0.6])], ..Seen::default() }
    };
    let script: Vec<Seen> = (0..32).map(jitter).collect();
    let widths = |tracked: bool| -> std::collections::BTreeSet<usize> {
        let left = run(&script, 3, 15, tracked);
        left[4..28].iter().map(|luma| luma[50 * 200..51 * 200].iter().filter(|&&luma| luma != SCENE).count()).collect()
    };
    assert!(widths(false).len() > 1, "without tracks the mask trembles");
    assert_eq!(widths(true).len(), 1, "{:?}", widths(true));
}

#[test]
fn a_weak_detection_keeps_a_track_and_begins_one_only_when_it_comes_again() {
    let mut script = vec![strong(0.3), strong(0.3)];
    script.extend((0..30).map(|_| weak(0.3)));
    assert!(run(&script, 3, 5, true).iter().all(|luma| hides(luma, 0.3)), "a live track is kept by weak detections");
    let mut script = vec![nothing(); 20];
    script[10] = weak(0.6);
    assert!(run(&script, 3, 15, true).iter().all(|luma| is_clear(luma)), "a weak one alone hides nothing");
    script[12] = weak(0.61);
    let left = run(&script, 3, 15, true);
    assert!(
        (10..=12).all(|frame| hides(&left[frame], 0.6 + 0.005 * (frame as f32 - 10.0))),
        "one that comes again does"
    );
    assert!(is_clear(&left[2]) && is_clear(&left[19]));
}

#[test]
fn a_pan_does_not_tear_a_track() {
    // The camera pans by more than half a face between two frames; the face is lost for three frames meanwhile.
    let at = |frame: usize| 0.85 - 0.06 * frame as f32;
    let script: Vec<Seen> = (0..12)
        .map(|frame| Seen {
            shift: Shift { scale: 1.0, by: [if frame == 0 { 0.0 } else { -0.06 }, 0.0] },
            ..if (6..9).contains(&frame) { nothing() } else { strong(at(frame)) }
        })
        .collect();
    for look_ahead in [0, 3] {
        let left = run(&script, look_ahead, 15, true);
        assert!((0..12).all(|frame| hides(&left[frame], at(frame))), "look-ahead {look_ahead}");
    }
}

#[test]
fn a_cut_ends_tracks_and_does_not_uncover_the_frame_before_it() {
    let mut script = vec![strong(0.3), strong(0.3), nothing(), nothing()];
    script.push(Seen { cut: true, ..strong(0.7) });
    script.extend([strong(0.7), strong(0.7)]);
    let left = run(&script, 3, 15, true);
    assert!((0..4).all(|frame| hides(&left[frame], 0.3)), "to the last frame before the cut");
    assert!((2..4).all(|frame| !hides(&left[frame], 0.7)), "the new scene does not reach back");
    assert!((4..7).all(|frame| hides(&left[frame], 0.7) && !hides(&left[frame], 0.3)));
}

#[test]
fn persons_are_carried_over_the_frames_between_two_looks() {
    let person = |x: f32| Seen { strong: vec![of(Kind::Person, [x - 0.05, 0.2, x + 0.05, 0.9])], ..Seen::default() };
    let at = |frame: usize| 0.2 + 0.004 * frame as f32;
    let script: Vec<Seen> = (0..25).map(|frame| if frame % 6 == 0 { person(at(frame)) } else { nothing() }).collect();
    for look_ahead in [3, 48] {
        let left = run(&script, look_ahead, 15, true);
        assert!((0..25).all(|frame| hides(&left[frame], at(frame))), "look-ahead {look_ahead}");
    }
}

#[test]
fn frames_that_nobody_looked_at_break_no_track() {
    let script: Vec<Seen> = (0..16)
        .map(|frame| Seen { missing: frame % 4 == 1, ..if frame % 4 == 2 { nothing() } else { strong(0.4) } })
        .collect();
    let left = run(&script, 2, 15, true);
    for (frame, luma) in left.iter().enumerate() {
        assert_eq!(luma.is_empty(), frame % 4 == 1, "frame {frame}");
        assert!(hides(luma, 0.4), "frame {frame}");
    }
}

#[test]
fn a_thousand_tracks_are_followed() {
    let crowd = |frame: usize| Seen {
        strong: (0..1000)
            .filter(|face| !(face + frame).is_multiple_of(5))
            .map(|at| {
                let (x, y) = (0.01 + 0.02 * (at % 50) as f32, 0.025 + 0.05 * (at / 50) as f32);
                of(Kind::Face, [x - 0.005, y - 0.01, x + 0.005, y + 0.01])
            })
            .collect(),
        ..Seen::default()
    };
    let script: Vec<Seen> = (0..8).map(crowd).collect();
    let left = run(&script, 3, 15, true);
    for (frame, luma) in left.iter().enumerate() {
        let clear =
            (0..1000).filter(|at| luma[(100 * (2 * (at / 50) + 1) / 40) * 200 + 2 + 4 * (at % 50)] == SCENE).count();
        assert_eq!(clear, 0, "frame {frame}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// A fill can only add.
    #[test]
    fn tracks_uncover_nothing(
        faces in prop::collection::vec(
            prop::collection::vec((0.0f32..1.0, 0.0f32..1.0, prop::bool::ANY, prop::bool::ANY), 0..5), 3..14,
        ),
        pan in -0.1f32..0.1, zoom in 0.9f32..1.1, cut in 0usize..14, look_ahead in 0usize..6, linger in 0usize..10,
        heads_only in prop::bool::ANY,
    ) {
        let script: Vec<Seen> = faces
            .iter()
            .enumerate()
            .map(|(frame, seen)| {
                let pick = |wanted: bool| {
                    seen.iter().filter(|seen| seen.2 == wanted).map(|&(x, y, _, person)| {
                        if person { of(Kind::Person, [x - 0.04, y, x + 0.04, y + 0.3]) } else { face(x, y) }
                    }).collect()
                };
                let shift = Shift { scale: zoom, by: [pan, 0.0] };
                Seen { strong: pick(true), weak: pick(false), shift, cut: frame == cut, missing: false }
            })
            .collect();
        let rule = if heads_only { PersonRule::Head } else { PersonRule::Body };
        let limits = Limits::new(look_ahead, Duration::from_secs(10), Duration::from_millis(40));
        let limits = Limits { linger, heads_only, margin: 0.3, ..limits };
        let [with, without] = [true, false].map(|tracked| run_within(&script, limits, rule, tracked));
        for (frame, (with, without)) in with.iter().zip(&without).enumerate() {
            for (at, (with, without)) in with.iter().zip(without).enumerate() {
                prop_assert!(*without == SCENE || *with != SCENE, "frame {frame}, pixel {at}");
            }
        }
    }
}
