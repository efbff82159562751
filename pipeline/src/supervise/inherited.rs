//! The descriptors that the program was started with, beside the standard ones.
//!
//! **Invariant.** None of them reaches a process that the supervisor starts. What this program opens itself closes when
//! another is executed; what a shell or a service manager left open does not, unless it is marked here.

#![expect(unsafe_code, reason = "a descriptor that is only known by its number is borrowed")]

use std::fs;
use std::io;
use std::os::fd::{BorrowedFd, RawFd};

use rustix::io::{FdFlags, fcntl_getfd, fcntl_setfd};

/// Marks every descriptor but the standard three to be closed in what is executed from here. Called before other threads open
/// and close any.
///
/// # Errors
/// When the system does not tell which there are.
pub(crate) fn close_in_children() -> io::Result<()> {
    let list = fs::read_dir("/proc/self/fd")?;
    let numbers: Vec<RawFd> = list.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect();
    for number in numbers.into_iter().filter(|&number| number > 2) {
        // SAFETY: only the flag of the descriptor's entry is read and set, nothing is read, written or closed through it; were
        // the number not open any more, as that of the list itself is not, the kernel says so and nothing happens.
        let descriptor = unsafe { BorrowedFd::borrow_raw(number) };
        if let Ok(flags) = fcntl_getfd(descriptor) {
            fcntl_setfd(descriptor, flags | FdFlags::CLOEXEC)?;
        }
    }
    Ok(())
}
