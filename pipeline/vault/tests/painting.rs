//! What is masked has no influence, what is not masked stays, and what is not known is hidden.
#![allow(clippy::unwrap_used, clippy::cast_possible_truncation, reason = "a test may panic: that is how it fails")]

use std::sync::Arc;
use std::time::Duration;

use frostglass_vault::{
    Area, Chroma, Detection, Findings, Format, Inspected, Kind, Matrix, Outline, PersonRule, Policy, Pool, Range,
    RawFrame, RedactedFrame, Redactor, Score, Size, Stamp, Style, Zone, ZoneStyle, Zones,
};
use proptest::prelude::*;

const STAMP: Stamp = Stamp { sequence: 7, time: Duration::ZERO };

/// A sample for each plane and place.
type Scene<'a> = &'a dyn Fn(usize, u32, u32) -> u8;

fn raw(format: Format, zones: &Zones, scene: Scene<'_>) -> RawFrame {
    let mut blank = Pool::new(format, 1).blank().unwrap();
    for (index, plane) in blank.planes_mut().into_iter().enumerate() {
        let width = plane.size.width;
        for (at, sample) in plane.bytes.iter_mut().enumerate() {
            *sample = scene(index, at as u32 % width, at as u32 / width);
        }
    }
    blank.expose(STAMP, zones)
}

fn face(area: Area) -> Detection {
    Detection { kind: Kind::Face, area, score: Score::new(0.8).unwrap() }
}

fn policy(style: Style) -> Policy {
    Policy { style, persons: PersonRule::Head, margin: 0.5 }
}

fn redact(format: Format, zones: &[Zone], style: Style, found: &[Detection], scene: Scene<'_>) -> RedactedFrame {
    let zones = Arc::new(Zones::new(zones, format));
    let frame = raw(format, &zones, scene);
    Redactor::new(policy(style), format, zones).redact(Inspected::new(frame, Findings::Complete(found.to_vec())))
}

fn samples(frame: &RedactedFrame) -> [Vec<u8>; 3] {
    let format = frame.format();
    [0, 1, 2].map(|plane| {
        (0..format.plane_size(plane).height).flat_map(|y| frame.picture().row(plane, y).to_vec()).collect()
    })
}

fn texture(seed: u32) -> impl Fn(usize, u32, u32) -> u8 {
    move |plane, x, y| {
        let noise = (x ^ (y << 7) ^ (plane as u32) << 14 ^ seed << 17).wrapping_mul(2_654_435_761) >> 27;
        (40 + (x * 3 + y * 2 + 30 * plane as u32 + noise) % 170) as u8
    }
}

fn formats() -> impl Strategy<Value = Format> {
    (1u32..70, 1u32..70, any::<bool>(), any::<bool>()).prop_map(|(width, height, still, full)| {
        let size = Size::new(width, height);
        let range = if full { Range::Full } else { Range::Limited };
        if still { Format::still(size) } else { Format::video(size, Matrix::Bt709, range) }
    })
}

prop_compose! {
    fn areas()(x in 0.0f32..0.95, y in 0.0f32..0.95, w in 0.01f32..0.6, h in 0.01f32..0.6) -> Area {
        Area::clipped(x, y, x + w, y + h).unwrap()
    }
}

