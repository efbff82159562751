use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use frostglass_vault::{Format, Pool, Score, Size, Stamp, Zones};

use super::*;

/// Gives these boxes, or fails, and counts how often it was asked.
struct Fake {
    found: Option<Vec<Detection>>,
    asked: Arc<AtomicUsize>,
}

/// Sees this weakly too.
struct Unsure(Fake, Vec<Detection>);

impl Detector for Unsure {
    fn detect(&mut self, picture: &Picture<'_>, found: &mut Vec<Detection>) -> Result<(), DetectError> {
        self.0.detect(picture, found)
    }

    fn weak(&self) -> &[Detection] {
        &self.1
    }
}

/// Sees a face at the first glance, and then only when it looks closer.
struct Shy(Fake);

impl Detector for Shy {
    fn detect(&mut self, picture: &Picture<'_>, found: &mut Vec<Detection>) -> Result<(), DetectError> {
        self.0.detect(picture, found)?;
        found.extend((self.0.asked.load(Ordering::Relaxed) == 1).then(|| seen(Kind::Face, 0.4)));
        Ok(())
    }

    fn look_closer(&mut self, _: &Picture<'_>, places: &[Area], found: &mut Vec<Detection>) -> Result<(), DetectError> {
        let face = seen(Kind::Face, 0.4);
        found.extend(places.iter().any(|place| place.iou(face.area) > 0.05).then_some(face));
        Ok(())
    }
}

/// Fails at one of its closer looks.
struct Stumbling {
    shy: Shy,
    asked: Arc<AtomicUsize>,
    fails_at: Option<usize>,
}

impl Detector for Stumbling {
    fn detect(&mut self, picture: &Picture<'_>, found: &mut Vec<Detection>) -> Result<(), DetectError> {
        self.shy.detect(picture, found)
    }

    fn look_closer(&mut self, _: &Picture<'_>, _: &[Area], _: &mut Vec<Detection>) -> Result<(), DetectError> {
        match self.fails_at {
            Some(at) if at == self.asked.load(Ordering::Relaxed) => Err(DetectError::Other("made up".into())),
            _ => Ok(()),
        }
    }
}

/// Fails the first time it is asked.
struct Late(Fake);

impl Detector for Late {
    fn detect(&mut self, picture: &Picture<'_>, found: &mut Vec<Detection>) -> Result<(), DetectError> {
        self.0.detect(picture, found)?;
        if self.0.asked.load(Ordering::Relaxed) == 1 { Err(DetectError::Other("made up".into())) } else { Ok(()) }
    }
}

impl Detector for Fake {
    fn detect(&mut self, _: &Picture<'_>, found: &mut Vec<Detection>) -> Result<(), DetectError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        // What was written before a failure must not be used either.
        found.extend(self.found.iter().flatten());
        if self.found.is_none() { Err(DetectError::Other("made up".into())) } else { Ok(()) }
    }
}

fn fake(found: Option<Vec<Detection>>) -> (Box<Fake>, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    (Box::new(Fake { found, asked: Arc::clone(&asked) }), asked)
}

fn seen(kind: Kind, left: f32) -> Detection {
    let area = Area::new(left, 0.4, left + 0.1, 0.6).unwrap();
    Detection { kind, area, score: Score::new(0.9).unwrap() }
}

fn inspect(inspector: &mut Inspector) -> Findings {
    inspector.inspect(frame(0).lend())
}

fn inspect_frame(inspector: &mut Inspector, sequence: u64) -> Findings {
    let (mut events, mut clues) = (Vec::new(), Clues::default());
    inspector.inspect_next(frame(sequence).lend(), Timestamp::UNIX_EPOCH, &mut events, &mut clues)
}

fn frame(sequence: u64) -> frostglass_vault::RawFrame {
    let blank = Pool::new(Format::still(Size::new(8, 8)), 1).blank().unwrap();
    blank.expose(Stamp { sequence, time: Duration::ZERO }, &Zones::none())
}

#[test]
fn persons_are_looked_for_on_the_first_frame_and_then_on_one_of_so_many() {
    let (faces, _) = fake(Some(vec![]));
    let (persons, asked) = fake(Some(vec![seen(Kind::Person, 0.4)]));
    let mut inspector = Inspector::new(faces).with_persons(persons, 3);
    for frame in 0..7 {
        let Findings::Complete(found) = inspect_frame(&mut inspector, frame) else {
            panic!("frame {frame} is missing")
        };
        assert_eq!(found.len(), usize::from(frame.is_multiple_of(3)), "frame {frame}");
        assert_eq!(asked.load(Ordering::Relaxed) as u64, frame / 3 + 1, "frame {frame}");
    }
}

