//! H.264 by OpenH264.
//!
//! **Invariant.** One frame in, one access unit out, in the same order: none is skipped, delayed or reordered.
//!
//! The quantiser is constant, OpenH264's 26: what is hard to encode costs more bits instead of turning into blocks,
//! so that what a detector finds or misses in the output is not the encoder's doing. (Rate control was tried: at
//! 8 Mbit/s for 1080p it spent five times the bits on a still scene, and the worst frame of a moving one was 4 dB
//! worse.) One
//! thread: OpenH264 shares out slices, and a frame is one slice here.
//!
//! Odd sizes: 4:2:0 H.264 has even sizes only, so a frame of 65×33 becomes 66×34, its last column and row repeated;
//! OpenH264 takes no side below 16, which smaller frames are brought to in the same way.
//! The colour description tells the matrix and range that the frames have; primaries and transfer stay unspecified,
//! since nobody told us.

use std::io;
use std::time::Duration;

use frostglass_vault::{Chroma, Colour, Format, Matrix, Picture, Range, Size};
use openh264::encoder::{
    ColorPrimaries, Complexity, Encoder, EncoderConfig, FrameType, MatrixCoefficients, RateControlMode,
    TransferCharacteristics, VuiConfig,
};
use openh264::formats::YUVSource;
use openh264::{OpenH264API, Timestamp};

use super::unsupported;

/// Encodes frames of one format.
pub(super) struct H264Encoder {
    encoder: Encoder,
    format: Format,
    last_key: Option<(Duration, u32)>,
    padded: [Vec<u8>; 3],
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
/// Shortest side that it encodes.
const SHORTEST: u32 = 16;
/// A key frame at least this often: what a crash may cost, and how far a player seeks.
const BETWEEN_KEYS: Duration = Duration::from_millis(1500);
/// The same for clips whose times do not move; it bounds what is held in memory.
const FRAMES_BETWEEN_KEYS: u32 = 240;
impl H264Encoder {
    /// An encoder for frames of this format.
    ///
    /// # Errors
    /// `Unsupported` for stills and for more than 3840×2160 pixels.
    pub(super) fn new(format: Format) -> io::Result<Self> {
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
        let config = EncoderConfig::new()
            .rate_control_mode(RateControlMode::Off)
            .adaptive_quantization(false)
            .background_detection(false)
            .skip_frames(false)
            .complexity(Complexity::Low)
            .num_threads(1)
            .vui(vui(matrix, range));
        let encoder = Encoder::with_api_config(OpenH264API::from_source(), config).map_err(fault)?;
        Ok(Self { encoder, format, last_key: None, padded: Default::default(), access_unit: Vec::new() })
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
        let encoded = self.encoder.encode_at(&source, Timestamp::from_millis(milliseconds)).map_err(fault)?;
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

/// Without the backtrace that the crate's error carries.
fn fault(error: openh264::Error) -> io::Error {
    io::Error::other(format!("the H.264 encoder failed: {error}"))
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

/// Planes of a size that can be encoded: the frame's own, or padded ones.
struct Even<'a> {
    size: (usize, usize),
    planes: [&'a [u8]; 3],
    strides: [usize; 3],
}

impl<'a> Even<'a> {
    fn of(picture: &Picture<'a>, padded: &'a mut [Vec<u8>; 3]) -> Self {
        let Size { width, height } = picture.size();
        let size = [width, height].map(|side| side.next_multiple_of(2).max(SHORTEST) as usize);
        let planes = [0, 1, 2].map(|index| picture.plane(index));
        let (own, size) = (size == [width as usize, height as usize], (size[0], size[1]));
        if own {
            return Self { size, planes: planes.map(|plane| plane.bytes), strides: planes.map(|plane| plane.stride) };
        }
        for (index, padded) in padded.iter_mut().enumerate() {
            let (width, height) = if index == 0 { size } else { (size.0 / 2, size.1 / 2) };
            let last = picture.format().plane_size(index).height - 1;
            padded.clear();
            for y in 0..height {
                let row = picture.row(index, u32::try_from(y).map_or(last, |y| y.min(last)));
                padded.extend_from_slice(row);
                padded.resize((y + 1) * width, row[row.len() - 1]);
            }
        }
        let [luma, cb, cr] = padded;
        Self { size, planes: [luma, cb, cr], strides: [size.0, size.0 / 2, size.0 / 2] }
    }
}

impl YUVSource for Even<'_> {
    fn dimensions(&self) -> (usize, usize) {
        self.size
    }

    fn strides(&self) -> (usize, usize, usize) {
        self.strides.into()
    }

    fn y(&self) -> &[u8] {
        self.planes[0]
    }

    fn u(&self) -> &[u8] {
        self.planes[1]
    }

    fn v(&self) -> &[u8] {
        self.planes[2]
    }
}
