//! The owner's zones: polygons in the unit square, rasterised once.
//!
//! **Invariant.** An [`Outline`] encloses something. What a zone touches is painted flat in every plane before
//! anybody holds the frame, whatever its style; `blur` zones are filled in from outside when the frame leaves.

mod raster;

use crate::geometry::Size;
use crate::picture::{Format, PlaneMut};
use crate::redacted::SHUTTER;

pub(crate) use raster::Spans;

/// Zones rasterised for one format.
#[derive(Clone, Debug)]
pub struct Zones {
    /// `None`: there are no zones, whatever the format.
    format: Option<Format>,
    solid: Spans,
    blur: Spans,
    /// Points that lie in zones, by their outlines.
    witnesses: Vec<[f32; 2]>,
}

impl Zones {
    /// Nothing is hidden.
    #[must_use]
    pub fn none() -> Self {
        Self { format: None, solid: Spans::none(0), blur: Spans::none(0), witnesses: Vec::new() }
    }

    /// Rasterises any number of zones for frames of `format`, rounding outwards onto the chroma grid. Where a solid
    /// and a blurred zone overlap, it is solid.
    #[must_use]
    pub fn new(zones: &[Zone], format: Format) -> Self {
        let rows = format.size.height.div_ceil(format.chroma.cell());
        let (mut solid, mut blur) = (Spans::none(rows), Spans::none(rows));
        for zone in zones {
            let spans = if zone.style == ZoneStyle::Solid { &mut solid } else { &mut blur };
            spans.add(&zone.outline, format.size, format.chroma);
        }
        blur.subtract(&solid);
        let witnesses = zones.iter().flat_map(|zone| zone.outline.witnesses()).collect();
        Self { format: Some(format), solid, blur, witnesses }
    }

    /// The share of the picture that is hidden, in `0..=1`.
    #[must_use]
    pub fn covered_share(&self) -> f64 {
        let Some(format) = self.format else { return 0.0 };
        let Size { width, height } = format.chroma.plane_size(1, format.size);
        let lengths =
            |spans: &Spans| (0..height).flat_map(|row| spans.row(row).to_vec()).map(|(a, b)| b - a).sum::<u32>();
        let cells = f64::from(width) * f64::from(height);
        if cells > 0.0 { f64::from(lengths(&self.solid) + lengths(&self.blur)) / cells } else { 0.0 }
    }

    /// Whether this pixel is hidden.
    #[must_use]
    pub fn covers(&self, x: u32, y: u32) -> bool {
        let Some(format) = self.format else { return false };
        let (column, row) = (x / format.chroma.cell(), y / format.chroma.cell());
        [&self.solid, &self.blur].iter().any(|spans| spans.row(row).iter().any(|(a, b)| (*a..*b).contains(&column)))
    }

    /// Paints all zones flat, whatever their style: from then on the interior is nowhere. Zones that were made for
    /// another format hide the whole picture.
    pub(crate) fn paint(&self, format: Format, planes: &mut [PlaneMut<'_>; 3]) {
        let Some(made_for) = self.format else { return };
        let samples = format.grey(SHUTTER);
        for (index, plane) in planes.iter_mut().enumerate() {
            if made_for == format {
                self.for_each_row(index, format, |_, row, first, end| {
                    let start = row as usize * plane.size.width as usize;
                    plane.bytes[start + first as usize..start + end as usize].fill(samples[index]);
                });
            } else {
                plane.bytes.fill(samples[index]);
            }
        }
    }

    /// Calls with the style, the row, and the first and the end sample of each span of plane `index`.
    pub(crate) fn for_each_row(&self, index: usize, format: Format, mut each: impl FnMut(ZoneStyle, u32, u32, u32)) {
        let size = format.plane_size(index);
        // Plane 0 has so many samples of a cell in a row; the others have one.
        let samples = if index == 0 { format.chroma.cell() } else { 1 };
        for row in 0..size.height {
            for (style, spans) in [(ZoneStyle::Solid, &self.solid), (ZoneStyle::Blur, &self.blur)] {
                for &(first, end) in spans.row(row / samples) {
                    each(style, row, first * samples, (end * samples).min(size.width));
                }
            }
        }
    }

    /// Whether there is anything to hide.
    pub(crate) fn is_empty(&self) -> bool {
        self.solid.is_empty() && self.blur.is_empty()
    }

    /// Points that lie in zones, in the unit square; they come from the outlines, not from what is painted.
    pub(crate) fn witnesses(&self) -> &[[f32; 2]] {
        &self.witnesses
    }

    /// The format they were made for; `None` when there are none.
    pub(crate) fn format(&self) -> Option<Format> {
        self.format
    }
}

/// A part of the picture that is always hidden.
#[derive(Clone, Debug, PartialEq)]
pub struct Zone {
    /// Its border.
    pub outline: Outline,
    /// What is painted there.
    pub style: ZoneStyle,
}

/// What is painted over a zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ZoneStyle {
    /// One flat colour.
    Solid,
    /// Filled in from the pixels around it.
    Blur,
}

/// A polygon in the unit square: at least three corners, all finite and in `0..=1`, and not all on a line.
#[derive(Clone, Debug, PartialEq)]
pub struct Outline(Vec<[f32; 2]>);

