//! JPEG from the planes themselves.
//!
//! **Invariant.** A video frame's planes go in at their own size: full-range BT.601 as they are, others moved into
//! it sample by sample (JFIF knows no other colour), never by way of RGB and scaled chroma.

use std::io::{self, Write};

use frostglass_vault::{Chroma, Colour, Matrix, Picture, Range};
use jpeg_encoder::{ChromaSubsamplingMethod, Encoder, EncodingError, ImageBuffer, JpegColorType, SamplingFactor};

use super::unsupported;

/// Quality of stills, which keep full chroma: the eye finds no difference, and faces that were found stay found.
const STILL_QUALITY: u8 = 92;
/// Quality of video frames.
const FRAME_QUALITY: u8 = 85;

/// Writes a JFIF file with the three planes and nothing else.
pub(in crate::emit) fn write(picture: &Picture<'_>, out: &mut impl Write) -> io::Result<()> {
    let size = picture.size();
    let (Ok(width), Ok(height)) = (u16::try_from(size.width), u16::try_from(size.height)) else {
        return Err(unsupported(format!(
            "a JPEG has at most 65535 pixels a side, this picture is {}×{}: give a name that ends in .png",
            size.width, size.height
        )));
    };
    let (quality, sampling) = match picture.format().chroma {
        Chroma::Full => (STILL_QUALITY, SamplingFactor::F_1_1),
        Chroma::Half => (FRAME_QUALITY, SamplingFactor::F_2_2),
    };
    let mut encoder = Encoder::new(out, quality);
    encoder.set_sampling_factor(sampling);
    // Takes back exactly the samples that `Planes` repeats.
    encoder.set_chroma_subsampling_method(ChromaSubsamplingMethod::Nearest);
    let samples = match picture.format().colour {
        Colour::Rgb => Samples::Rgb,
        Colour::Yuv { matrix: Matrix::Bt601, range: Range::Full } => Samples::AsTheyAre,
        Colour::Yuv { matrix, range } => Samples::Moved(ToJfif::from(matrix, range)),
    };
    encoder.encode_image(Planes { picture: *picture, width, height, samples }).map_err(|error| match error {
        EncodingError::IoError(error) => error,
        other => io::Error::other(other),
    })
}

/// The picture as the encoder asks for it: full rows of Y, Cb and Cr.
struct Planes<'a> {
    picture: Picture<'a>,
    width: u16,
    height: u16,
    samples: Samples,
}

enum Samples {
    Rgb,
    AsTheyAre,
    Moved(ToJfif),
}

impl ImageBuffer for Planes<'_> {
    fn get_jpeg_color_type(&self) -> JpegColorType {
        JpegColorType::Ycbcr
    }

    fn width(&self) -> u16 {
        self.width
    }

    fn height(&self) -> u16 {
        self.height
    }

    fn fill_buffers(&self, y: u16, buffers: &mut [Vec<u8>; 4]) {
        let cell = self.picture.format().chroma.cell();
        let first = self.picture.row(0, u32::from(y));
        let [second, third] = [1, 2].map(|plane| self.picture.row(plane, u32::from(y) / cell));
        let [out_y, out_cb, out_cr, _] = buffers;
        let repeated = |row: &[u8], out: &mut Vec<u8>| {
            let end = out.len() + usize::from(self.width);
            row.iter().for_each(|&sample| out.extend(std::iter::repeat_n(sample, cell as usize)));
            out.truncate(end);
        };
        match &self.samples {
            Samples::AsTheyAre => {
                out_y.extend_from_slice(first);
                repeated(second, out_cb);
                repeated(third, out_cr);
            }
            Samples::Rgb => {
                for ((&red, &green), &blue) in first.iter().zip(second).zip(third) {
                    let (y, cb, cr) = jpeg_encoder::rgb_to_ycbcr(red, green, blue);
                    out_y.push(y);
                    out_cb.push(cb);
                    out_cr.push(cr);
                }
            }
            Samples::Moved(to) => {
                let (pairs, cell) = (second.iter().zip(third), cell as usize);
                for (lumas, (&cb, &cr)) in first.chunks(cell).zip(pairs) {
                    let (shift, cb, cr) = to.chroma(cb, cr);
                    out_y.extend(lumas.iter().map(|&luma| to.luma(luma, shift)));
                    out_cb.extend(std::iter::repeat_n(cb, lumas.len()));
                    out_cr.extend(std::iter::repeat_n(cr, lumas.len()));
                }
            }
        }
    }
}

