//! A redacted picture of another size, brought to the original's: `resize(…, INTER_AREA)` of OpenCV on 32-bit floats.
//!
//! Where both sides shrink (or stay), each pixel is the mean of the area it covers; where either grows, OpenCV
//! interpolates along both sides, with steps that keep areas apart.

use crate::filter::Plane;

/// What one output pixel takes from one input pixel along an axis.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Tap {
    source: usize,
    weight: f32,
}

/// The plane at another size.
pub fn resize_area(plane: &Plane, width: usize, height: usize) -> Plane {
    let shrinks = width <= plane.width && height <= plane.height;
    let taps = if shrinks { areas } else { steps };
    let (across, down) = (taps(plane.width, width), taps(plane.height, height));
    let rows: Vec<Vec<f32>> = plane
        .values
        .chunks_exact(plane.width)
        .map(|row| across.iter().map(|taps| taps.iter().map(|tap| row[tap.source] * tap.weight).sum()).collect())
        .collect();
    let mut values = Vec::with_capacity(width * height);
    for taps in &down {
        values.extend((0..width).map(|x| taps.iter().map(|tap| rows[tap.source][x] * tap.weight).sum::<f32>()));
    }
    Plane { width, height, values }
}

/// For each of `to` pixels the `from` pixels it covers, by the share of it that each makes up.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positions lie in 0..=from")]
fn areas(from: usize, to: usize) -> Vec<Vec<Tap>> {
    // Not `from / to`: the last bit decides where a whole number falls.
    let scale = 1.0 / (to as f64 / from as f64);
    let cell = |index: usize| {
        let (left, right) = (index as f64 * scale, index as f64 * scale + scale);
        let width = scale.min(from as f64 - left);
        let last = (right.floor() as usize).min(from - 1);
        let first = (left.ceil() as usize).min(last);
        let mut taps = Vec::new();
        if first as f64 - left > 1e-3 {
            taps.push(Tap { source: first - 1, weight: ((first as f64 - left) / width) as f32 });
        }
        taps.extend((first..last).map(|source| Tap { source, weight: (1.0 / width) as f32 }));
        if right - last as f64 > 1e-3 {
            taps.push(Tap { source: last, weight: ((right - last as f64).min(1.0).min(width) / width) as f32 });
        }
        taps
    };
    (0..to).map(cell).collect()
}

/// For each of `to` pixels the two `from` pixels between which it lies.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positions lie in 0..=from")]
fn steps(from: usize, to: usize) -> Vec<Vec<Tap>> {
    let inverse = to as f64 / from as f64;
    let scale = 1.0 / inverse;
    let pair = |index: usize| {
        let source = (index as f64 * scale).floor() as usize;
        let beyond = ((index + 1) as f64 - (source + 1) as f64 * inverse) as f32;
        let share = if beyond <= 0.0 { 0.0 } else { beyond - beyond.floor() };
        if source + 1 >= from {
            return vec![Tap { source: from - 1, weight: 1.0 }];
        }
        vec![Tap { source, weight: 1.0 - share }, Tap { source: source + 1, weight: share }]
    };
    (0..to).map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(values: &[f32]) -> Plane {
        Plane { width: values.len(), height: 1, values: values.to_vec() }
    }

    /// Recorded from OpenCV 5.0.0: `resize(row, (n, 1), interpolation=INTER_AREA)`.
    #[test]
    fn rows_are_resized_as_opencv_does() {
        let source = [10.0, 200.0, 30.0, 90.0, 250.0, 0.0, 60.0];
        let cases: [(usize, &[f32]); 4] = [
            (3, &[94.2857, 118.5714, 61.4286]),
            (5, &[64.2857, 102.8571, 104.2857, 142.8571, 42.8571]),
            (7, &[10.0000, 200.0000, 30.0000, 90.0000, 250.0000, 0.0000, 60.0000]),
            (10, &[10.0000, 118.5714, 175.7143, 30.0000, 72.8571, 135.7143, 250.0000, 35.7143, 25.7143, 60.0000]),
        ];
        for (width, expected) in cases {
            let resized = resize_area(&row(&source), width, 1);
            let near = resized.values.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-3);
            assert!(near, "{width}: {:?} instead of {expected:?}", resized.values);
        }
    }

    #[test]
    fn the_same_size_changes_nothing() {
        let source = Plane { width: 3, height: 2, values: vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0] };
        assert_eq!(resize_area(&source, 3, 2), source);
    }

    #[test]
    fn a_flat_plane_stays_flat() {
        let source = Plane { width: 7, height: 5, values: vec![77.0; 35] };
        for (width, height) in [(3, 2), (7, 4), (14, 3), (3, 14), (20, 20), (1, 1)] {
            let resized = resize_area(&source, width, height);
            assert_eq!(resized.values.len(), width * height);
            assert!(resized.values.iter().all(|value| (value - 77.0).abs() < 1e-3), "{width}×{height}");
        }
    }
}
