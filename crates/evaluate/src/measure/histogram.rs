//! The distribution of the scores of genuine pairs and of impostor pairs.

use face::calibration::Calibration;

use crate::measure::comparison::Comparison;
use crate::measure::comparison::impostors::BINS;

/// Bins of equal width; each holds a share of all pairs of its kind.
#[derive(Debug, Clone, PartialEq)]
pub struct Histogram {
    pub of: Measure,
    /// The lower edge of the first bin.
    pub start: f64,
    pub width: f64,
    pub genuine: Vec<f64>,
    pub impostors: Vec<f64>,
}

/// The quantity on the horizontal axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// For a pack with a calibration.
    Score,
    Cosine,
}

const SCORE_WIDTH: f64 = 50.0;
const COSINE_WIDTH: f64 = 0.01;

impl Histogram {
    /// Covers the whole range of cosines; pairs without a cosine are in no bin. The positions of impostor pairs are as
    /// exact as the comparison's own bins.
    pub fn new(comparison: &Comparison, calibration: Option<&Calibration>) -> Self {
        let value = |cosine: f64| calibration.map_or(cosine, |calibration| calibration.score(cosine).0);
        let (of, width) =
            if calibration.is_some() { (Measure::Score, SCORE_WIDTH) } else { (Measure::Cosine, COSINE_WIDTH) };
        let start = (value(-1.0) / width).floor() * width;
        let bins = ((value(1.0) - start) / width).floor() as usize + 1;
        let bin = |cosine: f64| (((value(cosine) - start) / width) as usize).min(bins - 1);
        let (mut genuine, mut impostors) = (vec![0.0; bins], vec![0.0; bins]);
        for pair in comparison.genuine.iter().filter(|pair| pair.cosine.is_finite()) {
            genuine[bin(pair.cosine.into())] += 1.0 / comparison.genuine.len() as f64;
        }
        let filled = comparison.impostors.histogram.iter().enumerate().filter(|(_, count)| **count > 0);
        for (at, count) in filled {
            let cosine = (at as f64 + 0.5) / BINS as f64 * 2.0 - 1.0;
            impostors[bin(cosine)] += *count as f64 / comparison.impostors.pairs as f64;
        }
        Self { of, start, width, genuine, impostors }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::comparison::Listed;

    #[test]
    fn every_pair_is_in_its_bin() {
        let pair = |same, cosine| Listed { same, cosine, quality: 0 };
        let pairs = [
            pair(true, Some(0.995)),
            pair(true, Some(1.0)),
            pair(true, None),
            pair(true, Some(0.505)),
            pair(false, Some(-0.995)),
            pair(false, Some(0.004)),
        ];
        let found = Histogram::new(&Comparison::listed(&pairs, 12), None);
        assert_eq!((found.of, found.start, found.genuine.len()), (Measure::Cosine, -1.0, 201));
        assert_eq!((found.genuine[199], found.genuine[200], found.genuine[150]), (0.25, 0.25, 0.25));
        assert_eq!((found.impostors[0], found.impostors[100]), (0.5, 0.5));
        assert!((found.genuine.iter().sum::<f64>() - 0.75).abs() < 1e-12);
    }
}
