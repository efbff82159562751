//! Real clips through the public door: every frame, in order, upright, with its time; and what is cut or foreign.

#![cfg(feature = "h264")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::{Path, PathBuf};
use std::process::Command;

use frostglass::capture::{CaptureError, Container, MovingSource, OpenOptions, Opened, Rate, open};
use frostglass_vault::{Format, Matrix, Pool, Range, Size, Stamp, Zones};

/// Mean luma of a frame's cells, 4 by 4.
type Cells = [[f32; 4]; 4];

/// Cells of three frames of the bundled clip as another decoder gave them.
const TRUTH: [(usize, Cells); 3] = [
    (
        0,
        [
            [213.9, 154.7, 132.1, 152.9],
            [151.5, 122.7, 123.1, 130.0],
            [85.5, 60.4, 67.1, 98.5],
            [58.5, 45.6, 43.8, 68.7],
        ],
    ),
    (
        29,
        [
            [130.9, 119.2, 160.7, 151.1],
            [128.0, 139.0, 120.7, 153.0],
            [82.4, 87.9, 92.2, 95.2],
            [42.9, 44.2, 57.7, 76.3],
        ],
    ),
    (
        59,
        [
            [127.4, 116.7, 172.7, 143.2],
            [131.9, 156.7, 121.0, 158.0],
            [97.8, 103.5, 84.5, 89.4],
            [57.8, 101.7, 112.6, 82.5],
        ],
    ),
];

fn bundled() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/media/solvay_pan.mp4")
}

fn moving(path: &Path) -> Result<MovingSource, CaptureError> {
    open(path, &OpenOptions::default()).map(|opened| match opened {
        Opened::Moving(moving) => moving,
        Opened::Still(_) => panic!("{} is a still", path.display()),
    })
}

/// The luma cells and milliseconds of all frames, and the faults.
fn drain(clip: &mut MovingSource) -> (Vec<(Cells, u128)>, Vec<CaptureError>) {
    let pool = Pool::new(clip.source.format(), 1);
    let (mut frames, mut faults) = (Vec::new(), Vec::new());
    for sequence in 0..2000 {
        let mut blank = pool.blank().unwrap();
        match clip.source.read(&mut blank) {
            Ok(Some(time)) => {
                let look = blank.expose(Stamp { sequence, time }, &Zones::none()).lend();
                frames.push((cells(&look.picture()), time.as_millis()));
            }
            Ok(None) => return (frames, faults),
            Err(fault) => faults.push(fault),
        }
    }
    panic!("the clip does not end");
}

fn cells(picture: &frostglass_vault::Picture<'_>) -> Cells {
    let size = picture.size();
    let span = |at: usize, side: u32| at * side as usize / 4..(at + 1) * side as usize / 4;
    let mean = |row, column| {
        let (rows, columns) = (span(row, size.height), span(column, size.width));
        let samples = (rows.len() * columns.len()) as f32;
        let line =
            |y: usize| picture.row(0, y as u32)[columns.clone()].iter().map(|&luma| u64::from(luma)).sum::<u64>();
        rows.map(line).sum::<u64>() as f32 / samples
    };
    std::array::from_fn(|row| std::array::from_fn(|column| mean(row, column)))
}

fn difference(one: &Cells, other: &Cells) -> f32 {
    let pairs = one.iter().flatten().zip(other.iter().flatten());
    pairs.map(|(one, other)| (one - other).abs()).fold(0.0, f32::max)
}

/// The bundled clip with some of its bytes changed.
fn changed(name: &str, change: impl FnOnce(&mut Vec<u8>)) -> (tempfile::TempDir, PathBuf) {
    let mut bytes = std::fs::read(bundled()).unwrap();
    change(&mut bytes);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    (folder, path)
}

/// Where this box's content starts; the index stands last in the bundled clip.
fn find(bytes: &[u8], name: &[u8; 4]) -> usize {
    bytes.windows(4).rposition(|four| four == name).unwrap() + 4
}

