//! A replay as a picture: for each sensitivity the score over time, and the events as bars behind it.
//!
//! **Invariant.** The size of the picture does not grow with the clip: frames that fall into one column are one point, the
//! strongest of them.

use frostglass::event::What;
use plotters::prelude::*;

use super::{Curve, Replay};

const WIDTH: u32 = 1000;
const HEAD: u32 = 64;
const PANEL: u32 = 150;
/// Room below the last panel for the seconds.
const FOOT: u32 = 30;
/// Points along the time axis.
const COLUMNS: usize = 800;
/// Exponents of ten between which scores are drawn: from 0.01 % of the picture to all of it.
const LEAST: f32 = -4.0;
const MOST: f32 = 0.0;

const CURVE: RGBColor = RGBColor(40, 44, 52);
const NEEDED: RGBColor = RGBColor(150, 150, 150);
const MOTION: RGBColor = RGBColor(242, 176, 72);
const PERSON: RGBColor = RGBColor(92, 158, 222);

/// Something could not be drawn.
#[derive(Debug, thiserror::Error)]
#[error("drawing failed: {0}")]
pub struct DrawError(String);

type Panel<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;

/// The picture, as SVG.
///
/// # Errors
/// When the drawing library fails.
pub fn svg(replay: &Replay) -> Result<String, DrawError> {
    let mut out = String::new();
    draw(replay, &mut out).map_err(|error| DrawError(error.to_string()))?;
    Ok(out)
}

fn draw(replay: &Replay, out: &mut String) -> Result<(), Box<dyn std::error::Error>> {
    let panels = u32::try_from(replay.curves.len())?;
    let root = SVGBackend::with_string(out, (WIDTH, HEAD + panels * PANEL + FOOT)).into_drawing_area();
    root.fill(&WHITE)?;
    let (head, rest) = root.split_vertically(HEAD);
    legend(&head, replay)?;
    for (at, curve) in replay.curves.iter().enumerate() {
        let top = u32::try_from(at)? * PANEL;
        let last = at + 1 == replay.curves.len();
        let panel = rest.clone().margin(top, 0, 0, 0);
        let (panel, _) = panel.split_vertically(PANEL + if last { FOOT } else { 0 });
        draw_curve(&panel, curve, replay.seconds, last)?;
    }
    root.present()?;
    Ok(())
}

fn legend(head: &Panel<'_>, replay: &Replay) -> Result<(), Box<dyn std::error::Error>> {
    let name = std::path::Path::new(&replay.clip)
        .file_name()
        .map_or(replay.clip.clone(), |name| name.to_string_lossy().into());
    head.draw(&Text::new(
        format!("Motion in {name}: share of the picture that moves together"),
        (60, 10),
        ("sans-serif", 18),
    ))?;
    let mut left = 60;
    for (text, colour) in [("event: motion", MOTION), ("event: person", PERSON)] {
        head.draw(&Rectangle::new([(left, 42), (left + 14, 54)], colour.mix(0.45).filled()))?;
        head.draw(&Text::new(text, (left + 20, 42), ("sans-serif", 13)))?;
        left += 140;
    }
    head.draw(&PathElement::new([(left, 48), (left + 22, 48)], NEEDED.stroke_width(2)))?;
    head.draw(&Text::new("needed to begin an event", (left + 28, 42), ("sans-serif", 13)))?;
    Ok(())
}

fn draw_curve(panel: &Panel<'_>, curve: &Curve, seconds: f32, last: bool) -> Result<(), Box<dyn std::error::Error>> {
    let seconds = seconds.max(0.001);
    let events = curve.events.len();
    let caption =
        format!("sensitivity {}: {events} {}", curve.sensitivity, if events == 1 { "event" } else { "events" });
    let mut chart = ChartBuilder::on(panel)
        .caption(caption, ("sans-serif", 14))
        .margin(4)
        .margin_right(16)
        .x_label_area_size(if last { FOOT } else { 0 })
        .y_label_area_size(56)
        .build_cartesian_2d(0.0..seconds, LEAST..MOST)?;
    chart.draw_series(curve.events.iter().map(|event| {
        let colour = if event.what == What::Person { PERSON } else { MOTION };
        // An event of a single moment is still an event.
        let end = event.end.max(event.start + seconds / COLUMNS as f32);
        Rectangle::new([(event.start, LEAST), (end, MOST)], colour.mix(0.45).filled())
    }))?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(BLACK.mix(0.1))
        .y_labels(5)
        .y_label_formatter(&|exponent| format!("{} %", 100.0 * 10f32.powf(*exponent)))
        .x_labels(12)
        .x_label_formatter(&|time| format!("{time:.1} s"))
        .draw()?;
    let needed = exponent(curve.begins_at);
    chart.draw_series(DashedLineSeries::new([(0.0, needed), (seconds, needed)], 6, 4, NEEDED.stroke_width(1)))?;
    chart.draw_series(LineSeries::new(strongest(&curve.points, seconds), CURVE.stroke_width(1)))?;
    Ok(())
}

fn exponent(score: f32) -> f32 {
    score.max(0.0).log10().clamp(LEAST, MOST)
}

/// One point a column: the strongest of its frames.
fn strongest(points: &[(f32, f32)], seconds: f32) -> impl Iterator<Item = (f32, f32)> {
    let mut columns: Vec<(f32, f32)> = Vec::with_capacity(COLUMNS.min(points.len()) + 1);
    let mut before = None;
    for &(time, score) in points {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of COLUMNS")]
        let column = (time / seconds * COLUMNS as f32) as usize;
        match columns.last_mut().filter(|_| before == Some(column)) {
            Some(last) => last.1 = last.1.max(exponent(score)),
            None => columns.push((time, exponent(score))),
        }
        before = Some(column);
    }
    columns.into_iter()
}
