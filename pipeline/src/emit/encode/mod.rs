//! From planes to the bytes of a picture or a clip.
//!
//! **Invariant.** What is written depends on the frames' planes, formats and times alone: no name, no date, no
//! place, no word about the program. Colours come out as they went in, whatever matrix and range the planes have.
//!
//! Encoders write to any [`std::io::Write`] and give back [`std::io::Error`]; who opened the file knows its name
//! and tells what went wrong ([`super::EmitError`]). What a container can not hold is `ErrorKind::Unsupported`.

mod jpeg;
mod picture;
mod y4m;

#[cfg(feature = "h264")]
mod h264;
#[cfg(feature = "h264")]
mod mp4;

pub(super) use jpeg::write as write_jpeg;
#[cfg(feature = "h264")]
pub use mp4::Mp4Writer;
pub use picture::{PictureKind, encode_picture};
pub use y4m::Y4mWriter;

/// The error of an encoder that can not hold such frames.
fn unsupported(why: impl Into<String>) -> std::io::Error {
    std::io::Error::new(std::io::ErrorKind::Unsupported, why.into())
}

/// The error of a stream that takes no more, since it has a hole.
fn incomplete() -> std::io::Error {
    std::io::Error::other("an earlier frame was not written whole")
}
