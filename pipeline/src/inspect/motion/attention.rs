//! Where events are wanted: the owner's zones as cells of the grid.
//!
//! **Invariant.** A cell that a zone's outline crosses belongs to it: a zone smaller than a cell is still a zone.

use frostglass_vault::Outline;

use super::{WatchRule, WatchZone};

/// Zones as masks on the grid.
pub(super) struct Attention {
    /// Cells in which nothing raises events; empty when there are none.
    ignored: Vec<bool>,
    /// Names and cells of the zones to watch, as configured. When there are some, only they raise events.
    watched: Vec<(String, Vec<bool>)>,
}

impl Attention {
    pub(super) fn new(zones: &[WatchZone], columns: usize, rows: usize) -> Self {
        let mask = |zone: &WatchZone| cells_of(&zone.outline, columns, rows);
        let mut ignored = Vec::new();
        for zone in zones.iter().filter(|zone| zone.rule != WatchRule::Watch) {
            let cells = mask(zone);
            if ignored.is_empty() {
                ignored = cells;
            } else {
                ignored.iter_mut().zip(cells).for_each(|(all, one)| *all |= one);
            }
        }
        let watched = zones.iter().filter(|zone| zone.rule == WatchRule::Watch);
        Self { ignored, watched: watched.map(|zone| (zone.name.clone(), mask(zone))).collect() }
    }

    /// Whether nothing in this cell raises events.
    pub(super) fn ignores(&self, cell: usize) -> bool {
        self.ignored.get(cell).is_some_and(|ignored| *ignored)
    }

    /// Whether nothing anywhere raises events.
    pub(super) fn ignores_all(&self) -> bool {
        !self.ignored.is_empty() && self.ignored.iter().all(|ignored| *ignored)
    }

    /// Number of zones to watch.
    pub(super) fn zones(&self) -> usize {
        self.watched.len()
    }

    pub(super) fn name(&self, zone: usize) -> &str {
        self.watched.get(zone).map_or("", |(name, _)| name)
    }

    pub(super) fn watches(&self, zone: usize, cell: usize) -> bool {
        self.watched.get(zone).and_then(|(_, cells)| cells.get(cell)).is_some_and(|watched| *watched)
    }
}

/// The cells whose centre lies inside (even-odd rule), and those that the border crosses.
pub(super) fn cells_of(outline: &Outline, columns: usize, rows: usize) -> Vec<bool> {
    let corners = outline.corners();
    let mut mask = vec![false; columns * rows];
    for (cell, inside) in mask.iter_mut().enumerate() {
        let x = ((cell % columns) as f32 + 0.5) / columns as f32;
        let y = ((cell / columns) as f32 + 0.5) / rows as f32;
        *inside = contains(corners, x, y);
    }
    if mask.is_empty() {
        return mask;
    }
    for ([x, y], [to_x, to_y]) in edges(corners) {
        // Two steps for each cell on the way.
        let steps = 2.0 * ((to_x - x).abs() * columns as f32).max((to_y - y).abs() * rows as f32).ceil() + 1.0;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most 321")]
        for step in 0..=steps as usize {
            let share = step as f32 / steps;
            let column = ((x + (to_x - x) * share) * columns as f32) as usize;
            let row = ((y + (to_y - y) * share) * rows as f32) as usize;
            mask[row.min(rows - 1) * columns + column.min(columns - 1)] = true;
        }
    }
    mask
}

fn edges(corners: &[[f32; 2]]) -> impl Iterator<Item = ([f32; 2], [f32; 2])> + '_ {
    corners.iter().copied().zip(corners.iter().copied().cycle().skip(1))
}

fn contains(corners: &[[f32; 2]], x: f32, y: f32) -> bool {
    edges(corners).fold(false, |inside, ([ax, ay], [bx, by])| {
        inside ^ (((ay > y) != (by > y)) && x < (bx - ax) * (y - ay) / (by - ay) + ax)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_triangle_covers_its_cells_and_its_border() {
        let outline = Outline::new(&[[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]).unwrap();
        let mask = cells_of(&outline, 8, 8);
        for (cell, &inside) in mask.iter().enumerate() {
            let diagonal = cell % 8 + cell / 8;
            // The long side runs through the corners of cells: those beside it may be in or out.
            assert!(if inside { diagonal <= 8 } else { diagonal > 7 }, "{cell}");
        }
    }

    #[test]
    fn a_zone_smaller_than_a_cell_is_still_a_zone() {
        let outline = Outline::new(&[[0.61, 0.61], [0.615, 0.61], [0.61, 0.615]]).unwrap();
        let mask = cells_of(&outline, 10, 10);
        assert_eq!(mask.iter().filter(|&&inside| inside).count(), 1);
        assert!(mask[66]);
    }
}
