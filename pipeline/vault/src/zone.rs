//! The owner's zones: polygons in the unit square, rasterised once.

use crate::picture::{Format, PlaneMut};

/// A polygon in the unit square, checked: at least three corners, all finite and in `0..=1`, and not all on a line.
#[derive(Clone, Debug, PartialEq)]
pub struct Outline(Vec<[f32; 2]>);

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

impl Outline {
    /// Checks the corners.
    ///
    /// # Errors
    /// When they enclose nothing or leave the unit square.
    pub fn new(corners: &[[f32; 2]]) -> Result<Self, OutlineError> {
        Ok(Self(corners.to_vec()))
    }

    /// The corners, in order, in the unit square.
    #[must_use]
    pub fn corners(&self) -> &[[f32; 2]] {
        &self.0
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

/// Zones rasterised for one format.
#[derive(Clone, Debug)]
pub struct Zones {}

impl Zones {
    /// Nothing is hidden.
    #[must_use]
    pub fn none() -> Self {
        Self {}
    }

    /// Rasterises any number of zones for frames of `format`, rounding outwards onto the chroma grid.
    #[must_use]
    pub fn new(_zones: &[Zone], _format: Format) -> Self {
        Self {}
    }

    /// Paints all zones flat, whatever their style: from then on the interior is nowhere.
    pub(crate) fn paint(&self, _format: Format, _planes: &mut [PlaneMut<'_>; 3]) {}
}
