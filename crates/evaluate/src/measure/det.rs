//! The DET curve: both error rates over all thresholds.

use std::fmt::Write as _;

use face::calibration::Calibration;

use crate::measure::comparison::Comparison;
use crate::measure::interval::Interval;
use crate::measure::rates::{Intervals, Marks, Rates};

/// Rates at one threshold, as shares.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    pub cosine: f64,
    /// `None` for a pack without calibration.
    pub score: Option<f64>,
    pub fmr: f64,
    pub fnmr: f64,
    /// The interval of the FNMR at this FMR; `None` above an FMR of 0.1.
    pub fnmr_by_people: Option<Interval>,
}

/// The DET curve of one set of people.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    pub name: &'static str,
    pub points: Vec<Point>,
}

const POINTS_PER_DECADE: f64 = 20.0;
/// The highest FMR with intervals: nobody accepts more strangers, and each interval costs a pass over the pairs below
/// it.
const FMR_BY_PEOPLE_MAX: f64 = 0.1;

/// Returns points from the threshold that accepts all impostor pairs to the highest that accepts any, evenly spaced in
/// the logarithm of the rate.
pub fn points(comparison: &Comparison, calibration: Option<&Calibration>) -> Vec<Point> {
    let impostors = &comparison.impostors;
    let steps = ((impostors.pairs.max(1) as f64).log10() * POINTS_PER_DECADE).floor() as i32;
    let share = |step: i32| 10f64.powf(-f64::from(step) / POINTS_PER_DECADE);
    let marked = (0..=steps).filter_map(|step| Some((share(step), impostors.cosine_at(share(step))?)));
    let (fars, cosines): (Vec<f64>, Vec<f64>) = marked.unzip();
    let rates = Rates::new(comparison, &Marks { fars: Vec::new(), cosines: cosines.clone() });
    let wide = fars.partition_point(|far| *far > FMR_BY_PEOPLE_MAX);
    let marks = Marks { fars: fars[wide..].to_vec(), cosines: Vec::new() };
    let bands = std::iter::repeat_n(None, wide).chain(Intervals::by_people(comparison, &marks).tars);
    let missed = |accepted: Interval| Interval { low: 1.0 - accepted.high, high: 1.0 - accepted.low };
    let figures = cosines.iter().zip(rates.fmrs).zip(rates.fnmrs).zip(bands);
    figures
        .filter_map(|(((cosine, fmr), fnmr), band)| {
            let score = calibration.map(|calibration| calibration.score(*cosine).0);
            Some(Point { cosine: *cosine, score, fmr: fmr?, fnmr: fnmr?, fnmr_by_people: band.map(missed) })
        })
        .collect()
}

/// Writes one line for each point of each curve. `tar`, for a ROC curve, is 1 - `fnmr`; `fnmr_low` and `fnmr_high`
/// bound the interval by people.
pub fn csv(curves: &[Curve]) -> String {
    let mut text = String::from("people,cosine,score,fmr,fnmr,tar,fnmr_low,fnmr_high\n");
    for curve in curves {
        for Point { cosine, score, fmr, fnmr, fnmr_by_people } in &curve.points {
            let score = score.map_or_else(String::new, |score| format!("{score:.2}"));
            let band = fnmr_by_people.map_or_else(|| ",".into(), |band| format!("{:.6},{:.6}", band.low, band.high));
            writeln!(text, "{},{cosine:.6},{score},{fmr:.3e},{fnmr:.6},{:.6},{band}", curve.name, 1.0 - fnmr)
                .expect("writing to a string cannot fail");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use face::values::template::Template;

    use super::*;
    use crate::measure::comparison::{Pairing, Sample};

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
        for point in points {
            assert!(point.fnmr_by_people.is_none_or(|band| band.low <= band.high), "{point:?}");
        }
        let wide = points.iter().filter(|point| point.fnmr_by_people.is_some_and(|band| band.low < band.high)).count();
        assert!(wide > 2, "{wide}");
        assert!(points.windows(2).all(|pair| pair[0].fmr >= pair[1].fmr && pair[0].fnmr <= pair[1].fnmr));
    }

    #[test]
    fn the_table_has_a_line_for_each_point() {
        let curves = curves();
        let csv = csv(&curves);
        assert_eq!(csv.lines().count(), 1 + curves[0].points.len());
        assert!(csv.starts_with("people,cosine,score,fmr,fnmr,tar,fnmr_low,fnmr_high\nall,-"), "{csv}");
        assert!(csv.lines().all(|line| line.matches(',').count() == 7), "{csv}");
    }
}
