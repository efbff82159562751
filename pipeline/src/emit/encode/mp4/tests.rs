//! What was written is read again, by this demuxer and decoder and by ffprobe.

use std::io::ErrorKind;
use std::process::{Command, Stdio};

use frostglass_vault::{Colour, Format, Matrix, Range, Size};
use openh264::OpenH264API;
use openh264::decoder::{DecodeOptions, Decoder, DecoderConfig, Flush};
use openh264::formats::YUVSource;
use shiguredo_mp4::bitstream::h264::length_prefixed_to_annexb;
use shiguredo_mp4::demux::{Fmp4FileDemuxer, Input};

use super::*;
use crate::emit::testing::{Breaks, frame_at, required, smooth};
use crate::hatch::ReceivedFrame;

const RATE: Option<Rate> = Some(Rate { frames: 10, seconds: 1 });

fn clip(format: Format, count: u64, every: Duration) -> Vec<ReceivedFrame> {
    let time = |index| u32::try_from(index).unwrap() * every;
    (0..count).map(|index| frame_at(format, index, time(index), smooth(2 * index as u32))).collect()
}

fn written(frames: &[ReceivedFrame], rate: Option<Rate>) -> Vec<u8> {
    let (mut writer, mut bytes) = (Mp4Writer::new(rate).unwrap(), Vec::new());
    frames.iter().for_each(|frame| writer.write(&frame.picture(), frame.stamp(), &mut bytes).unwrap());
    writer.finish(&mut bytes).unwrap();
    bytes
}

/// A frame that came back: its time in seconds, how long it lasts, whether it is a key frame, and its planes.
struct Back {
    time: f64,
    lasts: f64,
    key: bool,
    size: (usize, usize),
    planes: [Vec<u8>; 3],
}

impl Back {
    /// Mean difference of one plane, and the largest.
    fn differs(&self, frame: &ReceivedFrame, plane: usize) -> (f64, u8) {
        let size = frame.format().plane_size(plane);
        let width = if plane == 0 { self.size.0 } else { self.size.0 / 2 };
        let (mut sum, mut worst) = (0.0, 0);
        for y in 0..size.height {
            for (x, &sample) in frame.picture().row(plane, y).iter().enumerate() {
                let error = sample.abs_diff(self.planes[plane][y as usize * width + x]);
                (sum, worst) = (sum + f64::from(error), worst.max(error));
            }
        }
        (sum / size.pixels() as f64, worst)
    }
}

fn packed(bytes: &[u8], stride: usize, (width, height): (usize, usize)) -> Vec<u8> {
    (0..height).flat_map(|y| &bytes[y * stride..y * stride + width]).copied().collect()
}

fn planes(yuv: &impl YUVSource) -> ((usize, usize), [Vec<u8>; 3]) {
    let (size, strides) = (yuv.dimensions(), yuv.strides());
    let half = (size.0 / 2, size.1 / 2);
    (size, [packed(yuv.y(), strides.0, size), packed(yuv.u(), strides.1, half), packed(yuv.v(), strides.2, half)])
}

fn read(bytes: &[u8]) -> Vec<Back> {
    let mut demuxer = Fmp4FileDemuxer::new();
    let mut decoder =
        Decoder::with_api_config(OpenH264API::from_source(), DecoderConfig::new().flush_after_decode(Flush::NoFlush))
            .unwrap();
    let (mut back, mut pictures, mut sets) = (Vec::new(), Vec::new(), Vec::new());
    loop {
        while let Some(required) = demuxer.required_input() {
            let start = (required.position as usize).min(bytes.len());
            let end = required.size.map_or(bytes.len(), |size| (start + size).min(bytes.len()));
            demuxer.handle_input(Input { position: required.position, data: &bytes[start..end] });
        }
        let Some(sample) = demuxer.next_sample().unwrap() else { break };
        if let Some(SampleEntry::Avc1(avc1)) = sample.sample_entry {
            for set in avc1.avcc_box.sps_list.iter().chain(&avc1.avcc_box.pps_list) {
                sets.extend_from_slice(&[0, 0, 0, 1]);
                sets.extend_from_slice(set);
            }
        }
        let unit = &bytes[sample.data_offset as usize..][..sample.data_size];
        let mut packet = std::mem::take(&mut sets);
        packet.extend(length_prefixed_to_annexb(unit, LengthSize::FourBytes).unwrap());
        let options = DecodeOptions::new().flush_after_decode(Flush::NoFlush);
        pictures.extend(decoder.decode_with_options(&packet, options).unwrap().map(|yuv| planes(&yuv)));
        let scale = f64::from(sample.track.timescale.get());
        let (time, lasts) = (sample.timestamp as f64 / scale, f64::from(sample.duration) / scale);
        back.push(Back { time, lasts, key: sample.keyframe, size: (0, 0), planes: Default::default() });
    }
    pictures.extend(decoder.flush_remaining().unwrap().iter().map(planes));
    assert_eq!(pictures.len(), back.len());
    for (frame, (size, planes)) in back.iter_mut().zip(pictures) {
        (frame.size, frame.planes) = (size, planes);
    }
    back
}

