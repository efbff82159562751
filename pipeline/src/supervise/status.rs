//! The line at the foot of a terminal, and what the other processes say above it.
//!
//! **Invariant.** Only the supervisor writes to the terminal, and it does not wait for it. Where standard error is no terminal there is no status line,
//! and every line goes out as it is.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use super::teller::Teller;
use crate::event::Health;

/// See the module.
pub(super) struct StatusLine {
    teller: Teller,
    shown: bool,
    terminal: bool,
    last: Option<Health>,
    text: String,
    drawn: Instant,
    fresh: bool,
}

impl StatusLine {
    pub(super) fn new(teller: Teller) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let (text, drawn) = (String::new(), Instant::now());
        Self { teller, shown: false, terminal, last: None, text, drawn, fresh: false }
    }

    /// A line above the status line.
    pub(super) fn print(&mut self, line: &str) {
        self.clear();
        let _ = self.teller.write_all(format!("{line}\n").as_bytes());
        self.fresh = true;
    }

    /// Takes note of how the camera does; gives the words for it when they are new.
    pub(super) fn health(&mut self, health: Option<Health>) -> Option<String> {
        let health = health?;
        if self.last.as_ref().is_some_and(|last| last.time == health.time) {
            return None;
        }
        self.text = words(self.last.as_ref(), &health);
        self.last = Some(health);
        self.fresh = true;
        Some(self.text.clone())
    }

    pub(super) fn draw(&mut self) {
        if self.terminal && self.fresh && !self.text.is_empty() && self.drawn.elapsed() > Duration::from_millis(200) {
            let _ = self.teller.write_all(format!("\r\x1b[2K{}", self.text).as_bytes());
            (self.shown, self.fresh, self.drawn) = (true, false, Instant::now());
        }
    }

    pub(super) fn clear(&mut self) {
        if std::mem::take(&mut self.shown) {
            let _ = self.teller.write_all(b"\r\x1b[2K");
        }
    }
}

/// Since the message before: frames out, the share of them that was masked whole, latency.
fn words(last: Option<&Health>, now: &Health) -> String {
    let since = |count: fn(&Health) -> u64| count(now).saturating_sub(last.map_or(0, count));
    let (out, masked) = (since(|health| health.out), since(|health| health.masked));
    let share = if out == 0 { 0.0 } else { 100.0 * masked as f64 / out as f64 };
    format!(
        "{out} frames out in the last second, {share:.0} % wholly masked; {} out since the start; latency p50 {:.0} ms, p95 {:.0} ms",
        now.out, now.latency_ms.p50, now.latency_ms.p95
    )
}
