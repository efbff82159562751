//! H.264 frames, by OpenH264.
//!
//! It is C++ that reads hostile input: it runs where raw pixels are, and nowhere else. Frames come out in the order
//! in which they are shown; a packet that cannot be decoded is an error, and nothing is concealed.

use openh264::OpenH264API;
use openh264::decoder::{DecodedYUV, Decoder, DecoderConfig, Flush};
use openh264::formats::YUVSource;

use frostglass_vault::{PlaneMut, Size};

/// Decodes one stream.
pub(super) struct H264 {
    decoder: Decoder,
}

/// A decoded frame that the decoder still owns.
pub(super) struct Decoded<'a>(DecodedYUV<'a>);

/// A copy of a decoded frame, for those that come all at once at the end.
pub(super) struct Kept {
    pub(super) size: Size,
    planes: [Vec<u8>; 3],
}

impl H264 {
    pub(super) fn new() -> Result<Self, String> {
        // Flushing after each packet would show frames out of order as soon as there are B-frames.
        let config = DecoderConfig::new().flush_after_decode(Flush::NoFlush);
        let decoder = Decoder::with_api_config(OpenH264API::from_source(), config).map_err(|error| say(&error))?;
        Ok(Self { decoder })
    }

    /// Decodes one packet with start codes; gives the next frame to be shown, if one is ready.
    pub(super) fn decode(&mut self, packet: &[u8]) -> Result<Option<Decoded<'_>>, String> {
        match self.decoder.decode(packet) {
            Ok(frame) => Ok(frame.map(Decoded)),
            Err(error) => Err(say(&error)),
        }
    }

    /// The frames that were held back to be shown in order.
    pub(super) fn finish(&mut self) -> Result<Vec<Kept>, String> {
        let frames = self.decoder.flush_remaining().map_err(|error| say(&error))?;
        Ok(frames.into_iter().filter_map(|frame| Decoded(frame).keep()).collect())
    }
}

impl Decoded<'_> {
    pub(super) fn size(&self) -> Size {
        let (width, height) = self.0.dimensions();
        Size::new(u32::try_from(width).unwrap_or(0), u32::try_from(height).unwrap_or(0))
    }

    /// Copies the frame into planes of its size; says whether all of it was there.
    pub(super) fn write(&self, planes: [PlaneMut<'_>; 3]) -> bool {
        let (luma, chroma, _) = self.0.strides();
        let sources = [(self.0.y(), luma), (self.0.u(), chroma), (self.0.v(), chroma)];
        planes.into_iter().zip(sources).all(|(plane, (bytes, stride))| copy_rows(bytes, stride, plane))
    }

    pub(super) fn keep(&self) -> Option<Kept> {
        let size = self.size();
        let half = Size::new(size.width.div_ceil(2), size.height.div_ceil(2));
        let mut planes = [size, half, half].map(|size| vec![0; size.pixels()]);
        let [luma, blue, red] = &mut planes;
        let whole = self.write([
            PlaneMut { bytes: luma, size },
            PlaneMut { bytes: blue, size: half },
            PlaneMut { bytes: red, size: half },
        ]);
        whole.then_some(Kept { size, planes })
    }
}

impl Kept {
    /// Copies the frame into planes of its size; says whether all of it was there.
    pub(super) fn write(&self, planes: [PlaneMut<'_>; 3]) -> bool {
        planes.into_iter().zip(&self.planes).all(|(plane, kept)| {
            let same = plane.bytes.len() == kept.len();
            if same {
                plane.bytes.copy_from_slice(kept);
            }
            same
        })
    }
}

fn copy_rows(bytes: &[u8], stride: usize, plane: PlaneMut<'_>) -> bool {
    let width = plane.size.width as usize;
    if width == 0 || stride < width {
        return false;
    }
    plane.bytes.chunks_exact_mut(width).enumerate().all(|(row, to)| {
        let from = bytes.get(row * stride..row * stride + width);
        from.map(|from| to.copy_from_slice(from)).is_some()
    })
}

fn say(error: &openh264::Error) -> String {
    format!("OpenH264 says code {}", error.native_code())
}
