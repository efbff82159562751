//! Files that another process opened, for one behind walls, which opens none.
//!
//! **Invariant.** While a file is handed over under a name, whoever opens that name here gets it, from its beginning.

use std::fs::File;
use std::io::{self, Seek};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

static HANDED: Mutex<Vec<(PathBuf, Arc<File>)>> = Mutex::new(Vec::new());

/// A file that is there under its name until this goes.
#[derive(Debug)]
pub(crate) struct Handed(Arc<File>);

/// Has a file stand under the name that it has for people.
pub(crate) fn hand_over(name: &Path, file: File) -> Handed {
    let file = Arc::new(file);
    handed().push((name.to_owned(), Arc::clone(&file)));
    Handed(file)
}

/// Opens what was handed over under this name, or else what the system has under it.
///
/// All who open the former share one place in it: one reads after the other.
pub(super) fn open(path: &Path) -> io::Result<File> {
    let mut file = match handed().iter().rfind(|(name, _)| name == path) {
        Some((_, file)) => file.try_clone()?,
        None => return File::open(path),
    };
    file.rewind()?;
    Ok(file)
}

impl Drop for Handed {
    fn drop(&mut self) {
        handed().retain(|(_, file)| !Arc::ptr_eq(file, &self.0));
    }
}

fn handed() -> MutexGuard<'static, Vec<(PathBuf, Arc<File>)>> {
    // A list is whole between two calls.
    HANDED.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::super::testing::file;
    use super::*;

    #[test]
    fn a_file_is_there_under_its_name_from_its_beginning_until_it_is_taken_back() {
        let (_folder, path) = file("a", b"inside");
        let name = path.with_file_name("is not there");
        let read = || {
            let mut text = String::new();
            open(&name).and_then(|mut file| file.read_to_string(&mut text)).map(|_| text).ok()
        };
        assert_eq!(read(), None);
        let handed = hand_over(&name, File::open(&path).unwrap());
        assert_eq!([read(), read()], [Some("inside".to_owned()), Some("inside".to_owned())]);
        drop(handed);
        assert_eq!(read(), None);
    }
}
