//! The skeleton of a JPEG: where it ends, how large it is, which tables it lacks. Not a pixel is decoded here.
//!
//! The decoder takes a picture whose last rows are missing for whole; a picture without its end marker is therefore
//! refused before it gets there. Marker codes: ITU-T T.81, table B.1.

use frostglass_vault::Size;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;

use super::LONGEST_SIDE;

pub(super) mod scan;

/// What walking over the markers found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Walk {
    /// The end marker is there.
    Whole(Skeleton),
    /// The bytes end before it.
    Cut {
        /// The size, if the walk came as far as that.
        size: Option<Size>,
    },
    /// No JPEG, or one that contradicts itself.
    Broken {
        /// What is wrong.
        reason: &'static str,
        /// So many bytes make sense.
        at: usize,
    },
}

/// What the markers say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Skeleton {
    /// Bytes from the start marker to the end marker, both included.
    pub(super) length: usize,
    /// The size that the frame header states.
    pub(super) size: Option<Size>,
    /// Where the first start-of-scan marker stands.
    pub(super) scan: usize,
    /// Whether it brings its Huffman tables; webcams often leave out the standard ones.
    pub(super) has_huffman: bool,
    /// Whether it says that more pictures follow in the same file.
    pub(super) announces_others: bool,
}

/// Walks from marker to marker to the end of the first picture.
pub(super) fn walk(bytes: &[u8]) -> Walk {
    if !bytes.starts_with(b"\xff\xd8") {
        return Walk::Broken { reason: "it does not start with a start-of-image marker", at: 0 };
    }
    let mut found = Skeleton { length: 0, size: None, scan: 0, has_huffman: false, announces_others: false };
    let mut at = 2;
    loop {
        let Some(marker) = next_marker(bytes, &mut at) else { return Walk::Cut { size: found.size } };
        let start = at - 2;
        match marker {
            0xd9 if found.scan == 0 => return Walk::Broken { reason: "it has no scan", at },
            0xd9 => return Walk::Whole(Skeleton { length: at, ..found }),
            0xd8 => return Walk::Broken { reason: "it ends where the next one starts", at: start },
            0x01 | 0xd0..=0xd7 => continue,
            _ => {}
        }
        let Some(length) = bytes.get(at..at + 2).map(|two| usize::from(u16::from_be_bytes([two[0], two[1]]))) else {
            return Walk::Cut { size: found.size };
        };
        if length < 2 {
            return Walk::Broken { reason: "a segment is shorter than its own length field", at };
        }
        let Some(body) = bytes.get(at + 2..at + length) else { return Walk::Cut { size: found.size } };
        match marker {
            0xc4 => found.has_huffman = true,
            0xe2 => found.announces_others |= body.starts_with(b"MPF\0"),
            0xda if found.scan == 0 => found.scan = start,
            0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf => match body {
                [_, h1, h0, w1, w0, ..] => {
                    let [height, width] = [[*h1, *h0], [*w1, *w0]].map(|side| u32::from(u16::from_be_bytes(side)));
                    found.size = Some(Size::new(width, height));
                }
                _ => return Walk::Broken { reason: "its frame header is too short", at },
            },
            _ => {}
        }
        at += length;
    }
}

/// The next marker at or after `at`, which then stands behind it. Coded data, stuffed zeroes, restart markers and
/// fill bytes are passed over.
fn next_marker(bytes: &[u8], at: &mut usize) -> Option<u8> {
    loop {
        let rest = bytes.get(*at..)?;
        let skip = rest.iter().position(|&byte| byte == 0xff)?;
        let code = *rest.get(skip + 1)?;
        match code {
            0xff => *at += skip + 1,
            0x00 | 0xd0..=0xd7 => *at += skip + 2,
            _ => {
                *at += skip + 2;
                return Some(code);
            }
        }
    }
}

/// How every JPEG is decoded here: strictly, for by default the decoder takes broken pictures for whole.
pub(super) fn options(out: ColorSpace) -> DecoderOptions {
    DecoderOptions::default()
        .set_strict_mode(true)
        .set_max_width(LONGEST_SIDE as usize)
        .set_max_height(LONGEST_SIDE as usize)
        .jpeg_set_out_colorspace(out)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn picture() -> Vec<u8> {
        let mut bytes = Vec::new();
        let picture = image::RgbImage::from_fn(40, 24, |x, y| image::Rgb([(x * 6) as u8, (y * 9) as u8, 255]));
        image::codecs::jpeg::JpegEncoder::new(&mut bytes).encode_image(&picture).unwrap();
        bytes
    }

    #[test]
    fn a_whole_picture_ends_where_it_ends() {
        let bytes = picture();
        let Walk::Whole(found) = walk(&[&bytes[..], b"\xff\xd9tail"].concat()) else { panic!("not whole") };
        assert_eq!(found.length, bytes.len());
        assert_eq!(found.size, Some(Size::new(40, 24)));
        assert!(found.has_huffman && !found.announces_others);
        assert_eq!(bytes[found.scan..found.scan + 2], [0xff, 0xda]);
    }

    #[test]
    fn cut_anywhere_it_is_not_whole() {
        let bytes = picture();
        for end in 2..bytes.len() {
            assert!(matches!(walk(&bytes[..end]), Walk::Cut { .. }), "cut at {end}");
        }
    }

    #[test]
    fn an_end_marker_inside_a_thumbnail_is_not_the_end() {
        let bytes = picture();
        let thumbnail = [&[0xff, 0xe1, 0, 8][..], b"\xff\xd8\xff\xd9\xff\xd9"].concat();
        let with = [&bytes[..2], &thumbnail, &bytes[2..]].concat();
        let Walk::Whole(found) = walk(&with) else { panic!("not whole") };
        assert_eq!(found.length, with.len());
    }

    proptest! {
        #[test]
        fn any_bytes_are_walked_without_leaving_them(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let bytes = [b"\xff\xd8".as_slice(), &bytes].concat();
            if let Walk::Whole(found) = walk(&bytes) {
                prop_assert!(found.length <= bytes.len() && found.scan < found.length);
            }
        }
    }
}
