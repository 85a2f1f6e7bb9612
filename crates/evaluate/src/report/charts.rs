//! The charts of evaluations and calibrations.

use std::ops::Range;

use crate::fit::calibrate::Tailed;
use crate::liveness::errors::Point as Errors;
use crate::measure::degraded::Degraded;
use crate::measure::det::{self, Curve};
use crate::measure::discard::Discard;
use crate::measure::histogram::{Histogram, Measure};
use crate::measure::reliability::Point;
use crate::report::plot::{Axis, BLUE, GREEN, GREY, ORANGE, Plot, Scale, Series, Shape};

/// The lowest rates that are drawn: nobody can measure below them with thousands of people.
const FMR_MIN: f64 = 1e-7;
const FNMR_MIN: f64 = 1e-3;

/// Returns the range of the rates that are not below `least`.
fn shown(rates: impl Iterator<Item = f64>, least: f64) -> Range<f64> {
    let drawn: Vec<f64> = rates.filter(|rate| (least..=1.0).contains(rate)).collect();
    let low = drawn.iter().copied().reduce(f64::min).unwrap_or(least);
    let high = drawn.iter().copied().reduce(f64::max).unwrap_or(1.0);
    // An axis needs a length, even with a single rate.
    if low < high { low..high } else { (low / 10.0).max(least)..(10.0 * high).min(1.0) }
}

/// Returns the caption of the chart of these curves.
pub fn bands(curves: &[Curve]) -> &'static str {
    let is_drawn = curves.iter().flat_map(|curve| &curve.points).any(|point| point.fnmr_by_people.is_some());
    if is_drawn { "The bands are 95 % intervals, by people, at each false match rate." } else { "All pairs." }
}

/// Returns the caption of [`reliability()`] of these people.
pub fn bars(whom: &str, points: &[Point]) -> String {
    let is_drawn = points.iter().any(|point| point.observed_by_people.is_some());
    if is_drawn { format!("{whom}; the bars are 95 % intervals, by people.") } else { format!("{whom}.") }
}

/// Draws the DET curve, with the 95 % band of each curve that has one.
pub fn det(curves: &[Curve]) -> Plot {
    let mut series = Vec::new();
    for (curve, colour) in curves.iter().zip([BLUE, ORANGE, GREEN].into_iter().cycle()) {
        let band = curve.points.iter().filter_map(|point| {
            let interval = point.fnmr_by_people?;
            Some((point.fmr, [interval.low, interval.high]))
        });
        series.push(Series { name: "", colour, shape: Shape::Band(band.collect()) });
        let line = curve.points.iter().map(|point| (point.fmr, point.fnmr)).collect();
        series.push(Series { name: curve.name, colour, shape: Shape::Line(line) });
    }
    let is_drawn = |point: &&det::Point| point.fmr >= FMR_MIN && point.fnmr >= FNMR_MIN;
    let points = || curves.iter().flat_map(|curve| &curve.points).filter(is_drawn);
    let x = shown(points().map(|point| point.fmr), FMR_MIN);
    let y = shown(points().map(|point| point.fnmr), FNMR_MIN);
    Plot {
        title: "Detection error trade-off",
        x: Axis { name: "false match rate", range: x, scale: Scale::Log },
        y: Axis { name: "false non-match rate", range: y, scale: Scale::Log },
        series,
    }
}

