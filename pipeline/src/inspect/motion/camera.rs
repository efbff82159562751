//! Whether the camera itself moves: pans, zooms, or shakes by more than a cell.
//!
//! The picture is cut into blocks. In each that has texture, the shift since the frame before is found by least squares
//! over gradients (Lucas and Kanade, 1981), after a shift by whole cells that row and column sums agree on. When most
//! blocks moved, by shifts that one pan and zoom explains, it was the camera: whoever walks through a scene leaves its
//! corners where they are.
//!
//! **Invariant.** A picture without texture never counts as moving. Nothing is allocated after [`Camera::new`].

/// Side of a block, in cells.
const BLOCK: usize = 12;
/// Whole cells by which a picture may have shifted from one frame to the next.
const REACH: usize = 8;
/// Mean square of the gradient, in squared levels a cell, that makes a texture.
const TEXTURE: f32 = 6.0;
/// Mean square of the change that is worth looking at, in squared levels.
const CHANGE: f32 = 0.7;
/// Share of what changed in a block that a shift must explain.
const EXPLAINED: f32 = 0.5;
/// Share of the textured blocks that must have moved together, and how many they are at least.
const MOST: f32 = 0.6;
const FEWEST: usize = 8;
/// Way of the picture's border, in cells, after which the background is no longer where it was.
const FAR: f32 = 1.0;
/// Seconds of rest after which it is believed.
const RESTED_AFTER: f32 = 0.5;

pub(super) struct Camera {
    columns: usize,
    rows: usize,
    last: Vec<f32>,
    has_last: bool,
    /// Sums of rows and columns, now and in the frame before.
    profiles: [Vec<f32>; 2],
    last_profiles: [Vec<f32>; 2],
    blocks: Vec<Block>,
    /// Way since it rested: across, down, and of the border by zoom.
    way: [f32; 3],
    moving: bool,
    rested: f32,
}

/// A block with texture.
#[derive(Clone, Copy)]
struct Block {
    /// Its middle, in cells from the middle of the picture.
    at: [f32; 2],
    /// How it moved, in cells; `None` when it did not, or no shift explains it.
    shift: Option<[f32; 2]>,
}

/// What a block shows.
enum Seen {
    /// No texture: nothing can be said.
    Flat,
    /// It stands still, or what goes on in it is no shift.
    Still,
    /// It shifted by so many cells.
    Shifted([f32; 2]),
}

/// A pan and a zoom: the shift at `at` is `pan + zoom * at`.
#[derive(Clone, Copy, Default)]
struct Path {
    pan: [f32; 2],
    zoom: f32,
}

impl Camera {
    pub(super) fn new(columns: usize, rows: usize) -> Self {
        let profiles = || [vec![0.0; columns], vec![0.0; rows]];
        Self {
            columns,
            rows,
            last: vec![0.0; columns * rows],
            has_last: false,
            profiles: profiles(),
            last_profiles: profiles(),
            blocks: Vec::with_capacity(columns.div_ceil(BLOCK) * rows.div_ceil(BLOCK)),
            way: [0.0; 3],
            moving: false,
            rested: 0.0,
        }
    }

    pub(super) fn forget(&mut self) {
        (self.has_last, self.moving, self.way) = (false, false, [0.0; 3]);
    }

    /// Looks at a frame, `seconds` after the one before, and says whether the camera moves.
    pub(super) fn observe(&mut self, means: &[f32], seconds: f32) -> bool {
        if self.columns < 3 * BLOCK || self.rows < 2 * BLOCK {
            return false;
        }
        let path = if self.has_last { self.path(means) } else { None };
        self.last.copy_from_slice(means);
        self.has_last = true;
        match path {
            Some(Path { pan: [across, down], zoom }) => {
                self.rested = 0.0;
                let [x, y, border] = &mut self.way;
                (*x, *y) = (*x + across, *y + down);
                *border += zoom * self.columns as f32 / 2.0;
                self.moving |= self.way.iter().any(|way| way.abs() > FAR);
            }
            None => {
                self.rested += seconds;
                if self.rested > RESTED_AFTER {
                    (self.moving, self.way) = (false, [0.0; 3]);
                }
            }
        }
        self.moving
    }

