//! `blur`: a pane of frosted glass, filled in from the pixels outside.
//!
//! **Invariant.** Hidden samples are never read. The pane is made of averages of what is not hidden nearby, by a
//! pull-push pyramid (Gortler, Grzeszczuk, Szeliski, Cohen: The Lumigraph, 1996): averages are pulled up to where
//! there are some, and pushed down into the holes. Where nothing is left to fill from, the pane is neutral grey.
//!
//! The pyramid works on a grid of cells about a tenth of the smallest head wide, which costs little and is smooth;
//! the pane is refined by subdivision before it is laid over the samples. The grain is fixed: the same in each
//! frame, so that it does not flicker.

use super::cover::{Cover, FLAT, HIDDEN};
use super::in_plane;
use super::pyramid::{FRACTION, Grid, Level, mixed};
use super::witness::Witnesses;
use crate::geometry::{Rect, Size};
use crate::picture::{Colour, Format, PlaneMut};

/// Side of the tile of grain that is repeated over the picture.
const GRAIN: usize = 128;
/// The grain's standard deviation, in levels.
const GRAIN_LEVELS: f32 = 2.5;
/// Around a group of masks, so much of its smallest head is looked at for something to fill from.
const RING: f32 = 0.35;
/// What the pane shows where nothing is left to fill from.
const NOTHING_LEFT: f32 = 128.0;
/// Cells as wide as this or narrower are laid over samples by bilinear interpolation.
const FINEST: u32 = 4;

/// The widest cell of a group that is not larger than [`MOST_CELLS`] of them.
const WIDEST: u32 = 16;
/// Cells of the finest grid.
const MOST_CELLS: usize = 1 << 17;

/// Fills masks; keeps its scratch, so that no frame allocates.
pub(super) struct Frost {
    grain: Vec<i16>,
    levels: Vec<Level>,
    /// The level that is a single cell; those above are scratch of larger groups.
    top: usize,
    finer: Grid,
    /// The rows of cells above and below a row of samples, stretched to its width.
    rows: [Vec<i16>; 2],
    columns: Vec<(u32, i16)>,
    /// A row of cells.
    cells: Vec<i16>,
    /// A row of sums.
    sums: Vec<f32>,
}

impl Frost {
    /// Takes all the room that any frame of this format can need.
    pub(super) fn new(format: Format) -> Self {
        let Size { width, height } = format.size;
        let (width, height) = (width as usize, height as usize);
        // A grid is no larger than its picture, and odd lengths round up when they are halved.
        let cells = |level: u32| (MOST_CELLS.min(width * height) >> (2 * level)) + ((width + height) >> level) + 2;
        let level = |level| Level {
            grid: Grid { width: 0, height: 0, values: Vec::with_capacity(cells(level)) },
            weights: Vec::with_capacity(cells(level)),
        };
        let count = width.max(height).max(1).ilog2() + 2;
        let mut levels: Vec<Level> = (0..count).map(level).collect();
        let refined = (width / FINEST as usize + WIDEST as usize) * (height / FINEST as usize + WIDEST as usize);
        let refined = refined.max(cells(0));
        if let Some(pane) = levels.first_mut() {
            pane.grid.values = Vec::with_capacity(refined);
        }
        Self {
            grain: grain(),
            levels,
            top: 0,
            finer: Grid { width: 0, height: 0, values: Vec::with_capacity(refined) },
            rows: [0, 1].map(|_| Vec::with_capacity(width)),
            columns: Vec::with_capacity(width),
            cells: Vec::with_capacity(width + 1),
            sums: Vec::with_capacity(width + 2),
        }
    }

