//! What the tests of the live view share: frames that came the only way there is, and readers of what it sends.
#![allow(dead_code, unreachable_pub, missing_docs, reason = "each test file takes what it needs")]

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use frostglass::hatch::ReceivedFrame;
use frostglass_vault::{
    Findings, Format, Inspected, Matrix, PersonRule, Policy, Pool, Range, Redactor, Size, Stamp, Style, Zones,
};

/// Longer than anything here takes, on however busy a machine.
pub const LONG: Duration = Duration::from_secs(120);

/// Makes redacted frames in which nothing had to be hidden.
pub struct Camera {
    pool: Pool,
    redactor: Redactor,
    sequence: u64,
}

impl Camera {
    pub fn new(width: u32, height: u32) -> Self {
        let format = Format::video(Size::new(width, height), Matrix::Bt601, Range::Full);
        let policy = Policy { style: Style::Blur, persons: PersonRule::None, margin: 0.5 };
        let redactor = Redactor::new(policy, format, Arc::new(Zones::none()));
        Self { pool: Pool::new(format, 4), redactor, sequence: 0 }
    }

    /// A frame with `sample(plane, x, y)` in its planes.
    pub fn frame(&mut self, sample: impl Fn(usize, u32, u32) -> u8) -> ReceivedFrame {
        let mut blank = self.pool.blank().expect("room for a frame");
        for (index, plane) in blank.planes_mut().into_iter().enumerate() {
            let width = plane.size.width as usize;
            for (place, byte) in plane.bytes.iter_mut().enumerate() {
                *byte = sample(index, (place % width) as u32, (place / width) as u32);
            }
        }
        let time = Duration::from_millis(40 * self.sequence);
        let raw = blank.expose(Stamp { sequence: self.sequence, time }, &Zones::none());
        self.sequence += 1;
        let frame = self.redactor.redact(Inspected::new(raw, Findings::Complete(Vec::new())));
        ReceivedFrame::from_redacted(frame)
    }
}

pub fn until(what: &str, is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < LONG, "{what}: still not so");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// One who reads the stream, after its headers were read.
pub fn stream(address: SocketAddr) -> BufReader<TcpStream> {
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream.set_read_timeout(Some(LONG)).expect("a time-out");
    write!(stream, "GET /stream.mjpg HTTP/1.1\r\nHost: {address}\r\n\r\n").expect("a request");
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    while line != "\r\n" {
        line.clear();
        assert!(reader.read_line(&mut line).expect("headers") > 0, "no headers came");
    }
    reader
}

/// The next picture of a stream, by its own headers. (The lengths of HTTP's chunks are lines between them.)
pub fn picture(reader: &mut impl BufRead) -> Vec<u8> {
    let mut line = Vec::new();
    let length: usize = loop {
        line.clear();
        assert!(reader.read_until(b'\n', &mut line).expect("a line") > 0, "the stream ended");
        if let Some(length) = line.strip_prefix(b"Content-Length:") {
            break String::from_utf8_lossy(length).trim().parse().expect("a length");
        }
    };
    reader.read_until(b'\n', &mut line).expect("a blank line");
    let mut bytes = vec![0; length];
    reader.read_exact(&mut bytes).expect("a picture");
    bytes
}
