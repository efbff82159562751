use super::*;
use crate::event::{Fault, Masked};

fn format() -> Format {
    Format::video(Size::new(16, 8), Matrix::Bt709, Range::Limited)
}

fn ends() -> (SharedHatch, SharedFront) {
    let (hatch, end) = SharedHatch::new(format()).unwrap();
    (hatch, SharedFront::new(end, format(), Buffers::default()).unwrap())
}

fn fault(what: &str) -> Event {
    let time = crate::event::written(jiff::Timestamp::UNIX_EPOCH);
    Event::Fault(Fault { time: time.clone(), what: what.to_owned(), since: time, masked: Masked::Everything })
}

fn masked(sequence: u64) -> Outbound {
    Outbound::Frame(RedactedFrame::masked(format(), Stamp { sequence, time: Duration::ZERO }))
}

#[test]
fn frames_and_events_pass() {
    let (mut hatch, mut front) = ends();
    assert!(front.frame(|stamp| stamp).is_none());
    assert!(!crate::wire::readable(&front.descriptors(), Duration::ZERO).unwrap()[0]);
    hatch.publish(masked(3)).unwrap();
    hatch.publish(Outbound::Event(fault("x"))).unwrap();
    assert_eq!(crate::wire::readable(&front.descriptors(), Duration::ZERO).unwrap(), [true, true]);
    let frame = front.frame(|stamp| Stamp { sequence: stamp.sequence + 40, ..stamp }).unwrap();
    assert!(frame.is_masked());
    assert_eq!((frame.stamp().sequence, frame.format()), (43, format()));
    assert_eq!(frame.picture().row(0, 7), RedactedFrame::masked(format(), frame.stamp()).picture().row(0, 7));
    assert_eq!(front.event().unwrap(), Some(fault("x")));
    assert_eq!(front.event().unwrap(), None);
    assert!(front.frame(|stamp| stamp).is_none());
    drop(hatch);
    assert!(front.event().is_err(), "the pixel side is gone");
}

#[test]
fn a_front_that_does_not_read_costs_the_pixel_side_nothing_but_events() {
    let (mut hatch, mut front) = ends();
    for number in 0..20_000 {
        hatch.publish(masked(number)).unwrap();
        hatch.publish(Outbound::Event(fault("again"))).unwrap();
    }
    assert!(hatch.messages().lost() > 0);
    let first = front.frame(|stamp| stamp).unwrap().stamp().sequence;
    assert_eq!((first, front.missed().0), (19_996, 19_996));
}

#[test]
fn what_is_no_event_is_refused_and_counted() {
    let (hatch, mut front) = ends();
    let wire = &hatch.messages.wire;
    let long = "x".repeat(5000);
    for text in ["{}", "{\"type\":\"raw\",\"pixels\":[1,2]}", "7", &format!("{:?}", fault(&long))] {
        rustix::io::write(wire, text.as_bytes()).unwrap();
    }
    wire.write(&fault(&long)).unwrap();
    wire.write(&fault("line\nbreak")).unwrap();
    hatch.messages().send(&fault("good")).unwrap();
    assert_eq!(front.event().unwrap(), Some(fault("good")));
    assert_eq!(front.missed().1, 6);
}

#[test]
fn a_flood_of_events_ends_with_the_second() {
    let (hatch, mut front) = ends();
    let mut sent = 0;
    for _ in 0..5 {
        while hatch.messages.wire.write(&fault("x")).is_ok() {
            sent += 1;
        }
        while crate::wire::readable(&[front.messages.as_fd()], Duration::ZERO).unwrap()[0] {
            let before = front.missed().1;
            let _ = front.event().unwrap();
            assert!(front.missed().1 - before <= MOST_REFUSED as u64, "a call ends after some of them");
        }
    }
    assert!(sent > MOST_MESSAGES);
    assert_eq!(front.missed().1, u64::from(sent - MOST_MESSAGES));
    front.next_second();
    hatch.messages().send(&fault("x")).unwrap();
    assert!(front.event().unwrap().is_some());
}

#[test]
fn a_counter_that_was_made_to_wait_does_not_stop_the_front() {
    let (mut hatch, mut front) = ends();
    // The other side has the very same file.
    let flags = rustix::fs::fcntl_getfl(&hatch.wake).unwrap();
    rustix::fs::fcntl_setfl(&hatch.wake, flags - rustix::fs::OFlags::NONBLOCK).unwrap();
    let (done, is_done) = crossbeam_channel::bounded(1);
    std::thread::spawn(move || {
        let nothing = front.frame(|stamp| stamp).is_none();
        let _ = done.send((nothing, front));
    });
    let (nothing, mut front) =
        is_done.recv_timeout(Duration::from_secs(30)).expect("the front waits for a count that nobody gives");
    assert!(nothing);
    hatch.publish(masked(1)).unwrap();
    assert!(front.frame(|stamp| stamp).is_some() && front.frame(|stamp| stamp).is_none());
    assert!(!crate::wire::readable(&front.descriptors(), Duration::ZERO).unwrap()[0], "the count is 0 again");
}

#[test]
fn a_told_format_is_believed_only_when_it_makes_sense() {
    let rate = Rate { frames: 30000, seconds: 1001 };
    let told = ToldFormat::of(format(), rate).unwrap();
    assert_eq!(told.format(), Some((format(), rate)));
    for wrong in [
        ToldFormat { width: 0, ..told },
        ToldFormat { height: u32::MAX, ..told },
        ToldFormat { width: 16_384, height: 16_384, ..told },
        ToldFormat { matrix: 1, ..told },
        ToldFormat { rate: [1, 0], ..told },
        ToldFormat { rate: [0, 1], ..told },
        ToldFormat { rate: [u32::MAX, 1], ..told },
        ToldFormat { rate: [1, u32::MAX], ..told },
    ] {
        assert_eq!(wrong.format(), None, "{wrong:?}");
    }
}
