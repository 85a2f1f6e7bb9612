//! The times at which refused requests may come back and are then admitted.
//!
//! If all were told the same time, all would come then and most would be refused again. So each gets its own time, one
//! after the other at the pace of the work, and a new request leaves room for those that are due.

use std::collections::VecDeque;
use std::time::Duration;

/// The longest wait that a client is told.
const WAIT_MAX: Duration = Duration::from_mins(1);
/// The most that a client may be late, because of whole seconds and a slow network.
const LATE: Duration = Duration::from_secs(3);
/// The most promises; a client beyond them is told a time, but no room is kept for it.
const OUTSTANDING_MAX: usize = 4096;
/// The weight of the newest client in the share of those that come back.
const KEPT_WEIGHT: f64 = 0.05;

/// Identifies a request: it has the same fingerprint when it is sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint(pub u64);

/// The requests that were told when to come back. Times are on the monotonic clock.
#[derive(Debug)]
pub struct Promises {
    outstanding: VecDeque<Promise>,
    /// The share of clients that come back when they are told to; room is kept only for that share.
    kept: f64,
}

#[derive(Debug)]
struct Promise {
    request: Fingerprint,
    due: Duration,
}

impl Default for Promises {
    fn default() -> Self {
        Self { outstanding: VecDeque::new(), kept: 1.0 }
    }
}

impl Promises {
    /// True if this request was told to come back now; that uses up its promise.
    pub fn redeem(&mut self, request: Fingerprint, now: Duration) -> bool {
        let before = self.outstanding.len();
        self.outstanding.retain(|promise| now <= promise.due + LATE);
        (self.outstanding.len()..before).for_each(|_| self.count(0.0));
        let at = self.outstanding.iter().position(|promise| promise.request == request && promise.due <= now);
        let redeemed = at.and_then(|at| self.outstanding.remove(at)).is_some();
        if redeemed {
            self.count(1.0);
        }
        redeemed
    }

    /// Returns the expected number of clients that come back until `within` from now.
    pub fn expected(&self, now: Duration, within: Duration) -> f64 {
        let due = self.outstanding.iter().filter(|promise| promise.due <= now + within).count();
        self.kept * due as f64
    }

    /// Promises a refused request that it will be admitted after `first` and after the earlier promises, which follow
    /// each other at intervals of `spacing`. Returns the wait in whole seconds.
    pub fn give(&mut self, request: Fingerprint, now: Duration, first: Duration, spacing: Duration) -> Duration {
        let before = spacing.mul_f64(self.kept * self.outstanding.len() as f64);
        let wait = (first + before).min(WAIT_MAX);
        let wait = Duration::from_secs((wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1));
        if self.outstanding.len() < OUTSTANDING_MAX {
            self.outstanding.push_back(Promise { request, due: now + wait });
        }
        wait
    }

    pub fn is_empty(&self) -> bool {
        self.outstanding.is_empty()
    }

    fn count(&mut self, kept: f64) {
        self.kept += KEPT_WEIGHT * (kept - self.kept);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const HALF: Duration = Duration::from_millis(500);

    #[test]
    fn each_is_told_a_time_of_its_own_and_let_in_then() {
        let mut promises = Promises::default();
        let waits: Vec<_> = (0..6).map(|n| promises.give(Fingerprint(n), SECOND, HALF, HALF).as_secs()).collect();
        assert_eq!(waits, [1, 1, 2, 2, 3, 3]);
        assert!(!promises.redeem(Fingerprint(0), SECOND + HALF), "it is too early");
        assert!(!promises.redeem(Fingerprint(9), 2 * SECOND), "it was promised nothing");
        assert!(promises.redeem(Fingerprint(0), 2 * SECOND));
        assert!(!promises.redeem(Fingerprint(0), 2 * SECOND), "once");
        assert!(promises.redeem(Fingerprint(1), 2 * SECOND + LATE));
    }

    #[test]
    fn room_is_kept_for_those_that_come_back() {
        let mut promises = Promises::default();
        for n in 0..4 {
            promises.give(Fingerprint(n), Duration::ZERO, SECOND, SECOND);
        }
        assert_eq!(promises.expected(Duration::ZERO, HALF), 0.0);
        assert_eq!(promises.expected(SECOND, Duration::ZERO), 1.0);
        assert_eq!(promises.expected(SECOND, 2 * SECOND), 3.0);
        // Fewer and fewer of the clients that never come back are expected, so they soon hold up nobody.
        for n in 0..200 {
            let now = n * 10 * SECOND;
            promises.redeem(Fingerprint(99), now);
            promises.give(Fingerprint(0), now, SECOND, SECOND);
        }
        assert!(promises.expected(2000 * SECOND, WAIT_MAX) < 0.01);
        let now = 3000 * SECOND;
        let last = (0..60).map(|_| promises.give(Fingerprint(0), now, SECOND, SECOND)).last();
        assert_eq!(last, Some(2 * SECOND));
    }

    #[test]
    fn nobody_waits_for_ever() {
        let mut promises = Promises::default();
        let last = (0..9999).map(|n| promises.give(Fingerprint(n), SECOND, SECOND, SECOND)).last();
        assert_eq!((last, promises.outstanding.len()), (Some(WAIT_MAX), OUTSTANDING_MAX));
    }
}
