//! What somebody who has taken over the front does with what it has: root takes copies of all its descriptors, and asks by each of
//! them for raw frames, writes where it can, and tears at the ring.
#![allow(clippy::unwrap_used, reason = "a test may panic: that is how it fails")]

use std::fs::{self, File};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;

use rustix::fs::{FallocateFlags, SealFlags, fallocate, fcntl_add_seals, ftruncate};
use rustix::net::{SendFlags, send};
use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};

/// In the words of each conversation there is, and in none. What the front may say to end a run it may: the stream ends then.
const DEMANDS: &[&str] = &[
    "raw frames, please",
    "GET /raw HTTP/1.1\r\n\r\n",
    "{\"raw\":true}",
    "\"stop\"",
    "{\"start\":{\"text\":\"[faces]\\nredact = false\\n\",\"origin\":\"front\",\"folder\":[47],\"again\":false,\"walls\":false}}",
    "{\"pixel\":{\"format\":\"raw\",\"hides\":[],\"silence_ms\":1,\"restarts\":0,\"seen\":false}}",
    "{\"ready\":{\"camera\":\"front\",\"walls_missing\":[]}}",
    "{\"progress\":{\"frames\":18446744073709551615,\"health\":null,\"hatch\":true,\"raw\":true}}",
    "{\"job\":[47,100,101,118,47,118,105,100,101,111,48]}",
    "{\"type\":\"motion\",\"raw\":true}",
];

/// Does all of it once. What a front has stays open in the meantime.
pub(crate) fn attack(supervisor: u32, front: u32) {
    let stream = fs::read_link(format!("/proc/{front}/fd/1")).unwrap().display().to_string();
    let (mut rings, mut talks) = (0, 0);
    // The front maps the ring and closes it; the supervisor keeps what it was handed, for the next one.
    for (name, ring) in descriptors(supervisor).iter().filter(|(name, _)| name.starts_with("/memfd:")) {
        rings += 1;
        tear_at(name, ring);
    }
    for (name, descriptor) in descriptors(front) {
        if name.starts_with("socket:") {
            talks += 1;
            for demand in DEMANDS {
                // More than once, and more than there is room for.
                for _ in 0..200 {
                    let _ = send(&descriptor, demand.as_bytes(), SendFlags::DONTWAIT | SendFlags::NOSIGNAL);
                }
            }
            for length in [0, 1, 4096, 70_000] {
                let _ = send(&descriptor, &vec![0xff; length], SendFlags::DONTWAIT | SendFlags::NOSIGNAL);
            }
        } else if name.starts_with("pipe:") && name != stream {
            let _ = rustix::io::write(&descriptor, b"raw frames, please\n");
        }
    }
    assert!(rings == 1 && talks >= 3, "{rings} rings, {talks} conversations");
}

/// A descriptor of a process, and what the kernel calls it.
fn descriptors(process: u32) -> Vec<(String, OwnedFd)> {
    let handle = pidfd_open(Pid::from_raw(process as i32).unwrap(), PidfdFlags::empty()).unwrap();
    let list = fs::read_dir(format!("/proc/{process}/fd")).unwrap().flatten();
    let copy = |entry: fs::DirEntry| {
        let name = fs::read_link(entry.path()).ok()?.display().to_string();
        let number = entry.file_name().to_str()?.parse().ok()?;
        Some((name, pidfd_getfd(&handle, number, PidfdGetfdFlags::empty()).ok()?))
    };
    list.filter_map(copy).collect()
}

/// The ring is to be read, and nothing else.
fn tear_at(name: &str, ring: &OwnedFd) {
    let length = rustix::fs::fstat(ring).unwrap().st_size as u64;
    assert!(length > 0, "{name}");
    let file = File::from(ring.try_clone().unwrap());
    let anew = File::options().read(true).write(true).open(format!("/proc/self/fd/{}", number(ring)));
    for file in [Some(file), anew.ok()].into_iter().flatten() {
        assert!(file.write_at(&[0x55; 64], 0).is_err(), "{name} was written to");
        assert!(file.write_at(&[0x55; 64], length - 64).is_err(), "{name} was written to");
        assert!(ftruncate(&file, 0).is_err() && ftruncate(&file, 2 * length).is_err(), "{name} changed its length");
        let hole = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        assert!(fallocate(&file, hole, 0, 4096).is_err(), "a hole in {name}");
        assert!(fcntl_add_seals(&file, SealFlags::WRITE).is_err(), "{name} was sealed by another");
    }
}

fn number(descriptor: &OwnedFd) -> i32 {
    use std::os::fd::AsRawFd;
    descriptor.as_fd().as_raw_fd()
}
