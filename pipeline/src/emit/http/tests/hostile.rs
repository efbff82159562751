//! Clients that do what none should: nothing they do holds up another, or costs more than they may.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use super::{LONG, connect, get, health, is_closed, picture, send, start, until, video, watch};
use crate::emit::http::{LIMITS, Limits, LiveView};
use crate::emit::{EmitError, Sink};
use crate::event::{Event, Fault, Masked};

#[test]
fn a_port_in_use_and_an_address_of_others_say_what_to_do() {
    let view = start(LIMITS);
    let error = LiveView::open(view.local_addr()).unwrap_err();
    assert!(matches!(error, EmitError::Listen { .. }), "{error:?}");
    let told = error.to_string();
    assert!(told.contains(&view.local_addr().to_string()) && told.contains("another port in [emit] http"), "{told}");
    // TEST-NET-1 belongs to nobody.
    let error = LiveView::open("192.0.2.1:8080".parse().unwrap()).unwrap_err();
    assert!(error.to_string().contains("ip address"), "{error}");
}

#[test]
fn garbage_is_answered_or_closed_and_the_next_client_is_served() {
    let view = start(Limits { request: Duration::from_millis(300), ..LIMITS });
    let long = format!("GET /{} HTTP/1.1\r\n", "a".repeat(20_000));
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(3_000));
    let garbage: [&[u8]; 10] = [
        b"\r\n\r\n\r\n",
        b"\0\0\0\0\0\0\0\0",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.0\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: \xff\xfe\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
        long.as_bytes(),
        many.as_bytes(),
    ];
    for bytes in garbage {
        let mut stream = connect(&view);
        // It may be closed before all is sent.
        let _ = stream.write_all(bytes);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(40)]).into_owned();
        let refused = answer.is_empty() || answer.starts_with(b"HTTP/1.1 4") || answer.starts_with(b"HTTP/1.0 4");
        assert!(refused, "{shown:?}: {}", String::from_utf8_lossy(&answer));
        assert_eq!(get(&view, "/").0, 200, "{shown:?}");
    }
}

#[test]
fn who_does_not_ask_in_time_is_closed_also_when_a_byte_comes_now_and_then() {
    let view = start(Limits { request: Duration::from_millis(300), connections: 4, ..LIMITS });
    let silent: Vec<_> = (0..4).map(|_| connect(&view)).collect();
    // All places are taken, so this one is served only when they are closed.
    assert_eq!(get(&view, "/").0, 200);
    assert!(silent.into_iter().all(is_closed));
    let mut dribbling = connect(&view);
    dribbling.write_all(b"GET / HTTP/1.1\r\nX: ").unwrap();
    let start = Instant::now();
    while dribbling.write_all(b"a").is_ok() {
        assert!(start.elapsed() < LONG, "a byte now and then wins time");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_client_that_goes_in_the_middle_of_a_frame_harms_no_other() {
    let mut view = start(LIMITS);
    let mut stays = watch(&view);
    for _ in 0..5 {
        let mut goes = watch(&view);
        view.frame(&video(640, 480, 1)).unwrap();
        let whole = picture(&mut stays);
        let mut some = vec![0; 1000];
        goes.get_mut().read_exact(&mut some).unwrap();
        goes.get_ref().shutdown(Shutdown::Both).unwrap();
        drop(goes);
        view.frame(&video(640, 480, 1)).unwrap();
        assert_eq!(picture(&mut stays), whole);
        until("gone", || view.watchers() == 1);
    }
}

#[test]
fn a_client_that_takes_nothing_is_given_up() {
    let mut view = start(Limits { stalled: Duration::from_millis(200), ..LIMITS });
    let never = watch(&view);
    let start = Instant::now();
    while view.watchers() > 0 {
        view.frame(&video(640, 480, 1)).unwrap();
        assert!(start.elapsed() < LONG, "it is still served");
        std::thread::sleep(Duration::from_millis(1));
    }
    drop(never);
}

#[test]
fn only_so_many_watch_and_the_next_is_told_and_served_when_one_goes() {
    let mut view = start(Limits { streams: 2, ..LIMITS });
    let (mut first, second) = (watch(&view), watch(&view));
    let (status, head, body) = get(&view, "/stream.mjpg");
    assert!(status == 503 && head.contains("retry-after") && body.starts_with(b"As many"), "{head}");
    drop(second);
    until("gone", || view.watchers() == 1);
    let mut third = watch(&view);
    view.frame(&video(32, 16, 1)).unwrap();
    assert_eq!(picture(&mut first), picture(&mut third));
}

#[test]
fn a_listener_that_does_not_read_is_told_how_many_it_missed_and_holds_up_nobody() {
    let mut view = start(Limits { backlog: 4, ..LIMITS });
    let mut slow = BufReader::new(send(&view, "GET /events", ""));
    let mut line = String::new();
    while line != "retry: 2000\n" {
        line.clear();
        slow.read_line(&mut line).unwrap();
    }
    let what = "x".repeat(8192);
    let fault = Fault { time: "t".to_owned(), what, since: "t".to_owned(), masked: Masked::Nothing };
    // More than all buffers of a connection hold.
    const EVENTS: u64 = 5_000;
    (0..EVENTS).for_each(|_| view.event(&Event::Fault(fault.clone())).unwrap());
    view.event(&health()).unwrap();
    let (mut heard, mut missed) = (0, 0);
    for line in slow.lines().map(Result::unwrap) {
        if let Some(data) = line.strip_prefix("data: ") {
            let data: serde_json::Value = serde_json::from_str(data).unwrap();
            match data["type"].as_str().unwrap() {
                "missed" => missed += data["events"].as_u64().unwrap(),
                "fault" => heard += 1,
                "health" => break,
                _ => {}
            }
        }
    }
    assert!(missed > 0 && heard > 0 && heard + missed == EVENTS, "{heard} heard, {missed} missed");
}

#[test]
fn dropping_the_view_closes_all_connections_at_once() {
    let mut view = start(LIMITS);
    let address = view.local_addr();
    let never = watch(&view);
    let (listening, silent) = (send(&view, "GET /events", ""), connect(&view));
    let waiting = send(&view, "GET /snapshot.jpg", "");
    // Until its buffers are full, and some more.
    for _ in 0..200 {
        view.frame(&video(640, 480, 1)).unwrap();
        std::thread::sleep(Duration::from_millis(1));
    }
    let (done, ended) = mpsc::channel();
    std::thread::spawn(move || {
        drop(view);
        done.send(()).unwrap();
    });
    ended.recv_timeout(LONG).expect("the threads ended");
    for stream in [never.into_inner(), listening, silent, waiting] {
        assert!(is_closed(stream));
    }
    assert!(TcpStream::connect(address).is_err(), "nobody listens any more");
}
