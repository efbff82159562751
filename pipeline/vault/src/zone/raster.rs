//! Polygons to spans of cells.
//!
//! **Invariant.** A cell is covered exactly if its square meets the polygon: an edge passes through it, or (no edge
//! does, so that it is wholly inside or wholly outside) its centre is inside by the non-zero winding rule, under
//! which a polygon that crosses itself covers more, never less. A cell is the square of pixels that shares a chroma
//! sample, so that rounding outwards onto the chroma grid is the same thing.

use super::Outline;
use crate::geometry::{Chroma, Size};

/// Covered cells of a picture: for each row, sorted and disjoint spans `first..end`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Spans {
    rows: Vec<Vec<(u32, u32)>>,
}

impl Spans {
    /// No cell of a grid of so many rows.
    pub(crate) fn none(rows: u32) -> Self {
        Self { rows: vec![Vec::new(); rows as usize] }
    }

    /// The spans of one row of cells.
    pub(crate) fn row(&self, row: u32) -> &[(u32, u32)] {
        self.rows.get(row as usize).map_or(&[], Vec::as_slice)
    }

    /// Whether no cell is covered.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.iter().all(Vec::is_empty)
    }

    /// Covers what the outline meets.
    pub(crate) fn add(&mut self, outline: &Outline, size: Size, chroma: Chroma) {
        let grid = Grid::new(size, chroma);
        if grid.columns == 0 || grid.rows == 0 {
            return;
        }
        let corners: Vec<[f64; 2]> = outline.corners().iter().map(|corner| grid.place(*corner)).collect();
        let edges = || corners.iter().zip(corners.iter().cycle().skip(1));
        for (from, to) in edges() {
            self.add_edge(*from, *to, &grid);
        }
        let mut crossings = Vec::new();
        for row in 0..grid.rows {
            let middle = f64::from(row) + 0.5;
            crossings.clear();
            crossings.extend(edges().filter_map(|(from, to)| crossing(*from, *to, middle)));
            crossings.sort_by(|one, two| one.0.total_cmp(&two.0));
            self.add_inside(row, &crossings, &grid);
        }
        for row in &mut self.rows {
            merge(row);
        }
    }

    /// Uncovers what `other` covers.
    pub(crate) fn subtract(&mut self, other: &Self) {
        for (row, holes) in self.rows.iter_mut().zip(&other.rows) {
            for &(first, end) in holes {
                let split = |&(from, to): &(u32, u32)| [(from, to.min(first)), (from.max(end), to)];
                *row = row.iter().flat_map(split).filter(|(from, to)| from < to).collect();
            }
        }
    }

    /// The cells through which an edge passes.
    fn add_edge(&mut self, [x0, y0]: [f64; 2], [x1, y1]: [f64; 2], grid: &Grid) {
        let (low, high) = (y0.min(y1), y0.max(y1));
        for row in grid.row_of(low)..=grid.row_of(high) {
            // The part of the edge within this row of cells.
            let (top, bottom) = (low.max(f64::from(row)), high.min(f64::from(row) + 1.0));
            let at = |y: f64| if high > low { x0 + (x1 - x0) * ((y - y0) / (y1 - y0)) } else { x0 };
            let (one, two) = if high > low { (at(top), at(bottom)) } else { (x0, x1) };
            let span = (grid.column_of(one.min(two)), grid.column_of(one.max(two)) + 1);
            self.rows[row as usize].push(span);
        }
    }

    /// The cells whose centre is inside by the non-zero winding rule.
    fn add_inside(&mut self, row: u32, crossings: &[(f64, i32)], grid: &Grid) {
        let mut winding = 0;
        for pair in crossings.windows(2) {
            winding += pair[0].1;
            if winding == 0 {
                continue;
            }
            let first = (pair[0].0 - 0.5).ceil().max(0.0);
            let end = ((pair[1].0 - 0.5).floor() + 1.0).min(f64::from(grid.columns));
            if first < end {
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "both in 0..=columns")]
                self.rows[row as usize].push((first as u32, end as u32));
            }
        }
    }
}

/// Sorts spans and joins those that touch.
fn merge(row: &mut Vec<(u32, u32)>) {
    row.sort_unstable();
    let mut kept = 0;
    for index in 1..row.len() {
        let (first, end) = row[index];
        if first <= row[kept].1 {
            row[kept].1 = row[kept].1.max(end);
        } else {
            kept += 1;
            row[kept] = (first, end);
        }
    }
    row.truncate(kept + 1);
}

/// Where an edge crosses a horizontal line, and whether downwards (1) or upwards (-1).
fn crossing([x0, y0]: [f64; 2], [x1, y1]: [f64; 2], y: f64) -> Option<(f64, i32)> {
    // Half-open, so that a corner on the line counts once.
    let direction = match (y0 <= y, y1 <= y) {
        (true, false) => 1,
        (false, true) => -1,
        _ => return None,
    };
    Some((x0 + (x1 - x0) * ((y - y0) / (y1 - y0)), direction))
}

/// The grid of cells of a picture.
struct Grid {
    columns: u32,
    rows: u32,
    scale: [f64; 2],
}

impl Grid {
    fn new(size: Size, chroma: Chroma) -> Self {
        let cell = chroma.cell();
        let scale = [size.width, size.height].map(|length| f64::from(length) / f64::from(cell));
        Self { columns: size.width.div_ceil(cell), rows: size.height.div_ceil(cell), scale }
    }

    fn place(&self, [x, y]: [f32; 2]) -> [f64; 2] {
        [f64::from(x) * self.scale[0], f64::from(y) * self.scale[1]]
    }

    fn column_of(&self, x: f64) -> u32 {
        index(x, self.columns)
    }

