//! A report for people, and one line a face for spreadsheets.

use std::fmt;
use std::io::{self, Write};

use super::report::{Group, Report};
use super::{MISSED, Measured};
use crate::bootstrap::Interval;

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { images, orig_missing, suppressed_frames, undecidable, target, .. } = self;
        writeln!(
            f,
            "pictures: {images}; without a redacted one: {suppressed_frames}; originals missing: {orig_missing}; \
             {target} that can not be decided: {undecidable}"
        )?;
        writeln!(
            f,
            "leaked: under {:.0} % of the box changed; missed: under {:.0} %",
            self.thr * 100.0,
            MISSED * 100.0
        )?;
        writeln!(
            f,
            "95 %: bootstrap over {}, {} rounds, seed {}\n",
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
        if let Some(tracks) = &self.tracks {
            writeln!(
                f,
                "\ntracks: {} of {} leak in at least one frame (95 %: {} % of them); most leaked frames in a row: {}",
                tracks.with_any_leaked_frame,
                tracks.n,
                range(tracks.interval),
                tracks.longest_leak_run_frames
            )?;
        }
        if let Some(over) = &self.over_redaction {
            writeln!(
                f,
                "over-redaction: {:.3} % of what is no target and no zone was altered (95 %: {}); median picture {:.3} %, \
                 pictures above 1 %: {}",
                over.share_of_non_target_pixels * 100.0,
                over.interval.map_or_else(String::new, |Interval { low, high }| format!(
                    "{:.3} – {:.3}",
                    low * 100.0,
                    high * 100.0
                )),
                over.median_per_frame * 100.0,
                over.frames_above_1pct
            )?;
        }
        Ok(())
    }
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
    interval.map_or_else(String::new, |Interval { low, high }| format!("{:.1} – {:.1}", low * 100.0, high * 100.0))
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
