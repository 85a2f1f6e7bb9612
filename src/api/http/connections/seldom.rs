//! Limits how often a frequent event is logged.

use std::time::Duration;

/// The least time between two lines of the log.
const EVERY: Duration = Duration::from_secs(10);

/// An event that may happen thousands of times a second.
#[derive(Debug, Default)]
pub struct Seldom {
    /// The time of the last line, on the monotonic clock.
    said: Option<Duration>,
    times: u64,
}

impl Seldom {
    /// Counts the event. Returns the number of events since the last line, this one included, if a line is due `now`;
    /// else `None`.
    pub fn say(&mut self, now: Duration) -> Option<u64> {
        self.times += 1;
        if self.said.is_some_and(|said| now < said + EVERY) {
            return None;
        }
        self.said = Some(now);
        Some(std::mem::take(&mut self.times))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_at_once_and_then_seldom() {
        let mut seldom = Seldom::default();
        let mut say = |seconds| seldom.say(Duration::from_secs(seconds));
        assert_eq!([say(0), say(1), say(9), say(10), say(11)], [Some(1), None, None, Some(3), None]);
    }
}
