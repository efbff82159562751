//! A way out for tests, of which any step panics that is to.

use frostglass_vault::{Chroma, Colour, Format, Size};

use super::Video;
use super::ways::Way;
use crate::capture::Rate;
use crate::emit::{EmitError, Sink};

/// Which of its steps panic.
#[derive(Clone, Copy, Default)]
pub(super) struct Panics {
    pub(super) open: bool,
    pub(super) finish: bool,
    pub(super) close: bool,
}

struct Touchy(Panics);

impl Sink for Touchy {
    fn name(&self) -> String {
        "a touchy one".to_owned()
    }

    fn finish(self: Box<Self>) -> Result<(), EmitError> {
        assert!(!self.0.finish, "made up by the test");
        Ok(())
    }
}

impl Drop for Touchy {
    fn drop(&mut self) {
        assert!(!self.0.close, "made up by the test");
    }
}

/// It is opened when the video is known, and anew for another format.
pub(super) fn touchy(panics: Panics) -> Way {
    let open = move |video: Option<Video>| -> anyhow::Result<Option<Box<dyn Sink>>> {
        assert!(video.is_none() || !panics.open, "made up by the test");
        Ok(video.map(|_| Box::new(Touchy(panics)) as Box<dyn Sink>))
    };
    Way { name: "a touchy one".to_owned(), open: Box::new(open), once: false, per_format: true, place: None }
}

/// Video of this width.
pub(super) fn video(width: u32) -> Video {
    let format = Format { size: Size::new(width, 8), chroma: Chroma::Half, colour: Colour::Rgb };
    Video { format, rate: Rate { frames: 15, seconds: 1 } }
}
