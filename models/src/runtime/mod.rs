//! ONNX Runtime: found, proved to be the pinned library, loaded once a process.
//!
//! **Invariant.** A library is loaded only when its SHA-256 is the pinned one, or when the user named it in
//! `ORT_DYLIB_PATH`; then it is shown as unpinned. Where it is looked for is [`search`]'s business, how it comes
//! there [`crate::provision`]'s.

mod search;
mod silence;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use ort::environment::Environment;

use crate::provision::{self, CURE, Pin};
pub(crate) use search::Places;
pub use silence::silence_engine;

/// The pins, as they stood when the program was built.
const PINS: &str = include_str!("../../../runtime/onnxruntime.lock");

/// The engine that runs the networks. Cloning it is cheap; a process has one.
#[derive(Clone, Debug)]
pub struct Runtime {
    path: Arc<Path>,
    sha256: Arc<str>,
    pinned: bool,
    environment: Environment,
}

/// ONNX Runtime takes one environment a process, so whoever comes second gets the first one's.
static LOADED: Mutex<Option<Runtime>> = Mutex::new(None);

impl Runtime {
    /// Finds the library, checks its hash, and loads it. The second call in a process gives the same engine again.
    ///
    /// # Errors
    /// When there is no library, when it is not the pinned one, when it can not be loaded, or when its telemetry is not
    /// switched off (see [`silence_engine`]).
    pub fn load() -> Result<Self, RuntimeError> {
        let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(runtime) = &*loaded {
            return Ok(runtime.clone());
        }
        silence::check()?;
        let library = Library::prove(&Places::of_this_process())?;
        let failed = |path: &Path, why: String| RuntimeError::Load { path: path.to_owned(), why };
        let environment = ort::init_from(&library.path)
            .map_err(|error| failed(&library.path, error.to_string()))?
            .with_name("frostglass")
            .with_telemetry(false)
            .build()
            .map_err(|error| failed(&library.path, error.to_string()))?;
        environment.set_log_level(ort::logging::LogLevel::Error);
        let Library { path, sha256, pinned } = library;
        let runtime = Self { path: path.into(), sha256: sha256.into(), pinned, environment };
        *loaded = Some(runtime.clone());
        Ok(runtime)
    }

    /// SHA-256 of the library that [`load`](Self::load) would load now, in lower-case hexadecimal; it is read and not loaded.
    ///
    /// # Errors
    /// When there is none, or not the pinned one.
    pub fn sha256_of_what_is_found() -> Result<String, RuntimeError> {
        Library::prove(&Places::of_this_process()).map(|library| library.sha256)
    }

    /// The library's file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it is the library that `runtime/onnxruntime.lock` names. `false` only with `ORT_DYLIB_PATH`.
    #[must_use]
    pub fn is_pinned(&self) -> bool {
        self.pinned
    }

    /// SHA-256 of the library, in lower-case hexadecimal.
    #[must_use]
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// The engine's environment, for a tool that runs a network of its user's own, which is no detector.
    #[must_use]
    pub fn environment(&self) -> &Environment {
        &self.environment
    }
}

/// Why there is no engine.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// No library anywhere.
    #[error(
        "ONNX Runtime (libonnxruntime.so) was not found. Looked at:\n{}Cure: `{CURE}` in the clone; for a \
         program that lies elsewhere, set FROSTGLASS_RUNTIME_DIR to the clone's runtime/lib",
        list(looked_at)
    )]
    Missing {
        /// Why each place was looked at, and the place.
        looked_at: Vec<(&'static str, PathBuf)>,
    },
    /// The engine would open a store of its own, and could report to its maker.
    #[error(
        "ONNX Runtime's telemetry is not switched off: set ORT_DISABLE_TELEMETRY=1 for this process, or call \
         frostglass_models::silence_engine() first in main"
    )]
    Telemetry,
    /// The library is not the pinned one.
    #[error(
        "{}: SHA-256 is {found}, expected {pinned}: this is not the ONNX Runtime that was tested. Cure: `{CURE}`, or \
         name a library of your own in ORT_DYLIB_PATH",
        path.display()
    )]
    Altered {
        /// The library.
        path: PathBuf,
        /// Its hash.
        found: String,
        /// The hash in `runtime/onnxruntime.lock`, or why there is none.
        pinned: String,
    },
    /// The library can not be read.
    #[error("{}: cannot read ONNX Runtime", path.display())]
    Read {
        /// The library.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The system, or the engine itself, refused.
    #[error("{}: cannot load ONNX Runtime: {why}", path.display())]
    Load {
        /// The library.
        path: PathBuf,
        /// What was said.
        why: String,
    },
}

fn list(places: &[(&'static str, PathBuf)]) -> String {
    places.iter().map(|(why, path)| format!("  {}  ({why})\n", path.display())).collect()
}

/// A library that may be loaded.
#[derive(Debug)]
struct Library {
    path: PathBuf,
    sha256: String,
    pinned: bool,
}

impl Library {
    /// The first library that is there, if it may be loaded. A wrong one is never passed over: it was put there.
    fn prove(places: &Places) -> Result<Self, RuntimeError> {
        let looked_at = places.in_order();
        let Some((_, path)) = looked_at.iter().find(|(_, path)| path.is_file()) else {
            return Err(RuntimeError::Missing { looked_at });
        };
        let bytes = std::fs::read(path).map_err(|source| RuntimeError::Read { path: path.clone(), source })?;
        let sha256 = provision::sha256(&bytes);
        let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
        let pin = Pin::find(PINS, &target);
        let pinned = pin.is_some_and(|pin| pin.library_sha256 == sha256);
        if !pinned && !places.is_named_by_user() {
            let pinned =
                pin.map_or_else(|| format!("none: {target} is not pinned"), |pin| pin.library_sha256.to_owned());
            return Err(RuntimeError::Altered { path: path.clone(), found: sha256, pinned });
        }
        Ok(Self { path: path.clone(), sha256, pinned })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_runtime_loads_twice_and_is_the_pinned_one() {
        let first = Runtime::load().unwrap_or_else(|error| panic!("{error}"));
        let second = Runtime::load().unwrap();
        assert_eq!(first.path(), second.path());
        if std::env::var_os("ORT_DYLIB_PATH").is_none() {
            assert!(first.is_pinned());
            assert_eq!(Runtime::sha256_of_what_is_found().unwrap(), first.sha256());
            assert!(PINS.contains(first.sha256()));
        }
    }

    #[test]
    fn a_missing_runtime_lists_every_place_and_the_cure() {
        let empty = tempfile::tempdir().unwrap();
        let places = Places::for_test(empty.path());
        let message = Library::prove(&places).unwrap_err().to_string();
        for (_, path) in places.in_order() {
            assert!(message.contains(&path.display().to_string()), "{message}");
        }
        assert!(message.contains(CURE), "{message}");
    }

    #[test]
    fn an_altered_runtime_is_refused_unless_the_user_named_it() {
        let folder = tempfile::tempdir().unwrap();
        let places = Places::for_test(folder.path());
        let (_, path) = places.in_order().swap_remove(0);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, b"something else").unwrap();
        let message = Library::prove(&places).unwrap_err().to_string();
        assert!(message.contains(&path.display().to_string()) && message.contains(CURE), "{message}");
        assert!(message.contains(&provision::sha256(b"something else")), "{message}");

        let named = Library::prove(&Places::named(&path)).unwrap();
        assert!(!named.pinned);
    }
}
