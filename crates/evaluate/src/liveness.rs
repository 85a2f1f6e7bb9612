//! Trials of liveness: captures of people and of attacks, measured, judged and counted as ISO/IEC 30107-3 defines.

use std::time::{Duration, Instant};

use face::liveness::judge::Evidence;
use face::networks::Networks;
use face::values::liveness::{LivenessType, Reason, SecurityLevel};
use face::{Best, LivenessCapture};
use serde::{Deserialize, Serialize};

use crate::input::recordings::BONA_FIDE;
use crate::measure::interval::{self, Interval};

pub mod errors;
pub mod recorded;
pub mod stage;
pub mod text;

/// Marks the JSON of these reports.
pub const KIND: &str = "liveness";
/// Reasons that mean that a capture cannot be judged: a capture refused only for these counts as a non-response.
const UNCLEAR: [Reason; 4] = [Reason::NoFace, Reason::MultipleFaces, Reason::TooShort, Reason::PoorQuality];

/// One capture and what was measured on it.
#[derive(Debug, Clone)]
pub struct Trial {
    pub liveness_type: LivenessType,
    /// True if the check asked for light.
    pub is_lit: bool,
    /// [`BONA_FIDE`], or the attack species.
    pub species: String,
    /// The reasons for a refusal, by security level.
    pub reasons: [Vec<Reason>; 3],
    pub evidence: Evidence,
    /// True if the best frame matches the person that the capture shows or is meant to show; `None` without a
    /// photograph of them.
    pub matched: Option<bool>,
    /// The time that the measurement took, from the frames to the evidence.
    pub took: Duration,
}

impl Trial {
    /// Measures a capture; returns its trial and its best frame.
    pub fn made(
        networks: &mut Networks,
        capture: &LivenessCapture,
        species: &str,
    ) -> Result<(Self, Option<Best>), face::Error> {
        let start = Instant::now();
        let measured = networks.measure(capture)?;
        let took = start.elapsed();
        let (evidence, limits) = (measured.evidence, networks.liveness());
        let judge = |level| evidence.judge(&capture.asked, level, limits);
        let reasons = SecurityLevel::ALL.map(judge);
        let (liveness_type, is_lit) = (capture.asked.liveness_type, !capture.asked.lights.is_empty());
        let species = species.to_owned();
        Ok((Self { liveness_type, is_lit, species, reasons, evidence, matched: None, took }, measured.best))
    }

    fn is_bona_fide(&self) -> bool {
        self.species == BONA_FIDE
    }

    /// Returns the name of the type of check, for a report.
    fn check(&self) -> String {
        let name = self.liveness_type.name();
        if self.is_lit { format!("{name}, light") } else { name.to_owned() }
    }
}

/// The number of refusals among the trials of one type and species.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Refused {
    pub liveness_type: String,
    /// [`BONA_FIDE`], or the attack species.
    pub species: String,
    pub trials: u64,
    /// Refused trials, by security level.
    pub refused: [u64; 3],
    /// For bona fide trials the share refused (BPCER), for an attack the share accepted (APCER), as in ISO/IEC 30107-3.
    pub error: [Option<f64>; 3],
    pub error_interval: [Option<Interval>; 3],
    /// Trials refused only because they could not be judged, by security level.
    #[serde(default)]
    pub unjudged: [u64; 3],
    /// Attacks that come with a photograph of the person that they are meant to show, and how many of them are accepted
    /// and match that photograph at a score of 3500 (IAPMR).
    #[serde(default)]
    pub impostors: Option<Impostors>,
    /// The equal error rate of the networks against spoofs: at one threshold, equal shares of bona fide captures and of
    /// attacks are classified wrongly. Bona fide rows have none.
    #[serde(default)]
    pub equal_error: Option<f64>,
    /// The reasons at the highest level, most frequent first.
    pub reasons: Vec<(String, u64)>,
    /// Means over the films: the number of frames, and the milliseconds from them to a verdict.
    pub frames: f64,
    pub took_ms: f64,
    /// The evidence of each film; no report needs it.
    #[serde(skip_deserializing)]
    pub evidence: Vec<Evidence>,
}

/// Attacks that imitate a person whose photograph is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
pub struct Impostors {
    pub trials: u64,
    /// Accepted attacks that match the photograph, by security level.
    pub accepted: [u64; 3],
}

/// All trials of a pack.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// [`KIND`]
    pub kind: String,
    pub pack: String,
    /// Describes the captures in words.
    pub data: String,
    pub rows: Vec<Refused>,
    pub caveats: Vec<String>,
}

impl Report {
    pub fn new(pack: String, data: String, trials: &[Trial], caveats: Vec<String>) -> Self {
        let mut species: Vec<&str> = vec![];
        for trial in trials.iter().filter(|trial| trial.is_bona_fide()).chain(trials) {
            if !species.contains(&trial.species.as_str()) {
                species.push(&trial.species);
            }
        }
        let mut rows = vec![];
        let checks =
            LivenessType::ALL.into_iter().flat_map(|liveness_type| [(liveness_type, false), (liveness_type, true)]);
        for (liveness_type, is_lit) in checks {
            let is_of = |trial: &&Trial| trial.liveness_type == liveness_type && trial.is_lit == is_lit;
            let of = |name: &str| -> Vec<&Trial> {
                trials.iter().filter(is_of).filter(|trial| trial.species == name).collect()
            };
            let people = of(BONA_FIDE);
            rows.extend(
                species.iter().map(|name| of(name)).filter(|own| !own.is_empty()).map(|own| refused(&own, &people)),
            );
        }
        Self { kind: KIND.to_owned(), pack, data, rows, caveats }
    }
}

