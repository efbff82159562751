//! The grids of averages of which a pane is made, and how one becomes coarser, finer, smoother, wider.
//!
//! **Invariant.** Every value is a mean of samples or of other values, so that it stays among those it was made of.
//! Which samples count is `frost`'s business.

/// Fractional bits of the levels of a pane when it is laid over samples.
pub(super) const FRACTION: u32 = 6;

/// One grid of averages.
#[derive(Default)]
pub(super) struct Grid {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) values: Vec<f32>,
}

/// One level of the pyramid: averages multiplied by their weights, and the weights, in `0..=1`.
#[derive(Default)]
pub(super) struct Level {
    pub(super) grid: Grid,
    pub(super) weights: Vec<f32>,
}

impl Level {
    pub(super) fn reset(&mut self, width: usize, height: usize) {
        self.grid.reset(width, height);
        self.weights.clear();
        self.weights.resize(width * height, 0.0);
    }

    /// Each cell from the two by two below it; where more than one whole cell is below, it weighs 1.
    pub(super) fn average(&mut self, below: &Self) {
        let (width, height) = (below.grid.width.div_ceil(2), below.grid.height.div_ceil(2));
        self.reset(width, height);
        for y in 0..below.grid.height {
            for x in 0..below.grid.width {
                let (from, to) = (y * below.grid.width + x, y / 2 * width + x / 2);
                self.grid.values[to] += below.grid.values[from];
                self.weights[to] += below.weights[from];
            }
        }
        for (value, weight) in self.grid.values.iter_mut().zip(&mut self.weights) {
            if *weight > 1.0 {
                *value /= *weight;
                *weight = 1.0;
            }
        }
    }

    /// What weighs less than 1 takes the rest from the level above.
    pub(super) fn fill_from(&mut self, above: &Grid) {
        let Grid { width, height, values } = &mut self.grid;
        for y in 0..*height {
            for x in 0..*width {
                let index = y * *width + x;
                let missing = 1.0 - self.weights[index].min(1.0);
                if missing > 0.0 {
                    values[index] += missing * above.between(x, y);
                }
            }
        }
    }
}

/// Of a position on a grid that is twice as fine, the nearer and the farther cell of the coarse one.
fn near_far(position: usize, length: usize) -> [usize; 2] {
    let near = position / 2;
    let far = if position.is_multiple_of(2) { near.saturating_sub(1) } else { (near + 1).min(length - 1) };
    [near, far]
}

impl Grid {
    pub(super) fn reset(&mut self, width: usize, height: usize) {
        (self.width, self.height) = (width, height);
        self.values.clear();
        self.values.resize(width * height, 0.0);
    }

    /// The value in the middle of cell (x, y) of a grid that is twice as fine: three quarters of the nearer cell and
    /// one of the farther, along each side.
    fn between(&self, x: usize, y: usize) -> f32 {
        let ([x0, x1], [y0, y1]) = (near_far(x, self.width), near_far(y, self.height));
        let at = |x: usize, y: usize| self.values[y * self.width + x];
        (9.0 * at(x0, y0) + 3.0 * (at(x1, y0) + at(x0, y1)) + at(x1, y1)) / 16.0
    }

    /// This grid becomes `coarse` on cells half as wide.
    pub(super) fn twice(&mut self, coarse: &Self) {
        self.reset(coarse.width * 2, coarse.height * 2);
        for (y, line) in self.values.chunks_exact_mut(coarse.width * 2).enumerate() {
            let [near, far] = near_far(y, coarse.height);
            let row = |row: usize| &coarse.values[row * coarse.width..(row + 1) * coarse.width];
            let (near, far) = (row(near), row(far));
            let column = |x: usize| 3.0 * near[x] + far[x];
            let mut left = column(0);
            for (x, pair) in line.chunks_exact_mut(2).enumerate() {
                let (middle, right) = (column(x), column((x + 1).min(coarse.width - 1)));
                pair[0] = (3.0 * middle + left) / 16.0;
                pair[1] = (3.0 * middle + right) / 16.0;
                left = middle;
            }
        }
    }

    /// This grid becomes `rough` after a binomial filter of three by three cells.
    pub(super) fn smooth_of(&mut self, rough: &Self, sums: &mut Vec<f32>) {
        self.reset(rough.width, rough.height);
        let (width, height) = (rough.width, rough.height);
        let row = |row: usize| &rough.values[row * width..(row + 1) * width];
        for (y, line) in self.values.chunks_exact_mut(width).enumerate() {
            let (above, here, below) = (row(y.saturating_sub(1)), row(y), row((y + 1).min(height - 1)));
            // Columns first, with the outermost ones twice, then across.
            sums.clear();
            sums.push(0.0);
            sums.extend(above.iter().zip(here).zip(below).map(|((above, here), below)| above + 2.0 * here + below));
            sums[0] = sums[1];
            sums.push(sums[width]);
            for (value, sums) in line.iter_mut().zip(sums.windows(3)) {
                *value = (sums[0] + 2.0 * sums[1] + sums[2]) / 16.0;
            }
        }
    }

    /// A row of cells, or the last one, stretched over the columns of samples.
    #[expect(clippy::cast_possible_truncation, reason = "a byte with 6 more bits")]
    pub(super) fn stretch(&self, row: u32, columns: &[(u32, i16)], cells: &mut Vec<i16>, stretched: &mut Vec<i16>) {
        let row = (row as usize).min(self.height - 1);
        let row = &self.values[row * self.width..(row + 1) * self.width];
        cells.clear();
        cells.extend(row.iter().map(|value| (value * f32::from(1i16 << FRACTION)) as i16));
        // The last one has a neighbour, too.
        cells.push(cells[self.width - 1]);
        stretched.clear();
        stretched.extend(columns.iter().map(|&(left, share)| {
            let pair = &cells[left as usize..left as usize + 2];
            mixed(pair[0], pair[1], share)
        }));
    }
}

/// `share` 256ths of the way from one level to another, all in 16 bits, of which a processor works on many at once.
pub(super) fn mixed(one: i16, two: i16, share: i16) -> i16 {
    one + ((i32::from(2 * (two - one)) * i32::from(share << 7)) >> 16) as i16
}
