//! The vault: the only code that may read a raw pixel and write it back.
//!
//! **Invariant.** Pixels enter a [`Blank`] and become a [`RawFrame`], from which nobody but the holder of a
//! [`Look`] (the inspector) and the [`Redactor`] can read. They leave as a [`RedactedFrame`], and there are two
//! doors to one: [`Redactor::redact`], which paints over whatever is not known to be harmless, and
//! [`RedactedFrame::masked`], which has no pixel to leak.
//!
//! How pixels come in is `capture`'s business, what is in them `inspect`'s, where they go `emit`'s. This crate
//! has hardly a dependency, no `unsafe`, no input or output, so that it can be read whole.

#![forbid(unsafe_code)]
#![warn(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // geometry that wraps uncovers something
#![cfg_attr(test, allow(clippy::cast_possible_truncation, clippy::cast_sign_loss))]

mod detection;
mod findings;
mod frame;
mod geometry;
mod picture;
mod redacted;
mod redactor;
mod zone;

pub use detection::{Detection, Kind, Score};
pub use findings::{Findings, Inspected, MOST_DETECTIONS, Suspect};
pub use frame::{Blank, Look, Memory, Pool, RawFrame, Stamp};
pub use geometry::{Area, Chroma, Rect, Size};
pub use picture::{Colour, Format, Matrix, Picture, Plane, PlaneMut, Range};
pub use redacted::RedactedFrame;
pub use redactor::{PersonRule, Policy, Proof, Redactor, Style, mask_hides};
pub use zone::{Outline, OutlineError, Zone, ZoneStyle, Zones};
