//! Tests sessions, faces and idempotency keys, on both databases.

use std::collections::BTreeSet;

use bioserver::domain::{EpochId, FaceId, Moment, OwnerId, ProviderId, SessionId};
use bioserver::service::storage;
use bioserver::store::epochs::Epoch;
use bioserver::store::faces::StoredFace;
use bioserver::store::idempotency::{IdempotencyRecord, KeyScope};
use bioserver::store::sessions::StoredSession;
use bioserver::store::settings::Settings;
use bioserver::store::{self, Store};
use uuid::Uuid;

use crate::both::on_both;
use crate::store::nodes::{open, taken_by_nodes};
use crate::store::tables::{at, provider};

on_both!(
    a_session_is_found_by_its_provider_while_it_lives,
    sessions_that_are_over_are_found_and_erased_once,
    nodes_never_take_the_same_erasure,
    an_erasure_is_tried_until_it_is_done,
    media_have_one_owner,
    an_epoch_is_one_hours_and_ends_after_its_sessions,
    what_belongs_to_a_session_goes_with_it,
    faces_come_in_the_order_they_were_made,
    a_held_session_is_nobody_elses,
    a_key_makes_one_thing_while_its_session_lives,
    keys_noted_at_once_make_one_thing,
);

/// A session as it was stored before epochs were introduced: its callback URL can be read without a key.
pub fn session(provider: ProviderId, created: Moment, expires: Moment) -> StoredSession {
    StoredSession {
        id: SessionId::new(),
        provider,
        owner: Some(OwnerId::new()),
        epoch: None,
        image_storage_enabled: true,
        has_callback: true,
        created,
        expires,
        key_sealed: b"sealed".to_vec(),
        about_sealed: None,
        correlation_id: Some("correlation".to_owned()),
        evidence_id: None,
        callback_url: Some("https://service/callback".to_owned()),
    }
}

/// Inserts a session that lives from `at(0)` to `at(60)`.
pub async fn begun(store: &Store, provider: ProviderId) -> StoredSession {
    let session = session(provider, at(0), at(60));
    let mut tx = store.begin().await.unwrap();
    store::sessions::insert(&mut tx, &session).await.unwrap();
    tx.commit().await.unwrap();
    session
}

async fn a_session_is_found_by_its_provider_while_it_lives(settings: Settings) {
    let store = open(&settings).await;
    let (one, other) = (provider(&store, "one").await.id, provider(&store, "other").await.id);
    let session = begun(&store, one).await;
    let mut tx = store.read().await.unwrap();
    assert_eq!(store::sessions::find(&mut tx, one, session.id, at(59)).await.unwrap(), Some(session.clone()));
    assert_eq!(store::sessions::find(&mut tx, one, session.id, at(60)).await.unwrap(), None);
    assert_eq!(store::sessions::find(&mut tx, other, session.id, at(0)).await.unwrap(), None);
    assert_eq!(store::sessions::find(&mut tx, one, SessionId::new(), at(0)).await.unwrap(), None);
    assert!(store::sessions::exists(&mut tx, session.id).await.unwrap());
    assert!(!store::sessions::exists(&mut tx, SessionId::new()).await.unwrap());
}

async fn sessions_that_are_over_are_found_and_erased_once(settings: Settings) {
    let store = open(&settings).await;
    let provider = provider(&store, "sp").await.id;
    let mut tx = store.begin().await.unwrap();
    let sessions = [30, 10, 20, 99].map(|seconds| session(provider, at(0), at(seconds)));
    for session in &sessions {
        store::sessions::insert(&mut tx, session).await.unwrap();
    }
    let ids = |of: &[usize]| of.iter().map(|index| sessions[*index].id).collect::<Vec<_>>();
    assert_eq!(store::sessions::overdue(&mut tx, at(9), 10).await.unwrap(), ids(&[]));
    assert_eq!(store::sessions::overdue(&mut tx, at(40), 2).await.unwrap(), ids(&[1, 2]), "over longest");
    assert_eq!(store::sessions::oldest_ended(&mut tx, at(40)).await.unwrap(), Some(at(10)));
    let ended = store::sessions::delete(&mut tx, sessions[1].id).await.unwrap().unwrap();
    assert_eq!((ended.id, ended.owner, ended.expires), (sessions[1].id, sessions[1].owner, at(10)));
    assert_eq!(store::sessions::delete(&mut tx, sessions[1].id).await.unwrap(), None, "it is erased once");
    assert_eq!(store::sessions::overdue(&mut tx, at(40), 10).await.unwrap(), ids(&[2, 0]));
}