impl Outline {
    /// The corners, and points of a grid that lie inside by the even-odd rule, which says no more than any other.
    fn witnesses(&self) -> Vec<[f32; 2]> {
        const STEPS: u8 = 6;
        let bounds = |axis: usize| {
            let along = self.0.iter().map(|corner| corner[axis]);
            along.fold((1.0f32, 0.0f32), |(low, high), at| (low.min(at), high.max(at)))
        };
        let ((left, right), (top, bottom)) = (bounds(0), bounds(1));
        let share = |step: u8, low: f32, high: f32| low + (high - low) * (f32::from(step) + 0.5) / f32::from(STEPS);
        let grid = (0..STEPS).flat_map(|row| (0..STEPS).map(move |column| (column, row)));
        let points = grid.map(|(column, row)| [share(column, left, right), share(row, top, bottom)]);
        let mut found = self.0.clone();
        found.extend(points.filter(|point| self.holds(*point)));
        found
    }

    fn holds(&self, [x, y]: [f32; 2]) -> bool {
        let edges = self.0.iter().zip(self.0.iter().cycle().skip(1));
        edges.fold(false, |inside, ([ax, ay], [bx, by])| {
            inside ^ (((ay > &y) != (by > &y)) && x < (bx - ax) * (y - ay) / (by - ay) + ax)
        })
    }

    /// Checks the corners.
    ///
    /// # Errors
    /// When they enclose nothing or leave the unit square.
    pub fn new(corners: &[[f32; 2]]) -> Result<Self, OutlineError> {
        if corners.len() < 3 {
            return Err(OutlineError::TooFewCorners);
        }
        let inside = |corner: &[f32; 2]| corner.iter().all(|share| (0.0..=1.0).contains(share));
        if let Some(wrong) = corners.iter().position(|corner| !inside(corner)) {
            return Err(OutlineError::OutsideThePicture(wrong));
        }
        let [x0, y0] = corners[0].map(f64::from);
        let away = |[x, y]: [f32; 2]| [f64::from(x) - x0, f64::from(y) - y0];
        let crossed = |[ax, ay]: [f64; 2], [bx, by]: [f64; 2]| ax * by - ay * bx;
        // The corner farthest from the first one spans the line on which all others would have to lie.
        let farthest = corners
            .iter()
            .map(|corner| away(*corner))
            .max_by(|[ax, ay], [bx, by]| (ax * ax + ay * ay).total_cmp(&(bx * bx + by * by)));
        let flat = farthest.is_none_or(|line| corners.iter().all(|corner| crossed(line, away(*corner)).abs() < 1e-9));
        if flat { Err(OutlineError::Flat) } else { Ok(Self(corners.to_vec())) }
    }

    /// The corners, as shares of width and height.
    #[must_use]
    pub fn corners(&self) -> &[[f32; 2]] {
        &self.0
    }
}

/// Why a list of corners is no outline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutlineError {
    /// Fewer than three corners.
    TooFewCorners,
    /// This corner (counted from 0) is NaN or outside of the unit square.
    OutsideThePicture(usize),
    /// All corners lie on one line, so that nothing would be hidden.
    Flat,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::{Matrix, Range};

    #[test]
    fn what_encloses_nothing_is_no_outline() {
        let cases: [(&[[f32; 2]], OutlineError); 6] = [
            (&[], OutlineError::TooFewCorners),
            (&[[0.0, 0.0], [1.0, 1.0]], OutlineError::TooFewCorners),
            (&[[0.0, 0.0], [1.0, 0.0], [0.5, 1.1]], OutlineError::OutsideThePicture(2)),
            (&[[0.0, f32::NAN], [1.0, 0.0], [0.5, 1.0]], OutlineError::OutsideThePicture(0)),
            (&[[0.1, 0.1], [0.5, 0.5], [0.9, 0.9]], OutlineError::Flat),
            (&[[0.3, 0.3], [0.3, 0.3], [0.3, 0.3]], OutlineError::Flat),
        ];
        for (corners, fault) in cases {
            assert_eq!(Outline::new(corners), Err(fault), "{corners:?}");
        }
        assert!(Outline::new(&[[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]).is_ok());
    }

    #[test]
    fn a_thousand_zones_hide_what_each_of_them_hides() {
        let format = Format::video(Size::new(200, 150), Matrix::Bt709, Range::Limited);
        let corner = |number: u32| [(number % 40) as f32 / 41.0, (number / 40) as f32 / 26.0];
        let zone = |number: u32| {
            let [x, y] = corner(number);
            let outline = Outline::new(&[[x, y], [x + 0.01, y], [x, y + 0.02]]).unwrap();
            Zone { outline, style: if number.is_multiple_of(2) { ZoneStyle::Solid } else { ZoneStyle::Blur } }
        };
        let all: Vec<Zone> = (0..1000).map(zone).collect();
        let together = Zones::new(&all, format);
        for zone in &all {
            let alone = Zones::new(std::slice::from_ref(zone), format);
            let hidden = (0..150).flat_map(|y| (0..200).map(move |x| (x, y))).filter(|(x, y)| alone.covers(*x, *y));
            let hidden: Vec<_> = hidden.collect();
            assert!(!hidden.is_empty() && hidden.iter().all(|(x, y)| together.covers(*x, *y)));
        }
        assert!((0.05..0.9).contains(&together.covered_share()), "{}", together.covered_share());
    }
}
