//! What `mosaic` keeps of a head: sixteen coarse averages, and nothing else.
#![allow(clippy::unwrap_used, clippy::cast_possible_truncation, reason = "a test may panic: that is how it fails")]

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use frostglass_vault::{
    Area, Chroma, Detection, Findings, Format, Inspected, Kind, Matrix, Outline, PersonRule, Policy, Pool, Range,
    Redactor, Score, Size, Stamp, Style, Zone, ZoneStyle, Zones,
};
use proptest::prelude::*;

/// Without a margin, so that a face box is its mask.
fn redact(format: Format, zones: &[Zone], faces: &[Area], scene: impl Fn(usize, u32, u32) -> u8) -> [Vec<Vec<u8>>; 3] {
    let zones = Arc::new(Zones::new(zones, format));
    let mut blank = Pool::new(format, 1).blank().unwrap();
    for (index, plane) in blank.planes_mut().into_iter().enumerate() {
        let width = plane.size.width;
        for (at, sample) in plane.bytes.iter_mut().enumerate() {
            *sample = scene(index, at as u32 % width, at as u32 / width);
        }
    }
    let raw = blank.expose(Stamp { sequence: 0, time: Duration::ZERO }, &zones);
    let score = Score::new(0.9).unwrap();
    let found = faces.iter().map(|area| Detection { kind: Kind::Face, area: *area, score }).collect();
    let policy = Policy { style: Style::Mosaic, persons: PersonRule::Head, margin: 0.0 };
    let after = Redactor::new(policy, format, zones).redact(Inspected::new(raw, Findings::Complete(found)));
    assert!(!after.is_masked());
    let rows = |plane| 0..format.plane_size(plane).height;
    [0, 1, 2].map(|plane| rows(plane).map(|y| after.picture().row(plane, y).to_vec()).collect())
}

fn formats() -> impl Strategy<Value = Format> {
    (4u32..70, 4u32..70, any::<bool>()).prop_map(|(width, height, still)| {
        let size = Size::new(width, height);
        if still { Format::still(size) } else { Format::video(size, Matrix::Bt709, Range::Full) }
    })
}

#[test]
fn a_second_box_within_a_head_gives_no_finer_cells() {
    let format = Format::still(Size::new(64, 64));
    let area = |low: f32, high: f32| Area::new(low, low, high, high).unwrap();
    let noise = |plane: usize, x: u32, y: u32| {
        ((x * 7919 + y * 104_729 + plane as u32).wrapping_mul(2_654_435_761) >> 24) as u8
    };
    let (head, parts) = (area(0.0, 1.0), [area(0.1, 0.5), area(0.55, 0.9)]);
    let alone = redact(format, &[], &[head], noise);
    assert_eq!(redact(format, &[], &[head, parts[0], parts[1]], noise), alone);
}

proptest! {
    /// In each plane a head shows at most sixteen values, all of them among eight levels.
    #[test]
    fn a_head_keeps_sixteen_coarse_averages_a_plane(
        format in formats(), x in 0.0f32..0.5, y in 0.0f32..0.5, w in 0.1f32..0.5, h in 0.1f32..0.5, seed: u32,
    ) {
        let area = Area::new(x, y, x + w, y + h).unwrap();
        let noise = |plane: usize, x: u32, y: u32| ((x * 7919 + y * 104_729 + plane as u32 * 31 + seed % 9973).wrapping_mul(2_654_435_761) >> 24) as u8;
        let after = redact(format, &[], &[area], noise);
        let rect = area.cover(format.size, format.chroma);
        for (index, plane) in after.iter().enumerate() {
            let cell = if index == 0 { 1 } else { format.chroma.cell() };
            let (left, right) = ((rect.left / cell) as usize, rect.right.div_ceil(cell) as usize);
            let (top, bottom) = ((rect.top / cell) as usize, rect.bottom.div_ceil(cell) as usize);
            let inside: Vec<&[u8]> = plane[top..bottom].iter().map(|row| &row[left..right]).collect();
            let changes = |count: usize, same: &dyn Fn(usize) -> bool| (1..count).filter(|&at| !same(at)).count();
            let rows = changes(inside.len(), &|at| inside[at] == inside[at - 1]);
            let columns = changes(right - left, &|at| inside.iter().all(|row| row[at] == row[at - 1]));
            prop_assert!(rows < 4 && columns < 4, "{} by {} cells in plane {index}", columns + 1, rows + 1);
            let levels: HashSet<u8> = inside.iter().flat_map(|row| row.iter().copied()).collect();
            // Of chroma, the middle level is no colour.
            let of_a_level = if index > 0 && format.chroma == Chroma::Half { 0 } else { 16 };
            prop_assert!(levels.iter().all(|level| level % 32 == of_a_level), "{levels:?} in plane {index}");
        }
    }
}

