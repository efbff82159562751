//! From a path to a source: what the first bytes say picks the reader.

use std::io::Read;
use std::path::Path;
use std::time::Duration;

use frostglass_vault::{Blank, Format};

use super::ffmpeg::open_by_ffmpeg;
use super::folder::open_folder;
use super::mjpeg::open_mjpeg;
use super::still::{StillSource, open_still};
use super::y4m::{Y4mSource, open_y4m};
use super::{CaptureError, Kind, Rate, Source, kind_of};

/// What the caller decides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OpenOptions {
    /// The rate of what states none: a folder of pictures, a stream of JPEGs.
    pub fps: Option<Rate>,
    /// Starts a clip or folder again at its end, for ever; times go on rising.
    pub repeat: bool,
}

/// One picture, or many.
#[derive(Debug)]
pub enum Opened {
    /// A picture: RGB planes, one frame.
    Still(StillSource),
    /// A clip, or a folder played as one: 4:2:0 planes.
    Moving(MovingSource),
}

/// A clip that is ready to be read.
pub struct MovingSource {
    /// Its frames.
    pub source: Box<dyn Source>,
    /// What the user should know: what was assumed, what is dropped.
    pub notes: Vec<String>,
    /// How it was stored.
    pub container: Container,
}

impl std::fmt::Debug for MovingSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MovingSource")
            .field("format", &self.source.format())
            .field("container", &self.container)
            .field("notes", &self.notes)
            .finish_non_exhaustive()
    }
}

/// How a clip was stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Container {
    /// MP4 or QuickTime, whoever decodes it.
    Mp4,
    /// YUV4MPEG2.
    Y4m,
    /// JPEGs one behind the other.
    Mjpeg,
    /// A folder of pictures.
    Folder,
    /// Something that ffmpeg reads.
    Other,
}

/// Opens a picture, a clip, or a folder of pictures.
///
/// # Errors
/// When it cannot be read, is none of these, or its first frame cannot be decoded.
pub fn open(path: &Path, options: &OpenOptions) -> Result<Opened, CaptureError> {
    let kind = if path.is_dir() { None } else { Some(kind_of(path)?) };
    if kind.is_some_and(Kind::is_still) {
        return open_still(path).map(Opened::Still);
    }
    let mut moving = open_moving(path, kind, options)?;
    // What ffmpeg decodes it also repeats: it is started once.
    if options.repeat && !takes_ffmpeg(path) {
        let (path, options) = (path.to_owned(), *options);
        moving.source = Box::new(Repeat::new(moving.source, move || Ok(open_moving(&path, kind, &options)?.source)));
    }
    Ok(Opened::Moving(moving))
}

/// Reads Y4M from what can be read only once; `name` is how errors call it.
///
/// # Errors
/// When what comes there is no Y4M.
pub(crate) fn open_pipe(name: &str, input: impl Read + Send + 'static) -> Result<MovingSource, CaptureError> {
    let source = Y4mSource::new(name.to_owned(), input)?;
    Ok(MovingSource { notes: source.notes().to_vec(), source: Box::new(source), container: Container::Y4m })
}

fn open_moving(path: &Path, kind: Option<Kind>, options: &OpenOptions) -> Result<MovingSource, CaptureError> {
    let shown = || path.display().to_string();
    let Some(kind) = kind else {
        let source = open_folder(path, options.fps)?;
        return Ok(MovingSource {
            notes: source.notes().to_vec(),
            source: Box::new(source),
            container: Container::Folder,
        });
    };
    match kind {
        Kind::Y4m => {
            let source = open_y4m(path)?;
            Ok(MovingSource { notes: source.notes().to_vec(), source: Box::new(source), container: Container::Y4m })
        }
        Kind::Mjpeg => {
            let source = open_mjpeg(path, options.fps)?;
            Ok(MovingSource { notes: source.notes().to_vec(), source: Box::new(source), container: Container::Mjpeg })
        }
        Kind::Mp4 => open_mp4(path, options.repeat),
        Kind::OtherClip(name) => by_ffmpeg(path, name, Container::Other, options.repeat),
        Kind::OtherPicture(name) => {
            let advice = "convert it to JPEG, PNG or WebP".to_owned();
            Err(CaptureError::Unsupported { path: shown(), what: format!("a {name} picture"), advice })
        }
        Kind::Jpeg | Kind::Png | Kind::Webp | Kind::Unknown => Err(CaptureError::Unknown { path: shown() }),
    }
}

