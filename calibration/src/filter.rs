//! Gaussian means of a plane of grey levels, as OpenCV's `GaussianBlur` takes them.
//!
//! `GaussianBlur(a, (0, 0), sigma, borderType=BORDER_REFLECT)` on 32-bit floats: a separable kernel of
//! `round(8·sigma + 1) | 1` taps, normalised in double precision, rows first; beyond the border the plane is mirrored,
//! its edge pixel repeated.
//!
//! **Invariant:** what is outside of a [`Window`] but inside of its picture counts as zero. A mean over the pixels of
//! a face box alone never needs more than the box: see [`Window`].

/// A plane of 32-bit values, row by row.
#[derive(Debug, Clone, PartialEq)]
pub struct Plane {
    /// Width in pixels.
    pub width: usize,
    /// Height in pixels.
    pub height: usize,
    /// `width · height` values.
    pub values: Vec<f32>,
}

impl Plane {
    /// Two planes of one size, value by value.
    pub fn zip_with(&self, other: &Self, f: impl Fn(f32, f32) -> f32) -> Self {
        debug_assert_eq!((self.width, self.height), (other.width, other.height));
        let values = self.values.iter().zip(&other.values).map(|(&a, &b)| f(a, b)).collect();
        Self { width: self.width, height: self.height, values }
    }

    /// The part of it that starts at (`left`, `top`).
    pub fn crop(&self, left: usize, top: usize, width: usize, height: usize) -> Self {
        let rows = self.values.chunks_exact(self.width).skip(top).take(height);
        Self { width, height, values: rows.flat_map(|row| &row[left..left + width]).copied().collect() }
    }
}

/// Where a plane lies in the larger picture that it was cut from, along one axis: so many zeros before it, so many after.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span {
    /// Pixels between the border of the picture and the plane.
    pub before: usize,
    /// Pixels between the plane and the opposite border.
    pub after: usize,
}

/// Where a plane lies in the larger picture that it was cut from; all of the picture beside it is zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Window {
    /// To the left and the right.
    pub across: Span,
    /// Above and below.
    pub down: Span,
}

/// The Gaussian mean of each value of `plane`, which lies in a picture of zeros as `window` says.
pub fn blur(plane: &Plane, window: Window, sigma: f64) -> Plane {
    let kernel = Kernel::new(sigma);
    let rows_done = kernel.along_rows(plane, window.across);
    kernel.along_columns(&rows_done, window.down)
}

/// What [`blur`] makes of a plane of ones: the share of each mean that fell on the plane.
pub fn coverage(width: usize, height: usize, window: Window, sigma: f64) -> Plane {
    let kernel = Kernel::new(sigma);
    let across = kernel.covered(width, window.across);
    let down = kernel.covered(height, window.down);
    Plane { width, height, values: down.iter().flat_map(|d| across.iter().map(move |a| a * d)).collect() }
}

/// A symmetric kernel of odd length.
struct Kernel {
    weights: Vec<f32>,
}

/// As many sums are kept in registers at a time.
const LANES: usize = 16;

impl Kernel {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a kernel has some hundred taps at most"
    )]
    fn new(sigma: f64) -> Self {
        let length = (sigma * 8.0 + 1.0).round_ties_even() as usize | 1;
        let radius = (length / 2) as f64;
        let weight = |tap: usize| (-0.5 * ((tap as f64 - radius) / sigma).powi(2)).exp();
        let sum: f64 = (0..length).map(weight).sum();
        Self { weights: (0..length).map(|tap| (weight(tap) / sum) as f32).collect() }
    }

    fn radius(&self) -> usize {
        self.weights.len() / 2
    }

    /// For each position that a tap can fall on, the value of the plane it finds there, or none where it finds a zero.
    fn sources(&self, length: usize, span: Span) -> Vec<Option<usize>> {
        let whole = span.before + length + span.after;
        let radius = self.radius();
        (0..length + 2 * radius)
            .map(|position| {
                let mirrored = reflect(position as isize + span.before as isize - radius as isize, whole);
                mirrored.checked_sub(span.before).filter(|&index| index < length)
            })
            .collect()
    }

    fn covered(&self, length: usize, span: Span) -> Vec<f32> {
        let ones: Vec<f32> = self.sources(length, span).iter().map(|s| if s.is_some() { 1.0 } else { 0.0 }).collect();
        ones.windows(self.weights.len()).map(|taps| taps.iter().zip(&self.weights).map(|(t, w)| t * w).sum()).collect()
    }

    fn along_rows(&self, plane: &Plane, span: Span) -> Plane {
        let sources = self.sources(plane.width, span);
        let mut padded = vec![0.0; sources.len() + LANES];
        let mut values = vec![0.0; plane.values.len()];
        for (row, out) in plane.values.chunks_exact(plane.width).zip(values.chunks_exact_mut(plane.width)) {
            for (value, source) in padded.iter_mut().zip(&sources) {
                *value = source.map_or(0.0, |index| row[index]);
            }
            for (block, out) in out.chunks_mut(LANES).enumerate() {
                let mut sums = [0.0_f32; LANES];
                for (tap, &weight) in self.weights.iter().enumerate() {
                    let from = block * LANES + tap;
                    for (sum, value) in sums.iter_mut().zip(&padded[from..from + LANES]) {
                        *sum += weight * value;
                    }
                }
                out.copy_from_slice(&sums[..out.len()]);
            }
        }
        Plane { values, ..*plane }
    }

    fn along_columns(&self, plane: &Plane, span: Span) -> Plane {
        let sources = self.sources(plane.height, span);
        let width = plane.width;
        // Whole blocks only: rows are padded, so that no block has to look where its row ends.
        let stride = width.next_multiple_of(LANES);
        let mut rows = vec![0.0; stride * (plane.height + 1)];
        for (row, padded) in plane.values.chunks_exact(width).zip(rows.chunks_exact_mut(stride)) {
            padded[..width].copy_from_slice(row);
        }
        let zeros = plane.height * stride;
        let starts: Vec<usize> = sources.iter().map(|source| source.map_or(zeros, |index| index * stride)).collect();
        let mut values = vec![0.0; plane.values.len()];
        let (middle, radius) = (self.weights[self.radius()], self.radius());
        for (row, out) in values.chunks_exact_mut(width).enumerate() {
            for (block, out) in out.chunks_mut(LANES).enumerate() {
                let lanes = |tap: usize| {
                    let from = starts[row + tap] + block * LANES;
                    &rows[from..from + LANES]
                };
                let mut sums = [0.0_f32; LANES];
                for (sum, value) in sums.iter_mut().zip(lanes(radius)) {
                    *sum = middle * value;
                }
                for tap in 1..=radius {
                    let weight = self.weights[radius + tap];
                    for ((sum, above), below) in sums.iter_mut().zip(lanes(radius - tap)).zip(lanes(radius + tap)) {
                        *sum += weight * (above + below);
                    }
                }
                out.copy_from_slice(&sums[..out.len()]);
            }
        }
        Plane { values, ..*plane }
    }
}

