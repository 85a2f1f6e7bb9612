//! Error versus discard: shows if the pictures of low quality are those that are not recognised.

use serde::{Deserialize, Serialize};

use crate::measure::comparison::{Comparison, GenuinePair};
use crate::measure::interval::Interval;
use crate::measure::rates::{self, Marks, Rates};

/// The threshold is that of this false acceptance rate.
const FAR: f64 = 1e-3;
/// Pairs are rejected in steps of a hundredth, up to a half.
const STEPS: u32 = 50;
const TENTH: f64 = 0.1;

/// The FNMR after the pairs of lowest quality are rejected. The quality of a pair is the lower one of its pictures.
/// Pairs in which a picture has no template have no quality, and are left out.
///
/// Source: Grother and Tabassi, "Performance of biometric quality measures", IEEE PAMI 29 (2007).
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Discard {
    pub far: f64,
    /// The threshold; rejecting pairs does not move it.
    pub cosine: f64,
    pub pairs: usize,
    pub points: Vec<Point>,
    /// The decrease of the FNMR when a tenth of the pairs is rejected; negative if it increases.
    pub fall_at_tenth: f64,
    pub fall_at_tenth_by_people: Option<Interval>,
}

#[derive(Debug, Clone, Copy, PartialEq, Deserialize, Serialize)]
pub struct Point {
    /// The share of the pairs that is rejected.
    pub rejected: f64,
    /// The FNMR of the remaining pairs.
    pub fnmr: f64,
}

impl Discard {
    /// Returns `None` without genuine pairs, or with too few impostor pairs for the threshold.
    pub fn new(comparison: &Comparison) -> Option<Self> {
        let ones = vec![1; comparison.templates.len()];
        let marks = Marks { fars: vec![FAR], cosines: Vec::new() };
        let cosine = Rates::new(comparison, &marks).thresholds[0]?;
        let pairs = by_quality(&comparison.genuine);
        let shares: Vec<f64> = (0..=STEPS).map(|step| f64::from(step) / 100.0).collect();
        let fnmrs = fnmrs(&pairs, cosine, &ones, &shares)?;
        let fall =
            |weights: &[u32]| self::fnmrs(&pairs, cosine, weights, &[0.0, TENTH]).map(|found| found[0] - found[1]);
        let people = if comparison.people_known { ones.len() } else { 0 };
        Some(Self {
            far: FAR,
            cosine,
            pairs: pairs.len(),
            points: shares.iter().zip(fnmrs).map(|(rejected, fnmr)| Point { rejected: *rejected, fnmr }).collect(),
            fall_at_tenth: fall(&ones)?,
            fall_at_tenth_by_people: rates::bootstrap(people, fall),
        })
    }

    /// Returns the FNMR after `percent` hundredths of the pairs are rejected.
    pub fn fnmr_at(&self, percent: usize) -> Option<f64> {
        self.points.get(percent).map(|point| point.fnmr)
    }
}

fn by_quality(genuine: &[GenuinePair]) -> Vec<GenuinePair> {
    let mut pairs: Vec<GenuinePair> = genuine.iter().filter(|pair| pair.cosine.is_finite()).copied().collect();
    pairs.sort_by_key(|pair| pair.quality);
    pairs
}

/// Returns the FNMR after each share of the pairs is rejected. Pairs of equal quality are rejected in proportion: a
/// part of them takes the same part of their errors along.
fn fnmrs(pairs: &[GenuinePair], cosine: f64, weights: &[u32], shares: &[f64]) -> Option<Vec<f64>> {
    let weight = |pair: &GenuinePair| f64::from(weights[pair.person as usize]);
    let level = |level: &[GenuinePair]| {
        let missed = level.iter().filter(|pair| f64::from(pair.cosine) < cosine);
        (level.iter().map(weight).sum::<f64>(), missed.map(weight).sum::<f64>())
    };
    let levels: Vec<(f64, f64)> = pairs.chunk_by(|a, b| a.quality == b.quality).map(level).collect();
    let (all, missed) = levels.iter().fold((0.0, 0.0), |sum, level| (sum.0 + level.0, sum.1 + level.1));
    let after = |share: &f64| {
        let mut left = share * all;
        let mut gone = 0.0;
        for (count, missed) in &levels {
            let part = if *count > left { left / count } else { 1.0 };
            gone += part * missed;
            left -= part * count;
            if left <= 0.0 {
                break;
            }
        }
        (missed - gone) / (all * (1.0 - share))
    };
    (all > 0.0).then(|| shares.iter().map(after).collect())
}

