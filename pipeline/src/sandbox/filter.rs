//! Filters of system calls (seccomp), made of the table in `calls`.
//!
//! **Invariant.** Filters only add up: the kernel asks all that a process has put up and takes the strictest answer. One
//! kills for what no process that is whole would call, and stands before anything from outside is read. Two more, of the
//! pixel process and the decoder, stand before the first frame: one allows what is needed to work on frames and answers `EPERM` to
//! the rest; the other kills who would change files there.

use std::collections::BTreeMap;

use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch, sock_filter,
};

use super::Role;
use super::calls::{
    Call, MISUSES, Misuse, NEVER, NO_LISTENING, NO_PROGRAM, NO_TALK, NO_TRACES, NOT_THERE, SOCKETS, TO_WRITE,
    WITH_FRAMES, WITH_JOBS, WRITES, When,
};

/// Why there is no filter.
#[derive(Debug, thiserror::Error)]
pub(super) enum FilterFault {
    /// There is no table for this machine.
    #[error("no table of system calls for {}", std::env::consts::ARCH)]
    Machine,
    /// The table makes no filter.
    #[error("the table of system calls makes no filter: {0}")]
    Table(#[from] BackendError),
    /// The kernel takes none.
    #[error("the kernel takes no filter: {0}")]
    Kernel(#[from] seccompiler::Error),
}

/// Kills this process, from here on, for what its role never calls. `listens`: whether it waits for connections.
pub(super) fn kill_for_what_is_never_called(role: Role, listens: bool) -> Result<(), FilterFault> {
    let arch = this_machine()?;
    if !role.starts_others() {
        seccompiler::apply_filter_all_threads(&not_there(arch)?)?;
    }
    Ok(seccompiler::apply_filter_all_threads(&deadly(role, listens, arch)?)?)
}

/// Leaves all threads what they need for frames. `reopens`: whether the source, or a decoder, opens files as it goes.
pub(super) fn allow_what_frames_need(role: Role, reopens: bool) -> Result<(), FilterFault> {
    // No filter can go up behind the one that allows: it is the last.
    seccompiler::apply_filter_all_threads(&traceless(this_machine()?)?)?;
    let program = frames_only(role, reopens, this_machine()?)?;
    Ok(seccompiler::apply_filter_all_threads(&program)?)
}

fn this_machine() -> Result<TargetArch, FilterFault> {
    std::env::consts::ARCH.try_into().map_err(|_| FilterFault::Machine)
}

fn deadly(role: Role, listens: bool, arch: TargetArch) -> Result<BpfProgram, BackendError> {
    let lists: &[&[Call]] = match role {
        // What they start inherits this: the front listens, and all are programs.
        Role::Supervisor | Role::Writer => &[NEVER],
        Role::Front if listens => &[NEVER, NO_PROGRAM, NO_TALK],
        Role::Front | Role::Pixel | Role::Decoder => &[NEVER, NO_PROGRAM, NO_TALK, NO_LISTENING],
    };
    let numbers = lists.iter().copied().flatten().filter_map(|call| call.number(arch));
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = numbers.map(|number| (number, Vec::new())).collect();
    if !role.starts_others() {
        let sockets = (role == Role::Front && listens).then_some(&SOCKETS);
        for (call, misuses) in MISUSES.iter().chain(sockets) {
            let Some(number) = call.number(arch) else { continue };
            rules.insert(number, misused(misuses)?);
        }
    }
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, SeccompAction::KillProcess, arch)?;
    let mut program = BpfProgram::try_from(filter)?;
    if arch == TargetArch::x86_64 {
        program.splice(0..0, no_x32());
    }
    Ok(program)
}

/// Death for changing files.
fn traceless(arch: TargetArch) -> Result<BpfProgram, BackendError> {
    let numbers = NO_TRACES.iter().filter_map(|call| call.number(arch));
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = numbers.map(|number| (number, Vec::new())).collect();
    for (call, misuses) in WRITES {
        let Some(number) = call.number(arch) else { continue };
        rules.insert(number, misused(misuses)?);
    }
    BpfProgram::try_from(SeccompFilter::new(rules, SeccompAction::Allow, SeccompAction::KillProcess, arch)?)
}

/// Each of them is deadly by itself.
fn misused(misuses: &[Misuse]) -> Result<Vec<SeccompRule>, BackendError> {
    let mut rules = Vec::new();
    for misuse in misuses {
        match *misuse {
            // Addresses have 64 bits.
            Misuse::Set(argument) => {
                let set = SeccompCondition::new(argument, SeccompCmpArgLen::Qword, SeccompCmpOp::Ne, 0)?;
                rules.push(SeccompRule::new(vec![set])?);
            }
            Misuse::Bits(argument, bits, are) => rules.push(SeccompRule::new(vec![masked(argument, bits, are)?])?),
            Misuse::Any(argument, bits) => {
                for bit in (0..u32::BITS).map(|bit| 1 << bit).filter(|bit| bits & bit != 0) {
                    rules.push(SeccompRule::new(vec![masked(argument, bit, bit)?])?);
                }
            }
            Misuse::Other(argument, than) => {
                let none = |&one: &u32| condition(argument, SeccompCmpOp::Ne, one);
                rules.push(SeccompRule::new(than.iter().map(none).collect::<Result<_, _>>()?)?);
            }
        }
    }
    Ok(rules)
}

fn not_there(arch: TargetArch) -> Result<BpfProgram, BackendError> {
    let rules = NOT_THERE.number(arch).map(|number| (number, Vec::new())).into_iter().collect();
    let none = SeccompAction::Errno(rustix::io::Errno::NOSYS.raw_os_error().unsigned_abs());
    BpfProgram::try_from(SeccompFilter::new(rules, SeccompAction::Allow, none, arch)?)
}

fn frames_only(role: Role, reopens: bool, arch: TargetArch) -> Result<BpfProgram, BackendError> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = BTreeMap::new();
    let with_jobs = if role == Role::Decoder { WITH_JOBS } else { &[] };
    for (call, when) in WITH_FRAMES.iter().chain(with_jobs) {
        let Some(number) = call.number(arch) else { continue };
        let rule = match *when {
            When::Always => Vec::new(),
            When::Reopening if !reopens => continue,
            When::Reopening => reading(call)?,
            When::AbortingItself => aborting_itself()?,
            When::Is(argument, values) => {
                let is = |&value: &u32| SeccompRule::new(vec![condition(argument, SeccompCmpOp::Eq, value)?]);
                values.iter().map(is).collect::<Result<_, _>>()?
            }
            When::Without(argument, bits) => {
                vec![SeccompRule::new(vec![masked(argument, bits, 0)?])?]
            }
        };
        // More rules than one are more ways to be allowed.
        rules.entry(number).or_default().extend(rule);
    }
    let denied = SeccompAction::Errno(rustix::io::Errno::PERM.raw_os_error().unsigned_abs());
    BpfProgram::try_from(SeccompFilter::new(rules, denied, SeccompAction::Allow, arch)?)
}

