//! Both sides of a conversation, and a decoder that was taken over.

use std::os::fd::OwnedFd;

use frostglass_vault::{Matrix, Range, Stamp};

use super::*;

static NEVER: AtomicBool = AtomicBool::new(false);

fn video() -> Format {
    Format::video(Size::new(64, 64), Matrix::Bt601, Range::Limited)
}

fn clip() -> Opened {
    let frames = Frames::clip(video(), Rate::new(25, 1), None).unwrap();
    Opened { frames, notes: vec!["a note".to_owned()] }
}

fn masked(sequence: u64) -> RedactedFrame {
    RedactedFrame::masked(video(), Stamp { sequence, time: Duration::from_millis(40 * sequence) })
}

fn pair() -> (Wire, Conversation) {
    let (decoder, writer) = Wire::pair().unwrap();
    (decoder, Conversation::new(writer, true))
}

/// A writer that takes its time gets each frame, and the last word behind all of them.
#[test]
fn no_frame_is_lost_however_slow_the_writer_is_and_the_last_word_comes_last() {
    let (wire, mut talk) = pair();
    let decoding = std::thread::spawn(move || {
        let mut hatch = Telling::begin(&wire, clip()).unwrap();
        for sequence in 0..20 {
            hatch.publish(Outbound::Frame(masked(sequence))).unwrap();
        }
        hatch.finish().unwrap();
        end(&wire, Ok(Done { faces: 7, cut: None }));
    });
    assert!(matches!(talk.next(&NEVER), Ok(Said::Opened(opened)) if opened.notes == ["a note"]));
    for sequence in 0..20 {
        std::thread::sleep(Duration::from_millis(3));
        match talk.next(&NEVER) {
            Ok(Said::Frame(frame)) => {
                assert_eq!((frame.stamp().sequence, frame.format(), frame.is_masked()), (sequence, video(), true));
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(matches!(talk.next(&NEVER), Ok(Said::Done(Done { faces: 7, cut: None }))));
    assert!(matches!(talk.next(&NEVER), Err(Broken::Gone)));
    decoding.join().unwrap();
}

#[test]
fn a_decoder_whose_writer_is_gone_goes_no_further() {
    let (wire, talk) = pair();
    let mut hatch = Telling::begin(&wire, clip()).unwrap();
    drop(talk);
    assert!((0..=SLOTS as u64).any(|sequence| hatch.publish(Outbound::Frame(masked(sequence))).is_err()));
}

#[test]
fn a_decoder_that_dies_says_no_last_word_and_who_is_interrupted_waits_for_none() {
    let (wire, mut talk) = pair();
    assert!(matches!(talk.next(&AtomicBool::new(true)), Err(Broken::Interrupted)));
    drop(wire);
    assert!(matches!(talk.next(&NEVER), Err(Broken::Gone)));
}

/// What a decoder says that was taken over, with this descriptor beside it, after a clip was opened or before.
fn is_nonsense(opened: bool, said: &Told, beside: Option<OwnedFd>) {
    let (wire, mut talk) = pair();
    let hatch = opened.then(|| Telling::begin(&wire, clip()).unwrap());
    if opened {
        talk.next(&NEVER).unwrap();
    }
    let beside: Vec<_> = beside.iter().map(AsFd::as_fd).collect();
    wire.send(said, &beside).unwrap();
    assert!(matches!(talk.next(&NEVER), Err(Broken::Nonsense(_))), "{said:?}");
    drop(hatch);
}

#[test]
fn what_can_not_be_ends_the_conversation() {
    let ring = |format, slots| RingWriter::of(format, slots).unwrap().descriptor().try_clone_to_owned().unwrap();
    let still = |width, height| {
        let frames = Frames::Still { size: [width, height], container: StillContainer::Png };
        Told::Opened(Opened { frames, notes: Vec::new() })
    };
    is_nonsense(false, &Told::Frame, None);
    is_nonsense(true, &Told::Frame, None);
    is_nonsense(true, &Told::Opened(clip()), Some(ring(video(), SLOTS)));
    is_nonsense(false, &Told::Opened(clip()), None);
    is_nonsense(false, &Told::Opened(clip()), Some(ring(video(), 1)));
    for (width, height) in [(0, 1), (1, 0), (LONGEST_SIDE + 1, 1), (LONGEST_SIDE, LONGEST_SIDE)] {
        is_nonsense(false, &still(width, height), Some(ring(video(), 1)));
    }
    is_nonsense(false, &still(999, 8), Some(ring(Format::still(Size::new(16, 8)), 1)));
    let fault = crate::event::Fault {
        time: "never".to_owned(),
        what: String::new(),
        since: "never".to_owned(),
        masked: crate::event::Masked::Nothing,
    };
    is_nonsense(true, &Told::Event(Event::Fault(fault)), None);
    let (wire, mut talk) = pair();
    wire.send(&"raw frames, please", &[]).unwrap();
    assert!(matches!(talk.next(&NEVER), Err(Broken::Nonsense(_))));
}

/// The memory is sealed, but who made it goes on writing.
#[test]
fn a_decoder_that_does_not_wait_for_the_writer_ends_the_conversation() {
    let (wire, mut talk) = pair();
    let mut hatch = Telling::begin(&wire, clip()).unwrap();
    talk.next(&NEVER).unwrap();
    for sequence in 0..=SLOTS as u64 {
        assert!(hatch.ring.publish(&masked(sequence), Duration::ZERO));
    }
    tell(&wire, &Told::Frame).unwrap();
    assert!(matches!(talk.next(&NEVER), Err(Broken::Nonsense(_))));
}

#[test]
fn its_sentences_can_not_drive_a_terminal_and_end() {
    let (wire, mut talk) = pair();
    end(&wire, Err(anyhow::anyhow!("a.jpg: \x1b[2J{}", "x".repeat(10_000))));
    match talk.next(&NEVER) {
        Ok(Said::Failed(why)) => assert!(!why.contains('\x1b') && why.chars().count() <= LONGEST_WORDS, "{why}"),
        other => panic!("{other:?}"),
    }
}
