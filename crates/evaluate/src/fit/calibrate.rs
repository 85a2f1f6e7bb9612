//! Fits a calibration curve to the cosines of pairs of different people.

use face::calibration::{Calibration, Knot, Origin, Tail};
use face::values::score::Score;

use crate::Error;
use crate::measure::comparison::Comparison;
use crate::measure::comparison::impostors::{ImpostorPair, Impostors};
use crate::measure::pareto;

/// The law of the tail is fitted to this many of the highest pairs: enough to know its scale to about 5 %, and few
/// enough that the law has to hold only where it is needed.
pub const TAIL_PAIRS: u64 = 1000;
/// In a small set, the tail holds at most one pair in this many, so the curve up to score 2500 is always measured.
pub const TAIL_SHARE_MAX: u64 = 100;
/// Fewer pairs than this allow no statement about a false acceptance rate of 0.1 %.
const PAIRS_MIN: u64 = 5_000;
/// The score at a false acceptance rate of 100 %; lower scores mean nothing.
const SCORE_ALL: f64 = 1500.0;
/// The score at a cosine of -1: scores keep falling even where every pair is accepted.
const SCORE_LOWEST: f64 = 0.0;
/// The distance between measured knots, in points of score. From one to the next the rate changes by a quarter, and the
/// curve is nearly straight.
const MEASURED_STEP: f64 = 50.0;
/// The distance between extrapolated knots, in points of score.
const TAIL_STEP: f64 = 250.0;
/// Cosines and the parameters of the tail's law are written to a millionth, a tenth of the resolution of 16-bit
/// templates.
pub(super) const DIGITS: f64 = 1e6;

/// A fitted curve and its goodness of fit.
#[derive(Debug, Clone)]
pub struct Fit {
    pub calibration: Calibration,
    /// The number of pairs that the tail's law was fitted to.
    pub tail_pairs: usize,
    /// The largest distance between the law and the distribution of these pairs, as a share of them
    /// (Kolmogorov-Smirnov).
    pub tail_gap: f64,
    pub tail: Tailed,
}

/// The law of the tail and the pairs that it was fitted to.
#[derive(Debug, Clone, PartialEq)]
pub struct Tailed {
    pub law: Tail,
    /// The share of all impostor pairs that lie beyond the beginning of the tail.
    pub share: f64,
    /// Cosines of these pairs, highest first, each with the share of all pairs that reaches it.
    pub observed: Vec<(f64, f64)>,
}

/// Fits a curve to the pairs of two people. `data` describes them in words.
///
/// - Knots lie every 50 points of score, up to the beginning of the tail. Each has the cosine that the share of pairs
///   of its score reaches.
/// - The tail begins above all but the 1000 highest pairs, or above all but 1 % of the pairs if that is fewer. It
///   follows a generalised Pareto law with a shape of zero or more; its knots reach a cosine of 1.
/// - Below the lowest pair, the score keeps falling to 0 at a cosine of -1.
/// - The curve counts as measured down to a rate of three divided by the number of pairs of *people* (the rule of
///   three). Pairs of pictures are not independent: several come from the same two people. At such low rates, pairs of
///   people that share one person are nearly independent: hardly any of a person's pairs lie beyond the threshold.
pub fn fit(comparison: &Comparison, data: String) -> Result<Fit, Error> {
    let impostors = &comparison.impostors;
    if impostors.pairs < PAIRS_MIN {
        return Err(Error::TooFewPairs { pairs: impostors.pairs, pairs_min: PAIRS_MIN });
    }
    let tail_pairs = TAIL_PAIRS.min(impostors.pairs / TAIL_SHARE_MAX) as usize;
    let tail = tail(impostors, tail_pairs).ok_or(Error::NoSpread)?;
    let share = impostors.share_from(tail.cosine.next_up());
    let knots = rising(measured(impostors, &tail, share).into_iter().chain(extrapolated(&tail, share)));
    let origin = Origin {
        data,
        people: comparison.people().unwrap_or_default(),
        templates: comparison.pictures(),
        impostor_pairs: impostors.pairs,
        measured_to_percent: rounded(300.0 / impostors.people_pairs as f64, 1e12).min(100.0),
        tail,
    };
    let calibration = Calibration::new(knots, origin)?;
    let reached =
        |(at, pair): (usize, &ImpostorPair)| (f64::from(pair.cosine), (at + 1) as f64 / impostors.pairs as f64);
    let observed = impostors.tail.iter().enumerate().map(reached).take_while(|(cosine, _)| *cosine > tail.cosine);
    let tailed = Tailed { law: tail, share, observed: observed.collect() };
    Ok(Fit { calibration, tail_pairs, tail_gap: gap(impostors, &tail), tail: tailed })
}

