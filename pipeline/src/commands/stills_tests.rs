//! Decoders that were taken over, or come to an end, in the place of the real one.

use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use super::*;
use crate::files::ToDecoder;
use crate::files::conversation::end;
use crate::wire::Wire;

/// Pictures, one beside the other, and where they go.
fn jobs(folder: &Path, count: usize) -> Vec<Job> {
    let job = |number: usize| {
        let input = folder.join(format!("{number}.png"));
        std::fs::write(&input, "x").unwrap();
        Job { output: folder.join(format!("{number}.out.png")), input }
    };
    (0..count).map(job).collect()
}

/// The conversation about the next picture; none when no more come.
fn next(wire: &Wire) -> Option<Wire> {
    let record = wire.receive(Duration::from_secs(20)).ok()??;
    assert!(matches!(record.message(), Ok(ToDecoder::Job(_))));
    let [_, talk] = <[OwnedFd; 2]>::try_from(record.descriptors).unwrap();
    Some(Wire::from_descriptor(talk).unwrap())
}

/// Says of each picture that it could not be done.
fn honest(wire: Wire) {
    while let Some(talk) = next(&wire) {
        end(&talk, Err(anyhow::anyhow!("honest")));
    }
}

/// What became of each picture, with a first decoder that does this, and honest ones after it.
fn told(pictures: usize, workers: usize, first: impl FnOnce(Wire) + Send + 'static) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let (stop, bar) = (AtomicBool::new(false), ProgressBar::hidden());
    let stills = Stills { overwrite: Overwrite::Refuse, stop: &stop, bar: &bar };
    let (mut first, mut told) = (Some(first), Vec::new());
    let decoder = |_| match first.take() {
        Some(first) => Ok(Behind::thread(first)?),
        None => Ok(Behind::thread(honest)?),
    };
    let jobs = jobs(folder.path(), pictures);
    stills.redact(&jobs, workers, decoder, |_, became| told.push(format!("{:#}", became.unwrap_err()))).unwrap();
    let files = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!((told.len(), files), (pictures, pictures), "nothing is left but what was there: {told:?}");
    told
}

#[test]
fn a_decoder_that_says_what_can_not_be_is_asked_nothing_more() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counting = Arc::clone(&asked);
    let told = told(4, 1, move |wire| {
        while let Some(talk) = next(&wire) {
            counting.fetch_add(1, Ordering::Relaxed);
            talk.send(&"raw frames, please", &[]).unwrap();
        }
    });
    assert!(told[0].contains("said what can not be"), "{told:?}");
    assert!(told[1..].iter().all(|told| told == "honest"), "{told:?}");
    assert_eq!(asked.load(Ordering::Relaxed), 1);
}

#[test]
fn a_decoder_that_ends_at_a_picture_costs_that_one_and_those_beside_it_are_done_by_another() {
    let alone = told(3, 1, |wire| drop(next(&wire)));
    assert_eq!(alone.iter().filter(|told| told.contains("came to an end")).count(), 1, "{alone:?}");
    let beside = told(5, 2, |wire| drop((next(&wire), next(&wire))));
    assert!(beside.iter().all(|told| told == "honest"), "{beside:?}");
}

#[test]
fn who_says_that_all_is_done_without_a_picture_is_not_believed() {
    let told = told(1, 1, |wire| {
        let talk = next(&wire).unwrap();
        end(&talk, Ok(crate::files::conversation::Done { faces: 3, cut: None }));
    });
    assert!(told[0].contains("said what can not be"), "{told:?}");
}
