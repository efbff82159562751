//! The sequence parameter set of H.264, as far as it tells what the decoder takes and what the samples mean.
//!
//! ITU-T H.264, 7.3.2.1.1 and E.1.1.

/// What is used of a sequence parameter set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Sps {
    pub(super) chroma_format: u32,
    pub(super) bit_depth: u32,
    pub(super) interlaced: bool,
    pub(super) full_range: Option<bool>,
    pub(super) matrix: Option<u8>,
}

impl Sps {
    /// What this kind of stream is called, if the decoder refuses every packet of it.
    pub(super) fn refusal(&self) -> Option<&'static str> {
        match self {
            Self { bit_depth: 9.., .. } => Some("10-bit"),
            Self { chroma_format: 2, .. } => Some("4:2:2"),
            Self { chroma_format: 3.., .. } => Some("4:4:4"),
            Self { interlaced: true, .. } => Some("interlaced"),
            _ => None,
        }
    }
}

/// Reads a parameter set, its header byte included; `None` when it makes no sense.
pub(super) fn parse(unit: &[u8]) -> Option<Sps> {
    let (header, payload) = unit.split_first()?;
    if header & 0x1f != 7 {
        return None;
    }
    let payload = without_emulation(payload);
    let mut bits = Bits { bytes: &payload, at: 0 };
    let profile = bits.take(8)?;
    bits.take(16)?;
    bits.unsigned()?;
    let mut sps = Sps { chroma_format: 1, bit_depth: 8, ..Sps::default() };
    if matches!(profile, 100 | 110 | 122 | 244 | 44 | 83 | 86 | 118 | 128 | 138 | 139 | 134 | 135) {
        read_high_profile(&mut bits, &mut sps)?;
    }
    bits.unsigned()?;
    match bits.unsigned()? {
        0 => {
            bits.unsigned()?;
        }
        1 => {
            bits.take(1)?;
            bits.unsigned()?;
            bits.unsigned()?;
            for _ in 0..bits.unsigned()?.min(255) {
                bits.unsigned()?;
            }
        }
        _ => {}
    }
    bits.unsigned()?;
    bits.take(1)?;
    bits.unsigned()?;
    bits.unsigned()?;
    sps.interlaced = bits.take(1)? == 0;
    if sps.interlaced {
        bits.take(1)?;
    }
    bits.take(1)?;
    if bits.take(1)? == 1 {
        for _ in 0..4 {
            bits.unsigned()?;
        }
    }
    if bits.take(1)? == 1 {
        // What is usual holds when the rest cannot be read.
        let _ = read_usability(&mut bits, &mut sps);
    }
    Some(sps)
}

fn read_high_profile(bits: &mut Bits<'_>, sps: &mut Sps) -> Option<()> {
    sps.chroma_format = bits.unsigned()?;
    if sps.chroma_format == 3 {
        bits.take(1)?;
    }
    let (luma, chroma) = (bits.unsigned()?, bits.unsigned()?);
    sps.bit_depth = luma.max(chroma).saturating_add(8);
    bits.take(1)?;
    if bits.take(1)? == 1 {
        for list in 0..if sps.chroma_format == 3 { 12 } else { 8 } {
            if bits.take(1)? == 1 {
                skip_scaling_list(bits, if list < 6 { 16 } else { 64 })?;
            }
        }
    }
    Some(())
}

fn skip_scaling_list(bits: &mut Bits<'_>, length: usize) -> Option<()> {
    let (mut last, mut next) = (8i64, 8i64);
    for _ in 0..length {
        if next != 0 {
            next = (last + bits.signed()?).rem_euclid(256);
        }
        last = if next == 0 { last } else { next };
    }
    Some(())
}

fn read_usability(bits: &mut Bits<'_>, sps: &mut Sps) -> Option<()> {
    if bits.take(1)? == 1 && bits.take(8)? == 255 {
        bits.take(32)?;
    }
    if bits.take(1)? == 1 {
        bits.take(1)?;
    }
    if bits.take(1)? == 1 {
        bits.take(3)?;
        sps.full_range = Some(bits.take(1)? == 1);
        if bits.take(1)? == 1 {
            bits.take(16)?;
            sps.matrix = u8::try_from(bits.take(8)?).ok();
        }
    }
    Some(())
}

/// Takes out the bytes that keep start codes from appearing in data.
fn without_emulation(bytes: &[u8]) -> Vec<u8> {
    let mut clean = Vec::with_capacity(bytes.len());
    let mut zeroes = 0;
    for &byte in bytes {
        if byte == 3 && zeroes >= 2 {
            zeroes = 0;
            continue;
        }
        zeroes = if byte == 0 { zeroes + 1 } else { 0 };
        clean.push(byte);
    }
    clean
}

struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    fn take(&mut self, count: u32) -> Option<u32> {
        let mut value = 0;
        for _ in 0..count {
            let byte = self.bytes.get(self.at / 8)?;
            value = value << 1 | u32::from(byte >> (7 - self.at % 8) & 1);
            self.at += 1;
        }
        Some(value)
    }

    /// Exponential Golomb code.
    fn unsigned(&mut self) -> Option<u32> {
        let mut zeroes = 0;
        while self.take(1)? == 0 {
            zeroes += 1;
            if zeroes > 31 {
                return None;
            }
        }
        Some((1 << zeroes) - 1 + self.take(zeroes)?)
    }

    fn signed(&mut self) -> Option<i64> {
        let code = i64::from(self.unsigned()?);
        Some(if code % 2 == 1 { (code + 1) / 2 } else { -(code / 2) })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
    }

    #[test]
    fn baseline_without_usability_information_is_progressive_8_bit() {
        // Profile 66, level 30, 16x16 pixels, progressive, no cropping, no usability information.
        let sps = parse(&hex("6742001ef8f9")).unwrap();
        assert_eq!((sps.chroma_format, sps.bit_depth, sps.full_range), (1, 8, None));
    }

    #[test]
    fn what_the_decoder_refuses_has_a_name() {
        let plain = Sps { chroma_format: 1, bit_depth: 8, ..Sps::default() };
        assert_eq!(plain.refusal(), None);
        assert_eq!(Sps { bit_depth: 10, ..plain.clone() }.refusal(), Some("10-bit"));
        assert_eq!(Sps { chroma_format: 2, ..plain.clone() }.refusal(), Some("4:2:2"));
        assert_eq!(Sps { interlaced: true, ..plain }.refusal(), Some("interlaced"));
    }

    #[test]
    fn emulation_bytes_are_taken_out() {
        assert_eq!(without_emulation(&[1, 0, 0, 3, 1, 0, 0, 3, 0, 0, 3]), [1, 0, 0, 1, 0, 0, 0, 0]);
        assert_eq!(without_emulation(&[0, 0, 3, 0, 3]), [0, 0, 0, 3]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = parse(&[&[0x67], &bytes[..]].concat());
            let _ = parse(&[&[0x67, 100, 0, 30], &bytes[..]].concat());
        }
    }
}
