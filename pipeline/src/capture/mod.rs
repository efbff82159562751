//! Where frames come from.
//!
//! **Invariant.** A source only fills blanks; the owner's zones are painted over before anybody else holds the
//! frame. No metadata of a file or camera comes along: what a frame carries is in [`Format`] and
//! [`Stamp`](frostglass_vault::Stamp). A frame that could not be read whole is an error, never a partly grey picture.
//!
//! [`open()`] looks at a file's first bytes ([`kind`]) and picks the reader: [`still`], [`y4m`], [`mjpeg`], MP4, and for
//! everything else the user's own [`ffmpeg`]. [`camera`] is a Video4Linux device. [`folder`] plays pictures as a clip, [`rotate`] turns frames.

use std::io;
use std::time::Duration;

use frostglass_vault::{Blank, Format, Size};

pub mod camera;
mod error;
pub mod ffmpeg;
pub mod folder;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
#[cfg(feature = "h264")]
mod h264;
pub(crate) mod handed;
mod jpeg;
pub mod kind;
pub mod mjpeg;
#[cfg(feature = "h264")]
mod mp4;
mod open;
mod paced;
pub mod rotate;
pub(crate) mod starter;
pub mod still;
pub mod y4m;

pub use error::CaptureError;
pub use kind::{Kind, kind_of};
pub use mjpeg::{FrameFault, JpegFrameDecoder};
pub(crate) use open::open_pipe;
pub(crate) use open::takes_ffmpeg;
pub use open::{Container, MovingSource, OpenOptions, Opened, open};
pub use paced::Paced;
pub use rotate::{Rotated, Turn};
pub use still::{StillContainer, StillSource, open_still};

/// A camera, a clip, a folder of pictures, a still. A trait because there are several, and replays in tests.
pub trait Source: Send {
    /// The format of every frame it will give.
    fn format(&self) -> Format;

    /// How fast the frames follow one another, if that is known.
    fn rate(&self) -> Option<Rate>;

    /// How many frames will come, if that is known: for a progress bar, not to be relied on.
    fn expected_frames(&self) -> Option<u64> {
        None
    }

    /// Fills the blank with the next frame, wholly, and tells its time since the first one; `None` at the end.
    ///
    /// # Errors
    /// When the frame could not be read whole. The blank's content is then worthless. A source that ended by a
    /// fault gives that fault once, after the last whole frame, and then `None`. Three errors do not end a source:
    /// [`CaptureError::BrokenFrame`] (that one frame is missing, the next call gives the one after it),
    /// [`CaptureError::NotYet`] (nothing came so far, call again) and [`CaptureError::WrongFormat`] (nothing was read;
    /// call again with a blank of the right format).
    fn read(&mut self, blank: &mut Blank) -> Result<Option<Duration>, CaptureError>;
}

impl<S: Source + ?Sized> Source for Box<S> {
    fn format(&self) -> Format {
        (**self).format()
    }

    fn rate(&self) -> Option<Rate> {
        (**self).rate()
    }

    fn expected_frames(&self) -> Option<u64> {
        (**self).expected_frames()
    }

    fn read(&mut self, blank: &mut Blank) -> Result<Option<Duration>, CaptureError> {
        (**self).read(blank)
    }
}

/// Frames per second as a fraction, as containers have it: 30000/1001 is exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Frames ...
    pub frames: u32,
    /// ... in so many seconds; never 0.
    pub seconds: u32,
}

impl Rate {
    /// A rate; `None` if either number is 0.
    #[must_use]
    pub fn new(frames: u32, seconds: u32) -> Option<Self> {
        (frames > 0 && seconds > 0).then_some(Self { frames, seconds })
    }

