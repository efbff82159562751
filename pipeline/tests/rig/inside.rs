//! What the cases in the guest share: cameras opened by the library, the program running, and the drivers' buttons.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use frostglass::capture::camera::{self, Camera, Opened};
use frostglass::capture::{CaptureError, Source};
use frostglass::clock::SystemClock;
use frostglass::config::{self, Config};
use frostglass::metrics::Metrics;
use frostglass::v4l2::{Device, Kind, Layout};
use frostglass_vault::{Pool, Stamp, Zones};
use serde_json::Value;

/// Ten times what anything here needs.
pub(crate) const LONG: Duration = Duration::from_secs(60);

/// Whether this is the guest.
pub(crate) fn is_here() -> bool {
    std::env::var_os("FROSTGLASS_RIG_INSIDE").is_some()
}

/// The `[camera]` part of a config.
pub(crate) fn wish(text: &str) -> config::Camera {
    Config::prove(&format!("[camera]\n{text}"), "a test", Path::new("/tmp")).unwrap().camera
}

/// Sets a control of a device, such as `test_pattern=0`.
pub(crate) fn control(device: &str, setting: &str) {
    let done = Command::new("v4l2-ctl").args(["-d", device, "-c", setting]).output().unwrap();
    assert!(done.status.success() && done.stderr.is_empty(), "{setting}: {}", String::from_utf8_lossy(&done.stderr));
}

/// The input of vivid that is a webcam; and a pattern that is the same in each frame.
pub(crate) fn steady(device: &str) {
    assert!(Command::new("v4l2-ctl").args(["-d", device, "-i", "0"]).output().unwrap().status.success());
    control(device, "osd_text_mode=2,test_pattern=0");
}

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

/// A camera of the library, and its frames.
pub(crate) struct Eye {
    pub(crate) camera: Box<dyn Source>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) notes: Vec<String>,
    pool: Pool,
}

/// Three packed planes, and the time since the first frame.
pub(crate) struct Frame {
    pub(crate) planes: [Vec<u8>; 3],
    pub(crate) time: Duration,
}

pub(crate) fn open(wish: &config::Camera, before: Option<&str>) -> Result<Opened, (CaptureError, Arc<Metrics>)> {
    let metrics = Arc::new(Metrics::default());
    camera::open(wish, before, None, Arc::new(SystemClock::start()), metrics.clone()).map_err(|error| (error, metrics))
}

impl Eye {
    pub(crate) fn open(text: &str) -> Self {
        Self::turned(text, |camera| Box::new(camera))
    }

    pub(crate) fn turned(text: &str, turn: impl Fn(Camera<Device>) -> Box<dyn Source>) -> Self {
        let metrics = Arc::new(Metrics::default());
        let opened = camera::open(&wish(text), None, None, Arc::new(SystemClock::start()), metrics.clone()).unwrap();
        let camera = turn(opened.source);
        let pool = Pool::new(camera.format(), 1);
        Self { camera, metrics, notes: opened.notes, pool }
    }

    /// A device in a layout that was set by hand.
    pub(crate) fn of(device: Device, kind: Kind, layout: &Layout) -> Self {
        let (clock, metrics) = (Arc::new(SystemClock::start()), Arc::new(Metrics::default()));
        let camera = Camera::start("/dev/video0", device, kind, layout, clock, metrics.clone()).unwrap();
        let pool = Pool::new(camera.format(), 1);
        Self { camera: Box::new(camera), metrics, notes: Vec::new(), pool }
    }

    /// The next frame, or how it failed; waits as long as it takes.
    pub(crate) fn next(&mut self) -> Result<Option<Frame>, CaptureError> {
        loop {
            let mut blank = self.pool.blank().unwrap();
            match self.camera.read(&mut blank) {
                Err(CaptureError::NotYet { .. }) => {}
                Err(error) => return Err(error),
                Ok(None) => return Ok(None),
                Ok(Some(time)) => {
                    let look = blank.expose(Stamp { sequence: 0, time }, &Zones::none()).lend();
                    let planes = [0, 1, 2].map(|plane| look.picture().plane(plane).bytes.to_vec());
                    return Ok(Some(Frame { planes, time }));
                }
            }
        }
    }
}

/// `frostglass run`, with its events in a file.
pub(crate) struct Running {
    child: Child,
    pub(crate) folder: PathBuf,
}

impl Running {
    pub(crate) fn start(name: &str, config: &str) -> Self {
        let folder = Path::new("/tmp").join(name);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("camera.toml"), config).unwrap();
        let told = fs::File::create(folder.join("told")).unwrap();
        let mut command = Command::new(assert_cmd::cargo::cargo_bin("frostglass"));
        command.arg("run").arg("--config").arg(folder.join("camera.toml")).current_dir(&folder);
        let child = command.stdout(Stdio::null()).stderr(told).spawn().unwrap();
        Self { child, folder }
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

    /// Process number of the pixel process or the front.
    pub(crate) fn part(&self, name: &str) -> Option<u32> {
        let parts = fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| {
            let number: u32 = entry.file_name().to_str()?.parse().ok()?;
            let line = fs::read_to_string(entry.path().join("cmdline")).ok()?;
            line.split('\0').any(|word| word == name).then_some(number)
        });
        parts.min()
    }

    /// Ends it as Ctrl-C does, and sees that it ended well.
    pub(crate) fn end(mut self) -> String {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
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
