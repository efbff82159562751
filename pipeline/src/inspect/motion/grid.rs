//! The small grey picture in which motion is looked for: one mean of luma for each cell of a grid.
//!
//! **Invariant.** Each cell has at least one pixel, and a cell's row and column say where it is whatever the size of
//! the picture. Nothing is allocated after [`Grid::new`].

use frostglass_vault::{Area, Colour, Format, Picture, Range};

/// Cells along the longer side of the picture.
const LONGER_SIDE: u32 = 160;
/// Rows of pixels that are summed for a row of cells; others are skipped, evenly.
const SAMPLED_ROWS: u32 = 4;

/// Shape of the grid and the means of the frame that was read last.
pub(in crate::inspect) struct Grid {
    pub(in crate::inspect) columns: usize,
    pub(in crate::inspect) rows: usize,
    /// Mean luma above black of each cell, row by row, in `0..=255`.
    pub(in crate::inspect) means: Vec<f32>,
    format: Format,
    /// First pixel of each column of cells, and the end of the last.
    edges: Vec<usize>,
    /// Sums of the sampled rows, one for each column of pixels.
    sums: Vec<u16>,
}

impl Grid {
    pub(in crate::inspect) fn new(format: Format) -> Self {
        let (width, height) = (format.size.width, format.size.height);
        let longer = width.max(height).max(1);
        let cells = |side: u32| {
            let share = u64::from(side) * u64::from(LONGER_SIDE.min(longer)) / u64::from(longer);
            u32::try_from(share).unwrap_or(LONGER_SIDE).clamp(u32::from(side > 0), LONGER_SIDE) as usize
        };
        let (columns, rows) = (cells(width), cells(height));
        let (columns, rows) = if columns == 0 || rows == 0 { (0, 0) } else { (columns, rows) };
        let edges = (0..=columns).map(|column| column * width as usize / columns.max(1)).collect();
        Self { columns, rows, means: vec![0.0; columns * rows], format, edges, sums: vec![0; width as usize] }
    }

    /// Reads a picture; `false`, and nothing read, when it has another format than the grid was made for.
    pub(in crate::inspect) fn read(&mut self, picture: &Picture<'_>) -> bool {
        if picture.format() != self.format || self.means.is_empty() {
            return false;
        }
        // Of red, green and blue, green is the nearest to luma.
        let (plane, black) = match self.format.colour {
            Colour::Rgb => (1, 0.0),
            Colour::Yuv { range: Range::Full, .. } => (0, 0.0),
            Colour::Yuv { range: Range::Limited, .. } => (0, 16.0),
        };
        let height = self.format.size.height as usize;
        for (row, means) in self.means.chunks_exact_mut(self.columns).enumerate() {
            let (top, bottom) = (row * height / self.rows, (row + 1) * height / self.rows);
            let taken = (bottom - top).min(SAMPLED_ROWS as usize);
            self.sums.fill(0);
            for sample in 0..taken {
                // The middle of each of the bands into which the cell is cut.
                let y = top + (2 * sample + 1) * (bottom - top) / (2 * taken);
                #[expect(clippy::cast_possible_truncation, reason = "below the height, which is a u32")]
                let pixels = picture.row(plane, y as u32);
                for (sum, pixel) in self.sums.iter_mut().zip(pixels) {
                    *sum += u16::from(*pixel);
                }
            }
            for (mean, edge) in means.iter_mut().zip(self.edges.windows(2)) {
                let sum: u32 = self.sums[edge[0]..edge[1]].iter().map(|&sum| u32::from(sum)).sum();
                *mean = (sum as f32 / ((edge[1] - edge[0]) * taken) as f32 - black).max(0.0);
            }
        }
        true
    }

    /// Takes over what another grid read; `false`, and nothing taken, when that was made for another format.
    pub(super) fn copy(&mut self, other: &Self) -> bool {
        if other.format != self.format || self.means.is_empty() {
            return false;
        }
        self.means.copy_from_slice(&other.means);
        true
    }

    /// Where a box of cells is; `right` and `bottom` are exclusive.
    pub(super) fn area(&self, cells: [usize; 4]) -> Area {
        let across = |column: usize| (column as f32 / self.columns.max(1) as f32).clamp(0.0, 1.0);
        let down = |row: usize| (row as f32 / self.rows.max(1) as f32).clamp(0.0, 1.0);
        let [left, top, right, bottom] = cells;
        Area::new(across(left), down(top), across(right), down(bottom)).unwrap_or(Area::EVERYTHING)
    }

    /// The box of cells that an area touches; `right` and `bottom` are exclusive.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "edges of an area are in 0..=1")]
    pub(super) fn cells(&self, area: Area) -> [usize; 4] {
        let (columns, rows) = (self.columns as f32, self.rows as f32);
        [
            (area.left() * columns) as usize,
            (area.top() * rows) as usize,
            ((area.right() * columns).ceil() as usize).min(self.columns),
            ((area.bottom() * rows).ceil() as usize).min(self.rows),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use frostglass_vault::{Matrix, Plane, Size};

    #[test]
    fn a_cell_is_the_mean_of_its_pixels_above_black() {
        let format = Format::video(Size::new(320, 160), Matrix::Bt601, Range::Limited);
        let stride = 333;
        let luma: Vec<u8> = (0..stride * 160).map(|at| if at % stride < 2 { 116 } else { 36 }).collect();
        let chroma = vec![128; 160 * 80];
        let planes = [
            Plane { bytes: &luma, stride },
            Plane { bytes: &chroma, stride: 160 },
            Plane { bytes: &chroma, stride: 160 },
        ];
        let mut grid = Grid::new(format);
        assert!(grid.read(&Picture::new(format, planes).unwrap()));
        assert_eq!((grid.columns, grid.rows), (160, 80));
        assert_eq!(grid.means[..3], [100.0, 20.0, 20.0]);
        assert_eq!(grid.means[159 + 160 * 79], 20.0);
    }

    #[test]
    fn a_grid_of_any_size_fits() {
        for (width, height) in [(0, 0), (1, 1), (1, 10_000), (10_000, 1), (16, 16), (159, 161), (1921, 1079)] {
            let format = Format::still(Size::new(width, height));
            let plane = vec![7; width as usize * height as usize];
            let planes = [(); 3].map(|()| Plane { bytes: &plane, stride: width as usize });
            let mut grid = Grid::new(format);
            assert_eq!(grid.read(&Picture::new(format, planes).unwrap()), width > 0, "{width}x{height}");
            assert!(grid.means.iter().all(|&mean| mean == 7.0), "{width}x{height}");
        }
    }
}
