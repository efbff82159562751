//! A camera whose driver lies, and time that is moved by hand.

use std::io;

use frostglass_vault::{Pool, Size};

use super::*;
use crate::clock::SimulatedClock;
use crate::v4l2::stream::tests::Liar;
use crate::v4l2::{Fourcc, Kind, Layout, MOST_PLANES};

const SIZE: Size = Size::new(8, 4);
const BYTES: u32 = 8 * 4 * 2;

struct Rig {
    camera: Camera<Liar>,
    clock: Arc<SimulatedClock>,
    metrics: Arc<Metrics>,
    pool: Pool,
}

fn filled(index: u32, sequence: u32) -> Dequeued {
    let mut planes = [(0, 0); MOST_PLANES];
    planes[0] = (BYTES, 0);
    let time = Duration::from_secs(1000) + Duration::from_millis(40 * u64::from(sequence));
    Dequeued { index, flags: TIME_MONOTONIC, sequence, time, planes }
}

fn rig(gives: impl IntoIterator<Item = io::Result<Option<Dequeued>>>) -> Rig {
    let mut strides = [0; MOST_PLANES];
    strides[0] = 16;
    let layout = Layout {
        fourcc: Fourcc(*b"YUYV"),
        size: SIZE,
        planes: 1,
        strides,
        bytes: [BYTES; MOST_PLANES],
        colorspace: 8,
        encoding: 0,
        quantization: 0,
        field: 1,
    };
    let driver = Liar { gives: gives.into_iter().collect(), buffers: 4, length: BYTES as usize, gone: false };
    let stream = Stream::start(driver, Kind::Capture, &layout).unwrap();
    let unpack = Unpack::new(&layout, Kind::Capture).unwrap();
    let (clock, metrics) = (Arc::new(SimulatedClock::default()), Arc::new(Metrics::default()));
    let pool = Pool::new(unpack.format(), 1);
    let camera = Camera::new("/dev/video0".into(), stream, unpack, None, clock.clone(), metrics.clone());
    Rig { camera, clock, metrics, pool }
}

impl Rig {
    fn read(&mut self) -> Result<Option<Duration>, CaptureError> {
        let mut blank = self.pool.blank().unwrap();
        self.clock.advance(Duration::from_millis(40));
        self.camera.read(&mut blank)
    }
}

#[test]
fn gaps_flags_and_short_buffers_are_counted_and_the_stream_goes_on() {
    let mut flagged = filled(1, 1);
    flagged.flags |= FLAG_ERROR;
    let mut empty = filled(2, 2);
    empty.planes[0] = (0, 0);
    let mut short = filled(3, 3);
    short.planes[0] = (BYTES - 1, 0);
    let mut beyond = filled(0, 4);
    beyond.planes[0] = (u32::MAX, 0);
    let gives = [filled(0, 0), flagged, empty, short, beyond, filled(1, 9)];
    let mut rig = rig(gives.map(|one| Ok(Some(one))));
    assert_eq!(rig.read().unwrap(), Some(Duration::ZERO));
    for index in 1..5 {
        match rig.read() {
            Err(CaptureError::BrokenFrame { index: at, .. }) => assert_eq!(at, index),
            other => panic!("buffer {index}: {other:?}"),
        }
    }
    assert_eq!(rig.read().unwrap(), Some(Duration::from_millis(40 * 9)).filter(|_| true));
    assert_eq!(rig.metrics.capture.dropped.get(), 4);
    // The numbers 4 to 8: one came with a buffer that could not be believed.
    assert_eq!(rig.metrics.capture.gaps.get(), 5);
}

#[test]
fn silence_is_not_yet_and_then_the_end() {
    let mut rig = rig([]);
    for _ in 0..124 {
        assert!(matches!(rig.read(), Err(CaptureError::NotYet { .. })));
    }
    let stalled = rig.read();
    assert!(matches!(stalled, Err(CaptureError::Camera { fault: CameraFault::Stalled(_), .. })), "{stalled:?}");
    assert_eq!(rig.read().unwrap(), None);
}

#[test]
fn a_camera_that_gives_nothing_but_damage_ends_and_one_whole_frame_sets_it_right() {
    let damaged = |sequence: u32| {
        let mut buffer = filled(sequence % 4, sequence);
        match sequence % 3 {
            0 => buffer.flags |= FLAG_ERROR,
            1 => buffer.planes[0] = (0, 0),
            _ => buffer.planes[0] = (u32::MAX, 0),
        }
        buffer
    };
    // A read takes 40 ms: 125 of them are the patience, the whole frame comes in between.
    let buffer = |sequence| if sequence == 100 { filled(0, 100) } else { damaged(sequence) };
    let mut rig = rig((0..1000).map(|sequence| Ok(Some(buffer(sequence)))));
    let mut broken = 0;
    let end = loop {
        match rig.read() {
            Ok(Some(_)) => assert_eq!(broken, 100),
            Err(CaptureError::BrokenFrame { .. }) => broken += 1,
            other => break other,
        }
    };
    assert!(matches!(end, Err(CaptureError::Camera { fault: CameraFault::Damaged { .. }, .. })), "{end:?}");
    assert_eq!(broken, 100 + 124);
    assert!(end.unwrap_err().to_string().contains("no whole frame came for 5 s"));
    assert_eq!(rig.read().unwrap(), None);
}

#[test]
fn a_camera_that_is_gone_says_so_once() {
    for code in [19, 5] {
        let mut rig = rig([Ok(Some(filled(0, 0))), Err(io::Error::from_raw_os_error(code))]);
        rig.read().unwrap();
        let gone = rig.read();
        assert!(matches!(gone, Err(CaptureError::Camera { fault: CameraFault::Gone, .. })), "{gone:?}");
        assert_eq!(rig.read().unwrap(), None);
    }
}

#[test]
fn times_that_can_not_be_are_replaced_by_our_own() {
    let at = |sequence, seconds| Dequeued { time: Duration::from_secs(seconds), ..filled(sequence % 4, sequence) };
    let mut unknown = filled(3, 3);
    unknown.flags = 0;
    let gives = [filled(0, 0), at(1, u64::MAX / 2), at(2, 0), unknown, filled(0, 4)];
    let mut rig = rig(gives.map(|one| Ok(Some(one))));
    let times: Vec<u128> = (0..5).map(|_| rig.read().unwrap().unwrap().as_millis()).collect();
    assert_eq!(times, [0, 40, 80, 120, 160]);
}

#[test]
fn a_driver_that_gives_a_buffer_twice_ends_the_camera() {
    let mut rig = rig([Ok(Some(filled(9, 0)))]);
    let fault = rig.read();
    assert!(matches!(fault, Err(CaptureError::Camera { fault: CameraFault::Driver(_), .. })), "{fault:?}");
}
