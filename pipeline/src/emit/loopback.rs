//! A v4l2loopback device: any program sees a camera.
//!
//! **Invariant.** Only a device that takes pictures and gives none of its own is written to, in the format that it agreed
//! to; a frame that finds no free buffer is left out, counted and told, so that no reader can hold the stream up.
//!
//! v4l2loopback takes buffers back at once, also one that a slow reader still copies: such a reader may see rows of two
//! frames in one, both of them redacted.

use std::path::Path;
use std::time::Duration;

use frostglass_vault::{Colour, Format, Matrix, Picture, Range, Size};

use super::{EmitError, Sink, shown};
use crate::capture::Rate;
use crate::capture::camera::find::{holders, why_not_opened};
use crate::hatch::ReceivedFrame;
use crate::v4l2::stream::{Stream, StreamFault};
use crate::v4l2::{Device, Driver, Fourcc, Kind, Layout, MOST_PLANES};

/// How long is waited for a buffer that the device has.
const PATIENCE: Duration = Duration::from_millis(40);

/// Writes planar 4:2:0 to a loopback device.
pub struct LoopbackSink<D: Driver = Device> {
    path: String,
    stream: Stream<D>,
    /// As the device has it: even, as 4:2:0 needs it there.
    size: Size,
    stride: usize,
    /// Frames that found no free buffer, and whether the last one did.
    left_out: u64,
    is_late: bool,
}

impl LoopbackSink {
    /// Opens the device and agrees on `format` and `rate`. Of odd sizes the last column or row is left out.
    ///
    /// # Errors
    /// When it is no loopback device, may not be opened, or somebody else holds it.
    pub fn open(path: &Path, format: Format, rate: Rate) -> Result<Self, EmitError> {
        let fault = |why: String| EmitError::Device { path: shown(path), why };
        let busy = || fault(format!("it is in use{}; end what uses it, or name another device", holders(path)));
        let told = |tried: &str, error: std::io::Error| match error.raw_os_error() {
            // EBUSY.
            Some(16) => busy(),
            _ => fault(format!("{tried} failed: {error}")),
        };
        let mut device =
            Device::open(path).map_err(|error| fault(format!("{}; {ADVICE}", why_not_opened(path, error))))?;
        let about = device.capability().map_err(|_| fault(format!("this is no Video4Linux device; {ADVICE}")))?;
        if !about.is_output() {
            return Err(match about.driver.as_str() {
                "v4l2 loopback" => busy(),
                _ => fault(format!("{} is a camera and takes no pictures; {ADVICE}", about.card)),
            });
        }
        let size = Size::new(format.size.width & !1, format.size.height & !1);
        if size.pixels() == 0 {
            return Err(fault(format!("pictures of {} are too small for it", format.size)));
        }
        let wanted = layout(format, size);
        let given = device.set_format(Kind::Output, &wanted).map_err(|error| told("setting its format", error))?;
        if given.fourcc != wanted.fourcc || given.size != wanted.size {
            let why = format!("it stays at {} {} and does not take YU12 {size}", given.fourcc, given.size);
            return Err(fault(format!("{why}; end what reads it, then it can change")));
        }
        let stride = if given.strides[0] == 0 { size.width } else { given.strides[0] };
        // Readers ask for it; a device that does not know rates goes without.
        let _ = device.set_rate(Kind::Output, rate);
        let stream = Stream::start(device, Kind::Output, &given).map_err(|error| match error {
            StreamFault::Io { tried, source } => told(tried, source),
            StreamFault::Driver(what) => fault(format!("its driver {what}")),
        })?;
        Ok(Self { path: shown(path), stream, size, stride: stride as usize, left_out: 0, is_late: false })
    }
}

const ADVICE: &str = "name a v4l2loopback device (`sudo modprobe v4l2loopback exclusive_caps=1 video_nr=10` makes one)";

impl<D: Driver> LoopbackSink<D> {
    /// Frames that were left out, because the device had all buffers.
    #[must_use]
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// Counts, and tells the first of those that are left out in a row.
    fn count(&mut self, was_sent: bool) {
        if !was_sent {
            self.left_out += 1;
            if !self.is_late {
                tracing::warn!("{}: it has no free buffer; frames are left out", self.path);
            }
        }
        self.is_late = !was_sent;
    }
}

impl<D: Driver> Sink for LoopbackSink<D> {
    fn name(&self) -> String {
        format!("loopback device {}", self.path)
    }

    fn frame(&mut self, frame: &ReceivedFrame) -> Result<(), EmitError> {
        let picture = frame.picture();
        let (size, stride) = (self.size, self.stride);
        let sent = self.stream.send(PATIENCE, |buffer| fill(buffer, &picture, size, stride));
        match sent {
            Ok(was_sent) => {
                self.count(was_sent);
                Ok(())
            }
            Err(StreamFault::Io { tried, source }) => {
                Err(EmitError::Device { path: self.path.clone(), why: format!("{tried} failed: {source}") })
            }
            Err(StreamFault::Driver(what)) => {
                Err(EmitError::Device { path: self.path.clone(), why: format!("its driver {what}") })
            }
        }
    }

