//! The walls around each process: what it can not do any more, whoever has taken it over.
//!
//! **Invariant.** Walls only go up. A process puts up all that the system gives it, at fixed moments of its start; a wall that
//! the system does not give is named, in the log and in every health message. Without filters of system calls a process
//! refuses to run, for then the others are not worth much: only `--without-sandbox` runs it all the same, and is told each
//! time.
//!
//! The order, in the pixel process: no privileges and an own, empty network ([`Walls::first`]); death for what it never calls,
//! few capabilities, and nothing to write but cameras, before the engine's library, a network file or a decoder is touched
//! (`Walls::before_anything_from_outside`); no capabilities and no files at all (`Walls::before_threads`); and only the calls
//! that frames need, with nothing open that leads elsewhere (`Walls::before_frames`). The front talks and writes, but to nobody
//! who did not come to it, and only where its ways out are (`Walls::before_ways_out`); the supervisor's filter is inherited by
//! both, so that it holds what none of them needs.
//!
//! Files are redacted by two processes. The writer, which people started, opens inputs and writes outputs and nothing else
//! (`Walls::before_others`); the decoder goes the pixel process's way, opens nothing (`Walls::before_jobs`), and may beside the
//! calls that frames need only start threads and make memory to hand frames over in.
//!
//! Which calls those are stands in `calls`, the filters in `filter`, files in `files`, the rest in `limits`.

mod calls;
mod files;
mod filter;
mod limits;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::thread::CapabilitySet;

pub(crate) use self::files::Reach;
use self::filter::FilterFault;

/// Which process this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Starts the others.
    Supervisor,
    /// Sees the sensor.
    Pixel,
    /// Has the network and the disk.
    Front,
    /// Opens files to be redacted, and writes what became of them.
    Writer,
    /// Reads, looks at and redacts what the writer opened.
    Decoder,
}

impl Role {
    /// Whether it starts processes that have to be able to do more than it does itself.
    fn starts_others(self) -> bool {
        matches!(self, Self::Supervisor | Self::Writer)
    }
}

/// The walls of this process, as far as they stand.
#[derive(Debug)]
pub struct Walls {
    role: Role,
    wanted: bool,
    missing: Vec<String>,
}

/// A process can not be walled in at all.
#[derive(Debug, thiserror::Error)]
#[error("this process can not be walled in, so it does not run: {why}")]
pub struct NoWalls {
    why: String,
}

impl NoWalls {
    fn of_filters(why: impl std::fmt::Display) -> Self {
        let cure = "It takes a kernel with CONFIG_SECCOMP_FILTER, and a container that allows its use; `--without-sandbox` runs \
                    without any wall, and then whoever takes over a decoder or a network reaches all that this user may reach";
        Self { why: format!("{why}. {cure}") }
    }
}

impl From<FilterFault> for NoWalls {
    fn from(fault: FilterFault) -> Self {
        Self::of_filters(fault)
    }
}

/// Whether to start a program ends this process.
static PROGRAMS_KILL: AtomicBool = AtomicBool::new(false);

/// Whether this process may start programs. Who asks can say so to people, who would otherwise see it die.
pub(crate) fn programs_can_be_started() -> bool {
    !PROGRAMS_KILL.load(Ordering::Relaxed)
}

/// What it takes to open what other users own and to lock memory; as long as an engine is loaded and a camera is opened.
const EARLY: CapabilitySet =
    CapabilitySet::DAC_OVERRIDE.union(CapabilitySet::DAC_READ_SEARCH).union(CapabilitySet::IPC_LOCK);

/// What is said instead of the list when there are none.
const NONE: &str = "all of them (--without-sandbox)";

impl Walls {
    /// The first ones, which need that no other thread runs: no new privileges; in the pixel process also a network of its own,
    /// with nothing in it; in it and in the front no core dump, and no look into their memory by others of the same user.
    ///
    /// # Errors
    /// When privileges can be gained, so that no filter can stand.
    pub fn first(role: Role, wanted: bool) -> Result<Self, NoWalls> {
        if !wanted {
            return Ok(Self { role, wanted, missing: vec![NONE.to_owned()] });
        }
        let mut walls = Self { role, wanted, missing: Vec::new() };
        rustix::thread::set_no_new_privs(true)
            .map_err(|error| NoWalls::of_filters(format!("new privileges can not be ruled out: {error}")))?;
        // A decoder is in that of its writer.
        if matches!(role, Role::Pixel | Role::Writer) {
            walls.note("an own network", limits::own_network());
        }
        if !role.starts_others() {
            walls.note("no core dump", limits::no_core_dump());
        }
        Ok(walls)
    }

