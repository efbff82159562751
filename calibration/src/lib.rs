//! What a redactor leaks, measured against labels, and the tools to choose its settings by.
//!
//! The measure is pure arithmetic on grey levels: no network of ours judges what a network of ours has hidden. It knows
//! nothing of Frostglass's own redactor, so that any program's output can be held against it. `motion` is the other way
//! round: it replays a clip through the camera's own eyes.
//!
//! `labels` says what is in the pictures, `picture` reads them (JPEGs through `jpeg`), `footage` reads clips, `leak`
//! measures; `outputs` keeps inputs from being written over; `filter`, `nearest` and `resize` are the operations that the measure is defined by, and `bootstrap` says how far its
//! figures could be off. `thresholds` is the one part that runs our networks and our redactor.

pub mod bootstrap;
pub mod filter;
pub mod footage;
pub mod jpeg;
pub mod labels;
pub mod leak;
pub mod motion;
pub mod nearest;
pub mod outputs;
pub mod picture;
pub mod reidentify;
pub mod resize;
pub mod thresholds;