/// Draws attacks accepted against people refused, one curve for each type of check, for the species with the largest
/// error.
pub fn attacks(curves: &[(&'static str, Vec<Errors>)]) -> Plot {
    let series = curves.iter().zip([BLUE, ORANGE, GREEN].into_iter().cycle()).map(|((name, points), colour)| {
        let line = points.iter().map(|point| (point.apcer, point.bpcer)).collect();
        Series { name, colour, shape: Shape::Line(line) }
    });
    let most = |of: fn(&Errors) -> f64| curves.iter().flat_map(|(_, points)| points).map(of).fold(0.0, f64::max);
    let axis = |name, most: f64| Axis { name, range: 0.0..most.max(0.01), scale: Scale::Linear };
    Plot {
        title: "Errors of the networks against spoofs",
        x: axis("attacks accepted, most successful species (APCER)", most(|point| point.apcer)),
        y: axis("people refused (BPCER)", most(|point| point.bpcer)),
        series: series.collect(),
    }
}

/// Draws the distribution of the scores of both kinds of pairs, over the range that any pair reaches.
pub fn histogram(found: &Histogram) -> Plot {
    let both = || found.genuine.iter().zip(&found.impostors);
    let shown = both().position(|(a, b)| a + b > 0.0).zip(both().rposition(|(a, b)| a + b > 0.0));
    let (first, last) = shown.unwrap_or((0, found.genuine.len() - 1));
    let start = |bin: usize| found.start + bin as f64 * found.width;
    let steps = |shares: &[f64]| {
        let bins = shares.iter().enumerate().take(last + 1).skip(first);
        bins.flat_map(|(bin, share)| [(start(bin), *share), (start(bin + 1), *share)]).collect()
    };
    let highest = found.genuine.iter().chain(&found.impostors).copied().fold(0.0, f64::max);
    Plot {
        title: "Pairs of one person and of two",
        x: Axis {
            name: match found.of {
                Measure::Score => "score",
                Measure::Cosine => "cosine",
            },
            range: start(first)..start(last + 1),
            scale: Scale::Linear,
        },
        y: Axis { name: "share of the pairs", range: 0.0..(1.05 * highest).max(1e-9), scale: Scale::Linear },
        series: vec![
            Series { name: "two people", colour: ORANGE, shape: Shape::Line(steps(&found.impostors)) },
            Series { name: "one person", colour: BLUE, shape: Shape::Line(steps(&found.genuine)) },
        ],
    }
}

/// Draws error versus discard, and the ideal in which quality predicts every error.
pub fn discard(found: &Discard) -> Plot {
    let line = found.points.iter().map(|point| (point.rejected, point.fnmr)).collect();
    let all = found.fnmr_at(0).unwrap_or_default();
    let best = |rejected: f64| ((all - rejected).max(0.0)) / (1.0 - rejected);
    let ideal = found.points.iter().map(|point| (point.rejected, best(point.rejected))).collect();
    let highest = found.points.iter().map(|point| point.fnmr).fold(0.0, f64::max);
    let last = found.points.iter().map(|point| point.rejected).fold(0.01, f64::max);
    Plot {
        title: "Errors against the share of discarded pairs",
        x: Axis { name: "share of pairs rejected, lowest quality first", range: 0.0..last, scale: Scale::Linear },
        y: Axis { name: "false non-match rate", range: 0.0..(1.1 * highest).max(1e-6), scale: Scale::Linear },
        series: vec![
            Series { name: "by quality", colour: BLUE, shape: Shape::Line(line) },
            Series { name: "ideal quality", colour: GREY, shape: Shape::Line(ideal) },
        ],
    }
}

/// Draws observed rates against stated ones; they agree on the diagonal.
pub fn reliability(points: &[Point]) -> Plot {
    let bars = points.iter().filter_map(|point| {
        let interval = point.observed_by_people?;
        Some((point.stated, [interval.low, interval.high]))
    });
    let seen = points.iter().map(|point| (point.stated, point.observed)).collect();
    let range = shown(points.iter().flat_map(|point| [point.stated, point.observed]), FMR_MIN);
    let diagonal = [range.start, range.end].map(|rate| (rate, rate)).to_vec();
    let axis = |name| Axis { name, range: range.clone(), scale: Scale::Log };
    Plot {
        title: "Stated and observed false match rates",
        x: axis("stated false match rate"),
        y: axis("observed false match rate"),
        series: vec![
            Series { name: "as stated", colour: GREY, shape: Shape::Line(diagonal) },
            Series { name: "", colour: BLUE, shape: Shape::Bars(bars.collect()) },
            Series { name: "observed", colour: BLUE, shape: Shape::Points(seen) },
        ],
    }
}

/// Draws observed rates of poor pictures against stated ones: a point for each kind, grade and score with enough pairs
/// to expect one event at the stated rate. Points above the upper line are observed more than twice as often as stated.
pub fn degraded(rows: &[Degraded]) -> Plot {
    let enough = |row: &Degraded, stated: f64| row.impostor_pairs as f64 * stated >= 1.0;
    let points = rows.iter().flat_map(|row| {
        let seen = row.at_score.iter().filter(|at| enough(row, at.stated_fmr));
        // A rate of zero is drawn on the lower edge.
        seen.filter_map(|at| Some((at.stated_fmr, at.fmr?.max(FMR_MIN))))
    });
    let points: Vec<(f64, f64)> = points.collect();
    let range = shown(points.iter().flat_map(|(stated, seen)| [*stated, *seen]), FMR_MIN);
    let (start, end) = (range.start, range.end);
    let axis = |name| Axis { name, range: range.clone(), scale: Scale::Log };
    Plot {
        title: "Stated and observed false match rates of poor pictures",
        x: axis("stated false match rate"),
        y: axis("observed false match rate, both poor"),
        series: vec![
            Series { name: "as stated", colour: GREY, shape: Shape::Line(vec![(start, start), (end, end)]) },
            Series { name: "twice", colour: ORANGE, shape: Shape::Line(vec![(start, 2.0 * start), (end / 2.0, end)]) },
            Series { name: "kinds of degradation", colour: BLUE, shape: Shape::Points(points) },
        ],
    }
}

/// Draws the share of impostor pairs beyond each cosine of the tail, as observed and by its law.
pub fn tail(tail: &Tailed) -> Plot {
    let lowest = tail.observed.iter().map(|(_, share)| *share).fold(tail.share, f64::min);
    let law = (0..=100).map(|step| {
        let cosine = tail.law.cosine + (1.0 - tail.law.cosine) * f64::from(step) / 100.0;
        (cosine, tail.share * tail.law.beyond(cosine))
    });
    let last = tail.observed.first().map_or(1.0, |(cosine, _)| *cosine);
    let margin = 0.1 * (last - tail.law.cosine);
    Plot {
        title: "The tail and the law fitted to it",
        x: Axis { name: "cosine", range: tail.law.cosine..(last + margin).min(1.0), scale: Scale::Linear },
        y: Axis { name: "share of the pairs beyond", range: lowest / 2.0..1.5 * tail.share, scale: Scale::Log },
        series: vec![
            Series { name: "observed", colour: BLUE, shape: Shape::Points(tail.observed.clone()) },
            Series { name: "generalised Pareto law", colour: ORANGE, shape: Shape::Line(law.collect()) },
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::interval::Interval;

    fn point(by_people: Option<Interval>) -> Point {
        Point { score: 2500.0, stated: 0.01, pairs: 12, observed: 0.012, observed_by_people: by_people }
    }

    #[test]
    fn a_histogram_is_drawn_where_there_are_pairs() {
        let mut found = Histogram {
            of: Measure::Score,
            start: 0.0,
            width: 50.0,
            genuine: vec![0.0; 100],
            impostors: vec![0.0; 100],
        };
        (found.impostors[30], found.genuine[90]) = (1.0, 0.5);
        let plot = histogram(&found);
        assert_eq!((plot.x.range.clone(), plot.y.range.end), (1500.0..4550.0, 1.05));
        let Shape::Line(line) = &plot.series[1].shape else { panic!("{plot:?}") };
        assert_eq!(line[line.len() - 2..], [(4500.0, 0.5), (4550.0, 0.5)]);
    }

    #[test]
    fn axes_end_where_the_data_ends() {
        assert_eq!(shown([0.0, 1e-9, 1e-5, 0.25, 1e-3].into_iter(), FMR_MIN), 1e-5..0.25);
        for few in [vec![], vec![0.01], vec![1.0], vec![FMR_MIN]] {
            let range = shown(few.iter().copied(), FMR_MIN);
            assert!(FMR_MIN <= range.start && range.start < range.end && range.end <= 1.0, "{few:?}: {range:?}");
            assert!(few.iter().all(|value| (range.start..=range.end).contains(value)), "{few:?}: {range:?}");
        }
    }

    #[test]
    fn only_what_is_drawn_is_explained() {
        assert_eq!(bars("All pairs", &[point(None)]), "All pairs.");
        assert!(bars("All pairs", &[point(Some(Interval { low: 0.0, high: 0.1 }))]).contains("95 %"));
        assert_eq!(bands(&[]), "All pairs.");
    }

    #[test]
    fn quality_that_knows_every_error_is_drawn_beside() {
        let point = |rejected| crate::measure::discard::Point { rejected, fnmr: 0.2 };
        let found = Discard {
            far: 1e-3,
            cosine: 0.5,
            pairs: 100,
            points: vec![point(0.0), point(0.1), point(0.3)],
            fall_at_tenth: 0.0,
            fall_at_tenth_by_people: None,
        };
        let plot = discard(&found);
        let Shape::Line(ideal) = &plot.series[1].shape else { panic!("{plot:?}") };
        assert!((ideal[1].1 - 0.1 / 0.9).abs() < 1e-12 && ideal[2].1 == 0.0, "{ideal:?}");
    }

    #[test]
    fn reliability_has_bars_where_people_are_known() {
        let interval = Interval { low: 0.008, high: 0.02 };
        let plot = reliability(&[point(Some(interval)), point(None)]);
        assert_eq!(plot.series[1].shape, Shape::Bars(vec![(0.01, [0.008, 0.02])]));
        assert_eq!(plot.series[2].shape, Shape::Points(vec![(0.01, 0.012); 2]));
    }
}
