//! H.264 by OpenH264.
//!
//! **Invariant.** One frame in, one access unit out, in the same order: none is skipped, delayed or reordered.
//!
//! Odd sizes: 4:2:0 H.264 has even sizes only, so a frame of 5×3 becomes 6×4, its last column and row repeated.
//! The colour description tells the matrix and range that the frames have; primaries and transfer stay unspecified,
//! since nobody told us.

use std::io;
use std::time::Duration;

use frostglass_vault::{Chroma, Colour, Format, Matrix, Picture, Range};
use openh264::encoder::{
    BitRate, ColorPrimaries, Complexity, Encoder, EncoderConfig, FrameRate, FrameType, MatrixCoefficients, QpRange,
    RateControlMode, TransferCharacteristics, VuiConfig,
};
use openh264::formats::YUVSource;
use openh264::{OpenH264API, Timestamp};

use super::unsupported;

/// Encodes frames of one format.
pub(super) struct H264Encoder {
    encoder: Encoder,
    format: Format,
    last_key: Option<(Duration, u32)>,
    padded: Vec<u8>,
    access_unit: Vec<u8>,
}

/// One encoded frame.
pub(super) struct AccessUnit<'a> {
    /// Annex B; a key frame begins with its parameter sets.
    pub(super) bytes: &'a [u8],
    /// Whether a decoder may start here.
    pub(super) key: bool,
}

/// Longest side and other side that OpenH264 encodes.
const LARGEST: (u32, u32) = (3840, 2160);
/// A key frame at least this often: what a crash may cost, and how far a player seeks.
const BETWEEN_KEYS: Duration = Duration::from_millis(1500);
/// The same for clips whose times do not move; it bounds what is held in memory.
const FRAMES_BETWEEN_KEYS: u32 = 240;
/// Bits of a pixel of a 1080p frame. Smaller frames get more, since their details are finer.
const BITS_PER_PIXEL: f64 = 0.13;
const FULL_HD: f64 = 1920.0 * 1080.0;
/// Coarsest quantiser: what is hard to encode costs more bits instead of turning into blocks, so that what a
/// detector finds or misses in the output is not the encoder's doing.
const COARSEST: u8 = 36;
const FINEST: u8 = 12;

impl H264Encoder {
    /// An encoder for frames of this format; `fps` sets the bits per second.
    ///
    /// # Errors
    /// `Unsupported` for stills and for more than 3840×2160 pixels.
    pub(super) fn new(format: Format, fps: f64) -> io::Result<Self> {
        let (Colour::Yuv { matrix, range }, Chroma::Half) = (format.colour, format.chroma) else {
            return Err(unsupported("H.264 is made of 4:2:0 video only: write stills as pictures"));
        };
        let (width, height) = (format.size.width, format.size.height);
        if width.max(height) > LARGEST.0 || width.min(height) > LARGEST.1 {
            return Err(unsupported(format!(
                "H.264 clips have at most {}×{} pixels, this one has {width}×{height}: write it as .y4m",
                LARGEST.0, LARGEST.1
            )));
        }
        let pixels = format.size.pixels() as f64;
        let bits = BITS_PER_PIXEL * FULL_HD * (pixels / FULL_HD).powf(0.75) * fps.clamp(1.0, 240.0);
        let config = EncoderConfig::new()
            .rate_control_mode(RateControlMode::Quality)
            .bitrate(BitRate::from_bps(bits.clamp(64_000.0, 200_000_000.0) as u32))
            .max_frame_rate(FrameRate::from_hz(fps.clamp(1.0, 240.0) as f32))
            .skip_frames(false)
            .complexity(Complexity::Low)
            .qp(QpRange::new(FINEST, COARSEST))
            .num_threads(1)
            .vui(vui(matrix, range));
        let encoder = Encoder::with_api_config(OpenH264API::from_source(), config).map_err(io::Error::other)?;
        Ok(Self { encoder, format, last_key: None, padded: Vec::new(), access_unit: Vec::new() })
    }

    /// Encodes the next frame; `time` only places the key frames.
    pub(super) fn encode(&mut self, picture: &Picture<'_>, time: Duration) -> io::Result<AccessUnit<'_>> {
        if picture.format() != self.format {
            return Err(unsupported("the frames changed their format in the middle of a clip"));
        }
        let since = |(last, frames): (Duration, u32)| {
            time.saturating_sub(last) >= BETWEEN_KEYS || frames >= FRAMES_BETWEEN_KEYS
        };
        if self.last_key.is_some_and(since) {
            self.encoder.force_intra_frame();
        }
        let source = Even::of(picture, &mut self.padded);
        let milliseconds = u64::try_from(time.as_millis()).unwrap_or(0);
        let encoded =
            self.encoder.encode_at(&source, Timestamp::from_millis(milliseconds)).map_err(io::Error::other)?;
        let key = encoded.frame_type() == FrameType::IDR;
        self.access_unit.clear();
        encoded.write_vec(&mut self.access_unit);
        if self.access_unit.is_empty() {
            return Err(io::Error::other("the H.264 encoder gave nothing for a frame"));
        }
        self.last_key = match self.last_key {
            Some((last, frames)) if !key => Some((last, frames + 1)),
            _ => Some((time, 1)),
        };
        Ok(AccessUnit { bytes: &self.access_unit, key })
    }
}

fn vui(matrix: Matrix, range: Range) -> VuiConfig {
    VuiConfig::new()
        .color_primaries(ColorPrimaries::Unspecified)
        .transfer_characteristics(TransferCharacteristics::Unspecified)
        .matrix_coefficients(match matrix {
            Matrix::Bt601 => MatrixCoefficients::Smpte170M,
            Matrix::Bt709 => MatrixCoefficients::Bt709,
            Matrix::Bt2020 => MatrixCoefficients::Bt2020Ncl,
        })
        .full_range(range == Range::Full)
}

/// Planes of even size: the frame's own, or luma padded. Chroma needs none, its size is rounded up already.
struct Even<'a> {
    size: (usize, usize),
    luma: &'a [u8],
    strides: (usize, usize, usize),
    chroma: [&'a [u8]; 2],
}

impl<'a> Even<'a> {
    fn of(picture: &Picture<'a>, padded: &'a mut Vec<u8>) -> Self {
        let size = picture.size();
        let [width, height] = [size.width, size.height].map(|side| side.next_multiple_of(2) as usize);
        let [luma, cb, cr] = [0, 1, 2].map(|index| picture.plane(index));
        let (strides, chroma) = ((luma.stride, cb.stride, cr.stride), [cb.bytes, cr.bytes]);
        if (width, height) == (size.width as usize, size.height as usize) {
            return Self { size: (width, height), luma: luma.bytes, strides, chroma };
        }
        padded.clear();
        for y in 0..height {
            let row = picture.row(0, (y as u32).min(size.height - 1));
            padded.extend_from_slice(row);
            padded.resize((y + 1) * width, row[row.len() - 1]);
        }
        Self { size: (width, height), luma: padded, strides: (width, strides.1, strides.2), chroma }
    }
}

impl YUVSource for Even<'_> {
    fn dimensions(&self) -> (usize, usize) {
        self.size
    }

    fn strides(&self) -> (usize, usize, usize) {
        self.strides
    }

    fn y(&self) -> &[u8] {
        self.luma
    }

    fn u(&self) -> &[u8] {
        self.chroma[0]
    }

    fn v(&self) -> &[u8] {
        self.chroma[1]
    }
}
