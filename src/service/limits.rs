//! Enforces the limits of a provider on this node; each node counts for itself.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter, clock};

use crate::clock::Clock;
use crate::domain::{Caller, CaptureGrant, Limits, ProviderId, SessionId};
use crate::service::Error;
use crate::service::limits::promises::{Fingerprint, Promises};

pub mod promises;

/// The assumed time of a request, in seconds, until the first one has been measured.
const REQUEST_START_S: f64 = 0.2;
/// The weight of the newest measurement in the running mean.
const REQUEST_WEIGHT: f64 = 0.1;
/// The budget of a capture token: a page asks for the state of its check once a second, and sends a capture or two.
const TOKEN: Limits = Limits { requests_at_once: Some(4), ..per_minute(120) };
/// The budget of captures of a token: each is read and decrypted, and all but the first are usually refused.
const TOKEN_CAPTURES: Limits = per_minute(6);
/// The number of meters from which on those without information are dropped.
const METERS_KEPT: usize = 1024;
/// The time without a request after which a rate is as if it were new.
const RATE_WINDOW: Duration = Duration::from_mins(1);

const fn per_minute(count: i64) -> Limits {
    Limits { ttl_seconds_max: None, requests_per_minute: Some(count), requests_at_once: None, liveness_reasons: None }
}

/// The requests of a minute may come all at once; after that, one may come whenever its share of the minute has passed.
type Rate = RateLimiter<NotKeyed, InMemoryState, Time, NoOpMiddleware<Duration>>;

/// The server's monotonic clock for the limiter, so that setting the time of day refuses nobody.
#[derive(Debug, Clone)]
struct Time(Clock);

impl clock::Clock for Time {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.0.monotonic()
    }
}

/// The party whose requests are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Party {
    Provider(ProviderId),
    /// The holder of a token for this session. Its requests must not use up the provider's limits.
    Token(SessionId),
    /// The captures of that holder.
    TokenCaptures(SessionId),
}

/// The recent requests of parties that have limits.
pub struct Meters {
    time: Time,
    of_parties: Mutex<HashMap<Party, Meter>>,
}

#[derive(Default)]
struct Meter {
    under_way: Arc<Mutex<UnderWay>>,
    /// The promises to requests that exceeded the limit at once.
    room: Promises,
    rate: Option<(NonZeroU32, Rate)>,
    /// The promises to requests that exceeded the limit of a minute.
    turns: Promises,
    asked: Duration,
}

#[derive(Debug)]
struct UnderWay {
    count: usize,
    /// The running mean of the time of a request, in seconds.
    request_s: f64,
}

impl Default for UnderWay {
    fn default() -> Self {
        Self { count: 0, request_s: REQUEST_START_S }
    }
}

/// Held while a request is in flight.
#[derive(Debug, Default)]
pub struct Permit {
    _held: Option<Held>,
}

#[derive(Debug)]
struct Held {
    under_way: Arc<Mutex<UnderWay>>,
    clock: Clock,
    since: Duration,
}

impl Drop for Held {
    fn drop(&mut self) {
        let took = self.clock.monotonic().saturating_sub(self.since);
        let mut under_way = lock(&self.under_way);
        under_way.count -= 1;
        under_way.request_s += REQUEST_WEIGHT * (took.as_secs_f64() - under_way.request_s);
    }
}

impl Meters {
    pub fn new(clock: Clock) -> Self {
        Self { time: Time(clock), of_parties: Mutex::default() }
    }

    /// Admits a request until the permit is dropped. `usual` applies where the provider has no limit of its own.
    pub fn admit(&self, caller: &Caller, usual: Limits, request: Fingerprint) -> Result<Permit, Error> {
        if let Some(CaptureGrant { session, .. }) = caller.only {
            return self.count(Party::Token(session), TOKEN, request);
        }
        let requests_per_minute = caller.limits.requests_per_minute.or(usual.requests_per_minute);
        let requests_at_once = caller.limits.requests_at_once.or(usual.requests_at_once);
        let limits = Limits { requests_per_minute, requests_at_once, ..usual };
        self.count(Party::Provider(caller.provider), limits, request)
    }