    /// Of a pixel process, before it starts ffmpeg and a thread that listens to it: neither writes a file, and of capabilities both
    /// have what it takes to read what other users own.
    pub(crate) fn before_ffmpeg(&mut self) {
        if !self.wanted {
            return;
        }
        let (read, write) = (vec![PathBuf::from("/")], vec![PathBuf::from("/dev/null")]);
        // What is missing of both is named when the rest of them follows.
        let _ = limits::no_capabilities(EARLY);
        let _ = files::leave(&Reach { read, write, programs: true, ..Reach::default() });
    }

    /// Death for what this process never calls; and where an engine or a decoder follows, few capabilities, and no files are written
    /// but those in `early`, though all are read: an engine needs its libraries. `listens`: whether it is a front that waits for
    /// connections.
    ///
    /// # Errors
    /// When the kernel takes no filter.
    pub(crate) fn before_anything_from_outside(&mut self, listens: bool, early: &Reach) -> Result<(), NoWalls> {
        if !self.wanted {
            return Ok(());
        }
        if matches!(self.role, Role::Pixel | Role::Decoder) {
            let reach = Reach { read: vec![PathBuf::from("/")], ..early.clone() };
            // What is missing of these is named when the rest of them follows.
            let _ = limits::no_capabilities(EARLY);
            let _ = limits::few_descriptors();
            let _ = files::leave(&reach);
        }
        filter::kill_for_what_is_never_called(self.role, listens)?;
        PROGRAMS_KILL.store(!self.role.starts_others(), Ordering::Relaxed);
        Ok(())
    }

    /// Of the pixel process: no capabilities, no files but those in `reach`, none that grows, no endless memory. Threads that run
    /// already are bound by the limits alone. The ring has to exist: it is a file that grew.
    pub(crate) fn before_threads(&mut self, reach: &Reach) {
        if !self.wanted {
            return;
        }
        self.note("no capabilities", limits::no_capabilities(CapabilitySet::empty()));
        self.note("no files (Landlock)", files::leave(reach));
        self.note("limits of files and memory", limits::no_growth());
    }

    /// Of the front: no capabilities but to listen on a low port and to write where another user's files are, and no files but
    /// those in `reach`. No thread may run yet, and what `reach` names has to be there.
    pub(crate) fn before_ways_out(&mut self, reach: &Reach) {
        if !self.wanted {
            return;
        }
        let kept = CapabilitySet::NET_BIND_SERVICE | CapabilitySet::DAC_OVERRIDE;
        self.note("no capabilities", limits::no_capabilities(kept));
        self.note("no files but the ways out (Landlock)", files::leave(reach));
    }

    /// Of the writer: no capabilities but to read and to write what other users have, nothing is written but in `reach`, and
    /// death for what none of those that it starts needs. No thread may run yet.
    ///
    /// # Errors
    /// When the kernel takes no filter.
    pub(crate) fn before_others(&mut self, reach: &Reach) -> Result<(), NoWalls> {
        if !self.wanted {
            return Ok(());
        }
        self.note("no capabilities", limits::no_capabilities(CapabilitySet::DAC_OVERRIDE));
        let root = PathBuf::from("/");
        // What a program is started with in the place of its input.
        let write = reach.write.iter().cloned().chain([PathBuf::from("/dev/null")]).collect();
        let reach = Reach { read: vec![root], write, programs: true, ..reach.clone() };
        self.note("nothing written but outputs (Landlock)", files::leave(&reach));
        Ok(filter::kill_for_what_is_never_called(self.role, false)?)
    }

    /// Of the decoder: no capabilities, no files but those in `reach`, no endless memory. No thread may run yet.
    pub(crate) fn before_jobs(&mut self, reach: &Reach) {
        if !self.wanted {
            return;
        }
        self.note("no capabilities", limits::no_capabilities(CapabilitySet::empty()));
        self.note("no files (Landlock)", files::leave(reach));
        self.note("limits of memory", limits::no_endless_memory());
    }

    /// The calls that frames need and no others, for all threads, all of which have to run; of the decoder, for those that it
    /// starts later as well.
    ///
    /// # Errors
    /// When the kernel takes no filter, or something is open that would lead out past the others: what was loaded before had it
    /// opened.
    pub(crate) fn before_frames(&self, reach: &Reach) -> Result<(), NoWalls> {
        if self.wanted {
            filter::allow_what_frames_need(self.role, reach.reopens)?;
            limits::no_strange_devices(&reach.cameras).map_err(|why| NoWalls { why })?;
        }
        Ok(())
    }

    /// Whether any were asked for.
    pub(crate) fn wanted(&self) -> bool {
        self.wanted
    }

    /// The names of those that are missing.
    #[must_use]
    pub fn missing(&self) -> &[String] {
        &self.missing
    }

    /// Names a wall that does not stand, if walls are wanted at all.
    pub(crate) fn note(&mut self, wall: &str, stands: Result<(), String>) {
        if let (true, Err(why)) = (self.wanted, stands) {
            self.missing.push(format!("{wall}: {why}"));
        }
    }
}

#[cfg(test)]
mod tests;
