//! Tests replays on both databases: parameters, waiting captures, and outcomes of checks.

use std::collections::BTreeSet;

use bioserver::domain::liveness::LivenessStatus;
use bioserver::domain::{Moment, ProviderId, SessionId};
use bioserver::store::liveness::{GivenBack, LeasedCapture, LivenessCheck};
use bioserver::store::sessions::StoredSession;
use bioserver::store::settings::Settings;
use bioserver::store::{self, Store, Tx};

use crate::both::on_both;
use crate::store::nodes::{open, taken_by_nodes};
use crate::store::sessions::begun;
use crate::store::tables::{at, provider};

const ASKED: &[u8] = b"asked, sealed";
const CAPTURE: &[u8] = b"capture, sealed";
const RESULT: &[u8] = b"result, sealed";
const ATTEMPTS_MAX: i64 = 3;

on_both!(
    a_check_takes_one_capture_in_its_time,
    a_check_in_progress_is_not_begun_anew,
    the_capture_that_waits_longest_is_taken_first,
    providers_take_turns,
    nodes_never_take_the_same_capture,
    a_node_that_lost_its_lease_ends_nothing,
    a_lease_lasts_as_long_as_it_is_renewed,
    an_attempt_that_is_given_back_may_not_count,
    a_capture_that_no_attempt_ends_is_given_up,
    captures_that_do_not_come_are_waited_for_no_longer,
    a_capture_goes_with_its_session,
);

/// Begins checks in new sessions of a new provider, which live from `at(0)` to `at(60)`; captures are due at `at(30)`.
async fn asked<const N: usize>(store: &Store) -> [StoredSession; N] {
    let provider = provider(store, "sp").await.id;
    asked_by(store, provider).await
}

async fn asked_by<const N: usize>(store: &Store, provider: ProviderId) -> [StoredSession; N] {
    let mut sessions = vec![];
    for _ in 0..N {
        let session = begun(store, provider).await;
        let mut tx = store.begin().await.unwrap();
        assert!(store::liveness::begin(&mut tx, session.id, ASKED, at(30)).await.unwrap());
        tx.commit().await.unwrap();
        sessions.push(session);
    }
    sessions.try_into().unwrap()
}

async fn received(tx: &mut Tx, session: SessionId, now: i64) -> bool {
    store::liveness::receive(tx, session, ASKED, CAPTURE, at(now)).await.unwrap()
}

/// Takes a capture at `at(now)`, with a lease until `at(leased)`.
async fn taken(tx: &mut Tx, now: i64, leased: i64) -> Option<LeasedCapture> {
    store::liveness::take(tx, at(now), at(leased), ATTEMPTS_MAX).await.unwrap()
}

async fn found(tx: &mut Tx, session: SessionId) -> LivenessCheck {
    store::liveness::find(tx, session).await.unwrap().unwrap()
}

fn standing(status: LivenessStatus, result_sealed: Option<&[u8]>) -> LivenessCheck {
    let result_sealed = result_sealed.map(ToOwned::to_owned);
    LivenessCheck { status, asked_sealed: ASKED.to_vec(), result_sealed, due: at(30) }
}

async fn a_check_takes_one_capture_in_its_time(settings: Settings) {
    let store = open(&settings).await;
    let [session, late] = asked(&store).await;
    let mut tx = store.begin().await.unwrap();
    assert_eq!(store::liveness::find(&mut tx, SessionId::new()).await.unwrap(), None);
    assert_eq!(found(&mut tx, session.id).await, standing(LivenessStatus::Initialized, None));
    assert!(!received(&mut tx, late.id, 30).await, "it is too late");
    let another = store::liveness::receive(&mut tx, session.id, b"another", CAPTURE, at(1)).await.unwrap();
    assert!(!another, "that is not what was asked");
    assert_eq!(store::liveness::waiting(&mut tx, session.provider).await.unwrap(), 0);
    assert!(received(&mut tx, session.id, 29).await);
    assert!(!received(&mut tx, session.id, 29).await, "it has one");
    assert_eq!(found(&mut tx, session.id).await, standing(LivenessStatus::InProgress, None));
    assert_eq!(store::liveness::waiting(&mut tx, session.provider).await.unwrap(), 1);
}

async fn a_check_in_progress_is_not_begun_anew(settings: Settings) {
    let store = open(&settings).await;
    let [session] = asked(&store).await;
    let mut tx = store.begin().await.unwrap();
    assert!(store::liveness::begin(&mut tx, session.id, ASKED, at(30)).await.unwrap(), "nothing has come yet");
    assert!(received(&mut tx, session.id, 1).await);
    assert!(!store::liveness::begin(&mut tx, session.id, b"anew", at(40)).await.unwrap());
    let leased = taken(&mut tx, 2, 20).await.unwrap();
    assert!(store::liveness::finish(&mut tx, &leased, LivenessStatus::Failed, RESULT).await.unwrap());
    assert_eq!(found(&mut tx, session.id).await, standing(LivenessStatus::Failed, Some(RESULT)));
    assert!(store::liveness::begin(&mut tx, session.id, b"anew", at(40)).await.unwrap());
    let anew =
        LivenessCheck { asked_sealed: b"anew".to_vec(), due: at(40), ..standing(LivenessStatus::Initialized, None) };
    assert_eq!(found(&mut tx, session.id).await, anew, "nothing is left of the check before");
    assert!(store::liveness::receive(&mut tx, session.id, b"anew", CAPTURE, at(3)).await.unwrap());
    assert_eq!(taken(&mut tx, 4, 20).await.unwrap().attempts, 1);
}

