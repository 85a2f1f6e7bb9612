//! The time of the system, or a time that a test has moved.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chrono::{TimeDelta, Utc};

use crate::domain::Moment;

/// A clock. An operation reads it once, so that all of it happens at one time.
#[derive(Debug, Clone)]
pub struct Clock {
    /// The origin of [`Clock::monotonic`].
    started: Instant,
    moved: Arc<Mutex<Moved>>,
    /// The time that another clock showed, and the reading of [`Clock::monotonic`] at that time.
    followed: Arc<Mutex<Option<(Moment, Duration)>>>,
}

/// The time by which a test has moved a clock ahead of the system's.
#[derive(Debug, Default)]
struct Moved {
    wall: TimeDelta,
    monotonic: Duration,
}

impl Default for Clock {
    fn default() -> Self {
        Self { started: Instant::now(), moved: Arc::default(), followed: Arc::default() }
    }
}

impl Clock {
    /// Returns the time of day. A clock that follows another one continues from its time, whatever the system's clock
    /// shows; otherwise the time is the system's, which an operator or NTP may set at any moment.
    pub fn now(&self) -> Moment {
        let followed = *self.followed.lock().unwrap_or_else(PoisonError::into_inner);
        followed.map_or_else(|| self.system(), |(moment, since)| moment.plus(delta(self.monotonic(), since)))
    }

    #[expect(clippy::disallowed_methods, reason = "this is where everyone else takes it from")]
    fn system(&self) -> Moment {
        Moment::new(Utc::now()).plus(self.moved().wall)
    }

    /// Continues from `moment`, which another clock showed when [`Clock::monotonic`] was `since`.
    pub fn follow(&self, moment: Moment, since: Duration) {
        // Time that a test lets pass also passes on the followed clock.
        let moment = moment.plus(delta(self.moved().monotonic, Duration::ZERO));
        *self.followed.lock().unwrap_or_else(PoisonError::into_inner) = Some((moment, since));
    }

    /// Returns how far the system's clock is ahead of this one.
    pub fn skew(&self) -> TimeDelta {
        self.system().utc() - self.now().utc()
    }

    /// Returns the time since this clock was made. It is never set, so it suits rates and waits within one process.
    pub fn monotonic(&self) -> Duration {
        self.started.elapsed() + self.moved().monotonic
    }

    /// Lets time pass for this clock and all its clones.
    pub fn advance(&self, by: TimeDelta) {
        let mut moved = self.moved();
        moved.wall += by;
        moved.monotonic += by.to_std().unwrap_or_default();
    }

    /// Sets the time of day ahead, or back if `by` is negative, as an operator or NTP would; no time passes.
    pub fn set(&self, by: TimeDelta) {
        self.moved().wall += by;
    }

    fn moved(&self) -> MutexGuard<'_, Moved> {
        self.moved.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn delta(later: Duration, earlier: Duration) -> TimeDelta {
    TimeDelta::from_std(later.saturating_sub(earlier)).unwrap_or(TimeDelta::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_follows_another_goes_on_from_there() {
        let clock = Clock::default();
        let other = clock.now().plus(TimeDelta::minutes(-10));
        clock.follow(other, clock.monotonic());
        let ahead = clock.skew().num_seconds();
        assert!((590..=610).contains(&ahead), "{ahead}");
        clock.clone().set(TimeDelta::hours(1));
        assert!(clock.now() < other.plus(TimeDelta::minutes(5)), "the system's clock does not count");
        clock.advance(TimeDelta::minutes(20));
        assert!(clock.now() >= other.plus(TimeDelta::minutes(20)));
    }

    #[test]
    fn only_time_that_passes_moves_the_monotonic_reading() {
        let clock = Clock::default();
        let (day, since) = (clock.now(), clock.monotonic());
        clock.clone().set(TimeDelta::minutes(-2));
        assert!(clock.now() < day);
        let still = clock.monotonic();
        assert!((since..since + Duration::from_mins(1)).contains(&still));
        clock.clone().advance(TimeDelta::minutes(3));
        assert!(clock.now() > day);
        assert!(clock.monotonic() >= still + Duration::from_mins(3));
    }
}
