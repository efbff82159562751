//! Chroma to full size by libjpeg's "fancy" triangle filter, and YCbCr to RGB by its 16-bit integers.

use super::Samples;

/// How many luma samples stand for one of chroma.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Chroma {
    /// 1 or 2.
    pub(super) across: usize,
    /// 1 or 2.
    pub(super) down: usize,
}

/// Three bytes a pixel.
pub(super) fn to_rgb(
    width: usize,
    height: usize,
    chroma: Chroma,
    luma: &Samples,
    cb: &Samples,
    cr: &Samples,
) -> Vec<u8> {
    let (cb, cr) = (chroma.upsample(cb, width, height), chroma.upsample(cr, width, height));
    let luma = luma.cropped(width, height).flatten();
    luma.zip(cb.iter().zip(&cr)).flat_map(|(&y, (&cb, &cr))| rgb(y, cb, cr)).collect()
}

/// BT.601, full range.
#[expect(clippy::cast_sign_loss, reason = "clamped to 0..=255")]
fn rgb(y: u8, cb: u8, cr: u8) -> [u8; 3] {
    const HALF: i32 = 1 << 15;
    let (y, cb, cr) = (i32::from(y), i32::from(cb) - 128, i32::from(cr) - 128);
    let red = y + ((91_881 * cr + HALF) >> 16);
    let green = y + ((-22_554 * cb - 46_802 * cr + HALF) >> 16);
    let blue = y + ((116_130 * cb + HALF) >> 16);
    [red, green, blue].map(|value| value.clamp(0, 255) as u8)
}

impl Chroma {
    /// One value a pixel, row by row.
    fn upsample(self, samples: &Samples, width: usize, height: usize) -> Vec<u8> {
        let (small_width, small_height) = (width.div_ceil(self.across), height.div_ceil(self.down));
        let rows: Vec<&[u8]> = samples.cropped(small_width, small_height).collect();
        // libjpeg repeats samples where there are too few to interpolate.
        let smooth = self.across == 1 || small_width > 2;
        (0..height)
            .flat_map(|y| {
                let near = y / self.down;
                // Even rows lean on the row above, odd ones on the row below; edge rows on themselves.
                let far = if y % 2 == 0 { near.saturating_sub(1) } else { (near + 1).min(small_height - 1) };
                let row = match (self.across, self.down) {
                    (1, 1) => rows[near].to_vec(),
                    (1, _) => down_only(rows[near], rows[far], 1 + y % 2),
                    _ if !smooth => rows[near].iter().flat_map(|&c| [c; 2]).collect(),
                    (_, 1) => across_only(rows[near]),
                    _ => both(rows[near], rows[far]),
                };
                row.into_iter().take(width)
            })
            .collect()
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a mean of bytes")]
fn down_only(near: &[u8], far: &[u8], bias: usize) -> Vec<u8> {
    near.iter().zip(far).map(|(&n, &f)| ((3 * usize::from(n) + usize::from(f) + bias) >> 2) as u8).collect()
}

#[expect(clippy::cast_possible_truncation, reason = "a mean of bytes")]
fn across_only(row: &[u8]) -> Vec<u8> {
    let at = |x: usize| u32::from(row[x]);
    let last = row.len() - 1;
    let pair = |x: usize| {
        let left = if x == 0 { at(x) } else { (3 * at(x) + at(x - 1) + 1) >> 2 };
        let right = if x == last { at(x) } else { (3 * at(x) + at(x + 1) + 2) >> 2 };
        [left as u8, right as u8]
    };
    (0..row.len()).flat_map(pair).collect()
}

#[expect(clippy::cast_possible_truncation, reason = "a mean of bytes")]
fn both(near: &[u8], far: &[u8]) -> Vec<u8> {
    let at = |x: usize| 3 * u32::from(near[x]) + u32::from(far[x]);
    let last = near.len() - 1;
    let pair = |x: usize| {
        let left = (3 * at(x) + at(x.saturating_sub(1)) + 8) >> 4;
        let right = (3 * at(x) + at((x + 1).min(last)) + 7) >> 4;
        [left as u8, right as u8]
    };
    (0..near.len()).flat_map(pair).collect()
}
