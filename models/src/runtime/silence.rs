//! The engine's own telemetry, switched off before the engine is there.
//!
//! **Invariant.** No library is loaded while its telemetry could start. From 1.3x on, ONNX Runtime for Linux brings a client
//! that keeps a store and a device number in the user's cache folder and could report to its maker; it opens them when the
//! environment is made, before a program can say no through the interface. One variable stops it before that.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

use super::RuntimeError;

/// ONNX Runtime looks at it when it makes its environment.
const VARIABLE: &str = "ORT_DISABLE_TELEMETRY";

/// Makes sure that the engine's telemetry is off in this process: if it is not, the program executes itself again with the
/// variable set, same arguments, same descriptors. Call it first in `main`, when no thread and no file is there yet.
///
/// # Errors
/// When the system refuses to execute the program again. [`Runtime::load`](super::Runtime::load) then refuses, too.
pub fn silence_engine() -> io::Result<()> {
    if is_silenced() {
        return Ok(());
    }
    let mut words = std::env::args_os();
    let name = words.next().unwrap_or_default();
    // It comes back only when it failed.
    Err(Command::new("/proc/self/exe").arg0(name).args(words).env(VARIABLE, "1").exec())
}

/// Refuses an engine that would not be silent.
pub(super) fn check() -> Result<(), RuntimeError> {
    if is_silenced() { Ok(()) } else { Err(RuntimeError::Telemetry) }
}

fn is_silenced() -> bool {
    std::env::var_os(VARIABLE).is_some_and(|value| value == "1")
}
