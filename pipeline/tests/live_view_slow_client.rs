//! A client that never reads costs neither memory nor anybody else's frames. In a program of its own, since it
//! measures the memory of the process.

#[path = "common/live.rs"]
mod live;

use frostglass::emit::{LiveView, Sink};
use live::{Camera, picture, stream, until};

const FRAMES: u32 = 10_000;
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
    let mut reads = stream(view.local_addr());
    until("watching", || view.watchers() == 1);
    let never = stream(view.local_addr());
    until("watching", || view.watchers() == 2);
    let (mut before, mut bytes) = (0, 0);
    for number in 0..FRAMES {
        if number == WARM {
            before = resident();
        }
        let frame = camera.frame(noise(number));
        view.frame(&frame).unwrap();
        // The next frame comes when this one arrived, so that each has to.
        bytes += picture(&mut reads).len();
    }
    let (after, pending) = (resident(), view.watchers());
    assert_eq!(view.encoded(), u64::from(FRAMES), "one for both, and none was given up");
    assert!(bytes > 100_000_000, "{bytes} bytes are too few to fill the buffers");
    assert!(after < before + SLACK, "memory grew from {before} to {after} bytes");
    println!("{bytes} bytes in {FRAMES} frames; memory {before}, then {after} bytes; {pending} clients at the end");
    drop(never);
}
