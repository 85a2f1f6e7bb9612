//! Error rates of scores on poor pictures, by the kind of degradation.

use face::curves::Curves;
use face::values::score::Score;
use face::values::template::Template;
use serde::{Deserialize, Serialize};

use crate::input::worse::{Face, Worse};
use crate::measure::interval::{self, Interval};

/// Scores at which rates are reported.
pub const SCORES: [u32; 3] = [2500, 3000, 3500];

/// One kind of degradation at one grade.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Degraded {
    pub kind: String,
    /// The grade, in the unit of the kind.
    pub grade: f32,
    pub people: usize,
    /// People whose face was no longer found.
    pub lost: usize,
    /// Pictures with a quality below 0, among those in which a face was found.
    pub refused: usize,
    pub median_quality: Option<i32>,
    /// Pairs of two people, with both pictures degraded.
    pub impostor_pairs: u64,
    pub at_score: Vec<AtScore>,
}

/// The error rates at one score.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AtScore {
    pub score: u32,
    pub stated_fmr: f64,
    /// Pairs of two people, with both pictures degraded, that reach the score.
    pub false_matches: u64,
    pub fmr: Option<f64>,
    /// The interval under the assumption that pairs are independent.
    pub fmr_by_pairs: Option<Interval>,
    /// The share of the faces found that do not reach the score against the good picture that they were made from.
    pub fnmr_against_good: Option<f64>,
}

impl Degraded {
    /// Scores every pair of degraded pictures of different people, and every degraded picture against its original.
    pub fn new(worse: &Worse, curves: &Curves) -> Self {
        let found: Vec<(&Face, _)> = worse.faces.iter().filter_map(|face| Some((face, face.worse.as_ref()?))).collect();
        let score = |a: &Template, b: &Template| curves.general.score(curves.discounts.cosine(a, b));
        let mut impostors = Vec::with_capacity(found.len() * found.len() / 2);
        for (at, (_, one)) in found.iter().enumerate() {
            impostors.extend(found[..at].iter().map(|(_, other)| score(&one.template, &other.template).0));
        }
        let genuine: Vec<f64> = found.iter().map(|(face, one)| score(&one.template, &face.good.template).0).collect();
        let mut qualities: Vec<i32> = found.iter().map(|(_, one)| one.quality).collect();
        qualities.sort_unstable();
        let at_score = SCORES.map(|at| {
            let reached = impostors.iter().filter(|score| **score >= f64::from(at)).count() as u64;
            let missed = genuine.iter().filter(|score| **score < f64::from(at)).count();
            let share = |part: f64, whole: usize| (whole > 0).then(|| part / whole as f64);
            AtScore {
                score: at,
                stated_fmr: Score(f64::from(at)).false_acceptance_rate_percent() / 100.0,
                false_matches: reached,
                fmr: share(reached as f64, impostors.len()),
                fmr_by_pairs: interval::of_rate(reached, impostors.len() as u64),
                fnmr_against_good: share(missed as f64, genuine.len()),
            }
        });
        Self {
            kind: worse.how.name().to_owned(),
            grade: worse.grade,
            people: worse.faces.len(),
            lost: worse.faces.len() - found.len(),
            refused: qualities.iter().filter(|quality| **quality < 0).count(),
            median_quality: qualities.get(qualities.len() / 2).copied(),
            impostor_pairs: impostors.len() as u64,
            at_score: at_score.into(),
        }
    }
}
