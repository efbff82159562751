//! How `blur` looks on a photograph, in figures: no edge inside a mask, no step at its border, and not one flat fill.
#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a test may panic: that is how it fails"
)]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use frostglass_vault::{
    Area, Detection, Findings, Format, Inspected, Kind, PersonRule, Policy, Pool, Redactor, Score, Size, Stamp, Style,
    Zones,
};

/// Two crops of the bundled photograph, and the face in each: left, top, width, height in pixels.
const CROPS: [(&str, [f32; 4]); 2] =
    [("standing.pgm", [48.7, 46.0, 47.3, 61.8]), ("light.pgm", [48.5, 46.8, 42.1, 59.5])];

/// One plane of a picture.
struct Grey {
    size: Size,
    samples: Vec<u8>,
}

impl Grey {
    /// A binary PGM with a header of three lines, without comments.
    fn read(name: &str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name);
        let bytes = std::fs::read(path).unwrap();
        let mut parts = bytes.splitn(4, |byte| *byte == b'\n');
        let mut line = || parts.next().unwrap();
        assert_eq!(line(), b"P5");
        let mut sides = std::str::from_utf8(line()).unwrap().split(' ').map(|side| side.parse().unwrap());
        let size = Size::new(sides.next().unwrap(), sides.next().unwrap());
        assert_eq!(line(), b"255");
        let samples = line().to_vec();
        assert_eq!(samples.len(), size.pixels());
        Self { size, samples }
    }

    fn redacted(&self, [x, y, w, h]: [f32; 4]) -> Self {
        let format = Format::still(self.size);
        let [width, height] = [self.size.width as f32, self.size.height as f32];
        let area = Area::new(x / width, y / height, (x + w) / width, (y + h) / height).unwrap();
        let face = Detection { kind: Kind::Face, area, score: Score::new(0.9).unwrap() };
        let mut blank = Pool::new(format, 1).blank().unwrap();
        for plane in blank.planes_mut() {
            plane.bytes.copy_from_slice(&self.samples);
        }
        let raw = blank.expose(Stamp { sequence: 0, time: Duration::ZERO }, &Zones::none());
        let policy = Policy { style: Style::Blur, persons: PersonRule::Head, margin: 0.5 };
        let found = Findings::Complete(vec![face]);
        let after = Redactor::new(policy, format, Arc::new(Zones::none())).redact(Inspected::new(raw, found));
        let samples = (0..self.size.height).flat_map(|y| after.picture().row(0, y).to_vec()).collect();
        Self { size: self.size, samples }
    }

    fn at(&self, x: u32, y: u32) -> u8 {
        self.samples[(y * self.size.width + x) as usize]
    }

    /// The mean of the square that reaches so far around a sample.
    fn mean(&self, x: u32, y: u32, reach: u32) -> f32 {
        let square = (y - reach..=y + reach).flat_map(|y| (x - reach..=x + reach).map(move |x| (x, y)));
        square.map(|(x, y)| f32::from(self.at(x, y))).sum::<f32>() / ((2 * reach + 1) * (2 * reach + 1)) as f32
    }

    /// The steepest slope between the means of 5 by 5 samples inside of a box, in levels a pixel.
    fn steepest(&self, [x, y, w, h]: [f32; 4]) -> f32 {
        let places = (y as u32..(y + h) as u32).flat_map(|y| (x as u32..(x + w) as u32).map(move |x| (x, y)));
        let slope = |(x, y): (u32, u32)| {
            let here = self.mean(x, y, 2);
            (self.mean(x + 1, y, 2) - here).abs().max((self.mean(x, y + 1, 2) - here).abs())
        };
        places.map(slope).fold(0.0, f32::max)
    }
}

#[test]
fn a_pane_has_no_edge_inside() {
    for (name, [x, y, w, h]) in CROPS {
        let before = Grey::read(name);
        let after = before.redacted([x, y, w, h]);
        // A sixth in from the box: its corners lie close to the border, where the pane bends to meet the picture.
        let face = [x + w / 6.0, y + h / 6.0, w / 1.5, h / 1.5];
        let (sharp, frosted) = (before.steepest(face), after.steepest(face));
        assert!(frosted < 8.0, "{frosted} levels a pixel in {name}");
        assert!(sharp > 2.0 * frosted, "the face itself has edges of {sharp}");
    }
}

/// Along the rows of each face: how far the pane is from the picture on both sides of its border, beside what a fill
/// with one grey would be.
#[test]
fn a_pane_meets_its_surroundings_without_a_step() {
    let (mut steps, mut flat, mut count) = (0.0, 0.0, 0.0);
    for (name, [x, y, w, h]) in CROPS {
        let before = Grey::read(name);
        let after = before.redacted([x, y, w, h]);
        for row in ((y + 0.2 * h) as u32..(y + 0.8 * h) as u32).step_by(4) {
            let changed = |x: &u32| after.at(*x, row) != before.at(*x, row);
            let columns = 0..before.size.width;
            let (first, last) = (columns.clone().find(changed).unwrap(), columns.rev().find(changed).unwrap());
            assert!((first as f32) < x && last as f32 > x + w, "the mask contains the face");
            // The feather is an eighth of half of the head: 6 samples farther in, all is glass.
            let feather = w as u32 / 8 + 4;
            for (inside, outside) in [(first + feather, first - 4), (last - feather, last + 4)] {
                let beside = after.mean(outside, row, 3);
                steps += (after.mean(inside, row, 3) - beside).abs();
                flat += (128.0 - beside).abs();
                count += 1.0;
            }
        }
    }
    assert!(steps < 0.5 * flat, "steps of {} levels; a grey fill has {}", steps / count, flat / count);
}

#[test]
fn a_pane_is_not_one_flat_fill() {
    for (name, [x, y, w, h]) in CROPS {
        let after = Grey::read(name).redacted([x, y, w, h]);
        let part = |across: f32, down: f32| after.mean((x + across * w) as u32, (y + down * h) as u32, 4);
        let parts = [part(0.1, 0.1), part(0.9, 0.1), part(0.1, 0.9), part(0.9, 0.9), part(0.5, 0.5)];
        let range = parts.iter().fold(0.0, |most: f32, one| parts.iter().fold(most, |most, two| most.max(one - two)));
        assert!(range > 10.0, "the pane of {name} shows {parts:?}");
    }
}