#[cfg(feature = "h264")]
fn open_mp4(path: &Path, repeat: bool) -> Result<MovingSource, CaptureError> {
    use super::mp4::{Clip, Refusal, open_mp4};

    match open_mp4(path) {
        Ok(Clip { source, notes }) => Ok(MovingSource { source, notes, container: Container::Mp4 }),
        Err(Refusal::Foreign(what)) => by_ffmpeg(path, &what, Container::Mp4, repeat),
        Err(Refusal::Fault(fault)) => Err(fault),
    }
}

#[cfg(not(feature = "h264"))]
fn open_mp4(path: &Path, repeat: bool) -> Result<MovingSource, CaptureError> {
    by_ffmpeg(path, "an MP4 (this program was built without H.264)", Container::Mp4, repeat)
}

/// Whether ffmpeg will be needed, as far as that shows without decoding anything.
pub(crate) fn takes_ffmpeg(path: &Path) -> bool {
    if path.is_dir() {
        return false;
    }
    match kind_of(path) {
        Ok(Kind::OtherClip(_)) => true,
        #[cfg(feature = "h264")]
        Ok(Kind::Mp4) => super::mp4::is_foreign(path),
        #[cfg(not(feature = "h264"))]
        Ok(Kind::Mp4) => true,
        _ => false,
    }
}

fn by_ffmpeg(path: &Path, what: &str, container: Container, repeat: bool) -> Result<MovingSource, CaptureError> {
    let source = open_by_ffmpeg(path, what, repeat)?;
    Ok(MovingSource { notes: source.notes(), source: Box::new(source), container })
}

/// How a source is started again.
type Reopen = Box<dyn FnMut() -> Result<Box<dyn Source>, CaptureError> + Send>;

/// A source that starts again at its end. A fault ends it like any other source.
struct Repeat {
    inner: Box<dyn Source>,
    reopen: Reopen,
    /// When the current turn started, since the very first frame.
    offset: Duration,
    /// Time of the last frame, and how long it is shown.
    last: Duration,
    step: Duration,
    frames_this_turn: u64,
    ended: bool,
}

impl Repeat {
    fn new(
        inner: Box<dyn Source>,
        reopen: impl FnMut() -> Result<Box<dyn Source>, CaptureError> + Send + 'static,
    ) -> Self {
        let step = inner.rate().map_or(Duration::from_millis(40), |rate| rate.time_of(1));
        let (offset, last) = (Duration::ZERO, Duration::ZERO);
        Self { inner, reopen: Box::new(reopen), offset, last, step, frames_this_turn: 0, ended: false }
    }

    fn start_again(&mut self) -> Result<(), CaptureError> {
        let format = self.inner.format();
        self.inner = (self.reopen)()?;
        let is = self.inner.format();
        if is != format {
            let path = "the repeated clip".to_owned();
            return Err(CaptureError::SizeChanged { path, index: 0, was: format.size, is: is.size });
        }
        self.offset = self.last + self.step;
        self.frames_this_turn = 0;
        Ok(())
    }
}

impl Source for Repeat {
    fn format(&self) -> Format {
        self.inner.format()
    }

    fn rate(&self) -> Option<Rate> {
        self.inner.rate()
    }

