//! Cells that move together: connected regions of the grid.
//!
//! **Invariant.** The boxes of two regions of a frame are more than [`NEAR`] cells apart in a row or a column.

/// Cells with up to this many still ones between them touch.
const GAP: usize = 1;
/// Boxes with up to this many cells between them are one: head and legs of somebody whose coat is like the wall.
const NEAR: usize = 4;
/// More regions than this are no longer told apart.
pub(super) const MOST_REGIONS: usize = 64;

/// A connected region of cells.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Region {
    /// Left, top, right, bottom in cells; right and bottom are exclusive.
    pub(super) cells: [usize; 4],
    /// How many cells in it move.
    pub(super) count: usize,
    /// Sum of their excess.
    pub(super) excess: f32,
}

impl Region {
    pub(super) fn merge(&mut self, other: &Self) {
        let ([left, top, right, bottom], [l, t, r, b]) = (self.cells, other.cells);
        self.cells = [left.min(l), top.min(t), right.max(r), bottom.max(b)];
        self.count += other.count;
        self.excess += other.excess;
    }

    fn near(&self, other: &Self) -> bool {
        let apart = |low: usize, high: usize| low.saturating_sub(high) <= NEAR;
        let ([left, top, right, bottom], [l, t, r, b]) = (self.cells, other.cells);
        apart(left, r) && apart(l, right) && apart(top, b) && apart(t, bottom)
    }
}

/// Finds regions by one pass with union-find (Rosenfeld and Pfaltz, 1966); keeps its memory.
pub(super) struct Finder {
    labels: Vec<u32>,
    parents: Vec<u32>,
    places: Vec<u32>,
    pub(super) found: Vec<Region>,
}

impl Finder {
    /// Takes all the room that a grid of so many cells can need.
    pub(super) fn new(cells: usize) -> Self {
        // No two neighbours in a row begin a label each, and label 0 is none.
        let labels = cells.div_ceil(2) + 1;
        Self {
            labels: Vec::with_capacity(cells),
            parents: Vec::with_capacity(labels),
            places: Vec::with_capacity(labels),
            found: Vec::with_capacity(MOST_REGIONS),
        }
    }

    /// Finds the regions of the cells that `moves` names.
    pub(super) fn find(&mut self, columns: usize, excess: &[f32], moves: impl Fn(usize) -> bool) {
        self.found.clear();
        self.parents.clear();
        self.labels.clear();
        self.labels.resize(excess.len(), 0);
        // Label 0 means still.
        self.parents.push(0);
        for cell in 0..excess.len() {
            if moves(cell) {
                self.label(cell, columns);
            }
        }
        if self.parents.len() > 1 {
            self.gather(columns, excess);
            self.merge_near();
        }
    }

    fn label(&mut self, cell: usize, columns: usize) {
        let (x, y) = (cell % columns, cell / columns);
        let mut label = 0;
        for row in y.saturating_sub(GAP + 1)..=y {
            let end = if row == y { x } else { (x + GAP + 2).min(columns) };
            for column in x.saturating_sub(GAP + 1)..end {
                let next = self.labels[row * columns + column];
                if next != 0 {
                    let next = self.root(next);
                    if label == 0 {
                        label = next;
                    } else if label != next {
                        let (low, high) = (label.min(next), label.max(next));
                        self.parents[high as usize] = low;
                        label = low;
                    }
                }
            }
        }
        if label == 0 {
            #[expect(clippy::cast_possible_truncation, reason = "a grid has at most 160 by 160 cells")]
            let new = self.parents.len() as u32;
            self.parents.push(new);
            label = new;
        }
        self.labels[cell] = label;
    }

    fn root(&mut self, mut label: u32) -> u32 {
        while self.parents[label as usize] != label {
            let parent = self.parents[label as usize];
            self.parents[label as usize] = self.parents[parent as usize];
            label = parent;
        }
        label
    }

    fn gather(&mut self, columns: usize, excess: &[f32]) {
        self.places.clear();
        self.places.resize(self.parents.len(), u32::MAX);
        for (cell, &excess) in excess.iter().enumerate() {
            if self.labels[cell] == 0 {
                continue;
            }
            let root = self.root(self.labels[cell]) as usize;
            let (x, y) = (cell % columns, cell / columns);
            let one = Region { cells: [x, y, x + 1, y + 1], count: 1, excess };
            let place = self.places[root] as usize;
            if let Some(region) = self.found.get_mut(place) {
                region.merge(&one);
            } else if self.found.len() < MOST_REGIONS {
                #[expect(clippy::cast_possible_truncation, reason = "at most MOST_REGIONS")]
                let place = self.found.len() as u32;
                self.places[root] = place;
                self.found.push(one);
            } else if let Some(last) = self.found.last_mut() {
                last.merge(&one);
            }
        }
    }

    fn merge_near(&mut self) {
        let mut at = 0;
        while at < self.found.len() {
            let near = (at + 1..self.found.len()).find(|&other| self.found[at].near(&self.found[other]));
            if let Some(other) = near {
                let other = self.found.swap_remove(other);
                self.found[at].merge(&other);
                // It has grown: those before it may be near now.
                at = 0;
            } else {
                at += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn find(columns: usize, mask: &[bool]) -> Vec<Region> {
        let mut finder = Finder::new(mask.len());
        finder.find(columns, &vec![1.0; mask.len()], |cell| mask[cell]);
        finder.found
    }

    #[test]
    fn a_horseshoe_is_one_region_and_what_is_far_another() {
        let picture = [
            "#.......#.............##",
            "#.......#.............##",
            "#.......#...............",
            "#########...............",
        ];
        let mask: Vec<bool> = picture.iter().flat_map(|row| row.bytes().map(|cell| cell == b'#')).collect();
        let found = find(24, &mask);
        assert_eq!(found.len(), 2, "{found:?}");
        assert_eq!(found.iter().find(|region| region.count == 15).map(|region| region.cells), Some([0, 0, 9, 4]));
        assert_eq!(found.iter().find(|region| region.count == 4).map(|region| region.cells), Some([22, 0, 24, 2]));
    }

    proptest! {
        #[test]
        fn each_cell_is_in_one_region_and_regions_are_apart(
            columns in 1usize..40, mask in proptest::collection::vec(proptest::bool::weighted(0.05), 1..1600),
        ) {
            let rows = mask.len().div_ceil(columns);
            let mut mask = mask;
            mask.resize(rows * columns, false);
            let found = find(columns, &mask);
            prop_assert_eq!(found.iter().map(|region| region.count).sum::<usize>(), mask.iter().filter(|set| **set).count());
            for (at, region) in found.iter().enumerate() {
                prop_assert!(found[at + 1..].iter().all(|other| !region.near(other)));
            }
        }
    }
}
