use frostglass_vault::Pool;
use proptest::prelude::*;

use super::super::testing::drain;
use super::*;

fn open(bytes: &[u8]) -> Result<Y4mSource<&[u8]>, CaptureError> {
    Y4mSource::new("clip.y4m".to_owned(), bytes)
}

/// A clip whose frame `n` has all samples `n`, `n + 1`, `n + 2` in its planes.
fn clip(header: &str, planes: [usize; 3], frames: u8) -> Vec<u8> {
    let mut bytes = format!("YUV4MPEG2 {header}\n").into_bytes();
    for frame in 0..frames {
        bytes.extend_from_slice(if frame % 2 == 0 { b"FRAME\n" } else { b"FRAME Xsomething\n" });
        for (plane, length) in planes.into_iter().enumerate() {
            bytes.extend(std::iter::repeat_n(frame + plane as u8, length));
        }
    }
    bytes
}

#[test]
fn headers_are_read_as_they_are_meant() {
    let table = [
        ("W4 H2 F30000:1001 Ip A1:1 C420jpeg", Matrix::Bt601, Range::Limited, Rate::new(30_000, 1001), 0),
        ("W5 H3 F10:1", Matrix::Bt601, Range::Limited, Rate::new(10, 1), 0),
        ("W5 H3 C420mpeg2 XYSCSS=420MPEG2 XCOLORRANGE=FULL F5:1", Matrix::Bt601, Range::Full, Rate::new(5, 1), 0),
        ("W2 H720 F5:1 C420paldv I?", Matrix::Bt709, Range::Limited, Rate::new(5, 1), 0),
        ("W4 H2", Matrix::Bt601, Range::Limited, Some(USUAL_RATE), 1),
        ("W4 H2 F0:0 A16:11", Matrix::Bt601, Range::Limited, Some(USUAL_RATE), 2),
    ];
    for (header, matrix, range, rate, notes) in table {
        let line = format!("YUV4MPEG2 {header}\n");
        let source = open(line.as_bytes()).unwrap();
        assert_eq!(source.format(), Format::video(source.format().size, matrix, range), "{header}");
        assert_eq!(source.rate(), rate, "{header}");
        assert_eq!(source.notes().len(), notes, "{header}");
    }
}

#[test]
fn what_is_not_taken_says_how_to_convert_it() {
    for header in ["W4 H2 C420p10", "W4 H2 C422", "W4 H2 C444", "W4 H2 It", "W4 H2 Im", "W4 H2 Cmono16"] {
        let error = open(format!("YUV4MPEG2 {header}\n").as_bytes()).err().unwrap();
        assert!(matches!(error, CaptureError::Unsupported { .. }), "{header}: {error}");
        assert!(error.to_string().contains("ffmpeg -i"), "{error}");
    }
}

#[test]
fn broken_headers_are_refused() {
    let huge = format!("YUV4MPEG2 W2 H2 {}\n", "X".repeat(10_000));
    for header in [
        "YUV4MPEG2\n",
        "YUV4MPEG2 W4\n",
        "YUV4MPEG2 W4 H2",
        "YUV4MPEG2 W-4 H2\n",
        "YUV4MPEG2 W0 H2\n",
        "Y4M W2 H2\n",
        &huge,
    ] {
        assert!(matches!(open(header.as_bytes()), Err(CaptureError::Broken { .. })), "{header:.40}");
    }
    assert!(matches!(open(b"YUV4MPEG2 W4294967295 H4294967295\n"), Err(CaptureError::TooLarge { .. })));
    assert!(matches!(open(b""), Err(CaptureError::Empty { .. })));
}

#[test]
fn an_error_repeats_a_few_letters_of_a_header_and_no_more() {
    let long = "9x".repeat(1500);
    for header in [format!("W{long} H2"), format!("W2 H2 C{long}")] {
        let error = open(format!("YUV4MPEG2 {header}\n").as_bytes()).err().unwrap().to_string();
        assert!(error.contains("9x9x9x9x9x9x9x9x\"") && error.len() < 250, "{error}");
    }
}

#[test]
fn odd_sizes_and_frame_parameters_are_read_whole() {
    let bytes = clip("W5 H3 F10:1", [15, 6, 6], 3);
    let (frames, faults) = drain(&mut open(&bytes).unwrap());
    assert!(faults.is_empty());
    assert_eq!(frames.iter().map(|(_, time)| *time).collect::<Vec<_>>(), [0, 100, 200]);
    assert_eq!(frames[2].0, [vec![2; 15], vec![3; 6], vec![4; 6]]);
}

#[test]
fn grey_video_gets_neutral_colour() {
    let bytes = clip("W4 H2 Cmono F1:1", [8, 0, 0], 1);
    let (frames, _) = drain(&mut open(&bytes).unwrap());
    assert_eq!(frames[0].0, [vec![0; 8], vec![128; 2], vec![128; 2]]);
}

#[test]
fn a_cut_is_a_fault_after_the_last_whole_frame_and_told_once() {
    let bytes = clip("W4 H2 F10:1", [8, 2, 2], 3);
    let start = bytes.len() - (12 + 6);
    for end in start + 1..bytes.len() {
        let (frames, faults) = drain(&mut open(&bytes[..end]).unwrap());
        assert_eq!(frames.len(), 2, "cut at {end}");
        assert!(matches!(faults[..], [CaptureError::Truncated { whole: 2, .. }]), "cut at {end}: {faults:?}");
    }
    let (frames, faults) = drain(&mut open(&bytes[..start]).unwrap());
    assert_eq!((frames.len(), faults.len()), (2, 0));
}

#[test]
fn garbage_between_frames_ends_the_clip_with_a_fault() {
    let bytes = [&clip("W4 H2 F10:1", [8, 2, 2], 1)[..], b"GARBAGE GARBAGE\n............"].concat();
    let (frames, faults) = drain(&mut open(&bytes).unwrap());
    assert_eq!(frames.len(), 1);
    assert!(matches!(faults[..], [CaptureError::BrokenClip { index: 1, .. }]), "{faults:?}");
}

#[test]
fn a_blank_of_another_format_is_refused_and_nothing_is_lost() {
    let bytes = clip("W4 H2 F10:1", [8, 2, 2], 1);
    let mut source = open(&bytes).unwrap();
    let mut wrong = Pool::new(Format::still(Size::new(4, 2)), 1).blank().unwrap();
    assert!(matches!(source.read(&mut wrong), Err(CaptureError::WrongFormat { .. })));
    assert_eq!(drain(&mut source).0.len(), 1);
}

#[test]
fn reading_a_frame_allocates_nothing() {
    let bytes = clip("W64 H48 F10:1", [3072, 768, 768], 4);
    let mut source = open(&bytes).unwrap();
    let mut blank = Pool::new(source.format(), 1).blank().unwrap();
    let count = allocation_counter::measure(|| {
        for _ in 0..4 {
            assert!(matches!(source.read(&mut blank), Ok(Some(_))));
        }
    });
    assert_eq!(count.count_total, 0);
}

proptest! {
    #[test]
    fn any_header_and_body_end_without_a_panic(
        header in "( [WHFCIAX][0-9:pt?a-z=]{0,5}){0,5}", body in prop::collection::vec(any::<u8>(), 0..200)
    ) {
        let bytes = [format!("YUV4MPEG2 W2 H2{header}\nFRAME\n").as_bytes(), &body].concat();
        if let Ok(mut source) = open(&bytes) && source.format().bytes() < 1 << 20 {
            let (frames, faults) = drain(&mut source);
            prop_assert!(frames.len() <= 1 + body.len());
            prop_assert!(faults.len() <= 1);
        }
    }
}
