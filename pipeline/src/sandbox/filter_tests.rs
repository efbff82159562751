//! The programs of both architectures, carried out here as the kernel would.

use super::*;

const ALLOW: u32 = 0x7fff_0000;
const KILL: u32 = 0x8000_0000;
const EPERM: u32 = 0x0005_0001;
const ARCHES: [TargetArch; 2] = [TargetArch::x86_64, TargetArch::aarch64];

/// What the kernel is shown of a call.
struct Shown {
    number: u32,
    arch: TargetArch,
    arguments: [u64; 6],
}

impl Shown {
    fn word(&self, offset: u32) -> u32 {
        let arch = match self.arch {
            TargetArch::x86_64 => 0xc000_003e,
            _ => 0xc000_00b7,
        };
        match offset {
            0 => self.number,
            4 => arch,
            offset @ 16..64 => {
                let argument = self.arguments[(offset as usize - 16) / 8];
                if offset % 8 == 0 { argument as u32 } else { (argument >> 32) as u32 }
            }
            other => panic!("the program looks at {other}"),
        }
    }
}

/// Classic BPF, as far as filters of system calls go.
fn answer(program: &BpfProgram, shown: &Shown) -> u32 {
    let (mut at, mut accumulator) = (0, 0u32);
    loop {
        let step = &program[at];
        at += 1;
        let jump = |taken: bool| usize::from(if taken { step.jt } else { step.jf });
        match step.code {
            0x20 => accumulator = shown.word(step.k),
            0x54 => accumulator &= step.k,
            0x05 => at += step.k as usize,
            0x15 => at += jump(accumulator == step.k),
            0x25 => at += jump(accumulator > step.k),
            0x35 => at += jump(accumulator >= step.k),
            0x06 => return step.k,
            other => panic!("an instruction {other:#x}"),
        }
    }
}

fn call(arch: TargetArch, name: &str, arguments: [u64; 6]) -> Shown {
    let lists = [NEVER, NO_PROGRAM, NO_LISTENING, NO_TALK, NO_TRACES].into_iter().flatten().copied();
    let others = MISUSES.iter().map(|(call, _)| *call).chain([NOT_THERE]);
    let allowed = WITH_FRAMES.iter().chain(WITH_JOBS).map(|(call, _)| *call);
    let mut all = lists.chain(allowed).chain(others);
    let call = all.find(|call| call.name == name).unwrap();
    let number = u32::try_from(call.number(arch).unwrap()).unwrap();
    Shown { number, arch, arguments }
}

#[test]
fn what_is_never_called_kills_on_both_architectures() {
    for arch in ARCHES {
        let [supervisor, front, pixel] =
            [Role::Supervisor, Role::Front, Role::Pixel].map(|role| deadly(role, true, arch).unwrap());
        for name in ["ptrace", "process_vm_readv", "pidfd_getfd", "io_uring_setup", "bpf", "mount", "open_by_handle_at"]
        {
            for program in [&supervisor, &front, &pixel] {
                assert_eq!(answer(program, &call(arch, name, [0; 6])), KILL, "{name} on {arch:?}");
            }
        }
        for name in ["execve", "execveat"] {
            assert_eq!(answer(&supervisor, &call(arch, name, [0; 6])), ALLOW, "the supervisor starts the others");
            assert_eq!(answer(&front, &call(arch, name, [0; 6])), KILL);
            assert_eq!(answer(&pixel, &call(arch, name, [0; 6])), KILL);
        }
        let silent = deadly(Role::Front, false, arch).unwrap();
        for name in ["socket", "bind", "listen", "accept4"] {
            assert_eq!(answer(&front, &call(arch, name, [2, 1, 0, 0, 0, 0])), ALLOW, "{name}: this front listens");
            for program in [&pixel, &silent] {
                assert_eq!(answer(program, &call(arch, name, [2, 1, 0, 0, 0, 0])), KILL, "{name} on {arch:?}");
            }
        }
        for name in ["connect", "shmget", "mq_open"] {
            for program in [&front, &silent, &pixel] {
                assert_eq!(answer(program, &call(arch, name, [0; 6])), KILL, "{name} on {arch:?}: nobody reaches out");
            }
        }
        assert_eq!(answer(&pixel, &call(arch, "read", [0; 6])), ALLOW);
    }
}

#[test]
fn a_front_that_listens_makes_sockets_of_tcp_and_no_others() {
    const CLOSES_AND_NEVER_WAITS: u64 = 0o2_004_000;
    for arch in ARCHES {
        let front = deadly(Role::Front, true, arch).unwrap();
        let made = |family, kind| answer(&front, &call(arch, "socket", [family, kind, 0, 0, 0, 0]));
        for family in [2, 10] {
            assert_eq!(made(family, 1 | CLOSES_AND_NEVER_WAITS), ALLOW);
            for kind in [2, 3, 5, 10] {
                assert_eq!(made(family, kind | CLOSES_AND_NEVER_WAITS), KILL, "kind {kind} of family {family}");
            }
        }
        // IPPROTO_TCP, IPPROTO_MPTCP.
        let by = |protocol| answer(&front, &call(arch, "socket", [2, 1, protocol, 0, 0, 0]));
        assert_eq!((by(6), by(262)), (ALLOW, KILL));
        // Local, netlink, packet, vsock, Bluetooth, the kernel's own ciphers.
        for family in [1, 16, 17, 40, 31, 38] {
            assert_eq!(made(family, 1), KILL, "family {family}");
        }
    }
}

