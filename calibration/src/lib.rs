//! What a redactor leaks, measured against labels, and the tools to choose its settings by.
//!
//! The measure is pure arithmetic on grey levels: no network of ours judges what a network of ours has hidden. It knows
//! nothing of the camera or of Frostglass's own redactor, so that any program's output can be held against it.
//!
//! `labels` says what is in the pictures, `picture` reads them (JPEGs through `jpeg`), `leak` measures; `filter`, `nearest` and `resize` are
//! the operations that the measure is defined by, and `bootstrap` says how far its figures could be off.

pub mod bootstrap;
pub mod filter;
pub mod jpeg;
pub mod labels;
pub mod leak;
pub mod nearest;
pub mod picture;
pub mod reidentify;
pub mod resize;
