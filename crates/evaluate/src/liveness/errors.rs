//! Both error rates of the networks against spoofs, over all thresholds.

use face::liveness::judge::Evidence;

/// The share of attacks accepted and of people refused, at one threshold on the networks' output.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    pub apcer: f64,
    pub bpcer: f64,
}

/// Returns the networks' output for each capture that shows a face; higher means more genuine.
pub fn reals<'a>(measured: impl IntoIterator<Item = &'a Evidence>) -> Vec<f32> {
    measured.into_iter().filter_map(|evidence| evidence.real).collect()
}

/// Returns both error rates at every value that a capture has, in rising order; empty without people or without
/// attacks.
pub fn points(people: &[f32], attacks: &[f32]) -> Vec<Point> {
    if people.is_empty() || attacks.is_empty() {
        return vec![];
    }
    let mut thresholds: Vec<f32> = people.iter().chain(attacks).copied().collect();
    thresholds.sort_by(f32::total_cmp);
    thresholds.dedup();
    let share = |values: &[f32], is_counted: &dyn Fn(f32) -> bool| {
        values.iter().filter(|value| is_counted(**value)).count() as f64 / values.len() as f64
    };
    let point = |threshold: f32| Point {
        apcer: share(attacks, &|value| value >= threshold),
        bpcer: share(people, &|value| value < threshold),
    };
    thresholds.into_iter().map(point).collect()
}

/// Returns the equal error rate: the mean of both rates where they are closest to each other.
pub fn equal(people: &[f32], attacks: &[f32]) -> Option<f64> {
    let apart = |point: &Point| (point.apcer - point.bpcer).abs();
    let nearest = points(people, attacks).into_iter().min_by(|a, b| apart(a).total_cmp(&apart(b)))?;
    Some(f64::midpoint(nearest.apcer, nearest.bpcer))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_error_falls_where_the_other_rises() {
        let (people, attacks) = ([0.9, 0.8, 0.7, 0.2], [0.1, 0.15, 0.3, 0.75]);
        let points = points(&people, &attacks);
        assert_eq!(points.first(), Some(&Point { apcer: 1.0, bpcer: 0.0 }));
        assert!(points.windows(2).all(|pair| pair[0].apcer >= pair[1].apcer && pair[0].bpcer <= pair[1].bpcer));
        assert_eq!(equal(&people, &attacks), Some(0.25));
        assert_eq!(equal(&people, &[]), None);
    }
}
