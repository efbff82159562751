//! Whether the coded data of a sequential JPEG holds exactly as many blocks as its size asks for.
//!
//! The decoder fills up what is missing with grey and passes over what is too much, even in its strict mode. Coded
//! data that lost its middle, or was changed, hardly ever ends where it should: so the blocks are counted here, by
//! their Huffman codes alone (ITU-T T.81, annex F.2), before a pixel is decoded. Of pictures, progressive ones are not
//! counted; of frames, there are none.

use super::next_marker;

/// Codes up to this length are looked up, and few are longer.
const FAST: u32 = 9;

/// Webcams are known that put some bytes of nonsense before restart markers, up to nine, in pictures that are whole.
const SURPLUS: usize = 16;

/// Says what is wrong with the coded data of a picture, if something is.
pub(in super::super) fn check(bytes: &[u8]) -> Result<(), &'static str> {
    count_all(bytes, false)
}

/// Says what is wrong with the coded data of one frame of a stream, if something is. It is sequential, one scan has all
/// of its components, and nothing comes behind that but the end: what else a picture may have makes the decoder stop
/// early without a word, and leave rows as they were.
pub(in super::super) fn check_frame(bytes: &[u8]) -> Result<(), &'static str> {
    count_all(bytes, true)
}

fn count_all(bytes: &[u8], is_frame: bool) -> Result<(), &'static str> {
    let mut frame = Frame::default();
    let (mut at, mut is_done) = (2, false);
    while let Some(marker) = next_marker(bytes, &mut at) {
        match marker {
            0xd9 => return Ok(()),
            _ if is_done && is_frame => return Err("something stands behind its coded data"),
            0x01 | 0xd0..=0xd8 => continue,
            _ => {}
        }
        let length = bytes.get(at..at + 2).map_or(0, |two| usize::from(u16::from_be_bytes([two[0], two[1]])));
        let body = bytes.get(at + 2..at + length).ok_or("a segment is cut")?;
        at += length;
        match marker {
            0xc0 | 0xc1 => frame.read_header(body).ok_or("its frame header makes no sense")?,
            0xc2 | 0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf if is_frame => return Err("it is not sequential"),
            // Progressive, lossless, arithmetic: the decoder alone judges them.
            0xc2 | 0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf => return Ok(()),
            0xc4 => frame.read_tables(body).ok_or("its Huffman tables make no sense")?,
            0xdd => frame.restart = body.get(..2).map_or(0, |two| u32::from(u16::from_be_bytes([two[0], two[1]]))),
            0xda => {
                let parts = frame.parts_of_scan(body).ok_or("its scan header makes no sense")?;
                if is_frame && parts.len() != frame.components.len() {
                    return Err("it has several scans");
                }
                at = frame.count(bytes, at, &parts, if is_frame { SURPLUS } else { 0 })?;
                is_done = true;
            }
            _ => {}
        }
    }
    Err("it ends too early")
}

/// What the headers said so far.
#[derive(Default)]
struct Frame {
    width: u32,
    height: u32,
    components: Vec<Component>,
    restart: u32,
    /// DC tables 0 to 3, then AC tables 0 to 3.
    tables: [Option<Table>; 8],
}

#[derive(Clone, Copy)]
struct Component {
    id: u8,
    across: u32,
    down: u32,
}

/// A component in a scan: so many blocks in each unit, with these tables.
struct Part {
    blocks: u32,
    dc: usize,
    ac: usize,
}

impl Frame {
    fn read_header(&mut self, body: &[u8]) -> Option<()> {
        let [_, h1, h0, w1, w0, count, rest @ ..] = body else { return None };
        self.height = u32::from(u16::from_be_bytes([*h1, *h0]));
        self.width = u32::from(u16::from_be_bytes([*w1, *w0]));
        let parts = rest.chunks_exact(3).take(usize::from(*count));
        self.components = parts
            .map(|part| Component { id: part[0], across: u32::from(part[1] >> 4), down: u32::from(part[1] & 15) })
            .collect();
        let sane = |part: &Component| (1..=4).contains(&part.across) && (1..=4).contains(&part.down);
        (!self.components.is_empty() && self.components.iter().all(sane)).then_some(())
    }

    fn read_tables(&mut self, mut body: &[u8]) -> Option<()> {
        while let Some((which, rest)) = body.split_first() {
            let (lengths, rest) = rest.split_at_checked(16)?;
            let count = lengths.iter().map(|&length| usize::from(length)).sum();
            let (symbols, rest) = rest.split_at_checked(count)?;
            let (class, number) = (usize::from(which >> 4), usize::from(which & 15));
            *self.tables.get_mut(class * 4 + number).filter(|_| class < 2 && number < 4)? =
                Some(Table::new(lengths, symbols, class == 0)?);
            body = rest;
        }
        Some(())
    }

