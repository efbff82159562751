//! How large a mask is shown while its boxes tremble.
//!
//! **Invariant.** It is never smaller than what is wanted.

/// The size of a mask, which does not follow each tremor of the boxes: what jitters shows a little more of the head in
/// each frame.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Shown {
    pub(super) size: [f32; 2],
}

/// Sizes come in steps of this ratio, and shrink when they have become smaller by more than two.
const STEP: f32 = 1.1;

impl Shown {
    /// The size to show where this one is wanted.
    pub(super) fn steady(&mut self, wanted: [f32; 2]) -> [f32; 2] {
        for axis in 0..2 {
            let shown = &mut self.size[axis];
            let wanted = wanted[axis].max(1e-6);
            if wanted > *shown || wanted * STEP * STEP < *shown {
                *shown = STEP.powf((wanted.ln() / STEP.ln()).ceil());
            }
        }
        self.size
    }
}

/// The larger width and the larger height of both.
pub(super) fn larger(one: [f32; 2], two: [f32; 2]) -> [f32; 2] {
    [one[0].max(two[0]), one[1].max(two[1])]
}