    /// How the camera moved since the last frame, if it did.
    fn path(&mut self, means: &[f32]) -> Option<Path> {
        let stride = if means.len() > 1000 { 7 } else { 1 };
        let sampled = means.len().div_ceil(stride).max(1) as f32;
        let pairs = means.iter().zip(&self.last).step_by(stride);
        let change: f32 = pairs.map(|(value, last)| (value - last).powi(2)).sum();
        sum_lines(means, self.columns, &mut self.profiles);
        if change / sampled < CHANGE {
            std::mem::swap(&mut self.profiles, &mut self.last_profiles);
            return None;
        }
        let whole = [0, 1].map(|side| best_shift(&self.profiles[side], &self.last_profiles[side]));
        std::mem::swap(&mut self.profiles, &mut self.last_profiles);
        self.look_at_blocks(means, whole);
        let (textured, moved) = (self.blocks.len(), self.blocks.iter().filter(|block| block.shift.is_some()).count());
        let enough = |count: usize| count >= FEWEST && count as f32 >= MOST * textured as f32;
        if !enough(moved) {
            return None;
        }
        let first = fit(self.blocks.iter(), |_| true)?;
        let path = fit(self.blocks.iter(), |block| first.explains(block))?;
        let explained = self.blocks.iter().filter(|block| path.explains(block));
        if !enough(explained.clone().count()) {
            return None;
        }
        // Most of a group of people moves together too: the borders tell.
        let quarter = |block: &Block| usize::from(block.at[0] > 0.0) + 2 * usize::from(block.at[1] > 0.0);
        let (mut all, mut good) = ([0usize; 4], [0usize; 4]);
        self.blocks.iter().for_each(|block| all[quarter(block)] += 1);
        explained.for_each(|block| good[quarter(block)] += 1);
        all.iter().zip(good).all(|(&all, good)| good * 5 >= all * 2).then_some(path)
    }

    fn look_at_blocks(&mut self, means: &[f32], whole: [isize; 2]) {
        self.blocks.clear();
        let middle = [self.columns as f32 / 2.0, self.rows as f32 / 2.0];
        for top in (0..self.rows).step_by(BLOCK) {
            for left in (0..self.columns).step_by(BLOCK) {
                let end = [(left + BLOCK).min(self.columns), (top + BLOCK).min(self.rows)];
                let shift = match self.look_at(means, [left, top], end, whole) {
                    Seen::Flat => continue,
                    Seen::Still => None,
                    Seen::Shifted(shift) => Some(shift),
                };
                let at = [(left + end[0]) as f32 / 2.0 - middle[0], (top + end[1]) as f32 / 2.0 - middle[1]];
                self.blocks.push(Block { at, shift });
            }
        }
    }

