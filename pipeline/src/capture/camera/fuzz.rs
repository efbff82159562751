//! The laws of a camera's driver, for `crate::fuzz`: whatever numbers it gives, what is read lies inside of what it filled.
//!
//! **Invariant.** The bytes make a driver: a layout, then the answers to each call. A picture that is taken is, sample by
//! sample, the one that the layout describes.
#![allow(clippy::unwrap_used, reason = "a target may panic: that is how it tells")]

use std::io;
use std::time::Duration;

use frostglass_vault::{Pool, Size, Stamp, Zones};

use super::unpack::Unpack;
use crate::capture::{LONGEST_SIDE, MOST_PIXELS, Rate};
use crate::fuzz::Numbers;
use crate::v4l2::calls::Mapping;
use crate::v4l2::stream::{Next, Stream};
use crate::v4l2::{Dequeued, Driver, Fourcc, Kind, Layout, MOST_PLANES};

pub(crate) const FOURCCS: &[&[u8]] = &[
    b"YUYV",
    b"UYVY",
    b"NV12",
    b"NM12",
    b"YU12",
    b"YM12",
    b"MJPG",
    b"\xff\xff\xff\xff",
    b"\0\0\0\0",
    b"\x01\0\0\0",
    b"\0\x80",
    b"\xff\xff\xff\x7f",
];

/// Larger pictures are refused or agreed on, and none of them is made: it would be filled with zeroes.
const LARGEST: usize = 1 << 16;

pub(crate) fn judge(bytes: &[u8]) {
    let mut numbers = Numbers(bytes);
    let kind = [Kind::Capture, Kind::CaptureMultiplanar][usize::from(numbers.byte() % 2)];
    let layout = layout(&mut numbers);
    let unpack = Unpack::new(&layout, kind);
    if let Ok(unpack) = &unpack {
        let size = unpack.format().size;
        assert_eq!(size, layout.size);
        assert!((1..=LONGEST_SIDE).contains(&size.width) && (1..=LONGEST_SIDE).contains(&size.height));
        assert!(size.pixels() <= MOST_PIXELS && layout.field <= 1);
    }
    let driver =
        Made { buffers: u32::from(numbers.byte()), planes: numbers.byte(), length: numbers.small() as usize, numbers };
    let Ok(mut stream) = Stream::start(driver, kind, &layout) else { return };
    let mut unpack = unpack.ok().filter(|unpack| unpack.format().bytes() <= LARGEST);
    // The driver ends with its bytes, each of whose answers has some.
    for _ in 0..=bytes.len() {
        let next = stream.next(Duration::ZERO, |filled| {
            for (place, plane) in filled.planes.iter().enumerate() {
                let (used, offset) = filled.about.planes[place];
                assert!(plane.is_empty() || plane.len() as u64 + u64::from(offset) == u64::from(used));
            }
            if let Some(unpack) = &mut unpack {
                is_the_picture(unpack, &layout, &filled.planes);
            }
        });
        match next {
            Ok(Next::Filled(()) | Next::Bad(_)) => {}
            Ok(Next::Nothing) => break,
            Err(error) => {
                crate::fuzz::is_fit_to_be_told(&error);
                break;
            }
        }
    }
}

/// Unpacks what came, and compares each sample of luma with the byte at which the layout puts it.
fn is_the_picture(unpack: &mut Unpack, layout: &Layout, planes: &[&[u8]; MOST_PLANES]) {
    let pool = Pool::new(unpack.format(), 1);
    let mut blank = pool.blank().unwrap();
    if unpack.copy_out(planes, &mut blank).and_then(|()| unpack.finish(&mut blank)).is_err() {
        return;
    }
    let (first, step) = match &layout.fourcc.0 {
        b"YUYV" => (0, 2),
        b"UYVY" => (1, 2),
        b"MJPG" => return,
        _ => (0, 1),
    };
    let Size { width, height } = layout.size;
    let tight = if step == 2 { 4 * width.div_ceil(2) } else { width };
    let stride = if layout.strides[0] == 0 { tight } else { layout.strides[0] } as usize;
    let look = blank.expose(Stamp { sequence: 0, time: Duration::ZERO }, &Zones::none()).lend();
    for y in 0..height {
        let row = look.picture().row(0, y);
        for (x, sample) in row.iter().enumerate().take(width as usize) {
            let there = planes[0].get(y as usize * stride + x * step + first);
            assert_eq!(Some(sample), there, "luma at {x}, {y} of {layout:?}");
        }
    }
}

/// Sizes are small numbers more often than not, so that there are pictures.
fn layout(numbers: &mut Numbers<'_>) -> Layout {
    let fourcc = Fourcc(numbers.u32().to_le_bytes());
    let wild = numbers.byte();
    let mut side = |bit: u8| if wild & bit == 0 { u32::from(numbers.byte()) } else { numbers.u32() };
    let size = Size::new(side(1), side(2));
    let strides = [(); MOST_PLANES].map(|()| side(4));
    let bytes = [(); MOST_PLANES].map(|()| side(8));
    let planes = usize::from(numbers.byte());
    let [colorspace, encoding, quantization, field] = [(); 4].map(|()| u32::from(numbers.byte()));
    Layout { fourcc, size, planes, strides, bytes, colorspace, encoding, quantization, field }
}

/// A driver whose answers are made of bytes.
struct Made<'a> {
    buffers: u32,
    planes: u8,
    length: usize,
    numbers: Numbers<'a>,
}

impl Driver for Made<'_> {
    fn set_format(&mut self, _: Kind, wanted: &Layout) -> io::Result<Layout> {
        Ok(*wanted)
    }
    fn set_rate(&mut self, _: Kind, wanted: Rate) -> io::Result<Rate> {
        Ok(wanted)
    }
    fn request(&mut self, _: Kind, _: u32) -> io::Result<u32> {
        Ok(self.buffers)
    }
    fn map(&mut self, _: Kind, index: u32, planes: usize) -> io::Result<Vec<Mapping>> {
        // Now and then another number of planes than its format has.
        let count = if self.planes < 250 { planes } else { usize::from(self.planes - 250) };
        let sample = |at: usize| (at * 7 + at / 256 + index as usize) as u8;
        Ok((0..count).map(|_| Mapping::of((0..self.length).map(sample).collect())).collect())
    }
    fn queue(&mut self, _: Kind, _: u32, _: usize, _: u32) -> io::Result<()> {
        Ok(())
    }
    fn dequeue(&mut self, _: Kind, _: usize) -> io::Result<Option<Dequeued>> {
        let (index, how) = (self.numbers.byte(), self.numbers.byte());
        if how == 0xff {
            return Err(io::Error::from_raw_os_error(i32::from(index)));
        }
        let index = if how & 1 == 0 { u32::from(index) } else { self.numbers.u32() };
        let planes = [(); MOST_PLANES].map(|()| match how >> 1 & 3 {
            0 => (self.length as u32, 0),
            1 => (self.numbers.small(), self.numbers.small()),
            2 => (self.length as u32, u32::from(self.numbers.byte())),
            _ => (self.numbers.u32(), self.numbers.u32()),
        });
        Ok(Some(Dequeued { index, flags: 0, sequence: 0, time: Duration::ZERO, planes }))
    }
    fn streaming(&mut self, _: Kind, _: bool) -> io::Result<()> {
        Ok(())
    }
    fn wait(&mut self, _: Kind, _: Duration) -> io::Result<bool> {
        Ok(!self.numbers.is_empty())
    }
}