/// Whether a sample of a plane has a share in a pixel that an area touches.
fn under(format: Format, area: Area, plane: usize, x: u32, y: u32) -> bool {
    let rect = area.cover(format.size, Chroma::Full);
    let cell = if plane == 0 { 1 } else { format.chroma.cell() };
    (x + 1) * cell > rect.left && x * cell < rect.right && (y + 1) * cell > rect.top && y * cell < rect.bottom
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 160, ..ProptestConfig::default() })]

    /// Two scenes that differ only behind face masks look the same from outside.
    #[test]
    fn what_is_behind_a_face_mask_has_no_influence(
        format in formats(), faces in prop::collection::vec(areas(), 1..5), solid: bool, seed in 0u32..1000,
    ) {
        let style = if solid { Style::Solid } else { Style::Blur };
        let found: Vec<_> = faces.iter().map(|area| face(*area)).collect();
        let outside = texture(seed);
        let inside = |plane: usize, x: u32, y: u32| faces.iter().any(|area| under(format, *area, plane, x, y));
        let one = redact(format, &[], style, &found, &outside);
        for other in [0u8, 255, 128] {
            let scene = |plane, x, y| if inside(plane, x, y) { other } else { outside(plane, x, y) };
            let two = redact(format, &[], style, &found, &scene);
            prop_assert!(!two.is_masked());
            prop_assert!(samples(&one) == samples(&two), "what is inside shows, style {style:?}");
        }
    }

    /// Two scenes that differ only in a hidden zone look the same, whatever the zone's style.
    #[test]
    fn what_is_in_a_zone_has_no_influence(
        format in formats(), corners in prop::collection::vec((0.0f32..=1.0, 0.0f32..=1.0), 3..7),
        blurred: bool, area in areas(), seed in 0u32..1000,
    ) {
        let corners: Vec<_> = corners.into_iter().map(|(x, y)| [x, y]).collect();
        let Ok(outline) = Outline::new(&corners) else { return Ok(()) };
        let zones = [Zone { outline, style: if blurred { ZoneStyle::Blur } else { ZoneStyle::Solid } }];
        let covered = Zones::new(&zones, format);
        let cell = format.chroma.cell();
        let inside = |plane: usize, x: u32, y: u32| if plane == 0 { covered.covers(x, y) } else { covered.covers(x * cell, y * cell) };
        let outside = texture(seed);
        for style in [Style::Blur, Style::Solid, Style::Mosaic] {
            let one = redact(format, &zones, style, &[face(area)], &outside);
            let scene = |plane, x, y| if inside(plane, x, y) { 255 - outside(plane, x, y) / 2 } else { outside(plane, x, y) };
            let two = redact(format, &zones, style, &[face(area)], &scene);
            prop_assert!(samples(&one) == samples(&two), "what is in the zone shows, style {style:?}");
        }
    }

    /// Every sample of every plane that a face box touches is replaced.
    #[test]
    fn every_sample_of_a_face_is_replaced(format in formats(), area in areas(), style in 0usize..3) {
        let style = [Style::Blur, Style::Solid, Style::Mosaic][style];
        // Two scenes that differ everywhere inside by more than any averaging leaves.
        let scene = |dark: bool| move |plane: usize, x: u32, y: u32| match under(format, area, plane, x, y) {
            true if dark => 1,
            true => 254,
            false => 100,
        };
        let [dark, light] = [true, false].map(|dark| samples(&redact(format, &[], style, &[face(area)], &scene(dark))));
        for plane in 0..3 {
            let size = format.plane_size(plane);
            for y in 0..size.height {
                for x in (0..size.width).filter(|&x| under(format, area, plane, x, y)) {
                    let at = (y * size.width + x) as usize;
                    prop_assert!(dark[plane][at] != 1 && light[plane][at] != 254, "plane {plane} at {x}, {y}");
                }
            }
        }
    }

    /// What is farther away than mask and feather reach is as it was, byte for byte.
    #[test]
    fn the_background_stays_as_it_was(format in formats(), area in areas(), seed in 0u32..1000) {
        let scene = texture(seed);
        let (w, h) = (area.width().max(0.15) + 8.0 / format.size.width as f32, area.height().max(0.15) + 8.0 / format.size.height as f32);
        let reach = Area::clipped(area.left() - w, area.top() - h, area.right() + w, area.bottom() + h).unwrap();
        for style in [Style::Blur, Style::Solid, Style::Mosaic] {
            let after = samples(&redact(format, &[], style, &[face(area)], &scene));
            let untouched = samples(&redact(format, &[], style, &[], &scene));
            for plane in 0..3 {
                let size = format.plane_size(plane);
                for y in 0..size.height {
                    for x in 0..size.width {
                        let at = (y * size.width + x) as usize;
                        prop_assert_eq!(untouched[plane][at], scene(plane, x, y), "nothing was found");
                        if !under(format, reach, plane, x, y) {
                            prop_assert_eq!(after[plane][at], scene(plane, x, y), "plane {} at {}, {}", plane, x, y);
                        }
                    }
                }
            }
        }
    }
}