    /// Fills what is covered inside a group of masks of one plane. `smallest` is the shorter side of the smallest
    /// head in the group, in pixels.
    pub(super) fn fill(
        &mut self,
        index: usize,
        (group, smallest): (Rect, f32),
        format: Format,
        cover: &Cover,
        plane: &mut PlaneMut<'_>,
        witnesses: &mut Witnesses,
    ) {
        let target = in_plane(group, index, format);
        if target.is_empty() {
            return;
        }
        #[expect(clippy::cast_precision_loss, reason = "1 or 2")]
        let smallest = if index == 0 { smallest } else { smallest / format.chroma.cell() as f32 };
        let mut step = step(smallest);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
        let ring = ((smallest * RING).clamp(8.0, 256.0) as u32).max(2 * step);
        let around = target.grown(ring, plane.size);
        // A crowd that is one group gets wider cells, so that time and memory stay bounded.
        let cells = |step: u32| around.width().div_ceil(step) as usize * around.height().div_ceil(step) as usize;
        while cells(step) > MOST_CELLS {
            step *= 2;
        }
        self.pull(around, step, cover, plane);
        self.push();
        let step = self.refine(step);
        let grained = index == 0 || format.colour == Colour::Rgb;
        self.lay(target, around, step, grained, cover, plane);
        let pane = Pane { grid: &self.levels[0].grid, grain: grained.then_some(&self.grain), around, step };
        witnesses.note(index, target, format, &pane);
    }

    /// Averages of what is not hidden, and the averages of those, up to a single cell.
    fn pull(&mut self, around: Rect, step: u32, cover: &Cover, plane: &PlaneMut<'_>) {
        let (width, height) = (around.width().div_ceil(step) as usize, around.height().div_ceil(step) as usize);
        self.level(0).reset(width, height);
        // Two by two samples of a cell are enough: what they miss, the smoothing of the pane would take away.
        let stride = (step / 2).max(1) as usize;
        for row in (around.top..around.bottom).step_by(stride) {
            let line = ((row - around.top) / step) as usize * width;
            let Level { grid, weights } = &mut self.levels[0];
            let (sums, counts) = (&mut grid.values[line..line + width], &mut weights[line..line + width]);
            let covers = cover.row(row, around.left, around.right);
            let samples = row_of(plane, row, around);
            let mut at = 0;
            for (sum, count) in sums.iter_mut().zip(counts) {
                let end = (at + step as usize).min(samples.len());
                while at < end {
                    if covers[at] < FLAT {
                        *sum += f32::from(samples[at]);
                        *count += 1.0;
                    }
                    at += stride;
                }
                at = end;
            }
        }
        #[expect(clippy::cast_precision_loss, reason = "1 or 2")]
        let whole = (step as usize / stride).pow(2) as f32;
        let Level { grid, weights } = &mut self.levels[0];
        for (sum, count) in grid.values.iter_mut().zip(weights) {
            // Sums become averages times weight: a whole cell weighs 1.
            *sum /= whole;
            *count /= whole;
        }
        let mut top = 0;
        while self.levels[top].grid.values.len() > 1 {
            self.level(top + 1);
            let (below, above) = self.levels.split_at_mut(top + 1);
            above[0].average(&below[top]);
            top += 1;
        }
        self.top = top;
    }

    /// Fills the holes of each level from the one above.
    fn push(&mut self) {
        let top = self.top;
        let Level { grid, weights } = &mut self.levels[top];
        for (value, weight) in grid.values.iter_mut().zip(weights) {
            *value = if *weight > 0.0 { *value / *weight } else { NOTHING_LEFT };
        }
        for index in (0..top).rev() {
            let (below, above) = self.levels.split_at_mut(index + 1);
            below[index].fill_from(&above[0].grid);
        }
    }

    /// Smooths the pane and subdivides it until its cells are narrow. Gives the width of a cell.
    fn refine(&mut self, mut step: u32) -> u32 {
        let Self { levels, finer, sums, .. } = self;
        let pane = &mut levels[0].grid;
        for _ in 0..2 {
            finer.smooth_of(pane, sums);
            std::mem::swap(pane, finer);
        }
        while step > FINEST {
            finer.twice(pane);
            std::mem::swap(pane, finer);
            step /= 2;
        }
        step
    }

