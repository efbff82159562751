//! How the picture moved under the tracks: from each frame that was looked at to any other one.
//!
//! **Invariant.** No way leads over a cut, nor out of or into a frame that nobody looked at.

use std::collections::VecDeque;

use super::Shift;

/// The steps from frame to frame, and the ways into one of them.
#[derive(Debug)]
pub(super) struct Ways {
    /// How the picture moved from each frame that was looked at to the next; a cut begins a new chain.
    steps: VecDeque<Step>,
    /// The way from each frame of the chain into the frame that was asked for last, by number.
    ways: Vec<(u64, Shift)>,
}

#[derive(Clone, Copy, Debug)]
struct Step {
    sequence: u64,
    shift: Shift,
    cut: bool,
}

impl Ways {
    pub(super) fn new() -> Self {
        Self { steps: VecDeque::with_capacity(128), ways: Vec::with_capacity(128) }
    }

    /// The next frame that was looked at, and how the picture moved since the one before; whether it is a later one.
    pub(super) fn note(&mut self, sequence: u64, shift: Shift, cut: bool) -> bool {
        if self.steps.back().is_some_and(|last| last.sequence >= sequence) {
            return false;
        }
        self.steps.push_back(Step { sequence, shift, cut });
        true
    }

    /// Finds the way from each frame around into this one.
    pub(super) fn find(&mut self, sequence: u64) {
        self.ways.clear();
        let here = self.steps.partition_point(|step| step.sequence < sequence);
        let is_known = self.steps.get(here).is_some_and(|step| step.sequence == sequence);
        if !is_known {
            return;
        }
        let mut way = Shift::NONE;
        for at in (0..here).rev() {
            let next = self.steps[at + 1];
            if next.cut {
                break;
            }
            way = next.shift.then(way);
            self.ways.push((self.steps[at].sequence, way));
        }
        self.ways.reverse();
        self.ways.push((sequence, Shift::NONE));
        let mut way = Shift::NONE;
        for step in self.steps.iter().skip(here + 1).take_while(|step| !step.cut) {
            way = step.shift.back().then(way);
            self.ways.push((step.sequence, way));
        }
    }

    /// The way that was found from this frame.
    pub(super) fn of(&self, sequence: u64) -> Option<Shift> {
        self.ways.binary_search_by_key(&sequence, |way| way.0).ok().map(|at| self.ways[at].1)
    }

    /// Frames before this one are of no use any more.
    pub(super) fn forget(&mut self, oldest: u64) {
        while self.steps.front().is_some_and(|step| step.sequence < oldest) {
            self.steps.pop_front();
        }
    }

    /// Steps that are remembered.
    #[cfg(test)]
    pub(super) fn remembered(&self) -> usize {
        self.steps.len()
    }
}