    fn look_at(
        &self,
        means: &[f32],
        [left, top]: [usize; 2],
        [right, bottom]: [usize; 2],
        [across, down]: [isize; 2],
    ) -> Seen {
        let (mut xx, mut xy, mut yy, mut xt, mut yt, mut tt, mut before) = (0.0f32, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0);
        let (mut count, mut texture) = (0usize, 0.0f32);
        let inside = |at: usize, shift: isize, end: usize| {
            at.checked_add_signed(-shift).filter(|from| (1..end - 1).contains(from) && (1..end - 1).contains(&at))
        };
        for y in top..bottom {
            let Some(from_y) = inside(y, down, self.rows) else { continue };
            for x in left..right {
                let Some(from_x) = inside(x, across, self.columns) else { continue };
                let (here, there) = (y * self.columns + x, from_y * self.columns + from_x);
                let gradient =
                    |picture: &[f32], cell: usize, step: usize| (picture[cell + step] - picture[cell - step]) / 2.0;
                // Of this frame alone: a repeating pattern that is compared with a wrong place could look flat.
                texture += gradient(means, here, 1).powi(2) + gradient(means, here, self.columns).powi(2);
                let gx = (gradient(means, here, 1) + gradient(&self.last, there, 1)) / 2.0;
                let gy = (gradient(means, here, self.columns) + gradient(&self.last, there, self.columns)) / 2.0;
                let change = means[here] - self.last[there];
                xx += gx * gx;
                xy += gx * gy;
                yy += gy * gy;
                xt += gx * change;
                yt += gy * change;
                tt += change * change;
                before += (means[here] - self.last[here]).powi(2);
                count += 1;
            }
        }
        let cells = count as f32;
        if count < BLOCK || texture < TEXTURE * cells {
            return Seen::Flat;
        }
        // A ridge shows only how it moved across itself: what can not be seen is taken as none.
        let damp = 0.02 * (xx + yy) + f32::EPSILON;
        let determinant = (xx + damp) * (yy + damp) - xy * xy;
        let u = (-(yy + damp) * xt + xy * yt) / determinant;
        let v = (-(xx + damp) * yt + xy * xt) / determinant;
        if !(u.abs() <= 2.0 && v.abs() <= 2.0) {
            return Seen::Still;
        }
        let left_over = tt + 2.0 * (u * xt + v * yt) + u * u * xx + 2.0 * u * v * xy + v * v * yy;
        let moved = before > CHANGE * cells && left_over < (1.0 - EXPLAINED) * before;
        if moved { Seen::Shifted([u + across as f32, v + down as f32]) } else { Seen::Still }
    }
}

impl Path {
    fn explains(&self, block: &Block) -> bool {
        block.shift.is_some_and(|shift| {
            let off = [0, 1].map(|axis| shift[axis] - self.pan[axis] - self.zoom * block.at[axis]);
            off[0].hypot(off[1]) < 0.15 + 0.3 * shift[0].hypot(shift[1])
        })
    }
}

/// Least squares over the blocks that moved and count.
fn fit<'a>(blocks: impl Iterator<Item = &'a Block> + Clone, counts: impl Fn(&Block) -> bool) -> Option<Path> {
    let moved = || blocks.clone().filter(|block| counts(block)).filter_map(|block| Some((block.at, block.shift?)));
    let count = moved().count() as f32;
    if count < 1.0 {
        return None;
    }
    let mean = |of: &dyn Fn(([f32; 2], [f32; 2])) -> f32| moved().map(of).sum::<f32>() / count;
    let place = [mean(&|(at, _)| at[0]), mean(&|(at, _)| at[1])];
    let shift = [mean(&|(_, shift)| shift[0]), mean(&|(_, shift)| shift[1])];
    let (mut along, mut spread) = (0.0, 0.0);
    for (at, moved) in moved() {
        for axis in [0, 1] {
            along += (at[axis] - place[axis]) * (moved[axis] - shift[axis]);
            spread += (at[axis] - place[axis]).powi(2);
        }
    }
    let zoom = if spread > 0.0 { along / spread } else { 0.0 };
    Some(Path { pan: [0, 1].map(|axis| shift[axis] - zoom * place[axis]), zoom })
}

fn sum_lines(means: &[f32], columns: usize, [across, down]: &mut [Vec<f32>; 2]) {
    across.fill(0.0);
    for (row, sum) in means.chunks_exact(columns).zip(down.iter_mut()) {
        *sum = row.iter().sum::<f32>() / columns as f32;
        across.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
    }
    let rows = down.len().max(1) as f32;
    across.iter_mut().for_each(|sum| *sum /= rows);
}

