//! Where ONNX Runtime may lie, in the order in which it is looked for.
//!
//! **Invariant.** No address of the machine that built the program is in the program: the build tree is found from
//! where the program lies.

use std::path::{Path, PathBuf};

use crate::provision::{FOLDER, LIBRARY, LOCK, library_in};

/// Why a place is looked at, and the file there.
pub(crate) type Place = (&'static str, PathBuf);

/// What decides where to look.
#[derive(Clone, Debug, Default)]
pub(crate) struct Places {
    named: Option<PathBuf>,
    program: Option<PathBuf>,
    folder: Option<PathBuf>,
    system: Vec<PathBuf>,
}

impl Places {
    /// From the environment and the place of the program.
    pub(crate) fn of_this_process() -> Self {
        let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let multiarch = format!("/usr/lib/{}-linux-gnu", std::env::consts::ARCH);
        Self {
            named: variable("ORT_DYLIB_PATH"),
            program: std::env::current_exe().ok(),
            folder: variable("FROSTGLASS_RUNTIME_DIR"),
            system: vec!["/usr/local/lib".into(), multiarch.into(), "/usr/lib".into()],
        }
    }

    /// Whether the user named a file, which then is the only place.
    pub(crate) fn is_named_by_user(&self) -> bool {
        self.named.is_some()
    }

    /// All places, the first to be tried first.
    pub(crate) fn in_order(&self) -> Vec<Place> {
        if let Some(named) = &self.named {
            return vec![("ORT_DYLIB_PATH", named.clone())];
        }
        let mut places = Vec::new();
        if let Some(home) = self.program.as_deref().and_then(Path::parent) {
            places.push(("beside the program", home.join(LIBRARY)));
            places.push(("installed with the program", home.join("../lib/frostglass").join(LIBRARY)));
        }
        if let Some(folder) = &self.folder {
            places.push(("FROSTGLASS_RUNTIME_DIR", library_in(folder, std::env::consts::ARCH)));
        }
        if let Some(clone) = self.program.as_deref().and_then(clone_above) {
            places.push(("fetched by the build", library_in(&clone.join(FOLDER), std::env::consts::ARCH)));
        }
        places.extend(self.system.iter().map(|folder| ("system", folder.join(LIBRARY))));
        places
    }
}

/// The clone in which the program was built, if its build folder lies there.
fn clone_above(program: &Path) -> Option<&Path> {
    program.ancestors().find(|folder| folder.join(LOCK).is_file())
}

#[cfg(test)]
impl Places {
    /// As for a program in a clone at `root`.
    pub(crate) fn for_test(root: &Path) -> Self {
        std::fs::create_dir_all(root.join("runtime")).unwrap();
        std::fs::write(root.join(LOCK), "").unwrap();
        Self {
            named: None,
            program: Some(root.join("target/debug/deps/program")),
            folder: Some(root.join("elsewhere")),
            system: vec![root.join("usr/lib")],
        }
    }

    pub(crate) fn named(path: &Path) -> Self {
        Self { named: Some(path.to_owned()), ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_named_library_is_the_only_place() {
        let places = Places { folder: Some("/somewhere".into()), ..Places::named(Path::new("/own/lib.so")) };
        assert_eq!(places.in_order(), [("ORT_DYLIB_PATH", PathBuf::from("/own/lib.so"))]);
    }

    #[test]
    fn the_clone_is_found_from_where_the_program_lies() {
        let root = tempfile::tempdir().unwrap();
        let places = Places::for_test(root.path());
        let order: Vec<_> = places.in_order().into_iter().map(|(why, _)| why).collect();
        assert_eq!(
            order,
            [
                "beside the program",
                "installed with the program",
                "FROSTGLASS_RUNTIME_DIR",
                "fetched by the build",
                "system"
            ]
        );
        assert!(places.in_order()[3].1.starts_with(root.path().join(FOLDER)));
    }
}