/// The way from another matrix and range to JFIF's full-range BT.601, in 16-bit fixed point.
///
/// Luma keeps its weight of one and chroma does not depend on luma, since grey is grey in every matrix: so chroma
/// is moved at its own resolution, and its share in luma is added.
struct ToJfif {
    luma_from_luma: i32,
    luma_from_chroma: [i32; 2],
    cb_from_chroma: [i32; 2],
    cr_from_chroma: [i32; 2],
    black: i32,
}

const BITS: u32 = 16;
const HALF: i32 = 1 << (BITS - 1);

impl ToJfif {
    fn from(matrix: Matrix, range: Range) -> Self {
        let (luma_scale, chroma_scale, black) = match range {
            Range::Full => (1.0, 1.0, 0),
            Range::Limited => (255.0 / 219.0, 255.0 / 224.0, 16),
        };
        let (red, blue) = weights(matrix);
        let green = 1.0 - red - blue;
        // R = Y + r·Cr, B = Y + b·Cb, G = Y + from_cb·Cb + from_cr·Cr, in the frame's own matrix.
        let (r, b) = (2.0 * (1.0 - red), 2.0 * (1.0 - blue));
        let (from_cb, from_cr) = (-b * blue / green, -r * red / green);
        let (red, blue) = weights(Matrix::Bt601);
        let green = 1.0 - red - blue;
        let luma = [green * from_cb + blue * b, red * r + green * from_cr];
        let cb = [b - luma[0], -luma[1]].map(|share| share / (2.0 * (1.0 - blue)));
        let cr = [-luma[0], r - luma[1]].map(|share| share / (2.0 * (1.0 - red)));
        let fixed = |value: f64| (value * f64::from(1 << BITS)).round() as i32;
        Self {
            luma_from_luma: fixed(luma_scale),
            luma_from_chroma: luma.map(|share| fixed(share * chroma_scale)),
            cb_from_chroma: cb.map(|share| fixed(share * chroma_scale)),
            cr_from_chroma: cr.map(|share| fixed(share * chroma_scale)),
            black,
        }
    }

    fn luma(&self, luma: u8, shift: i32) -> u8 {
        sample(self.luma_from_luma * (i32::from(luma) - self.black) + shift)
    }

    /// What chroma adds to luma, and the new chroma.
    fn chroma(&self, cb: u8, cr: u8) -> (i32, u8, u8) {
        let (cb, cr) = (i32::from(cb) - 128, i32::from(cr) - 128);
        let of = |[from_cb, from_cr]: [i32; 2]| from_cb * cb + from_cr * cr;
        let middle = 128 << BITS;
        (of(self.luma_from_chroma), sample(of(self.cb_from_chroma) + middle), sample(of(self.cr_from_chroma) + middle))
    }
}

/// Rounds to the nearest sample.
fn sample(fixed: i32) -> u8 {
    ((fixed + HALF) >> BITS).clamp(0, 255) as u8
}

/// Weights of red and blue in luma: ITU-R BT.601, BT.709, BT.2020.
fn weights(matrix: Matrix) -> (f64, f64) {
    match matrix {
        Matrix::Bt601 => (0.299, 0.114),
        Matrix::Bt709 => (0.2126, 0.0722),
        Matrix::Bt2020 => (0.2627, 0.0593),
    }
}