#[test]
fn what_is_needed_for_one_thing_kills_when_it_is_used_for_another() {
    const FAST_OPEN: u64 = 0x2000_0000;
    const THREAD: u64 = 0x3d_0f00;
    for arch in ARCHES {
        for role in [Role::Pixel, Role::Front, Role::Decoder] {
            let program = deadly(role, true, arch).unwrap();
            let told = |name, arguments| answer(&program, &call(arch, name, arguments));
            for (name, well, ill) in [
                ("clone", [THREAD, 0, 0, 0, 0, 0], [17, 0, 0, 0, 0, 0]),
                ("sendto", [3, 1, 1, 0x4000, 0, 0], [3, 1, 1, 0x4000, 1 << 40, 16]),
                ("sendto", [3, 1, 1, 0, 0, 0], [3, 1, 1, FAST_OPEN, 0, 0]),
                ("sendmsg", [3, 1, 0x4040, 0, 0, 0], [3, 1, 0x4040 | FAST_OPEN, 0, 0, 0]),
                ("socketpair", [1, 5 | 0o2_000_000, 0, 0, 0, 0], [1, 2 | 0o2_000_000, 0, 0, 0, 0]),
                ("socketpair", [1, 1 | 0o2_004_000, 0, 0, 0, 0], [1, 3, 0, 0, 0, 0]),
                ("socketpair", [1, 5, 0, 0, 0, 0], [30, 5, 0, 0, 0, 0]),
                // TCGETS, TIOCSTI; TIOCGWINSZ, TIOCSPGRP.
                ("ioctl", [1, 0x5401, 0, 0, 0, 0], [1, 0x5412, 0, 0, 0, 0]),
                ("ioctl", [1, 0x5413, 0, 0, 0, 0], [1, 0x5410, 0, 0, 0, 0]),
                ("prlimit64", [0, 7, 0, 0, 0, 0], [4711, 7, 0, 0, 0, 0]),
                ("utimensat", [3, 0, 0, 0, 0, 0], [3, 1 << 40, 0, 0, 0, 0]),
            ] {
                assert_eq!((told(name, well), told(name, ill)), (ALLOW, KILL), "{name} of {role:?} on {arch:?}");
            }
            for name in ["fchmodat", "fchownat", "setxattr", "unshare", "sched_setattr", "setpriority"] {
                assert_eq!(told(name, [0; 6]), KILL, "{name} of {role:?} on {arch:?}");
            }
        }
        let supervisor = deadly(Role::Supervisor, false, arch).unwrap();
        assert_eq!(answer(&supervisor, &call(arch, "clone", [17, 0, 0, 0, 0, 0])), ALLOW, "it starts the others");
        const ENOSYS: u32 = 0x0005_0026;
        assert_eq!(answer(&not_there(arch).unwrap(), &call(arch, "clone3", [0; 6])), ENOSYS);
    }
}

#[test]
fn calls_of_another_architecture_or_interface_kill() {
    for program in [
        deadly(Role::Pixel, false, TargetArch::x86_64).unwrap(),
        frames_only(Role::Pixel, false, TargetArch::x86_64).unwrap(),
    ] {
        let foreign = Shown { number: 63, arch: TargetArch::aarch64, arguments: [0; 6] };
        assert_eq!(answer(&program, &foreign), KILL);
    }
    // `connect` of x32.
    let x32 = Shown { number: 0x4000_0000 + 42, arch: TargetArch::x86_64, arguments: [0; 6] };
    assert_eq!(answer(&deadly(Role::Pixel, false, TargetArch::x86_64).unwrap(), &x32), KILL);
    assert_eq!(answer(&frames_only(Role::Pixel, false, TargetArch::x86_64).unwrap(), &x32), EPERM);
}

