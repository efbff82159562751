//! A report for people, and one line a face for spreadsheets.

use std::fmt;
use std::io::{self, Write};

use super::report::{Group, Report};
use super::tracks::Tracks;
use super::{MISSED, Measured};
use crate::bootstrap::{Interval, Method};

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { images, orig_missing, suppressed_frames, undecidable, target, .. } = self;
        writeln!(
            f,
            "pictures: {images}; without a redacted one: {suppressed_frames}; originals missing: {orig_missing}; \
             {target} that can not be decided: {undecidable}"
        )?;
        if self.ended_early > 0 {
            writeln!(
                f,
                "the redacted clip ends {} frames before the labels do: these never left, nothing of them counts as leaked; \
                 if it lost them elsewhere, frames were compared with their neighbours",
                self.ended_early
            )?;
        }
        if self.overall.n == 0 {
            writeln!(f, "no {target} are labelled in these pictures: there is nothing that could leak")?;
        }
        writeln!(
            f,
            "leaked: under {:.0} % of the box changed; missed: under {:.0} %",
            self.thr * 100.0,
            MISSED * 100.0
        )?;
        writeln!(
            f,
            "95 %: bootstrap over {0}, {1} rounds, seed {2}; over {0} that are all alike (none leaked, or all): Wilson; over \
             fewer than 30: the wider of both; over a single one: none\n",
            self.bootstrap_units, self.bootstrap_rounds, self.bootstrap_seed
        )?;
        writeln!(
            f,
            "{:<28} {:>6} {:>6} {:>7} {:>15} {:>7} {:>15} {:>8} {:>8}",
            "", "n", "leaked", "%", "95 %", "missed%", "95 %", "ellipse%", "changed%"
        )?;
        write_row(f, &format!("all {target}"), &self.overall)?;
        for (name, group) in &self.by_height {
            write_row(f, &format!("{name} px high"), group)?;
        }
        for (name, values) in &self.by_attr {
            for (value, group) in values {
                write_row(f, &format!("{name} = {value}"), group)?;
            }
        }
        if let Some(per) = self.overall.leaked_per_10000 {
            let interval = in_brackets(self.overall.leak_interval, |interval| interval.written(10_000.0, 0));
            writeln!(f, "\nof 10,000 {target}, {per:.0} leak{interval}")?;
        }
        if let Some(tracks) = &self.tracks {
            write_tracks(f, tracks)?;
        }
        if let Some(over) = &self.over_redaction {
            writeln!(
                f,
                "over-redaction: {:.3} % of what is no target and no zone was altered{}; median picture {:.3} %, \
                 pictures above 1 %: {}",
                over.share_of_non_target_pixels * 100.0,
                in_brackets(over.interval, |interval| interval.written(100.0, 3)),
                over.median_per_frame * 100.0,
                over.frames_above_1pct
            )?;
        }
        Ok(())
    }
}

fn write_tracks(f: &mut fmt::Formatter<'_>, tracks: &Tracks) -> fmt::Result {
    let row = |name: &str, n: usize, leaked: usize, [low, high]: [f64; 2]| {
        let interval = format!("{:.1} – {:.1}", low * 100.0, high * 100.0);
        format!("{name:<28} {n:>6} {leaked:>6} {:>7.1} {interval:>15}", 100.0 * leaked as f64 / n as f64)
    };
    let drawn = tracks.interval.filter(|interval| interval.method != Method::Wilson);
    let drawn =
        drawn.map_or_else(String::new, |interval| format!("; drawn by bootstrap: {} %", interval.written(100.0, 1)));
    writeln!(f, "\ntracks with at least one leaked frame (95 %: Wilson, each track a case{drawn})")?;
    writeln!(f, "{}", row("all tracks", tracks.n, tracks.with_any_leaked_frame, tracks.ci95))?;
    for (name, group) in tracks.by_height.iter().filter(|(_, group)| group.n > 0) {
        writeln!(f, "{}", row(&format!("while {name} px high"), group.n, group.with_any_leaked_frame, group.ci95))?;
    }
    let large = &tracks.at_least_16;
    if large.n > 0 {
        writeln!(f, "{}", row("while 16 px high or more", large.n, large.with_any_leaked_frame, large.ci95))?;
    }
    writeln!(f, "most leaked frames of one track in a row: {}\n", tracks.longest_leak_run_frames)
}

fn write_row(f: &mut fmt::Formatter<'_>, name: &str, group: &Group) -> fmt::Result {
    if group.n == 0 {
        return Ok(());
    }
    let percent = |rate: Option<f64>| rate.map_or_else(String::new, |rate| format!("{:.1}", rate * 100.0));
    writeln!(
        f,
        "{name:<28} {:>6} {:>6} {:>7} {:>15} {:>7} {:>15} {:>8} {:>8}",
        group.n,
        group.leaked,
        percent(group.leak_rate),
        range(group.leak_interval),
        percent(group.missed_rate),
        range(group.missed_interval),
        percent(group.leak_rate_ellipse),
        percent(group.mean_redacted),
    )
}

fn range(interval: Option<Interval>) -> String {
    interval.map_or_else(String::new, |interval| interval.written(100.0, 1))
}

fn in_brackets(interval: Option<Interval>, written: impl Fn(Interval) -> String) -> String {
    interval.map_or_else(String::new, |interval| format!(" (95 %: {})", written(interval)))
}

impl Measured {
    /// Writes one line for each box that could be decided, as comma-separated values with a heading. Shares are not
    /// rounded: 0.89999 is below 0.9.
    ///
    /// # Errors
    /// What the writer says.
    pub fn write_csv(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "image,index,x,y,w,h,redacted_box,redacted_ellipse,leaked,missed")?;
        for picture in &self.pictures {
            for measured in &picture.boxes {
                let (target, redacted) = (&measured.target, measured.redacted);
                writeln!(
                    out,
                    "{},{},{},{},{},{},{},{},{},{}",
                    quoted(&picture.image),
                    measured.index,
                    target.x,
                    target.y,
                    target.w,
                    target.h,
                    redacted.of_box,
                    redacted.of_ellipse,
                    self.is_leaked(measured),
                    redacted.of_box < MISSED,
                )?;
            }
        }
        Ok(())
    }
}

/// A field of comma-separated values (RFC 4180).
fn quoted(field: &str) -> String {
    if field.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_commas_stay_one_field() {
        assert_eq!(quoted("a.jpg"), "a.jpg");
        assert_eq!(quoted("a, \"b\".jpg"), "\"a, \"\"b\"\".jpg\"");
    }
}