/// What ffmpeg makes of the bundled clip with these arguments; `None`, and a word, without ffmpeg.
/// `FROSTGLASS_REQUIRE=ffmpeg` makes its absence a failure.
fn remade(name: &str, arguments: &[&str]) -> Option<(tempfile::TempDir, PathBuf)> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-v", "error", "-y", "-i"]).arg(bundled()).args(arguments).arg(&path);
    match command.status() {
        Ok(status) => {
            assert!(status.success(), "ffmpeg {arguments:?}");
            Some((folder, path))
        }
        Err(error) => {
            let required = std::env::var("FROSTGLASS_REQUIRE").unwrap_or_default();
            assert!(!required.split(',').any(|name| name == "ffmpeg"), "ffmpeg is required: {error}");
            eprintln!("skipped: there is no ffmpeg ({error})");
            None
        }
    }
}

#[test]
fn the_bundled_clip_comes_whole_and_in_order() {
    let mut clip = moving(&bundled()).unwrap();
    assert_eq!(clip.container, Container::Mp4);
    assert!(clip.notes.is_empty(), "{:?}", clip.notes);
    let format = Format::video(Size::new(640, 360), Matrix::Bt601, Range::Limited);
    assert_eq!(clip.source.format(), format);
    assert_eq!((clip.source.rate(), clip.source.expected_frames()), (Rate::new(15, 1), Some(60)));
    let (frames, faults) = drain(&mut clip);
    assert!(faults.is_empty(), "{faults:?}");
    assert_eq!(frames.len(), 60);
    for (index, (_, time)) in frames.iter().enumerate() {
        assert_eq!(*time, index as u128 * 1000 / 15);
    }
    for (index, expected) in TRUTH {
        let off = difference(&frames[index].0, &expected);
        assert!(off < 1.0, "frame {index} is {off} off");
    }
    // The camera pans: a frame in the wrong place would be further from its neighbours than they are apart.
    for three in frames.windows(3) {
        let apart = difference(&three[0].0, &three[2].0);
        let steps = difference(&three[0].0, &three[1].0).max(difference(&three[1].0, &three[2].0));
        assert!(steps < apart + 6.0, "a jump of {steps} at {} ms", three[1].1);
    }
}

#[test]
fn a_phone_clip_is_turned_upright() {
    type Place = fn(usize, usize) -> (usize, usize);
    let upright = drain(&mut moving(&bundled()).unwrap()).0;
    let one = 65_536i32;
    let turns: [([i32; 4], Place); 3] = [
        ([0, one, -one, 0], |row, column| (3 - column, row)),
        ([-one, 0, 0, -one], |row, column| (3 - row, 3 - column)),
        ([0, -one, one, 0], |row, column| (column, 3 - row)),
    ];
    for (matrix, stored) in turns {
        let (_folder, path) = changed("phone.mp4", |bytes| {
            let at = find(bytes, b"tkhd") + 40;
            for (place, value) in [0, 4, 12, 16].into_iter().zip(matrix) {
                bytes[at + place..at + place + 4].copy_from_slice(&value.to_be_bytes());
            }
        });
        let mut clip = moving(&path).unwrap();
        let quarter = matrix[0] == 0;
        assert_eq!(clip.source.format().size, if quarter { Size::new(360, 640) } else { Size::new(640, 360) });
        let (frames, faults) = drain(&mut clip);
        assert_eq!((frames.len(), faults.len()), (60, 0));
        for (row, line) in frames[30].0.iter().enumerate() {
            for (column, cell) in line.iter().enumerate() {
                let (stored_row, stored_column) = stored(row, column);
                assert!((cell - upright[30].0[stored_row][stored_column]).abs() < 0.01, "{matrix:?} {row} {column}");
            }
        }
    }
}

