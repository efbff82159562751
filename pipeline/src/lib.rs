//! The camera's pipeline, in the order in which a frame meets it.
//!
//! [`capture`] brings frames in, [`hold`] owns them, [`inspect`] looks at them on a lease, the vault's redactor
//! paints, [`hatch`] is the one opening in the wall, and [`emit`] is everything behind it.

pub mod capture;
pub mod emit;
pub mod event;
pub mod hatch;
pub mod inspect;
