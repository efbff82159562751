//! What a network says it saw, after it was checked to make sense.

use crate::geometry::Area;

/// Something a network found in a picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Detection {
    /// What it is.
    pub kind: Kind,
    /// Where it is.
    pub area: Area,
    /// How sure the network is.
    pub score: Score,
}

/// What can be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A face: the box from the hairline or forehead to the chin.
    Face,
    /// A person: the box around the visible body.
    Person,
}

/// A confidence in `0..=1`, never NaN.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Score(f32);

impl Score {
    /// As sure as can be.
    pub const SURE: Self = Self(1.0);

    /// A score; `None` for NaN and for what is outside of `0..=1`.
    #[must_use]
    pub fn new(value: f32) -> Option<Self> {
        (0.0..=1.0).contains(&value).then_some(Self(value))
    }

    /// The number, in `0..=1`.
    #[must_use]
    pub fn value(self) -> f32 {
        self.0
    }
}
