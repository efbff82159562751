//! Redacting costs no heap allocation from the second frame on, wherever faces go.
#![allow(clippy::unwrap_used, clippy::cast_possible_truncation, reason = "a test may panic: that is how it fails")]

use std::sync::Arc;
use std::time::Duration;

use frostglass_vault::{
    Area, Detection, Findings, Format, Inspected, Kind, Matrix, Outline, PersonRule, Policy, Pool, Range, Redactor,
    Score, Size, Stamp, Style, Zone, ZoneStyle, Zones,
};

/// Five faces and a person that wander over the picture, meet and part; some frames have none.
fn wandering(number: u32, found: &mut Vec<Detection>) {
    let there_and_back = |period: u32| {
        let at = number % (2 * period);
        at.min(2 * period - at) as f32 / period as f32
    };
    if number.is_multiple_of(11) {
        return;
    }
    for face in 0..6u32 {
        let (left, top) = (0.7 * there_and_back(17 + face), 0.6 * there_and_back(23 - face));
        let side = 0.05 + 0.04 * face as f32;
        let kind = if face == 5 { Kind::Person } else { Kind::Face };
        let area = Area::clipped(left, top, left + side, top + 1.5 * side).unwrap();
        found.push(Detection { kind, area, score: Score::new(0.9).unwrap() });
    }
}

#[test]
fn redacting_allocates_nothing() {
    let size = Size::new(321, 181);
    for format in [Format::video(size, Matrix::Bt709, Range::Limited), Format::still(size)] {
        for style in [Style::Blur, Style::Solid, Style::Mosaic] {
            let zone = |left: f32, style| {
                let outline = Outline::new(&[[left, 0.1], [left + 0.2, 0.15], [left + 0.05, 0.5]]).unwrap();
                Zone { outline, style }
            };
            let zones = Arc::new(Zones::new(&[zone(0.1, ZoneStyle::Blur), zone(0.6, ZoneStyle::Solid)], format));
            let policy = Policy { style, persons: PersonRule::Head, margin: 0.5 };
            let mut redactor = Redactor::new(policy, format, Arc::clone(&zones));
            let pool = Pool::new(format, 2);
            let mut painted = 0;
            let mut step = |number: u32| {
                let mut blank = pool.blank().unwrap();
                blank.planes_mut()[0].bytes.fill(number as u8);
                let mut raw = blank.expose(Stamp { sequence: u64::from(number), time: Duration::ZERO }, &zones);
                let mut found = raw.lend().take_notepad();
                wandering(number, &mut found);
                let after = redactor.redact(Inspected::new(raw, Findings::Complete(found)));
                painted += u32::from(!after.is_masked());
            };
            // The first frame makes the list of findings, which then goes round with the slot.
            (1..2).for_each(&mut step);
            let counted = allocation_counter::measure(|| (2..120).for_each(&mut step));
            assert_eq!(counted.count_total, 0, "{style:?} {format:?}: {counted:?}");
            assert_eq!(painted, 119);
        }
    }
}