#[test]
fn what_the_edit_list_trims_away_stays_away() {
    let (_folder, path) = changed("trimmed.mp4", |bytes| {
        let (list, scale) = (find(bytes, b"elst") + 8, find(bytes, b"mdhd") + 12);
        let number = |at: usize| i32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
        // From the tenth frame on, for two seconds; the movie counts in milliseconds.
        let start = number(list + 4) + number(scale) * 10 / 15;
        bytes[list..list + 4].copy_from_slice(&2000i32.to_be_bytes());
        bytes[list + 4..list + 8].copy_from_slice(&start.to_be_bytes());
    });
    let all = drain(&mut moving(&bundled()).unwrap()).0;
    let mut clip = moving(&path).unwrap();
    assert!(clip.notes.iter().any(|note| note.contains("edit list")), "{:?}", clip.notes);
    let (frames, faults) = drain(&mut clip);
    assert_eq!((frames.len(), faults.len()), (30, 0));
    assert_eq!((frames[0].1, frames[29].1), (0, 29_000 / 15));
    assert!(frames.iter().zip(&all[10..40]).all(|(trimmed, whole)| trimmed.0 == whole.0));
}

#[test]
fn a_recording_that_was_cut_before_its_index_is_a_clear_error() {
    for tenth in 1..10 {
        let (_folder, path) = changed("cut.mp4", |bytes| bytes.truncate(bytes.len() * tenth / 10));
        let error = moving(&path).unwrap_err().to_string();
        assert!(error.contains("its index is missing"), "{tenth}0 %: {error}");
    }
}

#[test]
fn a_damaged_packet_ends_the_clip_after_the_frames_before_it() {
    let (_folder, path) = changed("damaged.mp4", |bytes| {
        let middle = bytes.len() / 2;
        bytes[middle..middle + 60_000].fill(0xff);
    });
    let all = drain(&mut moving(&bundled()).unwrap()).0;
    let (frames, faults) = drain(&mut moving(&path).unwrap());
    assert!(matches!(faults[..], [CaptureError::BrokenClip { .. }]), "{faults:?}");
    assert!((5..55).contains(&frames.len()), "{}", frames.len());
    assert!(frames.iter().zip(&all).all(|(damaged, whole)| damaged.0 == whole.0));
}

#[test]
fn a_clip_with_its_index_first_gives_what_was_whole() {
    let Some((_folder, path)) = remade("first.mp4", &["-c", "copy", "-movflags", "+faststart"]) else { return };
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..whole.len() * 6 / 10]).unwrap();
    let (frames, faults) = drain(&mut moving(&path).unwrap());
    assert!((20..50).contains(&frames.len()), "{}", frames.len());
    let given = frames.len() as u64;
    assert!(matches!(faults[..], [CaptureError::Truncated { whole, .. }] if whole == given), "{faults:?}");
}

#[test]
fn a_fragmented_clip_is_read_and_a_cut_one_keeps_its_whole_fragments() {
    let flags = "+frag_keyframe+empty_moov+default_base_moof";
    let arguments = ["-c:v", "libx264", "-g", "10", "-keyint_min", "10", "-bf", "2", "-movflags", flags];
    let Some((_folder, path)) = remade("fragments.mp4", &arguments) else { return };
    let mut clip = moving(&path).unwrap();
    assert_eq!(clip.source.rate(), Rate::new(15, 1));
    let (all, faults) = drain(&mut clip);
    assert_eq!((all.len(), faults.len()), (60, 0), "{faults:?}");
    assert!(all.iter().enumerate().all(|(index, frame)| frame.1 == index as u128 * 1000 / 15));
    let whole = std::fs::read(&path).unwrap();
    for percent in [35, 55, 80] {
        std::fs::write(&path, &whole[..whole.len() * percent / 100]).unwrap();
        let (frames, faults) = drain(&mut moving(&path).unwrap());
        assert!(frames.len() >= 10 && frames.len() % 10 == 0 && frames.len() < 60, "{percent} %: {}", frames.len());
        assert!(matches!(faults[..], [CaptureError::Truncated { .. }]), "{percent} %: {faults:?}");
        assert!(frames.iter().zip(&all).all(|(one, other)| one.0 == other.0));
    }
}

