//! The one table of system calls, for both architectures: what each process may call, must not, and dies of.
//!
//! **Invariant.** A number stands in this file and nowhere else. A test compares both columns with the kernel's own headers.
//! What is made of the table is `filter`'s business.
//!
//! Numbers: `arch/x86/entry/syscalls/syscall_64.tbl` and `include/uapi/asm-generic/unistd.h` of Linux.

use seccompiler::TargetArch;

/// A system call and its numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Call {
    pub(super) name: &'static str,
    x86_64: Option<i64>,
    aarch64: Option<i64>,
}

impl Call {
    /// Its number; `None` where the architecture has no such call.
    pub(super) fn number(&self, arch: TargetArch) -> Option<i64> {
        match arch {
            TargetArch::x86_64 => self.x86_64,
            TargetArch::aarch64 => self.aarch64,
            TargetArch::riscv64 => None,
        }
    }
}

/// When a call that is allowed is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    Always,
    /// An argument, counted from 0, has one of these values (its lower 32 bits).
    Is(u8, &'static [u32]),
    /// None of these bits is set in an argument, counted from 0.
    Without(u8, u32),
    /// Only where a source opens files as it goes: a folder of pictures, a clip that is repeated. For reading.
    Reopening,
    /// To send this very process `SIGABRT`, so that who gives up (an assertion of the engine) is seen to have done so; the C
    /// library goes on to an instruction that it may not carry out, and that would look like a broken pointer.
    AbortingItself,
}

macro_rules! calls {
    ($($name:ident $x86:tt $arm:tt),* $(,)?) => { &[$(Call { name: stringify!($name), x86_64: calls!(@ $x86), aarch64: calls!(@ $arm) }),*] };
    (@ -) => { None };
    (@ $number:tt) => { Some($number) };
}

macro_rules! calls_with {
    ($($name:ident $x86:tt $arm:tt $when:expr),* $(,)?) => {
        &[$((Call { name: stringify!($name), x86_64: calls!(@ $x86), aarch64: calls!(@ $arm) }, $when)),*]
    };
}

/// What no process of a camera ever has a reason for: whoever calls it was taken over, and dies.
pub(super) const NEVER: &[Call] = calls![
    ptrace 101 117, process_vm_readv 310 270, process_vm_writev 311 271, process_madvise 440 440, kcmp 312 272,
    pidfd_getfd 438 438, io_uring_setup 425 425, io_uring_enter 426 426, io_uring_register 427 427,
    bpf 321 280, perf_event_open 298 241, userfaultfd 323 282, add_key 248 217, request_key 249 218, keyctl 250 219,
    mount 165 40, umount2 166 39, pivot_root 155 41, move_mount 429 429, open_tree 428 428, fsopen 430 430,
    fsmount 432 432, mount_setattr 442 442, chroot 161 51, setns 308 268, init_module 175 105, finit_module 313 273,
    delete_module 176 106, kexec_load 246 104, kexec_file_load 320 294, reboot 169 142, swapon 167 224,
    swapoff 168 225, syslog 103 116, sethostname 170 161, setdomainname 171 162, vhangup 153 58,
    open_by_handle_at 304 265, quotactl 179 60, acct 163 89, settimeofday 164 170, clock_settime 227 112,
    adjtimex 159 171, clock_adjtime 305 266, iopl 172 -, ioperm 173 -, personality 135 92,
];

/// What none but the supervisor ever has a reason for: another program or process, another place in the system; other rights,
/// owners and times of files, which Landlock does not see; to meddle with how other processes run.
pub(super) const NO_PROGRAM: &[Call] = calls![
    execve 59 221, execveat 322 281, fork 57 -, vfork 58 -, unshare 272 97,
    chmod 90 -, fchmodat 268 53, fchmodat2 452 452, chown 92 -, lchown 94 -, fchownat 260 54,
    setxattr 188 5, lsetxattr 189 6, fsetxattr 190 7, removexattr 197 14, lremovexattr 198 15, fremovexattr 199 16,
    utime 132 -, utimes 235 -, futimesat 261 -,
    sched_setscheduler 144 119, sched_setparam 142 118, sched_setattr 314 274, setpriority 141 140, ioprio_set 251 30,
    migrate_pages 256 238, move_pages 279 239,
];