#[test]
fn with_frames_only_what_they_need_is_left() {
    const EXECUTABLE: u64 = 4;
    for arch in ARCHES {
        let program = frames_only(Role::Pixel, false, arch).unwrap();
        let told = |name, arguments| answer(&program, &call(arch, name, arguments));
        for name in ["read", "write", "futex", "ppoll", "munmap", "exit_group", "clock_gettime"] {
            assert_eq!(told(name, [0; 6]), ALLOW, "{name} on {arch:?}");
        }
        for name in ["socket", "execve", "openat", "ptrace", "connect"] {
            assert_eq!(told(name, [0; 6]), EPERM, "{name} on {arch:?}");
        }
        assert_eq!(told("mmap", [0, 4096, 3, 0x22, u64::MAX, 0]), ALLOW);
        assert_eq!(told("mmap", [0, 4096, 1 | EXECUTABLE, 0x22, u64::MAX, 0]), EPERM);
        assert_eq!(told("mprotect", [0, 4096, 3, 0, 0, 0]), ALLOW);
        assert_eq!(told("mprotect", [0, 4096, 1 | EXECUTABLE, 0, 0, 0]), EPERM);
        // VIDIOC_DQBUF and TIOCSTI.
        assert_eq!(told("ioctl", [5, 0xc058_5611, 0, 0, 0, 0]), ALLOW);
        assert_eq!(told("ioctl", [5, 0x5412, 0, 0, 0, 0]), EPERM);
        // F_GETFL and F_SETFL.
        assert_eq!(told("fcntl", [5, 3, 0, 0, 0, 0]), ALLOW);
        assert_eq!(told("fcntl", [5, 4, 0, 0, 0, 0]), EPERM);
        // SIGABRT and SIGKILL; to this process, to another, to all.
        let (this, [abort, kill]) = (u64::from(std::process::id()), [6, 9]);
        assert_eq!(told("tgkill", [this, 1, abort, 0, 0, 0]), ALLOW);
        assert_eq!(told("tgkill", [this, 1, kill, 0, 0, 0]), EPERM);
        assert_eq!(told("tgkill", [this + 1, 1, abort, 0, 0, 0]), EPERM);
        assert_eq!(told("tgkill", [u64::MAX, 1, abort, 0, 0, 0]), EPERM);
        // Of a path, and of a descriptor.
        assert_eq!(told("newfstatat", [5, 0, 0, 0, 0, 0]), EPERM);
        assert_eq!(told("newfstatat", [5, 0, 0, 0x1000, 0, 0]), ALLOW);
    }
}

#[test]
fn with_frames_to_change_a_file_kills() {
    for arch in ARCHES {
        let program = traceless(arch).unwrap();
        let told = |name, arguments| answer(&program, &call(arch, name, arguments));
        for name in ["openat2", "mkdirat", "mknodat", "unlinkat", "renameat2", "linkat", "symlinkat", "truncate"] {
            assert_eq!(told(name, [0; 6]), KILL, "{name} on {arch:?}");
        }
        let opened = |flags| told("openat", [u64::MAX, 0, flags, 0, 0, 0]);
        // O_CLOEXEC, O_DIRECTORY with it.
        assert_eq!((opened(0o2_000_000), opened(0o2_200_000)), (ALLOW, ALLOW));
        // O_WRONLY, O_RDWR, both, O_CREAT, O_TRUNC, O_TMPFILE.
        for flags in [1, 2, 3, 0o100, 0o1000, 0o20_200_000] {
            assert_eq!(opened(flags | 0o2_000_000), KILL, "{flags:o} on {arch:?}");
        }
    }
    let told = |flags| {
        answer(&traceless(ARCHES[0]).unwrap(), &Shown { number: 2, arch: ARCHES[0], arguments: [0, flags, 0, 0, 0, 0] })
    };
    assert_eq!((told(0o2_000_000), told(0o2_000_101)), (ALLOW, KILL));
}

#[test]
fn a_source_that_opens_as_it_goes_opens_for_reading_only() {
    for arch in ARCHES {
        let program = frames_only(Role::Pixel, true, arch).unwrap();
        let open = |flags| answer(&program, &call(arch, "openat", [0, 0, flags, 0, 0, 0]));
        assert_eq!(open(0o2_000_000), ALLOW, "for reading, closed on execution");
        for flags in [1, 2, 0o101, 0o1001, 0o20_200_002] {
            assert_eq!(open(flags), EPERM, "{flags:o}");
        }
    }
}

#[test]
fn a_decoder_starts_threads_and_makes_memory_and_the_pixel_process_does_not() {
    const F_SETFL: u64 = 4;
    const F_SETOWN: u64 = 8;
    for arch in ARCHES {
        let [pixel, decoder] = [Role::Pixel, Role::Decoder].map(|role| frames_only(role, false, arch).unwrap());
        let told = |name, arguments| [&pixel, &decoder].map(|program| answer(program, &call(arch, name, arguments)));
        for name in ["clone", "memfd_create", "ftruncate", "fallocate", "sendmsg", "getsockopt"] {
            assert_eq!(told(name, [0; 6]), [EPERM, ALLOW], "{name} on {arch:?}");
        }
        assert_eq!(told("fcntl", [5, F_SETFL, 0, 0, 0, 0]), [EPERM, ALLOW]);
        assert_eq!(told("fcntl", [5, F_SETOWN, 0, 0, 0, 0]), [EPERM, EPERM]);
        // PR_SET_NAME and PR_SET_DUMPABLE.
        assert_eq!(told("prctl", [15, 0, 0, 0, 0, 0]), [EPERM, ALLOW]);
        assert_eq!(told("prctl", [4, 1, 0, 0, 0, 0]), [EPERM, EPERM]);
        for name in ["openat", "socket", "execve", "connect", "ioctl"] {
            assert_eq!(told(name, [0; 6]), [EPERM, EPERM], "{name} on {arch:?}");
        }
    }
}
