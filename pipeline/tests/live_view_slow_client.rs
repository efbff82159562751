//! A client that never reads costs neither memory nor anybody else's frames. In a program of its own, since it
//! measures the memory of the process.

#[path = "common/live.rs"]
mod live;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use frostglass::emit::{LiveView, Sink};
use live::{Camera, picture, stream, until};

const FRAMES: u32 = 10_000;
/// Frames for which the other client is alone, to compare with.
const ALONE: u32 = 2_500;
/// Frames after which all buffers of the connection that never reads are full.
const WARM: u32 = 2_000;
/// What memory may move by: allocators keep a page here and there.
const SLACK: u64 = 1024 * 1024;

/// Bytes of memory that this process has now.
fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").expect("statm");
    let pages: u64 = text.split(' ').nth(1).and_then(|pages| pages.parse().ok()).expect("pages");
    pages * rustix::param::page_size() as u64
}

/// What a client that reads has read so far.
#[derive(Default)]
struct Read {
    pictures: AtomicU64,
    bytes: AtomicU64,
    enough: AtomicBool,
}

#[test]
fn a_client_that_never_reads_changes_neither_memory_nor_the_frames_of_another() {
    let mut view = LiveView::open("127.0.0.1:0".parse().unwrap()).unwrap();
    let mut camera = Camera::new(160, 96);
    // Noise makes JPEGs of about 20 kB, 200 MB in all: more than any buffer holds.
    let noise = |seed: u32| {
        move |plane: usize, x: u32, y: u32| {
            let mixed = (x + 7919 * y + 104_729 * plane as u32 + 31 * seed).wrapping_mul(2_654_435_761);
            (mixed >> 24) as u8
        }
    };
    let mut connection = stream(view.local_addr());
    until("watching", || view.watchers() == 1);
    let read = Arc::new(Read::default());
    let its_read = Arc::clone(&read);
    let reader = std::thread::spawn(move || {
        while !its_read.enough.load(Ordering::Relaxed) {
            its_read.bytes.fetch_add(picture(&mut connection).len() as u64, Ordering::Relaxed);
            its_read.pictures.fetch_add(1, Ordering::Relaxed);
        }
    });
    // The next frame comes when this one is encoded, whoever has read it or not.
    let mut show = |view: &mut LiveView, number: u32| {
        let before = view.encoded();
        view.frame(&camera.frame(noise(number))).unwrap();
        until("encoded", || view.encoded() > before);
    };
    for number in 0..ALONE {
        show(&mut view, number);
    }
    let alone = read.pictures.load(Ordering::Relaxed);
    let mut never = None;
    let (mut before, mut connections) = (0, 0);
    for number in 0..FRAMES {
        // One who takes nothing at all is sent away after some time, and comes again.
        if view.watchers() < 2 {
            never = Some(stream(view.local_addr()));
            connections += 1;
            until("watching", || view.watchers() == 2);
        }
        if number == WARM {
            before = resident();
        }
        show(&mut view, number);
    }
    let (after, pending) = (resident(), view.watchers());
    let both = read.pictures.load(Ordering::Relaxed) - alone;
    println!(
        "alone {alone} pictures of {ALONE} frames, beside {connections} connections that never read {both} of {FRAMES}; \
         memory {before}, then {after} bytes"
    );
    assert_eq!(pending, 2, "the client that never reads is there");
    let bytes = read.bytes.load(Ordering::Relaxed);
    assert!(bytes > 100_000_000, "{bytes} bytes are too few to fill the buffers");
    assert!(after < before + SLACK, "memory grew from {before} to {after} bytes");
    // How many of the frames a client gets is the machine's doing; the other client has no part in it.
    let (alone, both) = (alone as f64 / f64::from(ALONE), both as f64 / f64::from(FRAMES));
    assert!(both > 0.75 * alone, "alone it got {alone:.2} of the frames, beside the other {both:.2}");
    read.enough.store(true, Ordering::Relaxed);
    let mut number = FRAMES;
    while !reader.is_finished() {
        show(&mut view, number);
        number += 1;
    }
    reader.join().unwrap();
    drop(never);
}
