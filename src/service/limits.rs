//! What a provider may ask for, of this node: each node counts for itself.

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

/// A request's time until the first one has been measured, in seconds.
const REQUEST_START_S: f64 = 0.2;
/// Weight of the newest measurement in the running mean.
const REQUEST_WEIGHT: f64 = 0.1;
/// Budget of a capture token: a page asks for the state of its check once a second, and sends a capture or two.
const TOKEN: Limits = Limits { requests_at_once: Some(4), ..per_minute(120) };
/// Captures that the holder of a token may send: each is read, opened and, as a rule, refused when it is not the first.
const TOKEN_CAPTURES: Limits = per_minute(6);
/// Beyond so many meters those that tell nothing are forgotten.
const METERS_KEPT: usize = 1024;
/// After so long without a request a rate is as if it were new.
const RATE_WINDOW: Duration = Duration::from_mins(1);

const fn per_minute(count: i64) -> Limits {
    Limits { ttl_seconds_max: None, requests_per_minute: Some(count), requests_at_once: None, liveness_reasons: None }
}

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

/// Whose requests are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Party {
    Provider(ProviderId),
    /// Who holds a token for this session. What a browser does with it must not use up what its provider may ask for.
    Token(SessionId),
    /// The captures of the same.
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
    /// Promises to requests that were too many at once.
    room: Promises,
    rate: Option<(NonZeroU32, Rate)>,
    /// Promises to requests that were too many in a minute.
    turns: Promises,
    asked: Duration,
}

#[derive(Debug)]
struct UnderWay {
    count: usize,
    /// A running mean of the time that a request takes, in seconds.
    request_s: f64,
}

impl Default for UnderWay {
    fn default() -> Self {
        Self { count: 0, request_s: REQUEST_START_S }
    }
}

/// Held while a request is under way.
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

    /// Lets a request in, until the permit is dropped. `usual` applies where the provider has no limit of its own.
    pub fn admit(&self, caller: &Caller, usual: Limits, request: Fingerprint) -> Result<Permit, Error> {
        if let Some(CaptureGrant { session, .. }) = caller.only {
            return self.count(Party::Token(session), TOKEN, request);
        }
        let requests_per_minute = caller.limits.requests_per_minute.or(usual.requests_per_minute);
        let requests_at_once = caller.limits.requests_at_once.or(usual.requests_at_once);
        let limits = Limits { requests_per_minute, requests_at_once, ..usual };
        self.count(Party::Provider(caller.provider), limits, request)
    }

    /// Lets a capture in that the holder of a token sends: those of a key are requests as others are.
    pub fn admit_capture(&self, caller: &Caller) -> Result<(), Error> {
        let Some(CaptureGrant { session, .. }) = caller.only else { return Ok(()) };
        // Captures do not tell themselves apart, and need not.
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
    /// True if forgetting this meter would let anything in.
    fn tells(&self, now: Duration) -> bool {
        now < self.asked + RATE_WINDOW || lock(&self.under_way).count > 0
    }

    fn check_at_once(&mut self, at_once: NonZeroU32, request: Fingerprint, now: Duration) -> Result<(), Error> {
        let (count, request_s) = {
            let under_way = lock(&self.under_way);
            (under_way.count, Duration::from_secs_f64(under_way.request_s))
        };
        // A new request leaves room for those that are due before it has ended.
        let is_promised = self.room.redeem(request, now);
        let due = if is_promised { 0.0 } else { self.room.expected(now, request_s) };
        if (count + 1) as f64 + due.floor() <= f64::from(at_once.get()) {
            return Ok(());
        }
        // Those that are told the same second come at once.
        let spacing = request_s.max(Duration::from_secs(1)) / at_once.get();
        let retry_after = self.room.give(request, now, spacing, spacing);
        Err(Error::Limited { limit: format!("{at_once} requests at once"), retry_after })
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
        // The next free places belong to those that were told so.
        let is_next = self.turns.redeem(request, now) || self.turns.expected(now, spacing) < 1.0;
        let first = match is_next.then(|| rate.check()) {
            Some(Ok(())) => return Ok(()),
            Some(Err(until)) => until.wait_time_from(clock::Clock::now(time)),
            None => spacing,
        };
        let retry_after = self.turns.give(request, now, first, spacing);
        Err(Error::Limited { limit: format!("{limit} requests a minute"), retry_after })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A limit as it was checked when it was set.
fn count(limit: i64) -> NonZeroU32 {
    NonZeroU32::new(limit.clamp(1, i64::from(u32::MAX)) as u32).expect("it is at least one")
}

#[cfg(test)]
mod tests;
