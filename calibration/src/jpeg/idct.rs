//! The inverse cosine transform of libjpeg's "islow" (Loeffler, Ligtenberg and Moschytz, 1989): 13-bit constants, two
//! extra bits between the passes.

/// Where the coefficients of a block, as they are stored, belong.
pub(super) const ZIGZAG: [usize; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21,
    28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54,
    47, 55, 62, 63,
];

const CONST_BITS: u32 = 13;
const PASS_BITS: u32 = 2;

/// Writes a block of 8×8 samples into a plane.
#[expect(clippy::cast_sign_loss, reason = "clamped to 0..=255")]
pub(super) fn write_block(coefficients: &[i32; 64], plane: &mut [u8], stride: usize) {
    let mut columns_done = [0; 64];
    for x in 0..8 {
        let column = std::array::from_fn(|y| i64::from(coefficients[y * 8 + x]));
        for (y, value) in transform(column, CONST_BITS - PASS_BITS).into_iter().enumerate() {
            columns_done[y * 8 + x] = value;
        }
    }
    for (row, out) in columns_done.chunks_exact(8).zip(plane.chunks_mut(stride)) {
        let row = std::array::from_fn(|x| row[x]);
        let samples = transform(row, CONST_BITS + PASS_BITS + 3);
        for (out, sample) in out.iter_mut().zip(samples) {
            *out = (sample + 128).clamp(0, 255) as u8;
        }
    }
}

/// Eight values in one direction, divided by 2^`shift`, rounded.
fn transform(v: [i64; 8], shift: u32) -> [i64; 8] {
    // 0.541196100, 0.765366865, 1.847759065, … in 1/8192.
    let z1 = (v[2] + v[6]) * 4433;
    let (t2, t3) = (z1 - v[6] * 15_137, z1 + v[2] * 6270);
    let (t0, t1) = ((v[0] + v[4]) << CONST_BITS, (v[0] - v[4]) << CONST_BITS);
    let even = [t0 + t3, t1 + t2, t1 - t2, t0 - t3];

    let (z1, z2, z3, z4) = (v[7] + v[1], v[5] + v[3], v[7] + v[3], v[5] + v[1]);
    let z5 = (z3 + z4) * 9633;
    let (z1, z2) = (z1 * -7373, z2 * -20_995);
    let (z3, z4) = (z3 * -16_069 + z5, z4 * -3196 + z5);
    let odd = [v[1] * 12_299 + z1 + z4, v[3] * 25_172 + z2 + z3, v[5] * 16_819 + z2 + z4, v[7] * 2446 + z1 + z3];

    let half = 1 << (shift - 1);
    std::array::from_fn(|i| {
        let sum = if i < 4 { even[i] + odd[i] } else { even[7 - i] - odd[7 - i] };
        (sum + half) >> shift
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition, in double precision: off by rounding only.
    #[test]
    fn the_transform_is_a_cosine_transform() {
        let mut coefficients = [0_i32; 64];
        for (i, coefficient) in coefficients.iter_mut().enumerate() {
            *coefficient = ((i as i32 * 37) % 41 - 20) * 60 / (1 + i as i32);
        }
        let mut plane = [0_u8; 64];
        write_block(&coefficients, &mut plane, 8);
        let scale = |k: usize| if k == 0 { 0.5_f64.sqrt() } else { 1.0 };
        let wave = |k: usize, x: usize| ((2 * x + 1) as f64 * k as f64 * std::f64::consts::PI / 16.0).cos() * scale(k);
        for y in 0..8 {
            for x in 0..8 {
                let exact: f64 =
                    (0..64).map(|i| f64::from(coefficients[i]) * wave(i / 8, y) * wave(i % 8, x) / 4.0).sum();
                let sample = (exact + 128.0).clamp(0.0, 255.0);
                assert!((sample - f64::from(plane[y * 8 + x])).abs() < 0.75, "({x}, {y})");
            }
        }
    }
}
