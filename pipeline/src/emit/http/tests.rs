//! The live view over real sockets, with limits short enough to be waited for.

mod hostile;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use frostglass_vault::{Format, Matrix, Range, Size};

use super::{LIMITS, Limits, LiveView};
use crate::emit::testing::{frame, smooth};
use crate::emit::{EmitError, PictureKind, Sink, encode_picture};
use crate::event::{Event, Health, Latency};
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
    let latency_ms = Latency { p50: 40.0, p95: 80.0, p99: 120.0 };
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
fn a_frame_that_no_jpeg_holds_is_a_fault_of_the_sink() {
    let mut view = start(LIMITS);
    let wide = frame(Format::still(Size::new(70_000, 1)), |_, _, _| 1);
    assert!(matches!(view.frame(&wide), Err(EmitError::Unsupported { .. })));
}