    fn row_of(&self, y: f64) -> u32 {
        index(y, self.rows)
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "corners lie in the unit square")]
fn index(position: f64, count: u32) -> u32 {
    (position.max(0.0) as u32).min(count - 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const EIGHT: Size = Size::new(8, 8);

    fn cells(outline: &[[f32; 2]], size: Size, chroma: Chroma) -> Vec<Vec<bool>> {
        let outline = Outline::new(outline).unwrap();
        let grid = Grid::new(size, chroma);
        let mut spans = Spans::none(grid.rows);
        spans.add(&outline, size, chroma);
        let covered =
            |row: u32, column: u32| spans.row(row).iter().any(|(first, end)| (*first..*end).contains(&column));
        (0..grid.rows).map(|row| (0..grid.columns).map(|column| covered(row, column)).collect()).collect()
    }

    fn drawn(cells: &[Vec<bool>]) -> String {
        let line = |row: &Vec<bool>| row.iter().map(|&covered| if covered { '#' } else { '.' }).collect::<String>();
        cells.iter().map(line).collect::<Vec<_>>().join("\n")
    }

    /// Whether a point is inside, by the non-zero winding rule.
    fn inside(corners: &[[f64; 2]], x: f64, y: f64) -> bool {
        let edges = corners.iter().zip(corners.iter().cycle().skip(1));
        let crossed = edges.filter_map(|(from, to)| crossing(*from, *to, y)).filter(|(at, _)| *at <= x);
        crossed.map(|(_, direction)| direction).sum::<i32>() != 0
    }

    #[test]
    fn a_sliver_thinner_than_a_pixel_is_covered_over_its_whole_length() {
        let cells = cells(&[[0.0, 0.51], [1.0, 0.52], [1.0, 0.53]], EIGHT, Chroma::Full);
        assert_eq!(drawn(&cells).lines().nth(4), Some("########"));
        assert_eq!(cells.iter().flatten().filter(|covered| **covered).count(), 8);
    }

    #[test]
    fn a_polygon_that_crosses_itself_covers_more_never_less() {
        let bow_tie = cells(&[[0.0, 0.0], [1.0, 1.0], [1.0, 0.0], [0.0, 1.0]], EIGHT, Chroma::Full);
        assert!(bow_tie[4][0] && bow_tie[4][7] && !bow_tie[0][3], "{}", drawn(&bow_tie));
        let star = [[0.5, 0.0], [0.8, 1.0], [0.0, 0.4], [1.0, 0.4], [0.2, 1.0]];
        let pentagram = cells(&star, EIGHT, Chroma::Full);
        assert!(pentagram[4][3] && pentagram[4][4], "its middle, too:\n{}", drawn(&pentagram));
    }

    #[test]
    fn the_whole_picture_is_covered_by_its_own_outline() {
        let whole = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]];
        for (width, height) in [(1, 1), (2, 3), (7, 5), (1, 40)] {
            for chroma in [Chroma::Full, Chroma::Half] {
                assert!(cells(&whole, Size::new(width, height), chroma).iter().flatten().all(|covered| *covered));
            }
        }
    }

    #[test]
    fn spans_are_sorted_and_apart_and_can_be_taken_away() {
        let mut row = vec![(5, 9), (1, 3), (2, 4), (9, 10)];
        merge(&mut row);
        assert_eq!(row, [(1, 4), (5, 10)]);
        let mut spans = Spans { rows: vec![row] };
        spans.subtract(&Spans { rows: vec![vec![(2, 6), (9, 20)]] });
        assert_eq!(spans.row(0), [(1, 2), (6, 9)]);
    }

    proptest! {
        /// Of points on a fine lattice, those that are inside lie in covered cells; cells far from all of them do not.
        #[test]
        fn a_cell_is_covered_exactly_if_the_polygon_meets_it(
            corners in prop::collection::vec((0.0f32..=1.0, 0.0f32..=1.0), 3..8), width in 1u32..24, height in 1u32..24, half: bool,
        ) {
            let corners: Vec<[f32; 2]> = corners.into_iter().map(|(x, y)| [x, y]).collect();
            prop_assume!(Outline::new(&corners).is_ok());
            let (size, chroma) = (Size::new(width, height), if half { Chroma::Half } else { Chroma::Full });
            let covered = cells(&corners, size, chroma);
            let grid = Grid::new(size, chroma);
            let placed: Vec<_> = corners.iter().map(|corner| grid.place(*corner)).collect();
            const FINE: u32 = 9;
            for (row, line) in (0u32..).zip(&covered) {
                for (column, covered) in (0u32..).zip(line) {
                    let at = |cell: u32, part: u32| f64::from(cell) + (f64::from(part) + 0.5) / f64::from(FINE);
                    let met = (0..FINE * FINE).any(|part| inside(&placed, at(column, part % FINE), at(row, part / FINE)));
                    prop_assert!(*covered || !met, "cell {column}, {row} is met and not covered");
                    // An edge may pass between the lattice's points; then it passes through the cell.
                    let edges = placed.iter().zip(placed.iter().cycle().skip(1));
                    let mut walked = edges.flat_map(|(from, to)| (0..=400).map(move |step| {
                        let share = f64::from(step) / 400.0;
                        [from[0] + (to[0] - from[0]) * share, from[1] + (to[1] - from[1]) * share]
                    }));
                    let near = walked.any(|[x, y]| (x - at(column, FINE / 2)).abs() < 0.6 && (y - at(row, FINE / 2)).abs() < 0.6);
                    prop_assert!(!*covered || met || near, "cell {column}, {row} is covered for nothing");
                }
            }
        }
    }
}
