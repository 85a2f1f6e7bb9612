//! Reliability of scores: the false acceptance rate that a score states, against the observed rate.

use face::calibration::Calibration;
use face::values::score::Score;
use serde::{Deserialize, Serialize};

use crate::measure::comparison::Comparison;
use crate::measure::figures::Errors;
use crate::measure::interval::Interval;

/// The stated and the observed rate at one score, as shares.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Point {
    pub score: f64,
    pub stated: f64,
    /// The number of impostor pairs that reach the score.
    pub pairs: u64,
    pub observed: f64,
    /// `None` if people are unknown.
    pub observed_by_people: Option<Interval>,
}

/// The distance between scores: from one to the next, the rate falls to five eighths.
const STEP: f64 = 100.0;
/// The score at a false acceptance rate of 10 %; nobody accepts more strangers.
const SCORE_MIN: f64 = 2000.0;

/// Returns points from a rate of 10 % down, as long as any impostor pair reaches the score.
pub fn points(comparison: &Comparison, calibration: &Calibration) -> Vec<Point> {
    let last = calibration.knots().last().map_or(SCORE_MIN, |knot| knot.score);
    let steps = ((last - SCORE_MIN) / STEP).floor() as i32;
    let scores: Vec<f64> = (0..=steps).map(|step| SCORE_MIN + f64::from(step) * STEP).collect();
    let cosines: Vec<f64> = scores.iter().map(|score| calibration.cosine(Score(*score))).collect();
    let point = |(score, errors): (&f64, Errors)| {
        Some(Point {
            score: *score,
            stated: Score(*score).false_acceptance_rate_percent() / 100.0,
            pairs: errors.false_matches,
            observed: errors.fmr.filter(|_| errors.false_matches > 0)?,
            observed_by_people: errors.fmr_by_people,
        })
    };
    scores.iter().zip(Errors::at(comparison, &cosines)).map_while(point).collect()
}

#[cfg(test)]
mod tests {
    use face::calibration::{Knot, Origin, Tail};

    use super::*;
    use crate::measure::comparison::Listed;

    #[test]
    fn stated_and_observed_rates_are_compared() {
        let origin = Origin {
            data: "a toy".into(),
            people: 20,
            templates: 40,
            impostor_pairs: 1000,
            measured_to_percent: 0.3,
            tail: Tail { cosine: 0.9, shape: 0.0, scale: 0.01 },
        };
        let knots = [(0.0, 1500.0), (1.0, 3500.0)].map(|(cosine, score)| Knot { cosine, score });
        let calibration = Calibration::new(knots.into(), origin).expect("it rises");
        // A thousand impostor pairs, evenly spaced from 0 to 0.4995: the curve is wrong for them.
        let pair = |at: u32| Listed { same: false, cosine: Some(at as f32 / 2000.0), quality: 0 };
        let comparison = Comparison::listed(&(0..1000).map(pair).collect::<Vec<_>>(), 2000);
        let points = points(&comparison, &calibration);
        assert_eq!((points.len(), points[0].score, points[4].score), (5, 2000.0, 2400.0));
        assert!((points[0].stated - 0.1).abs() < 1e-12 && (points[0].observed - 0.5).abs() < 2e-3, "{:?}", points[0]);
        assert!(points[4].pairs.abs_diff(100) <= 1, "{:?}", points[4]);
        assert_eq!(points[0].observed_by_people, None);
    }
}
