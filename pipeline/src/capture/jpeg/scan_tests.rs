use image::{Rgb, RgbImage};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

use super::super::{Walk, walk};
use super::*;

fn picture(width: u16, height: u16, set: impl FnOnce(&mut Encoder<&mut Vec<u8>>)) -> Vec<u8> {
    let pixels = RgbImage::from_fn(u32::from(width), u32::from(height), |x, y| {
        let noise = (x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(40_503)).wrapping_mul(97) >> 13;
        Rgb([(noise & 0xff) as u8, (x * 3) as u8, (y * 5) as u8])
    });
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, 80);
    set(&mut encoder);
    encoder.encode(pixels.as_raw(), width, height, ColorType::Rgb).unwrap();
    bytes
}

#[test]
fn whole_pictures_of_every_layout_are_whole() {
    let factors = [
        SamplingFactor::F_1_1,
        SamplingFactor::F_2_1,
        SamplingFactor::F_1_2,
        SamplingFactor::F_2_2,
        SamplingFactor::F_4_1,
        SamplingFactor::F_4_2,
    ];
    for (width, height) in [(1, 1), (17, 9), (64, 64), (131, 77)] {
        for factor in factors {
            for restart in [0, 1, 3] {
                let bytes = picture(width, height, |encoder| {
                    encoder.set_sampling_factor(factor);
                    encoder.set_restart_interval(restart);
                    encoder.set_optimized_huffman_tables(restart == 0);
                });
                assert_eq!(check(&bytes), Ok(()), "{width}x{height} {factor:?} restart {restart}");
            }
        }
        let progressive = picture(width, height, |encoder| encoder.set_progressive(true));
        assert_eq!(check(&progressive), Ok(()));
    }
}

#[test]
fn a_frame_is_one_scan_and_nothing_behind_it_but_its_end() {
    for factor in [SamplingFactor::F_1_1, SamplingFactor::F_2_1, SamplingFactor::F_2_2] {
        for restart in [0, 3] {
            let bytes = picture(131, 77, |encoder| {
                encoder.set_sampling_factor(factor);
                encoder.set_restart_interval(restart);
            });
            assert_eq!(check_frame(&bytes), Ok(()), "{factor:?} restart {restart}");
            let end = bytes.len() - 2;
            // A comment, another segment, a second start, a marker alone; a picture may have some of these.
            for behind in [&b"\xff\xfe\0\x02"[..], b"\xff\xdd\0\x04\0\0", b"\xff\xd8", b"\xff\x01"] {
                let longer = [&bytes[..end], behind, &bytes[end..]].concat();
                assert!(check_frame(&longer).is_err(), "{factor:?} restart {restart}, {behind:?}");
            }
        }
    }
    // One component after the other, and progressive.
    let apart = picture(131, 77, |encoder| encoder.set_optimized_huffman_tables(true));
    assert_eq!((check(&apart), check_frame(&apart).is_ok()), (Ok(()), false));
    let progressive = picture(131, 77, |encoder| encoder.set_progressive(true));
    assert_eq!((check(&progressive), check_frame(&progressive).is_ok()), (Ok(()), false));
}

#[test]
fn padding_is_no_surplus_and_anything_else_is() {
    let bytes = picture(33, 20, |_| {});
    let end = bytes.len() - 2;
    for (between, whole) in [(&[0, 0, 0, 0][..], true), (&[0xff, 0xff, 0xff], true), (&[1, 2, 3, 4, 5, 6, 7], false)] {
        let longer = [&bytes[..end], between, &bytes[end..]].concat();
        assert_eq!(check(&longer).is_ok(), whole, "{between:?}");
    }
}

#[test]
fn lost_data_is_noticed_wherever_it_is_lost() {
    for restart in [0, 2] {
        let bytes = picture(120, 80, |encoder| encoder.set_restart_interval(restart));
        let Walk::Whole(skeleton) = walk(&bytes) else { panic!("not whole") };
        let scan = skeleton.scan + 14;
        for percent in 1..100 {
            let cut = scan + (bytes.len() - 2 - scan) * percent / 100;
            let ended = [&bytes[..cut], b"\xff\xd9"].concat();
            assert!(check(&ended).is_err(), "{percent} % of the data, restart {restart}");
        }
    }
}

#[test]
fn changed_bits_are_noticed_where_they_shift_what_follows() {
    let bytes = picture(120, 80, |_| {});
    let Walk::Whole(skeleton) = walk(&bytes) else { panic!("not whole") };
    let places: Vec<usize> = (skeleton.scan + 14..bytes.len() - 2).step_by(7).collect();
    let noticed = places.iter().filter(|&&place| {
        let mut changed = bytes.clone();
        changed[place] ^= 0x10;
        check(&changed).is_err()
    });
    let share = noticed.count() * 100 / places.len();
    // A bit of a coefficient's value shifts nothing: such a change is a picture like any other.
    assert!(share > 25, "{share} %");
}