    fn finish(self: Box<Self>) -> Result<(), EmitError> {
        if self.left_out > 0 {
            tracing::warn!("{}: {} frames found no free buffer and were left out", self.path, self.left_out);
        }
        Ok(())
    }
}

/// Puts the planes one behind the other; gives the bytes that they have, or 0 when they do not fit.
fn fill(buffer: &mut [u8], picture: &Picture<'_>, size: Size, stride: usize) -> usize {
    let (rows, half) = (size.height as usize, stride.div_ceil(2));
    let planes = [(stride, rows, size.width as usize), (half, rows / 2, size.width as usize / 2)];
    let needed = stride * rows + 2 * half * (rows / 2);
    let Some(mut rest) = buffer.get_mut(..needed) else { return 0 };
    for (index, (stride, rows, width)) in [planes[0], planes[1], planes[1]].into_iter().enumerate() {
        let plane = picture.plane(index);
        let (area, behind) = rest.split_at_mut(stride * rows);
        let from = plane.bytes.chunks_exact(plane.stride);
        for (to, from) in area.chunks_exact_mut(stride).zip(from) {
            to[..width].copy_from_slice(&from[..width]);
        }
        rest = behind;
    }
    needed
}

fn layout(format: Format, size: Size) -> Layout {
    let (mut strides, mut bytes) = ([0; MOST_PLANES], [0; MOST_PLANES]);
    (strides[0], bytes[0]) = (size.width, size.width * size.height / 2 * 3);
    let (matrix, range) = match format.colour {
        Colour::Yuv { matrix, range } => (matrix, range),
        Colour::Rgb => (Matrix::Bt601, Range::Full),
    };
    let (colorspace, encoding) = match matrix {
        // sRGB primaries, as webcams have them.
        Matrix::Bt601 => (8, 1),
        Matrix::Bt709 => (3, 2),
        Matrix::Bt2020 => (10, 6),
    };
    let quantization = if range == Range::Full { 1 } else { 2 };
    Layout { fourcc: Fourcc(*b"YU12"), size, planes: 1, strides, bytes, colorspace, encoding, quantization, field: 1 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::emit::testing::{frame, smooth};
    use crate::v4l2::stream::tests::Liar;

    #[test]
    fn planes_lie_one_behind_the_other_and_nothing_is_written_beyond() {
        let format = Format::video(Size::new(7, 5), Matrix::Bt709, Range::Limited);
        let frame = frame(format, smooth(3));
        let picture = frame.picture();
        let (size, stride) = (Size::new(6, 4), 8);
        let needed = 8 * 4 + 2 * 4 * 2;
        let mut buffer = vec![0xee; needed + 9];
        assert_eq!(fill(&mut buffer, &picture, size, stride), needed);
        assert!(buffer[needed..].iter().all(|&byte| byte == 0xee));
        for (index, (start, stride, rows, width)) in
            [(0, 8, 4, 6), (32, 4, 2, 3), (40, 4, 2, 3)].into_iter().enumerate()
        {
            let plane = picture.plane(index);
            for y in 0..rows {
                let row = &buffer[start + y * stride..][..width];
                assert_eq!(row, &plane.bytes[y * plane.stride..][..width], "plane {index}, row {y}");
            }
        }
        assert_eq!(fill(&mut vec![0; needed - 1], &picture, size, stride), 0, "a short buffer is left alone");
    }

    #[test]
    fn a_frame_without_a_free_buffer_is_left_out_and_counted() {
        let format = Format::video(Size::new(8, 4), Matrix::Bt601, Range::Full);
        let wanted = layout(format, format.size);
        let driver = Liar { buffers: 2, length: wanted.bytes[0] as usize, ..Liar::default() };
        let stream = Stream::start(driver, Kind::Output, &wanted).unwrap();
        let (size, stride) = (format.size, 8);
        let mut sink = LoopbackSink { path: "a device".into(), stream, size, stride, left_out: 0, is_late: false };
        let frame = frame(format, smooth(3));
        // The driver keeps what it gets.
        for left_out in [0, 0, 1, 2] {
            sink.frame(&frame).unwrap();
            assert_eq!(sink.left_out(), left_out);
        }
        Box::new(sink).finish().unwrap();
    }

    #[test]
    fn what_is_no_loopback_device_is_refused_with_advice() {
        let format = Format::video(Size::new(64, 48), Matrix::Bt601, Range::Full);
        let rate = Rate { frames: 15, seconds: 1 };
        for (path, says) in [("/dev/null", "no Video4Linux device"), ("/dev/video-none", "no such device")] {
            let Err(error) = LoopbackSink::open(Path::new(path), format, rate) else { panic!("{path} was taken") };
            let text = error.to_string();
            assert!(text.contains(path) && text.contains(says) && text.contains("modprobe"), "{text}");
        }
    }
}