/// What only who waits for connections has a reason for.
pub(super) const NO_LISTENING: &[Call] =
    calls![socket 41 198, bind 49 200, listen 50 201, accept 43 202, accept4 288 242];

/// What neither of them has a reason for: to reach out to others. (The conversations between the processes are pairs of sockets
/// that exist, or are made as a pair and handed over.)
pub(super) const NO_TALK: &[Call] = calls![
    connect 42 203, sendmmsg 307 269, mq_open 240 180, msgget 68 186, semget 64 190, shmget 29 194, shmat 30 196,
];

/// What nobody has a reason for who works on frames: to make, take away or rename files. Once frames come it is deadly, for what
/// kills is counted and told, and what is refused is not.
pub(super) const NO_TRACES: &[Call] = calls![
    creat 85 -, truncate 76 45, openat2 437 437, mkdir 83 -, mkdirat 258 34, mknod 133 -, mknodat 259 33,
    unlink 87 -, unlinkat 263 35, rmdir 84 -, rename 82 -, renameat 264 38, renameat2 316 276,
    link 86 -, linkat 265 37, symlink 88 -, symlinkat 266 36,
];

/// Which uses of a call that is needed are deadly: an argument, counted from 0, of which one of these is so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Misuse {
    /// It is not 0.
    Set(u8),
    /// Some of these bits are this.
    Bits(u8, u32, u32),
    /// At least one of these bits is set.
    Any(u8, u32),
    /// It is none of these.
    Other(u8, &'static [u32]),
}

/// `MSG_FASTOPEN`, by which a message to an address connects without `connect`.
const FAST_OPEN: u32 = 0x2000_0000;
/// `CLONE_THREAD`: without it, it is another process.
const THREAD: u32 = 0x1_0000;
/// The kinds of sockets stand below the flags that may be beside them.
const KINDS: u32 = 0xf;
/// Of a request, which is the whole argument.
const ALL: u32 = u32::MAX;

/// Misuses that end each process but the supervisor. A datagram needs no connection to reach whoever listens on this machine, and
/// of a pair of local sockets the kernel makes datagrams when `SOCK_RAW` is asked for, too. A request to a terminal types into the
/// shell that started the program (`TIOCSTI`, `TIOCLINUX`), or takes the terminal from it (`TIOCSCTTY`, `TIOCSPGRP`, `TIOCCONS`,
/// `TIOCSETD`).
pub(super) const MISUSES: &[(Call, &[Misuse])] = calls_with![
    clone 56 220 &[Misuse::Bits(0, THREAD, 0)],
    sendto 44 206 &[Misuse::Set(4), Misuse::Bits(3, FAST_OPEN, FAST_OPEN)],
    sendmsg 46 211 &[Misuse::Bits(2, FAST_OPEN, FAST_OPEN)],
    socketpair 53 199 &[
        Misuse::Other(0, &[1]), Misuse::Bits(1, KINDS, 2), Misuse::Bits(1, KINDS, 3), Misuse::Bits(1, KINDS, 4),
        Misuse::Bits(1, KINDS, 6), Misuse::Bits(1, KINDS, 10),
    ],
    ioctl 16 29 &[
        Misuse::Bits(1, ALL, 0x5412), Misuse::Bits(1, ALL, 0x541c), Misuse::Bits(1, ALL, 0x540e),
        Misuse::Bits(1, ALL, 0x5410), Misuse::Bits(1, ALL, 0x541d), Misuse::Bits(1, ALL, 0x5423),
    ],
    prlimit64 302 261 &[Misuse::Set(0)],
    utimensat 280 88 &[Misuse::Set(1)],
];

/// What a file is opened with by who does not only read it: `O_WRONLY`, `O_RDWR`, `O_CREAT`, `O_TRUNC`, and the bit of `O_TMPFILE`
/// that is no other's.
pub(super) const TO_WRITE: u32 = 0o1 | 0o2 | 0o100 | 0o1000 | 0o20_000_000;

/// Misuses that end who works on frames, beside [`NO_TRACES`]: to open a file for anything but to read it.
pub(super) const WRITES: &[(Call, &[Misuse])] = calls_with![
    open 2 - &[Misuse::Any(1, TO_WRITE)], openat 257 56 &[Misuse::Any(2, TO_WRITE)],
];