    /// Admits a capture from the holder of a token; a capture with a key counts as an ordinary request.
    pub fn admit_capture(&self, caller: &Caller) -> Result<(), Error> {
        let Some(CaptureGrant { session, .. }) = caller.only else { return Ok(()) };
        // Captures are not told apart, so they share one fingerprint.
        self.count(Party::TokenCaptures(session), TOKEN_CAPTURES, Fingerprint(0)).map(drop)
    }

    fn count(&self, party: Party, limits: Limits, request: Fingerprint) -> Result<Permit, Error> {
        let now = self.time.0.monotonic();
        let [per_minute, at_once] = [limits.requests_per_minute, limits.requests_at_once].map(|limit| limit.map(count));
        let mut of_parties = lock(&self.of_parties);
        if (per_minute, at_once) == (None, None) {
            of_parties.remove(&party);
            return Ok(Permit::default());
        }
        if of_parties.len() >= METERS_KEPT && !of_parties.contains_key(&party) {
            of_parties.retain(|_, meter| meter.tells(now));
        }
        let meter = of_parties.entry(party).or_default();
        meter.asked = now;
        if let Some(at_once) = at_once {
            meter.check_at_once(at_once, request, now)?;
        }
        meter.check_rate(per_minute, request, &self.time)?;
        lock(&meter.under_way).count += 1;
        let held = Held { under_way: meter.under_way.clone(), clock: self.time.0.clone(), since: now };
        Ok(Permit { _held: Some(held) })
    }
}

impl Meter {
    /// True if dropping this meter could admit more than the limits allow.
    fn tells(&self, now: Duration) -> bool {
        now < self.asked + RATE_WINDOW || lock(&self.under_way).count > 0
    }

    fn check_at_once(&mut self, at_once: NonZeroU32, request: Fingerprint, now: Duration) -> Result<(), Error> {
        let (count, request_s) = {
            let under_way = lock(&self.under_way);
            (under_way.count, Duration::from_secs_f64(under_way.request_s))
        };
        // A new request must leave room for promised requests that are due before it ends.
        let is_promised = self.room.redeem(request, now);
        let due = if is_promised { 0.0 } else { self.room.expected(now, request_s) };
        if (count + 1) as f64 + due.floor() <= f64::from(at_once.get()) {
            return Ok(());
        }
        // Requests that are told the same whole second come together.
        let spacing = request_s.max(Duration::from_secs(1)) / at_once.get();
        let retry_after = self.room.give(request, now, spacing, spacing);
        Err(Error::Limited { limit: format!("{at_once} requests in flight"), retry_after })
    }

    fn check_rate(&mut self, per_minute: Option<NonZeroU32>, request: Fingerprint, time: &Time) -> Result<(), Error> {
        let Some(limit) = per_minute else {
            self.rate = None;
            return Ok(());
        };
        let begin = || (limit, RateLimiter::direct_with_clock(Quota::per_minute(limit), time.clone()));
        let (_, rate) = match self.rate.take().filter(|(known, _)| *known == limit) {
            Some(known) => self.rate.insert(known),
            None => self.rate.insert(begin()),
        };
        let (now, spacing) = (time.0.monotonic(), RATE_WINDOW / limit.get());
        // The next free places belong to requests that were promised them.
        let is_next = self.turns.redeem(request, now) || self.turns.expected(now, spacing) < 1.0;
        let first = match is_next.then(|| rate.check()) {
            Some(Ok(())) => return Ok(()),
            Some(Err(until)) => until.wait_time_from(clock::Clock::now(time)),
            None => spacing,
        };
        let retry_after = self.turns.give(request, now, first, spacing);
        Err(Error::Limited { limit: format!("{limit} requests per minute"), retry_after })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Converts a limit, which was checked when it was set.
fn count(limit: i64) -> NonZeroU32 {
    NonZeroU32::new(limit.clamp(1, i64::from(u32::MAX)) as u32).expect("it is at least one")
}

#[cfg(test)]
mod tests;