/// No sample of the scene, whose samples are all above 200, is left.
fn nothing_is_left(frame: &RedactedFrame) -> bool {
    frame.is_masked() && samples(frame).iter().flatten().all(|&sample| sample <= 200)
}

#[test]
fn what_is_not_known_is_hidden() {
    let format = Format::video(Size::new(33, 21), Matrix::Bt601, Range::Full);
    let bright = |_, _, _| 250;
    let zones = Arc::new(Zones::none());
    let mut redactor = Redactor::new(policy(Style::Blur), format, Arc::clone(&zones));
    let everywhere = face(Area::new(0.1, 0.1, 0.11, 0.11).unwrap());

    let missing = redactor.redact(Inspected::new(raw(format, &zones, &bright), Findings::Missing));
    assert!(nothing_is_left(&missing), "missing findings");

    let crowd = Findings::Complete(vec![everywhere; frostglass_vault::MOST_DETECTIONS + 1]);
    assert!(nothing_is_left(&redactor.redact(Inspected::new(raw(format, &zones, &bright), crowd))), "too many");

    let mut lent = raw(format, &zones, &bright);
    let look = lent.lend();
    assert!(nothing_is_left(&redactor.redact(Inspected::new(lent, Findings::Complete(vec![])))), "still lent");
    assert_eq!(look.picture().row(0, 3)[5], 250, "the lease is good until it ends");
    drop(look);

    let other = Format::still(Size::new(8, 8));
    assert!(
        nothing_is_left(&redactor.redact(Inspected::new(raw(other, &zones, &bright), Findings::Complete(vec![])))),
        "another format"
    );

    let elsewhere = Arc::new(Zones::new(&[], other));
    let mut confused = Redactor::new(policy(Style::Blur), format, elsewhere);
    assert!(
        nothing_is_left(&confused.redact(Inspected::new(raw(format, &zones, &bright), Findings::Complete(vec![])))),
        "zones of another format"
    );

    let open = redactor.redact(Inspected::new(raw(format, &zones, &bright), Findings::Complete(vec![])));
    assert!(!open.is_masked() && samples(&open)[0].iter().all(|&sample| sample == 250), "nothing was found");
}

#[test]
fn zones_of_another_format_hide_everything() {
    let format = Format::still(Size::new(9, 7));
    let outline = Outline::new(&[[0.0, 0.0], [0.1, 0.0], [0.0, 0.1]]).unwrap();
    let zones = Zones::new(&[Zone { outline, style: ZoneStyle::Solid }], Format::still(Size::new(90, 70)));
    let mut frame = raw(format, &zones, &|_, _, _| 250);
    assert!((0..7).all(|y| frame.lend().picture().row(1, y).iter().all(|&sample| sample < 100)));
}

#[test]
fn what_is_hidden_on_top_is_hidden() {
    let format = Format::video(Size::new(40, 30), Matrix::Bt709, Range::Limited);
    for style in [Style::Blur, Style::Solid, Style::Mosaic] {
        let zones = Arc::new(Zones::none());
        let area = Area::new(0.3, 0.3, 0.6, 0.7).unwrap();
        let scene = |plane, x, y| if under(format, area, plane, x, y) { 250 } else { 60 };
        let mut inspected = Inspected::new(raw(format, &zones, &scene), Findings::Complete(vec![]));
        inspected.hide_also(area);
        let after = Redactor::new(policy(style), format, zones).redact(inspected);
        assert!(samples(&after).iter().flatten().all(|&sample| sample != 250), "{style:?}");
    }
}

#[test]
fn persons_are_hidden_as_the_rule_says() {
    let format = Format::still(Size::new(100, 100));
    let person =
        Detection { kind: Kind::Person, area: Area::new(0.4, 0.1, 0.6, 0.9).unwrap(), score: Score::new(0.9).unwrap() };
    let hidden = |persons: PersonRule, y: u32| {
        let zones = Arc::new(Zones::none());
        let frame = raw(format, &zones, &|_, _, _| 250);
        let policy = Policy { persons, ..policy(Style::Solid) };
        let after =
            Redactor::new(policy, format, zones).redact(Inspected::new(frame, Findings::Complete(vec![person])));
        after.picture().row(0, y)[50] != 250
    };
    let cases = [(PersonRule::None, false, false), (PersonRule::Head, true, false), (PersonRule::Body, true, true)];
    for (rule, head, feet) in cases {
        assert_eq!((hidden(rule, 15), hidden(rule, 85)), (head, feet), "{rule:?}");
    }
}

