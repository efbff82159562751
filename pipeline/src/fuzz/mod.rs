//! Hostile bytes for everything that reads bytes from outside.
//!
//! **Invariant.** A target is a function of bytes alone: it panics when a law is broken, whatever the bytes are, and keeps
//! nothing from one call to the next. The same functions are run by the ordinary tests (`run`, on stable, mutations of the
//! seeds in `pipeline/fuzz/seeds/`) and, guided by coverage, by libFuzzer (`pipeline/fuzz/`).
//!
//! This module is compiled for tests and under `cfg(fuzzing)` only, so that no private part becomes public by it. The laws of
//! a parser stand beside it (`capture::fuzz`, `hatch::ring::fuzz` and so on), because what they call is private there; those of
//! the config and of messages are here.
#![allow(clippy::unwrap_used, clippy::missing_panics_doc, reason = "a target may panic: that is how it tells")]

mod config;
mod messages;
#[cfg(test)]
mod run;

use crate::capture::camera::fuzz as camera;
use crate::capture::fuzz as capture;
use crate::emit::http::fuzz as http;
use crate::hatch::ring::fuzz as ring;

/// One reader of bytes from outside, and what it has to keep.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name, and that of its folder of seeds.
    pub name: &'static str,
    /// Panics when a law is broken.
    pub judge: fn(&[u8]),
    /// Bytes of memory that it may have at once, beside [`PER_BYTE`] for each byte of the input.
    pub memory: u64,
    /// Inputs of an ordinary test.
    pub inputs: u32,
    /// What its inputs are made of, for mutations: magic numbers, names, keys.
    pub words: &'static [&'static [u8]],
}

/// Bytes of memory that may be asked for on account of one byte of the input: an index or a text is kept in several forms.
pub const PER_BYTE: u64 = 512;

const MIB: u64 = 1 << 20;

/// All of them.
pub const TARGETS: &[Target] = &[
    Target { name: "config", judge: config::judge, memory: 8 * MIB, inputs: 600, words: config::WORDS },
    Target { name: "kind", judge: capture::kind, memory: MIB, inputs: 1500, words: capture::MAGIC },
    Target { name: "y4m", judge: capture::y4m, memory: 8 * MIB, inputs: 2000, words: capture::Y4M },
    Target { name: "mjpeg", judge: capture::mjpeg, memory: 32 * MIB, inputs: 500, words: capture::JPEG },
    // A size that is within the limits is believed: the planes of 100 megapixels, and what the decoder needs for them.
    Target { name: "jpeg", judge: capture::jpeg, memory: 2048 * MIB, inputs: 400, words: capture::JPEG },
    Target { name: "png", judge: capture::png, memory: 2048 * MIB, inputs: 400, words: capture::PNG },
    Target { name: "webp", judge: capture::webp, memory: 2048 * MIB, inputs: 400, words: capture::WEBP },
    Target { name: "mp4", judge: capture::mp4, memory: 64 * MIB, inputs: 400, words: capture::MP4 },
    Target { name: "driver", judge: camera::judge, memory: 32 * MIB, inputs: 2000, words: camera::FOURCCS },
    Target { name: "messages", judge: messages::judge, memory: 8 * MIB, inputs: 1000, words: messages::WORDS },
    Target { name: "ring", judge: ring::judge, memory: MIB, inputs: 2000, words: &[] },
    Target { name: "gate", judge: http::gate, memory: MIB, inputs: 2000, words: http::WORDS },
    Target { name: "http", judge: http::request, memory: 2 * MIB, inputs: 150, words: http::WORDS },
];

/// Of this name.
#[must_use]
pub fn target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}

/// Numbers out of bytes, for targets whose input is none by itself; zeroes when the bytes are at their end.
pub(crate) struct Numbers<'a>(pub(crate) &'a [u8]);

impl Numbers<'_> {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn byte(&mut self) -> u8 {
        let Some((&first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        first
    }

    pub(crate) fn small(&mut self) -> u32 {
        u32::from(u16::from_le_bytes([self.byte(), self.byte()]))
    }

    pub(crate) fn u32(&mut self) -> u32 {
        u32::from_le_bytes([(); 4].map(|()| self.byte()))
    }

    pub(crate) fn u64(&mut self) -> u64 {
        u64::from_le_bytes([(); 8].map(|()| self.byte()))
    }
}

/// What an error says to people: some words on one line, and nothing of what was read but a few letters.
pub(crate) fn is_fit_to_be_told(error: &dyn std::error::Error) {
    let mut whole = error.to_string();
    let mut deeper = error.source();
    while let Some(source) = deeper {
        whole = format!("{whole}: {source}");
        deeper = source.source();
    }
    assert!(whole.len() <= 500, "an error of {} bytes: {whole}", whole.len());
    assert!(!whole.chars().any(char::is_control), "an error with control characters: {whole:?}");
}