/// Fits the law of the excesses over the cosine that only the highest `pairs` exceed.
fn tail(impostors: &Impostors, pairs: usize) -> Option<Tail> {
    let cosine = rounded(f64::from(impostors.tail.get(pairs)?.cosine), DIGITS);
    let excesses: Vec<f64> =
        impostors.tail.iter().map(|pair| f64::from(pair.cosine) - cosine).take_while(|excess| *excess > 0.0).collect();
    let law = pareto::fit(&excesses)?;
    Some(Tail { cosine, shape: rounded(law.shape, DIGITS), scale: rounded(law.scale, DIGITS).max(1.0 / DIGITS) })
}

/// Returns the knots at the cosines that given shares of the pairs reach, from all pairs down to the tail's share.
fn measured(impostors: &Impostors, tail: &Tail, tail_share: f64) -> Vec<Knot> {
    let lowest = Knot { cosine: -1.0, score: SCORE_LOWEST };
    let end = Score::from_far_percent(100.0 * tail_share).0;
    let steps = (0..).map(|step| SCORE_ALL + f64::from(step) * MEASURED_STEP).take_while(|score| *score < end - 10.0);
    let knot = |score: f64| {
        let share = Score(score).false_acceptance_rate_percent() / 100.0;
        impostors.cosine_at(share).map(|cosine| Knot { cosine: rounded(cosine, DIGITS), score })
    };
    let below_tail = steps.filter_map(knot).filter(|knot| knot.cosine < tail.cosine);
    std::iter::once(lowest).chain(below_tail).collect()
}

/// Returns knots along the tail's law, from its beginning to a cosine of 1. A law of shape zero is a straight line in
/// the score.
fn extrapolated(tail: &Tail, share: f64) -> Vec<Knot> {
    let score = |cosine: f64| Score::from_far_percent(100.0 * share * tail.beyond(cosine)).0;
    let (begin, end) = (score(tail.cosine), score(1.0));
    let steps = if tail.shape == 0.0 { 1 } else { ((end - begin) / TAIL_STEP).ceil().clamp(1.0, 100.0) as usize };
    (0..=steps)
        .map(|step| {
            // This share of the tail's own pairs lies beyond the step.
            let beyond = 10f64.powf((begin - end) / 500.0 * step as f64 / steps as f64);
            let excess = if tail.shape == 0.0 { -beyond.ln() } else { (beyond.powf(-tail.shape) - 1.0) / tail.shape }
                * tail.scale;
            let cosine = if step == steps { 1.0 } else { rounded(tail.cosine + excess, DIGITS) };
            Knot { cosine, score: rounded(score(cosine), 1e2) }
        })
        .collect()
}

/// Drops knots that do not rise above the one before; they occur where many pairs have the same cosine.
fn rising(knots: impl Iterator<Item = Knot>) -> Vec<Knot> {
    let mut kept: Vec<Knot> = Vec::new();
    for knot in knots {
        if kept.last().is_none_or(|last| last.cosine < knot.cosine && last.score < knot.score) {
            kept.push(knot);
        }
    }
    kept
}

fn gap(impostors: &Impostors, tail: &Tail) -> f64 {
    let beyond: Vec<f64> =
        impostors.tail.iter().map(|pair| f64::from(pair.cosine)).take_while(|cosine| *cosine > tail.cosine).collect();
    let count = beyond.len() as f64;
    let gaps = beyond.iter().enumerate().map(|(at, cosine)| {
        let law = tail.beyond(*cosine);
        (law - at as f64 / count).abs().max((law - (at as f64 + 1.0) / count).abs())
    });
    gaps.fold(0.0, f64::max)
}

pub(super) fn rounded(figure: f64, digits: f64) -> f64 {
    (figure * digits).round() / digits
}