#[test]
fn a_clip_comes_back_frame_for_frame() {
    let format = Format::video(Size::new(160, 96), Matrix::Bt709, Range::Limited);
    let frames = clip(format, 50, Duration::from_millis(100));
    let back = read(&written(&frames, RATE));
    assert_eq!(back.len(), 50);
    for (index, (frame, back)) in frames.iter().zip(&back).enumerate() {
        assert_eq!(back.size, (160, 96));
        assert!((back.time - index as f64 / 10.0).abs() < 1e-9 && (back.lasts - 0.1).abs() < 1e-9, "frame {index}");
        for plane in 0..3 {
            let (mean, worst) = back.differs(frame, plane);
            assert!(mean < 3.0 && worst < 40, "frame {index}, plane {plane}: mean {mean}, worst {worst}");
        }
    }
    let keys: Vec<usize> = (0..50).filter(|&index| back[index].key).collect();
    assert_eq!(keys[0], 0);
    assert!(keys.windows(2).all(|pair| pair[1] - pair[0] <= 15), "{keys:?}");
}

#[test]
fn odd_and_tiny_sizes_are_padded() {
    for (width, height) in [(1, 1), (2, 2), (3, 5), (5, 3), (17, 16), (33, 31)] {
        let format = Format::video(Size::new(width, height), Matrix::Bt601, Range::Full);
        let frames = clip(format, 5, Duration::from_millis(100));
        let back = read(&written(&frames, RATE));
        assert_eq!(back.len(), 5, "{width}×{height}");
        for (frame, back) in frames.iter().zip(&back) {
            let even = |side: u32| side.next_multiple_of(2).max(16) as usize;
            assert_eq!(back.size, (even(width), even(height)));
            for plane in 0..3 {
                let (mean, _) = back.differs(frame, plane);
                assert!(mean < 5.0, "{width}×{height}, plane {plane}: mean {mean}");
            }
            let last = |x: usize| back.planes[0][x].abs_diff(frame.picture().row(0, 0)[width as usize - 1]);
            assert!(last(back.size.0 - 1) < 25, "the padding repeats the edge");
        }
    }
}

#[test]
fn uneven_times_and_exact_rates_are_kept() {
    let format = Format::video(Size::new(32, 32), Matrix::Bt601, Range::Limited);
    let at = |times: &[f64], rate| {
        let frames: Vec<_> =
            times.iter().map(|&time| frame_at(format, 0, Duration::from_secs_f64(time), smooth(0))).collect();
        read(&written(&frames, rate))
    };
    let camera = [3.0, 3.04, 3.07, 4.5, 4.51, 9.0];
    for rate in [None, RATE, Some(Rate { frames: 1, seconds: 3 })] {
        let back = at(&camera, rate);
        for (back, time) in back.iter().zip(camera) {
            assert!((back.time - (time - 3.0)).abs() < 1e-4, "{rate:?}: {} for {time}", back.time);
        }
        assert!((back[5].lasts - 4.49).abs() < 2e-4, "the last lasts as long as the one before");
    }
    let ntsc: Vec<f64> = (0..40).map(|index| f64::from(index) * 1001.0 / 30_000.0).collect();
    for back in at(&ntsc, Some(Rate { frames: 30_000, seconds: 1001 })) {
        assert!((back.lasts - 1001.0 / 30_000.0).abs() < 1e-12, "{}", back.lasts);
    }
    let back = at(&[0.0, 0.0, 5.0, 2.0, 5.1], None);
    assert!(back.windows(2).all(|pair| pair[1].time > pair[0].time), "time never stands or runs back");
    assert!((back[4].time - 5.1).abs() < 1e-4);
    assert!((at(&[7.0], RATE)[0].lasts - 0.1).abs() < 1e-9, "a lone frame lasts as its rate says");
}

#[test]
fn nothing_but_frames_stands_in_the_file() {
    let format = Format::video(Size::new(64, 48), Matrix::Bt601, Range::Limited);
    let bytes = written(&clip(format, 20, Duration::from_millis(100)), RATE);
    let (_, length) = FtypBox::decode(&bytes).unwrap();
    let (moov, _) = MoovBox::decode(&bytes[length..]).unwrap();
    let unknown = Mp4FileTime::from_secs(0);
    assert_eq!((moov.mvhd_box.creation_time, moov.mvhd_box.modification_time), (unknown, unknown));
    assert_eq!(moov.trak_boxes[0].tkhd_box.creation_time, unknown);
    assert_eq!(moov.trak_boxes[0].mdia_box.mdhd_box.modification_time, unknown);
    assert_eq!(moov.trak_boxes[0].mdia_box.hdlr_box.name, [0]);
    assert!(moov.unknown_boxes.is_empty() && moov.trak_boxes[0].unknown_boxes.is_empty());
    let text: String = bytes.iter().map(|&byte| if byte.is_ascii() { byte as char } else { ' ' }).collect();
    for word in ["udta", "meta", "264 ", "Cisco", "Lavf", "frostglass"] {
        assert!(!text.to_lowercase().contains(&word.to_lowercase()), "{word}");
    }
    let again = written(&clip(format, 20, Duration::from_millis(100)), RATE);
    assert_eq!(bytes, again, "the bytes depend on the frames alone");
}

