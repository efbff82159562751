//! A USB webcam in user space: it plugs itself into the kernel by USB/IP, so that the real `uvcvideo` driver binds to it.
//!
//! It gives one MJPG picture of 640x480, without Huffman tables as many webcams do, again and again. To end its process is
//! to unplug it. Faults are told as `FRAME:FAULT`: `cut` (half a frame, then the end), `junk` (other bytes in the middle),
//! `lost` (no end of frame), `err` (the payload's error bit), `empty` (nothing but a header).
//!
//! Source of the structures: USB Device Class Definition for Video Devices 1.1; the kernel's `usbip_protocol`.

use std::collections::VecDeque;
use std::fs;
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::started::wait_for;

const WIDTH: u16 = 640;
const HEIGHT: u16 = 480;
const LONGEST_FRAME: u32 = WIDTH as u32 * HEIGHT as u32 * 2;
/// In units of 100 ns: 30 frames a second.
const INTERVAL: u32 = 333_333;
const PAYLOAD: usize = 16_384;
const STALL: i32 = -32;

/// The webcam's process, as the case sees it.
pub(crate) struct Webcam(Child);

impl Webcam {
    pub(crate) fn plug(faults: &[&str]) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "plug_a_webcam_in", "--ignored", "--nocapture"]);
        Self(command.env("FROSTGLASS_RIG_FAULTS", faults.join(" ")).spawn().unwrap())
    }

    /// Its device file, when the kernel has made it.
    pub(crate) fn device(&self) -> String {
        wait_for("the webcam's device", || {
            let nodes = fs::read_dir("/sys/class/video4linux").ok()?.flatten();
            nodes.map(|node| node.path()).find_map(|node| {
                let read = |name: &str| fs::read_to_string(node.join(name)).unwrap_or_default();
                let is_it = read("name").contains("Rig webcam") && read("index").trim() == "0";
                is_it.then(|| format!("/dev/{}", node.file_name().unwrap().to_string_lossy()))
            })
        })
    }
}

impl Drop for Webcam {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The process of the webcam.
pub(crate) fn run() {
    let faults = std::env::var("FROSTGLASS_RIG_FAULTS").unwrap_or_default();
    let faults = faults.split_whitespace().map(|fault| {
        let (frame, kind) = fault.split_once(':').unwrap();
        (frame.parse().unwrap(), kind.to_owned())
    });
    let (mut line, kernel) = UnixStream::pair().unwrap();
    // Port 0, the kernel's end of the line, some device number, high speed.
    fs::write("/sys/devices/platform/vhci_hcd.0/attach", format!("0 {} 65538 3", kernel.as_raw_fd())).unwrap();
    drop(kernel);
    let mut webcam = Streamer {
        picture: picture(),
        faults: faults.collect(),
        frame: 0,
        sending: Vec::new(),
        sent: 0,
        kind: String::new(),
        toggle: 0,
        due: Instant::now(),
        streams: false,
        asked: VecDeque::new(),
    };
    loop {
        while let Some(&(number, room)) = webcam.asked.front() {
            let Some(payload) = webcam.payload(room) else { break };
            webcam.asked.pop_front();
            reply(&mut line, 3, number, 0, &payload, payload.len());
        }
        let waiting = webcam.streams && !webcam.asked.is_empty();
        let until = if waiting { webcam.due.saturating_duration_since(Instant::now()) } else { Duration::from_secs(1) };
        let until = Timespec::try_from(until + Duration::from_millis(1)).unwrap();
        if poll(&mut [PollFd::new(&line, PollFlags::IN)], Some(&until)).unwrap_or(0) == 0 {
            continue;
        }
        let mut header = [0; 48];
        if line.read_exact(&mut header).is_err() {
            return;
        }
        let word = |at: usize| u32::from_be_bytes(header[4 * at..][..4].try_into().unwrap());
        let (command, number, is_input, endpoint, length) = (word(0), word(1), word(3) == 1, word(4), word(6) as usize);
        if command == 2 {
            // Take a request back.
            let before = webcam.asked.len();
            webcam.asked.retain(|(asked, _)| *asked != word(5));
            let status = if webcam.asked.len() < before { -104 } else { 0 };
            reply(&mut line, 4, number, status, &[], 0);
            continue;
        }
        let mut data = vec![0; if is_input { 0 } else { length }];
        line.read_exact(&mut data).unwrap();
        if endpoint != 0 {
            webcam.asked.push_back((number, length));
            continue;
        }
        match webcam.control(header[40..48].try_into().unwrap()) {
            Some(answer) if is_input => reply(&mut line, 3, number, 0, &answer, answer.len()),
            Some(_) => reply(&mut line, 3, number, 0, &[], length),
            None => reply(&mut line, 3, number, STALL, &[], 0),
        }
    }
}

/// A scene with colours, as JPEG in 4:2:2 with the standard's tables, which are then left out.
fn picture() -> Vec<u8> {
    let (width, height) = (usize::from(WIDTH), usize::from(HEIGHT));
    let colours = |at: usize| [(at % width / 3) as u8, (at / width / 2) as u8, (at % 97) as u8];
    let pixels: Vec<u8> = (0..width * height).flat_map(colours).collect();
    let mut bytes = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut bytes, 80);
    encoder.set_sampling_factor(jpeg_encoder::SamplingFactor::F_2_1);
    encoder.encode(&pixels, WIDTH, HEIGHT, jpeg_encoder::ColorType::Rgb).unwrap();
    while let Some(at) = bytes.windows(2).position(|two| two == [0xff, 0xc4]) {
        let length = usize::from(u16::from_be_bytes([bytes[at + 2], bytes[at + 3]])) + 2;
        bytes.drain(at..at + length);
    }
    bytes
}