async fn nodes_never_take_the_same_erasure(settings: Settings) {
    let store = open(&settings).await;
    let mut tx = store.begin().await.unwrap();
    for number in 0..60 {
        store::erasures::insert(&mut tx, &format!("sessions/{number}/"), at(0)).await.unwrap();
    }
    store::erasures::insert(&mut tx, "sessions/0/", at(0)).await.unwrap();
    tx.commit().await.unwrap();
    let taken = taken_by_nodes(&store, |store| async move {
        let mut tx = store.begin().await.unwrap();
        let taken = store::erasures::take(&mut tx, at(60), at(99), 7).await.unwrap();
        tx.commit().await.unwrap();
        taken.into_iter().map(|erasure| erasure.name).collect()
    })
    .await;
    assert_eq!((taken.len(), taken.iter().collect::<BTreeSet<_>>().len()), (60, 60));
}

async fn an_erasure_is_tried_until_it_is_done(settings: Settings) {
    let store = open(&settings).await;
    let mut tx = store.begin().await.unwrap();
    store::erasures::insert(&mut tx, "a", at(5)).await.unwrap();
    let take =
        async |tx: &mut store::Tx, now, leased| store::erasures::take(tx, at(now), at(leased), 10).await.unwrap();
    assert_eq!(take(&mut tx, 4, 9).await, []);
    let slow = take(&mut tx, 5, 10).await.remove(0);
    assert_eq!((slow.name.as_str(), slow.attempts), ("a", 1));
    assert_eq!(take(&mut tx, 9, 20).await, [], "it is leased");
    let [holder] = take(&mut tx, 10, 20).await.try_into().unwrap();
    store::erasures::postpone(&mut tx, &slow, at(11)).await.unwrap();
    assert_eq!(take(&mut tx, 19, 30).await, [], "the lease is another's to give back");
    store::erasures::postpone(&mut tx, &holder, at(12)).await.unwrap();
    assert_eq!(take(&mut tx, 12, 30).await.len(), 1);
    store::erasures::delete(&mut tx, "a").await.unwrap();
    assert_eq!(take(&mut tx, 99, 99).await, []);
}

async fn an_epoch_is_one_hours_and_ends_after_its_sessions(settings: Settings) {
    let store = open(&settings).await;
    let provider = provider(&store, "sp").await.id;
    let mut tx = store.begin().await.unwrap();
    let (first, late) = (Epoch { id: EpochId::new(), ends: at(60) }, Epoch { id: EpochId::new(), ends: at(60) });
    assert_eq!(store::epochs::find(&mut tx, at(60)).await.unwrap(), None);
    assert_eq!(store::epochs::begin(&mut tx, first).await.unwrap(), first.id);
    assert_eq!(store::epochs::begin(&mut tx, late).await.unwrap(), first.id, "one is enough");
    assert_eq!(store::epochs::find(&mut tx, at(60)).await.unwrap(), Some(first.id));
    assert_eq!(store::epochs::list(&mut tx, at(59), 9).await.unwrap(), [first]);
    assert_eq!(store::epochs::list(&mut tx, at(60), 9).await.unwrap(), []);
    let session = StoredSession { epoch: Some(first.id), ..session(provider, at(0), at(50)) };
    store::sessions::insert(&mut tx, &session).await.unwrap();
    assert_eq!(store::epochs::end(&mut tx, at(99), 9).await.unwrap(), [], "it has a session");
    store::sessions::delete(&mut tx, session.id).await.unwrap();
    assert_eq!(store::epochs::end(&mut tx, at(59), 9).await.unwrap(), [], "another session may come");
    assert_eq!(store::epochs::end(&mut tx, at(60), 9).await.unwrap(), [first.id]);
    assert!(!store::epochs::exists(&mut tx, first.id).await.unwrap());
}

async fn media_have_one_owner(settings: Settings) {
    let store = open(&settings).await;
    let node = |store: Store| async move { storage::owner(&store).await.unwrap() };
    let nodes: Vec<_> = (0..6).map(|_| tokio::spawn(node(store.clone()))).collect();
    let mut owners = BTreeSet::new();
    for node in nodes {
        owners.insert(node.await.unwrap());
    }
    owners.insert(storage::owner(&open(&settings).await).await.unwrap());
    assert_eq!(owners.len(), 1);
}

async fn what_belongs_to_a_session_goes_with_it(settings: Settings) {
    let store = open(&settings).await;
    let provider = provider(&store, "sp").await.id;
    let (session, other) = (begun(&store, provider).await, begun(&store, provider).await);
    let mut tx = store.begin().await.unwrap();
    let face = StoredFace { id: FaceId::new(), content_sealed: b"face".to_vec() };
    let made = IdempotencyRecord { body_sha256: vec![1], session: session.id, face: Some(face.id) };
    store::faces::insert(&mut tx, session.id, &face).await.unwrap();
    assert!(store::idempotency::insert(&mut tx, KeyScope(session.id.0), b"key", &made, at(0)).await.unwrap());
    store::sessions::delete(&mut tx, other.id).await.unwrap();
    assert_eq!(store::faces::count(&mut tx, session.id).await.unwrap(), 1);
    store::sessions::delete(&mut tx, session.id).await.unwrap();
    assert_eq!(store::faces::count(&mut tx, session.id).await.unwrap(), 0);
    assert_eq!(store::idempotency::find(&mut tx, KeyScope(session.id.0), b"key", at(0)).await.unwrap(), None);
}