#[test]
fn a_picture_full_of_faces_is_neutral_where_nothing_is_left_to_fill_from() {
    let format = Format::still(Size::new(64, 48));
    let after = redact(format, &[], Style::Blur, &[face(Area::EVERYTHING)], &texture(3));
    assert!(!after.is_masked());
    assert!(samples(&after).iter().flatten().all(|sample| sample.abs_diff(128) < 20), "grey and its grain");
}

#[test]
fn hundreds_of_faces_are_hidden() {
    let format = Format::video(Size::new(320, 240), Matrix::Bt601, Range::Full);
    let spot = |number: u32| {
        Area::new(
            (number % 20) as f32 / 20.0,
            (number / 20) as f32 / 20.0,
            (number % 20) as f32 / 20.0 + 0.02,
            (number / 20) as f32 / 20.0 + 0.02,
        )
        .unwrap()
    };
    let found: Vec<_> = (0..400).map(|number| face(spot(number))).collect();
    let scene = |plane, x, y| if (0..400).any(|number| under(format, spot(number), plane, x, y)) { 255 } else { 90 };
    let after = samples(&redact(format, &[], Style::Blur, &found, &scene));
    assert!(after.iter().flatten().all(|&sample| sample != 255));
}

/// The pane follows what is around it, without a step at its border and without an edge inside.
#[test]
fn a_pane_is_smooth_and_looks_like_its_surroundings() {
    let format = Format::still(Size::new(240, 200));
    // Dark on the left, light on the right.
    let scene = |_: usize, x: u32, _: u32| (30 + x * 180 / 240) as u8;
    let area = Area::new(0.4, 0.4, 0.6, 0.65).unwrap();
    let after = redact(format, &[], Style::Blur, &[face(area)], &scene);
    let middle = |x: u32| {
        // Means of 9 by 9 samples, in which the grain is gone.
        let window = (96..105).flat_map(|y| after.picture().row(0, y)[x as usize - 4..x as usize + 5].to_vec());
        window.map(f32::from).sum::<f32>() / 81.0
    };
    let inside: Vec<f32> = (60..180).map(middle).collect();
    let steepest = inside.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max);
    assert!(steepest < 3.0, "an edge of {steepest} levels a pixel");
    let fill = (middle(100), middle(140));
    assert!(fill.1 - fill.0 > 10.0, "the pane is {fill:?}: it does not follow the picture");
    let off = (60..180).map(|x| (middle(x) - f32::from(scene(0, x, 0))).abs()).fold(0.0, f32::max);
    assert!(off < 30.0, "{off} levels away from what is around");
}

/// A frame that was exposed with other zones than the redactor's still shows nothing of these.
#[test]
fn the_redactors_own_zones_are_hidden_whatever_the_frame_was_exposed_with() {
    let format = Format::video(Size::new(40, 30), Matrix::Bt709, Range::Full);
    for zone_style in [ZoneStyle::Solid, ZoneStyle::Blur] {
        let outline = Outline::new(&[[0.2, 0.2], [0.7, 0.2], [0.4, 0.8]]).unwrap();
        let zones = Arc::new(Zones::new(&[Zone { outline, style: zone_style }], format));
        for style in [Style::Blur, Style::Solid, Style::Mosaic] {
            let frame = raw(format, &Zones::none(), &|plane, x, y| {
                let cell = if plane == 0 { 1 } else { 2 };
                if zones.covers(x * cell, y * cell) { 250 } else { 60 }
            });
            let seen = Inspected::new(frame, Findings::Complete(vec![]));
            let after = Redactor::new(policy(style), format, Arc::clone(&zones)).redact(seen);
            assert!(samples(&after).iter().flatten().all(|&sample| sample < 200), "{zone_style:?} {style:?}");
        }
    }
}
