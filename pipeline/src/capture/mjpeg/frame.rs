//! One compressed frame of a camera or an MJPEG stream, to planes.
//!
//! JPEG frames are full-range BT.601 (JFIF); their metadata is passed over. Blocks are not counted as those of a
//! still are: that is a second pass over the coded data of every frame. A frame whose coded data was changed, but has
//! its end, is inspected as it looks.

use frostglass_vault::{Blank, Format, Matrix, PlaneMut, Range};
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_jpeg::JpegDecoder;

use super::super::check_size;
use super::super::jpeg::{self, Walk};
use super::huffman;

/// Decodes one compressed frame after the other; keeps its memory.
#[derive(Default)]
pub struct JpegFrameDecoder {
    samples: Vec<u8>,
    completed: Vec<u8>,
}

/// Why a compressed frame did not become a frame. The blank's content is then worthless.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FrameFault {
    /// It is cut, broken, or of a kind that is not taken; what the decoder said.
    Broken(String),
    /// It is whole as far as its headers tell, but of another format than the blank.
    OtherFormat(Format),
}

impl JpegFrameDecoder {
    /// A decoder without memory yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The format that a compressed frame decodes to.
    ///
    /// # Errors
    /// When it is cut or broken, as far as its markers tell.
    pub fn format_of(compressed: &[u8]) -> Result<Format, FrameFault> {
        skeleton_of(compressed).map(|(_, format)| format)
    }

    /// Decodes one compressed frame, and what follows it is ignored. Standard Huffman tables are put in when it
    /// brings none, as frames of many webcams do.
    ///
    /// # Errors
    /// When it cannot be decoded wholly, or does not fit the blank.
    pub fn decode(&mut self, compressed: &[u8], blank: &mut Blank) -> Result<(), FrameFault> {
        let (skeleton, format) = skeleton_of(compressed)?;
        if format != blank.format() {
            return Err(FrameFault::OtherFormat(format));
        }
        let broken = |reason: String| FrameFault::Broken(reason);
        let whole = &compressed[..skeleton.length];
        let bytes = if skeleton.has_huffman {
            whole
        } else {
            self.completed.clear();
            self.completed.extend_from_slice(&whole[..skeleton.scan]);
            self.completed.extend_from_slice(&huffman::STANDARD_TABLES);
            self.completed.extend_from_slice(&whole[skeleton.scan..]);
            &self.completed
        };
        let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), jpeg::options(ColorSpace::YCbCr));
        decoder.decode_headers().map_err(|error| broken(error.to_string()))?;
        let grey = match decoder.input_colorspace() {
            Some(ColorSpace::YCbCr) => false,
            Some(ColorSpace::Luma) => true,
            _ => return Err(broken("its colours are neither YCbCr nor grey".to_owned())),
        };
        if grey {
            decoder.set_options(jpeg::options(ColorSpace::Luma));
        }
        if decoder.dimensions() != Some((format.size.width as usize, format.size.height as usize)) {
            return Err(broken("it states two sizes".to_owned()));
        }
        let [luma, blue, red] = blank.planes_mut();
        if grey {
            decoder.decode_into(luma.bytes).map_err(|error| broken(error.to_string()))?;
            blue.bytes.fill(128);
            red.bytes.fill(128);
            return Ok(());
        }
        self.samples.resize(format.size.pixels() * 3, 0);
        decoder.decode_into(&mut self.samples).map_err(|error| broken(error.to_string()))?;
        halve_chroma(&self.samples, luma, blue, red);
        Ok(())
    }
}

fn skeleton_of(compressed: &[u8]) -> Result<(jpeg::Skeleton, Format), FrameFault> {
    let broken = |reason: &str| FrameFault::Broken(reason.to_owned());
    let skeleton = match jpeg::walk(compressed) {
        Walk::Whole(skeleton) => skeleton,
        Walk::Cut { .. } => return Err(broken("it ends too early")),
        Walk::Broken { reason, .. } => return Err(broken(reason)),
    };
    let size = skeleton.size.ok_or_else(|| broken("it states no size"))?;
    if check_size("", size).is_err() {
        return Err(FrameFault::Broken(format!("its size is {size}")));
    }
    Ok((skeleton, Format::video(size, Matrix::Bt601, Range::Full)))
}

/// Splits samples of Y, Cb, Cr at full size into planes; each chroma sample is the average of the 2 by 2 (at odd
/// edges 2 by 1 or 1 by 2) that it stands for, which undoes the decoder's own widening.
fn halve_chroma(samples: &[u8], luma: PlaneMut<'_>, blue: PlaneMut<'_>, red: PlaneMut<'_>) {
    let width = luma.size.width as usize;
    let half = blue.size.width as usize;
    let rows = samples.chunks(width * 6).zip(luma.bytes.chunks_mut(width * 2));
    for ((pair, luma), (blue, red)) in rows.zip(blue.bytes.chunks_exact_mut(half).zip(red.bytes.chunks_exact_mut(half)))
    {
        for (luma, sample) in luma.iter_mut().zip(pair.chunks_exact(3)) {
            *luma = sample[0];
        }
        let upper = &pair[..width * 3];
        // The last row of an odd height is its own neighbour.
        let lower = pair.get(width * 3..).filter(|lower| !lower.is_empty()).unwrap_or(upper);
        let columns = upper.chunks(6).zip(lower.chunks(6));
        for ((blue, red), (upper, lower)) in blue.iter_mut().zip(red).zip(columns) {
            let right = if upper.len() == 6 { 3 } else { 0 };
            let average = |channel: usize| {
                let sum = u16::from(upper[channel])
                    + u16::from(upper[channel + right])
                    + u16::from(lower[channel])
                    + u16::from(lower[channel + right]);
                u8::try_from((sum + 2) / 4).unwrap_or(u8::MAX)
            };
            (*blue, *red) = (average(1), average(2));
        }
    }
}
