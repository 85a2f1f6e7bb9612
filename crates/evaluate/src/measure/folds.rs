//! Accuracy by cross-validation, as the protocol of LFW defines it.

use serde::{Deserialize, Serialize};

/// One comparison of the protocol.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Compared {
    pub fold: usize,
    /// True if both pictures show one person.
    pub same: bool,
    /// Minus infinity if a picture has no template, as it never matches.
    pub cosine: f64,
}

/// The accuracy over the folds; each fold uses the threshold that is best on all others.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Accuracy {
    pub folds: usize,
    /// The share of the pairs that are classified correctly, 0..1.
    pub mean: f64,
    /// The standard deviation of the accuracy over the folds (population form: divided by their number).
    pub deviation: f64,
}

/// Computes the accuracy; `None` with fewer than two folds.
///
/// Source: Huang, Ramesh, Berg and Learned-Miller, "Labeled Faces in the Wild", 2007, section "Pair matching".
pub fn accuracy(pairs: &[Compared]) -> Option<Accuracy> {
    let folds = pairs.iter().map(|pair| pair.fold + 1).max().filter(|folds| *folds >= 2)?;
    let accuracies: Vec<f64> = (0..folds)
        .filter_map(|fold| {
            let (tested, trained): (Vec<Compared>, Vec<Compared>) = pairs.iter().partition(|pair| pair.fold == fold);
            let threshold = best_threshold(trained);
            let right = tested.iter().filter(|pair| (pair.cosine >= threshold) == pair.same).count();
            (!tested.is_empty()).then(|| right as f64 / tested.len() as f64)
        })
        .collect();
    let count = accuracies.len() as f64;
    let mean = accuracies.iter().sum::<f64>() / count;
    let variance = accuracies.iter().map(|accuracy| (accuracy - mean).powi(2)).sum::<f64>() / count;
    Some(Accuracy { folds: accuracies.len(), mean, deviation: variance.sqrt() })
}

/// Returns the threshold that classifies most pairs correctly, half way between the cosines around it; of several, the
/// middle one.
fn best_threshold(mut pairs: Vec<Compared>) -> f64 {
    pairs.sort_by(|a, b| b.cosine.total_cmp(&a.cosine));
    // A threshold above all pairs classifies every pair as different.
    let mut lead = 0i64;
    let mut best = (0i64, vec![f64::INFINITY]);
    for (at, pair) in pairs.iter().enumerate() {
        lead += if pair.same { 1 } else { -1 };
        let next = pairs.get(at + 1).map_or(-1.0, |next| next.cosine.max(-1.0));
        if next == pair.cosine || lead < best.0 {
            continue;
        }
        let threshold = f64::midpoint(pair.cosine.max(-1.0), next);
        if lead > best.0 {
            best = (lead, Vec::new());
        }
        best.1.push(threshold);
    }
    best.1[best.1.len() / 2]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(fold: usize, same: bool, cosine: f64) -> Compared {
        Compared { fold, same, cosine }
    }

    #[test]
    fn the_threshold_comes_from_the_other_folds() {
        let pairs = [
            pair(0, true, 0.6),
            pair(0, true, 0.2),
            pair(0, false, 0.4),
            pair(0, false, 0.1),
            pair(1, true, 0.9),
            pair(1, true, 0.4),
            pair(1, false, 0.2),
            pair(1, false, 0.0),
        ];
        let found = accuracy(&pairs).expect("two folds");
        // Fold 0 with fold 1's best threshold, .3: .2 and .4 are wrong. Fold 1 with .15, one of fold 0's best two: .2
        // is wrong.
        assert_eq!(found, Accuracy { folds: 2, mean: 0.625, deviation: 0.125 });
    }

    #[test]
    fn a_perfect_recognizer_and_a_missing_template() {
        let mut pairs: Vec<Compared> =
            (0..20).map(|at| pair(at / 2, at % 2 == 0, if at % 2 == 0 { 0.8 } else { 0.1 })).collect();
        assert_eq!(accuracy(&pairs), Some(Accuracy { folds: 10, mean: 1.0, deviation: 0.0 }));
        pairs[0].cosine = f64::NEG_INFINITY;
        let found = accuracy(&pairs).expect("ten folds");
        assert!((found.mean - 0.95).abs() < 1e-12 && (found.deviation - 0.15).abs() < 1e-12);
    }

    #[test]
    fn one_fold_cannot_be_crossed() {
        assert_eq!(accuracy(&[pair(0, true, 0.5)]), None);
        assert_eq!(accuracy(&[]), None);
    }
}
