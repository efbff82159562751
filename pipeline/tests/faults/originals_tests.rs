//! Whether the judge notices a face, whatever was made of it.

use super::*;

/// Where a face lies, in whole samples.
fn rows([x, y, w, h]: Face, originals: &Originals) -> impl Iterator<Item = std::ops::Range<usize>> {
    let end = |at: f32, end: usize| (at.ceil() as usize).min(end);
    let (left, right) = (x as usize, end(x + w, originals.width));
    let width = originals.width;
    (y as usize..end(y + h, originals.height)).map(move |row| row * width + left..row * width + right)
}

fn paint(frame: &mut [u8], face: Face, originals: &Originals) {
    rows(face, originals).for_each(|row| frame[row].fill(16));
}

#[test]
fn the_judge_knows_a_clear_face_a_masked_frame_and_a_scene_without_faces() {
    let originals = Originals::of_pan();
    for original in originals.frames.iter().step_by(7) {
        assert!(matches!(originals.judge(&original.bytes), Verdict::Leak(_)), "the raw frame");
        assert_eq!(originals.judge(&vec![40; original.bytes.len()]), Verdict::Masked);
        // All faces painted over, but one.
        let mut frame = original.bytes.clone();
        let (last, others) = original.faces.split_last().unwrap();
        others.iter().for_each(|face| paint(&mut frame, face.at, &originals));
        assert!(matches!(originals.judge(&frame), Verdict::Leak(_)), "one clear face");
        // The same when nothing else is left.
        let mut alone = vec![90; frame.len()];
        rows(last.at, &originals).for_each(|row| alone[row.clone()].copy_from_slice(&original.bytes[row]));
        assert!(matches!(originals.judge(&alone), Verdict::Leak(_)), "nothing but one clear face");
        original.faces.iter().for_each(|face| paint(&mut frame, face.at, &originals));
        assert_eq!(originals.judge(&frame), Verdict::Clear);
    }
}

#[test]
fn the_judge_knows_a_face_that_was_blurred_a_little_made_lighter_or_paler() {
    let originals = Originals::of_pan();
    let width = originals.width;
    let mean = |bytes: &[u8], at: usize| {
        let around = (0..9).map(|step| at + (step / 3) * width + step % 3 - width - 1);
        (around.map(|at| u32::from(bytes[at])).sum::<u32>() / 9) as u8
    };
    type Change = fn(u8) -> u8;
    let lighter: Change = |sample| sample.saturating_add(12);
    let paler: Change = |sample| (f32::from(sample) * 0.8 + 0.2 * 110.0) as u8;
    for original in originals.frames.iter().step_by(7) {
        let mut painted = original.bytes.clone();
        original.faces.iter().for_each(|face| paint(&mut painted, face.at, &originals));
        for face in &original.faces {
            let change = |how: &dyn Fn(usize) -> u8| {
                let mut frame = painted.clone();
                rows(face.at, &originals).flatten().for_each(|at| frame[at] = how(at));
                originals.judge(&frame)
            };
            let bytes = &original.bytes;
            for (what, verdict) in [
                ("lighter", change(&|at| lighter(bytes[at]))),
                ("paler", change(&|at| paler(bytes[at]))),
                ("blurred", change(&|at| mean(bytes, at))),
            ] {
                assert!(matches!(verdict, Verdict::Leak(_)), "{what}: {:?}", face.at);
            }
        }
    }
}