async fn faces_come_in_the_order_they_were_made(settings: Settings) {
    let store = open(&settings).await;
    let provider = provider(&store, "sp").await.id;
    let (session, other) = (begun(&store, provider).await.id, begun(&store, provider).await.id);
    let faces: Vec<StoredFace> =
        (0..4).map(|byte| StoredFace { id: FaceId::new(), content_sealed: vec![byte; 9] }).collect();
    let mut tx = store.begin().await.unwrap();
    for index in [2, 0, 3, 1] {
        store::faces::insert(&mut tx, session, &faces[index]).await.unwrap();
    }
    assert_eq!(store::faces::list(&mut tx, session, 10).await.unwrap(), faces);
    assert_eq!(store::faces::list(&mut tx, session, 2).await.unwrap(), faces[..2]);
    assert_eq!(store::faces::find(&mut tx, session, faces[1].id).await.unwrap(), Some(faces[1].clone()));
    assert_eq!(store::faces::find(&mut tx, other, faces[1].id).await.unwrap(), None);
    assert!(!store::faces::delete(&mut tx, other, faces[1].id).await.unwrap());
    assert!(store::faces::delete(&mut tx, session, faces[1].id).await.unwrap());
    assert!(!store::faces::delete(&mut tx, session, faces[1].id).await.unwrap());
    assert_eq!(store::faces::delete_all(&mut tx, session).await.unwrap().len(), 3);
    assert_eq!(store::faces::count(&mut tx, session).await.unwrap(), 0);
}

async fn a_held_session_is_nobody_elses(settings: Settings) {
    let store = open(&settings).await;
    let provider = provider(&store, "sp").await.id;
    let session = begun(&store, provider).await;
    let mut tx = store.begin().await.unwrap();
    assert!(store::sessions::hold(&mut tx, provider, session.id, at(0)).await.unwrap().is_some());
    let ending = tokio::spawn({
        let store = store.clone();
        async move {
            let mut tx = store.begin().await.unwrap();
            store::sessions::delete(&mut tx, session.id).await.unwrap();
            tx.commit().await.unwrap();
        }
    });
    let face = StoredFace { id: FaceId::new(), content_sealed: vec![] };
    store::faces::insert(&mut tx, session.id, &face).await.unwrap();
    tokio::task::yield_now().await;
    assert!(!ending.is_finished());
    tx.commit().await.unwrap();
    ending.await.unwrap();
    let mut tx = store.begin().await.unwrap();
    assert_eq!(store::sessions::hold(&mut tx, provider, session.id, at(0)).await.unwrap(), None);
}

async fn a_key_makes_one_thing_while_its_session_lives(settings: Settings) {
    let store = open(&settings).await;
    let provider = provider(&store, "sp").await.id;
    let (first, second) = (begun(&store, provider).await.id, begun(&store, provider).await.id);
    let place = KeyScope(provider.0);
    let made = |session| IdempotencyRecord { body_sha256: vec![1, 2], session, face: None };
    let mut tx = store.begin().await.unwrap();
    assert_eq!(store::idempotency::find(&mut tx, place, b"key", at(0)).await.unwrap(), None);
    assert!(store::idempotency::insert(&mut tx, place, b"key", &made(first), at(0)).await.unwrap());
    assert!(!store::idempotency::insert(&mut tx, place, b"key", &made(second), at(0)).await.unwrap());
    assert!(store::idempotency::insert(&mut tx, KeyScope(Uuid::new_v4()), b"key", &made(second), at(0)).await.unwrap());
    assert!(store::idempotency::insert(&mut tx, place, b"other", &made(second), at(0)).await.unwrap());
    assert_eq!(store::idempotency::find(&mut tx, place, b"key", at(59)).await.unwrap(), Some(made(first)));
    assert_eq!(store::idempotency::find(&mut tx, place, b"key", at(60)).await.unwrap(), None);
    assert!(store::idempotency::insert(&mut tx, place, b"key", &made(second), at(60)).await.unwrap());
}

async fn keys_noted_at_once_make_one_thing(settings: Settings) {
    let store = open(&settings).await;
    let provider = provider(&store, "sp").await.id;
    let node = |store: Store| async move {
        let session = session(provider, at(0), at(60));
        let made = IdempotencyRecord { body_sha256: vec![], session: session.id, face: None };
        let mut tx = store.begin().await.unwrap();
        store::sessions::insert(&mut tx, &session).await.unwrap();
        let noted = store::idempotency::insert(&mut tx, KeyScope(provider.0), b"key", &made, at(0)).await.unwrap();
        if noted {
            tx.commit().await.unwrap();
        }
        noted
    };
    let nodes: Vec<_> = (0..12).map(|_| tokio::spawn(node(store.clone()))).collect();
    let mut noted = 0;
    for node in nodes {
        noted += usize::from(node.await.unwrap());
    }
    assert_eq!(noted, 1);
}