/// Mirrors a position at the borders of `0..length`, with the edge repeated: `dcba|abcd|dcba`.
#[expect(clippy::cast_sign_loss, reason = "the loop ends inside 0..length")]
fn reflect(mut position: isize, length: usize) -> usize {
    let length = length as isize;
    loop {
        position = match position {
            p if p < 0 => -1 - p,
            p if p >= length => 2 * length - 1 - p,
            p => return p as usize,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plane(width: usize, height: usize, f: impl Fn(usize, usize) -> f32) -> Plane {
        Plane { width, height, values: (0..width * height).map(|i| f(i % width, i / width)).collect() }
    }

    #[test]
    fn a_flat_plane_stays_flat_at_any_size() {
        for (width, height) in [(1, 1), (1, 9), (15, 2), (16, 16), (17, 33)] {
            let blurred = blur(&plane(width, height, |_, _| 200.0), Window::default(), 2.33);
            assert!(blurred.values.iter().all(|v| (v - 200.0).abs() < 1e-3), "{width}×{height}");
        }
    }

    /// By the definition, in double precision.
    #[test]
    fn blur_is_the_sum_over_mirrored_neighbours() {
        let source = plane(23, 11, |x, y| ((x * 37 + y * 91) % 256) as f32);
        let (sigma, radius) = (1.8_f64, 7_isize);
        let weights: Vec<f64> = (-radius..=radius).map(|d| (-0.5 * (d as f64 / sigma).powi(2)).exp()).collect();
        let sum: f64 = weights.iter().sum();
        let blurred = blur(&source, Window::default(), sigma);
        for (i, got) in blurred.values.iter().enumerate() {
            let (x, y) = ((i % 23) as isize, (i / 23) as isize);
            let mut mean = 0.0;
            for (dy, wy) in (-radius..=radius).zip(&weights) {
                for (dx, wx) in (-radius..=radius).zip(&weights) {
                    let (sx, sy) = (reflect(x + dx, 23), reflect(y + dy, 11));
                    mean += wx * wy * f64::from(source.values[sy * 23 + sx]);
                }
            }
            assert!((mean / (sum * sum) - f64::from(*got)).abs() < 1e-3, "({x}, {y})");
        }
    }

    #[test]
    fn a_window_is_a_cut_from_a_picture_of_zeros() {
        let window = Window { across: Span { before: 2, after: 9 }, down: Span { before: 0, after: 3 } };
        let inner = plane(6, 5, |x, y| (x * 7 + y * 3 + 1) as f32);
        let outer = plane(17, 8, |x, y| if (2..8).contains(&x) && y < 5 { inner.values[y * 6 + x - 2] } else { 0.0 });
        let ones = plane(17, 8, |x, y| if (2..8).contains(&x) && y < 5 { 1.0 } else { 0.0 });
        for sigma in [0.6, 2.0, 5.5] {
            let near = |a: &Plane, b: &Plane| a.values.iter().zip(&b.values).all(|(a, b)| (a - b).abs() < 1e-4);
            let expected = blur(&outer, Window::default(), sigma).crop(2, 0, 6, 5);
            assert!(near(&blur(&inner, window, sigma), &expected), "sigma {sigma}");
            let expected = blur(&ones, Window::default(), sigma).crop(2, 0, 6, 5);
            assert!(near(&coverage(6, 5, window, sigma), &expected), "coverage at sigma {sigma}");
        }
    }

    #[test]
    fn the_kernel_is_as_long_as_opencvs() {
        for (sigma, length) in [(0.6, 7), (1.0, 9), (1.2, 11), (1.8, 15), (2.33, 21), (4.0, 33), (8.3, 67)] {
            assert_eq!(Kernel::new(sigma).weights.len(), length, "sigma {sigma}");
        }
    }
}
