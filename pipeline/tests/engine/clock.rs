//! A clock that can not be read, for one thread of the program under test: what a filter of system calls that is too tight,
//! or a broken kernel, would do to it. Rust's own `Instant::now` panics then, so that the thread dies of a panic of its own,
//! where it happens to be. And the moments at which a thread that was taken over tries to escape.
//!
//! This library stands before the C library where a test says so (`LD_PRELOAD`).
//!
//! **Invariant.** Without an order, and for each other thread, it is the system's own clock. Nothing here asks for the time, and
//! once an order can come nothing asks for a name either: whose thread this is was noted when it got one, for later the
//! program's walls answer nobody.

use std::cell::Cell;
use std::ffi::{CStr, c_char, c_int};
use std::fs;
use std::sync::OnceLock;

use libc::{EPERM, SYS_clock_gettime, clockid_t, pthread_t, timespec};

use crate::order::{Fault, Order, Whom};
use crate::{order_in, orders};

/// Stands for the call of this name of the C library.
///
/// # Safety
/// As there: `time` is a place for a time.
// SAFETY: it takes the place of the call of this name, with its arguments, and does what that one does or fails as it may.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn clock_gettime(clock: clockid_t, time: *mut timespec) -> c_int {
    let order = orders().map(order_in);
    is_pixel_process();
    match order {
        Ok(Order { whom, fault: Fault::NoClock }) if is_this_thread(whom) => {
            // SAFETY: the place of this thread's own error number.
            unsafe { *libc::__errno_location() = EPERM };
            return -1;
        }
        Ok(Order { whom, fault: Fault::Escape(escape) }) if is_this_thread(whom) => escape.attempt(),
        _ => {}
    }
    // SAFETY: the system call of that name, with our caller's own arguments.
    unsafe { libc::syscall(SYS_clock_gettime, clock, time) as c_int }
}

/// Stands for the call of this name of the C library, by which a thread names itself.
///
/// # Safety
/// As there: `name` is a string that ends with a zero.
// SAFETY: the C library's own name and type, where a test puts this library before it.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn pthread_setname_np(_thread: pthread_t, name: *const c_char) -> c_int {
    // SAFETY: our caller's own promise.
    let name = unsafe { CStr::from_ptr(name) };
    CAPTURES.set(name == c"capture");
    // All who name threads here name their own.
    rustix::thread::set_name(name).map_or_else(rustix::io::Errno::raw_os_error, |()| 0)
}

thread_local! {
    static CAPTURES: Cell<bool> = const { Cell::new(false) };
}

fn is_this_thread(whom: Whom) -> bool {
    match whom {
        Whom::Capture => CAPTURES.get(),
        Whom::Keeper => is_pixel_process() && rustix::thread::gettid() == rustix::process::getpid(),
        Whom::Faces | Whom::Persons | Whom::All => false,
    }
}

fn is_pixel_process() -> bool {
    static IS: OnceLock<bool> = OnceLock::new();
    let look = || {
        fs::read("/proc/self/cmdline")
            .is_ok_and(|line| line.split(|&byte| byte == 0).any(|word| word == b"pixel-process"))
    };
    *IS.get_or_init(look)
}
