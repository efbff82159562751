//! What code that has taken over a decoder or an engine would try, to get something out or to get hold of more.
//!
//! **Invariant.** Each attempt is one that succeeds without walls. What came of it is told on standard error; nothing that
//! succeeds does harm.

use std::ffi::{CString, c_int, c_long};
use std::os::unix::ffi::OsStrExt;
use std::sync::atomic::{AtomicU8, Ordering};
use std::{env, io, ptr, thread};

/// The variable that names a file which code with no business in it tries to write.
pub const LOOT: &str = "FAULTY_ENGINE_LOOT";
/// The variable by which the engine makes an attempt as soon as it is loaded: the name of an [`Escape`].
pub const AT_LOAD: &str = "FAULTY_ENGINE_AT_LOAD";

/// An attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Escape {
    /// To make a socket of TCP.
    Talk,
    /// To start another program in this process's place.
    Execute,
    /// To be traced by its parent.
    Trace,
    /// To read the memory of another process.
    Peek,
    /// To make a file.
    Write,
    /// To read a file that has nothing to do with pictures.
    Read,
    /// To send a signal to another process.
    Signal,
    /// To get memory that holds code.
    Code,
    /// To start a thread.
    Spawn,
    /// To ask a device for more than its next frame.
    Device,
    /// To leave the name space of its network, or what it was put in.
    Unshare,
    /// To open a terminal, and keep it for later.
    Keep,
}

impl Escape {
    /// All there are.
    pub const ALL: [Self; 12] = [
        Self::Talk,
        Self::Execute,
        Self::Trace,
        Self::Peek,
        Self::Write,
        Self::Read,
        Self::Signal,
        Self::Code,
        Self::Spawn,
        Self::Device,
        Self::Unshare,
        Self::Keep,
    ];
    /// Those that end a process that works on frames: nobody whole would ever do it.
    pub const DEADLY: [Self; 6] = [Self::Talk, Self::Write, Self::Execute, Self::Trace, Self::Peek, Self::Unshare];
    /// Those that are refused.
    pub const REFUSED: [Self; 5] = [Self::Read, Self::Signal, Self::Code, Self::Spawn, Self::Device];

    /// Its place among all of them.
    #[must_use]
    pub fn number(self) -> u8 {
        Self::ALL.iter().position(|escape| *escape == self).unwrap_or_default() as u8
    }

    /// What is told of an attempt that a wall refused.
    #[must_use]
    pub fn refusal(self) -> String {
        format!("faulty engine: {self:?} was refused")
    }

    /// Makes the attempt once, until another one is made.
    pub(crate) fn attempt(self) {
        static LAST: AtomicU8 = AtomicU8::new(u8::MAX);
        if LAST.swap(self.number(), Ordering::Relaxed) == self.number() {
            return;
        }
        match self.carry_out() {
            Err(error) if matches!(error.raw_os_error(), Some(libc::EPERM | libc::EACCES)) => {
                eprintln!("{}", self.refusal());
            }
            Err(error) => eprintln!("faulty engine: {self:?} failed for another reason: {error}"),
            Ok(()) => eprintln!("faulty engine: {self:?} SUCCEEDED"),
        }
    }

    /// The attempt that the variable asks for.
    pub(crate) fn at_load() {
        let wish = env::var(AT_LOAD).unwrap_or_default();
        if let Some(escape) = Self::ALL.into_iter().find(|escape| format!("{escape:?}") == wish) {
            escape.attempt();
        }
    }

    fn carry_out(self) -> io::Result<()> {
        // SAFETY: system calls that touch no memory of this process but what is named here, and live as long as the call.
        unsafe {
            match self {
                Self::Talk => done(libc::socket(libc::AF_INET, libc::SOCK_STREAM, 0)),
                Self::Execute => {
                    let arguments = [c"/bin/true".as_ptr(), ptr::null()];
                    done(libc::execv(c"/bin/true".as_ptr(), arguments.as_ptr()))
                }
                Self::Trace => counted(libc::ptrace(libc::PTRACE_TRACEME, 0, 0, 0)),
                Self::Peek => {
                    let mut byte = 0u8;
                    let here = libc::iovec { iov_base: (&raw mut byte).cast(), iov_len: 1 };
                    let there = here;
                    counted(libc::process_vm_readv(libc::getpid(), &raw const here, 1, &raw const there, 1, 0) as c_long)
                }
                Self::Write => {
                    let path = CString::new(env::var_os(LOOT).unwrap_or_default().as_bytes())?;
                    done(libc::open(path.as_ptr(), libc::O_CREAT | libc::O_WRONLY | libc::O_CLOEXEC, 0o600))
                }
                Self::Read => done(libc::open(c"/etc/passwd".as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC)),
                // Number 0 only asks whether it might.
                Self::Signal => done(libc::kill(1, 0)),
                Self::Code => {
                    let (access, flags) = (libc::PROT_READ | libc::PROT_EXEC, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
                    let code = libc::mmap(ptr::null_mut(), 4096, access, flags, -1, 0);
                    if code == libc::MAP_FAILED { Err(io::Error::last_os_error()) } else { Ok(()) }
                }
                Self::Spawn => thread::Builder::new().spawn(|| {}).map(drop),
                Self::Device => {
                    // `VIDIOC_QUERYCAP`. Without walls standard input, a socket, would know nothing of it.
                    let mut about = [0u8; 104];
                    match done(libc::ioctl(0, 0x8068_5600, about.as_mut_ptr())) {
                        Err(error) if error.raw_os_error() == Some(libc::ENOTTY) => Ok(()),
                        other => other,
                    }
                }
                Self::Keep => done(libc::open(c"/dev/ptmx".as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC)),
                Self::Unshare => done(libc::unshare(libc::CLONE_NEWNS)),
            }
        }
    }
}

fn done(answer: c_int) -> io::Result<()> {
    counted(c_long::from(answer))
}

fn counted(answer: c_long) -> io::Result<()> {
    if answer < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