/// What who waits for connections must not make: a socket that is none of TCP over IPv4 or IPv6. (`AF_INET`, `AF_INET6`; all kinds
/// but `SOCK_STREAM` that the kernel has; `IPPROTO_IP`, which is TCP, and `IPPROTO_TCP`.)
pub(super) const SOCKETS: (Call, &[Misuse]) = (
    Call { name: "socket", x86_64: Some(41), aarch64: Some(198) },
    &[
        Misuse::Other(0, &[2, 10]),
        Misuse::Bits(1, KINDS, 2),
        Misuse::Bits(1, KINDS, 3),
        Misuse::Bits(1, KINDS, 4),
        Misuse::Bits(1, KINDS, 5),
        Misuse::Bits(1, KINDS, 6),
        Misuse::Bits(1, KINDS, 10),
        Misuse::Other(2, &[0, 6]),
    ],
);

/// Its arguments lie in memory, where no filter sees them: whoever asks is told that there is no such call, and takes `clone`.
pub(super) const NOT_THERE: Call = Call { name: "clone3", x86_64: Some(435), aarch64: Some(435) };

const PROT_EXEC: u32 = 4;
const F_GETFD: u32 = 1;
const F_GETFL: u32 = 3;
const F_SETFL: u32 = 4;
const F_DUPFD_CLOEXEC: u32 = 1030;
const F_ADD_SEALS: u32 = 1033;
const PR_SET_NAME: u32 = 15;
/// `MFD_HUGETLB` and `MFD_EXEC`.
const HUGE_OR_CODE: u32 = 0x4 | 0x10;
/// `AT_EMPTY_PATH`: of a descriptor that is there, not of a path.
const OF_DESCRIPTOR: &[u32] = &[0x1000];
/// `VIDIOC_REQBUFS`, `QBUF`, `DQBUF`, `STREAMON`, `STREAMOFF`: the same on both architectures, for both have 64 bits.
const STREAMING: &[u32] = &[0xc014_5608, 0xc058_560f, 0xc058_5611, 0x4004_5612, 0x4004_5613];

/// What the pixel process may call once frames come; the rest is answered by `EPERM`.
pub(super) const WITH_FRAMES: &[(Call, When)] = calls_with![
    // What it has open.
    read 0 63 When::Always, readv 19 65 When::Always, pread64 17 67 When::Always, lseek 8 62 When::Always,
    write 1 64 When::Always, writev 20 66 When::Always, close 3 57 When::Always,
    poll 7 - When::Always, ppoll 271 73 When::Always, recvmsg 47 212 When::Always,
    fcntl 72 25 When::Is(1, &[F_GETFD, F_GETFL]),
    fstat 5 80 When::Always, newfstatat 262 79 When::Is(3, OF_DESCRIPTOR), statx 332 291 When::Is(2, OF_DESCRIPTOR),
    ioctl 16 29 When::Is(1, STREAMING),
    openat 257 56 When::Reopening, getdents64 217 61 When::Reopening,
    // Memory that holds no code.
    mmap 9 222 When::Without(2, PROT_EXEC), mprotect 10 226 When::Without(2, PROT_EXEC), munmap 11 215 When::Always,
    mremap 25 216 When::Always, brk 12 214 When::Always, madvise 28 233 When::Always, membarrier 324 283 When::Always,
    // Threads that exist, and their ends.
    futex 202 98 When::Always, sched_yield 24 124 When::Always, sched_getaffinity 204 123 When::Always,
    gettid 186 178 When::Always, getpid 39 172 When::Always, getcpu 309 168 When::Always, rseq 334 293 When::Always,
    set_robust_list 273 99 When::Always, rt_sigaction 13 134 When::Always, rt_sigprocmask 14 135 When::Always,
    rt_sigreturn 15 139 When::Always, sigaltstack 131 132 When::Always, restart_syscall 219 128 When::Always,
    exit 60 93 When::Always, exit_group 231 94 When::Always, wait4 61 260 When::Always,
    tgkill 234 131 When::AbortingItself,
    // Time and chance.
    clock_gettime 228 113 When::Always, clock_getres 229 114 When::Always, clock_nanosleep 230 115 When::Always,
    nanosleep 35 101 When::Always, gettimeofday 96 169 When::Always, time 201 - When::Always,
    getrandom 318 278 When::Always,
];

