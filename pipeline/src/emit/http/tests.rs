//! The live view over real sockets, with limits short enough to be waited for.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use frostglass_vault::{Format, Matrix, Range, Size};

use super::{LIMITS, Limits, LiveView};
use crate::emit::testing::{frame, smooth};
use crate::emit::{EmitError, PictureKind, Sink, encode_picture};
use crate::event::{Event, Fault, Health, Latency, Masked};
use crate::hatch::ReceivedFrame;

/// Longer than anything here takes, on however busy a machine.
const LONG: Duration = Duration::from_secs(60);

fn start(limits: Limits) -> LiveView {
    LiveView::start(TcpListener::bind("127.0.0.1:0").unwrap(), limits).unwrap()
}

fn video(width: u32, height: u32, shift: u32) -> ReceivedFrame {
    frame(Format::video(Size::new(width, height), Matrix::Bt601, Range::Full), smooth(shift))
}

fn until(what: &str, is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < LONG, "{what}: still not so");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn connect(view: &LiveView) -> TcpStream {
    let stream = TcpStream::connect(view.local_addr()).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    stream.set_write_timeout(Some(LONG)).unwrap();
    stream
}

/// Sends a request with further header lines, each with its line end.
fn send(view: &LiveView, line: &str, more: &str) -> TcpStream {
    let mut stream = connect(view);
    write!(stream, "{line} HTTP/1.1\r\nHost: {}\r\n{more}\r\n", view.local_addr()).unwrap();
    stream
}

/// Status, headers in lower case and body of a whole response.
fn answer(mut stream: TcpStream) -> (u16, String, Vec<u8>) {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("headers");
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap().to_lowercase();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head, bytes[end + 4..].to_vec())
}

fn get(view: &LiveView, path: &str) -> (u16, String, Vec<u8>) {
    answer(send(view, &format!("GET {path}"), ""))
}

/// Whether the other end closed, with or without an answer before that.
fn is_closed(mut stream: TcpStream) -> bool {
    match stream.read_to_end(&mut Vec::new()) {
        Ok(_) => true,
        Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
    }
}

/// A reader of the stream, past its headers.
fn watch(view: &LiveView) -> BufReader<TcpStream> {
    let before = view.watchers();
    let mut reader = BufReader::new(send(view, "GET /stream.mjpg", ""));
    let mut line = String::new();
    while line != "\r\n" {
        line.clear();
        reader.read_line(&mut line).unwrap();
    }
    until("watching", || view.watchers() > before);
    reader
}

/// The next picture of a stream, by its own headers. (The lengths of HTTP's chunks are lines between them.)
fn picture(reader: &mut impl BufRead) -> Vec<u8> {
    let mut line = String::new();
    let length: usize = loop {
        line.clear();
        assert!(reader.read_line(&mut line).unwrap() > 0, "the stream ended");
        if let Some(length) = line.strip_prefix("Content-Length:") {
            break length.trim().parse().unwrap();
        }
    };
    reader.read_line(&mut line).unwrap();
    let mut bytes = vec![0; length];
    reader.read_exact(&mut bytes).unwrap();
    bytes
}

fn health() -> Event {
    let latency_ms = Latency { p50: 40.0, p95: 80.0 };
    Event::Health(Health {
        time: "t".to_owned(),
        frames_in: 9,
        inspected: 7,
        masked: 1,
        out: 8,
        latency_ms,
        ..Health::default()
    })
}

#[test]
fn a_snapshot_is_the_next_frame_and_a_clear_word_when_none_comes() {
    let mut view = start(LIMITS);
    view.frame(&video(64, 48, 1)).unwrap();
    let asked = send(&view, "GET /snapshot.jpg", "");
    until("waiting", || view.watchers() == 1);
    let next = video(64, 48, 20);
    view.frame(&next).unwrap();
    let (status, head, body) = answer(asked);
    let mut expected = Vec::new();
    encode_picture(&next, PictureKind::Jpeg, &mut expected).unwrap();
    assert!(status == 200 && head.contains("content-type: image/jpeg") && body == expected, "{head}");
    assert_eq!(image::load_from_memory(&body).unwrap().width(), 64);

    let view = start(Limits { snapshot: Duration::from_millis(50), ..LIMITS });
    let (status, _, body) = get(&view, "/snapshot.jpg");
    assert!(status == 503 && body.starts_with(b"No frame came"), "{status}");
}

#[test]
fn a_frame_is_encoded_once_for_all_who_watch_and_never_for_nobody() {
    let mut view = start(LIMITS);
    (0..20).for_each(|shift| view.frame(&video(32, 16, shift)).unwrap());
    let mut readers = [watch(&view), watch(&view), watch(&view)];
    assert_eq!((view.watchers(), view.encoded()), (3, 0), "frames came before anybody watched");
    for shift in 0..20 {
        let frame = video(32, 16, shift);
        view.frame(&frame).unwrap();
        let mut expected = Vec::new();
        encode_picture(&frame, PictureKind::Jpeg, &mut expected).unwrap();
        readers.iter_mut().for_each(|reader| assert_eq!(picture(reader), expected));
    }
    assert_eq!(view.encoded(), 20);
    drop(readers);
    until("gone", || view.watchers() == 0);
    (0..20).for_each(|shift| view.frame(&video(32, 16, shift)).unwrap());
    assert_eq!(view.encoded(), 20);
}

