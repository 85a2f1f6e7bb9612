//! What a provider may ask for, of this node: each node counts for itself.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter, clock};

use crate::clock::Clock;
use crate::domain::{Caller, Limits, ProviderId};
use crate::service::Error;

/// After which a request may be sent again that came while too many were under way: most take less.
const UNDER_WAY: Duration = Duration::from_secs(1);

/// Requests of a minute may come all at once; then one whenever its share of a minute has gone by.
type Rate = RateLimiter<NotKeyed, InMemoryState, Time, NoOpMiddleware<Duration>>;

/// Our clock, as the limiter reads it. Setting the time of day back must not refuse anybody.
#[derive(Debug, Clone)]
struct Time(Clock);

impl clock::Clock for Time {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.0.monotonic()
    }
}

/// What providers that have limits have asked for lately.
pub struct Meters {
    time: Time,
    of_providers: Mutex<HashMap<ProviderId, Meter>>,
}

#[derive(Default)]
struct Meter {
    /// A permit holds a clone: there are as many requests under way as there are clones.
    under_way: Arc<()>,
    rate: Option<(NonZeroU32, Rate)>,
}

/// Held while a request is under way.
#[derive(Debug, Default)]
pub struct Permit {
    _under_way: Option<Arc<()>>,
}

impl Meters {
    pub fn new(clock: Clock) -> Self {
        Self { time: Time(clock), of_providers: Mutex::default() }
    }

    /// Lets a request in, until the permit is dropped. Limits that the provider has not of its own are `usual`.
    pub fn admit(&self, caller: &Caller, usual: Limits) -> Result<Permit, Error> {
        let per_minute = caller.limits.requests_per_minute.or(usual.requests_per_minute).and_then(count);
        let at_once = caller.limits.requests_at_once.or(usual.requests_at_once).and_then(count);
        let mut of_providers = self.of_providers.lock().unwrap_or_else(PoisonError::into_inner);
        if (per_minute, at_once) == (None, None) {
            of_providers.remove(&caller.provider);
            return Ok(Permit::default());
        }
        let meter = of_providers.entry(caller.provider).or_default();
        if let Some(at_once) = at_once
            && Arc::strong_count(&meter.under_way) > at_once.get() as usize
        {
            return Err(Error::Limited { limit: format!("{at_once} requests at once"), retry_after: UNDER_WAY });
        }
        meter.count(per_minute, &self.time)?;
        Ok(Permit { _under_way: Some(meter.under_way.clone()) })
    }
}

impl Meter {
    fn count(&mut self, per_minute: Option<NonZeroU32>, time: &Time) -> Result<(), Error> {
        let Some(limit) = per_minute else {
            self.rate = None;
            return Ok(());
        };
        let begin = || (limit, RateLimiter::direct_with_clock(Quota::per_minute(limit), time.clone()));
        let (_, rate) = match self.rate.take().filter(|(known, _)| *known == limit) {
            Some(known) => self.rate.insert(known),
            None => self.rate.insert(begin()),
        };
        rate.check().map_err(|until| Error::Limited {
            limit: format!("{limit} requests a minute"),
            retry_after: until.wait_time_from(clock::Clock::now(time)),
        })
    }
}

/// A limit as it was checked when it was set.
fn count(limit: i64) -> Option<NonZeroU32> {
    NonZeroU32::new(limit.clamp(1, i64::from(u32::MAX)) as u32)
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use uuid::Uuid;

    use super::*;
    use crate::domain::KeyId;

    fn caller(limits: Limits) -> Caller {
        let (provider, key) = (ProviderId(Uuid::new_v4()), KeyId(Uuid::new_v4()));
        Caller { provider, key, permissions: vec![], limits, only: None }
    }

    fn limits(requests_per_minute: Option<i64>, requests_at_once: Option<i64>) -> Limits {
        Limits { requests_per_minute, requests_at_once, ..Limits::default() }
    }

    /// The seconds to wait, or none.
    fn wait(admitted: &Result<Permit, Error>) -> Option<u64> {
        match admitted {
            Ok(_) => None,
            Err(Error::Limited { retry_after, .. }) => Some(retry_after.as_secs()),
            Err(error) => panic!("{error}"),
        }
    }

    #[test]
    fn a_minutes_requests_may_come_at_once_and_then_one_by_one() {
        let clock = Clock::default();
        let meters = Meters::new(clock.clone());
        let caller = caller(limits(Some(6), None));
        let ask = || wait(&meters.admit(&caller, Limits::default()));
        assert!((0..6).all(|_| ask().is_none()));
        // The clock runs on while the test does.
        assert!(ask().is_some_and(|seconds| (8..=10).contains(&seconds)));
        clock.advance(TimeDelta::seconds(10));
        assert_eq!(ask(), None);
        assert!(ask().is_some());
        clock.advance(TimeDelta::seconds(60));
        assert!((0..6).all(|_| ask().is_none()));
    }

    #[test]
    fn a_time_of_day_that_is_set_refuses_nobody_and_admits_nobody() {
        let clock = Clock::default();
        let meters = Meters::new(clock.clone());
        let caller = caller(limits(Some(6), None));
        let ask = || wait(&meters.admit(&caller, Limits::default()));
        assert_eq!(ask(), None);
        clock.set(TimeDelta::minutes(-2));
        assert!((0..5).all(|_| ask().is_none()), "a minute's requests are there as before");
        assert!(ask().is_some());
        clock.set(TimeDelta::hours(1));
        assert!(ask().is_some(), "no time has passed");
        clock.advance(TimeDelta::seconds(10));
        assert_eq!(ask(), None);
    }

    #[test]
    fn requests_under_way_are_counted_until_they_end() {
        let meters = Meters::new(Clock::default());
        let caller = caller(limits(None, Some(2)));
        let ask = || meters.admit(&caller, Limits::default());
        let (first, second) = (ask().unwrap(), ask().unwrap());
        assert_eq!(wait(&ask()), Some(1));
        drop(first);
        let third = ask().unwrap();
        assert!(ask().is_err());
        drop((second, third));
        assert!(ask().is_ok());
    }

    #[test]
    fn a_refused_request_counts_for_nothing() {
        let meters = Meters::new(Clock::default());
        let caller = caller(limits(Some(2), Some(1)));
        let ask = || meters.admit(&caller, Limits::default());
        let first = ask().unwrap();
        assert!((0..9).all(|_| ask().is_err()));
        drop(first);
        assert!(ask().is_ok(), "one of the minute's two is left");
    }

    #[test]
    fn providers_are_apart_and_their_own_limits_come_first() {
        let meters = Meters::new(Clock::default());
        let usual = limits(Some(1), None);
        let (one, other) = (caller(Limits::default()), caller(limits(Some(2), None)));
        assert!(meters.admit(&one, usual).is_ok());
        assert!(meters.admit(&one, usual).is_err());
        assert!(meters.admit(&other, usual).is_ok());
        assert!(meters.admit(&other, usual).is_ok());
        assert!(meters.admit(&other, usual).is_err());
        // A limit that is changed counts at once.
        let more = Caller { limits: limits(Some(9), None), ..other.clone() };
        assert!(meters.admit(&more, usual).is_ok());
        assert!((0..9).all(|_| meters.admit(&one, Limits::default()).is_ok()));
    }
}
