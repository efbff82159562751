//! A front whose pixel process is hostile: what it sends is bounded at each turn, and the supervisor is obeyed all the same.

use std::os::fd::BorrowedFd;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use frostglass_vault::{Matrix, Range, RedactedFrame, Size, Stamp};

use super::*;
use crate::hatch::shared::SharedHatch;
use crate::hatch::{Hatch, Outbound};
use crate::supervise::messages::Begun;

fn format() -> Format {
    Format::video(Size::new(32, 16), Matrix::Bt601, Range::Limited)
}

/// A front without a way out, and the supervisor's end of its conversation.
fn front() -> (Front, Wire, Wire) {
    let config = Config::prove("", "camera.toml", Path::new("/")).unwrap();
    let (supervisor, wire) = Wire::pair().unwrap();
    let front = Front {
        outlets: Outlets::of(ways::ways(&config, true, Begun::Nothing).unwrap(), true).unwrap(),
        pixel: None,
        video: None,
        buffers: Buffers::default(),
        tally: Tally::new(Vec::new()),
        line: Line::default(),
        told: Instant::now(),
        health_due: Instant::now() + HEALTH_EVERY,
        walled: None,
        finishing: false,
    };
    (front, wire, supervisor)
}

fn turn(front: &mut Front, wire: &Wire) {
    front.obey(wire).unwrap();
    front.take_in();
    front.fill_in();
    front.look_at_reports(wire);
    front.tell(wire);
}

fn introduce(supervisor: &Wire, end: &FrontEnd, ends: usize) {
    let format = ToldFormat::of(format(), Rate { frames: 30, seconds: 1 }).unwrap();
    let message = ToFront::Pixel { format, hides: Vec::new(), silence_ms: 500, restarts: 0, seen: false };
    let ends: Vec<BorrowedFd<'_>> = end.0.iter().map(AsFd::as_fd).take(ends).collect();
    supervisor.send(&message, &ends).unwrap();
}

#[test]
fn a_flood_of_hatches_leaves_time_for_everything_else() {
    let (mut front, wire, supervisor) = front();
    let (_hatch, end) = SharedHatch::new(format()).unwrap();
    for _ in 0..AT_ONCE + 20 {
        introduce(&supervisor, &end, 3);
    }
    turn(&mut front, &wire);
    assert!(front.pixel.is_some());
    assert!(crate::wire::readable(&[wire.as_fd()], Duration::ZERO).unwrap()[0], "all of them were taken in one turn");
    supervisor.send(&ToFront::Finish, &[]).unwrap();
    turn(&mut front, &wire);
    assert!(front.finishing);
}

#[test]
fn what_is_no_message_or_no_hatch_changes_nothing() {
    let (mut front, wire, supervisor) = front();
    let (_hatch, end) = SharedHatch::new(format()).unwrap();
    for count in [0, 1, 2] {
        introduce(&supervisor, &end, count);
    }
    for record in ["{", "\"start\"", "{\"pixel\":{}}", "[]", "\"finish \"", "{\"gone\":{\"restarts\":-1}}"] {
        rustix::io::write(&supervisor, record.as_bytes()).unwrap();
    }
    // Three descriptors, and none of them what it ought to be.
    let pipe = || rustix::pipe::pipe().unwrap().0;
    introduce(&supervisor, &FrontEnd([pipe(), pipe(), pipe()]), 3);
    turn(&mut front, &wire);
    assert!(front.pixel.is_none() && front.video.is_none() && !front.finishing);
    introduce(&supervisor, &end, 3);
    turn(&mut front, &wire);
    assert!(front.pixel.is_some() && front.video.is_some(), "and the next good one is taken");
}

#[test]
fn a_pixel_process_that_never_stops_does_not_keep_the_front_from_its_supervisor() {
    let (mut front, wire, supervisor) = front();
    let (mut hatch, end) = SharedHatch::new(format()).unwrap();
    introduce(&supervisor, &end, 3);
    drop(end);
    let stop = Arc::new(AtomicBool::new(false));
    let stops = Arc::clone(&stop);
    let flooding = std::thread::spawn(move || {
        for sequence in 0.. {
            let stamp = Stamp { sequence, time: Duration::from_micros(sequence) };
            let frame = RedactedFrame::masked(format(), stamp);
            let time = event::written(jiff::Timestamp::UNIX_EPOCH);
            let fault = Fault { time: time.clone(), what: "x".repeat(1900), since: time, masked: Masked::Parts };
            let gone = hatch.publish(Outbound::Event(Event::Fault(fault))).is_err();
            if gone | hatch.publish(Outbound::Frame(frame)).is_err() | stops.load(Ordering::Relaxed) {
                break;
            }
        }
        hatch
    });
    for _ in 0..50 {
        let before = front.tally.out();
        turn(&mut front, &wire);
        assert!(front.tally.out() - before <= 2 * AT_ONCE as u64, "a turn is bounded");
    }
    assert!(front.pixel.is_some());
    supervisor.send(&ToFront::Finish, &[]).unwrap();
    turn(&mut front, &wire);
    assert!(front.finishing && front.pixel.is_none());
    stop.store(true, Ordering::Relaxed);
    drop(flooding.join().unwrap());
}

#[test]
fn a_pixel_process_that_closes_its_hatch_is_gone_and_masked_frames_follow() {
    let (mut front, wire, supervisor) = front();
    let (mut hatch, end) = SharedHatch::new(format()).unwrap();
    introduce(&supervisor, &end, 3);
    drop(end);
    hatch
        .publish(Outbound::Frame(RedactedFrame::masked(format(), Stamp { sequence: 0, time: Duration::ZERO })))
        .unwrap();
    turn(&mut front, &wire);
    assert!(front.pixel.is_some() && front.tally.out() == 1);
    drop(hatch);
    turn(&mut front, &wire);
    assert!(front.pixel.is_none());
    front.line.silence = Duration::ZERO;
    let began = Instant::now();
    while front.tally.out() < 4 {
        assert!(began.elapsed() < Duration::from_secs(60), "no masked frame comes");
        turn(&mut front, &wire);
        std::thread::sleep(Duration::from_millis(5));
    }
}