struct Streamer {
    picture: Vec<u8>,
    faults: Vec<(u64, String)>,
    frame: u64,
    sending: Vec<u8>,
    sent: usize,
    kind: String,
    /// Of the payload header: changes with each frame.
    toggle: u8,
    due: Instant,
    streams: bool,
    /// Requests of the host for video, with the room they have.
    asked: VecDeque<(u32, usize)>,
}

impl Streamer {
    /// Answers a request on the control endpoint; `None` refuses it.
    fn control(&mut self, setup: [u8; 8]) -> Option<Vec<u8>> {
        let [kind, request, low, high, interface, _, length, length_high] = setup;
        let mut answer = match (kind, request, high) {
            (0x80, 6, 1) => DEVICE.to_vec(),
            (0x80, 6, 2) => configuration(),
            (0x80, 6, 3) => string(low),
            (0x80..=0x82, 0, _) => vec![0, 0],
            (0x80, 8, _) => vec![1],
            (0x81, 10, _) => vec![0],
            (0, 5 | 9, _) | (1, 11, _) => vec![],
            // The host clears the endpoint's halt when it ends the stream.
            (2, 1, _) => {
                self.streams = false;
                vec![]
            }
            // Probe, and commit, which starts the stream.
            (0x21, 1, 1 | 2) if interface == 1 => {
                if high == 2 {
                    (self.streams, self.sent, self.due) = (true, 0, Instant::now());
                }
                vec![]
            }
            (0xa1, 0x86, 1 | 2) if interface == 1 => vec![3],
            (0xa1, 0x85, 1 | 2) if interface == 1 => vec![34, 0],
            (0xa1, 0x81..=0x84 | 0x87, 1 | 2) if interface == 1 => agreement(),
            _ => return None,
        };
        answer.truncate(usize::from(u16::from_le_bytes([length, length_high])));
        Some(answer)
    }

