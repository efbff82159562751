//! The door-frame for the walls around each process: where they go up, and what is missing.
//!
//! **Invariant.** Each process calls [`enter`] at each of its [`Stage`]s, and says in every health message which walls it
//! stands without. A wall that the system refuses is named, never passed over.
//!
//! What stands today: no process can gain privileges, and pixel process and front leave no core dump and let no other
//! process of the same user read their memory. Filters of system calls and of files are not there yet, and are named as
//! missing.

use rustix::process::{DumpableBehavior, Resource, Rlimit};

/// Which process this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Starts the others.
    Supervisor,
    /// Sees the sensor.
    Pixel,
    /// Has the network and the disk.
    Front,
}

/// Where in its start a process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Nothing from outside was read yet: no library of an engine, no network file, no frame.
    Start,
    /// Libraries and files are read, devices are open; no thread was started yet.
    BeforeThreads,
    /// Everything is up, and the first frame is not read.
    BeforeFrames,
}

/// Puts up the walls that belong to this stage of this process, and gives the names of those that are missing.
#[must_use]
pub fn enter(role: Role, stage: Stage) -> Vec<String> {
    let mut missing = Vec::new();
    let mut note = |stands: bool, wall: &str| {
        if !stands {
            missing.push(wall.to_owned());
        }
    };
    match stage {
        Stage::Start => {
            note(rustix::thread::set_no_new_privs(true).is_ok(), "no new privileges");
            if role != Role::Supervisor {
                let none = Rlimit { current: Some(0), maximum: Some(0) };
                let undumpable = rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable).is_ok();
                note(undumpable && rustix::process::setrlimit(Resource::Core, none).is_ok(), "no core dump");
            }
        }
        Stage::BeforeThreads => note(false, "landlock"),
        Stage::BeforeFrames => note(false, "seccomp"),
    }
    missing
}
