//! Error rates of a comparison at thresholds, with intervals by subject bootstrap.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rayon::iter::{IntoParallelIterator, ParallelIterator};

use crate::measure::comparison::impostors::ImpostorPair;
use crate::measure::comparison::{Comparison, Pairing};
use crate::measure::interval::{self, Interval};

/// The number of bootstrap draws.
const DRAWS: u64 = 200;
/// The largest share of draws that may lack a figure (too few pairs); with more, there is no interval.
const LACKING_MAX: f64 = 0.1;

/// The points at which rates are read.
#[derive(Debug, Clone, PartialEq)]
pub struct Marks {
    /// False acceptance rates at which the true acceptance rate is wanted, 0..1.
    pub fars: Vec<f64>,
    /// Thresholds at which both error rates are wanted.
    pub cosines: Vec<f64>,
}

/// The rates at the marks, in their order. `None` means too few pairs.
#[derive(Debug, Clone, PartialEq)]
pub struct Rates {
    /// The lowest threshold that keeps to each FAR; a pair at or above it is accepted.
    pub thresholds: Vec<Option<f64>>,
    /// The share of the genuine pairs that reaches the threshold.
    pub tars: Vec<Option<f64>>,
    /// The share of the impostor pairs that reaches each cosine.
    pub fmrs: Vec<Option<f64>>,
    /// The share of the genuine pairs that stays below each cosine.
    pub fnmrs: Vec<Option<f64>>,
}

/// The 95 % intervals of these rates.
#[derive(Debug, Clone, PartialEq)]
pub struct Intervals {
    pub thresholds: Vec<Option<Interval>>,
    pub tars: Vec<Option<Interval>>,
    pub fmrs: Vec<Option<Interval>>,
    pub fnmrs: Vec<Option<Interval>>,
}

impl Rates {
    /// Returns the observed rates.
    pub fn new(comparison: &Comparison, marks: &Marks) -> Self {
        let weights = vec![1; comparison.templates.len()];
        let mut rates = Self::weighted(comparison, marks, &weights);
        for (rate, cosine) in rates.fmrs.iter_mut().zip(&marks.cosines) {
            // Below the tail, single pairs are unknown, but their number is known.
            let exists = comparison.impostors.pairs > 0;
            *rate = rate.or(exists.then(|| comparison.impostors.share_from(*cosine)));
        }
        rates
    }

    /// Returns the rates with each person counted as often as their weight says. Two copies of a person are not an
    /// impostor pair.
    fn weighted(comparison: &Comparison, marks: &Marks, weights: &[u32]) -> Self {
        let (thresholds, fmrs) = impostors(comparison, marks, weights);
        let genuine = Genuine::new(comparison, weights);
        let tars = thresholds.iter().map(|threshold| genuine.share_from((*threshold)?)).collect();
        let fnmrs = marks.cosines.iter().map(|cosine| genuine.share_from(*cosine).map(|share| 1.0 - share)).collect();
        Self { thresholds, tars, fmrs, fnmrs }
    }
}

impl Intervals {
    /// Computes the intervals by [`bootstrap`]; there are none if people are unknown.
    pub fn by_people(comparison: &Comparison, marks: &Marks) -> Self {
        let people = if comparison.people_known { comparison.templates.len() } else { 0 };
        let draws = draws(people, |weights| Rates::weighted(comparison, marks, weights));
        let across = |figures: fn(&Rates) -> &[Option<f64>], count: usize| {
            (0..count).map(|at| between(draws.iter().map(|rates| figures(rates)[at]))).collect()
        };
        Self {
            thresholds: across(|rates| &rates.thresholds, marks.fars.len()),
            tars: across(|rates| &rates.tars, marks.fars.len()),
            fmrs: across(|rates| &rates.fmrs, marks.cosines.len()),
            fnmrs: across(|rates| &rates.fnmrs, marks.cosines.len()),
        }
    }
}

