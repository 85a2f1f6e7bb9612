//! Computes the pauses between attempts.

use chrono::TimeDelta;
use rand::RngExt;

const FIRST_S: f64 = 1.0;
/// The random factor of a pause, so that attempts which failed together are not repeated together.
const JITTER: std::ops::Range<f64> = 0.75..1.25;

/// Returns the pause after `attempts` attempts: about a second after the first, then twice as long each time, up to
/// `longest`.
pub fn pause(attempts: i64, longest: TimeDelta) -> TimeDelta {
    let doubled = FIRST_S * 2f64.powi((attempts - 1).clamp(0, 30) as i32);
    let seconds = doubled.min(longest.as_seconds_f64()) * rand::rng().random_range(JITTER);
    TimeDelta::milliseconds((seconds * 1000.0) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        for (attempts, about) in [(0, 1.0), (1, 1.0), (2, 2.0), (5, 16.0), (9, 256.0), (10, 300.0), (400, 300.0)] {
            let pause = pause(attempts, TimeDelta::minutes(5)).as_seconds_f64();
            assert!((0.74 * about..=1.25 * about).contains(&pause), "{attempts}: {pause}");
        }
    }
}
