//! The trade of one error for the other over all thresholds: as a table, and drawn.

use std::fmt::Write as _;

use plotters::prelude::BLACK;
use plotters::prelude::BLUE;
use plotters::prelude::ChartBuilder;
use plotters::prelude::IntoDrawingArea;
use plotters::prelude::IntoLogRange;
use plotters::prelude::LineSeries;
use plotters::prelude::PathElement;
use plotters::prelude::RED;
use plotters::prelude::RGBColor;
use plotters::prelude::SVGBackend;
use plotters::prelude::WHITE;

use crate::evaluate::Error;
use crate::evaluate::comparison::Comparison;
use crate::evaluate::rates::Marks;
use crate::evaluate::rates::Rates;
use crate::face::score::Calibration;

/// Rates at one threshold, as shares.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    pub cosine: f64,
    /// Of a pack with a calibration.
    pub score: Option<f64>,
    pub fmr: f64,
    pub fnmr: f64,
}

/// How one set of people's error rates are traded.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    pub name: &'static str,
    pub points: Vec<Point>,
}

const POINTS_PER_DECADE: f64 = 20.0;
/// The plot's ends: no one measures beyond them with LFW.
const FMR_RANGE: std::ops::Range<f64> = 1e-7..1.0;
const FNMR_RANGE: std::ops::Range<f64> = 1e-3..1.0;
const SIZE: (u32, u32) = (760, 560);

/// Thresholds from one that accepts all pairs of two people to the highest that accepts any, evenly by the logarithm of the rate.
pub fn points(comparison: &Comparison, calibration: Option<&Calibration>) -> Vec<Point> {
    let impostors = &comparison.impostors;
    let steps = ((impostors.pairs.max(1) as f64).log10() * POINTS_PER_DECADE).floor() as i32;
    let cosine = |step: i32| impostors.cosine_at(10f64.powf(-f64::from(step) / POINTS_PER_DECADE));
    let cosines: Vec<f64> = (0..=steps).filter_map(cosine).collect();
    let rates = Rates::new(comparison, &Marks { fars: Vec::new(), cosines: cosines.clone() });
    let figures = cosines.iter().zip(rates.fmrs).zip(rates.fnmrs);
    figures
        .filter_map(|((cosine, fmr), fnmr)| {
            let score = calibration.map(|calibration| calibration.score(*cosine).0);
            Some(Point { cosine: *cosine, score, fmr: fmr?, fnmr: fnmr? })
        })
        .collect()
}

/// One line for each point of each curve. `tar`, for a ROC curve, is what `fnmr` leaves of one.
pub fn csv(curves: &[Curve]) -> String {
    let mut text = String::from("people,cosine,score,fmr,fnmr,tar\n");
    for curve in curves {
        for Point { cosine, score, fmr, fnmr } in &curve.points {
            let score = score.map(|score| format!("{score:.2}")).unwrap_or_default();
            writeln!(text, "{},{cosine:.6},{score},{fmr:.3e},{fnmr:.6},{:.6}", curve.name, 1.0 - fnmr)
                .expect("writing to a string cannot fail");
        }
    }
    text
}

/// The curves on two logarithmic axes.
pub fn svg(curves: &[Curve]) -> Result<String, Error> {
    let mut text = String::new();
    draw(&mut text, curves).map_err(|error| Error::Plot(error.to_string()))?;
    Ok(text)
}

fn draw(text: &mut String, curves: &[Curve]) -> Result<(), Box<dyn std::error::Error>> {
    let area = SVGBackend::with_string(text, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .margin(16)
        .caption("Detection error trade-off", ("sans-serif", 18))
        .x_label_area_size(44)
        .y_label_area_size(64)
        .build_cartesian_2d(FMR_RANGE.log_scale(), FNMR_RANGE.log_scale())?;
    chart
        .configure_mesh()
        .x_desc("false match rate")
        .y_desc("false non-match rate")
        .x_label_formatter(&|rate| format!("{rate:.0e}"))
        .y_label_formatter(&|rate| format!("{rate:.0e}"))
        .draw()?;
    for (curve, colour) in curves.iter().zip([BLACK, RED, BLUE].into_iter().cycle()) {
        let inside = |point: &&Point| FMR_RANGE.start <= point.fmr && FNMR_RANGE.start <= point.fnmr;
        let line = curve.points.iter().filter(inside).map(|point| (point.fmr, point.fnmr));
        let key = move |(x, y): (i32, i32)| PathElement::new([(x, y), (x + 20, y)], colour);
        chart.draw_series(LineSeries::new(line, &colour))?.label(curve.name).legend(key);
    }
    chart.configure_series_labels().background_style(WHITE).border_style(RGBColor(160, 160, 160)).draw()?;
    area.present()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::template::Template;
    use crate::evaluate::comparison::Pairing;
    use crate::evaluate::comparison::Sample;

    /// Forty people, two pictures each, spread over a circle.
    fn curves() -> Vec<Curve> {
        let sample = |at: usize| {
            let angle = ((at / 2) as f32 * 137.5 + (at % 2) as f32 * 12.0).to_radians();
            Sample { person: at / 2, template: Template::new(1, &[angle.cos(), angle.sin()]), ..Sample::default() }
        };
        let comparison = Comparison::new(&(0..80).map(sample).collect::<Vec<_>>(), Pairing::All);
        vec![Curve { name: "all", points: points(&comparison, None) }]
    }

    #[test]
    fn one_error_falls_where_the_other_rises() {
        let points = &curves()[0].points;
        assert!(points.len() > 50, "{}", points.len());
        assert_eq!((points[0].fmr, points[0].fnmr), (1.0, 0.0));
        assert!(points.windows(2).all(|pair| pair[0].fmr >= pair[1].fmr && pair[0].fnmr <= pair[1].fnmr));
    }

    #[test]
    fn the_table_and_the_drawing() {
        let curves = curves();
        let csv = csv(&curves);
        assert_eq!(csv.lines().count(), 1 + curves[0].points.len());
        assert!(csv.starts_with("people,cosine,score,fmr,fnmr,tar\nall,-"), "{csv}");
        let svg = svg(&curves).expect("it can be drawn");
        assert!(svg.starts_with("<svg") && svg.contains("polyline") && svg.contains("false match rate"));
    }
}