#[test]
fn other_sites_paths_and_methods_are_refused_with_a_reason_and_all_answers_forbid_use_elsewhere() {
    let view = start(Limits { snapshot: Duration::from_millis(20), ..LIMITS });
    let cases = [
        ("GET /", "", 200, "<!DOCTYPE html>"),
        ("HEAD /", "", 200, ""),
        ("GET /snapshot.jpg", "", 503, "No frame came"),
        ("GET /snapshot.jpg", "Sec-Fetch-Site: same-origin\r\n", 503, "No frame came"),
        ("GET /snapshot.jpg", "Sec-Fetch-Site: cross-site\r\n", 403, "Refused: a page"),
        ("GET /stream.mjpg", "Sec-Fetch-Site: same-site\r\n", 403, "Refused: a page"),
        ("GET /events", "Origin: http://evil.example\r\n", 403, "Refused: a page"),
        ("GET /", "Host: evil.example\r\n", 403, "Refused: this live view"),
        ("GET http://evil.example/", "", 403, "Refused: this live view"),
        ("GET /nothing", "", 404, "There is"),
        ("GET /page.html", "", 404, "There is"),
        ("GET //stream.mjpg", "", 404, "There is"),
        ("GET /../Cargo.toml", "", 404, "There is"),
        ("POST /", "Content-Length: 0\r\n", 405, "There is nothing here"),
        ("DELETE /events", "", 405, "There is nothing here"),
        ("OPTIONS /snapshot.jpg", "", 405, "There is nothing here"),
        ("POST /", "Sec-Fetch-Site: cross-site\r\n", 403, "Refused: a page"),
    ];
    for (line, more, expected, words) in cases {
        let (status, head, body) = answer(send(&view, line, more));
        let body = String::from_utf8(body).unwrap();
        assert!(status == expected && body.starts_with(words), "{line} {more}: {status} {body}");
        for header in [
            "frame-ancestors 'none'",
            "cache-control: no-store",
            "x-content-type-options: nosniff",
            "cross-origin-resource-policy: same-origin",
            "referrer-policy: no-referrer",
            "connection: close",
        ] {
            assert!(head.contains(header), "{line}: {header} is missing in {head}");
        }
    }
    assert_eq!(view.watchers(), 0);
}

#[test]
fn each_page_has_a_number_of_its_own_for_its_script_and_asks_for_nothing_from_elsewhere() {
    let view = start(LIMITS);
    let numbers: Vec<_> = (0..2)
        .map(|_| {
            let (_, head, body) = get(&view, "/");
            let (body, policy) = (String::from_utf8(body).unwrap(), head.split("script-src 'nonce-").nth(1).unwrap());
            let number = policy.split('\'').next().unwrap().to_owned();
            assert!(number.len() == 40 && !head.contains("unsafe"), "{head}");
            assert_eq!(body.matches(&format!("nonce=\"{number}\"")).count(), 2);
            assert!(!body.contains("{nonce}") && !body.contains("http:") && !body.contains("https:"));
            number
        })
        .collect();
    assert_ne!(numbers[0], numbers[1]);
}

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
fn a_listener_hears_each_event_with_its_type_and_signs_of_life_between() {
    let mut view = start(Limits { keep_alive: Duration::from_millis(50), ..LIMITS });
    let mut reader = BufReader::new(send(&view, "GET /events", "Origin: http://\r\n"));
    // An origin that is none is refused; so ask again without it.
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    assert!(line.contains("400") || line.contains("403"), "{line}");
    let reader = BufReader::new(send(&view, "GET /events", ""));
    let mut lines = reader.lines().map(Result::unwrap);
    assert!(lines.any(|line| line == "content-type: text/event-stream"));
    assert!(lines.any(|line| line == "retry: 2000"));
    view.event(&health()).unwrap();
    assert!(lines.any(|line| line == "event: health"));
    assert_eq!(lines.next().unwrap(), format!("data: {}", serde_json::to_string(&health()).unwrap()));
    assert!(lines.any(|line| line == ": still here"));
    view.frame(&video(16, 16, 1)).unwrap();
    assert!(lines.any(|line| line.contains(r#""state":"live""#)));
    view.frame(&ReceivedFrame::masked(video(16, 16, 1).format(), video(16, 16, 1).stamp())).unwrap();
    assert!(lines.any(|line| line.contains(r#""state":"masked""#)));
    assert!(lines.any(|line| line.contains(r#""state":"missing""#)));
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

#[test]
fn a_frame_that_no_jpeg_holds_is_a_fault_of_the_sink() {
    let mut view = start(LIMITS);
    let wide = frame(Format::still(Size::new(70_000, 1)), |_, _, _| 1);
    assert!(matches!(view.frame(&wide), Err(EmitError::Unsupported { .. })));
}
