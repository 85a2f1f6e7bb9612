use chrono::TimeDelta;
use uuid::Uuid;

use super::*;
use crate::domain::KeyId;
use crate::domain::audit::Request;

fn caller(limits: Limits) -> Caller {
    let (provider, key) = (ProviderId(Uuid::new_v4()), KeyId(Uuid::new_v4()));
    Caller { provider, key, permissions: vec![], limits, only: None, request: Request::default() }
}

fn grant() -> CaptureGrant {
    CaptureGrant { session: SessionId::new(), return_url: None }
}

/// The fingerprint of the requests in these tests that need not be told apart.
const SAME: Fingerprint = Fingerprint(1);

fn limits(requests_per_minute: Option<i64>, requests_at_once: Option<i64>) -> Limits {
    Limits { requests_per_minute, requests_at_once, ..Limits::default() }
}

/// Returns the seconds to wait; `None` if the request was admitted.
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
    let ask = || wait(&meters.admit(&caller, Limits::default(), SAME));
    assert!((0..6).all(|_| ask().is_none()));
    // The clock continues while the test runs.
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
    let ask = || wait(&meters.admit(&caller, Limits::default(), SAME));
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
    let ask = || meters.admit(&caller, Limits::default(), SAME);
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
    let ask = || meters.admit(&caller, Limits::default(), SAME);
    let first = ask().unwrap();
    assert!((0..9).all(|_| ask().is_err()));
    drop(first);
    assert!(ask().is_ok(), "one of the minute's two is left");
}

/// Simulates 40 clients, each with its own request, that come back when they are told to. Returns the number that
/// waited, and the number that were refused again.
fn refused_again(limits: Limits, step: TimeDelta, lasting: TimeDelta) -> (usize, usize) {
    let clock = Clock::default();
    let (meters, caller) = (Meters::new(clock.clone()), caller(limits));
    let mut permits = std::collections::VecDeque::new();
    // Each client has the time of its next request; all begin at once.
    let mut clients: Vec<_> = (0..40).map(|n| (Fingerprint(n), Duration::ZERO, false)).collect();
    let (mut waited, mut again) = (0, 0);
    for _ in 0..lasting.num_milliseconds() / step.num_milliseconds() {
        let now = clock.monotonic();
        for (request, comes, was_refused) in clients.iter_mut().filter(|(_, comes, _)| *comes <= now) {
            waited += usize::from(*was_refused);
            match meters.admit(&caller, Limits::default(), *request) {
                Ok(permit) => {
                    permits.push_back((now, permit));
                    (*comes, *was_refused) = (Duration::MAX, false);
                }
                Err(Error::Limited { retry_after, .. }) => {
                    again += usize::from(*was_refused);
                    (*comes, *was_refused) = (now + retry_after, true);
                }
                Err(error) => panic!("{error}"),
            }
        }
        clock.advance(step);
        permits.retain(|(since, _)| clock.monotonic() < *since + Duration::from_millis(500));
    }
    (waited, again)
}

#[test]
fn who_waits_as_told_is_let_in() {
    let step = TimeDelta::milliseconds(100);
    let (waited, again) = refused_again(limits(None, Some(4)), step, TimeDelta::seconds(60));
    assert!(waited >= 36 && again * 10 <= waited, "{again} of {waited} were refused again");
    let (waited, again) = refused_again(limits(Some(20), None), step, TimeDelta::minutes(3));
    assert!(waited >= 20 && again * 10 <= waited, "{again} of {waited} were refused again");
}

#[test]
fn a_token_has_a_budget_of_its_own() {
    let clock = Clock::default();
    let meters = Meters::new(clock.clone());
    let key = caller(limits(Some(2), Some(1)));
    let token = Caller { only: Some(grant()), ..key.clone() };
    let ask = |caller: &Caller| meters.admit(caller, Limits::default(), SAME);
    let asked = (0..200).filter(|_| ask(&token).is_ok()).count();
    assert!((60..=130).contains(&asked), "{asked}");
    assert!(ask(&key).is_ok(), "its provider has both of its own");
    assert!(ask(&Caller { only: Some(grant()), ..key.clone() }).is_ok(), "and so has another token");
    // A token may send fewer captures; those of keys count as ordinary requests.
    let captures = (0..20).filter(|_| meters.admit_capture(&token).is_ok()).count();
    assert_eq!(captures, 6);
    assert!((0..20).all(|_| meters.admit_capture(&key).is_ok()));
    clock.advance(TimeDelta::seconds(60));
    assert!(ask(&token).is_ok() && meters.admit_capture(&token).is_ok());
}

#[test]
fn what_tells_nothing_is_forgotten() {
    let clock = Clock::default();
    let meters = Meters::new(clock.clone());
    let ask = || {
        let token = Caller { only: Some(grant()), ..caller(Limits::default()) };
        meters.admit(&token, Limits::default(), SAME).expect("it is the first")
    };
    let held = ask();
    (0..2 * METERS_KEPT).for_each(|_| drop(ask()));
    clock.advance(TimeDelta::minutes(1));
    drop(ask());
    assert_eq!(lock(&meters.of_parties).len(), 2, "of the one under way, and the last");
    drop(held);
}

#[test]
fn providers_are_apart_and_their_own_limits_come_first() {
    let meters = Meters::new(Clock::default());
    let usual = limits(Some(1), None);
    let (one, other) = (caller(Limits::default()), caller(limits(Some(2), None)));
    assert!(meters.admit(&one, usual, SAME).is_ok());
    assert!(meters.admit(&one, usual, SAME).is_err());
    assert!(meters.admit(&other, usual, SAME).is_ok());
    assert!(meters.admit(&other, usual, SAME).is_ok());
    assert!(meters.admit(&other, usual, SAME).is_err());
    // A changed limit takes effect at once.
    let more = Caller { limits: limits(Some(9), None), ..other.clone() };
    assert!(meters.admit(&more, usual, SAME).is_ok());
    assert!((0..9).all(|_| meters.admit(&one, Limits::default(), SAME).is_ok()));
}
