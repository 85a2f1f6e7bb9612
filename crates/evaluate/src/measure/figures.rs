//! The error rates of a recognizer and its scores on a set of people.

use face::calibration::Calibration;
use face::values::score::Score;
use serde::{Deserialize, Serialize};

use crate::measure::comparison::Comparison;
use crate::measure::interval::{self, Interval};
use crate::measure::rates::{Intervals, Marks, Rates};

/// The false acceptance rates at which true acceptance rates are stated.
pub const FARS: [f64; 4] = [1e-2, 1e-3, 1e-4, 1e-5];
/// The scores that the contract names, for a false acceptance rate of 1 %, 0.1 %, 0.01 % and 0.001 %.
pub const SCORES: [f64; 4] = [2500.0, 3000.0, 3500.0, 4000.0];

/// All rates are shares, 0..1; all intervals are at 95 %. Intervals by pairs assume that pairs are independent;
/// intervals by people are missing if the people on the pictures are unknown.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Figures {
    /// People with at least one template, if people are known.
    pub people: Option<usize>,
    pub templates: usize,
    /// Pairs of pictures of one person, including those without a template.
    pub genuine_pairs: usize,
    /// Pairs of templates of two people.
    pub impostor_pairs: u64,
    pub at_far: Vec<AtFar>,
    /// Empty for a pack without calibration.
    pub at_score: Vec<AtScore>,
}

/// The threshold that keeps to one FAR, and its TAR. Both are `None` if the FAR is less than one impostor pair.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AtFar {
    pub far: f64,
    /// The lowest threshold that keeps to the FAR.
    pub cosine: Option<f64>,
    pub tar: Option<f64>,
    pub tar_by_pairs: Option<Interval>,
    pub tar_by_people: Option<Interval>,
}

/// The errors with one score as the threshold.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AtScore {
    pub score: f64,
    /// The false acceptance rate that the score stands for.
    pub stated_fmr: f64,
    #[serde(flatten)]
    pub errors: Errors,
}

/// Both error rates at one threshold.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Errors {
    /// `None` if no pair can reach the threshold.
    pub cosine: Option<f64>,
    /// The number of impostor pairs that reach the threshold.
    pub false_matches: u64,
    pub fmr: Option<f64>,
    pub fmr_by_pairs: Option<Interval>,
    pub fmr_by_people: Option<Interval>,
    /// Includes pictures without a template, which never match.
    pub fnmr: Option<f64>,
    pub fnmr_by_pairs: Option<Interval>,
    pub fnmr_by_people: Option<Interval>,
}

impl Figures {
    pub fn new(comparison: &Comparison, calibration: Option<&Calibration>) -> Self {
        let scores = if calibration.is_some() { &SCORES[..] } else { &[] };
        let cosines = scores.iter().filter_map(|score| Some(calibration?.cosine(Score(*score)))).collect();
        let marks = Marks { fars: FARS.to_vec(), cosines };
        let rates = Rates::new(comparison, &marks);
        let intervals = Intervals::by_people(comparison, &marks);
        let errors = errors(comparison, &marks.cosines, &rates, &intervals);
        let at_score = |(score, errors): (&f64, Errors)| AtScore {
            score: *score,
            stated_fmr: Score(*score).false_acceptance_rate_percent() / 100.0,
            errors,
        };
        Self {
            people: comparison.people(),
            templates: comparison.pictures(),
            genuine_pairs: comparison.genuine.len(),
            impostor_pairs: comparison.impostors.pairs,
            at_far: (0..FARS.len()).map(|at| at_far(at, comparison, &rates, &intervals)).collect(),
            at_score: scores.iter().zip(errors).map(at_score).collect(),
        }
    }
}

impl Errors {
    /// Returns the error rates at each of these thresholds.
    pub fn at(comparison: &Comparison, cosines: &[f64]) -> Vec<Self> {
        let marks = Marks { fars: Vec::new(), cosines: cosines.to_vec() };
        errors(comparison, cosines, &Rates::new(comparison, &marks), &Intervals::by_people(comparison, &marks))
    }
}

