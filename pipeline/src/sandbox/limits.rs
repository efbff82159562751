//! Walls that are neither a filter nor Landlock: name spaces, capabilities, limits of resources.
//!
//! **Invariant.** Each function puts up one wall whole, or says why it does not stand.

#![expect(
    unsafe_code,
    reason = "name spaces are left by a call that can also part the descriptors of threads; what is open is only known by number"
)]

use std::os::fd::BorrowedFd;

use rustix::fs::{FileType, fstat, major, minor};
use rustix::process::{DumpableBehavior, Resource, Rlimit};
use rustix::thread::{CapabilitySet, CapabilitySets, UnshareFlags};

/// A network of this process's own, with nothing in it, not even a loopback that is up. Who is not root needs a name space of
/// users for that, in which it is nobody but itself.
pub(super) fn own_network() -> Result<(), String> {
    if left(UnshareFlags::NEWNET).is_ok() {
        return Ok(());
    }
    let (user, group) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    left(UnshareFlags::NEWUSER | UnshareFlags::NEWNET)
        .map_err(|error| format!("name spaces are not to be had here ({error}); containers often forbid them: allow `unshare` in this one (its seccomp \
                 profile), or give it no network"))?;
    // Nobody's identity would do as well; with its own, messages about files name the user that people know.
    let _ = std::fs::write("/proc/self/setgroups", "deny");
    let _ = std::fs::write("/proc/self/uid_map", format!("{user} {user} 1"));
    let _ = std::fs::write("/proc/self/gid_map", format!("{group} {group} 1"));
    Ok(())
}

fn left(flags: UnshareFlags) -> rustix::io::Result<()> {
    // SAFETY: what can go wrong is that threads see different descriptors, which takes `UnshareFlags::FILES`; both callers, just
    // above, leave name spaces only.
    unsafe { rustix::thread::unshare_unsafe(flags) }
}

/// No core dump, and no look into this process's memory by others of the same user.
pub(super) fn no_core_dump() -> Result<(), String> {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable)
        .and_then(|()| rustix::process::setrlimit(Resource::Core, none))
        .map_err(|error| error.to_string())
}

/// No capabilities are left but those in `kept`, and none can come back.
pub(super) fn no_capabilities(kept: CapabilitySet) -> Result<(), String> {
    let had = rustix::thread::capabilities(None).map_err(|error| error.to_string())?;
    let _ = rustix::thread::clear_ambient_capability_set();
    // What is bounded can not be gained by executing; who has no right to bound has no right to gain either.
    for capability in had.permitted.difference(kept).iter() {
        let _ = rustix::thread::remove_capability_from_bounding_set(capability);
    }
    let left = had.permitted & kept;
    let left = CapabilitySets { effective: left, permitted: left, inheritable: CapabilitySet::empty() };
    rustix::thread::set_capabilities(None, left).map_err(|error| error.to_string())
}

/// Descriptors that a pixel process may have: some ten, and what the engine's threads wait on.
const DESCRIPTORS: u64 = 256;
/// What a decoder needs for four pictures at a time, or a clip that ffmpeg reads.
const FEW_DESCRIPTORS: u64 = 48;
/// Bytes of the ring of the largest clip that is taken.
const LARGEST_RING: u64 = 640 << 20;
/// Bytes of address space: a bomb in a picture ends the process and not the machine. (A 100-megapixel frame with both networks
/// takes some 3 GB, reserved stacks and arenas of threads not counted.)
const ADDRESS_SPACE: u64 = 16 << 30;

/// No more descriptors than these, so that [`no_strange_devices`] sees all of them.
pub(super) fn few_descriptors() -> Result<(), String> {
    at_most(Resource::Nofile, DESCRIPTORS)
}

/// Drivers of terminals (first of them that of `/dev/tty`), of pseudo terminals, and Video4Linux's.
const TERMINALS: [u32; 2] = [4, 5];
const PSEUDO_TERMINALS: std::ops::RangeInclusive<u32> = 136..=143;
const VIDEO: u32 = 81;

/// No disk, no terminal and no video device but these, by their numbers, is open. An engine that is loaded may have opened one: what is
/// written to a loopback device would be seen by whoever watches that.
pub(super) fn no_strange_devices(cameras: &[u64]) -> Result<(), String> {
    for number in 0..DESCRIPTORS as i32 {
        // SAFETY: it is asked what it is, and nothing is read, written or closed through it; were the number not open, or closed by
        // another thread meanwhile, the kernel says so and nothing happens.
        let Ok(found) = fstat(unsafe { BorrowedFd::borrow_raw(number) }) else { continue };
        let (major, minor) = (major(found.st_rdev), minor(found.st_rdev));
        let what = match FileType::from_raw_mode(found.st_mode) {
            FileType::BlockDevice => "a disk",
            FileType::CharacterDevice if TERMINALS.contains(&major) || PSEUDO_TERMINALS.contains(&major) => {
                "a terminal"
            }
            FileType::CharacterDevice if major == VIDEO && !cameras.contains(&found.st_rdev) => "a video device",
            _ => continue,
        };
        return Err(format!(
            "{what} is open (device {major}:{minor}), by which pictures could leave; no part of this program opens it: look at the \
             inference engine and the networks"
        ));
    }
    Ok(())
}

/// No file grows by this process (what it says goes to pipes), descriptors and memory end somewhere.
pub(super) fn no_growth() -> Result<(), String> {
    at_most(Resource::Fsize, 0)?;
    at_most(Resource::Nofile, DESCRIPTORS)?;
    at_most(Resource::As, ADDRESS_SPACE)
}

/// The same for who makes memory to hand frames over in, which counts as a file, and need not be among its addresses.
pub(super) fn no_endless_memory() -> Result<(), String> {
    at_most(Resource::Fsize, LARGEST_RING)?;
    at_most(Resource::Nofile, FEW_DESCRIPTORS)?;
    at_most(Resource::As, ADDRESS_SPACE)
}

fn at_most(resource: Resource, most: u64) -> Result<(), String> {
    let had = rustix::process::getrlimit(resource);
    let most = had.maximum.map_or(most, |maximum| maximum.min(most));
    rustix::process::setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })
        .map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_that_is_open_is_seen_and_a_file_is_not() {
        let _file = tempfile::tempfile().unwrap();
        // Whoever starts tests by hand has one already.
        if let Err(why) = no_strange_devices(&[]) {
            assert!(why.starts_with("a terminal is open"), "{why}");
        }
        let _terminal = std::fs::File::open("/dev/ptmx").unwrap();
        assert!(no_strange_devices(&[]).unwrap_err().starts_with("a terminal is open (device "));
    }
}
