//! Square cuts of faces: what the matchers look at.
//!
//! **Invariant.** Everybody's window has the same shape: how wide somebody's label is must not tell who it is. Outside
//! of the window a crop is one grey, so that hair, clothes and walls can not be matched in the place of a face.

use super::frames::Frame;

/// Grey of whatever is not looked at.
const NOTHING: [f32; 3] = [128.0; 3];
/// Width of the window in heights: a face is about three quarters as wide as it is high.
pub(super) const ASPECT: f32 = 0.75;
/// Samples along a side that one pixel of a crop is averaged from, at most.
const MOST_SAMPLES: usize = 8;

/// A labelled face in a frame, in pixels from the top left.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Face {
    /// Left edge.
    pub(super) left: f32,
    /// Top edge.
    pub(super) top: f32,
    /// Width.
    pub(super) width: f32,
    /// Height.
    pub(super) height: f32,
}

impl Face {
    /// The longer side.
    pub(super) fn size(&self) -> f32 {
        self.width.max(self.height)
    }
}

/// A square of pixels, red, green and blue from 0 to 255.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Crop {
    side: usize,
    pixels: Vec<[f32; 3]>,
}

impl Crop {
    /// One grey.
    pub(super) fn flat(side: usize) -> Self {
        Self { side, pixels: vec![NOTHING; side * side] }
    }

    /// The square around the middle of a face, whose side is `zoom` of the face's longer one. Beyond the frame its edge is
    /// repeated.
    pub(super) fn of(frame: &Frame, face: Face, side: usize, zoom: f32) -> Self {
        let grid = Grid::new(face, side, zoom);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
        let samples = (grid.step.ceil() as usize).clamp(1, MOST_SAMPLES);
        let offsets = (0..samples).map(|sample| (sample as f32 + 0.5) / samples as f32 - 0.5);
        let count = (samples * samples) as f32;
        let mut pixels = Vec::with_capacity(side * side);
        for (column, row) in grid.cells() {
            let mut sum = [0.0; 3];
            for (dx, dy) in offsets.clone().flat_map(|dy| offsets.clone().map(move |dx| (dx, dy))) {
                let (x, y) = grid.at(column as f32 + dx, row as f32 + dy);
                for (sum, level) in sum.iter_mut().zip(frame.rgb(x, y)) {
                    *sum += level;
                }
            }
            pixels.push(sum.map(|sum| sum / count));
        }
        Self { side, pixels }
    }

    /// Pixels along a side.
    pub(super) fn side(&self) -> usize {
        self.side
    }

    /// Row by row.
    pub(super) fn rows(&self) -> impl Iterator<Item = &[[f32; 3]]> {
        self.pixels.chunks_exact(self.side)
    }

    /// The same with nothing but the window: an ellipse as high as the face.
    pub(super) fn windowed(mut self, zoom: f32) -> Self {
        let side = self.side;
        for (at, pixel) in self.pixels.iter_mut().enumerate() {
            if !in_window(at % side, at / side, side, zoom) {
                *pixel = NOTHING;
            }
        }
        self
    }
}

/// Whether a pixel of a crop lies in the window.
pub(super) fn in_window(column: usize, row: usize, side: usize, zoom: f32) -> bool {
    let half = side as f32 / 2.0;
    let (across, down) = ((column as f32 + 0.5 - half) / half * zoom, (row as f32 + 0.5 - half) / half * zoom);
    (across / ASPECT).powi(2) + down.powi(2) <= 1.0
}

/// Where the pixels of a crop lie in its frame.
#[derive(Debug, Clone, Copy)]
pub(super) struct Grid {
    left: f32,
    top: f32,
    step: f32,
    side: usize,
}

impl Grid {
    /// As [`Crop::of`] lays it.
    pub(super) fn new(face: Face, side: usize, zoom: f32) -> Self {
        let length = face.size() * zoom;
        let (x, y) = (face.left + face.width / 2.0, face.top + face.height / 2.0);
        Self { left: x - length / 2.0, top: y - length / 2.0, step: length / side as f32, side }
    }

    /// Column and row of each pixel, row by row.
    pub(super) fn cells(self) -> impl Iterator<Item = (usize, usize)> {
        (0..self.side * self.side).map(move |at| (at % self.side, at / self.side))
    }