/// To open for reading, and to list what is open.
fn reading(call: &Call) -> Result<Vec<SeccompRule>, BackendError> {
    if call.name != "openat" {
        return Ok(Vec::new());
    }
    Ok(vec![SeccompRule::new(vec![masked(2, TO_WRITE, 0)?])?])
}

/// A signal to a thread of this process, and that signal. The process, its thread, the signal: in this order.
fn aborting_itself() -> Result<Vec<SeccompRule>, BackendError> {
    let itself = condition(0, SeccompCmpOp::Eq, std::process::id())?;
    let aborts = condition(2, SeccompCmpOp::Eq, rustix::process::Signal::ABORT.as_raw().unsigned_abs())?;
    Ok(vec![SeccompRule::new(vec![itself, aborts])?])
}

/// These bits of an argument are this.
fn masked(argument: u8, bits: u32, are: u32) -> Result<SeccompCondition, BackendError> {
    condition(argument, SeccompCmpOp::MaskedEq(u64::from(bits)), are)
}

fn condition(argument: u8, operator: SeccompCmpOp, value: u32) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator, u64::from(value))
}

/// x86-64 has the calls of another interface, x32, under the same mark of the architecture and numbers with bit 30 set: a list
/// of numbers that are refused would not see them.
fn no_x32() -> [sock_filter; 3] {
    const LOAD: u16 = 0x20;
    const JUMP_IF_AT_LEAST: u16 = 0x35;
    const RETURN: u16 = 0x06;
    const KILL_PROCESS: u32 = 0x8000_0000;
    [
        sock_filter { code: LOAD, jt: 0, jf: 0, k: 0 },
        sock_filter { code: JUMP_IF_AT_LEAST, jt: 0, jf: 1, k: 0x4000_0000 },
        sock_filter { code: RETURN, jt: 0, jf: 0, k: KILL_PROCESS },
    ]
}

#[cfg(test)]
#[path = "filter_tests.rs"]
mod tests;
