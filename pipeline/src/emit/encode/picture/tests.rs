//! What was written is decoded again.

use frostglass_vault::{Format, Stamp};

use super::*;
use crate::emit::testing::{Breaks, frame, smooth};

const KINDS: [PictureKind; 3] = [PictureKind::Jpeg, PictureKind::Png, PictureKind::Webp];
const SIZES: [(u32, u32); 6] = [(1, 1), (1, 9), (2, 2), (17, 16), (33, 31), (200, 120)];

fn encoded(frame: &ReceivedFrame, kind: PictureKind) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_picture(frame, kind, &mut bytes).unwrap();
    bytes
}

fn decoded(bytes: &[u8]) -> image::DynamicImage {
    image::load_from_memory(bytes).unwrap()
}

/// Markers of a JPEG up to the first scan.
fn markers(jpeg: &[u8]) -> Vec<(u8, usize)> {
    let (mut place, mut found) = (2, Vec::new());
    while jpeg[place + 1] != 0xDA {
        let length = usize::from(u16::from_be_bytes([jpeg[place + 2], jpeg[place + 3]]));
        found.push((jpeg[place + 1], length));
        place += 2 + length;
    }
    found
}

#[test]
fn png_and_webp_keep_each_sample_of_a_still() {
    for (width, height) in SIZES {
        let frame = frame(Format::still(Size::new(width, height)), |plane, x, y| {
            (plane as u32 * 91 + x * 7 + y * 13 + x * y) as u8
        });
        for kind in [PictureKind::Png, PictureKind::Webp] {
            let image = decoded(&encoded(&frame, kind));
            assert_eq!(image.color(), image::ColorType::Rgb8, "{kind:?}");
            let rgb = image.into_rgb8();
            assert_eq!(rgb.dimensions(), (width, height));
            for (x, y, pixel) in rgb.enumerate_pixels() {
                let wanted = [0, 1, 2].map(|plane| frame.picture().row(plane, y)[x as usize]);
                assert_eq!(pixel.0, wanted, "{kind:?} {width}×{height} at {x}, {y}");
            }
        }
    }
}

#[test]
fn a_grey_still_stays_rgb() {
    let frame = frame(Format::still(Size::new(20, 10)), |_, x, _| (x * 12) as u8);
    for kind in KINDS {
        assert_eq!(decoded(&encoded(&frame, kind)).color(), image::ColorType::Rgb8, "{kind:?}");
    }
}

#[test]
fn a_jpeg_still_differs_little_and_keeps_full_chroma() {
    let frame = frame(Format::still(Size::new(200, 120)), smooth(0));
    let bytes = encoded(&frame, PictureKind::Jpeg);
    let rgb = decoded(&bytes).into_rgb8();
    let (mut sum, mut worst) = (0u64, 0);
    for (x, y, pixel) in rgb.enumerate_pixels() {
        for plane in 0..3 {
            let error = pixel.0[plane].abs_diff(frame.picture().row(plane, y)[x as usize]);
            (sum, worst) = (sum + u64::from(error), worst.max(error));
        }
    }
    let mean = sum as f64 / (200.0 * 120.0 * 3.0);
    assert!(mean < 1.5 && worst < 16, "mean {mean}, worst {worst}");
}

#[test]
fn a_jpeg_carries_a_jfif_header_and_no_other_word() {
    let size = Size::new(40, 30);
    for format in [Format::still(size), Format::video(size, Matrix::Bt601, Range::Full)] {
        let bytes = encoded(&frame(format, smooth(0)), PictureKind::Jpeg);
        let found = markers(&bytes);
        assert_eq!(found[0], (0xE0, 16), "JFIF first: {found:?}");
        let words = found[1..].iter().filter(|(marker, _)| (0xE0..=0xEF).contains(marker) || *marker == 0xFE);
        assert_eq!(words.count(), 0, "{found:?}");
    }
}

#[test]
fn png_and_webp_carry_pixels_and_nothing_else() {
    let frame = frame(Format::still(Size::new(40, 30)), smooth(0));
    let png = encoded(&frame, PictureKind::Png);
    let (mut place, mut chunks) = (8, Vec::new());
    while place < png.len() {
        let length = u32::from_be_bytes(png[place..place + 4].try_into().unwrap()) as usize;
        chunks.push(String::from_utf8(png[place + 4..place + 8].to_vec()).unwrap());
        place += 12 + length;
    }
    chunks.dedup();
    assert_eq!(chunks, ["IHDR", "IDAT", "IEND"]);
    let webp = encoded(&frame, PictureKind::Webp);
    assert_eq!((&webp[..4], &webp[8..16]), (&b"RIFF"[..], &b"WEBPVP8L"[..]));
    let length = u32::from_le_bytes(webp[16..20].try_into().unwrap()) as usize;
    assert!(webp.len() - 20 - length < 2, "one chunk and its padding");
}

