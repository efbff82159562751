//! Sizes, areas and rectangles, and the one door between the unit square and whole pixels.
//!
//! **Invariant.** Whatever is hidden is rounded outwards, onto the chroma grid: half a pixel of a face is still a
//! face, and a chroma sample shared with it carries its colour.

/// Where something is, as shares of the picture: `(0, 0)` is its top left corner, `(1, 1)` its bottom right.
///
/// All four edges are finite and inside `0..=1`, left is not right of right, top not below bottom.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Area {
    left: f32,
    top: f32,
    right: f32,
    bottom: f32,
}

impl Area {
    /// The whole picture.
    pub const EVERYTHING: Self = Self { left: 0.0, top: 0.0, right: 1.0, bottom: 1.0 };

    /// An area inside the unit square; `None` if an edge is NaN, outside of `0..=1`, or on the wrong side.
    #[must_use]
    pub fn new(left: f32, top: f32, right: f32, bottom: f32) -> Option<Self> {
        let inside = [left, top, right, bottom].iter().all(|edge| (0.0..=1.0).contains(edge));
        (inside && left <= right && top <= bottom).then_some(Self { left, top, right, bottom })
    }

    /// The part of a box that lies inside the unit square; `None` if an edge is not finite or none of it does.
    #[must_use]
    pub fn clipped(left: f32, top: f32, right: f32, bottom: f32) -> Option<Self> {
        let finite = [left, top, right, bottom].iter().all(|edge| edge.is_finite());
        let touches = left < 1.0 && top < 1.0 && right > 0.0 && bottom > 0.0;
        if !finite || !touches {
            return None;
        }
        Self::new(left.max(0.0), top.max(0.0), right.min(1.0), bottom.min(1.0))
    }

    /// Left edge, in `0..=1`.
    #[must_use]
    pub fn left(self) -> f32 {
        self.left
    }

    /// Top edge, in `0..=1`.
    #[must_use]
    pub fn top(self) -> f32 {
        self.top
    }

    /// Right edge, in `0..=1`.
    #[must_use]
    pub fn right(self) -> f32 {
        self.right
    }

    /// Bottom edge, in `0..=1`.
    #[must_use]
    pub fn bottom(self) -> f32 {
        self.bottom
    }

    /// Share of the picture's width.
    #[must_use]
    pub fn width(self) -> f32 {
        self.right - self.left
    }

    /// Share of the picture's height.
    #[must_use]
    pub fn height(self) -> f32 {
        self.bottom - self.top
    }

    /// Intersection over union with another area, in `0..=1`; 0 when either is empty.
    #[must_use]
    pub fn iou(self, other: Self) -> f32 {
        let width = (self.right.min(other.right) - self.left.max(other.left)).max(0.0);
        let height = (self.bottom.min(other.bottom) - self.top.max(other.top)).max(0.0);
        let both = width * height;
        let either = self.width() * self.height() + other.width() * other.height() - both;
        if either > 0.0 { both / either } else { 0.0 }
    }

    /// The smallest rectangle on the chroma grid that covers this area, cut at the picture's edge.
    ///
    /// A point or a line covers the samples it touches: the result is empty only in an empty picture.
    #[must_use]
    pub fn cover(self, size: Size, chroma: Chroma) -> Rect {
        let (left, right) = cover_edge(self.left, self.right, size.width, chroma.cell());
        let (top, bottom) = cover_edge(self.top, self.bottom, size.height, chroma.cell());
        Rect { left, top, right, bottom }
    }
}

/// The whole cells touched by `low..=high` (shares of `length`), as pixels.
fn cover_edge(low: f32, high: f32, length: u32, cell: u32) -> (u32, u32) {
    if length == 0 {
        return (0, 0);
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the edge is in 0..=1, so the product is in 0..=length"
    )]
    let pixel = |edge: f64| (edge * f64::from(length)) as u32;
    let first = pixel(f64::from(low)).min(length - 1) / cell * cell;
    // The end is exclusive: the pixel in which `high` lies is covered, unless `high` is its very first edge.
    let end = (f64::from(high) * f64::from(length)).ceil();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "in 0..=length, see above")]
    let end = (end as u32).max(first + 1);
    (first, end.div_ceil(cell).saturating_mul(cell).min(length))
}

/// Width and height in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Size {
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

impl Size {
    /// A size in pixels.
    #[must_use]
    pub const fn new(width: u32, height: u32) -> Self {
        Self { width, height }
    }

    /// Number of pixels; saturates far above anything that fits into memory.
    #[must_use]
    pub fn pixels(self) -> usize {
        (self.width as usize).saturating_mul(self.height as usize)
    }
}

impl std::fmt::Display for Size {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}

/// A rectangle of whole pixels; `right` and `bottom` are exclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rect {
    /// First column.
    pub left: u32,
    /// First row.
    pub top: u32,
    /// The column after the last.
    pub right: u32,
    /// The row after the last.
    pub bottom: u32,
}

impl Rect {
    /// The rectangle of a whole picture.
    #[must_use]
    pub const fn of(size: Size) -> Self {
        Self { left: 0, top: 0, right: size.width, bottom: size.height }
    }

    /// Columns.
    #[must_use]
    pub fn width(self) -> u32 {
        self.right.saturating_sub(self.left)
    }

    /// Rows.
    #[must_use]
    pub fn height(self) -> u32 {
        self.bottom.saturating_sub(self.top)
    }

