//! Numbers that frames show, in two rows of blocks along their upper edge, where nobody's head is.
//!
//! **Invariant.** A number is read only where each of its blocks is, to the last bit, as it was painted: the second row is the
//! negative of the first, so that no other picture has one. It stands there several times, for a network may take some of it
//! for a face.

/// So many bits has a number, each a block wide.
const BITS: usize = 12;
/// So often it stands beside itself.
const COPIES: usize = 3;
const BLOCKS: usize = COPIES * BITS;
/// Height of a block.
const ROWS: usize = 8;
const LOW: u8 = 100;
const HIGH: u8 = 140;

/// Paints a number into a frame's luma.
pub(crate) fn paint(luma: &mut [u8], width: usize, number: u32) {
    assert!(number < 1 << BITS, "{number} has too many bits");
    for (row, line) in luma.chunks_exact_mut(width).take(2 * ROWS).enumerate() {
        for (x, sample) in line.iter_mut().enumerate() {
            let is_set = number >> (x * BLOCKS / width % BITS) & 1 == 1;
            *sample = if is_set == (row < ROWS) { HIGH } else { LOW };
        }
    }
}

/// The number that a frame shows, if it shows one, and one only.
pub(crate) fn read(luma: &[u8], width: usize) -> Option<u32> {
    let mut whole = (0..COPIES).filter_map(|copy| read_copy(luma, width, copy));
    let number = whole.next()?;
    whole.all(|other| other == number).then_some(number)
}

fn read_copy(luma: &[u8], width: usize, copy: usize) -> Option<u32> {
    (0..BITS).try_fold(0, |number, bit| {
        let x = (2 * (copy * BITS + bit) + 1) * width / (2 * BLOCKS);
        match [ROWS / 2, ROWS + ROWS / 2].map(|row| luma[row * width + x]) {
            [HIGH, LOW] => Some(number | 1 << bit),
            [LOW, HIGH] => Some(number),
            _ => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_read_as_it_was_painted_and_nowhere_else() {
        const WIDTH: usize = 640;
        let mut luma = vec![HIGH; WIDTH * 20];
        assert_eq!(read(&luma, WIDTH), None);
        for number in [0, 1, 2730, (1 << BITS) - 1] {
            paint(&mut luma, WIDTH, number);
            assert_eq!(read(&luma, WIDTH), Some(number));
        }
        let middle = WIDTH / BLOCKS / 2;
        luma[WIDTH * ROWS / 2 + middle] ^= 1;
        assert_eq!(read(&luma, WIDTH), Some((1 << BITS) - 1), "the others are whole");
        // Half a frame of another number.
        let mut other = vec![0; WIDTH * 20];
        paint(&mut other, WIDTH, 5);
        luma.chunks_exact_mut(WIDTH)
            .zip(other.chunks_exact(WIDTH))
            .for_each(|(line, other)| line[400..].copy_from_slice(&other[400..]));
        assert_eq!(read(&luma, WIDTH), None);
    }
}
