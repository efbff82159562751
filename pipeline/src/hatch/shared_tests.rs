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
    rustix::io::write(wire, &vec![b' '; crate::wire::LONGEST + 1]).unwrap();
    for text in ["{}", "{\"type\":\"raw\",\"pixels\":[1,2]}", "7", &format!("{:?}", fault(&long))] {
        rustix::io::write(wire, text.as_bytes()).unwrap();
    }
    wire.write(&fault(&long)).unwrap();
    wire.write(&fault("line\nbreak")).unwrap();
    hatch.messages().send(&fault("good")).unwrap();
    assert_eq!(front.event().unwrap(), Some(fault("good")));
    assert_eq!(front.missed().1, 7);
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

/// Does it in a thread of its own, and gives up when that waits for something.
fn in_time<T: Send + 'static>(what: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, is_done) = crossbeam_channel::bounded(1);
    std::thread::spawn(move || done.send(what()));
    is_done.recv_timeout(Duration::from_secs(60)).expect("it waits for the other side")
}

fn waits(descriptor: impl AsFd) {
    let flags = rustix::fs::fcntl_getfl(&descriptor).unwrap();
    rustix::fs::fcntl_setfl(&descriptor, flags - rustix::fs::OFlags::NONBLOCK).unwrap();
}

#[test]
fn a_pixel_side_that_makes_the_fronts_reads_wait_does_not_stop_the_front() {
    let (mut hatch, end) = SharedHatch::new(format()).unwrap();
    // Copies of the front's own ends: the other side made them.
    let kept = [end.0[1].try_clone().unwrap(), end.0[2].try_clone().unwrap()];
    let mut front = SharedFront::new(end, format(), Buffers::default()).unwrap();
    kept.iter().for_each(waits);
    let (nothing, mut front) = in_time(move || {
        let nothing = front.frame(|stamp| stamp).is_none() && front.event().unwrap().is_none();
        (nothing, front)
    });
    assert!(nothing);
    hatch.publish(masked(1)).unwrap();
    assert!(front.frame(|stamp| stamp).is_some() && front.frame(|stamp| stamp).is_none());
    assert!(!crate::wire::readable(&front.descriptors(), Duration::ZERO).unwrap()[0], "the news were taken");
}

/// With a counter that both sides had, it did: it was filled, and its `O_NONBLOCK` taken away.
#[test]
fn a_front_that_fills_and_blocks_all_it_has_does_not_stop_the_pixel_side() {
    let (mut hatch, end) = SharedHatch::new(format()).unwrap();
    for descriptor in &end.0 {
        while rustix::io::write(descriptor, &(u64::MAX - 1).to_ne_bytes()).is_ok() {}
        waits(descriptor);
    }
    let hatch = in_time(move || {
        for number in 0..2000 {
            hatch.publish(masked(number)).unwrap();
            hatch.publish(Outbound::Event(fault("again"))).unwrap();
        }
        hatch
    });
    assert!(hatch.messages().lost() > 0);
    // And one that goes altogether ends what it is told, and nothing else.
    drop(end);
    let mut hatch = hatch;
    hatch.publish(masked(1)).unwrap();
    assert_eq!(hatch.publish(Outbound::Event(fault("nobody"))), Err(Closed));
}

#[test]
fn a_pixel_side_that_closes_what_wakes_is_gone_once_all_was_taken() {
    let (mut hatch, mut front) = ends();
    hatch.publish(masked(1)).unwrap();
    hatch.publish(Outbound::Event(fault("last"))).unwrap();
    let SharedHatch { ring, wake, messages } = hatch;
    drop(wake);
    assert!(front.frame(|stamp| stamp).is_some() && front.frame(|stamp| stamp).is_none());
    assert_eq!(front.event().unwrap(), Some(fault("last")));
    // The news of the frame were taken the last time; that there will be none comes now.
    assert!(front.frame(|stamp| stamp).is_none());
    assert!(matches!(front.event(), Err(WireError::Closed)));
    drop((ring, messages));
}

#[test]
fn what_is_no_hatch_is_refused_whichever_of_its_three_it_is() {
    for wrong in 0..3 {
        let (_hatch, mut end) = SharedHatch::new(format()).unwrap();
        end.0[wrong] = rustix::pipe::pipe().unwrap().0;
        assert!(SharedFront::new(end, format(), Buffers::default()).is_err(), "a pipe in place {wrong}");
        let (_hatch, mut end) = SharedHatch::new(format()).unwrap();
        end.0.swap(wrong, (wrong + 1) % 3);
        assert!(SharedFront::new(end, format(), Buffers::default()).is_err(), "{wrong} changed its place");
    }
}

/// Sends a record with copies of this descriptor, as many as the kernel takes.
fn send_with(wire: &Wire, record: &[u8], descriptor: BorrowedFd<'_>, count: usize) {
    let mut space = vec![std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(253))];
    let mut beside = rustix::net::SendAncillaryBuffer::new(&mut space);
    let many = vec![descriptor; count];
    assert!(beside.push(rustix::net::SendAncillaryMessage::ScmRights(&many)));
    let flags = rustix::net::SendFlags::DONTWAIT | rustix::net::SendFlags::NOSIGNAL;
    rustix::net::sendmsg(wire, &[io::IoSlice::new(record)], &mut beside, flags).unwrap();
}

#[test]
fn descriptors_where_none_belong_are_closed_and_what_came_with_them_is_refused() {
    let good = serde_json::to_vec(&fault("good")).unwrap();
    for count in [1, 2, 3, 4, 5, 253] {
        let (hatch, mut front) = ends();
        let (reader, writer) = rustix::pipe::pipe().unwrap();
        send_with(&hatch.messages.wire, &good, writer.as_fd(), count);
        hatch.messages().send(&fault("after")).unwrap();
        drop(writer);
        assert_eq!(front.event().unwrap_or(None), Some(fault("after")), "{count} descriptors");
        assert_eq!(front.missed().1, 1);
        // Nobody has the other end of the pipe any more.
        assert!(
            crate::wire::readable(&[reader.as_fd()], Duration::ZERO).unwrap()[0],
            "{count} descriptors stayed open"
        );
        assert_eq!(rustix::io::read(&reader, &mut [0; 1]).unwrap(), 0);
    }
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
