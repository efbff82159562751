//! `frostglass run` as a child of the test, and what it tells.
#![allow(dead_code, reason = "each test file takes what it needs")]
#![allow(clippy::unwrap_used, reason = "a test may panic: that is how it fails")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};
use serde_json::Value;

/// Ten times what anything here needs.
pub(crate) const LONG: Duration = Duration::from_secs(90);

/// Waits until something is so.
pub(crate) fn wait_for<T>(what: &str, mut is: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(done) = is() {
            return done;
        }
        assert!(start.elapsed() < LONG, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// `frostglass run`, with its events in a file, or another command.
pub(crate) struct Running {
    child: Child,
    pub(crate) folder: PathBuf,
}

impl Running {
    /// Starts it in a folder, with a config that is written there as `camera.toml`.
    pub(crate) fn start(folder: impl AsRef<Path>, config: &str) -> Self {
        Self::start_with(folder, config, |_| {})
    }

    /// The same, when more has to be said of the process.
    pub(crate) fn start_with(folder: impl AsRef<Path>, config: &str, more: impl FnOnce(&mut Command)) -> Self {
        let folder = folder.as_ref().to_owned();
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("camera.toml"), config).unwrap();
        Self::command(folder, &["run", "--config", "camera.toml"], more)
    }

    /// Another command in a folder.
    pub(crate) fn command(folder: PathBuf, arguments: &[&str], more: impl FnOnce(&mut Command)) -> Self {
        let told = fs::File::create(folder.join("told")).unwrap();
        let mut command = Command::new(assert_cmd::cargo::cargo_bin("frostglass"));
        command.args(arguments).current_dir(&folder);
        command.stdout(Stdio::null()).stderr(told);
        more(&mut command);
        let child = command.spawn().unwrap();
        Self { child, folder }
    }

    /// Its standard output, where that was asked for; once.
    pub(crate) fn stdout(&mut self) -> Option<ChildStdout> {
        self.child.stdout.take()
    }

    /// Process number of the supervisor.
    pub(crate) fn id(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Another config takes the place of the one in force, as an editor does it: another file of the same name.
    pub(crate) fn replace_config(&self, text: &str) {
        fs::write(self.folder.join("new"), text).unwrap();
        fs::rename(self.folder.join("new"), self.folder.join("camera.toml")).unwrap();
    }

    /// What it told people.
    pub(crate) fn told(&self) -> String {
        fs::read_to_string(self.folder.join("told")).unwrap()
    }

    pub(crate) fn events(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.folder.join("events.jsonl")).unwrap_or_default();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// A number of the last health message.
    pub(crate) fn health(&self, key: &str) -> Option<u64> {
        self.events().iter().rev().find(|event| event["type"] == "health").and_then(|event| event[key].as_u64())
    }

    /// Waits until a number of the health messages is at least so large.
    pub(crate) fn wait_for_health(&mut self, key: &str, least: u64) -> u64 {
        let start = Instant::now();
        loop {
            if let Some(number) = self.health(key).filter(|&number| number >= least) {
                return number;
            }
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none(), "it ended, {ended:?}: {}", self.told());
            assert!(start.elapsed() < LONG, "{key} is {:?}: {}", self.health(key), self.told());
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Process number of the pixel process, the front or the decoder.
    pub(crate) fn part(&self, name: &str) -> Option<u32> {
        let parts = fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| {
            let number: u32 = entry.file_name().to_str()?.parse().ok()?;
            let line = fs::read_to_string(entry.path().join("cmdline")).ok()?;
            let status = fs::read_to_string(entry.path().join("status")).ok()?;
            let parent: u32 = status.lines().find_map(|line| line.strip_prefix("PPid:"))?.trim().parse().ok()?;
            (parent == self.child.id() && line.split('\0').any(|word| word == name)).then_some(number)
        });
        parts.min()
    }

    /// Sends a signal to it.
    pub(crate) fn signal(&self, signal: Signal) {
        rustix::process::kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Ends it as Ctrl-C does, and sees that it ended well.
    pub(crate) fn end(self) -> String {
        self.end_by(Signal::INT)
    }

    pub(crate) fn end_by(mut self, signal: Signal) -> String {
        self.signal(signal);
        let status = wait_for("its end", || self.child.try_wait().unwrap());
        let told = self.told();
        assert!(status.success(), "{status}: {told}");
        told
    }

    /// Its exit code, when it ends by itself.
    pub(crate) fn ends(mut self) -> (Option<i32>, String) {
        let status = wait_for("its end", || self.child.try_wait().unwrap());
        (status.code(), self.told())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
