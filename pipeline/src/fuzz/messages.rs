//! The laws of what the processes tell one another: what is taken is in its bounds, and nothing waits or piles up.

use std::os::fd::AsFd;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use frostglass_vault::{Format, Matrix, Range, Size};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

use crate::capture::{LONGEST_SIDE, MOST_PIXELS};
use crate::event::{Event, Health, Motion};
use crate::files::conversation::{Broken, Conversation, Done, Frames, Opened, Said, Telling};
use crate::hatch::Buffers;
use crate::hatch::ring::RingWriter;
use crate::hatch::shared::{FrontEnd, SharedFront};
use crate::supervise::messages::{FromFront, FromPixel, ToFront, ToPixel};
use crate::wire::{Wire, WireError};

pub(super) const WORDS: &[&[u8]] = &[
    b"{\"type\":\"motion\"",
    b"\"area\":[0,0,1,1]",
    b"\"zones\":[",
    b"null",
    b"NaN",
    b"-0.0",
    b"1e39",
    b"1e-46",
    b"\\u0000",
    b"\\ud800",
    b"\xff",
    b"18446744073709551615",
    b"{\"ready\":{\"format\":",
    b"{\"start\":",
    b"\"stop\"",
    b"\"rate\":[1,0]",
    b"\"walls_missing\":[\"\"]",
    b"{\"Opened\":{\"frames\":{\"Still\":{\"size\":[1,1],\"container\":\"Png\"}},\"notes\":[\"\"]}}",
    b"\"Frame\"",
    b"{\"Done\":{\"faces\":0,\"cut\":\"\"}}",
    b"{\"Failed\":{\"why\":\"",
    b"{\"Event\":",
    b"\n",
    b"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
];

/// The bytes are records, with lines ends between them, from a hostile process.
pub(super) fn judge(bytes: &[u8]) {
    for record in bytes.split(|&byte| byte == b'\n') {
        of_the_supervisor(record);
    }
    of_the_hatch(bytes);
    of_a_file(bytes);
}

/// What the writer takes from the decoder of a file.
fn of_a_file(bytes: &[u8]) {
    let (hostile, ours) = Wire::pair().unwrap();
    let format = Format::video(Size::new(16, 16), Matrix::Bt601, Range::Full);
    let frames = Frames::clip(format, None, None).unwrap();
    let mut talk = Conversation::new(ours, true);
    let begun = Telling::begin(&hostile, Opened { frames, notes: Vec::new() }).unwrap();
    for record in bytes.split(|&byte| byte == b'\n').filter(|record| !record.is_empty()) {
        if rustix::io::write(hostile.as_fd(), record).is_err() {
            break;
        }
    }
    drop(begun);
    drop(hostile);
    let never = AtomicBool::new(false);
    let mut opened = 0;
    let end = loop {
        match talk.next(&never) {
            Ok(Said::Opened(_)) => opened += 1,
            Ok(Said::Frame(_)) => panic!("a frame that nobody wrote"),
            Ok(Said::Event(event)) => {
                assert!(matches!(event, Event::Motion(_)));
                is_in_bounds(&event);
            }
            Ok(Said::Done(Done { faces: _, cut })) => assert!(cut.is_none_or(|cut| is_words(&cut))),
            Ok(Said::Failed(why)) => assert!(is_words(&why)),
            Err(end) => break end,
        }
    };
    assert!(opened == 1 && matches!(end, Broken::Gone | Broken::Nonsense(_)), "{opened} files, {end}");
}

fn is_words(text: &str) -> bool {
    text.chars().count() <= 4000 && text.chars().all(|letter| letter == '\t' || !letter.is_control())
}

/// What the front takes out of the hatch.
fn of_the_hatch(bytes: &[u8]) {
    let format = Format::video(Size::new(16, 16), Matrix::Bt601, Range::Full);
    let (hostile, theirs) = Wire::pair().unwrap();
    let (wake, _pixel) = socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None).unwrap();
    let ring = RingWriter::new(format).unwrap();
    let ends = [ring.descriptor().try_clone_to_owned().unwrap(), wake, theirs.into_descriptor()];
    let mut front = SharedFront::new(FrontEnd(ends), format, Buffers::default()).unwrap();
    let mut sent = 0;
    for record in bytes.split(|&byte| byte == b'\n').filter(|record| !record.is_empty()) {
        // When the socket is full, what is left is not sent.
        if rustix::io::write(hostile.as_fd(), record).is_err() {
            break;
        }
        sent += 1;
    }
    let mut taken = 0;
    loop {
        match front.event() {
            Ok(Some(event)) => is_in_bounds(&event),
            Ok(None) if crate::wire::readable(&[front.descriptors()[1]], Duration::ZERO).unwrap()[0] => continue,
            Ok(None) => break,
            Err(error) => panic!("the socket is open: {error}"),
        }
        taken += 1;
    }
    assert_eq!(taken + front.missed().1, sent, "each message is taken or counted");
    assert!(front.frame(|stamp| stamp).is_none());
}

fn is_in_bounds(event: &Event) {
    let line = serde_json::to_string(event).unwrap();
    assert!(!line.contains('\n') && line.len() <= 1 << 18);
    match event {
        Event::Motion(Motion { score, area, zones, id, time, .. }) => {
            assert!([*score].iter().chain(area).all(|number| (0.0..=1.0).contains(number)), "{line}");
            assert!(zones.len() <= 1000 && zones.iter().all(|name| is_line(name)) && is_line(id) && is_line(time));
        }
        Event::Health(Health { latency_ms, walls_missing, detail, time, .. }) => {
            let times = [latency_ms.p50, latency_ms.p95, latency_ms.p99];
            assert!(times.iter().all(|time| time.is_finite() && *time >= 0.0), "{line}");
            assert!(walls_missing.iter().chain(detail).all(|name| is_line(name)) && is_line(time));
        }
        Event::Fault(fault) => assert!([&fault.what, &fault.time, &fault.since].iter().all(|text| is_line(text))),
        Event::Policy(policy) => assert!(policy.hides.len() <= 1000 && policy.hides.iter().all(|one| is_line(one))),
    }
}

fn is_line(text: &str) -> bool {
    text.len() <= 2000 && !text.chars().any(char::is_control)
}

/// What the supervisor and its processes take from one another.
fn of_the_supervisor(record: &[u8]) {
    let (hostile, ours) = Wire::pair().unwrap();
    if record.is_empty() || rustix::io::write(hostile.as_fd(), record).is_err() {
        return;
    }
    let record = match ours.receive(Duration::ZERO) {
        Ok(Some(record)) => record,
        Err(WireError::Nonsense(_)) => return,
        other => panic!("a record was sent: {other:?}"),
    };
    if let Ok(FromPixel::Ready { format, .. }) = record.message()
        && let Some((format, rate)) = format.format()
    {
        let Size { width, height } = format.size;
        assert!((1..=LONGEST_SIDE).contains(&width) && (1..=LONGEST_SIDE).contains(&height));
        assert!(format.size.pixels() <= MOST_PIXELS);
        assert!(rate.time_of(1) <= Duration::from_secs(60) && rate.time_of(1) >= Duration::from_millis(1));
    }
    // What is a message is one of the list, and can be told again.
    if let Ok(message) = record.message::<FromFront>() {
        assert!(hostile.write(&message).is_ok());
    }
    if let Ok(message) = record.message::<ToFront>() {
        let _ = hostile.write(&message);
    }
    if let Ok(message) = record.message::<ToPixel>() {
        assert!(matches!(message, ToPixel::Start(_) | ToPixel::Stop), "nothing that uncovers");
    }
}