/// A scene whose samples change places within the cells of its mosaic looks the same, and one of other averages not.
#[test]
fn scenes_of_the_same_coarse_averages_look_the_same() {
    for format in [Format::still(Size::new(64, 48)), Format::video(Size::new(64, 48), Matrix::Bt601, Range::Full)] {
        let face = Area::new(0.25, 0.25, 0.75, 0.75).unwrap();
        let cells = |x: u32, y: u32| ((x / 4 + y / 4) % 7 * 30 + 20) as u8;
        let stripes = |swapped: bool| {
            move |_: usize, x: u32, y: u32| {
                if x.is_multiple_of(2) == swapped { cells(x, y) + 12 } else { cells(x, y) - 12 }
            }
        };
        let inside = |plane: usize, x: u32, y: u32| {
            let cell = if plane == 0 { 1 } else { format.chroma.cell() };
            (16..48).contains(&(x * cell)) && (12..36).contains(&(y * cell))
        };
        let scene = |swapped: bool| {
            move |plane, x, y| if inside(plane, x, y) { stripes(swapped)(plane, x, y) } else { cells(x, y) }
        };
        let [one, two] = [false, true].map(|swapped| redact(format, &[], &[face], scene(swapped)));
        assert_eq!(one, two);
        assert_ne!(one, redact(format, &[], &[face], |_, _, _| 9), "there is a hint of colour");
    }
}

#[test]
fn a_head_without_colour_gets_none() {
    let format = Format::video(Size::new(40, 40), Matrix::Bt709, Range::Limited);
    let face = Area::new(0.2, 0.2, 0.8, 0.8).unwrap();
    let after = redact(format, &[], &[face], |plane, x, y| if plane == 0 { (x * 4 + y) as u8 } else { 128 });
    assert!(after[1..].iter().flatten().flatten().all(|&sample| sample == 128));
}

/// A blurred zone elsewhere changes nothing of a head, and one beside it is not filled in from it.
#[test]
fn a_blurred_zone_leaves_the_hint_of_colour_and_takes_none_of_it() {
    let format = Format::still(Size::new(80, 60));
    let face = Area::new(0.5, 0.3, 0.7, 0.7).unwrap();
    let zone = |left: f32, right: f32| {
        let outline = Outline::new(&[[left, 0.3], [right, 0.3], [right, 0.7], [left, 0.7]]).unwrap();
        [Zone { outline, style: ZoneStyle::Blur }]
    };
    let scene = |of_face: u8| {
        move |_: usize, x: u32, y: u32| {
            if (40..56).contains(&x) && (18..42).contains(&y) { of_face } else { 60 + (x % 5) as u8 }
        }
    };
    let far = redact(format, &zone(0.0, 0.2), &[face], scene(240));
    assert_eq!(far[0][30][48], 240, "the level in which 240 lies");
    let [bright, dark] = [240, 10].map(|of_face| redact(format, &zone(0.3, 0.5), &[face], scene(of_face)));
    assert!(bright[0][20..40].iter().all(|row| row[24..40].iter().all(|&sample| sample.abs_diff(62) < 20)));
    assert!(bright[0].iter().zip(&dark[0]).all(|(one, two)| one[..40] == two[..40]), "the face shines through");
}
