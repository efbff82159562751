//! No files but named ones, by Landlock.
//!
//! **Invariant.** After [`leave`] this thread, and the threads that it starts, reach in the file system what is named and nothing
//! else; they listen on the one TCP port that is named, connect to none, and send no signal to a process outside.
//!
//! What is named is bound to what is there at that moment: a file that is replaced by another of its name is out of reach.

use std::path::PathBuf;

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, LandlockStatus, NetPort, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetStatus, Scope, path_beneath_rules,
};

/// What may still be reached. A camera's pixel process reaches nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reach {
    /// Files, and folders with all that is in them, to read.
    pub(crate) read: Vec<PathBuf>,
    /// Files and devices that are there, to read and to write.
    pub(crate) write: Vec<PathBuf>,
    /// Folders in which files are made, replaced and removed.
    pub(crate) fill: Vec<PathBuf>,
    /// Numbers of the video devices that may be open when frames come.
    pub(crate) cameras: Vec<u64>,
    /// Whether files are opened when frames come already: by a clip that is repeated, or a folder.
    pub(crate) reopens: bool,
    /// Whether what can be read can be executed, too.
    pub(crate) programs: bool,
    /// The TCP port to listen on; 0 is any.
    pub(crate) listen: Option<u16>,
}

/// What this is written for: Linux 6.10 forbids requests to devices, 6.12 signals to others.
const WISHED: ABI = ABI::V6;

/// Leaves this thread no files but those in reach.
///
/// # Errors
/// What is weaker, and why: the kernel has no Landlock, or an older one. What an older one has stands all the same.
pub(super) fn leave(reach: &Reach) -> Result<(), String> {
    let mut read = AccessFs::from_read(WISHED);
    if !reach.programs {
        read &= !BitFlags::from(AccessFs::Execute);
    }
    let write = AccessFs::ReadFile | AccessFs::WriteFile | AccessFs::Truncate | AccessFs::IoctlDev;
    let fill = AccessFs::ReadFile
        | AccessFs::ReadDir
        | AccessFs::WriteFile
        | AccessFs::Truncate
        | AccessFs::MakeReg
        | AccessFs::MakeDir
        | AccessFs::RemoveFile
        | AccessFs::Refer;
    let ports = reach.listen.map(|port| Ok::<_, landlock::RulesetError>(NetPort::new(port, AccessNet::BindTcp)));
    let ruled = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(WISHED))
        .and_then(|rules| rules.handle_access(AccessNet::from_all(WISHED)))
        .and_then(|rules| rules.scope(Scope::from_all(WISHED)))
        .and_then(Ruleset::create)
        .and_then(|rules| rules.add_rules(path_beneath_rules(&reach.read, read)))
        .and_then(|rules| rules.add_rules(path_beneath_rules(&reach.write, write)))
        .and_then(|rules| rules.add_rules(path_beneath_rules(&reach.fill, fill)))
        .and_then(|rules| rules.add_rules(ports))
        .and_then(landlock::RulesetCreated::restrict_self);
    let status = ruled.map_err(|error| error.to_string())?;
    match (status.ruleset, status.landlock) {
        (RulesetStatus::FullyEnforced, _) => Ok(()),
        (RulesetStatus::NotEnforced, LandlockStatus::NotEnabled) => {
            Err("this kernel has Landlock, but it is not switched on (boot with lsm=landlock,...)".to_owned())
        }
        (RulesetStatus::NotEnforced, _) => Err(
            "this kernel has no Landlock; Linux 5.13 and later can have it: build it with CONFIG_SECURITY_LANDLOCK=y"
                .to_owned(),
        ),
        (_, LandlockStatus::Available { effective_abi, .. }) => Err(format!(
            "this kernel knows only version {effective_abi} of Landlock, of {WISHED}; what that has stands"
        )),
        _ => Err("they stand in part".to_owned()),
    }
}
