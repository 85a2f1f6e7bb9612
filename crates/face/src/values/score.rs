//! The score, and the false acceptance rate it means.

use serde::Serialize;

/// The similarity of two faces, on the contract's scale: every 500 points divide the false acceptance rate by ten, and
/// 2500 means one in a hundred.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize)]
pub struct Score(pub f64);

/// The false acceptance rate is never stated below this, in percent.
const FAR_PERCENT_MIN: f64 = 1e-15;

impl Score {
    /// Returns the false acceptance rate in percent: `clamp(10^((2500 - score) / 500), 1e-15, 100)`.
    pub fn false_acceptance_rate_percent(self) -> f64 {
        10f64.powf((2500.0 - self.0) / 500.0).clamp(FAR_PERCENT_MIN, 100.0)
    }

    /// Returns the score that means `percent`, the inverse of the above.
    pub fn from_far_percent(percent: f64) -> Self {
        Self(2500.0 - 500.0 * percent.log10())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_contracts_own_figures() {
        assert_eq!(Score(7771.43408203125).false_acceptance_rate_percent(), 2.8650475616752694e-11);
        assert_eq!(Score(10269.438178710938).false_acceptance_rate_percent(), 1e-15);
        assert_eq!(Score(-1000.0).false_acceptance_rate_percent(), 100.0);
        for (score, percent) in [(2500.0, 1.0), (3000.0, 0.1), (3500.0, 0.01), (4000.0, 0.001), (4500.0, 0.0001)] {
            let found = Score(score).false_acceptance_rate_percent();
            assert!((found / percent - 1.0).abs() < 1e-12, "{score}: {found}");
            assert!((Score::from_far_percent(percent).0 - score).abs() < 1e-9);
        }
    }
}
