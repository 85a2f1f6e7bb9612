//! The generalised Pareto distribution of excesses over a high threshold.

/// Among the excesses, the share above `x` is `(1 + shape x / scale)^(-1 / shape)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Law {
    /// Zero or more.
    pub shape: f64,
    pub scale: f64,
}

/// Fits the law to excesses by probability-weighted moments: Hosking and Wallis, "Parameter and quantile estimation for
/// the generalized Pareto distribution", Technometrics 29 (1987).
///
/// A negative shape would mean an upper limit, and a value that was not seen is not impossible: the exponential law of
/// the same mean takes its place. `None` without two different positive excesses.
pub fn fit(excesses: &[f64]) -> Option<Law> {
    let mut rising = excesses.to_vec();
    rising.sort_by(f64::total_cmp);
    let count = rising.len() as f64;
    let mean = rising.iter().sum::<f64>() / count;
    let spread = rising.first()? < rising.last()?;
    if !(spread && rising[0] >= 0.0 && mean.is_finite()) {
        return None;
    }
    // E[x (1 - F(x))], with the plotting positions that the authors recommend.
    let weighted = |(at, x): (usize, &f64)| x * (1.0 - (at as f64 + 0.65) / count);
    let moment = rising.iter().enumerate().map(weighted).sum::<f64>() / count;
    let shape = 2.0 - mean / (mean - 2.0 * moment);
    let scale = 2.0 * mean * moment / (mean - 2.0 * moment);
    let heavy = shape > 0.0 && scale > 0.0;
    Some(if heavy { Law { shape, scale } } else { Law { shape: 0.0, scale: mean } })
}

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::{RngExt, SeedableRng};

    use super::*;

    /// Returns the excess that a share `u` of the law exceeds.
    fn quantile(law: Law, u: f64) -> f64 {
        if law.shape == 0.0 { -law.scale * u.ln() } else { law.scale / law.shape * (u.powf(-law.shape) - 1.0) }
    }

    fn drawn(law: Law, count: usize) -> Vec<f64> {
        let mut random = StdRng::seed_from_u64(1);
        (0..count).map(|_| quantile(law, 1.0 - random.random_range(0.0..1.0))).collect()
    }

    #[test]
    fn the_law_of_drawn_excesses_is_found_again() {
        for (shape, scale) in [(0.1, 0.012), (0.3, 2.0)] {
            let found = fit(&drawn(Law { shape, scale }, 100_000)).expect("they differ");
            assert!((found.shape - shape).abs() < 0.015, "{found:?}");
            assert!((found.scale / scale - 1.0).abs() < 0.02, "{found:?}");
        }
    }

    #[test]
    fn evenly_placed_excesses_give_the_law_itself() {
        let law = Law { shape: 0.2, scale: 1.0 };
        let excesses: Vec<f64> = (0..50_000).map(|at| quantile(law, (f64::from(at) + 0.5) / 50_000.0)).collect();
        let found = fit(&excesses).expect("they differ");
        assert!((found.shape - 0.2).abs() < 2e-3 && (found.scale - 1.0).abs() < 2e-3, "{found:?}");
    }

    #[test]
    fn a_negative_shape_gives_way_to_the_exponential_law() {
        let even: Vec<f64> = (0..1000).map(f64::from).collect();
        assert_eq!(fit(&even), Some(Law { shape: 0.0, scale: 499.5 }));
        let found = fit(&drawn(Law { shape: -0.2, scale: 1.0 }, 10_000)).expect("they differ");
        assert_eq!(found.shape, 0.0);
        assert!((found.scale * 1.2 - 1.0).abs() < 0.03, "{found:?}");
    }

    #[test]
    fn too_few_excesses_have_no_law() {
        assert_eq!(fit(&[]), None);
        assert_eq!(fit(&[0.5]), None);
        assert_eq!(fit(&[0.5, 0.5]), None);
        assert_eq!(fit(&[-0.5, 0.5]), None);
        assert_eq!(fit(&[f64::NAN, 0.5]), None);
    }
}
