//! Baseline JPEG, decoded to the bit as libjpeg (and so OpenCV) decodes it.
//!
//! JPEG leaves a decoder some freedom, and decoders differ by a level here and there: enough to turn about one verdict in
//! two thousand of the measure, which was defined on libjpeg's pixels. Hence this one: its "islow" inverse transform, its
//! triangle upsampling of chroma, its integers for YCbCr to RGB.
//!
//! **Invariant:** what is decoded here is whole and equal to libjpeg's. Everything else (progressive, CMYK, unusual
//! sampling, a broken or cut file) is `None`, and another decoder's business.

mod bits;
mod idct;
mod upsample;

use self::bits::{Bits, Huffman};
use self::upsample::{Chroma, to_rgb};

/// A decoded picture: three bytes a pixel, red first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rgb {
    /// Width in pixels.
    pub width: usize,
    /// Height in pixels.
    pub height: usize,
    /// `3 · width · height` bytes.
    pub bytes: Vec<u8>,
}

/// Decodes a baseline JPEG of one or three components; `None` for anything else. Orientation is left as it is.
pub fn decode(bytes: &[u8]) -> Option<Rgb> {
    let header = Header::read(bytes)?;
    let planes = header.decode_scan(bytes)?;
    let (width, height) = (header.width, header.height);
    let bytes = match planes.as_slice() {
        [luma] => luma.cropped(width, height).flat_map(|row| row.iter().flat_map(|&y| [y; 3])).collect(),
        [luma, cb, cr] => to_rgb(width, height, header.chroma()?, luma, cb, cr),
        _ => return None,
    };
    Some(Rgb { width, height, bytes })
}

/// A header may promise more than a memory holds.
const MOST_PIXELS: usize = 1 << 27;

/// Samples of a component, on whole blocks.
#[derive(Debug)]
struct Samples {
    stride: usize,
    values: Vec<u8>,
}

impl Samples {
    /// The rows of a picture of this size.
    fn cropped(&self, width: usize, height: usize) -> impl Iterator<Item = &[u8]> {
        self.values.chunks_exact(self.stride).take(height).map(move |row| &row[..width])
    }
}

#[derive(Debug)]
struct Component {
    id: u8,
    across: usize,
    down: usize,
    quantiser: usize,
}

/// All that stands before the scan.
#[derive(Debug, Default)]
struct Header {
    width: usize,
    height: usize,
    components: Vec<Component>,
    quantisers: [Option<[i32; 64]>; 4],
    dc: [Option<Huffman>; 4],
    ac: [Option<Huffman>; 4],
    restart_interval: usize,
    has_jfif: bool,
    scan: usize,
    /// For each component its tables: DC, AC.
    tables: Vec<(usize, usize)>,
}

impl Header {
    fn read(bytes: &[u8]) -> Option<Self> {
        let mut header = Self::default();
        let mut at = bytes.starts_with(&[0xFF, 0xD8]).then_some(2)?;
        loop {
            let (&lead, &marker) = (bytes.get(at)?, bytes.get(at + 1)?);
            if lead != 0xFF {
                return None;
            }
            if marker == 0xFF {
                at += 1;
                continue;
            }
            let length = usize::from(u16::from_be_bytes([*bytes.get(at + 2)?, *bytes.get(at + 3)?]));
            let segment = bytes.get(at + 4..at + 2 + length)?;
            at += 2 + length;
            match marker {
                0xC0 => header.read_frame(segment)?,
                0xC4 => header.read_huffman(segment)?,
                0xDB => header.read_quantisers(segment)?,
                0xDD => {
                    header.restart_interval = usize::from(u16::from_be_bytes([*segment.first()?, *segment.get(1)?]));
                }
                0xDA => {
                    header.read_scan(segment)?;
                    header.scan = at;
                    return header.is_ycbcr().then_some(header);
                }
                0xE0 => header.has_jfif |= segment.starts_with(b"JFIF\0"),
                // Adobe's marker may say that the components are not YCbCr; its only common other value is 1.
                0xEE if segment.starts_with(b"Adobe") && segment.get(11) != Some(&1) => return None,
                0xE1..=0xEF | 0xFE => {}
                _ => return None,
            }
        }
    }

