use chrono::TimeDelta;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use uuid::Uuid;

use super::*;

const PICTURE: Needs = Needs { pictures: 1, bytes: 1000 };

fn turns(workers: usize) -> (Turns, Clock) {
    let clock = Clock::default();
    let settings = Settings { workers, wait_max: Duration::from_secs(2), bytes_max: 1 << 20 };
    (Turns::new(settings, clock.clone()), clock)
}

fn provider() -> ProviderId {
    ProviderId(Uuid::new_v4())
}

/// Takes as many places as there are.
fn flood(turns: &Turns, provider: ProviderId) -> Vec<Place> {
    (0..).map_while(|n| turns.take(provider, Fingerprint(n), PICTURE).ok()).collect()
}

/// Returns a future that waits for a turn of the place.
fn waiting(place: Place) -> BoxFuture<'static, (Place, Turn)> {
    async move {
        let turn = place.turn().await;
        (place, turn)
    }
    .boxed()
}

#[test]
fn a_flood_by_one_provider_refuses_no_other() {
    let (turns, _) = turns(2);
    let (loud, quiet) = (provider(), provider());
    let places = flood(&turns, loud);
    // Pictures of 0.2 s each, on two workers, within 2 s.
    assert!((20..=23).contains(&places.len()), "{}", places.len());
    let mut queue: Vec<_> = places.into_iter().map(waiting).collect();
    let begun: Vec<_> = queue.iter_mut().filter_map(FutureExt::now_or_never).collect();
    assert_eq!(begun.len(), 2, "as many as there are workers");
    let mut own = waiting(turns.take(quiet, Fingerprint(0), PICTURE).expect("it asks for little"));
    assert!(own.as_mut().now_or_never().is_none());
    // Only one picture of the flood comes before it.
    drop(begun);
    assert!(own.now_or_never().is_some());
}

#[test]
fn providers_take_turns() {
    let (turns, _) = turns(1);
    let providers = [provider(), provider(), provider()];
    let held = waiting(turns.take(provider(), Fingerprint(0), PICTURE).unwrap()).now_or_never().expect("it is idle");
    let place = |who: usize| waiting(turns.take(providers[who], Fingerprint(0), PICTURE).expect("there is room"));
    let mut queue: Vec<_> = [0, 0, 0, 1, 2, 1].into_iter().map(|who| (who, place(who))).collect();
    assert!(queue.iter_mut().all(|(_, turn)| turn.now_or_never().is_none()));
    let (mut order, mut current) = (vec![], Some(held));
    while !queue.is_empty() {
        drop(current.take());
        let ready = queue.iter_mut().position(|(_, turn)| {
            current = turn.now_or_never();
            current.is_some()
        });
        order.push(queue.remove(ready.expect("one is next")).0);
    }
    assert_eq!(order, [0, 1, 2, 0, 1, 0]);
}

#[test]
fn a_turn_that_nobody_waits_for_is_passed_on() {
    let (turns, _) = turns(1);
    let one = provider();
    let mut queue: Vec<_> = flood(&turns, one).into_iter().map(waiting).collect();
    let begun = queue.remove(0).now_or_never().expect("the worker is idle");
    assert!(queue.iter_mut().all(|turn| turn.now_or_never().is_none()));
    let last = queue.pop().expect("there are several");
    // One of them has its turn already when its request goes away; the others do not.
    drop(begun);
    drop(queue);
    let (place, turn) = last.now_or_never().expect("it is the only one");
    drop((place, turn));
    let state = turns.0.state();
    assert_eq!((state.running, state.bytes, state.lanes.len()), (0, 0, 1), "only a promise is left");
    assert!(state.lanes[&one].waiting.is_empty() && state.lanes[&one].arriving.is_empty());
}

#[test]
fn bytes_are_shared_and_come_back() {
    let (turns, _) = turns(2);
    let body = |bytes| Needs { pictures: 0, bytes };
    let (one, other, third) = (provider(), provider(), provider());
    let take = |who, bytes| turns.take(who, Fingerprint(0), body(bytes));
    let half = take(one, 1 << 19).expect("it is its share");
    assert!(take(one, 1).is_err());
    let mine = take(other, 1 << 18).expect("there is room");
    assert!(mine.grow(1 << 18).is_ok());
    assert!(matches!(mine.grow(1), Err(Error::Busy { retry_after }) if retry_after >= Duration::from_secs(1)));
    assert!(take(third, 1).is_err(), "all are taken");
    drop(mine);
    assert!(take(third, 1 << 19).is_ok());
    drop(half);
    assert!(take(one, 1 << 19).is_ok());
}

#[test]
fn an_upload_that_comes_slowly_holds_up_nobody() {
    let (turns, clock) = turns(1);
    let one = provider();
    let slow = flood(&turns, one);
    assert!(turns.take(one, Fingerprint(99), PICTURE).is_err());
    clock.advance(TimeDelta::seconds(10));
    assert!(turns.take(one, Fingerprint(99), PICTURE).is_ok());
    drop(slow);
}

/// Sixty clients of one provider, each with its own picture, come back when they are told to.
#[test]
fn who_waits_as_told_is_let_in() {
    let (turns, clock) = turns(2);
    let one = provider();
    let mut clients: Vec<_> = (0..60).map(|n| (Fingerprint(n), Duration::ZERO, false)).collect();
    let (mut queue, mut running): (Vec<BoxFuture<'static, (Place, Turn)>>, Vec<_>) = (vec![], vec![]);
    let (mut waited, mut again, mut done) = (0, 0, 0);
    for _ in 0..600 {
        let now = clock.monotonic();
        for (request, comes, was_refused) in clients.iter_mut().filter(|(_, comes, _)| *comes <= now) {
            waited += usize::from(*was_refused);
            match turns.take(one, *request, PICTURE) {
                Ok(place) => {
                    queue.push(waiting(place));
                    (*comes, *was_refused) = (Duration::MAX, false);
                }
                Err(Error::Busy { retry_after }) => {
                    again += usize::from(*was_refused);
                    (*comes, *was_refused) = (now + retry_after, true);
                }
                Err(error) => panic!("{error}"),
            }
        }
        queue.retain_mut(|turn| match turn.now_or_never() {
            Some((place, turn)) => {
                running.push((now, place, turn));
                false
            }
            None => true,
        });
        clock.advance(TimeDelta::milliseconds(50));
        let now = clock.monotonic();
        let (ended, still): (Vec<_>, Vec<_>) =
            running.into_iter().partition(|(since, ..)| *since + Duration::from_millis(200) <= now);
        running = still;
        for (_, _place, turn) in ended {
            turn.done();
            done += 1;
        }
    }
    assert_eq!(done, 60);
    assert!(waited >= 36, "{waited}");
    assert!(again * 20 <= waited, "{again} of {waited} were refused again");
}