async fn the_capture_that_waits_longest_is_taken_first(settings: Settings) {
    let store = open(&settings).await;
    let [second, first, _silent] = asked(&store).await;
    let mut tx = store.begin().await.unwrap();
    assert!(received(&mut tx, second.id, 2).await && received(&mut tx, first.id, 1).await);
    let leased = taken(&mut tx, 5, 20).await.unwrap();
    assert_eq!((leased.session, leased.attempts, leased.received), (first.clone(), 1, at(1)));
    assert_eq!((&*first.key_sealed, &*leased.asked_sealed, &*leased.capture_sealed), (&b"sealed"[..], ASKED, CAPTURE));
    assert_eq!(taken(&mut tx, 5, 25).await.unwrap().session, second);
    assert!(taken(&mut tx, 19, 40).await.is_none(), "both are leased");
    let again = taken(&mut tx, 20, 40).await.unwrap();
    assert_eq!((again.session, again.attempts), (first, 2), "the node that took it has died");
    assert!(taken(&mut tx, 60, 90).await.is_none(), "the sessions are over");
}

async fn providers_take_turns(settings: Settings) {
    let store = open(&settings).await;
    let [busy, quiet, new] =
        [provider(&store, "busy").await.id, provider(&store, "quiet").await.id, provider(&store, "new").await.id];
    let many: [StoredSession; 5] = asked_by(&store, busy).await;
    let few: [StoredSession; 2] = asked_by(&store, quiet).await;
    let mut tx = store.begin().await.unwrap();
    for (second, session) in (1..).zip(many.iter().chain(&few)) {
        assert!(received(&mut tx, session.id, second).await);
    }
    let mut turns = vec![];
    while let Some(leased) = taken(&mut tx, 10, 50).await {
        turns.push(leased.session.id);
    }
    let expected = [&many[0], &few[0], &many[1], &few[1], &many[2], &many[3], &many[4]];
    assert_eq!(turns, expected.map(|session| session.id));
    // A new capture follows all captures of its own provider, and as many and one more of the other provider's.
    let waiting = async |tx: &mut Tx, provider| store::liveness::waiting(tx, provider).await.unwrap();
    assert_eq!(waiting(&mut tx, busy).await, 7);
    assert_eq!(waiting(&mut tx, quiet).await, 2 + 3);
    assert_eq!(waiting(&mut tx, new).await, 2);
}

async fn nodes_never_take_the_same_capture(settings: Settings) {
    let store = open(&settings).await;
    let sessions: [StoredSession; 24] = asked(&store).await;
    let mut tx = store.begin().await.unwrap();
    for session in &sessions {
        assert!(received(&mut tx, session.id, 1).await);
    }
    tx.commit().await.unwrap();
    let all = taken_by_nodes(&store, |store| async move {
        let mut tx = store.begin().await.unwrap();
        let leased = taken(&mut tx, 2, 50).await;
        tx.commit().await.unwrap();
        leased.into_iter().map(|leased| leased.session.id).collect()
    })
    .await;
    assert_eq!((all.len(), all.iter().collect::<BTreeSet<_>>().len()), (24, 24));
}

async fn a_node_that_lost_its_lease_ends_nothing(settings: Settings) {
    let store = open(&settings).await;
    let [session] = asked(&store).await;
    let mut tx = store.begin().await.unwrap();
    assert!(received(&mut tx, session.id, 1).await);
    let slow = taken(&mut tx, 2, 10).await.unwrap();
    let holder = taken(&mut tx, 10, 20).await.unwrap();
    assert!(!store::liveness::finish(&mut tx, &slow, LivenessStatus::Spoof, b"late").await.unwrap());
    store::liveness::give_back(&mut tx, slow.lease(), at(10), GivenBack::Busy).await.unwrap();
    assert!(taken(&mut tx, 19, 30).await.is_none(), "the lease is another's to give back");
    assert!(store::liveness::finish(&mut tx, &holder, LivenessStatus::Success, RESULT).await.unwrap());
    assert!(!store::liveness::finish(&mut tx, &holder, LivenessStatus::Spoof, b"twice").await.unwrap());
    assert_eq!(found(&mut tx, session.id).await, standing(LivenessStatus::Success, Some(RESULT)));
    assert_eq!(store::liveness::waiting(&mut tx, session.provider).await.unwrap(), 0);
}