#[test]
fn what_is_seen_weakly_is_in_the_clues_and_not_in_the_findings() {
    let (faces, _) = fake(Some(vec![seen(Kind::Face, 0.4)]));
    let mut inspector = Inspector::new(Box::new(Unsure(*faces, vec![seen(Kind::Face, 0.7)])));
    let mut clues = Clues::default();
    let findings = inspector.inspect_next(frame(0).lend(), Timestamp::UNIX_EPOCH, &mut Vec::new(), &mut clues);
    assert!(matches!(findings, Findings::Complete(found) if found.len() == 1));
    let strong: Vec<bool> = clues.sightings.iter().map(|sighting| sighting.strong).collect();
    assert_eq!(strong, [true, false]);
}

#[test]
fn a_look_that_fails_leaves_no_clues() {
    let mut clues = Clues::default();
    clues.moving.push(Area::EVERYTHING);
    let mut inspector = Inspector::new(fake(None).0);
    inspector.inspect_next(frame(0).lend(), Timestamp::UNIX_EPOCH, &mut Vec::new(), &mut clues);
    assert!(clues.moving.is_empty() && clues.sightings.is_empty());
}

#[test]
fn a_face_that_is_lost_is_looked_for_more_closely_and_what_is_found_counts() {
    let (faces, asked) = fake(Some(vec![]));
    let mut inspector = Inspector::new(Box::new(Shy(*faces)));
    let count = |findings| match findings {
        Findings::Complete(found) => found.len(),
        Findings::Missing => panic!("missing"),
    };
    assert_eq!(count(inspect_frame(&mut inspector, 0)), 1, "seen at the first look");
    assert_eq!(count(inspect_frame(&mut inspector, 1)), 1, "seen at the second, closer look");
    assert_eq!(asked.load(Ordering::Relaxed), 2);
}

/// A look that fails late, after the tracker has taken the pan in, must not swallow it: the next clues tell of both frames.
#[test]
fn how_the_picture_moved_is_told_even_when_a_closer_look_fails() {
    let texture = |at: f32| {
        let wave = |scale: f32, phase: f32| ((at * scale + phase).sin() + 1.0) * 60.0;
        (wave(0.31, 0.0) + wave(0.12, 1.0)) as u8
    };
    let pool = Pool::new(Format::still(Size::new(320, 180)), 4);
    let panned = |sequence: u64| {
        let mut blank = pool.blank().unwrap();
        for plane in blank.planes_mut() {
            let width = plane.size.width as usize;
            for (at, sample) in plane.bytes.iter_mut().enumerate() {
                let (x, y) = ((at % width) as f32 + 8.0 * sequence as f32, (at / width) as f32);
                *sample = texture(x) / 2 + texture(0.7 * y + 40.0) / 2;
            }
        }
        blank.expose(Stamp { sequence, time: Duration::ZERO }, &Zones::none())
    };
    let moved = |fails_at: Option<usize>| {
        let (faces, asked) = fake(Some(vec![]));
        let mut inspector = Inspector::new(Box::new(Stumbling { shy: Shy(*faces), asked, fails_at }));
        let (mut clues, mut events) = (Clues::default(), Vec::new());
        let mut way = 0.0;
        for sequence in 0..4 {
            let look = panned(sequence).lend();
            let findings = inspector.inspect_next(look, Timestamp::UNIX_EPOCH, &mut events, &mut clues);
            assert_eq!(matches!(findings, Findings::Missing), fails_at == Some(sequence as usize + 1));
            way += clues.shift.by[0];
        }
        way
    };
    let (whole, broken) = (moved(None), moved(Some(3)));
    assert!(whole < -0.05, "the camera pans: {whole}");
    assert!((whole - broken).abs() < 0.005, "{whole} and {broken}");
}

