//! 95 % intervals.

use serde::{Deserialize, Serialize};
use statrs::distribution::{Beta, ContinuousCDF, StudentsT};
use statrs::statistics::{Data, OrderStatistics};

/// Bounds of a 95 % confidence interval: they hold the true value in 95 of 100 repetitions.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, Serialize)]
pub struct Interval {
    pub low: f64,
    pub high: f64,
}

const TAIL: f64 = 0.025;
/// The 97.5th percentile of the normal distribution.
const Z: f64 = 1.959_963_984_540_054;
/// From this many hits and misses on, the series for the exact bounds no longer converges, and the simpler bounds agree
/// with them to 1 % of their width.
const MANY: u64 = 2_000;

/// Returns the interval of a rate with `hits` in `trials` independent trials: Clopper and Pearson, Biometrika 26
/// (1934); for many hits and misses Wilson's score interval, JASA 22 (1927). `None` without trials.
///
/// Pairs of pictures that share a person are not independent: for pairs, this is the narrowest interval to allow for.
pub fn of_rate(hits: u64, trials: u64) -> Option<Interval> {
    let misses = trials.checked_sub(hits).filter(|_| trials > 0)?;
    if hits >= MANY && misses >= MANY {
        return Some(wilson(hits as f64, trials as f64));
    }
    let (hits, misses) = (hits as f64, misses as f64);
    // Without a hit the lower bound is zero, and without a miss the upper bound is one: the beta distribution does not
    // exist there.
    let low = Beta::new(hits, misses + 1.0).map_or(0.0, |beta| quantile(&beta, TAIL));
    let high = Beta::new(hits + 1.0, misses).map_or(1.0, |beta| quantile(&beta, 1.0 - TAIL));
    Some(Interval { low, high })
}

/// Bisects: the library's own search does not end for rates below one in a million.
fn quantile(beta: &Beta, share: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    while high - low > 1e-9 * high {
        let middle = f64::midpoint(low, high);
        if beta.cdf(middle) < share {
            low = middle;
        } else {
            high = middle;
        }
    }
    f64::midpoint(low, high)
}

fn wilson(hits: f64, trials: f64) -> Interval {
    let rate = hits / trials;
    let shrunk = 1.0 + Z * Z / trials;
    let centre = (rate + Z * Z / (2.0 * trials)) / shrunk;
    let half = Z / shrunk * (rate * (1.0 - rate) / trials + Z * Z / (4.0 * trials * trials)).sqrt();
    Interval { low: centre - half, high: centre + half }
}

/// Returns the mean; `None` without figures.
pub fn mean(figures: &[f64]) -> Option<f64> {
    (!figures.is_empty()).then(|| figures.iter().sum::<f64>() / figures.len() as f64)
}

/// Returns the interval of the mean of independent figures by Student's t-distribution: Biometrika 6 (1908). `None` for
/// fewer than two.
pub fn of_mean(figures: &[f64]) -> Option<Interval> {
    let mean = mean(figures)?;
    let freedom = figures.len() as f64 - 1.0;
    let law = StudentsT::new(0.0, 1.0, freedom).ok()?;
    let variance = figures.iter().map(|figure| (figure - mean).powi(2)).sum::<f64>() / freedom;
    let half = law.inverse_cdf(1.0 - TAIL) * (variance / figures.len() as f64).sqrt();
    Some(Interval { low: mean - half, high: mean + half })
}

/// Returns the range between the percentiles 2.5 and 97.5 of repeated figures; `None` without figures.
pub fn percentiles(figures: Vec<f64>) -> Option<Interval> {
    if figures.is_empty() {
        return None;
    }
    let mut figures = Data::new(figures);
    Some(Interval { low: figures.quantile(TAIL), high: figures.quantile(1.0 - TAIL) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(found: f64, expected: f64) -> bool {
        (found - expected).abs() <= 1e-3 * expected.abs().max(1e-12)
    }

    #[test]
    fn rates_have_the_published_bounds() {
        // Values of R 4: binom.test(hits, trials)$conf.int
        for (hits, trials, low, high) in [
            (0, 10, 0.0, 0.3084971),
            (10, 10, 0.6915029, 1.0),
            (4, 20, 0.0573340, 0.4366140),
            (15, 20, 0.5089541, 0.9134285),
        ] {
            let Interval { low: l, high: h } = of_rate(hits, trials).expect("there are trials");
            assert!(close(l, low) && close(h, high), "{hits} of {trials}: {l} {h}");
        }
        assert_eq!(of_rate(0, 0), None);
        assert_eq!(of_rate(2, 1), None);
    }

    #[test]
    fn rare_hits_have_poisson_bounds() {
        // The exact bounds of a Poisson count are half of chi-squared quantiles.
        let trials = 10_000_000u64;
        for (hits, low, high) in
            [(0, 0.0, 3.688879), (1, 0.025318, 5.571643), (3, 0.618672, 8.767273), (100, 81.36364, 121.6269)]
        {
            let Interval { low: l, high: h } = of_rate(hits, trials).expect("there are trials");
            let count = trials as f64;
            assert!(close(l * count, low) && close(h * count, high), "{hits}: {} {}", l * count, h * count);
        }
    }

    #[test]
    fn exact_bounds_pass_into_simple_ones() {
        for trials in [10_000, 10_000_000] {
            let (few, many) = (of_rate(MANY - 1, trials).expect("some"), of_rate(MANY, trials).expect("some"));
            let step = 1.0 / trials as f64;
            let width = many.high - many.low;
            assert!((many.low - few.low - step).abs() < 0.01 * width, "{few:?} {many:?}");
            assert!((many.high - few.high - step).abs() < 0.01 * width, "{few:?} {many:?}");
        }
    }

    #[test]
    fn means_have_the_published_bounds() {
        // The mean is 5; half of the interval is 2.77645 (Student, four degrees of freedom) times 4.06202 / sqrt(5).
        let Interval { low, high } = of_mean(&[1.0, 2.0, 4.0, 7.0, 11.0]).expect("there are five");
        assert!((low + 0.043_66).abs() < 1e-4 && (high - 10.043_66).abs() < 1e-4, "{low} {high}");
        let many: Vec<f64> = (0..10_000).map(|at| f64::from(at % 2)).collect();
        let Interval { low, high } = of_mean(&many).expect("there are many");
        assert!(close(high - low, 2.0 * Z * 0.5 / 100.0), "{low} {high}");
        assert_eq!((of_mean(&[1.0]), of_mean(&[]), mean(&[])), (None, None, None));
    }

    #[test]
    fn percentiles_of_figures() {
        let Interval { low, high } = percentiles((0..=1000).map(f64::from).collect()).expect("some");
        assert!((low - 25.0).abs() < 1.0 && (high - 975.0).abs() < 1.0, "{low} {high}");
        assert_eq!(percentiles(Vec::new()), None);
    }
}
