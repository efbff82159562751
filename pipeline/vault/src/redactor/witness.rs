//! Witnesses: some points of everything that must be hidden, looked at again in what is about to leave.
//!
//! **Invariant.** They come from findings and zones, never from what was painted, and a point passes only if it shows what the
//! style makes of it: the flat grey, the pane of `blur` as computed anew for this one point, or a level of `mosaic`. A point
//! that nobody filled does not pass. So a mask that was forgotten, laid elsewhere, or left out in one plane is noticed,
//! whatever the reason.

use super::frost::Pane;
use super::in_plane;
use super::mosaic;
use crate::geometry::{Area, Rect, Size};
use crate::picture::{Format, PlaneMut};
use crate::redacted::SHUTTER;

/// Points that stand for all of what is hidden in a frame.
pub(super) struct Witnesses {
    points: Vec<Witness>,
    /// Points of zones, which are the same in each frame.
    zones: Vec<[f32; 2]>,
}

#[derive(Clone, Copy)]
struct Witness {
    /// In pixels.
    at: [u32; 2],
    /// What the pane shows there, in each plane, if it was laid there.
    glass: [Option<f32>; 3],
}

/// Where points stand in an area, as shares of its sides.
const PLACES: [[f32; 2]; 5] = [[0.5, 0.5], [0.2, 0.2], [0.8, 0.2], [0.2, 0.8], [0.8, 0.8]];
/// Levels by which the pane may differ from what is computed for a point: it is laid in whole numbers.
const TOLERANCE: f32 = 2.0;

impl Witnesses {
    pub(super) fn new(zones: Vec<[f32; 2]>) -> Self {
        Self { points: Vec::with_capacity(1024), zones }
    }

    /// A new frame: only the zones are there yet.
    pub(super) fn begin(&mut self, size: Size) {
        self.points.clear();
        let Self { points, zones } = self;
        points.extend(zones.iter().filter_map(|point| Witness::at(*point, size)));
    }

    /// This area must be hidden.
    pub(super) fn stand_in(&mut self, area: Area, size: Size) {
        let place = |[x, y]: [f32; 2]| [area.left() + x * area.width(), area.top() + y * area.height()];
        self.points.extend(PLACES.iter().filter_map(|share| Witness::at(place(*share), size)));
    }

    /// A pane was laid over this rectangle of samples of a plane.
    pub(super) fn note(&mut self, index: usize, target: Rect, format: Format, pane: &Pane<'_>) {
        for witness in &mut self.points {
            let [x, y] = witness.in_plane(index, format);
            if (target.left..target.right).contains(&x) && (target.top..target.bottom).contains(&y) {
                witness.glass[index] = Some(pane.shows(x, y));
            }
        }
    }

    /// Whether every point shows what it has to.
    pub(super) fn agree(&self, planes: &[PlaneMut<'_>; 3], format: Format, is_mosaic: bool) -> bool {
        let flat = format.grey(SHUTTER);
        self.points.iter().all(|witness| {
            planes.iter().enumerate().all(|(index, plane)| {
                let [x, y] = witness.in_plane(index, format);
                let sample = plane.bytes[y as usize * plane.size.width as usize + x as usize];
                let is_glass = |glass: f32| (f32::from(sample) - glass).abs() <= TOLERANCE;
                sample == flat[index]
                    || witness.glass[index].is_some_and(is_glass)
                    || (is_mosaic && mosaic::is_level(sample, index, format))
            })
        })
    }

    /// Points that were looked at.
    pub(super) fn count(&self) -> usize {
        self.points.len()
    }
}

impl Witness {
    /// `None` in a picture without pixels.
    fn at([x, y]: [f32; 2], size: Size) -> Option<Self> {
        let rect = Area::new(x, y, x, y)?.cover(size, crate::geometry::Chroma::Full);
        (!rect.is_empty()).then_some(Self { at: [rect.left, rect.top], glass: [None; 3] })
    }

    fn in_plane(&self, index: usize, format: Format) -> [u32; 2] {
        let [x, y] = self.at;
        let rect = in_plane(Rect { left: x, top: y, right: x + 1, bottom: y + 1 }, index, format);
        [rect.left, rect.top]
    }
}
