//! Says in the log what happens often, but seldom.

use std::time::Duration;

/// Between two lines of the log.
const EVERY: Duration = Duration::from_secs(10);

/// Something that may happen thousands of times a second.
#[derive(Debug, Default)]
pub struct Seldom {
    /// On the clock's monotonic reading.
    said: Option<Duration>,
    times: u64,
}

impl Seldom {
    /// The number of times that it has happened since it was said, this time included; `None` unless it is to be said `now`.
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
