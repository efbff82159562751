//! The entropy-coded part: Huffman codes, coefficients, restart markers.

use super::idct::ZIGZAG;

/// A Huffman table: for each 16 bits that may come, the symbol and the length of its code (0: none).
#[derive(Debug)]
pub(super) struct Huffman {
    lookup: Vec<(u8, u8)>,
}

impl Huffman {
    /// From the number of codes of each length and the symbols in their order; `None` when they do not fit 16 bits.
    pub(super) fn new(lengths: &[u8], symbols: &[u8]) -> Option<Self> {
        let mut lookup = Vec::with_capacity(1 << 16);
        let mut symbols = symbols.iter();
        for (length, &count) in (1_u8..=16).zip(lengths) {
            for _ in 0..count {
                lookup.resize(lookup.len() + (1 << (16 - length)), (*symbols.next()?, length));
            }
        }
        if lookup.len() > 1 << 16 {
            return None;
        }
        lookup.resize(1 << 16, (0, 0));
        Some(Self { lookup })
    }
}

/// Bits of the scan, most significant first, without the zero bytes stuffed after 0xFF.
pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
    buffer: u64,
    filled: u32,
    /// Zero bits that were handed out behind the end; using one of them is a fault.
    padded: u32,
}

impl<'a> Bits<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, buffer: 0, filled: 0, padded: 0 }
    }

    fn fill(&mut self) {
        while self.filled <= 48 {
            let byte = match (self.bytes.get(self.at), self.bytes.get(self.at + 1)) {
                (Some(0xFF), Some(0)) => {
                    self.at += 2;
                    0xFF
                }
                (Some(0xFF) | None, _) => {
                    self.padded += 8;
                    0
                }
                (Some(&byte), _) => {
                    self.at += 1;
                    byte
                }
            };
            self.buffer = self.buffer << 8 | u64::from(byte);
            self.filled += 8;
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "masked to 16 bits")]
    fn take(&mut self, count: u32) -> Option<i32> {
        self.fill();
        self.filled -= count;
        let bits = (self.buffer >> self.filled) & ((1 << count) - 1);
        (self.filled >= self.padded).then_some(bits as i32)
    }

    fn symbol(&mut self, table: &Huffman) -> Option<u8> {
        self.fill();
        let next = (self.buffer >> (self.filled - 16)) & 0xFFFF;
        let (symbol, length) = table.lookup[next as usize];
        self.take(u32::from(length))?;
        (length > 0).then_some(symbol)
    }

    /// A number of so many bits, of which the lower half stands for negative ones.
    fn number(&mut self, size: u8) -> Option<i32> {
        let (size, bits) = (u32::from(size), self.take(u32::from(size))?);
        Some(if size > 0 && bits < 1 << (size - 1) { bits - (1 << size) + 1 } else { bits })
    }

    /// The coefficients of a block in natural order, times their quantisers.
    pub(super) fn read_block(
        &mut self,
        dc: &Huffman,
        ac: &Huffman,
        predictor: &mut i32,
        quantiser: &[i32; 64],
    ) -> Option<[i32; 64]> {
        let mut block = [0; 64];
        let size = self.symbol(dc).filter(|&size| size <= 11)?;
        *predictor += self.number(size)?;
        block[0] = *predictor * quantiser[0];
        let mut index = 1;
        while index < 64 {
            let symbol = self.symbol(ac)?;
            let (run, size) = (usize::from(symbol >> 4), symbol & 15);
            match (run, size) {
                (15, 0) => index += 16,
                (_, 0) => break,
                _ => {
                    let &position = ZIGZAG.get(index + run)?;
                    block[position] = self.number(size)? * quantiser[position];
                    index += run + 1;
                }
            }
        }
        // Larger ones come from broken files only, and would overflow what follows.
        block.iter().all(|coefficient| coefficient.abs() < 1 << 15).then_some(block)
    }

    /// Steps over the restart marker of this number.
    pub(super) fn restart(&mut self, number: usize) -> Option<()> {
        let marker = [0xFF, 0xD0 + (number % 8) as u8];
        let rest = self.rest()?;
        *self = Self::new(rest.strip_prefix(&marker)?);
        Some(())
    }

    /// Whether the picture's end follows.
    pub(super) fn ends(&self) -> bool {
        self.rest().is_some_and(|rest| rest.starts_with(&[0xFF, 0xD9]))
    }

    /// What follows when less than a byte was left over; `None` when more was.
    fn rest(&self) -> Option<&'a [u8]> {
        (self.filled - self.padded.min(self.filled) < 8).then(|| self.bytes.get(self.at..))?
    }
}
