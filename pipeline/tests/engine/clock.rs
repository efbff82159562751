//! A clock that can not be read, for one thread of the program under test: what a filter of system calls that is too tight,
//! or a broken kernel, would do to it. Rust's own `Instant::now` panics then, so that the thread dies of a panic of its own,
//! where it happens to be.
//!
//! This library stands before the C library where a test says so (`LD_PRELOAD`).
//!
//! **Invariant.** Without an order, and for each other thread, it is the system's own clock. Nothing here asks for the time.

use std::ffi::c_int;
use std::fs;
use std::sync::OnceLock;

use libc::{EPERM, SYS_clock_gettime, clockid_t, timespec};

use crate::order::{Fault, Whom};
use crate::{order_in, orders};

/// Stands for the call of this name of the C library.
///
/// # Safety
/// As there: `time` is a place for a time.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn clock_gettime(clock: clockid_t, time: *mut timespec) -> c_int {
    let order = orders().map(order_in);
    if order.is_ok_and(|order| order.fault == Fault::NoClock && is_this_thread(order.whom)) {
        // SAFETY: the place of this thread's own error number.
        unsafe { *libc::__errno_location() = EPERM };
        return -1;
    }
    // SAFETY: the system call of that name, with our caller's own arguments.
    unsafe { libc::syscall(SYS_clock_gettime, clock, time) as c_int }
}

fn is_this_thread(whom: Whom) -> bool {
    match whom {
        Whom::Capture => is_called("capture"),
        Whom::Keeper => is_pixel_process() && rustix::thread::gettid() == rustix::process::getpid(),
        Whom::Faces | Whom::Persons | Whom::All => false,
    }
}

fn is_called(name: &str) -> bool {
    rustix::thread::name().is_ok_and(|called| called.as_bytes() == name.as_bytes())
}

fn is_pixel_process() -> bool {
    static IS: OnceLock<bool> = OnceLock::new();
    let look = || {
        fs::read("/proc/self/cmdline")
            .is_ok_and(|line| line.split(|&byte| byte == 0).any(|word| word == b"pixel-process"))
    };
    *IS.get_or_init(look)
}
