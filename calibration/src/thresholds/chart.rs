//! The curves as a picture: recall upwards, over-redaction to the right, a point for each score.
//!
//! Over-redaction is drawn by its square root: what people can live with is a percent or less, and the lowest scores paint ten.

use plotters::coord::Shift;
use plotters::prelude::*;

use super::{Candidate, Curve, Curves, Point, word};

/// A chart could not be drawn.
#[derive(Debug, thiserror::Error)]
#[error("drawing the chart failed: {0}")]
pub struct ChartError(String);

const SIZE: (u32, u32) = (960, 640);
/// For `fast`, `balanced`, `thorough`: told apart by people with any kind of colour vision (Okabe and Ito, 2008).
const COLOURS: [RGBColor; 3] = [RGBColor(230, 159, 0), RGBColor(0, 114, 178), RGBColor(0, 158, 115)];
/// Each third point says its score.
const NAMED: usize = 3;

/// Draws the curves as SVG; `chosen` is marked, and the wanted recall is a line.
///
/// # Errors
/// What the drawing library says.
pub fn svg(curves: &Curves, wanted: Option<f64>, chosen: Option<Candidate>) -> Result<String, ChartError> {
    let mut text = String::new();
    let area = SVGBackend::with_string(&mut text, SIZE).into_drawing_area();
    draw(&area, curves, wanted, chosen).map_err(|error| ChartError(error.to_string()))?;
    drop(area);
    Ok(text)
}

type Failed<'a> = DrawingAreaErrorKind<<SVGBackend<'a> as DrawingBackend>::ErrorType>;

fn draw<'a>(
    area: &DrawingArea<SVGBackend<'a>, Shift>,
    curves: &Curves,
    wanted: Option<f64>,
    chosen: Option<Candidate>,
) -> Result<(), Failed<'a>> {
    area.fill(&WHITE)?;
    let points = || curves.curves.iter().flat_map(|curve| &curve.points);
    let most = points().map(|point| place(point).0).fold(0.0, f64::max).max(0.1) * 1.06;
    let least = points().map(|point| place(point).1).fold(100.0, f64::min).min(wanted.unwrap_or(1.0) * 100.0);
    let from = ((least - 3.0) / 10.0).floor().max(0.0) * 10.0;
    let title =
        format!("Faces hidden and pixels painted, by score: {} faces in {} pictures", curves.faces, curves.pictures);
    let mut chart = ChartBuilder::on(area)
        .caption(title, ("sans-serif", 22))
        .margin(16)
        .x_label_area_size(52)
        .y_label_area_size(64)
        .build_cartesian_2d(0.0..most, from..100.5)?;
    chart
        .configure_mesh()
        .light_line_style(WHITE)
        .bold_line_style(BLACK.mix(0.12))
        .x_desc("over-redaction: pixels painted that are no face (% of them, square-root scale)")
        .y_desc("recall: labelled faces hidden (%)")
        .x_label_formatter(&|root| format!("{:.2}", root * root))
        .y_label_formatter(&|share| format!("{share:.0}"))
        .label_style(("sans-serif", 15))
        .axis_desc_style(("sans-serif", 16))
        .draw()?;
    if let Some(wanted) = wanted {
        let line = [(0.0, wanted * 100.0), (most, wanted * 100.0)];
        chart
            .draw_series(LineSeries::new(line, BLACK.mix(0.6)))?
            .label(format!("wanted: {:.1} %", wanted * 100.0))
            .legend(|(x, y)| PathElement::new([(x, y), (x + 24, y)], BLACK.mix(0.6)));
    }
    for curve in &curves.curves {
        let colour = colour(curve.detail);
        let at = |curve: &Curve| -> Vec<(f64, f64)> { curve.points.iter().map(place).collect() };
        chart
            .draw_series(LineSeries::new(at(curve), colour.stroke_width(2)))?
            .label(curve.detail)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 24, y)], colour.stroke_width(2)));
        chart.draw_series(at(curve).into_iter().map(|place| Circle::new(place, 3, colour.filled())))?;
        let named = curve.points.iter().zip(at(curve)).step_by(NAMED);
        chart.draw_series(named.map(|(point, place)| {
            let style = ("sans-serif", 13).into_font().color(&colour);
            EmptyElement::at(place) + Text::new(format!("{:.2}", point.score), (6, 4), style)
        }))?;
    }
    if let Some(Candidate { detail, point }) = chosen {
        chart
            .draw_series([Circle::new(place(&point), 8, BLACK.stroke_width(2))])?
            .label(format!("chosen: {} at score {:.2}", word(detail), point.score))
            .legend(|(x, y)| Circle::new((x + 12, y), 6, BLACK.stroke_width(2)));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::LowerRight)
        .background_style(WHITE.mix(0.9))
        .border_style(BLACK.mix(0.3))
        .label_font(("sans-serif", 15))
        .draw()?;
    area.present()
}

/// Where a point lies: the root of the percentage that is painted, and the percentage that is hidden.
fn place(point: &Point) -> (f64, f64) {
    ((point.over_redaction * 100.0).sqrt(), point.recall * 100.0)
}

fn colour(detail: &str) -> RGBColor {
    match detail {
        "fast" => COLOURS[0],
        "balanced" => COLOURS[1],
        _ => COLOURS[2],
    }
}