    fn parts_of_scan(&self, body: &[u8]) -> Option<Vec<(Component, Part)>> {
        let (count, rest) = body.split_first()?;
        let parts = rest.chunks_exact(2).take(usize::from(*count)).map(|pair| {
            let component = *self.components.iter().find(|component| component.id == pair[0])?;
            let (dc, ac) = (usize::from(pair[1] >> 4), usize::from(pair[1] & 15));
            (dc < 4 && ac < 4)
                .then_some((component, Part { blocks: component.across * component.down, dc, ac: ac + 4 }))
        });
        parts.collect::<Option<Vec<_>>>().filter(|parts| !parts.is_empty() && parts.len() == usize::from(*count))
    }

    /// Counts the blocks of one scan; gives where its data ends. Before each marker, `surplus` bytes may be too much.
    fn count(
        &self,
        bytes: &[u8],
        at: usize,
        parts: &[(Component, Part)],
        surplus: usize,
    ) -> Result<usize, &'static str> {
        let widest = self.components.iter().map(|component| component.across).max().unwrap_or(1);
        let tallest = self.components.iter().map(|component| component.down).max().unwrap_or(1);
        let alone = parts.len() == 1;
        let units = if let [(component, _)] = parts {
            let across = (self.width * component.across).div_ceil(widest * 8);
            across * (self.height * component.down).div_ceil(tallest * 8)
        } else {
            self.width.div_ceil(widest * 8) * self.height.div_ceil(tallest * 8)
        };
        let mut coded = Vec::with_capacity(parts.len());
        for (_, part) in parts {
            let table = |number: usize| self.tables[number].as_ref().ok_or("it lacks a Huffman table");
            coded.push((if alone { 1 } else { part.blocks }, table(part.dc)?, table(part.ac)?));
        }
        let mut bits = Bits { bytes, at, buffer: 0, filled: 0, missing: 0, surplus };
        for unit in 0..units {
            if self.restart > 0 && unit > 0 && unit % self.restart == 0 {
                bits.restart()?;
            }
            for (blocks, dc, ac) in &coded {
                for _ in 0..*blocks {
                    bits.skip_block(dc, ac)?;
                }
            }
            if bits.missing > bits.filled {
                return Err("its coded data ends too early");
            }
        }
        bits.end()
    }
}

/// A Huffman table, made to pass over what it codes.
struct Table {
    /// By the next [`FAST`] bits; [`Step::NONE`] where a longer code begins.
    fast: Vec<Step>,
    /// Of each length: the first 16 bits that are behind its codes, and what to add to a code for its place in `steps`.
    lengths: [(u32, i32); 17],
    /// In the order of the codes.
    steps: Vec<Step>,
}

/// What to do after a code.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Step {
    /// Bits of the code and of the number that follows it, at most 32; 0 when there is no such code.
    bits: u8,
    /// How far the place in the block moves; 0 ends it.
    places: u8,
}

impl Step {
    const NONE: Self = Self { bits: 0, places: 0 };

    fn new(length: u8, symbol: u8, is_dc: bool) -> Self {
        let (zeroes, size) = (symbol >> 4, symbol & 15);
        match (is_dc, size, zeroes) {
            (true, ..) => Self { bits: length + symbol.min(16), places: 1 },
            (_, 0, 15) => Self { bits: length, places: 16 },
            (_, 0, _) => Self { bits: length, places: 0 },
            _ => Self { bits: length + size, places: zeroes + 1 },
        }
    }
}

impl Table {
    /// Codes in the order of their lengths, each one more than the last (T.81, annex C).
    fn new(lengths: &[u8], symbols: &[u8], is_dc: bool) -> Option<Self> {
        let mut table =
            Self { fast: vec![Step::NONE; 1 << FAST], lengths: [(0, 0); 17], steps: Vec::with_capacity(symbols.len()) };
        let (mut next, mut symbols) = (0u32, symbols.iter());
        for (length, &count) in (1u8..=16).zip(lengths) {
            let span = 1 << (16 - length);
            let first = (next >> (16 - length)).cast_signed();
            let place = i32::try_from(table.steps.len()).ok()? - first;
            for &symbol in symbols.by_ref().take(usize::from(count)) {
                let step = Step::new(length, symbol, is_dc);
                table.steps.push(step);
                if u32::from(length) <= FAST {
                    let at = (next >> (16 - FAST)) as usize;
                    table.fast.get_mut(at..at + (span >> (16 - FAST)) as usize)?.fill(step);
                }
                next += span;
            }
            table.lengths[usize::from(length)] = (next, place);
        }
        (next <= 1 << 16).then_some(table)
    }

