//! From capture of a raw format to the hatch, a frame costs no heap allocation once everything has been touched.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic: that is how it fails")]

use std::sync::Arc;
use std::time::Duration;

use frostglass::capture::Source;
use frostglass::capture::y4m::Y4mSource;
use frostglass::hatch::{Hatch, Outbound, Received, WhenFull, in_process};
use frostglass::hold::track::Clues;
use frostglass::hold::{Hold, Leaving, Limits};
use frostglass::inspect::Inspector;
use frostglass::inspect::motion::{Watch, WatchSettings};
use frostglass_models::{DetectError, Detector};
use frostglass_vault::{
    Area, Detection, Kind, Outline, PersonRule, Picture, Policy, Pool, Redactor, Score, Stamp, Style, Zone, ZoneStyle,
    Zones,
};

/// Four faces that wander, without a network: what the engine allocates is its own affair.
struct Wandering(u32);

impl Detector for Wandering {
    fn detect(&mut self, _: &Picture<'_>, found: &mut Vec<Detection>) -> Result<(), DetectError> {
        self.0 += 1;
        for face in 0..4u8 {
            let left = 0.1 + 0.2 * f32::from(face) + 0.001 * (self.0 % 50) as f32;
            let area = Area::new(left, 0.3, left + 0.1, 0.5).unwrap();
            found.push(Detection { kind: Kind::Face, area, score: Score::new(0.9).unwrap() });
        }
        Ok(())
    }
}

#[test]
fn a_frame_allocates_nothing_on_its_way() {
    const FRAMES: usize = 60;
    let (width, height) = (320, 180);
    let mut clip = format!("YUV4MPEG2 W{width} H{height} F25:1 Ip C420jpeg\n").into_bytes();
    for number in 0..FRAMES {
        clip.extend_from_slice(b"FRAME\n");
        clip.extend((0..width * height * 3 / 2).map(|at| ((at % 211) + number / 20) as u8));
    }
    let mut source = Y4mSource::new("made".into(), std::io::Cursor::new(clip)).unwrap();
    let format = source.format();
    let outline = Outline::new(&[[0.0, 0.0], [0.3, 0.0], [0.1, 0.4]]).unwrap();
    let zones = Arc::new(Zones::new(&[Zone { outline, style: ZoneStyle::Blur }], format));
    let mut inspector = Inspector::new(Box::new(Wandering(0))).with_watch(Watch::new(WatchSettings::default(), format));
    let policy = Policy { style: Style::Blur, persons: PersonRule::Head, margin: 0.5 };
    let mut redactor = Redactor::new(policy, format, Arc::clone(&zones));
    let limits = Limits::new(3, Duration::from_secs(1), Duration::from_millis(40));
    let mut hold = Hold::new(limits);
    let pool = Pool::new(format, 8);
    let (mut hatch, front) = in_process(2, WhenFull::Replace);

    let mut events = Vec::with_capacity(16);
    let mut clues = Clues::default();
    let mut left = 0;
    let mut step = |number: usize| {
        let now = Duration::from_millis(40) * number as u32;
        let mut blank = pool.blank().unwrap();
        let time = source.read(&mut blank).unwrap().unwrap();
        let raw = blank.expose(Stamp { sequence: number as u64, time }, &zones);
        let look = hold.take_in(raw, now);
        events.clear();
        let findings = inspector.inspect_next(look, jiff::Timestamp::UNIX_EPOCH, &mut events, &mut clues);
        hold.settle(number as u64, findings, &clues);
        while let Some((Leaving::Frame(inspected), _)) = hold.leave(now) {
            hatch.publish(Outbound::Frame(redactor.redact(inspected))).unwrap();
            let Some(Received::Frame(frame)) = front.receive(Duration::ZERO) else { panic!("it was published") };
            assert!(!frame.is_masked());
            left += 1;
        }
    };
    (0..20).for_each(&mut step);
    let counted = allocation_counter::measure(|| (20..FRAMES).for_each(&mut step));
    assert_eq!(left, FRAMES - 3);
    assert_eq!(counted.count_total, 0, "{counted:?}");
}
