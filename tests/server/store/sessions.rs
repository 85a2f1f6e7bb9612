//! Sessions, faces and idempotency keys, on both databases.

use std::collections::BTreeSet;

use bioserver::domain::session::Session;
use bioserver::domain::{FaceId, Moment, ProviderId, SessionId};
use bioserver::store::faces::StoredFace;
use bioserver::store::idempotency::{IdempotencyRecord, KeyScope};
use bioserver::store::sessions::LiveSession;
use bioserver::store::settings::Settings;
use bioserver::store::{self, Store};
use uuid::Uuid;

use crate::both::on_both;
use crate::store::nodes::{open, taken_by_nodes};
use crate::store::tables::{at, provider};

on_both!(
    a_session_is_found_by_its_provider_while_it_lives,
    a_session_that_is_ended_has_no_key,
    what_has_ended_is_taken_once_in_a_lease,
    nodes_never_take_the_same_session,
    what_belongs_to_a_session_goes_with_it,
    faces_come_in_the_order_they_were_made,
    a_held_session_is_nobody_elses,
    a_key_makes_one_thing_while_its_session_lives,
    keys_noted_at_once_make_one_thing,
);

pub fn session(created: Moment, expires: Moment) -> Session {
    Session {
        id: SessionId::new(),
        correlation_id: Some("correlation".to_owned()),
        evidence_id: None,
        image_storage_enabled: true,
        callback_url: Some("https://service/callback".to_owned()),
        created,
        expires,
    }
}

/// From `at(0)` to `at(60)`.
pub async fn begun(store: &Store, provider: ProviderId) -> Session {
    let session = session(at(0), at(60));
    let mut tx = store.begin().await.unwrap();
    store::sessions::insert(&mut tx, provider, &session, b"sealed").await.unwrap();
    tx.commit().await.unwrap();
    session
}

async fn a_session_is_found_by_its_provider_while_it_lives(settings: Settings) {
    let store = open(&settings).await;
    let (one, other) = (provider(&store, "one").await.id, provider(&store, "other").await.id);
    let session = begun(&store, one).await;
    let mut tx = store.read().await.unwrap();
    let live = LiveSession { session: session.clone(), key_sealed: b"sealed".to_vec() };
    assert_eq!(store::sessions::find(&mut tx, one, session.id, at(59)).await.unwrap(), Some(live));
    assert_eq!(store::sessions::find(&mut tx, one, session.id, at(60)).await.unwrap(), None);
    assert_eq!(store::sessions::find(&mut tx, other, session.id, at(0)).await.unwrap(), None);
    assert_eq!(store::sessions::find(&mut tx, one, SessionId::new(), at(0)).await.unwrap(), None);
    assert!(store::sessions::exists(&mut tx, session.id).await.unwrap());
    assert!(!store::sessions::exists(&mut tx, SessionId::new()).await.unwrap());
}

async fn a_session_that_is_ended_has_no_key(settings: Settings) {
    let store = open(&settings).await;
    let (one, other) = (provider(&store, "one").await.id, provider(&store, "other").await.id);
    let session = begun(&store, one).await;
    let mut tx = store.begin().await.unwrap();
    let end = async |tx: &mut store::Tx, by, now| {
        store::sessions::end(tx, by, session.id, now, at(90)).await.unwrap().map(|ended| ended.id)
    };
    assert_eq!(end(&mut tx, other, at(10)).await, None);
    assert_eq!(end(&mut tx, one, at(60)).await, None, "it is over already");
    assert_eq!(end(&mut tx, one, at(10)).await, Some(session.id));
    assert_eq!(end(&mut tx, one, at(10)).await, None, "it is ended once");
    // A node whose clock is behind has no key either.
    assert_eq!(store::sessions::find(&mut tx, one, session.id, at(9)).await.unwrap(), None);
    assert_eq!(store::sessions::oldest_ended(&mut tx, at(11)).await.unwrap(), Some(at(10)));
    assert_eq!(store::sessions::take_ended(&mut tx, at(20), at(99), 10).await.unwrap(), [], "it is leased");
    store::sessions::delete(&mut tx, session.id).await.unwrap();
    assert_eq!(store::sessions::oldest_ended(&mut tx, at(11)).await.unwrap(), None);
}

async fn what_has_ended_is_taken_once_in_a_lease(settings: Settings) {
    let store = open(&settings).await;
    let provider = provider(&store, "sp").await.id;
    let mut tx = store.begin().await.unwrap();
    let lives = [30, 10, 20, 99];
    let sessions = lives.map(|seconds| session(at(0), at(seconds)));
    for session in &sessions {
        store::sessions::insert(&mut tx, provider, session, b"sealed").await.unwrap();
    }
    let mut take = async |now, leased, limit| {
        let taken = store::sessions::take_ended(&mut tx, at(now), at(leased), limit).await.unwrap();
        taken.into_iter().map(|ended| ended.id).collect::<BTreeSet<_>>()
    };
    let ids = |of: &[usize]| of.iter().map(|index| sessions[*index].id).collect::<BTreeSet<_>>();
    assert_eq!(take(9, 60, 10).await, ids(&[]));
    assert_eq!(take(40, 60, 2).await, ids(&[1, 2]), "those that are over longest");
    assert_eq!(take(40, 60, 10).await, ids(&[0]));
    assert_eq!(take(59, 80, 10).await, ids(&[]));
    assert_eq!(take(60, 80, 10).await, ids(&[0, 1, 2]), "the node that took them has died");
}

async fn nodes_never_take_the_same_session(settings: Settings) {
    let store = open(&settings).await;
    let provider = provider(&store, "sp").await.id;
    for _ in 0..60 {
        begun(&store, provider).await;
    }
    let taken = taken_by_nodes(&store, |store| async move {
        let mut tx = store.begin().await.unwrap();
        let taken = store::sessions::take_ended(&mut tx, at(60), at(99), 7).await.unwrap();
        tx.commit().await.unwrap();
        taken.into_iter().map(|ended| ended.id).collect()
    })
    .await;
    assert_eq!(taken.len(), 60);
    assert_eq!(taken.iter().collect::<BTreeSet<_>>().len(), 60);
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
            store::sessions::end(&mut tx, provider, session.id, at(1), at(9)).await.unwrap();
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
        let session = session(at(0), at(60));
        let made = IdempotencyRecord { body_sha256: vec![], session: session.id, face: None };
        let mut tx = store.begin().await.unwrap();
        store::sessions::insert(&mut tx, provider, &session, b"sealed").await.unwrap();
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