#[test]
fn what_a_crash_leaves_plays_up_to_the_last_whole_fragment() {
    let format = Format::video(Size::new(64, 48), Matrix::Bt601, Range::Limited);
    let (mut writer, mut bytes) = (Mp4Writer::new(RATE).unwrap(), Vec::new());
    for frame in clip(format, 40, Duration::from_millis(100)) {
        writer.write(&frame.picture(), frame.stamp(), &mut bytes).unwrap();
    }
    drop(writer);
    assert_eq!(read(&bytes).len(), 30, "one fragment of 15 frames after the other");
}

#[test]
fn a_fault_at_any_byte_breaks_the_clip_for_good() {
    let format = Format::video(Size::new(16, 16), Matrix::Bt601, Range::Limited);
    let frames = clip(format, 4, Duration::from_secs(1));
    let whole = written(&frames, RATE).len();
    for left in (0..whole).step_by(7) {
        let (mut writer, mut out) = (Mp4Writer::new(RATE).unwrap(), Breaks { left, kind: ErrorKind::StorageFull });
        let failed = frames.iter().find_map(|frame| writer.write(&frame.picture(), frame.stamp(), &mut out).err());
        if let Some(error) = failed {
            assert_eq!(error.kind(), ErrorKind::StorageFull);
            let mut later = Vec::new();
            assert!(writer.write(&frames[0].picture(), frames[0].stamp(), &mut later).is_err() && later.is_empty());
            out.left = usize::MAX;
        }
        assert!(writer.finish(&mut out).is_err(), "after {left} of {whole} bytes");
    }
}

#[test]
fn more_than_the_encoder_takes_is_refused_with_a_way_out() {
    let format = Format::video(Size::new(4096, 16), Matrix::Bt709, Range::Limited);
    let frame = frame_at(format, 0, Duration::ZERO, |_, _, _| 90);
    let error = Mp4Writer::new(RATE).unwrap().write(&frame.picture(), frame.stamp(), &mut Vec::new()).unwrap_err();
    assert!(error.kind() == ErrorKind::Unsupported && error.to_string().contains(".y4m"), "{error}");
}

/// Whether ffprobe is there; if not, the test is skipped, unless it is required.
fn ffprobe() -> bool {
    let run = Command::new("ffprobe").arg("-version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    let found = run.is_ok_and(|status| status.success());
    assert!(found || !required("ffmpeg"), "ffprobe is required and missing");
    if !found {
        let _ = writeln!(io::stderr(), "skipped: ffprobe is not installed");
    }
    found
}

fn probed(bytes: &[u8], entries: &str) -> String {
    let file = tempfile::Builder::new().suffix(".mp4").tempfile().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    let mut ask = Command::new("ffprobe");
    ask.args(["-v", "error", "-count_frames", "-select_streams", "v:0", "-of", "csv=p=0", "-show_entries", entries]);
    let answer = ask.arg(file.path()).output().unwrap();
    String::from_utf8(answer.stdout).unwrap().trim().to_owned()
}

#[test]
fn another_player_reads_every_frame_and_the_right_colours() {
    if !ffprobe() {
        return;
    }
    let cases = [
        (Matrix::Bt601, Range::Full, "pc,smpte170m"),
        (Matrix::Bt601, Range::Limited, "tv,smpte170m"),
        (Matrix::Bt709, Range::Limited, "tv,bt709"),
        (Matrix::Bt709, Range::Full, "pc,bt709"),
        (Matrix::Bt2020, Range::Limited, "tv,bt2020nc"),
    ];
    for (matrix, range, told) in cases {
        let format = Format::video(Size::new(63, 48), matrix, range);
        assert_eq!(format.colour, Colour::Yuv { matrix, range });
        let bytes = written(&clip(format, 40, Duration::from_millis(100)), RATE);
        let answer = probed(&bytes, "stream=width,height,color_range,color_space,avg_frame_rate,nb_read_frames");
        assert_eq!(answer, format!("64,48,{told},10/1,40"));
        let tags = probed(&bytes, "format_tags:stream_tags");
        assert!(!tags.contains("20") && !tags.contains("creation"), "no date: {tags}");
    }
}

#[test]
fn another_player_reads_what_a_crash_left() {
    if !ffprobe() {
        return;
    }
    let format = Format::video(Size::new(64, 48), Matrix::Bt601, Range::Limited);
    let bytes = written(&clip(format, 40, Duration::from_millis(100)), RATE);
    let moofs: Vec<usize> =
        bytes.windows(4).enumerate().filter(|(_, tag)| tag == b"moof").map(|(at, _)| at - 4).collect();
    assert_eq!(moofs.len(), 3);
    assert_eq!(probed(&bytes[..moofs[2]], "stream=nb_read_frames"), "30");
    let inside = (moofs[2] + bytes.len()) / 2;
    let count: u32 = probed(&bytes[..inside], "stream=nb_read_frames").parse().unwrap();
    assert!((30..40).contains(&count), "{count}");
}
