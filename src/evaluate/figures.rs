//! What a set of people says about a recognizer and its scores.

use serde::Serialize;

use crate::domain::score::Score;
use crate::evaluate::comparison::Comparison;
use crate::evaluate::interval;
use crate::evaluate::interval::Interval;
use crate::evaluate::rates::Intervals;
use crate::evaluate::rates::Marks;
use crate::evaluate::rates::Rates;
use crate::face::score::Calibration;

/// The false acceptance rates at which true ones are stated.
pub const FARS: [f64; 4] = [1e-2, 1e-3, 1e-4, 1e-5];
/// The scores that the contract names: a false acceptance rate of 1 %, 0.1 %, 0.01 % and 0.001 %.
pub const SCORES: [f64; 4] = [2500.0, 3000.0, 3500.0, 4000.0];

/// All rates are shares, 0..1; all intervals hold 95 %.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Figures {
    /// Of whom there is at least one template.
    pub people: usize,
    pub templates: usize,
    /// Pairs of pictures of one person, those without template included.
    pub genuine_pairs: usize,
    /// Pairs of templates of two people.
    pub impostor_pairs: u64,
    pub at_far: Vec<AtFar>,
    /// Empty for a pack without calibration.
    pub at_score: Vec<AtScore>,
}

/// Where one FAR is kept to. Nothing is stated that less than one pair of two people would have to support.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AtFar {
    pub far: f64,
    /// The lowest threshold that keeps to it.
    pub cosine: Option<f64>,
    pub tar: Option<f64>,
    pub tar_by_people: Option<Interval>,
}

/// At one score as the threshold.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AtScore {
    pub score: f64,
    /// `None` if no pair can reach it.
    pub cosine: Option<f64>,
    /// The rate that the score means.
    pub stated_fmr: f64,
    /// How many pairs of two people reach it.
    pub false_matches: u64,
    pub fmr: Option<f64>,
    /// As if all pairs were independent of each other.
    pub fmr_by_pairs: Option<Interval>,
    pub fmr_by_people: Option<Interval>,
    /// A picture without template never matches.
    pub fnmr: Option<f64>,
    pub fnmr_by_people: Option<Interval>,
}

impl Figures {
    pub fn new(comparison: &Comparison, calibration: Option<&Calibration>) -> Self {
        let scores = if calibration.is_some() { &SCORES[..] } else { &[] };
        let cosines = scores.iter().filter_map(|score| Some(calibration?.cosine(Score(*score)))).collect();
        let marks = Marks { fars: FARS.to_vec(), cosines };
        let rates = Rates::new(comparison, &marks);
        let intervals = Intervals::by_people(comparison, &marks);
        Self {
            people: comparison.people(),
            templates: comparison.templates.iter().map(|count| *count as usize).sum(),
            genuine_pairs: comparison.genuine.len(),
            impostor_pairs: comparison.impostors.pairs,
            at_far: (0..FARS.len()).map(|at| at_far(at, &rates, &intervals)).collect(),
            at_score: (0..scores.len()).map(|at| at_score(at, comparison, &marks, &rates, &intervals)).collect(),
        }
    }
}

fn at_far(at: usize, rates: &Rates, intervals: &Intervals) -> AtFar {
    AtFar { far: FARS[at], cosine: rates.thresholds[at], tar: rates.tars[at], tar_by_people: intervals.tars[at] }
}

fn at_score(at: usize, comparison: &Comparison, marks: &Marks, rates: &Rates, intervals: &Intervals) -> AtScore {
    let (score, cosine) = (SCORES[at], marks.cosines[at]);
    let impostors = &comparison.impostors;
    let false_matches = impostors.count_from(cosine).round() as u64;
    AtScore {
        score,
        cosine: cosine.is_finite().then_some(cosine),
        stated_fmr: Score(score).false_acceptance_rate_percent() / 100.0,
        false_matches,
        fmr: rates.fmrs[at],
        fmr_by_pairs: interval::of_rate(false_matches, impostors.pairs),
        // Where nobody was taken for another, drawing the same people again says nothing about others.
        fmr_by_people: intervals.fmrs[at].filter(|_| false_matches > 0),
        fnmr: rates.fnmrs[at],
        fnmr_by_people: intervals.fnmrs[at],
    }
}