/// Returns the 95 % interval of a figure by subject bootstrap: 200 draws of as many people as there are, with
/// replacement, from fixed seeds. The interval lies between the percentiles 2.5 and 97.5 of the draws. `figure`
/// receives the number of times that each person was drawn.
///
/// Pairs that share a person are not independent, but people are: so people are drawn, not pairs.
pub fn bootstrap(people: usize, figure: impl Fn(&[u32]) -> Option<f64> + Sync) -> Option<Interval> {
    between(draws(people, figure).into_iter())
}

fn draws<T: Send>(people: usize, figure: impl Fn(&[u32]) -> T + Sync) -> Vec<T> {
    let count = if people > 0 { DRAWS } else { 0 };
    (0..count).into_par_iter().map(|draw| figure(&weights(people, draw))).collect()
}

fn between(figures: impl Iterator<Item = Option<f64>>) -> Option<Interval> {
    let figures: Vec<f64> = figures.flatten().collect();
    let lacking = 1.0 - figures.len() as f64 / DRAWS as f64;
    if lacking > LACKING_MAX { None } else { interval::percentiles(figures) }
}

/// Returns the number of times that each person was drawn.
fn weights(people: usize, draw: u64) -> Vec<u32> {
    let mut random = StdRng::seed_from_u64(draw);
    let mut weights = vec![0; people];
    for _ in 0..people {
        weights[random.random_range(0..people)] += 1;
    }
    weights
}

/// Returns the threshold for every FAR and the FMR at every cosine, in one pass down the tail.
fn impostors(comparison: &Comparison, marks: &Marks, weights: &[u32]) -> (Vec<Option<f64>>, Vec<Option<f64>>) {
    let total = impostor_weight(comparison, weights);
    let mut fars = Asked::new(&marks.fars, f64::total_cmp);
    let mut cosines = Asked::new(&marks.cosines, |a, b| b.total_cmp(a));
    if total == 0 {
        return (fars.answers, cosines.answers);
    }

    let tail = &comparison.impostors.tail;
    let (mut sum, mut lowest) = (0u64, None);
    for level in tail.chunk_by(|a, b| a.cosine == b.cosine) {
        let cosine = f64::from(level[0].cosine);
        cosines.answer_while(|wanted| wanted > cosine, Some(sum as f64 / total as f64));
        let added: u64 = level.iter().map(|pair| pair_weight(pair, weights)).sum();
        if added > 0 {
            sum += added;
            fars.answer_while(|wanted| wanted * (total as f64) < sum as f64, lowest);
            lowest = Some(cosine);
        }
        if fars.open.is_empty() && cosines.open.is_empty() {
            break;
        }
    }
    if comparison.impostors.whole() {
        cosines.answer_while(|_| true, Some(1.0));
        fars.answer_while(|_| true, lowest);
    }
    (fars.answers, cosines.answers)
}

/// Requested values, in the order in which a pass meets them.
struct Asked {
    /// Each value with its index among the answers; the next one is last.
    open: Vec<(usize, f64)>,
    answers: Vec<Option<f64>>,
}

impl Asked {
    fn new(wanted: &[f64], order: fn(&f64, &f64) -> std::cmp::Ordering) -> Self {
        let mut open: Vec<(usize, f64)> = wanted.iter().copied().enumerate().collect();
        open.sort_by(|a, b| order(&b.1, &a.1));
        Self { open, answers: vec![None; wanted.len()] }
    }

    fn answer_while(&mut self, passed: impl Fn(f64) -> bool, answer: Option<f64>) {
        while let Some((at, _)) = self.open.pop_if(|(_, wanted)| passed(*wanted)) {
            self.answers[at] = answer;
        }
    }
}

fn pair_weight(pair: &ImpostorPair, weights: &[u32]) -> u64 {
    let [a, b] = pair.people.map(|person| u64::from(weights[person as usize]));
    a * b
}