#[test]
fn colours_come_out_right_from_every_matrix_and_range() {
    // A colour, made into samples by each standard's own definition.
    let colours = [[200.0, 60.0, 40.0], [30.0, 160.0, 90.0], [60.0, 70.0, 190.0], [128.0; 3], [255.0; 3], [0.0; 3]];
    let matrices = [(Matrix::Bt601, 0.299, 0.114), (Matrix::Bt709, 0.2126, 0.0722), (Matrix::Bt2020, 0.2627, 0.0593)];
    for (matrix, red, blue) in matrices {
        for range in [Range::Limited, Range::Full] {
            for wanted @ [r, g, b] in colours {
                let luma = red * r + (1.0 - red - blue) * g + blue * b;
                let chroma = [(b - luma) / (2.0 - 2.0 * blue), (r - luma) / (2.0 - 2.0 * red)];
                let samples: [f64; 3] = match range {
                    Range::Full => [luma, 128.0 + chroma[0], 128.0 + chroma[1]],
                    Range::Limited => [
                        16.0 + luma * 219.0 / 255.0,
                        128.0 + chroma[0] * 224.0 / 255.0,
                        128.0 + chroma[1] * 224.0 / 255.0,
                    ],
                };
                let format = Format::video(Size::new(31, 17), matrix, range);
                let frame = frame(format, |plane, _, _| samples[plane].round().clamp(0.0, 255.0) as u8);
                for kind in KINDS {
                    for (x, y, pixel) in decoded(&encoded(&frame, kind)).into_rgb8().enumerate_pixels() {
                        let far = (0..3).map(|i| (f64::from(pixel.0[i]) - wanted[i]).abs()).fold(0.0, f64::max);
                        assert!(far <= 5.0, "{kind:?} {matrix:?} {range:?} {wanted:?} at {x}, {y}: {pixel:?}");
                    }
                }
            }
        }
    }
}

#[test]
fn a_video_frame_goes_into_a_jpeg_with_its_detail() {
    for (width, height) in SIZES {
        let format = Format::video(Size::new(width, height), Matrix::Bt709, Range::Limited);
        let frame = frame(format, smooth(0));
        let exact = decoded(&encoded(&frame, PictureKind::Png)).into_rgb8();
        let jpeg = decoded(&encoded(&frame, PictureKind::Jpeg)).into_rgb8();
        assert_eq!(jpeg.dimensions(), (width, height));
        let errors = exact.as_raw().iter().zip(jpeg.as_raw()).map(|(a, b)| f64::from(a.abs_diff(*b)));
        let mean = errors.sum::<f64>() / exact.as_raw().len() as f64;
        assert!(mean < 4.0, "{width}×{height}: mean {mean}");
    }
}

#[test]
fn a_masked_frame_is_a_picture_like_any_other() {
    let stamp = Stamp { sequence: 0, time: std::time::Duration::ZERO };
    for format in [Format::still(Size::new(9, 7)), Format::video(Size::new(9, 7), Matrix::Bt709, Range::Limited)] {
        let frame = ReceivedFrame::masked(format, stamp);
        for kind in KINDS {
            let rgb = decoded(&encoded(&frame, kind)).into_rgb8();
            assert!(rgb.pixels().all(|pixel| pixel.0.iter().all(|&level| level.abs_diff(40) < 3)), "{kind:?}");
        }
    }
}

#[test]
fn a_fault_at_any_byte_is_told_and_not_swallowed() {
    let frame = frame(Format::still(Size::new(20, 20)), smooth(0));
    for kind in KINDS {
        let whole = encoded(&frame, kind).len();
        for left in 0..whole {
            let mut out = Breaks { left, kind: io::ErrorKind::StorageFull };
            let error = encode_picture(&frame, kind, &mut out).expect_err("there was no room");
            assert_eq!(error.kind(), io::ErrorKind::StorageFull, "{kind:?} after {left} of {whole}");
        }
        encode_picture(&frame, kind, &mut Breaks { left: whole, kind: io::ErrorKind::StorageFull }).unwrap();
    }
}

#[test]
fn sizes_that_a_kind_can_not_hold_are_refused_with_a_way_out() {
    let frame = frame(Format::still(Size::new(65_536, 1)), |_, _, _| 9);
    for kind in [PictureKind::Jpeg, PictureKind::Webp] {
        let error = encode_picture(&frame, kind, &mut Vec::new()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::Unsupported);
        assert!(error.to_string().contains(".png"), "{error}");
    }
    assert_eq!(decoded(&encoded(&frame, PictureKind::Png)).width(), 65_536);
}

#[test]
fn names_tell_the_kind() {
    let kinds =
        [("a.JPG", Some(PictureKind::Jpeg)), ("a.jpeg", Some(PictureKind::Jpeg)), ("a.png", Some(PictureKind::Png))];
    for (name, kind) in kinds.into_iter().chain([("b.webp", Some(PictureKind::Webp)), ("png", None), ("a.gif", None)]) {
        assert_eq!(PictureKind::from_path(Path::new(name)), kind, "{name}");
    }
}
