//! Whether the coded data of a sequential JPEG holds exactly as many blocks as its size asks for.
//!
//! The decoder fills up what is missing with grey and passes over what is too much, even in its strict mode. Coded
//! data that lost its middle, or was changed, hardly ever ends where it should: so the blocks are counted here, by
//! their Huffman codes alone (ITU-T T.81, annex F.2), before a pixel is decoded. Progressive pictures are not counted.

use super::next_marker;

/// Codes are looked up by their next 16 bits; no code is longer.
const LOOKUP: usize = 1 << 16;

/// Says what is wrong with the coded data, if something is.
pub(in super::super) fn check(bytes: &[u8]) -> Result<(), &'static str> {
    let mut frame = Frame::default();
    let mut at = 2;
    while let Some(marker) = next_marker(bytes, &mut at) {
        match marker {
            0xd9 => return Ok(()),
            0x01 | 0xd0..=0xd8 => continue,
            _ => {}
        }
        let length = bytes.get(at..at + 2).map_or(0, |two| usize::from(u16::from_be_bytes([two[0], two[1]])));
        let body = bytes.get(at + 2..at + length).ok_or("a segment is cut")?;
        at += length;
        match marker {
            0xc0 | 0xc1 => frame.read_header(body).ok_or("its frame header makes no sense")?,
            // Progressive, lossless, arithmetic: the decoder alone judges them.
            0xc2 | 0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf => return Ok(()),
            0xc4 => frame.read_tables(body).ok_or("its Huffman tables make no sense")?,
            0xdd => frame.restart = body.get(..2).map_or(0, |two| u32::from(u16::from_be_bytes([two[0], two[1]]))),
            0xda => {
                let parts = frame.parts_of_scan(body).ok_or("its scan header makes no sense")?;
                at = frame.count(bytes, at, &parts)?;
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

/// Length of a code (high byte; 0 is no code) and its symbol (low byte), by 16 bits that start with it.
type Table = Vec<u16>;

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
                Some(table(lengths, symbols)?);
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

    /// Counts the blocks of one scan; gives where its data ends.
    fn count(&self, bytes: &[u8], at: usize, parts: &[(Component, Part)]) -> Result<usize, &'static str> {
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
            let table = |number: usize| self.tables[number].as_deref().ok_or("it lacks a Huffman table");
            coded.push((if alone { 1 } else { part.blocks }, table(part.dc)?, table(part.ac)?));
        }
        let mut bits = Bits { bytes, at, buffer: 0, filled: 0, missing: 0 };
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

/// Codes in the order of their lengths, each one more than the last (T.81, annex C).
fn table(lengths: &[u8], symbols: &[u8]) -> Option<Table> {
    let mut table = vec![0u16; LOOKUP];
    let (mut next, mut symbols) = (0usize, symbols.iter());
    for (length, &count) in (1u16..=16).zip(lengths) {
        for symbol in symbols.by_ref().take(usize::from(count)) {
            let span = LOOKUP >> length;
            table.get_mut(next..next + span)?.fill(length << 8 | u16::from(*symbol));
            next += span;
        }
    }
    Some(table)
}

/// The coded data, bit by bit, without the zeroes that are stuffed in.
struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
    buffer: u64,
    filled: u32,
    /// Bits at the end of the buffer that are not there in the data.
    missing: u32,
}

impl Bits<'_> {
    fn fill(&mut self) {
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

    /// The next symbol; its code is passed over.
    fn symbol(&mut self, table: &[u16]) -> Result<u32, &'static str> {
        let found = u32::from(table[(self.buffer >> 48) as usize]);
        if found >> 8 == 0 {
            return Err("its coded data has a code that does not exist");
        }
        self.skip(found >> 8);
        Ok(found & 0xff)
    }

    fn skip(&mut self, count: u32) {
        self.buffer <<= count;
        self.filled -= count;
    }

    fn skip_block(&mut self, dc: &[u16], ac: &[u16]) -> Result<(), &'static str> {
        // A code and what follows it are at most 32 bits.
        self.fill();
        let size = self.symbol(dc)?;
        self.skip(size.min(16));
        let mut place = 1;
        while place < 64 {
            if self.filled < 32 {
                self.fill();
            }
            let symbol = self.symbol(ac)?;
            let (zeroes, size) = (symbol >> 4, symbol & 15);
            match (size, zeroes) {
                (0, 15) => place += 16,
                (0, _) => return Ok(()),
                _ => place += zeroes + 1,
            }
            self.skip(size);
        }
        if place > 64 { Err("its coded data has a block with more than 64 coefficients") } else { Ok(()) }
    }

    /// After the last block only padding may come; gives where the marker stands.
    fn end(&mut self) -> Result<usize, &'static str> {
        let real = self.filled.saturating_sub(self.missing);
        // Whole bytes that were read ahead, but not used. Some encoders fill up with zeroes or ones.
        let rest = self.buffer << (real % 8);
        let mut padding = (0..real / 8).all(|byte| matches!(rest << (8 * byte) >> 56, 0 | 0xff));
        while let Some(&byte) = self.bytes.get(self.at) {
            if byte == 0xff && self.bytes.get(self.at + 1) != Some(&0) {
                break;
            }
            padding &= matches!(byte, 0 | 0xff);
            self.at += 1;
        }
        if padding { Ok(self.at) } else { Err("its coded data goes on behind its last block") }
    }

    fn restart(&mut self) -> Result<(), &'static str> {
        self.at = self.end()?;
        while self.bytes.get(self.at..self.at + 2) == Some(&[0xff, 0xff]) {
            self.at += 1;
        }
        match self.bytes.get(self.at..self.at + 2) {
            Some([0xff, 0xd0..=0xd7]) => {
                *self = Self { bytes: self.bytes, at: self.at + 2, buffer: 0, filled: 0, missing: 0 };
                Ok(())
            }
            _ => Err("a restart marker is missing"),
        }
    }
}

#[cfg(test)]
#[path = "scan_tests.rs"]
mod tests;