#[test]
fn under_overload_persons_fall_first_then_detail_and_boxes_grow() {
    let (faces, close) = fake(Some(vec![seen(Kind::Face, 0.4)]));
    let (fast, coarse) = fake(Some(vec![seen(Kind::Face, 0.4)]));
    let (persons, asked) = fake(Some(vec![]));
    let mut inspector = Inspector::new(faces).with_persons(persons, 2).with_ladder("balanced", vec![("fast", fast)]);
    let mut sequence = 0;
    let mut widths = |inspector: &mut Inspector| -> Vec<f32> {
        let mut width = || match inspect_frame(inspector, {
            sequence += 1;
            sequence - 1
        }) {
            Findings::Complete(found) => found[0].area.width(),
            Findings::Missing => panic!("missing"),
        };
        (0..8).map(|_| width()).collect()
    };
    let wished = widths(&mut inspector)[0];
    assert_eq!((asked.load(Ordering::Relaxed), inspector.detail().as_deref()), (4, Some("balanced")));
    assert!(inspector.look_less_closely());
    assert!(widths(&mut inspector).iter().all(|&width| (width - wished).abs() < 1e-6));
    assert_eq!((asked.load(Ordering::Relaxed), coarse.load(Ordering::Relaxed)), (5, 0), "persons fall first");
    assert!(inspector.look_less_closely() && !inspector.look_less_closely());
    assert!(widths(&mut inspector).iter().all(|&width| width > 1.25 * wished), "masks widen");
    assert_eq!((close.load(Ordering::Relaxed), coarse.load(Ordering::Relaxed)), (16, 8));
    assert_eq!(inspector.detail().as_deref(), Some("fast, persons seldom"));
    assert!(inspector.look_more_closely() && inspector.look_more_closely() && !inspector.look_more_closely());
    assert!((widths(&mut inspector)[0] - wished).abs() < 1e-6);
    assert!(!Inspector::new(fake(None).0).look_less_closely(), "only where it is allowed");
}

#[test]
fn frames_that_were_skipped_count_for_persons_too() {
    let (persons, asked) = fake(Some(vec![seen(Kind::Person, 0.4)]));
    let mut inspector = Inspector::new(fake(Some(vec![])).0).with_persons(persons, 6);
    for (sequence, count) in [(0, 1), (1, 1), (5, 1), (9, 2)] {
        inspect_frame(&mut inspector, sequence);
        assert_eq!(asked.load(Ordering::Relaxed), count, "frame {sequence}");
    }
}

#[test]
fn pictures_that_are_no_sequence_are_each_looked_at() {
    let (persons, asked) = fake(Some(vec![seen(Kind::Person, 0.4)]));
    let mut inspector = Inspector::new(fake(Some(vec![])).0).with_persons(persons, 6);
    for (count, sequence) in [7, 7, 3].into_iter().enumerate() {
        inspect_frame(&mut inspector, sequence);
        assert_eq!(asked.load(Ordering::Relaxed), count + 1);
    }
}

#[test]
fn a_person_network_that_failed_is_asked_again_on_the_next_frame() {
    let (persons, asked) = fake(Some(vec![seen(Kind::Person, 0.4)]));
    let mut inspector = Inspector::new(fake(Some(vec![])).0).with_persons(Box::new(Late(*persons)), 6);
    assert!(matches!(inspect_frame(&mut inspector, 0), Findings::Missing));
    assert!(matches!(inspect_frame(&mut inspector, 1), Findings::Complete(found) if found.len() == 1));
    assert_eq!(asked.load(Ordering::Relaxed), 2);
}

#[test]
fn any_network_that_fails_leaves_nothing_that_could_be_taken_for_findings() {
    let good = || fake(Some(vec![seen(Kind::Face, 0.2)])).0;
    let bad = || fake(None).0;
    for mut inspector in [Inspector::new(bad()), Inspector::new(good()).with_persons(bad(), 1)] {
        assert!(matches!(inspect(&mut inspector), Findings::Missing));
        assert!(inspector.take_error().is_some());
    }
    assert!(matches!(inspect(&mut Inspector::new(good())), Findings::Complete(found) if found.len() == 1));
}

#[test]
fn more_than_any_scene_holds_is_no_answer() {
    let crowd = |count| vec![seen(Kind::Face, 0.2); count];
    assert!(matches!(inspect(&mut Inspector::new(fake(Some(crowd(2049))).0)), Findings::Missing));
    assert!(matches!(inspect(&mut Inspector::new(fake(Some(crowd(2048))).0)), Findings::Complete(_)));
}
