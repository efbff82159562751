//! No files, by Landlock.
//!
//! **Invariant.** After [`leave`] this thread, and the threads that it starts, open nothing but what is named, for reading; they
//! connect to no TCP port, and send no signal to a process outside.

use std::path::PathBuf;

use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, LandlockStatus, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetStatus, Scope, path_beneath_rules,
};

/// What may still be read: the folder or clip of a source that opens files as it goes. A camera has none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reach(pub(crate) Vec<PathBuf>);

impl Reach {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// What this is written for: Linux 6.10 forbids requests to devices, 6.12 signals to others.
const WISHED: ABI = ABI::V6;

/// Leaves this thread no files but those in reach.
///
/// # Errors
/// What is weaker, and why: the kernel has no Landlock, or an older one. What an older one has stands all the same.
pub(super) fn leave(reach: &Reach) -> Result<(), String> {
    let read = AccessFs::from_read(WISHED);
    let ruled = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(WISHED))
        .and_then(|rules| rules.handle_access(AccessNet::from_all(WISHED)))
        .and_then(|rules| rules.scope(Scope::from_all(WISHED)))
        .and_then(Ruleset::create)
        .and_then(|rules| rules.add_rules(path_beneath_rules(&reach.0, read)))
        .and_then(landlock::RulesetCreated::restrict_self);
    let status = ruled.map_err(|error| error.to_string())?;
    match (status.ruleset, status.landlock) {
        (RulesetStatus::FullyEnforced, _) => Ok(()),
        (RulesetStatus::NotEnforced, LandlockStatus::NotEnabled) => {
            Err("this kernel has Landlock, but it is not switched on (boot with lsm=landlock,...)".to_owned())
        }
        (RulesetStatus::NotEnforced, _) => {
            Err("this kernel has no Landlock (Linux 5.13 and later can have it)".to_owned())
        }
        (_, LandlockStatus::Available { effective_abi, .. }) => Err(format!(
            "this kernel knows only version {effective_abi} of Landlock, of {WISHED}; what that has stands"
        )),
        _ => Err("they stand in part".to_owned()),
    }
}