#[test]
fn fragments_with_absolute_positions_go_by_way_of_ffmpeg() {
    let Some((_folder, path)) = remade("old.mp4", &["-c", "copy", "-movflags", "+frag_keyframe+empty_moov"]) else {
        return;
    };
    let mut clip = moving(&path).unwrap();
    assert!(clip.notes[0].contains("ffmpeg"), "{:?}", clip.notes);
    let (frames, faults) = drain(&mut clip);
    assert_eq!((frames.len(), faults.len()), (60, 0), "{faults:?}");
}

#[test]
fn sound_is_dropped_and_it_is_said() {
    let arguments = ["-f", "lavfi", "-i", "sine=duration=4", "-c:v", "copy", "-c:a", "aac", "-shortest"];
    let Some((_folder, path)) = remade("sound.mp4", &arguments) else { return };
    let mut clip = moving(&path).unwrap();
    assert!(clip.notes.iter().any(|note| note.contains("sound")), "{:?}", clip.notes);
    assert!(drain(&mut clip).0.len() >= 58);
}

#[test]
fn what_openh264_refuses_goes_by_way_of_ffmpeg() {
    let table: [(&str, &[&str]); 5] = [
        ("ten.mp4", &["-c:v", "libx264", "-pix_fmt", "yuv420p10le"]),
        ("interlaced.mp4", &["-c:v", "libx264", "-flags", "+ildct+ilme", "-x264opts", "tff=1"]),
        ("hevc.mp4", &["-c:v", "libx265", "-x265-params", "log-level=none"]),
        ("clip.mkv", &["-c:v", "copy"]),
        ("clip.avi", &["-c:v", "mpeg4", "-q:v", "3"]),
    ];
    let direct = drain(&mut moving(&bundled()).unwrap()).0;
    for (name, arguments) in table {
        let Some((_folder, path)) = remade(name, arguments) else { return };
        let mut clip = moving(&path).unwrap();
        assert!(clip.notes[0].contains("ffmpeg"), "{name}: {:?}", clip.notes);
        let (frames, faults) = drain(&mut clip);
        assert_eq!((frames.len(), faults.len()), (60, 0), "{name}: {faults:?}");
        let off = frames.iter().zip(&direct).map(|(one, other)| difference(&one.0, &other.0)).fold(0.0, f32::max);
        assert!(off < 3.0, "{name} is {off} off");
    }
}

#[test]
fn a_cut_clip_that_ffmpeg_reads_ends_with_a_fault() {
    for (name, arguments) in [("cut.mkv", ["-c:v", "copy"]), ("cut.avi", ["-q:v", "3"])] {
        let Some((_folder, path)) = remade(name, &arguments) else { return };
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..whole.len() * 6 / 10]).unwrap();
        let (frames, faults) = drain(&mut moving(&path).unwrap());
        assert!((10..50).contains(&frames.len()), "{name}: {}", frames.len());
        assert!(matches!(faults[..], [CaptureError::Ffmpeg { .. }]), "{name}: {faults:?}");
    }
}

#[test]
fn stated_colour_is_kept() {
    let table = [("tv", "bt709", Range::Limited, Matrix::Bt709), ("pc", "smpte170m", Range::Full, Matrix::Bt601)];
    for (range, matrix, range_read, matrix_read) in table {
        let arguments = ["-c:v", "libx264", "-color_range", range, "-colorspace", matrix, "-frames:v", "3"];
        let Some((_folder, path)) = remade("colour.mp4", &arguments) else { return };
        let format = moving(&path).unwrap().source.format();
        assert_eq!(format, Format::video(Size::new(640, 360), matrix_read, range_read));
    }
}
