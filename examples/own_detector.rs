//! Bring a detector of your own: here, one that takes every bright spot for a face.
//!
//! What it shows: the `Detector` trait. Whatever finds boxes can stand in for the networks, a thermal sensor too.
//! Run: `cargo run --release -p examples --example own_detector`
//! See: how many spots were found in a made picture, and that none is left. It ends by itself.
#![allow(clippy::print_stdout, reason = "what is printed is what the example shows")]

use std::sync::Arc;
use std::time::Duration;

use frostglass::inspect::Inspector;
use frostglass_models::{DetectError, Detector};
use frostglass_vault::{
    Area, Detection, Format, Inspected, Kind, PersonRule, Picture, Policy, Pool, Redactor, Score, Size, Stamp, Style,
    Zones,
};

/// Looks at a grid of 16 by 16 cells of luma.
struct BrightSpots;

impl Detector for BrightSpots {
    fn detect(&mut self, picture: &Picture<'_>, found: &mut Vec<Detection>) -> Result<(), DetectError> {
        const CELLS: u32 = 16;
        let Size { width, height } = picture.size();
        for cell in 0..CELLS * CELLS {
            let (column, line) = (cell % CELLS, cell / CELLS);
            let row = picture.row(0, (2 * line + 1) * height / (2 * CELLS));
            if row[((2 * column + 1) * width / (2 * CELLS)) as usize] > 200 {
                let share = |cell: u32| cell as f32 / CELLS as f32;
                // A box that makes no sense would have to be an error: dropping it would uncover something.
                let area = Area::new(share(column), share(line), share(column + 1), share(line + 1));
                let (area, score) = area.zip(Score::new(1.0)).expect("a cell lies inside the picture");
                found.push(Detection { kind: Kind::Face, area, score });
            }
        }
        Ok(())
    }
}

fn main() {
    let format = Format::still(Size::new(320, 320));
    let mut blank = Pool::new(format, 1).blank().expect("one slot is free");
    for plane in blank.planes_mut() {
        for (index, sample) in plane.bytes.iter_mut().enumerate() {
            let (x, y) = (index % 320, index / 320);
            // Three bright discs on a dark ground.
            let bright = [(70, 70), (250, 110), (150, 270)]
                .iter()
                .any(|&(cx, cy): &(usize, usize)| x.abs_diff(cx).pow(2) + y.abs_diff(cy).pow(2) < 20 * 20);
            *sample = if bright { 240 } else { 60 };
        }
    }
    let zones = Arc::new(Zones::none());
    let mut raw = blank.expose(Stamp { sequence: 0, time: Duration::ZERO }, &zones);
    let findings = Inspector::new(Box::new(BrightSpots)).inspect(raw.lend());
    println!("{findings:?}");

    let policy = Policy { style: Style::Blur, persons: PersonRule::None, margin: 1.0 };
    let redacted = Redactor::new(policy, format, zones).redact(Inspected::new(raw, findings));
    let brightest = redacted.picture().plane(0).bytes.iter().max();
    println!("the brightest sample that leaves: {brightest:?}");
}
