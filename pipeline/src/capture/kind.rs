//! What a file is, by its first bytes. Its name counts only where bytes cannot tell: one JPEG may be a clip.
//!
//! Reading what is inside is the business of the readers beside this one.

use std::io::Read;
use std::path::Path;

use super::jpeg::{self, Walk};
use super::{CaptureError, handed, io_error};

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One JPEG picture.
    Jpeg,
    /// A PNG picture (perhaps an animated one: its reader says so).
    Png,
    /// A WebP picture (perhaps an animated one: its reader says so).
    Webp,
    /// JPEG pictures of one size, one behind the other: a clip.
    Mjpeg,
    /// Uncompressed YUV4MPEG2 video.
    Y4m,
    /// MP4 or QuickTime.
    Mp4,
    /// A clip that is read by way of ffmpeg; its name.
    OtherClip(&'static str),
    /// A picture that is not read; its name.
    OtherPicture(&'static str),
    /// None of these.
    Unknown,
}

impl Kind {
    /// Whether it is read as one picture.
    #[must_use]
    pub fn is_still(self) -> bool {
        matches!(self, Self::Jpeg | Self::Png | Self::Webp)
    }

    /// Whether it is read as a clip, with ffmpeg's help where that is needed.
    #[must_use]
    pub fn is_clip(self) -> bool {
        matches!(self, Self::Mjpeg | Self::Y4m | Self::Mp4 | Self::OtherClip(_))
    }
}

/// So much is read to tell one JPEG from several.
const LONGEST_FIRST_JPEG: u64 = 64 << 20;

/// Tells what a file is. A folder counts as an error here.
///
/// # Errors
/// When it cannot be read, or has no bytes.
pub fn kind_of(path: &Path) -> Result<Kind, CaptureError> {
    let shown = path.display().to_string();
    let mut file = handed::open(path).map_err(io_error(&shown, "opening"))?;
    let mut head = Vec::new();
    (&mut file).take(512).read_to_end(&mut head).map_err(io_error(&shown, "reading"))?;
    if head.is_empty() {
        return Err(CaptureError::Empty { path: shown });
    }
    let kind = kind_of_bytes(&head);
    if kind != Kind::Jpeg {
        return Ok(kind);
    }
    let named_clip = path
        .extension()
        .is_some_and(|extension| ["mjpeg", "mjpg"].iter().any(|clip| extension.eq_ignore_ascii_case(clip)));
    if named_clip {
        return Ok(Kind::Mjpeg);
    }
    file.take(LONGEST_FIRST_JPEG).read_to_end(&mut head).map_err(io_error(&shown, "reading"))?;
    Ok(if is_clip_of_jpegs(&head) { Kind::Mjpeg } else { Kind::Jpeg })
}

/// Tells from the first bytes; a clip of JPEGs is only told by more than that.
fn kind_of_bytes(head: &[u8]) -> Kind {
    let at = |offset: usize, magic: &[u8]| head.get(offset..offset + magic.len()) == Some(magic);
    match () {
        () if at(0, b"\xff\xd8\xff") => Kind::Jpeg,
        () if at(0, b"\x89PNG\r\n\x1a\n") => Kind::Png,
        () if at(0, b"RIFF") && at(8, b"WEBP") => Kind::Webp,
        () if at(0, b"YUV4MPEG2") => Kind::Y4m,
        () if at(4, b"ftyp") => kind_of_brand(head.get(8..12).unwrap_or_default()),
        // QuickTime files of before 2001 have no `ftyp`; a cut recording may lack its own.
        () if at(4, b"moov") || at(4, b"mdat") || at(4, b"wide") => Kind::Mp4,
        () if at(0, b"RIFF") && at(8, b"AVI ") => Kind::OtherClip("AVI"),
        () if at(0, b"\x1a\x45\xdf\xa3") => Kind::OtherClip("Matroska or WebM"),
        () if at(0, b"GIF87a") || at(0, b"GIF89a") => Kind::OtherPicture("GIF"),
        () if at(0, b"FLV\x01") => Kind::OtherClip("FLV"),
        () if at(0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11") => Kind::OtherClip("ASF or WMV"),
        () if at(0, b"\0\0\x01\xba") || at(0, b"\0\0\x01\xb3") => Kind::OtherClip("MPEG"),
        () if at(0, b"\x47") && at(188, b"\x47") => Kind::OtherClip("MPEG transport stream"),
        () if at(4, b"\x47") && at(196, b"\x47") => Kind::OtherClip("MPEG transport stream"),
        () if at(0, b"\0\0\0\x01\x67") || at(0, b"\0\0\x01\x67") => Kind::OtherClip("bare H.264"),
        () if at(0, b"\0\0\0\x01\x40\x01") => Kind::OtherClip("bare HEVC"),
        () if at(0, b"II*\0") || at(0, b"MM\0*") => Kind::OtherPicture("TIFF or camera raw"),
        () if at(0, b"\xff\x0a") || at(0, b"\0\0\0\x0cJXL ") => Kind::OtherPicture("JPEG XL"),
        () if at(0, b"\0\0\0\x0cjP  ") => Kind::OtherPicture("JPEG 2000"),
        () if at(0, b"BM") && at(6, b"\0\0\0\0") => Kind::OtherPicture("BMP"),
        () => Kind::Unknown,
    }
}

/// HEIC and AVIF share MP4's boxes: the brand tells.
fn kind_of_brand(brand: &[u8]) -> Kind {
    match brand {
        b"avif" | b"avis" => Kind::OtherPicture("AVIF"),
        b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"hevx" | b"mif1" | b"msf1" => Kind::OtherPicture("HEIC"),
        _ => Kind::Mp4,
    }
}

/// Whether a second JPEG of the same size follows the first. A photograph may carry others behind it too (a
/// preview, a gain map, the other eye), of another size or announced as `MPF`.
fn is_clip_of_jpegs(bytes: &[u8]) -> bool {
    let Walk::Whole(first) = jpeg::walk(bytes) else { return false };
    let rest = &bytes[first.length..];
    let padding = rest.iter().take_while(|&&byte| byte == 0).count();
    let rest = &rest[padding..];
    if first.announces_others || !rest.starts_with(b"\xff\xd8\xff") {
        return false;
    }
    match jpeg::walk(rest) {
        Walk::Whole(second) => second.size == first.size,
        Walk::Cut { size, .. } => size.is_none() || size == first.size,
        Walk::Broken { .. } => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::testing::file;
    use super::*;

    fn jpeg(width: u32, height: u32) -> Vec<u8> {
        let mut bytes = Vec::new();
        let picture = image::RgbImage::from_pixel(width, height, image::Rgb([200, 30, 90]));
        image::codecs::jpeg::JpegEncoder::new(&mut bytes).encode_image(&picture).unwrap();
        bytes
    }

    #[test]
    fn first_bytes_tell() {
        let table: [(&[u8], Kind); 14] = [
            (b"\x89PNG\r\n\x1a\n....", Kind::Png),
            (b"RIFF\x10\0\0\0WEBPVP8 ", Kind::Webp),
            (b"RIFF\x10\0\0\0AVI LIST", Kind::OtherClip("AVI")),
            (b"YUV4MPEG2 W2 H2\n", Kind::Y4m),
            (b"\0\0\0\x20ftypisom", Kind::Mp4),
            (b"\0\0\0\x14ftypqt  ", Kind::Mp4),
            (b"\0\0\0\x20ftypheic", Kind::OtherPicture("HEIC")),
            (b"\0\0\0\x20ftypavif", Kind::OtherPicture("AVIF")),
            (b"\x1a\x45\xdf\xa3\x01", Kind::OtherClip("Matroska or WebM")),
            (b"GIF89a\x01\0", Kind::OtherPicture("GIF")),
            (b"BM\x36\0\0\0\0\0\0\0", Kind::OtherPicture("BMP")),
            (b"II*\0\x08", Kind::OtherPicture("TIFF or camera raw")),
            (b"dear reader", Kind::Unknown),
            (b"\xff", Kind::Unknown),
        ];
        for (bytes, kind) in table {
            let (_folder, path) = file("whatever.bin", bytes);
            assert_eq!(kind_of(&path).unwrap(), kind, "{bytes:?}");
        }
    }

    #[test]
    fn an_empty_file_and_a_folder_are_errors() {
        let (folder, path) = file("nothing.jpg", b"");
        assert!(matches!(kind_of(&path), Err(CaptureError::Empty { .. })));
        assert!(matches!(kind_of(folder.path()), Err(CaptureError::Io { .. })));
        assert!(matches!(kind_of(&folder.path().join("absent")), Err(CaptureError::Io { .. })));
    }

    #[test]
    fn several_jpegs_of_one_size_are_a_clip_and_a_photograph_with_a_preview_is_not() {
        let (one, other) = (jpeg(32, 24), jpeg(16, 8));
        let cases: [(&str, Vec<u8>, Kind); 6] = [
            ("one.jpg", one.clone(), Kind::Jpeg),
            ("one.mjpeg", one.clone(), Kind::Mjpeg),
            ("two.bin", [&one[..], &one].concat(), Kind::Mjpeg),
            ("cut.bin", [&one[..], &one[..one.len() / 2]].concat(), Kind::Mjpeg),
            ("preview.jpg", [&one[..], &other].concat(), Kind::Jpeg),
            ("trailer.jpg", [&one[..], b"some maker's notes"].concat(), Kind::Jpeg),
        ];
        for (name, bytes, kind) in cases {
            let (_folder, path) = file(name, &bytes);
            assert_eq!(kind_of(&path).unwrap(), kind, "{name}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_something(bytes in prop::collection::vec(any::<u8>(), 1..600)) {
            let _ = kind_of_bytes(&bytes);
            let _ = is_clip_of_jpegs(&[b"\xff\xd8\xff".as_slice(), &bytes].concat());
        }
    }
}