    fn read(&mut self, blank: &mut Blank) -> Result<Option<Duration>, CaptureError> {
        while !self.ended {
            match self.inner.read(blank) {
                Ok(Some(time)) => {
                    self.last = self.offset + time;
                    self.frames_this_turn += 1;
                    return Ok(Some(self.last));
                }
                // A clip that had nothing to give will not have more the next time.
                Ok(None) if self.frames_this_turn == 0 => self.ended = true,
                Ok(None) => {
                    if let Err(fault) = self.start_again() {
                        self.ended = true;
                        return Err(fault);
                    }
                }
                Err(CaptureError::BrokenFrame { path, index, time, reason }) => {
                    self.last = self.offset + time;
                    return Err(CaptureError::BrokenFrame { path, index, time: self.last, reason });
                }
                Err(fault) => {
                    self.ended = !matches!(fault, CaptureError::WrongFormat { .. });
                    return Err(fault);
                }
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use frostglass_vault::Pool;

    use super::super::testing::{drain, file};
    use super::*;

    const CUT: &[u8] = b"YUV4MPEG2 W2 H2 F10:1\nFRAME\nabcdefFRAME\nghi";

    fn moving(opened: Opened) -> MovingSource {
        match opened {
            Opened::Moving(moving) => moving,
            Opened::Still(_) => panic!("a still"),
        }
    }

    fn two_frames() -> Vec<u8> {
        b"YUV4MPEG2 W2 H2 F10:1\nFRAME\nabcdefFRAME\nghijkl".to_vec()
    }

    #[test]
    fn a_clip_that_has_another_size_when_it_begins_again_is_a_fault() {
        let clip = |width: u32| -> Box<dyn Source> {
            let mut bytes = format!("YUV4MPEG2 W{width} H2 F5:1 C420jpeg\nFRAME\n").into_bytes();
            bytes.resize(bytes.len() + width as usize * 3, 7);
            Box::new(super::super::y4m::Y4mSource::new("clip".to_owned(), std::io::Cursor::new(bytes)).unwrap())
        };
        let mut source = Repeat::new(clip(4), move || Ok(clip(6)));
        let (frames, faults) = drain(&mut source);
        assert_eq!(frames.len(), 1);
        assert!(matches!(faults[..], [CaptureError::SizeChanged { .. }]), "{faults:?}");
    }

    #[test]
    fn a_repeated_clip_goes_on_with_rising_times() {
        let (_folder, path) = file("clip.y4m", &two_frames());
        let mut clip = moving(open(&path, &OpenOptions { fps: None, repeat: true }).unwrap());
        assert_eq!((clip.container, clip.source.expected_frames()), (Container::Y4m, None));
        let pool = Pool::new(clip.source.format(), 1);
        let times: Vec<u128> =
            (0..5).map(|_| clip.source.read(&mut pool.blank().unwrap()).unwrap().unwrap().as_millis()).collect();
        assert_eq!(times, [0, 100, 200, 300, 400]);
    }

    #[test]
    fn a_repeated_clip_that_is_cut_ends_with_its_fault() {
        let (_folder, path) = file("clip.y4m", CUT);
        let mut clip = moving(open(&path, &OpenOptions { fps: None, repeat: true }).unwrap());
        let (frames, faults) = drain(&mut *clip.source);
        assert_eq!((frames.len(), faults.len()), (1, 1));
    }

    #[test]
    fn a_pipe_is_read_as_y4m_and_says_its_name_when_it_is_not() {
        let clip = two_frames();
        let mut source = open_pipe("standard input", std::io::Cursor::new(clip)).unwrap().source;
        assert_eq!(drain(&mut *source).0.len(), 2);
        let error = open_pipe("standard input", std::io::Cursor::new(b"hello\n")).unwrap_err();
        assert!(error.to_string().starts_with("standard input: "), "{error}");
    }

    #[test]
    fn each_kind_finds_its_reader_or_a_clear_no() {
        let (_folder, path) = file("picture.png", &{
            let mut bytes = std::io::Cursor::new(Vec::new());
            image::RgbImage::new(3, 2).write_to(&mut bytes, image::ImageFormat::Png).unwrap();
            bytes.into_inner()
        });
        assert!(matches!(open(&path, &OpenOptions::default()), Ok(Opened::Still(_))));
        let folder = moving(open(path.parent().unwrap(), &OpenOptions::default()).unwrap());
        assert_eq!(folder.container, Container::Folder);
        for (name, bytes) in [("letter.mp4", b"Dear reader".as_slice()), ("old.gif", b"GIF89a\0\0")] {
            let (_folder, path) = file(name, bytes);
            let error = open(&path, &OpenOptions::default()).unwrap_err().to_string();
            assert!(error.contains(name), "{error}");
        }
    }
}