    /// Lays the pane over what is covered, run by run: long runs are what a processor is quick at.
    fn lay(&mut self, target: Rect, around: Rect, step: u32, grained: bool, cover: &Cover, plane: &mut PlaneMut<'_>) {
        let Self { grain, levels, rows, columns, cells, .. } = self;
        let pane = &levels[0].grid;
        columns.clear();
        columns.extend((target.left..target.right).map(|column| place(column - around.left, step, pane.width)));
        let mut stretched = None;
        for row in target.top..target.bottom {
            let covers = cover.row(row, target.left, target.right);
            if run_of(0, covers) == covers.len() {
                continue;
            }
            let (upper, share) = place(row - around.top, step, pane.height);
            if stretched != Some(upper) {
                if stretched.is_some_and(|last| last + 1 == upper) {
                    rows.swap(0, 1);
                } else {
                    pane.stretch(upper, columns, cells, &mut rows[0]);
                }
                pane.stretch(upper + 1, columns, cells, &mut rows[1]);
                stretched = Some(upper);
            }
            let start = row as usize * plane.size.width as usize;
            let samples = &mut plane.bytes[start + target.left as usize..start + target.right as usize];
            let tile = if grained { &grain[(row as usize % GRAIN) * GRAIN..][..GRAIN] } else { &[0; GRAIN] };
            let mut at = 0;
            while let Some(&covered) = covers.get(at) {
                let kind = Lies::of(covered);
                let rest = &covers[at..];
                let run = match kind {
                    Lies::Wholly | Lies::Nowhere => run_of(covered, rest),
                    Lies::InPart => rest.iter().position(|&next| next == 0 || next >= FLAT).unwrap_or(rest.len()),
                };
                // The tile of grain begins again at its end.
                let speck = (target.left as usize + at) % GRAIN;
                let end = at + run.min(GRAIN - speck);
                let (one, two, specks) = (&rows[0][at..end], &rows[1][at..end], &tile[speck..speck + end - at]);
                let samples = &mut samples[at..end];
                match kind {
                    Lies::Nowhere => {}
                    Lies::Wholly => glaze(samples, one, two, share, specks),
                    Lies::InPart => feather(samples, one, two, share, specks, &covers[at..end]),
                }
                at = end;
            }
        }
    }

    fn level(&mut self, index: usize) -> &mut Level {
        while self.levels.len() <= index {
            self.levels.push(Level::default());
        }
        &mut self.levels[index]
    }
}

/// The pane over a group of masks, to be asked for single samples.
pub(super) struct Pane<'a> {
    grid: &'a Grid,
    grain: Option<&'a Vec<i16>>,
    around: Rect,
    step: u32,
}

impl Pane<'_> {
    /// What lies wholly under the pane shows this, computed from its cells without the short cuts that laying it takes.
    pub(super) fn shows(&self, x: u32, y: u32) -> f32 {
        #[expect(clippy::cast_precision_loss, reason = "a side is far below 2^24")]
        let along = |sample: u32, cells: usize| {
            let position = (sample as f32 + 0.5) / self.step as f32 - 0.5;
            position.clamp(0.0, (cells as f32 - 1.0).max(0.0))
        };
        let (across, down) =
            (along(x - self.around.left, self.grid.width), along(y - self.around.top, self.grid.height));
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cell of the grid")]
        let (column, row) = (across as usize, down as usize);
        let at = |dx: usize, dy: usize| {
            let (column, row) = ((column + dx).min(self.grid.width - 1), (row + dy).min(self.grid.height - 1));
            self.grid.values[row * self.grid.width + column]
        };
        let (right, below) = (across.fract(), down.fract());
        let (upper, lower) = (at(0, 0) + (at(1, 0) - at(0, 0)) * right, at(0, 1) + (at(1, 1) - at(0, 1)) * right);
        let speck = self.grain.map_or(0, |grain| grain[(y as usize % GRAIN) * GRAIN + x as usize % GRAIN]);
        (upper + (lower - upper) * below + f32::from(speck) / f32::from(1i16 << FRACTION)).clamp(0.0, 255.0)
    }
}

/// How the pane lies over a sample.
#[derive(Clone, Copy, PartialEq)]
enum Lies {
    Nowhere,
    InPart,
    Wholly,
}

impl Lies {
    fn of(covered: u8) -> Self {
        match covered {
            0 | FLAT => Self::Nowhere,
            HIDDEN => Self::Wholly,
            _ => Self::InPart,
        }
    }
}