    /// The next piece of the stream, when its time has come.
    fn payload(&mut self, room: usize) -> Option<Vec<u8>> {
        if !self.streams || Instant::now() < self.due {
            return None;
        }
        if self.sent == 0 {
            self.frame += 1;
            self.sending = self.picture.clone();
            let fault = self.faults.iter().find(|(frame, _)| *frame == self.frame);
            self.kind = fault.map(|(_, kind)| kind.clone()).unwrap_or_default();
            let length = self.sending.len();
            match self.kind.as_str() {
                "cut" => self.sending.truncate(length / 2),
                "junk" => self.sending[length / 3..length / 2]
                    .iter_mut()
                    .enumerate()
                    .for_each(|(at, byte)| *byte = (at * 37 + at / 7) as u8),
                "empty" => self.sending.clear(),
                _ => {}
            }
        }
        let count = (self.sending.len() - self.sent).min(room.min(PAYLOAD) - 2);
        let is_last = self.sent + count == self.sending.len();
        let mut flags = 0x80 | self.toggle;
        flags |= if is_last && self.kind != "lost" { 2 } else { 0 };
        flags |= if self.kind == "err" && self.sent == 0 { 0x40 } else { 0 };
        let mut payload = vec![2, flags];
        payload.extend(&self.sending[self.sent..self.sent + count]);
        self.sent += count;
        if is_last {
            (self.sent, self.toggle) = (0, self.toggle ^ 1);
            self.due = Instant::now().max(self.due + Duration::from_nanos(u64::from(INTERVAL) * 100));
        }
        Some(payload)
    }
}

fn reply(line: &mut UnixStream, command: u32, number: u32, status: i32, data: &[u8], length: usize) {
    let words = [command, number, 0, 0, 0, status as u32, length as u32, 0, 0, 0, 0, 0];
    let mut message: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
    message.extend(data);
    line.write_all(&message).unwrap();
}

/// What is streamed: the one format, size and rate.
fn agreement() -> Vec<u8> {
    let mut list = vec![1, 0, 1, 1];
    list.extend(INTERVAL.to_le_bytes());
    list.resize(18, 0);
    list.extend(LONGEST_FRAME.to_le_bytes());
    list.extend((PAYLOAD as u32).to_le_bytes());
    list.extend(48_000_000u32.to_le_bytes());
    list.resize(34, 0);
    list
}

/// The ids are those of the kernel's own gadgets.
const DEVICE: [u8; 18] = [18, 1, 0, 2, 0xef, 2, 1, 64, 0x6b, 0x1d, 2, 1, 0, 1, 1, 2, 3, 1];

fn string(index: u8) -> Vec<u8> {
    let text = match index {
        0 => return vec![4, 3, 9, 4],
        1 => "frostglass",
        2 => "Rig webcam",
        _ => "0001",
    };
    let mut list = vec![2 + 2 * text.len() as u8, 3];
    list.extend(text.bytes().flat_map(|byte| [byte, 0]));
    list
}

fn configuration() -> Vec<u8> {
    let mut formats = vec![11, 0x24, 6, 1, 1, 1, 1, 0, 0, 0, 0];
    formats.extend([30, 0x24, 7, 1, 0]);
    formats.extend(WIDTH.to_le_bytes());
    formats.extend(HEIGHT.to_le_bytes());
    for number in [LONGEST_FRAME * 80, LONGEST_FRAME * 240, LONGEST_FRAME, INTERVAL] {
        formats.extend(number.to_le_bytes());
    }
    formats.push(1);
    formats.extend(INTERVAL.to_le_bytes());
    formats.extend([6, 0x24, 0x0d, 1, 1, 4]);
    let mut streaming = vec![14, 0x24, 1, 1];
    streaming.extend((14 + formats.len() as u16).to_le_bytes());
    streaming.extend([0x81, 0, 2, 0, 0, 0, 1, 0]);
    streaming.extend(formats);
    let mut list = vec![9, 2, 0, 0, 2, 1, 0, 0x80, 50];
    // Two interfaces that belong together: control, and streaming by one bulk endpoint.
    list.extend([8, 11, 0, 2, 0x0e, 3, 0, 0]);
    list.extend([9, 4, 0, 0, 0, 0x0e, 1, 0, 0]);
    list.extend([13, 0x24, 1, 0x10, 1, 40, 0, 0, 0x6c, 0xdc, 2, 1, 1]);
    list.extend([18, 0x24, 2, 1, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0]);
    list.extend([9, 0x24, 3, 2, 1, 1, 0, 1, 0]);
    list.extend([9, 4, 1, 0, 1, 0x0e, 2, 0, 0]);
    list.extend(streaming);
    list.extend([7, 5, 0x81, 2, 0, 2, 0]);
    let length = (list.len() as u16).to_le_bytes();
    list[2..4].copy_from_slice(&length);
    list
}
