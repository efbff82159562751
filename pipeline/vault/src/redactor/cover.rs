//! The cover map of a plane: which samples are hidden, and how much of the pane lies over those beside them.
//!
//! **Invariant.** A sample is tested by the point of its footprint that is nearest to the head, so that a chroma
//! sample is hidden if any of the pixels that share it could be. Feathers lie outside of what is hidden. Zones are
//! baked in and come back when a frame is done.

use super::head::{POWER, Shape};
use super::in_plane;
use crate::geometry::{Area, Rect, Size};
use crate::picture::Format;
use crate::zone::{ZoneStyle, Zones};

/// Wholly hidden, and filled in.
pub(super) const HIDDEN: u8 = 255;
/// Hidden by something flat: never counted, never painted again.
pub(super) const FLAT: u8 = 254;
/// The most of the pane that lies over a sample which is not hidden.
const THICKEST: f32 = 250.0;

/// What lies over each sample of a plane: 0 nothing, up to 250 a feather, then [`FLAT`] and [`HIDDEN`].
pub(super) struct Cover {
    index: usize,
    size: Size,
    map: Vec<u8>,
    /// The map with nothing but the zones on it; empty when there are none.
    zones: Vec<u8>,
    columns: Vec<f32>,
}

impl Cover {
    /// The map of plane `index`, with the zones on it.
    pub(super) fn new(index: usize, format: Format, zones: Option<&Zones>) -> Self {
        let size = format.plane_size(index);
        let mut map = vec![0; size.pixels()];
        let mut any = false;
        if let Some(zones) = zones.filter(|zones| !zones.is_empty()) {
            zones.for_each_row(index, format, |style, row, first, end| {
                let start = row as usize * size.width as usize;
                let value = if style == ZoneStyle::Solid { FLAT } else { HIDDEN };
                map[start + first as usize..start + end as usize].fill(value);
                any = true;
            });
        }
        let zones = if any { map.clone() } else { Vec::new() };
        Self { index, size, map, zones, columns: Vec::with_capacity(size.width as usize) }
    }

    /// Samples `left..right` of a row.
    pub(super) fn row(&self, row: u32, left: u32, right: u32) -> &[u8] {
        let start = row as usize * self.size.width as usize;
        &self.map[start + left as usize..start + right as usize]
    }

    /// Lays a shape over the map.
    pub(super) fn add(&mut self, shape: &Shape, format: Format) {
        let (reach, _) = shape.reach(format);
        let rect = in_plane(reach, self.index, format);
        let Shape::Round(head) = shape else {
            for row in rect.top..rect.bottom {
                for sample in self.row_mut(row, rect.left, rect.right) {
                    *sample = if *sample == FLAT { FLAT } else { HIDDEN };
                }
            }
            return;
        };
        #[expect(clippy::cast_precision_loss, reason = "a side is far below 2^24")]
        let footprint = if self.index == 0 { 1.0 } else { format.chroma.cell() as f32 };
        #[expect(clippy::cast_precision_loss, reason = "a side is far below 2^24")]
        let term = |sample: u32, axis: usize| {
            let middle = (sample as f32 + 0.5) * footprint;
            let nearest = ((middle - head.centre[axis]).abs() - footprint / 2.0).max(0.0);
            (nearest / head.radius[axis]).powf(POWER)
        };
        let ends = head.feather_ends();
        let thickness = 1.0 / (ends - 1.0);
        let mut columns = std::mem::take(&mut self.columns);
        columns.clear();
        columns.extend((rect.left..rect.right).map(|column| term(column, 0)));
        // The terms fall towards the middle column and rise after it.
        let low = (0..columns.len()).min_by(|&one, &two| columns[one].total_cmp(&columns[two])).unwrap_or(0);
        for row in rect.top..rect.bottom {
            let across = term(row, 1);
            let within = |most: f32| {
                let (falling, rising) = columns.split_at(low);
                let first = falling.partition_point(|along| across + along > most);
                let end = low + rising.partition_point(|along| across + along <= most);
                if across + columns.get(low).copied().unwrap_or(f32::MAX) <= most { (first, end) } else { (low, low) }
            };
            let ((first, end), (hidden, hidden_end)) = (within(ends), within(1.0));
            #[expect(clippy::cast_possible_truncation, reason = "columns of a picture")]
            let (left, right) = (first as u32, end as u32);
            let flat_zones = !self.zones.is_empty();
            let samples = self.row_mut(row, rect.left + left, rect.left + right);
            let (hidden, hidden_end) = (hidden.clamp(first, end) - first, hidden_end.clamp(first, end) - first);
            for rim in [0..hidden, hidden_end..samples.len()] {
                for (sample, along) in samples[rim.clone()].iter_mut().zip(&columns[first..][rim]) {
                    // What is hidden stays hidden, and a flat zone stays flat.
                    let laid = feather((ends - across - along) * thickness);
                    *sample = if *sample == FLAT { FLAT } else { laid.max(*sample) };
                }
            }
            let inside = &mut samples[hidden..hidden_end];
            if flat_zones {
                inside.iter_mut().filter(|sample| **sample != FLAT).for_each(|sample| *sample = HIDDEN);
            } else {
                inside.fill(HIDDEN);
            }
        }
        self.columns = columns;
    }

    /// Marks an area that is painted by somebody else: not counted, not filled in.
    pub(super) fn keep_out(&mut self, area: Area, format: Format) {
        let rect = in_plane(area.cover(format.size, format.chroma), self.index, format);
        for row in rect.top..rect.bottom {
            self.row_mut(row, rect.left, rect.right).fill(FLAT);
        }
    }

    /// Takes all shapes inside of a rectangle of pixels off the map again.
    pub(super) fn clear(&mut self, group: Rect, format: Format) {
        let rect = in_plane(group, self.index, format);
        let width = self.size.width as usize;
        for row in rect.top..rect.bottom {
            let start = row as usize * width;
            let span = start + rect.left as usize..start + rect.right as usize;
            if self.zones.is_empty() {
                self.map[span].fill(0);
            } else {
                self.map[span.clone()].copy_from_slice(&self.zones[span]);
            }
        }
    }

    fn row_mut(&mut self, row: u32, left: u32, right: u32) -> &mut [u8] {
        let start = row as usize * self.size.width as usize;
        &mut self.map[start + left as usize..start + right as usize]
    }
}

/// Smooth from 0, where the feather ends, to its thickest, where the mask begins.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "in 0..=250")]
fn feather(share: f32) -> u8 {
    let share = share.clamp(0.0, 1.0);
    (share * share * (3.0 - 2.0 * share) * THICKEST) as u8
}