#[cfg(test)]
mod tests {
    use face::values::template::Template;
    use rand::rngs::StdRng;
    use rand::{RngExt, SeedableRng};

    use super::*;
    use crate::measure::comparison::{Pairing, Sample};

    /// One picture of each person, with templates in random directions in 32 dimensions.
    fn strangers(people: usize, seed: u64) -> Comparison {
        let mut random = StdRng::seed_from_u64(seed);
        let samples: Vec<Sample> = (0..people)
            .map(|person| {
                // Sums of four uniform numbers are close enough to normal for all directions to be equally likely.
                let values: Vec<f32> =
                    (0..32).map(|_| (0..4).map(|_| random.random_range(-1.0..1.0f32)).sum()).collect();
                Sample { person, template: Template::new(1, &values), ..Sample::default() }
            })
            .collect();
        Comparison::new(&samples, Pairing::All)
    }

    #[test]
    fn the_score_means_its_rate_on_other_people() {
        let fit = fit(&strangers(1500, 1), "a test".into()).expect("there are enough");
        let others = strangers(1500, 2).impostors;
        for (score, factor) in [(1600.0, 1.02), (2000.0, 1.05), (2500.0, 1.1), (3000.0, 1.2), (3500.0, 1.5)] {
            let stated = Score(score).false_acceptance_rate_percent() / 100.0;
            let observed = others.share_from(fit.calibration.cosine(Score(score)));
            let off = observed / stated;
            assert!(off < factor && off > 1.0 / factor, "{score}: {observed} instead of {stated}");
        }
        let knots = fit.calibration.knots().len();
        assert!((20..=60).contains(&knots), "{knots}");
        assert!(fit.tail_gap < 0.06, "{}", fit.tail_gap);
    }

    #[test]
    fn it_says_where_it_comes_from() {
        let fit = fit(&strangers(200, 3), "a test".into()).expect("there are enough");
        let origin = fit.calibration.origin();
        assert_eq!((origin.people, origin.templates, origin.impostor_pairs), (200, 200, 19_900));
        assert!((origin.measured_to_percent - 300.0 / 19_900.0).abs() < 1e-9);
        assert_eq!((origin.data.as_str(), fit.tail_pairs), ("a test", 199));
        let tail = &fit.tail;
        assert!((tail.share - 0.01).abs() < 1e-4 && tail.observed.len().abs_diff(199) <= 1, "{}", tail.share);
        assert!(tail.observed[0].1 < 1e-4 && (tail.observed[100].1 - 101.0 / 19_900.0).abs() < 1e-12);
    }

    #[test]
    fn scores_go_on_beyond_what_was_seen() {
        let calibration = fit(&strangers(1000, 4), "a test".into()).expect("there are enough").calibration;
        assert_eq!(calibration.score(-1.0), Score(SCORE_LOWEST));
        assert!(calibration.score(-0.99) < Score(SCORE_ALL));
        assert!(calibration.score(1.0) > Score(4500.0));
        let (first, last) = (calibration.knots()[0], calibration.knots()[calibration.knots().len() - 1]);
        assert_eq!((first.cosine, last.cosine), (-1.0, 1.0));
    }

    #[test]
    fn a_heavy_tail_is_followed_by_knots() {
        let tail = Tail { cosine: 0.5, shape: 0.25, scale: 0.02 };
        let knots = extrapolated(&tail, 1e-3);
        assert_eq!((knots[0].cosine, knots[0].score), (0.5, 3000.0));
        assert!(knots.len() > 3 && knots[knots.len() - 1].cosine == 1.0);
        for knot in &knots {
            let stated = Score(knot.score).false_acceptance_rate_percent() / 100.0;
            assert!((stated / (1e-3 * tail.beyond(knot.cosine)) - 1.0).abs() < 1e-4);
        }
    }

    #[test]
    fn too_little_is_refused() {
        assert!(matches!(fit(&strangers(20, 5), String::new()), Err(Error::TooFewPairs { pairs: 190, .. })));
        let one = |person| Sample { person, template: Template::new(1, &[1.0, 1.0]), ..Sample::default() };
        let alike = Comparison::new(&(0..200).map(one).collect::<Vec<_>>(), Pairing::All);
        assert!(matches!(fit(&alike, String::new()), Err(Error::NoSpread)));
    }
}