    fn read_frame(&mut self, segment: &[u8]) -> Option<()> {
        let &[8, h1, h0, w1, w0, count, ref components @ ..] = segment else { return None };
        self.height = usize::from(u16::from_be_bytes([h1, h0]));
        self.width = usize::from(u16::from_be_bytes([w1, w0]));
        let known = matches!(count, 1 | 3) && components.len() == 3 * usize::from(count);
        let too_large = self.width * self.height > MOST_PIXELS;
        if !known || too_large || self.width == 0 || self.height == 0 || !self.components.is_empty() {
            return None;
        }
        self.components = components
            .chunks_exact(3)
            .map(|c| Component {
                id: c[0],
                across: usize::from(c[1] >> 4),
                down: usize::from(c[1] & 15),
                quantiser: usize::from(c[2]),
            })
            .collect();
        if let [only] = self.components.as_mut_slice() {
            // A single component is stored block by block, whatever sampling it states.
            (only.across, only.down) = (1, 1);
        }
        self.components.iter().all(|c| (1..=2).contains(&c.across) && (1..=2).contains(&c.down)).then_some(())
    }

    fn read_quantisers(&mut self, mut segment: &[u8]) -> Option<()> {
        while let Some((&kind, rest)) = segment.split_first() {
            let (table, rest) = (kind < 4).then(|| rest.split_at_checked(64))??;
            let mut natural = [0; 64];
            for (&value, &position) in table.iter().zip(&idct::ZIGZAG) {
                natural[position] = i32::from(value);
            }
            self.quantisers[usize::from(kind)] = Some(natural);
            segment = rest;
        }
        Some(())
    }

    fn read_huffman(&mut self, mut segment: &[u8]) -> Option<()> {
        while let Some((&kind, rest)) = segment.split_first() {
            let (lengths, rest) = rest.split_at_checked(16)?;
            let count = lengths.iter().map(|&n| usize::from(n)).sum();
            let (symbols, rest) = rest.split_at_checked(count)?;
            let table = Huffman::new(lengths, symbols)?;
            match kind {
                0x00..=0x03 => self.dc[usize::from(kind)] = Some(table),
                0x10..=0x13 => self.ac[usize::from(kind & 15)] = Some(table),
                _ => return None,
            }
            segment = rest;
        }
        Some(())
    }

    fn read_scan(&mut self, segment: &[u8]) -> Option<()> {
        let (&count, rest) = segment.split_first()?;
        let (selectors, range) = rest.split_at_checked(2 * usize::from(count))?;
        // One scan with all components, all coefficients at once.
        if usize::from(count) != self.components.len() || range != [0, 63, 0] {
            return None;
        }
        for (component, selector) in self.components.iter().zip(selectors.chunks_exact(2)) {
            if selector[0] != component.id {
                return None;
            }
            self.tables.push((usize::from(selector[1] >> 4), usize::from(selector[1] & 15)));
        }
        (count > 0).then_some(())
    }

    /// As libjpeg guesses it.
    fn is_ycbcr(&self) -> bool {
        let ids: Vec<u8> = self.components.iter().map(|component| component.id).collect();
        self.has_jfif || ids != *b"RGB"
    }

    fn chroma(&self) -> Option<Chroma> {
        let [luma, cb, cr] = self.components.as_slice() else { return None };
        let full = |c: &Component| (c.across, c.down) == (1, 1);
        (full(cb) && full(cr)).then_some(Chroma { across: luma.across, down: luma.down })
    }

    fn decode_scan(&self, bytes: &[u8]) -> Option<Vec<Samples>> {
        let most = |side: fn(&Component) -> usize| self.components.iter().map(side).max();
        let (across, down) = (most(|c| c.across)?, most(|c| c.down)?);
        let (units_across, units_down) = (self.width.div_ceil(8 * across), self.height.div_ceil(8 * down));
        let mut planes: Vec<Samples> = self
            .components
            .iter()
            .map(|c| {
                let stride = units_across * c.across * 8;
                Samples { stride, values: vec![0; stride * units_down * c.down * 8] }
            })
            .collect();
        let mut bits = Bits::new(bytes.get(self.scan..)?);
        let mut predictors = vec![0; self.components.len()];
        for unit in 0..units_across * units_down {
            if self.restart_interval > 0 && unit > 0 && unit % self.restart_interval == 0 {
                bits.restart(unit / self.restart_interval - 1)?;
                predictors.fill(0);
            }
            for (index, component) in self.components.iter().enumerate() {
                let (dc, ac) = self.tables[index];
                let (dc, ac) = (self.dc.get(dc)?.as_ref()?, self.ac.get(ac)?.as_ref()?);
                let quantiser = self.quantisers.get(component.quantiser)?.as_ref()?;
                let plane = &mut planes[index];
                for block in 0..component.across * component.down {
                    let coefficients = bits.read_block(dc, ac, &mut predictors[index], quantiser)?;
                    let x = (unit % units_across) * component.across + block % component.across;
                    let y = (unit / units_across) * component.down + block / component.across;
                    let from = y * 8 * plane.stride + x * 8;
                    idct::write_block(&coefficients, &mut plane.values[from..], plane.stride);
                }
            }
        }
        bits.ends().then_some(planes)
    }
}
