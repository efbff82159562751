//! Where the ways out are in the file system, and whether they are still there.
//!
//! **Invariant.** A wall is bound to what is there when it goes up, and not to its name: so that what a way out needs is made
//! before, and a way out whose file, folder or device was replaced by another can say so. Then it takes a new front.

use std::fs::OpenOptions;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::config::{Config, Target};
use crate::sandbox::Reach;

/// What a way out opens by its name, again after each fault.
#[derive(Debug)]
pub(super) struct Place {
    path: PathBuf,
    kind: Kind,
    /// Device and inode of what was there when walls went up.
    seen: Option<(u64, u64)>,
}

/// What is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A file that is made when it is missing.
    File,
    /// A folder that is made when it is missing.
    Folder,
    /// A device, which somebody else makes.
    Device,
}

impl Place {
    pub(super) fn new(path: &Path, kind: Kind) -> Self {
        Self { path: path.to_owned(), kind, seen: None }
    }

    /// Makes what is missing, and notes what is there. What can not be made is told by whoever opens it.
    pub(super) fn prepare(&mut self) {
        if let (Kind::File, Some(folder)) = (self.kind, self.path.parent()) {
            let _ = std::fs::create_dir_all(folder);
        }
        let _ = match self.kind {
            Kind::File if !self.path.exists() => {
                OpenOptions::new().append(true).create_new(true).open(&self.path).map(drop)
            }
            Kind::Folder => std::fs::create_dir_all(&self.path),
            _ => Ok(()),
        };
        self.seen = self.now();
    }

    /// Whether something else is there now, or nothing where something has to be made: both are out of reach.
    pub(super) fn is_other(&self) -> bool {
        match self.now() {
            // What could not be made at the start will not be the next time either.
            None => self.kind != Kind::Device && self.seen.is_some(),
            now => now != self.seen,
        }
    }

    fn now(&self) -> Option<(u64, u64)> {
        std::fs::metadata(&self.path).ok().map(|found| (found.dev(), found.ino()))
    }

    fn join(&self, reach: &mut Reach) {
        let list = if self.kind == Kind::Folder { &mut reach.fill } else { &mut reach.write };
        list.push(self.path.clone());
    }
}

/// Of the whole processor's temperature; the second is where the links of the first lead.
const SENSORS: [&str; 2] = ["/sys/class/thermal", "/sys/devices/virtual/thermal"];

/// All that a front with these places and this config reaches. What it opened before, such as a Y4M file, it has.
pub(super) fn reach<'a>(config: &Config, places: impl Iterator<Item = &'a mut Place>) -> Reach {
    let read = SENSORS.map(PathBuf::from).to_vec();
    let mut reach = Reach { read, listen: config.emit.http.map(|address| address.port()), ..Reach::default() };
    for place in places {
        place.prepare();
        place.join(&mut reach);
    }
    reach
}

/// The place of a target, if it is one in the file system.
pub(super) fn of_target(target: &Target) -> Option<Place> {
    match target {
        Target::Stdout => None,
        Target::File(path) => Some(Place::new(path, Kind::File)),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_was_replaced_or_taken_away_is_another() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.jsonl");
        let mut place = Place::new(&path, Kind::File);
        place.prepare();
        assert!(path.exists() && !place.is_other());
        fs::write(&path, "more").unwrap();
        assert!(!place.is_other(), "it is the same file");
        fs::rename(&path, folder.path().join("events.1")).unwrap();
        assert!(place.is_other(), "nothing is there, and something would have to be made");
        fs::write(&path, "").unwrap();
        assert!(place.is_other(), "a file of the same name");
    }

    #[test]
    fn a_device_that_is_away_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("video10");
        fs::write(&path, "").unwrap();
        let mut place = Place::new(&path, Kind::Device);
        place.prepare();
        fs::rename(&path, folder.path().join("elsewhere")).unwrap();
        assert!(!place.is_other());
        fs::write(&path, "").unwrap();
        assert!(place.is_other());
    }
}