    /// The middle of a pixel, in pixels of the frame, whose first one reaches from 0 to 1.
    pub(super) fn at(self, column: f32, row: f32) -> (f32, f32) {
        (self.left + (column + 0.5) * self.step, self.top + (row + 0.5) * self.step)
    }
}

/// A sum of crops, of which each pixel may have been seen in some frames only.
#[derive(Debug, Clone)]
pub(super) struct Sum {
    side: usize,
    sums: Vec<[f32; 3]>,
    counts: Vec<f32>,
}

impl Sum {
    /// Nothing yet.
    pub(super) fn new(side: usize) -> Self {
        Self { side, sums: vec![[0.0; 3]; side * side], counts: vec![0.0; side * side] }
    }

    /// Adds those pixels of a crop that are named, row by row.
    pub(super) fn add(&mut self, crop: &Crop, seen: impl Iterator<Item = bool>) {
        for (at, _) in seen.enumerate().filter(|(_, seen)| *seen) {
            for (sum, level) in self.sums[at].iter_mut().zip(crop.pixels[at]) {
                *sum += level;
            }
            self.counts[at] += 1.0;
        }
    }

    /// The mean of what was seen, grey where nothing was.
    pub(super) fn mean(&self) -> Crop {
        let mean = |(sum, &count): (&[f32; 3], &f32)| if count > 0.0 { sum.map(|sum| sum / count) } else { NOTHING };
        Crop { side: self.side, pixels: self.sums.iter().zip(&self.counts).map(mean).collect() }
    }

    /// Which pixels were seen at all, row by row.
    pub(super) fn seen(&self) -> impl Iterator<Item = bool> + '_ {
        self.counts.iter().map(|&count| count > 0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use frostglass_vault::{Format, Size};

    fn ramp() -> Frame {
        let format = Format::still(Size::new(64, 64));
        let across: Vec<u8> = (0..64 * 64).map(|at| (at % 64) as u8 * 2).collect();
        let down: Vec<u8> = (0..64 * 64).map(|at| (at / 64) as u8 * 2).collect();
        Frame { format, planes: [across.clone(), down, across] }
    }

    #[test]
    fn a_crop_shows_the_square_around_its_face() {
        let face = Face { left: 20.0, top: 16.0, width: 24.0, height: 32.0 };
        let crop = Crop::of(&ramp(), face, 16, 1.0);
        // The square reaches from 16 to 48 on both axes, two pixels of the frame to each of its own.
        for (at, pixel) in crop.pixels.iter().enumerate() {
            let expected = [at % 16, at / 16].map(|index| (16.0 + 2.0 * index as f32 + 0.5) * 2.0);
            assert!((pixel[0] - expected[0]).abs() < 0.01 && (pixel[1] - expected[1]).abs() < 0.01, "{at}: {pixel:?}");
        }
    }

    #[test]
    fn the_window_is_the_same_for_wide_and_narrow_labels() {
        let shown = |width: f32| {
            let face = Face { left: 32.0 - width / 2.0, top: 16.0, width, height: 32.0 };
            Crop::of(&ramp(), face, 24, 1.2).windowed(1.2)
        };
        assert_eq!(shown(20.0), shown(30.0));
        let crop = shown(20.0);
        let open = crop.pixels.iter().filter(|&&pixel| pixel != NOTHING).count() as f32 / 576.0;
        assert!((open - std::f32::consts::PI / 4.0 * ASPECT / 1.44).abs() < 0.02, "{open}");
    }

    #[test]
    fn a_sum_is_grey_where_nothing_was_seen() {
        let mut sum = Sum::new(2);
        let crop = Crop { side: 2, pixels: vec![[10.0; 3], [20.0; 3], [30.0; 3], [40.0; 3]] };
        sum.add(&crop, [true, false, true, false].into_iter());
        sum.add(&crop, [true, false, false, false].into_iter());
        assert_eq!(sum.mean().pixels, [[10.0; 3], NOTHING, [30.0; 3], NOTHING]);
        assert_eq!(sum.seen().collect::<Vec<_>>(), [true, false, true, false]);
    }
}