async fn a_lease_lasts_as_long_as_it_is_renewed(settings: Settings) {
    let store = open(&settings).await;
    let [session] = asked(&store).await;
    let mut tx = store.begin().await.unwrap();
    assert!(received(&mut tx, session.id, 1).await);
    let slow = taken(&mut tx, 2, 10).await.unwrap();
    assert!(store::liveness::renew(&mut tx, &slow, at(18)).await.unwrap());
    assert!(taken(&mut tx, 17, 30).await.is_none(), "it is still at work");
    let holder = taken(&mut tx, 18, 30).await.unwrap();
    assert!(!store::liveness::renew(&mut tx, &slow, at(50)).await.unwrap(), "the lease is another's");
    assert!(store::liveness::finish(&mut tx, &holder, LivenessStatus::Success, RESULT).await.unwrap());
    assert!(!store::liveness::renew(&mut tx, &holder, at(50)).await.unwrap(), "it has ended");
}

async fn an_attempt_that_is_given_back_may_not_count(settings: Settings) {
    let store = open(&settings).await;
    let [session] = asked(&store).await;
    let mut tx = store.begin().await.unwrap();
    assert!(received(&mut tx, session.id, 1).await);
    // Each row has the number that the attempt counts as, and the reason why it is given back.
    let turns =
        [(2, 1, GivenBack::Busy), (4, 1, GivenBack::Failed), (6, 2, GivenBack::Fault), (8, 2, GivenBack::Fault)];
    for (now, counts_as, why) in turns {
        let leased = taken(&mut tx, now, 50).await.unwrap();
        assert_eq!(leased.attempts, counts_as);
        store::liveness::give_back(&mut tx, leased.lease(), at(now + 2), why).await.unwrap();
        assert!(taken(&mut tx, now + 1, 50).await.is_none(), "not before its time");
        if why != GivenBack::Failed {
            store::liveness::give_back(&mut tx, leased.lease(), at(now), why).await.unwrap();
            assert!(taken(&mut tx, now + 1, 50).await.is_none(), "it is given back once");
        }
    }
    let leased = taken(&mut tx, 10, 50).await.unwrap();
    assert_eq!((leased.attempts, leased.faults), (2, 2));
}

async fn a_capture_that_no_attempt_ends_is_given_up(settings: Settings) {
    let store = open(&settings).await;
    let [session, other] = asked(&store).await;
    let mut tx = store.begin().await.unwrap();
    assert!(received(&mut tx, session.id, 1).await);
    let give_up = async |tx: &mut Tx, now| {
        let mut given_up = vec![];
        for check in store::liveness::exhausted(tx, at(now), ATTEMPTS_MAX, 10).await.unwrap() {
            assert!(store::liveness::give_up(tx, &check, RESULT).await.unwrap());
            assert!(!store::liveness::give_up(tx, &check, b"twice").await.unwrap());
            given_up.push(check.session.id);
        }
        given_up
    };
    for attempts in 1..=ATTEMPTS_MAX {
        let leased = taken(&mut tx, 10 * attempts - 5, 10 * attempts).await.unwrap();
        assert_eq!(leased.attempts, attempts);
        assert_eq!(give_up(&mut tx, 10 * attempts - 1).await, [], "it may still be ended");
    }
    assert!(taken(&mut tx, 31, 50).await.is_none(), "it was tried often enough");
    assert_eq!(give_up(&mut tx, 31).await, [session.id]);
    assert_eq!(found(&mut tx, session.id).await, standing(LivenessStatus::Error, Some(RESULT)));
    assert_eq!(found(&mut tx, other.id).await, standing(LivenessStatus::Initialized, None));
}

async fn captures_that_do_not_come_are_waited_for_no_longer(settings: Settings) {
    let store = open(&settings).await;
    let [one, other, come] = asked(&store).await;
    let mut tx = store.begin().await.unwrap();
    assert!(received(&mut tx, come.id, 1).await);
    let mut time_out = async |now: Moment, limit| store::liveness::time_out(&mut tx, now, limit).await.unwrap();
    assert_eq!(time_out(at(29), 10).await, []);
    let mut ended = time_out(at(30), 1).await;
    assert_eq!(ended.len(), 1);
    ended.extend(time_out(at(30), 10).await);
    assert_eq!(BTreeSet::from_iter(ended), BTreeSet::from([one.id, other.id]));
    assert_eq!(found(&mut tx, one.id).await, standing(LivenessStatus::Timeout, None));
    assert_eq!(found(&mut tx, come.id).await, standing(LivenessStatus::InProgress, None));
}

async fn a_capture_goes_with_its_session(settings: Settings) {
    let store = open(&settings).await;
    let [session] = asked(&store).await;
    let mut tx = store.begin().await.unwrap();
    assert!(received(&mut tx, session.id, 1).await);
    store::sessions::delete(&mut tx, session.id).await.unwrap();
    assert_eq!(store::liveness::find(&mut tx, session.id).await.unwrap(), None);
    assert!(taken(&mut tx, 2, 20).await.is_none());
}