/// Makes the row of the trials of one type and species; there must be at least one trial.
fn refused(trials: &[&Trial], people: &[&Trial]) -> Refused {
    let first = trials[0];
    let count = trials.len() as u64;
    let by_level = |is_counted: &dyn Fn(&[Reason]) -> bool| {
        [0, 1, 2].map(|level| trials.iter().filter(|trial| is_counted(&trial.reasons[level])).count() as u64)
    };
    let refused = by_level(&|reasons| !reasons.is_empty());
    let unjudged = by_level(&|reasons| !reasons.is_empty() && reasons.iter().all(|reason| UNCLEAR.contains(reason)));
    let errors = refused.map(|refused| if first.is_bona_fide() { refused } else { count - refused });
    let reasons = Reason::ALL.map(|reason| {
        (reason.name().to_owned(), trials.iter().filter(|trial| trial.reasons[2].contains(&reason)).count() as u64)
    });
    let mean = |value: fn(&Trial) -> f64| trials.iter().map(|trial| value(trial)).sum::<f64>() / count as f64;
    let mut reasons: Vec<_> = reasons.into_iter().filter(|(_, count)| *count > 0).collect();
    reasons.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let is_attack = !first.is_bona_fide();
    let reals = |trials: &[&Trial]| errors::reals(trials.iter().map(|trial| &trial.evidence));
    Refused {
        liveness_type: first.check(),
        species: first.species.clone(),
        trials: count,
        refused,
        error: errors.map(|errors| Some(errors as f64 / count as f64)),
        error_interval: errors.map(|errors| interval::of_rate(errors, count)),
        unjudged,
        impostors: if is_attack { impostors(trials) } else { None },
        equal_error: if is_attack { errors::equal(&reals(people), &reals(trials)) } else { None },
        reasons,
        frames: mean(|trial| trial.evidence.frames as f64),
        took_ms: mean(|trial| 1000.0 * trial.took.as_secs_f64()),
        evidence: trials.iter().map(|trial| trial.evidence.clone()).collect(),
    }
}

/// Counts impostor attacks; `None` if no attack comes with a photograph.
fn impostors(trials: &[&Trial]) -> Option<Impostors> {
    let known: Vec<(&&Trial, bool)> = trials.iter().filter_map(|trial| Some((trial, trial.matched?))).collect();
    let accepted = |level: usize| {
        known.iter().filter(|(trial, is_matched)| *is_matched && trial.reasons[level].is_empty()).count() as u64
    };
    (!known.is_empty()).then(|| Impostors { trials: known.len() as u64, accepted: [0, 1, 2].map(accepted) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trial(species: &str, reasons: [&[Reason]; 3], real: f32) -> Trial {
        let evidence = Evidence { frames: 30, real: Some(real), ..Evidence::default() };
        Trial {
            liveness_type: LivenessType::Passive,
            is_lit: false,
            species: species.to_owned(),
            reasons: reasons.map(<[Reason]>::to_vec),
            evidence,
            matched: None,
            took: Duration::from_millis(250),
        }
    }

    const SPOOF: &[Reason] = &[Reason::SpoofNetwork];

    #[test]
    fn errors_are_refused_people_and_accepted_attacks_by_level() {
        let trials = [
            trial("screen", [&[], SPOOF, SPOOF], 0.3),
            trial(BONA_FIDE, [&[], &[], &[]], 0.9),
            trial(BONA_FIDE, [&[], &[], SPOOF], 0.5),
            trial("screen", [SPOOF; 3], 0.1),
        ];
        let report = Report::new("mine".into(), "toys".into(), &trials, vec!["They are toys.".into()]);
        let errors = report.rows.iter().map(|row| (row.species.as_str(), row.trials, row.error.map(Option::unwrap)));
        let expected = [(BONA_FIDE, 2, [0.0, 0.0, 0.5]), ("screen", 2, [0.5, 0.0, 0.0])];
        assert_eq!(errors.collect::<Vec<_>>(), expected);
        assert_eq!(report.rows[1].equal_error, Some(0.0));
        // The JSON gives the same report when it is read again.
        let json = serde_json::to_string(&report).expect("it can be written");
        let read: Report = serde_json::from_str(&json).expect("it can be read");
        let row = "| LIVENESS_PASSIVE | screen | 2 | 50 [1.26, 98.7] | 0 [0, 84.2] | 0 [0, 84.2] | 0 | - | 0 | 30 | 250 | SPOOF_NETWORK 2 |";
        assert!(read.table().markdown().contains(row), "{}", read.table().markdown());
        assert_eq!(read.notes().last().map(String::as_str), Some("They are toys."));
    }

    #[test]
    fn unjudged_captures_and_impostors_are_counted() {
        let unclear: &[Reason] = &[Reason::PoorQuality];
        let mut trials = vec![
            trial("print", [&[], unclear, unclear], 0.3),
            trial("print", [&[Reason::PoorQuality, Reason::SpoofNetwork]; 3], 0.3),
            trial("print", [&[]; 3], 0.3),
        ];
        trials[0].matched = Some(true);
        trials[1].matched = Some(true);
        let report = Report::new("mine".into(), "toys".into(), &trials, vec![]);
        assert_eq!(report.rows[0].unjudged, [0, 1, 1]);
        assert_eq!(report.rows[0].impostors, Some(Impostors { trials: 2, accepted: [1, 0, 0] }));
    }
}