    /// When frame `index` is due, counted from frame 0; saturates after some centuries.
    #[must_use]
    pub fn time_of(self, index: u64) -> Duration {
        let frames = u128::from(self.frames.max(1));
        let nanos = u128::from(index) * u128::from(self.seconds) * 1_000_000_000 / frames;
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

/// Larger than this is refused before memory is asked for: a hostile header costs nothing.
pub const MOST_PIXELS: usize = 100_000_000;

/// Neither side may be longer: the JPEG decoder stops there.
pub const LONGEST_SIDE: u32 = 16_384;

/// Whether a picture or frame of this size is taken at all.
fn check_size(path: &str, size: Size) -> Result<(), CaptureError> {
    if size.width == 0 || size.height == 0 {
        let reason = format!("its size is {size}");
        return Err(CaptureError::Broken { path: path.to_owned(), what: "picture size", reason });
    }
    if size.width > LONGEST_SIDE || size.height > LONGEST_SIDE || size.pixels() > MOST_PIXELS {
        return Err(CaptureError::TooLarge { path: path.to_owned(), size });
    }
    Ok(())
}

/// Refuses a blank that the source cannot fill wholly.
fn check_blank(blank: &Blank, source: Format) -> Result<(), CaptureError> {
    if blank.format() == source {
        return Ok(());
    }
    Err(CaptureError::WrongFormat { source_gives: source, blank_takes: blank.format() })
}

fn io_error(path: &str, tried: &'static str) -> impl FnOnce(io::Error) -> CaptureError {
    let path = path.to_owned();
    move |source| CaptureError::Io { path, tried, source }
}

#[cfg(test)]
mod testing {
    //! What the tests of all readers share.

    use std::path::PathBuf;

    use frostglass_vault::{Pool, Stamp, Zones};

    use super::{CaptureError, Source};

    /// A file in a folder that goes away at the end of the test.
    pub(super) fn file(name: &str, bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        (folder, path)
    }

    /// Planes of a frame, and its time in milliseconds.
    pub(super) type Drained = ([Vec<u8>; 3], u128);

    /// Everything a source gives: planes and time in milliseconds of each frame, and the fault at the end.
    pub(super) fn drain(source: &mut dyn Source) -> (Vec<Drained>, Vec<CaptureError>) {
        let pool = Pool::new(source.format(), 1);
        let (mut frames, mut faults) = (Vec::new(), Vec::new());
        for _ in 0..10_000 {
            let mut blank = pool.blank().unwrap();
            match source.read(&mut blank) {
                Ok(Some(time)) => {
                    let stamp = Stamp { sequence: frames.len() as u64, time };
                    let look = blank.expose(stamp, &Zones::none()).lend();
                    let picture = look.picture();
                    frames.push(([0, 1, 2].map(|plane| picture.plane(plane).bytes.to_vec()), time.as_millis()));
                }
                Ok(None) => return (frames, faults),
                Err(fault) => faults.push(fault),
            }
        }
        panic!("the source does not end");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_counts_without_drift() {
        let ntsc = Rate::new(30_000, 1001).unwrap();
        assert_eq!(ntsc.time_of(30_000), Duration::from_secs(1001));
        assert_eq!(Rate::new(25, 1).unwrap().time_of(3), Duration::from_millis(120));
        assert_eq!(Rate::new(0, 1), None);
        assert_eq!(Rate::new(1, 0), None);
        assert_eq!(Rate::new(1, u32::MAX).unwrap().time_of(u64::MAX), Duration::from_nanos(u64::MAX));
    }

    #[test]
    fn what_is_empty_or_huge_is_refused() {
        assert!(check_size("x", Size::new(1, 1)).is_ok());
        assert!(check_size("x", Size::new(5472, 3648)).is_ok());
        assert!(matches!(check_size("x", Size::new(0, 4)), Err(CaptureError::Broken { .. })));
        assert!(matches!(check_size("x", Size::new(16_385, 1)), Err(CaptureError::TooLarge { .. })));
        assert!(matches!(check_size("x", Size::new(16_000, 16_000)), Err(CaptureError::TooLarge { .. })));
    }
}