#[cfg(test)]
mod tests {
    use face::values::template::Template;

    use super::*;
    use crate::measure::comparison::{Pairing, Sample};

    fn pair(cosine: f32, quality: i32) -> GenuinePair {
        GenuinePair { cosine, person: 0, quality }
    }

    #[test]
    fn rejected_pairs_take_their_errors_along() {
        let pairs = [pair(0.1, 0), pair(0.9, 1), pair(0.2, 2), pair(0.8, 3), pair(f32::NEG_INFINITY, 0)];
        let pairs = by_quality(&pairs);
        assert_eq!(pairs.len(), 4);
        let found = fnmrs(&pairs, 0.5, &[1], &[0.0, 0.25, 0.5, 0.75]).expect("there are pairs");
        assert_eq!(found, [0.5, 1.0 / 3.0, 0.5, 0.0]);
        assert_eq!(fnmrs(&[], 0.5, &[1], &[0.0]), None);
        assert_eq!(fnmrs(&pairs, 0.5, &[0], &[0.0]), None);
    }

    #[test]
    fn pairs_of_one_quality_go_together() {
        let pairs = [pair(0.1, 5), pair(0.9, 5), pair(0.9, 5), pair(0.2, 5)];
        for rate in fnmrs(&pairs, 0.5, &[3], &[0.0, 0.1, 0.33, 0.5]).expect("there are pairs") {
            assert!((rate - 0.5).abs() < 1e-12, "{rate}");
        }
    }

    /// Sixty people with two pictures each. The second picture is a degree away from the first, but 40 degrees for
    /// every tenth person.
    fn people(poor: i32) -> Comparison {
        let sample = |at: usize| {
            let (person, second) = (at / 2, at % 2 == 1);
            let off = if second && person.is_multiple_of(10) { 40.0 } else { 1.0 };
            // All distances between neighbours differ.
            let place = (person as f32 * (5.0 + 0.01 * person as f32)).to_radians();
            let lift = (if second { off } else { 0.0 } as f32).to_radians();
            let values = [place.cos() * lift.cos(), place.sin() * lift.cos(), lift.sin()];
            let quality = if person.is_multiple_of(10) { poor } else { 100 + person as i32 };
            Sample { person, template: Template::new(1, &values), quality, side: 0 }
        };
        Comparison::new(&(0..120).map(sample).collect::<Vec<_>>(), Pairing::All)
    }

    #[test]
    fn quality_that_knows_the_errors_removes_them() {
        let found = Discard::new(&people(0)).expect("there are pairs");
        assert_eq!((found.pairs, found.points.len()), (60, 51));
        assert_eq!((found.fnmr_at(0), found.fnmr_at(10), found.fnmr_at(50)), (Some(0.1), Some(0.0), Some(0.0)));
        assert!((found.fall_at_tenth - 0.1).abs() < 1e-12);
        let Interval { low, high } = found.fall_at_tenth_by_people.expect("people are known");
        // If more than a tenth of the pairs is poor, a tenth cannot reject them all: the rate falls by at most a tenth
        // in any draw.
        assert!(0.0 < low && low < 0.09 && (high - 0.1).abs() < 1e-9, "{low} {high}");
    }

    #[test]
    fn a_wrong_quality_raises_the_error() {
        let found = Discard::new(&people(1000)).expect("there are pairs");
        assert!(
            found.fall_at_tenth < 0.0 && found.fnmr_at(50).is_some_and(|fnmr| (fnmr - 0.2).abs() < 1e-12),
            "{found:?}"
        );
        let alone: Vec<Sample> = (0..2).map(|person| Sample { person, ..Sample::default() }).collect();
        assert_eq!(Discard::new(&Comparison::new(&alone, Pairing::All)), None);
    }
}