/// How many times a run begins with this value.
fn run_of(value: u8, run: &[u8]) -> usize {
    const BLOCK: usize = 16;
    let same = run.chunks_exact(BLOCK).take_while(|block| **block == [value; BLOCK]).count() * BLOCK;
    same + run[same..].iter().take_while(|next| **next == value).count()
}

/// Samples become glass: `share` 256ths of the way from `one` to `two`.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
fn glaze(samples: &mut [u8], one: &[i16], two: &[i16], share: i16, specks: &[i16]) {
    for (sample, ((one, two), speck)) in samples.iter_mut().zip(one.iter().zip(two).zip(specks)) {
        let glass = mixed(*one, *two, share) + speck + (1 << (FRACTION - 1));
        *sample = (glass.max(0) >> FRACTION).min(255) as u8;
    }
}

/// Samples become glass in part, as far as they are covered.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
fn feather(samples: &mut [u8], one: &[i16], two: &[i16], share: i16, specks: &[i16], covers: &[u8]) {
    let glass = one.iter().zip(two).zip(specks);
    for ((sample, covered), ((one, two), speck)) in samples.iter_mut().zip(covers).zip(glass) {
        let glass = (mixed(*one, *two, share) + speck).clamp(0, 255 << FRACTION);
        let clear = i16::from(*sample) << FRACTION;
        let laid = mixed(clear, glass, i16::from(*covered)) + (1 << (FRACTION - 1));
        *sample = (laid.max(0) >> FRACTION).min(255) as u8;
    }
}

/// Width of a cell: a power of two near a tenth of the smallest head.
fn step(smallest: f32) -> u32 {
    let mut step = 1;
    while step < WIDEST && (step * 2) as f32 <= smallest / 10.0 {
        step *= 2;
    }
    step
}

/// Where a sample lies between the middles of two cells: the left one, and 256ths of the way to the right one.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "cells of a picture"
)]
fn place(sample: u32, step: u32, cells: usize) -> (u32, i16) {
    // (sample + 1/2) / step - 1/2, in 256ths.
    let position = ((2 * sample as i64 + 1) * 128 / i64::from(step)) - 128;
    let last = (cells as i64 - 2).max(0);
    let left = (position >> 8).clamp(0, last);
    (left as u32, (position - (left << 8)).clamp(0, 255) as i16)
}

fn row_of<'a>(plane: &'a PlaneMut<'_>, row: u32, rect: Rect) -> &'a [u8] {
    let Size { width, .. } = plane.size;
    let start = row as usize * width as usize;
    &plane.bytes[start + rect.left as usize..start + rect.right as usize]
}

/// A tile of slightly softened noise from a fixed seed, in the pane's units.
fn grain() -> Vec<i16> {
    let mut seed = 0x9e37_79b9_u32;
    let mut uniform = || {
        // xorshift32, Marsaglia 2003.
        seed ^= seed << 13;
        seed ^= seed >> 17;
        seed ^= seed << 5;
        f32::from((seed >> 16) as u16) / 65_536.0 - 0.5
    };
    let white: Vec<f32> = (0..GRAIN * GRAIN).map(|_| uniform() + uniform() + uniform()).collect();
    let at = |x: usize, y: usize| white[(y % GRAIN) * GRAIN + x % GRAIN];
    let soft = |index: usize| {
        let (x, y) = (index % GRAIN + GRAIN, index / GRAIN + GRAIN);
        at(x, y) + 0.5 * (at(x - 1, y) + at(x + 1, y) + at(x, y - 1) + at(x, y + 1))
    };
    // A sum of three uniform numbers has a deviation of 1/2; the five neighbours add up to sqrt(2) of it.
    #[expect(clippy::cast_possible_truncation, reason = "a few levels with 6 more bits")]
    let scaled =
        |value: f32| (value * 2.0 / std::f32::consts::SQRT_2 * GRAIN_LEVELS * f32::from(1i16 << FRACTION)) as i16;
    (0..GRAIN * GRAIN).map(|index| scaled(soft(index))).collect()
}