/// By how many cells a line of sums has shifted; 0 unless another shift is clearly better.
fn best_shift(now: &[f32], before: &[f32]) -> isize {
    #[expect(clippy::cast_possible_wrap, reason = "a handful of cells")]
    let reach = REACH.min(now.len() / 4) as isize;
    // Steps from cell to cell, so that the light does not count.
    let step = |line: &[f32], at: usize| line[at + 1] - line[at];
    let cost = |shift: isize| {
        let (mut sum, mut count) = (0.0, 0usize);
        for at in 0..now.len().saturating_sub(1) {
            if let Some(from) = at.checked_add_signed(-shift).filter(|from| from + 1 < before.len()) {
                sum += (step(now, at) - step(before, from)).abs();
                count += 1;
            }
        }
        sum / count.max(1) as f32
    };
    let best = (-reach..=reach).map(|shift| (cost(shift), shift)).min_by(|(one, _), (other, _)| one.total_cmp(other));
    best.filter(|(least, _)| *least < 0.7 * cost(0)).map_or(0, |(_, shift)| shift)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: [usize; 2] = [160, 90];

    fn texture(x: f32, y: f32) -> f32 {
        110.0 + 30.0 * (x * 0.31).sin() + 25.0 * (y * 0.43 + 0.1 * x).sin() + 20.0 * (x * 0.07 - y * 0.19).cos()
    }

    /// Frames of a scene `scene(frame, x, y)`: in how many of them the camera moves.
    fn moves(frames: u32, scene: impl Fn(f32, f32, f32) -> f32) -> u32 {
        let mut camera = Camera::new(SIZE[0], SIZE[1]);
        let mut seed = 1u32;
        (0..frames)
            .filter(|&frame| {
                let means: Vec<f32> = (0..SIZE[0] * SIZE[1])
                    .map(|at| {
                        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                        let noise = (seed >> 8) as f32 / (1 << 24) as f32 - 0.5;
                        scene(frame as f32, (at % SIZE[0]) as f32, (at / SIZE[0]) as f32) + noise
                    })
                    .collect();
                camera.observe(&means, 1.0 / 15.0)
            })
            .count() as u32
    }

    #[test]
    fn pans_zooms_and_shakes_are_the_cameras() {
        assert!(moves(30, |frame, x, y| texture(x + 0.2 * frame, y)) >= 20, "a slow pan");
        assert!(moves(30, |frame, x, y| texture(x - 5.0 * frame, y + 2.5 * frame)) >= 26, "a fast one");
        let zoom = |frame: f32, x: f32, y: f32| {
            let scale = 1.0 - 0.01 * frame;
            texture(80.0 + (x - 80.0) * scale, 45.0 + (y - 45.0) * scale)
        };
        assert!(moves(30, zoom) >= 25, "a zoom");
        assert!(
            moves(30, |frame, x, y| texture(x + 3.0 * (frame * 0.9).sin(), y + (frame * 1.7).cos())) >= 25,
            "a shake"
        );
    }

    #[test]
    fn walkers_light_noise_and_a_trembling_of_less_than_a_cell_are_not() {
        let walker = |frame: f32, x: f32, y: f32| {
            if (x - 20.0 - 2.0 * frame).abs() < 30.0 && y > 15.0 {
                texture(x - 2.0 * frame + 40.0, y + 9.0)
            } else {
                texture(x, y)
            }
        };
        assert_eq!(moves(40, walker), 0, "a large walker");
        let runner = |frame: f32, x: f32, y: f32| {
            let tiles = 110.0 + if (x / 8.0).floor() as i32 % 2 == (y / 8.0).floor() as i32 % 2 { 30.0 } else { 0.0 };
            if (8.0 * frame..8.0 * frame + 24.0).contains(&x) && (20.0..70.0).contains(&y) { 25.0 } else { tiles }
        };
        assert_eq!(moves(20, runner), 0, "a runner before tiles, who moves by one of them in each frame");
        assert_eq!(moves(30, |frame, x, y| texture(x, y) * (1.0 - 0.02 * frame)), 0, "dusk");
        assert_eq!(moves(30, |_, x, y| texture(x, y)), 0, "nothing");
        assert_eq!(moves(30, |frame, _, _| 90.0 + 3.0 * frame), 0, "a white wall");
        assert_eq!(moves(60, |frame, x, y| texture(x + 0.3 * (frame * 1.3).sin(), y)), 0, "trembling");
    }
}
