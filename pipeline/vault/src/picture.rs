//! Planes of pixels, borrowed, and what their numbers mean.
//!
//! **Invariant.** A [`Picture`] has three planes that are long enough for its format; whoever holds one may index
//! rows without further thought. It owns nothing and can be kept no longer than the frame it was borrowed from.

use crate::geometry::{Chroma, Size};

/// Three borrowed planes: luma and two chroma planes of a video frame, or red, green and blue of a still.
#[derive(Clone, Copy)]
pub struct Picture<'a> {
    format: Format,
    planes: [Plane<'a>; 3],
}

impl<'a> Picture<'a> {
    /// A picture over three planes; `None` if a plane is too short or its stride below its width.
    #[must_use]
    pub fn new(format: Format, planes: [Plane<'a>; 3]) -> Option<Self> {
        let fits = (0..3).all(|index| {
            let size = format.plane_size(index);
            let Plane { bytes, stride } = planes[index];
            let (width, height) = (size.width as usize, size.height as usize);
            let needed = height.saturating_sub(1).checked_mul(stride).and_then(|rows| rows.checked_add(width));
            stride >= width && needed.is_some_and(|needed| bytes.len() >= needed)
        });
        fits.then_some(Self { format, planes })
    }

    /// Size, chroma layout and the meaning of the numbers.
    #[must_use]
    pub fn format(&self) -> Format {
        self.format
    }

    /// Width and height in pixels.
    #[must_use]
    pub fn size(&self) -> Size {
        self.format.size
    }

    /// Plane 0, 1 or 2.
    #[must_use]
    pub fn plane(&self, index: usize) -> Plane<'a> {
        self.planes[index]
    }

    /// Row `y` of plane `index`, exactly as wide as the plane.
    #[must_use]
    pub fn row(&self, index: usize, y: u32) -> &'a [u8] {
        let Plane { bytes, stride } = self.planes[index];
        let start = y as usize * stride;
        &bytes[start..start + self.format.plane_size(index).width as usize]
    }
}

impl std::fmt::Debug for Picture<'_> {
    /// Shows the format, never a pixel.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Picture").field("format", &self.format).finish_non_exhaustive()
    }
}

/// One borrowed plane: rows of `stride` bytes, of which the first ones are pixels.
#[derive(Clone, Copy)]
pub struct Plane<'a> {
    /// The rows, from the top.
    pub bytes: &'a [u8],
    /// Bytes from the start of one row to the start of the next.
    pub stride: usize,
}

/// One plane that may be written, its rows packed: the stride is the plane's width.
pub struct PlaneMut<'a> {
    /// The rows, from the top, without gaps.
    pub bytes: &'a mut [u8],
    /// Width and height of this plane.
    pub size: Size,
}

/// Size, chroma layout and colour of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Format {
    /// Width and height in pixels.
    pub size: Size,
    /// How the planes relate.
    pub chroma: Chroma,
    /// What the numbers mean.
    pub colour: Colour,
}

impl Format {
    /// Planar 4:2:0 video.
    #[must_use]
    pub const fn video(size: Size, matrix: Matrix, range: Range) -> Self {
        Self { size, chroma: Chroma::Half, colour: Colour::Yuv { matrix, range } }
    }

    /// Red, green and blue planes of a still.
    #[must_use]
    pub const fn still(size: Size) -> Self {
        Self { size, chroma: Chroma::Full, colour: Colour::Rgb }
    }

    /// Size of plane 0, 1 or 2.
    #[must_use]
    pub const fn plane_size(&self, plane: usize) -> Size {
        self.chroma.plane_size(plane, self.size)
    }

    /// Bytes of all three planes, packed; saturates far above anything that fits into memory.
    #[must_use]
    pub fn bytes(&self) -> usize {
        (0..3).fold(0usize, |sum, plane| sum.saturating_add(self.plane_size(plane).pixels()))
    }

    /// The three samples of a grey of this lightness (0 black, 255 white), whatever the numbers mean.
    #[must_use]
    pub fn grey(&self, lightness: u8) -> [u8; 3] {
        match self.colour {
            Colour::Rgb => [lightness; 3],
            Colour::Yuv { range: Range::Full, .. } => [lightness, 128, 128],
            Colour::Yuv { range: Range::Limited, .. } => {
                #[expect(clippy::cast_possible_truncation, reason = "16 + 219 is 235")]
                let luma = (16 + (u32::from(lightness) * 219 + 127) / 255) as u8;
                [luma, 128, 128]
            }
        }
    }
}

/// What the samples of the three planes mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Colour {
    /// sRGB: red, green, blue.
    Rgb,
    /// Luma and two colour differences, Cb before Cr.
    Yuv {
        /// Which weights made luma of red, green and blue.
        matrix: Matrix,
        /// Which numbers are black and white.
        range: Range,
    },
}

/// The matrix between RGB and YCbCr.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Matrix {
    /// ITU-R BT.601: standard definition, JPEG, most webcams.
    Bt601,
    /// ITU-R BT.709: high definition video.
    Bt709,
    /// ITU-R BT.2020, non-constant luminance.
    Bt2020,
}

/// The numbers for black and white.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Range {
    /// Black is 16, white 235 (luma), chroma 16 to 240.
    Limited,
    /// All of 0 to 255.
    Full,
}
