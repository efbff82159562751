//! What the cases in the guest share: cameras opened by the library, and the drivers' buttons.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use frostglass::capture::camera::{self, Camera, Opened};
use frostglass::capture::{CaptureError, Source};
use frostglass::clock::SystemClock;
use frostglass::config::{self, Config};
use frostglass::metrics::Metrics;
use frostglass::v4l2::{Device, Kind, Layout};
use frostglass_vault::{Pool, Stamp, Zones};

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
