//! The camera's pipeline, in the order in which a frame meets it.
//!
//! [`capture`] brings frames in, [`hold`] owns them, [`inspect`] looks at them on a lease, the vault's redactor
//! paints, [`hatch`] is the one opening in the wall, and [`emit`] is everything behind it. [`path`] wires them.
//! The rest are leaves: what the owner wants ([`config`]), what is told ([`event`]), what is counted ([`metrics`]),
//! what time it is ([`clock`]), and the program's [`commands`].

mod arena;
pub mod capture;
pub mod clock;
pub mod commands;
pub mod config;
pub mod emit;
pub mod event;
mod files;
mod front;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzz;
pub mod hatch;
pub mod hold;
pub mod inspect;
pub mod metrics;
pub mod path;
mod pixel;
mod record;
pub mod sandbox;
mod supervise;
pub mod v4l2;
pub mod wire;
