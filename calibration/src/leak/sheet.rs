//! A contact sheet: the worst leaks side by side, so that a person can see what the figures mean.
//!
//! **Invariant:** it shows original faces, and is as confidential as the originals.

use image::{Rgb, RgbImage, imageops};

use super::font::{self, ADVANCE, HEIGHT};
use super::worst::SIDE;
use super::{Exhibit, Measured};

const COLUMNS: usize = 3;
/// Around everything.
const GAP: u32 = 8;
/// Between an original and what became of it.
const SEAM: u32 = 2;
const PAIR: [u32; 2] = [2 * SIDE + SEAM, SIDE + 2 * (HEIGHT + 5) + 2];
const GROUND: Rgb<u8> = Rgb([24, 26, 31]);
const INK: Rgb<u8> = Rgb([222, 226, 234]);
const FAINT: Rgb<u8> = Rgb([150, 157, 170]);
/// The corners of the labelled box.
const MARK: Rgb<u8> = Rgb([255, 209, 26]);

/// Draws the exhibits in their order, the original at the left of what is left of it: below each pair the picture, the
/// track, the height of the face in pixels, how much of its box was changed, and in how many of its frames the track leaks.
#[must_use]
pub fn contact_sheet(measured: &Measured, exhibits: &[Exhibit]) -> RgbImage {
    let rows = exhibits.len().div_ceil(COLUMNS).max(1);
    let columns = exhibits.len().clamp(1, COLUMNS);
    let [across, down] = [(columns, PAIR[0]), (rows, PAIR[1])]
        .map(|(count, side)| u32::try_from(count).unwrap_or(u32::MAX).saturating_mul(side + GAP).saturating_add(GAP));
    let head = HEIGHT + 2 * GAP;
    let mut sheet = RgbImage::from_pixel(across, down + head - GAP, GROUND);
    let title = if exhibits.is_empty() {
        "NOTHING LEAKED".to_owned()
    } else {
        format!("ORIGINAL / REDACTED: THE WORST {} LEAKS, WORST FIRST", exhibits.len())
    };
    font::write(&mut sheet, &fitting(&title, across - 2 * GAP), [GAP, GAP], INK);
    for (place, exhibit) in exhibits.iter().enumerate() {
        let at = |place: usize, side: u32| u32::try_from(place).unwrap_or(u32::MAX).saturating_mul(side + GAP);
        let (x, y) = (GAP + at(place % COLUMNS, PAIR[0]), head + at(place / COLUMNS, PAIR[1]));
        draw(&mut sheet, exhibit, [x, y], &frames_that_leak(measured, exhibit));
    }
    sheet
}

fn draw(sheet: &mut RgbImage, exhibit: &Exhibit, [x, y]: [u32; 2], frames: &str) {
    for (side, crop) in (0..).zip(&exhibit.crops) {
        let left = x + side * (SIDE + SEAM);
        imageops::replace(sheet, crop, i64::from(left), i64::from(y));
        mark(sheet, exhibit.at, [left, y]);
    }
    let name = if exhibit.target.track.is_some() { String::new() } else { format!(" FACE {}", exhibit.index) };
    let track = exhibit.target.track.as_ref().map_or(name, |track| format!(" TRACK {track}"));
    // The end of a path tells pictures apart.
    let room = PAIR[0].saturating_sub(u32::try_from(track.chars().count()).unwrap_or(0) * ADVANCE);
    font::write(sheet, &format!("{}{track}", ending(&exhibit.image, room)), [x, y + SIDE + 4], INK);
    // Rounded down: 89.9 % is no 90 %.
    let changed = (100.0 * exhibit.redacted.of_box).floor();
    let facts = format!("{:.0} PX HIGH, {changed:.0} % CHANGED{frames}", exhibit.target.h);
    font::write(sheet, &fitting(&facts, PAIR[0]), [x, y + SIDE + HEIGHT + 9], FAINT);
}

/// Ticks outside of the box's corners, which hide nothing of the face.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the crop before")]
fn mark(sheet: &mut RgbImage, [left, top, right, bottom]: [f64; 4], [x, y]: [u32; 2]) {
    const LENGTH: f64 = 8.0;
    let inside = |at: f64| (0.0..f64::from(SIDE)).contains(&at);
    let mut dot = |across: f64, down: f64| {
        let (across, down) = (across.floor(), down.floor());
        if inside(across) && inside(down) {
            sheet.put_pixel(x + across as u32, y + down as u32, MARK);
        }
    };
    for (corner_x, inwards) in [(left - 1.0, 1.0), (right, -1.0)] {
        for (corner_y, downwards) in [(top - 1.0, 1.0), (bottom, -1.0)] {
            for step in 0..LENGTH as u32 {
                dot(corner_x + inwards * f64::from(step), corner_y);
                dot(corner_x, corner_y + downwards * f64::from(step));
            }
        }
    }
}

/// In how many frames of its track the face leaks; nothing of a face without a track.
fn frames_that_leak(measured: &Measured, exhibit: &Exhibit) -> String {
    let Some(track) = &exhibit.target.track else { return String::new() };
    let folder = |image: &str| std::path::Path::new(image).parent().map(ToOwned::to_owned);
    let of_track = measured
        .pictures
        .iter()
        .filter(|picture| picture.place.file == exhibit.place.file && folder(&picture.image) == folder(&exhibit.image));
    let boxes = of_track.flat_map(|picture| &picture.boxes).filter(|found| found.target.track.as_ref() == Some(track));
    let (mut leaked, mut all) = (0, 0);
    for found in boxes {
        leaked += u32::from(measured.is_leaked(found));
        all += 1;
    }
    format!(", LEAKS {leaked} OF {all}")
}

/// As much of the start of a line as fits.
fn fitting(text: &str, width: u32) -> String {
    text.chars().take((width / ADVANCE) as usize).collect()
}

/// As much of the end of a line as fits.
fn ending(text: &str, width: u32) -> String {
    let count = text.chars().count();
    text.chars().skip(count.saturating_sub((width / ADVANCE) as usize)).collect()
}