/// Returns the number of impostor pairs if each person counts as often as their weight says.
fn impostor_weight(comparison: &Comparison, weights: &[u32]) -> u64 {
    if !comparison.people_known {
        // Everybody is number 0, with a weight of one.
        return comparison.impostors.pairs;
    }
    let (mut sums, mut own, mut across) = ([0u64; 2], 0, 0);
    for (counts, weight) in comparison.templates.iter().zip(weights) {
        let [first, second] = counts.map(|count| u64::from(count) * u64::from(*weight));
        sums = [sums[0] + first, sums[1] + second];
        own += (first + second) * (first + second);
        across += first * second;
    }
    match comparison.pairing {
        Pairing::All => ((sums[0] + sums[1]) * (sums[0] + sums[1]) - own) / 2,
        Pairing::Across => sums[0] * sums[1] - across,
    }
}

/// Genuine pairs with cumulative weights.
struct Genuine<'a> {
    comparison: &'a Comparison,
    /// The weight of the first n pairs, for n from 0.
    sums: Vec<u64>,
}

impl<'a> Genuine<'a> {
    fn new(comparison: &'a Comparison, weights: &[u32]) -> Self {
        let mut sum = 0;
        let running = comparison.genuine.iter().map(|pair| {
            sum += u64::from(weights[pair.person as usize]);
            sum
        });
        Self { comparison, sums: std::iter::once(0).chain(running).collect() }
    }

    fn share_from(&self, cosine: f64) -> Option<f64> {
        let pairs = self.comparison.genuine.partition_point(|pair| f64::from(pair.cosine) >= cosine);
        let all = *self.sums.last().expect("it begins with zero pairs");
        (all > 0).then(|| self.sums[pairs] as f64 / all as f64)
    }
}

#[cfg(test)]
mod tests {
    use face::values::template::Template;

    use super::*;
    use crate::measure::comparison::Sample;

    fn sample(person: usize, degrees: f32) -> Sample {
        let angle = degrees.to_radians();
        Sample { person, template: Template::new(1, &[angle.cos(), angle.sin()]), ..Sample::default() }
    }

    /// Three people with two pictures each. Angles between pictures of one person: 10, 20, 70 degrees. Between pictures
    /// of two people, in degrees: 30 40 40 50 60 60 90 100 110 130 160 170.
    fn toy() -> Comparison {
        let samples = [(0, 0.0), (0, 10.0), (1, 40.0), (1, 60.0), (2, 100.0), (2, 170.0)].map(|(p, d)| sample(p, d));
        Comparison::new(&samples, Pairing::All)
    }

    fn cosine(degrees: f64) -> f64 {
        degrees.to_radians().cos()
    }

    #[test]
    fn rates_by_hand() {
        let marks = Marks { fars: vec![0.5, 0.05, 0.09, 1.0], cosines: vec![cosine(65.0), 0.999, -1.0, cosine(35.0)] };
        let rates = Rates::new(&toy(), &marks);
        let degrees = |at: usize| rates.thresholds[at].map(|cosine| cosine.acos().to_degrees().round());
        // Six of twelve impostor pairs may pass, then none, one, all.
        assert_eq!(degrees(0), Some(60.0));
        assert_eq!((degrees(1), degrees(2)), (None, Some(30.0)));
        assert_eq!(degrees(3), Some(170.0));
        let two_thirds = Some(2.0 / 3.0);
        assert_eq!(rates.tars, [two_thirds, None, two_thirds, Some(1.0)]);
        assert_eq!(rates.fmrs, [Some(0.5), Some(0.0), Some(1.0), Some(1.0 / 12.0)]);
        assert_eq!(rates.fnmrs, [Some(1.0 - 2.0 / 3.0), Some(1.0), Some(0.0), Some(1.0 - 2.0 / 3.0)]);
    }