    /// Whether no pixel is inside.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.width() == 0 || self.height() == 0
    }

    /// Whether two rectangles share a pixel or an edge.
    #[must_use]
    pub fn touches(self, other: Self) -> bool {
        self.left <= other.right && other.left <= self.right && self.top <= other.bottom && other.top <= self.bottom
    }

    /// The smallest rectangle around both.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self {
            left: self.left.min(other.left),
            top: self.top.min(other.top),
            right: self.right.max(other.right),
            bottom: self.bottom.max(other.bottom),
        }
    }

    /// Grown by `by` pixels on each side, cut at the picture's edge.
    #[must_use]
    pub fn grown(self, by: u32, size: Size) -> Self {
        Self {
            left: self.left.saturating_sub(by),
            top: self.top.saturating_sub(by),
            right: self.right.saturating_add(by).min(size.width),
            bottom: self.bottom.saturating_add(by).min(size.height),
        }
    }
}

/// How the second and third plane of a picture relate to the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Chroma {
    /// Three planes of equal size: red, green, blue of a still, or 4:4:4.
    Full,
    /// 4:2:0: a sample of the second and third plane covers two by two pixels.
    Half,
}

impl Chroma {
    /// Side of the square of pixels that shares one sample of the second and third plane.
    #[must_use]
    pub const fn cell(self) -> u32 {
        match self {
            Self::Full => 1,
            Self::Half => 2,
        }
    }

    /// Size of plane 0, 1 or 2 of a picture of `size`; odd sizes round up.
    #[must_use]
    pub const fn plane_size(self, plane: usize, size: Size) -> Size {
        let cell = if plane == 0 { 1 } else { self.cell() };
        Size { width: size.width.div_ceil(cell), height: size.height.div_ceil(cell) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn cover_rounds_outwards_onto_the_chroma_grid() {
        struct Case {
            area: [f32; 4],
            size: Size,
            chroma: Chroma,
            covered: [u32; 4],
        }
        let cases = [
            Case { area: [0.0, 0.0, 1.0, 1.0], size: Size::new(5, 3), chroma: Chroma::Half, covered: [0, 0, 5, 3] },
            Case { area: [0.25, 0.25, 0.5, 0.5], size: Size::new(8, 8), chroma: Chroma::Full, covered: [2, 2, 4, 4] },
            Case { area: [0.26, 0.26, 0.51, 0.51], size: Size::new(8, 8), chroma: Chroma::Full, covered: [2, 2, 5, 5] },
            Case {
                area: [0.15, 0.4, 0.45, 0.59],
                size: Size::new(10, 10),
                chroma: Chroma::Half,
                covered: [0, 4, 6, 6],
            },
            Case { area: [1.0, 1.0, 1.0, 1.0], size: Size::new(7, 7), chroma: Chroma::Half, covered: [6, 6, 7, 7] },
            Case { area: [0.5, 0.5, 0.5, 0.5], size: Size::new(1, 1), chroma: Chroma::Half, covered: [0, 0, 1, 1] },
            Case { area: [0.0, 0.0, 1.0, 1.0], size: Size::new(0, 4), chroma: Chroma::Full, covered: [0, 0, 0, 4] },
        ];
        for Case { area, size, chroma, covered } in cases {
            let rect = Area::new(area[0], area[1], area[2], area[3]).unwrap().cover(size, chroma);
            assert_eq!([rect.left, rect.top, rect.right, rect.bottom], covered, "{area:?} in {size}");
        }
    }

    #[test]
    fn what_is_no_area_is_refused() {
        assert!(Area::new(f32::NAN, 0.0, 1.0, 1.0).is_none());
        assert!(Area::new(0.5, 0.0, 0.4, 1.0).is_none());
        assert!(Area::new(-0.1, 0.0, 0.4, 1.0).is_none());
        assert!(Area::clipped(0.2, f32::INFINITY, 0.4, 1.0).is_none());
        assert!(Area::clipped(1.2, 0.0, 1.4, 1.0).is_none());
        assert_eq!(Area::clipped(-1.0, -1.0, 2.0, 2.0), Some(Area::EVERYTHING));
    }

    proptest! {
        #[test]
        fn every_touched_pixel_is_covered(
            a in 0.0f32..=1.0, b in 0.0f32..=1.0, c in 0.0f32..=1.0, d in 0.0f32..=1.0,
            width in 1u32..200, height in 1u32..200, half: bool,
        ) {
            let area = Area::new(a.min(b), c.min(d), a.max(b), c.max(d)).unwrap();
            let (size, chroma) = (Size::new(width, height), if half { Chroma::Half } else { Chroma::Full });
            let rect = area.cover(size, chroma);
            prop_assert!(!rect.is_empty() && rect.right <= width && rect.bottom <= height);
            prop_assert!(f64::from(rect.left) <= f64::from(area.left()) * f64::from(width));
            prop_assert!(f64::from(rect.top) <= f64::from(area.top()) * f64::from(height));
            prop_assert!(f64::from(rect.right) >= f64::from(area.right()) * f64::from(width));
            prop_assert!(f64::from(rect.bottom) >= f64::from(area.bottom()) * f64::from(height));
            let cell = chroma.cell();
            prop_assert!(rect.left.is_multiple_of(cell) && (rect.right.is_multiple_of(cell) || rect.right == width));
            prop_assert!(rect.top.is_multiple_of(cell) && (rect.bottom.is_multiple_of(cell) || rect.bottom == height));
        }
    }
}
