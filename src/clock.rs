//! The time: the system's, or moved by a test.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chrono::{TimeDelta, Utc};

use crate::domain::Moment;

/// Read once per operation, so that one operation happens at one moment.
#[derive(Debug, Clone)]
pub struct Clock {
    /// The origin of [`Clock::monotonic`].
    started: Instant,
    moved: Arc<Mutex<Moved>>,
}

/// How far a test has moved a clock ahead of the system's.
#[derive(Debug, Default)]
struct Moved {
    wall: TimeDelta,
    monotonic: Duration,
}

impl Default for Clock {
    fn default() -> Self {
        Self { started: Instant::now(), moved: Arc::default() }
    }
}

impl Clock {
    /// The time of day, which an operator or NTP may set back or ahead at any moment.
    #[expect(clippy::disallowed_methods, reason = "this is where everyone else takes it from")]
    pub fn now(&self) -> Moment {
        Moment::new(Utc::now()).plus(self.moved().wall)
    }

    /// The time since this clock was made, which is never set: for rates and waits within one process.
    pub fn monotonic(&self) -> Duration {
        self.started.elapsed() + self.moved().monotonic
    }

    /// Lets time pass for this clock and all its clones.
    pub fn advance(&self, by: TimeDelta) {
        let mut moved = self.moved();
        moved.wall += by;
        moved.monotonic += by.to_std().unwrap_or_default();
    }

    /// Sets the time of day ahead, or back if `by` is negative, as an operator or NTP does: no time passes.
    pub fn set(&self, by: TimeDelta) {
        self.moved().wall += by;
    }

    fn moved(&self) -> MutexGuard<'_, Moved> {
        self.moved.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