    #[test]
    fn a_weight_is_as_good_as_a_copy() {
        // Person 1 counts twice, person 2 not at all; two copies of person 1 are not a pair.
        let marks = Marks { fars: vec![0.25, 0.5], cosines: vec![cosine(45.0)] };
        let rates = Rates::weighted(&toy(), &marks, &[1, 2, 0]);
        assert_eq!(impostor_weight(&toy(), &[1, 2, 0]), 8);
        assert_eq!(rates.fmrs, [Some(0.5)]);
        assert_eq!(rates.fnmrs, [Some(0.0)]);
        let degrees = |at: usize| rates.thresholds[at].expect("enough").acos().to_degrees().round();
        assert_eq!((degrees(0), degrees(1)), (30.0, 40.0));
    }

    #[test]
    fn weights_across_two_kinds_of_pictures() {
        let mut samples = [(0, 0.0), (0, 10.0), (1, 40.0), (1, 60.0), (2, 100.0)].map(|(p, d)| sample(p, d));
        for at in [1, 3] {
            samples[at].side = 1;
        }
        let toy = Comparison::new(&samples, Pairing::Across);
        // Pair 0-1 counts twice, 0-2 and 1-2 once.
        for weights in [[1, 1, 1], [1, 2, 0], [3, 1, 2]] {
            let [a, b, c] = weights.map(u64::from);
            let expected = 2 * a * b + a * c + b * c;
            assert_eq!(impostor_weight(&toy, &weights), expected);
        }
    }

    #[test]
    fn pairs_at_one_cosine_pass_together() {
        let corner =
            |person, values: [f32; 2]| Sample { person, template: Template::new(1, &values), ..Sample::default() };
        let samples = [corner(0, [1.0, 0.0]), corner(1, [0.0, 1.0]), corner(2, [-1.0, 0.0])];
        let toy = Comparison::new(&samples, Pairing::All);
        let at = |far: f64| Rates::new(&toy, &Marks { fars: vec![far], cosines: Vec::new() }).thresholds[0];
        assert_eq!((at(0.4), at(0.7), at(1.0)), (None, Some(0.0), Some(-1.0)));
    }

    /// 60 people with three pictures each: a good but imperfect recognizer.
    fn people() -> Comparison {
        let mut random = StdRng::seed_from_u64(7);
        let mut number = || random.random_range(-1.0..1.0f32);
        let mut samples = Vec::new();
        for person in 0..60 {
            let own: Vec<f32> = (0..8).map(|_| number()).collect();
            for _ in 0..3 {
                let values: Vec<f32> = own.iter().map(|v| v + 0.5 * number()).collect();
                samples.push(Sample { person, template: Template::new(1, &values), ..Sample::default() });
            }
        }
        Comparison::new(&samples, Pairing::All)
    }

    #[test]
    fn the_bootstrap_repeats_and_holds_the_figure() {
        let people = people();
        let marks = Marks { fars: vec![0.01, 1e-6], cosines: vec![0.7] };
        let intervals = Intervals::by_people(&people, &marks);
        assert_eq!(intervals, Intervals::by_people(&people, &marks));
        let rates = Rates::new(&people, &marks);
        for (figure, interval) in [
            (rates.tars[0], intervals.tars[0]),
            (rates.fmrs[0], intervals.fmrs[0]),
            (rates.fnmrs[0], intervals.fnmrs[0]),
        ] {
            let (figure, Interval { low, high }) = (figure.expect("enough"), interval.expect("enough"));
            assert!(low < figure && figure < high && high - low < 0.5, "{low} {figure} {high}");
        }
        assert_eq!((intervals.tars[1], intervals.thresholds[1]), (None, None));
        let threshold = rates.thresholds[0].expect("enough");
        assert!(intervals.thresholds[0].is_some_and(|i| i.low < threshold && threshold < i.high), "{intervals:?}");
        let unknown = Comparison { people_known: false, ..people };
        assert_eq!(Intervals::by_people(&unknown, &marks).fmrs, [None]);
    }
}