fn at_far(at: usize, comparison: &Comparison, rates: &Rates, intervals: &Intervals) -> AtFar {
    let cosine = rates.thresholds[at];
    let pairs = comparison.genuine.len() as u64;
    AtFar {
        far: FARS[at],
        cosine,
        tar: rates.tars[at],
        tar_by_pairs: cosine.and_then(|cosine| interval::of_rate(matches(comparison, cosine), pairs)),
        tar_by_people: intervals.tars[at],
    }
}

fn errors(comparison: &Comparison, cosines: &[f64], rates: &Rates, intervals: &Intervals) -> Vec<Errors> {
    let (impostors, pairs) = (&comparison.impostors, comparison.genuine.len() as u64);
    let at = |(at, cosine): (usize, &f64)| {
        let false_matches = impostors.count_from(*cosine).round() as u64;
        let misses = pairs - matches(comparison, *cosine);
        Errors {
            cosine: cosine.is_finite().then_some(*cosine),
            false_matches,
            fmr: rates.fmrs[at],
            fmr_by_pairs: interval::of_rate(false_matches, impostors.pairs),
            // Without an error, resampling the same people says nothing about other people.
            fmr_by_people: intervals.fmrs[at].filter(|_| false_matches > 0),
            fnmr: rates.fnmrs[at],
            fnmr_by_pairs: interval::of_rate(misses, pairs),
            fnmr_by_people: intervals.fnmrs[at].filter(|_| misses > 0),
        }
    };
    cosines.iter().enumerate().map(at).collect()
}

/// Returns the number of genuine pairs that reach a cosine.
fn matches(comparison: &Comparison, cosine: f64) -> u64 {
    comparison.genuine.partition_point(|pair| f64::from(pair.cosine) >= cosine) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::comparison::Listed;

    /// Ten genuine pairs with cosines from .1 to 1, and a hundred impostor pairs with cosines from .0 to .99.
    fn listed() -> Comparison {
        let pair = |same, cosine| Listed { same, cosine: Some(cosine), quality: 0 };
        let genuine = (1..=10).map(|at| pair(true, at as f32 / 10.0));
        let impostors = (0..100).map(|at| pair(false, at as f32 / 100.0));
        Comparison::listed(&genuine.chain(impostors).collect::<Vec<_>>(), 20)
    }

    #[test]
    fn errors_of_listed_pairs_by_hand() {
        let [low, high] = &Errors::at(&listed(), &[0.445, 1.5])[..] else { panic!("two thresholds") };
        assert_eq!((low.false_matches, low.fmr, low.fnmr), (55, Some(0.55), Some(0.4)));
        assert_eq!(low.fmr_by_pairs, interval::of_rate(55, 100));
        assert_eq!((low.fnmr_by_pairs, low.fnmr_by_people), (interval::of_rate(4, 10), None));
        assert_eq!((high.false_matches, high.fmr, high.fnmr), (0, Some(0.0), Some(1.0)));
        assert!(high.fmr_by_pairs.is_some_and(|interval| interval.low == 0.0 && interval.high > 0.03));
    }

    #[test]
    fn acceptance_of_listed_pairs_by_hand() {
        let figures = Figures::new(&listed(), None);
        assert_eq!((figures.people, figures.templates), (None, 20));
        assert_eq!((figures.genuine_pairs, figures.impostor_pairs, figures.at_score.len()), (10, 100, 0));
        // One of a hundred impostor pairs may pass, the one at .99. Only one genuine pair, with a cosine of 1, reaches
        // it.
        let first = &figures.at_far[0];
        assert_eq!((first.tar, first.tar_by_pairs), (Some(0.1), interval::of_rate(1, 10)));
        assert!(first.cosine.is_some_and(|cosine| (cosine - 0.99).abs() < 1e-6));
        assert_eq!((figures.at_far[1].tar, figures.at_far[1].tar_by_pairs), (None, None));
    }
}