/// What a decoder may call beside that: to start threads, for the next clip's path, and to take jobs and hand frames over, each
/// with a descriptor. Its sockets are pairs that reach the writer and whoever starts ffmpeg, and no others.
pub(super) const WITH_JOBS: &[(Call, When)] = calls_with![
    clone 56 220 When::Always,
    // Left to the filter that says that it is not there: `EPERM` from this one would win, and be the end of it.
    clone3 435 435 When::Always,
    prctl 157 167 When::Is(0, &[PR_SET_NAME]),
    memfd_create 319 279 When::Without(1, HUGE_OR_CODE), ftruncate 77 46 When::Always, fallocate 285 47 When::Always,
    fcntl 72 25 When::Is(1, &[F_SETFL, F_DUPFD_CLOEXEC, F_ADD_SEALS]),
    sendmsg 46 211 When::Always, getsockopt 55 209 When::Always,
];

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    /// The numbers that a header of the kernel gives.
    fn header(path: &str) -> HashMap<String, i64> {
        let text = std::fs::read_to_string(path)
            .unwrap_or_else(|error| panic!("{path}: {error}; it comes with the C library's headers"));
        let defined = text.lines().filter_map(|line| {
            let mut words = line.strip_prefix("#define __NR")?.split_whitespace();
            let name = words.next()?;
            let name = name.strip_prefix("3264_").or_else(|| name.strip_prefix('_'))?;
            // Here it goes by the name that it has on 32 bits.
            let name = if name == "fstatat" { "newfstatat" } else { name };
            Some((name.to_owned(), words.next()?.parse().ok()?))
        });
        defined.collect()
    }

    fn all() -> impl Iterator<Item = Call> {
        let refused = [NEVER, NO_PROGRAM, NO_LISTENING, NO_TALK, NO_TRACES].into_iter().flatten().copied();
        refused.chain(WITH_FRAMES.iter().map(|(call, _)| *call)).chain([NOT_THERE])
    }

    #[test]
    fn the_numbers_are_those_of_the_kernel_on_both_architectures() {
        let generic = header("/usr/include/asm-generic/unistd.h");
        // Debian keeps those of x86-64 in a folder of the architecture.
        let native = ["/usr/include/x86_64-linux-gnu/asm/unistd_64.h", "/usr/include/asm/unistd_64.h"];
        let x86 = native.into_iter().find(|path| std::path::Path::new(path).exists()).map(header);
        assert!(x86.is_some() || cfg!(not(target_arch = "x86_64")), "no header of this machine's own calls");
        let others = [
            MISUSES.iter().map(|(call, _)| *call).collect::<Vec<_>>(),
            WITH_JOBS.iter().map(|(call, _)| *call).collect(),
            WRITES.iter().map(|(call, _)| *call).collect(),
        ];
        for call in all().chain(others.into_iter().flatten()).chain([SOCKETS.0]) {
            for (number, header, on) in
                [(call.aarch64, Some(&generic), "aarch64"), (call.x86_64, x86.as_ref(), "x86-64")]
            {
                let Some(header) = header else { continue };
                // Headers may be older than a call; numbers rise, and are the same everywhere since 424.
                let newest = header.values().max().copied();
                let is_newer = number > newest && call.x86_64 == call.aarch64;
                assert!(is_newer || number == header.get(call.name).copied(), "{} on {on}: {number:?}", call.name);
            }
        }
    }

    #[test]
    fn nothing_is_both_allowed_and_refused() {
        // What is in two lists for a reason: other requests, and what is left to the filter that says that it is not there.
        let jobs = WITH_JOBS.iter().map(|(call, _)| *call).filter(|call| !["fcntl", "clone3"].contains(&call.name));
        let mut names: Vec<_> = all().chain(jobs).map(|call| call.name).collect();
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn the_streaming_requests_are_those_of_the_drivers_header() {
        use v4l::v4l2::vidioc;
        let numbers = [
            vidioc::VIDIOC_REQBUFS,
            vidioc::VIDIOC_QBUF,
            vidioc::VIDIOC_DQBUF,
            vidioc::VIDIOC_STREAMON,
            vidioc::VIDIOC_STREAMOFF,
        ];
        assert_eq!(STREAMING, numbers.map(|number| u32::try_from(number).unwrap()));
    }
}
