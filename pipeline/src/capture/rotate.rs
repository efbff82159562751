//! Frames turned by quarters: phone clips that say so, and cameras that hang sideways.
//!
//! **Invariant.** Turning only moves samples; none is changed, and zones are in the upright picture. The frame as it is stored
//! is zeroised as soon as it was turned.

use std::time::Duration;

use frostglass_vault::{Blank, Format, Pool, Size};
use zeroize::Zeroize;

use super::{CaptureError, Rate, Source, check_blank};

/// How far, clockwise, a stored frame is turned to be upright.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Turn {
    /// It is upright.
    None,
    /// 90 degrees.
    Quarter,
    /// 180 degrees.
    Half,
    /// 270 degrees.
    ThreeQuarters,
}

impl Turn {
    /// From 0, 90, 180 or 270 degrees clockwise; `None` for everything else.
    #[must_use]
    pub fn from_degrees(degrees: u32) -> Option<Self> {
        match degrees {
            0 => Some(Self::None),
            90 => Some(Self::Quarter),
            180 => Some(Self::Half),
            270 => Some(Self::ThreeQuarters),
            _ => None,
        }
    }

    /// The size after the turn.
    #[must_use]
    pub fn size(self, size: Size) -> Size {
        match self {
            Self::None | Self::Half => size,
            Self::Quarter | Self::ThreeQuarters => Size::new(size.height, size.width),
        }
    }
}

/// A source whose frames are turned.
///
/// With an odd size the chroma planes of a turned frame lie one luma sample off where they lay: less than what
/// 4:2:0 leaves open anyway.
pub struct Rotated<S> {
    inner: S,
    turn: Turn,
    format: Format,
    /// One frame as it is stored; zeroes between two of them.
    stored: Option<Blank>,
}

impl<S: Source> Rotated<S> {
    /// Turns every frame of `inner`.
    #[must_use]
    pub fn new(inner: S, turn: Turn) -> Self {
        let scratch = if turn == Turn::None { None } else { Pool::new(inner.format(), 1).blank() };
        Self::of(inner, turn, scratch)
    }

    /// The same; between source and frame, a picture lies in a frame of this pool. `None` when that has none of the source's
    /// format.
    #[must_use]
    pub fn within(inner: S, turn: Turn, pool: &Pool) -> Option<Self> {
        let scratch = pool.blank().filter(|blank| blank.format() == inner.format())?;
        Some(Self::of(inner, turn, Some(scratch)))
    }

    fn of(inner: S, turn: Turn, stored: Option<Blank>) -> Self {
        let format = inner.format();
        Self { inner, turn, format: Format { size: turn.size(format.size), ..format }, stored }
    }
}

impl<S: Source> Source for Rotated<S> {
    fn format(&self) -> Format {
        self.format
    }

    fn rate(&self) -> Option<Rate> {
        self.inner.rate()
    }

    fn expected_frames(&self) -> Option<u64> {
        self.inner.expected_frames()
    }

    fn read(&mut self, blank: &mut Blank) -> Result<Option<Duration>, CaptureError> {
        check_blank(blank, self.format)?;
        let Some(stored) = &mut self.stored else { return self.inner.read(blank) };
        let time = self.inner.read(stored);
        for (from, to) in stored.planes_mut().into_iter().zip(blank.planes_mut()) {
            if let Ok(Some(_)) = time {
                turn_plane(from.bytes, from.size, self.turn, to.bytes);
            }
            from.bytes.zeroize();
        }
        time
    }
}

/// Squares of this side are turned one after the other: both rows and columns of it stay in the cache.
const TILE: usize = 32;

