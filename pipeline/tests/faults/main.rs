//! Faults make it darker: the program that people run, with all its processes, on a clip with known faces, while something is
//! wrong with its engine, its source, its threads, its queues, its memory or its config, or while one of them is hostile.
//!
//! Each test proves the same three things from the pixels that left: no face was clear, before, during and after the fault
//! ([`originals`] judges each frame); frames went on leaving; and when the fault was over, the scene was seen again, so that
//! a program that shows nothing fails. What is wrong with the engine is done by an engine that does it, in the real one's
//! place (`tests/engine`); what is wrong with the source, by a source that does it ([`pipe`], [`source`]); what is wrong with
//! the system, by the system. No stage is a mock.
//!
//! What only a device can do is in `tests/rig.rs`: unplugging, stalling, damaged buffers.
#![cfg(feature = "h264")]
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic: that is how it fails")]

mod by_decoder;
mod by_engine;
mod by_escape;
mod by_front;
mod by_memory;
mod by_source;
mod by_system;
#[path = "../common/mod.rs"]
mod common;
#[path = "../common/hostile_front.rs"]
mod hostile_front;
mod marks;
mod originals;
mod pipe;
#[path = "../common/running.rs"]
mod running;
mod source;
mod trial;
