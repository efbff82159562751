//! Luma and colour differences to red, green and blue: ITU-R BT.601, BT.709 and BT.2020, limited and full range.

use frostglass_vault::{Colour, Matrix, Range};

/// How three samples of a picture become red, green and blue, 0 to 255.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum ToRgb {
    /// They are red, green and blue.
    Same,
    /// They are luma, Cb and Cr.
    Convert(Weights),
}

/// `red = luma' + red_cr · cr`, and so on, with `luma' = (luma − black) · luma_gain` and Cb, Cr less 128.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Weights {
    black: f32,
    luma_gain: f32,
    red_cr: f32,
    green_cb: f32,
    green_cr: f32,
    blue_cb: f32,
}

impl ToRgb {
    pub(super) fn of(colour: Colour) -> Self {
        let Colour::Yuv { matrix, range } = colour else { return Self::Same };
        // Shares of red and blue in luma: BT.601-7 2.5.1, BT.709-6 3.2, BT.2020-2 table 4.
        let (red, blue) = match matrix {
            Matrix::Bt601 => (0.299, 0.114),
            Matrix::Bt709 => (0.2126, 0.0722),
            Matrix::Bt2020 => (0.2627, 0.0593),
        };
        let green: f32 = 1.0 - red - blue;
        let (black, luma_gain, chroma_gain) = match range {
            Range::Full => (0.0, 1.0, 1.0),
            Range::Limited => (16.0, 255.0 / 219.0, 255.0 / 224.0),
        };
        let (from_cr, from_cb) = (2.0 * (1.0 - red) * chroma_gain, 2.0 * (1.0 - blue) * chroma_gain);
        Self::Convert(Weights {
            black,
            luma_gain,
            red_cr: from_cr,
            green_cb: -from_cb * blue / green,
            green_cr: -from_cr * red / green,
            blue_cb: from_cb,
        })
    }

    /// One row into rows of red, green and blue; all six are equally long.
    pub(super) fn row(&self, [a, b, c]: [&[u8]; 3], [red, green, blue]: [&mut [f32]; 3]) {
        match self {
            Self::Same => {
                for (from, to) in [(a, red), (b, green), (c, blue)] {
                    from.iter().zip(to).for_each(|(&from, to)| *to = f32::from(from));
                }
            }
            Self::Convert(weights) => {
                let targets = red.iter_mut().zip(green).zip(blue);
                for (((&luma, &cb), &cr), ((red, green), blue)) in a.iter().zip(b).zip(c).zip(targets) {
                    [*red, *green, *blue] = weights.rgb(luma, cb, cr);
                }
            }
        }
    }

    /// One row into red, green, blue bytes, pixel by pixel.
    pub(super) fn packed_row(&self, [a, b, c]: [&[u8]; 3], target: &mut [u8]) {
        for (((&a, &b), &c), pixel) in a.iter().zip(b).zip(c).zip(target.chunks_exact_mut(3)) {
            let rgb = match self {
                Self::Same => [a, b, c],
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0..=255")]
                Self::Convert(weights) => weights.rgb(a, b, c).map(|value| (value + 0.5) as u8),
            };
            pixel.copy_from_slice(&rgb);
        }
    }
}

impl Weights {
    #[inline]
    fn rgb(&self, luma: u8, cb: u8, cr: u8) -> [f32; 3] {
        let luma = (f32::from(luma) - self.black) * self.luma_gain;
        let (cb, cr) = (f32::from(cb) - 128.0, f32::from(cr) - 128.0);
        let red = luma + self.red_cr * cr;
        let green = luma + self.green_cb * cb + self.green_cr * cr;
        let blue = luma + self.blue_cb * cb;
        [red, green, blue].map(|value| value.clamp(0.0, 255.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Forward transform by the definition: luma from the shares, colour differences scaled to ±0.5.
    fn samples_of([red, green, blue]: [f32; 3], [kr, kb]: [f32; 2], range: Range) -> [u8; 3] {
        let luma = kr * red + (1.0 - kr - kb) * green + kb * blue;
        let cb = (blue - luma) / (2.0 * (1.0 - kb));
        let cr = (red - luma) / (2.0 * (1.0 - kr));
        match range {
            Range::Full => [luma.round() as u8, (cb + 128.0).round() as u8, (cr + 128.0).round() as u8],
            Range::Limited => [
                (16.0 + luma * 219.0 / 255.0).round() as u8,
                (128.0 + cb * 224.0 / 255.0).round() as u8,
                (128.0 + cr * 224.0 / 255.0).round() as u8,
            ],
        }
    }

    #[test]
    fn matrix_and_range_of_the_frame_are_honoured() {
        let matrices =
            [(Matrix::Bt601, [0.299, 0.114]), (Matrix::Bt709, [0.2126, 0.0722]), (Matrix::Bt2020, [0.2627, 0.0593])];
        for (matrix, shares) in matrices {
            for range in [Range::Limited, Range::Full] {
                let to_rgb = ToRgb::of(Colour::Yuv { matrix, range });
                for colour in [[0.0, 0.0, 0.0], [255.0; 3], [200.0, 60.0, 30.0], [10.0, 90.0, 220.0]] {
                    let [a, b, c] = samples_of(colour, shares, range);
                    let (mut red, mut green, mut blue) = ([0.0], [0.0], [0.0]);
                    to_rgb.row([&[a], &[b], &[c]], [&mut red, &mut green, &mut blue]);
                    let mut packed = [0; 3];
                    to_rgb.packed_row([&[a], &[b], &[c]], &mut packed);
                    for (channel, is) in [red[0], green[0], blue[0]].into_iter().enumerate() {
                        assert!((is - colour[channel]).abs() < 2.1, "{matrix:?} {range:?} {colour:?}: {is}");
                        assert!((is - f32::from(packed[channel])).abs() <= 0.5);
                    }
                }
            }
        }
    }

    #[test]
    fn a_still_is_taken_as_it_is() {
        let (mut red, mut green, mut blue) = ([0.0; 2], [0.0; 2], [0.0; 2]);
        ToRgb::of(Colour::Rgb).row([&[1, 2], &[3, 4], &[5, 6]], [&mut red, &mut green, &mut blue]);
        assert_eq!((red, green, blue), ([1.0, 2.0], [3.0, 4.0], [5.0, 6.0]));
    }
}