/// Turns a packed plane of `size` into `to`, which has as many samples.
fn turn_plane(from: &[u8], size: Size, turn: Turn, to: &mut [u8]) {
    let (width, height) = (size.width as usize, size.height as usize);
    match turn {
        Turn::None => to.copy_from_slice(from),
        Turn::Half => to.iter_mut().zip(from.iter().rev()).for_each(|(to, from)| *to = *from),
        Turn::Quarter | Turn::ThreeQuarters => {
            for top in (0..height).step_by(TILE) {
                for left in (0..width).step_by(TILE) {
                    for y in top..(top + TILE).min(height) {
                        for x in left..(left + TILE).min(width) {
                            let (row, column) =
                                if turn == Turn::Quarter { (x, height - 1 - y) } else { (width - 1 - x, y) };
                            to[row * height + column] = from[y * width + x];
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::testing::drain;
    use super::super::y4m::Y4mSource;
    use super::*;

    #[test]
    fn a_quarter_turn_brings_the_left_column_to_the_top() {
        // a b c      d a
        // d e f  ->  e b
        //            f c
        let table = [
            (Turn::None, b"abcdef"),
            (Turn::Quarter, b"daebfc"),
            (Turn::Half, b"fedcba"),
            (Turn::ThreeQuarters, b"cfbead"),
        ];
        for (turn, expected) in table {
            let mut to = [0; 6];
            turn_plane(b"abcdef", Size::new(3, 2), turn, &mut to);
            assert_eq!(&to, expected, "{turn:?}");
        }
    }

    #[test]
    fn planes_of_odd_sizes_are_turned_whole() {
        let mut clip = b"YUV4MPEG2 W5 H3 F1:1\nFRAME\n".to_vec();
        clip.extend((0..27).map(|sample| 100 + sample));
        for turn in [Turn::Quarter, Turn::Half, Turn::ThreeQuarters] {
            let mut source = Rotated::new(Y4mSource::new("clip".to_owned(), &clip[..]).unwrap(), turn);
            assert_eq!(source.format().size, turn.size(Size::new(5, 3)));
            let (frames, faults) = drain(&mut source);
            assert!(faults.is_empty());
            let mut samples: Vec<u8> = frames[0].0.concat();
            samples.sort_unstable();
            assert_eq!(samples, (100..127).collect::<Vec<u8>>());
        }
    }

    #[test]
    fn of_a_turned_frame_nothing_is_kept() {
        let mut clip = b"YUV4MPEG2 W6 H4 F1:1\nFRAME\n".to_vec();
        clip.extend([100; 36]);
        clip.extend(b"FRAME\n");
        // The second frame is cut: what was read of it is wiped too.
        clip.extend([200; 30]);
        let mut source = Rotated::new(Y4mSource::new("clip".to_owned(), &clip[..]).unwrap(), Turn::Quarter);
        let pool = Pool::new(source.format(), 1);
        for is_whole in [true, false] {
            let read = source.read(&mut pool.blank().unwrap());
            assert_eq!(read.is_ok(), is_whole, "{read:?}");
            let stored = source.stored.as_mut().unwrap().planes_mut();
            assert!(stored.iter().all(|plane| plane.bytes.iter().all(|&byte| byte == 0)));
        }
    }

    proptest! {
        #[test]
        fn four_quarters_are_none_and_two_are_a_half(width in 1u32..70, height in 1u32..70) {
            let (size, turned) = (Size::new(width, height), Size::new(height, width));
            let from: Vec<u8> = (0..size.pixels()).map(|at| (at * 7 + at / 251) as u8).collect();
            let turn = |from: &[u8], size, turn| {
                let mut to = vec![0; from.len()];
                turn_plane(from, size, turn, &mut to);
                to
            };
            let quarter = turn(&from, size, Turn::Quarter);
            let half = turn(&quarter, turned, Turn::Quarter);
            prop_assert_eq!(&half, &turn(&from, size, Turn::Half));
            prop_assert_eq!(&turn(&half, size, Turn::Quarter), &turn(&from, size, Turn::ThreeQuarters));
            prop_assert_eq!(&turn(&quarter, turned, Turn::ThreeQuarters), &from);
        }
    }
}
