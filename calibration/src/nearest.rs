//! For each pixel the nearest pixel of a set, as OpenCV's `distanceTransformWithLabels` finds it.
//!
//! With `DIST_L2` and labels OpenCV always takes its 5×5 chamfer mask (whatever mask is asked for): two passes over
//! the picture with weights for straight, diagonal and knight's steps (Borgefors, 1986), in fixed point. The order in
//! which neighbours are asked decides between equally near pixels, so it is kept too.

/// One step costs this much, in 1/65536 pixel: straight 1, diagonal 1.4, knight's move 2.1969.
const STRAIGHT: u32 = 65_536;
const DIAGONAL: u32 = 91_750;
const KNIGHT: u32 = 143_976;
const FAR: u32 = i32::MAX as u32 >> 2;

/// Neighbours above and to the left, as (across, down, cost), in the order in which OpenCV asks them.
const FORWARD: [(isize, isize, u32); 8] = [
    (-1, -2, KNIGHT),
    (1, -2, KNIGHT),
    (-2, -1, KNIGHT),
    (-1, -1, DIAGONAL),
    (0, -1, STRAIGHT),
    (1, -1, DIAGONAL),
    (2, -1, KNIGHT),
    (-1, 0, STRAIGHT),
];

/// For each pixel the index of the member of the set that is nearest to it; `None` when the set is empty.
///
/// `members` are the rows of a picture of this width, true where a pixel belongs to the set.
pub fn nearest_members(members: &[bool], width: usize) -> Option<Vec<usize>> {
    if !members.contains(&true) {
        return None;
    }
    let height = members.len() / width;
    // A frame of two far pixels saves every test for the border.
    let stride = width + 4;
    let mut distance = vec![FAR; stride * (height + 4)];
    let mut nearest = vec![0_usize; stride * (height + 4)];
    let at = |x: usize, y: usize| (y + 2) * stride + x + 2;
    let neighbour = |from: usize, across: isize, down: isize| from.wrapping_add_signed(down * stride as isize + across);

    for y in 0..height {
        for x in 0..width {
            let here = at(x, y);
            let (mut best, mut origin) = (FAR, 0);
            if members[y * width + x] {
                (best, origin) = (0, y * width + x);
            } else {
                for (across, down, cost) in FORWARD {
                    let there = neighbour(here, across, down);
                    if distance[there] + cost < best {
                        (best, origin) = (distance[there] + cost, nearest[there]);
                    }
                }
            }
            (distance[here], nearest[here]) = (best, origin);
        }
    }
    for y in (0..height).rev() {
        for x in (0..width).rev() {
            let here = at(x, y);
            if distance[here] <= STRAIGHT {
                continue;
            }
            // The same neighbours, turned by half a turn.
            for (across, down, cost) in FORWARD {
                let there = neighbour(here, -across, -down);
                if distance[there] + cost < distance[here] {
                    (distance[here], nearest[here]) = (distance[there] + cost, nearest[there]);
                }
            }
        }
    }
    Some((0..height).flat_map(|y| (0..width).map(move |x| at(x, y))).map(|here| nearest[here]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_is_nearest_to_itself_and_an_empty_set_has_none() {
        let members = [false, true, false, false, true, false];
        let nearest = nearest_members(&members, 3).unwrap();
        assert_eq!((nearest[1], nearest[4]), (1, 4));
        assert_eq!(nearest_members(&[false; 6], 3), None);
    }

    /// The chamfer distance is at most some percent off, so what it calls nearest is nearly so.
    #[test]
    fn what_is_found_is_nearly_the_nearest() {
        let (width, height) = (37_usize, 29_usize);
        let members: Vec<bool> = (0..width * height).map(|i| (i * 2_654_435_761) % 97 == 0).collect();
        let apart = |a: usize, b: usize| {
            let (dx, dy) = ((a % width).abs_diff(b % width) as f64, (a / width).abs_diff(b / width) as f64);
            dx.hypot(dy)
        };
        for (pixel, &found) in nearest_members(&members, width).unwrap().iter().enumerate() {
            assert!(members[found]);
            let best = (0..members.len()).filter(|&m| members[m]).map(|m| apart(pixel, m)).fold(f64::MAX, f64::min);
            assert!(apart(pixel, found) <= best * 1.05 + 1e-9, "pixel {pixel}: {} over {best}", apart(pixel, found));
        }
    }

    /// Recorded from OpenCV 5.0.0: `distanceTransformWithLabels(mask, DIST_L2, 3, labelType=DIST_LABEL_PIXEL)`.
    #[test]
    fn ties_go_to_the_same_side_as_in_opencv() {
        let (a, b, c, d) = (4, 10, 16, 40);
        let rows = ["bbbaaaccc", "bbbaaaccc", "bbbaaaccc", "bbbdddccc", "bbdddddcc", "bdddddddc"];
        let members: Vec<bool> = (0..9 * 6).map(|pixel| [a, b, c, d].contains(&pixel)).collect();
        let nearest = nearest_members(&members, 9).unwrap();
        for (row, expected) in nearest.chunks(9).zip(rows) {
            let found: String = row
                .iter()
                .map(|&m| {
                    if m == a {
                        'a'
                    } else if m == b {
                        'b'
                    } else if m == c {
                        'c'
                    } else {
                        'd'
                    }
                })
                .collect();
            assert_eq!(found, expected);
        }
    }
}