    /// By the next 16 bits.
    fn step(&self, bits: u32) -> Step {
        let fast = self.fast[(bits >> (16 - FAST)) as usize];
        if fast == Step::NONE { self.long(bits) } else { fast }
    }

    fn long(&self, bits: u32) -> Step {
        let longer = (FAST as usize + 1)..=16;
        let length = longer.into_iter().find(|&length| bits < self.lengths[length].0);
        let place = length.map(|length| (bits >> (16 - length)).cast_signed() + self.lengths[length].1);
        let step = place.and_then(|place| self.steps.get(usize::try_from(place).ok()?));
        step.copied().unwrap_or(Step::NONE)
    }
}

/// The coded data, bit by bit, without the zeroes that are stuffed in.
struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
    buffer: u64,
    filled: u32,
    /// Bits at the end of the buffer that are not there in the data.
    missing: u32,
    /// Bytes that may stand between the last block and a marker, besides padding.
    surplus: usize,
}

impl Bits<'_> {
    fn fill(&mut self) {
        if self.filled > 56 {
            return;
        }
        if let Some(eight) = self.bytes.get(self.at..).and_then(<[u8]>::first_chunk) {
            let word = u64::from_be_bytes(*eight);
            if !has_marker(word) {
                // What does not fit as a whole byte is put in again, as the same bits, the next time.
                self.buffer |= word >> self.filled;
                let taken = (63 - self.filled) / 8;
                (self.at, self.filled) = (self.at + taken as usize, self.filled + 8 * taken);
                return;
            }
        }
        self.fill_by_bytes();
    }

    fn fill_by_bytes(&mut self) {
        while self.filled <= 56 {
            let byte = match (self.bytes.get(self.at), self.bytes.get(self.at + 1)) {
                (Some(0xff), Some(0)) => {
                    self.at += 2;
                    0xff
                }
                (Some(0xff), _) | (None, _) => {
                    self.missing += 8;
                    0
                }
                (Some(&byte), _) => {
                    self.at += 1;
                    byte
                }
            };
            self.buffer |= u64::from(byte) << (56 - self.filled);
            self.filled += 8;
        }
    }

    /// Passes over the next code and the number that follows it.
    fn step(&mut self, table: &Table) -> Result<u32, &'static str> {
        // At most 32 bits.
        if self.filled < 32 {
            self.fill();
        }
        let Step { bits, places } = table.step((self.buffer >> 48) as u32);
        if bits == 0 {
            return Err("its coded data has a code that does not exist");
        }
        self.buffer <<= bits;
        self.filled -= u32::from(bits);
        Ok(places.into())
    }

    fn skip_block(&mut self, dc: &Table, ac: &Table) -> Result<(), &'static str> {
        let mut place = self.step(dc)?;
        while place < 64 {
            match self.step(ac)? {
                0 => return Ok(()),
                places => place += places,
            }
        }
        if place > 64 { Err("its coded data has a block with more than 64 coefficients") } else { Ok(()) }
    }

    /// After the last block only padding may come; gives where the marker stands.
    fn end(&mut self) -> Result<usize, &'static str> {
        let real = self.filled.saturating_sub(self.missing);
        // Whole bytes that were read ahead, but not used. Some encoders fill up with zeroes or ones.
        let rest = self.buffer << (real % 8);
        let mut surplus = (0..real / 8).filter(|byte| !matches!(rest << (8 * byte) >> 56, 0 | 0xff)).count();
        while let Some(&byte) = self.bytes.get(self.at) {
            if byte == 0xff && self.bytes.get(self.at + 1) != Some(&0) {
                break;
            }
            surplus += usize::from(!matches!(byte, 0 | 0xff));
            self.at += 1;
        }
        if surplus <= self.surplus { Ok(self.at) } else { Err("its coded data goes on behind its last block") }
    }

    fn restart(&mut self) -> Result<(), &'static str> {
        self.at = self.end()?;
        while self.bytes.get(self.at..self.at + 2) == Some(&[0xff, 0xff]) {
            self.at += 1;
        }
        match self.bytes.get(self.at..self.at + 2) {
            Some([0xff, 0xd0..=0xd7]) => {
                *self = Self { at: self.at + 2, buffer: 0, filled: 0, missing: 0, ..*self };
                Ok(())
            }
            _ => Err("a restart marker is missing"),
        }
    }
}

/// Whether a byte of it is 0xff: a marker, or data with a zero stuffed in.
fn has_marker(word: u64) -> bool {
    const LOW: u64 = 0x0101_0101_0101_0101;
    (!word).wrapping_sub(LOW) & word & (LOW << 7) != 0
}

#[cfg(test)]
#[path = "scan_tests.rs"]
mod tests;
