//! The time: the system's, or moved by a test.

use std::sync::{Arc, Mutex, PoisonError};

use chrono::{TimeDelta, Utc};

use crate::domain::Moment;

/// Read once per operation, so that one operation happens at one moment.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    /// How far a test has moved this clock ahead of the system's.
    ahead: Arc<Mutex<TimeDelta>>,
}

impl Clock {
    #[expect(clippy::disallowed_methods, reason = "this is where everyone else takes it from")]
    pub fn now(&self) -> Moment {
        Moment::new(Utc::now()).plus(*self.ahead.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Moves this clock, and all its clones, ahead.
    pub fn advance(&self, by: TimeDelta) {
        *self.ahead.lock().unwrap_or_else(PoisonError::into_inner) += by;
    }
}
