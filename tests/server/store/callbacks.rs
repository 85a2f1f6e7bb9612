//! Tests callbacks on both databases: when they are due, which node sends them, and their outcomes.

use std::collections::BTreeSet;

use bioserver::callback::{self, Attempt, Client, Secret};
use bioserver::domain::callback::{Callback, CallbackStatus};
use bioserver::domain::{CallbackId, Moment, ProviderId, SessionId};
use bioserver::seal::Key;
use bioserver::service::{self, Deps};
use bioserver::store::callbacks::Share;
use bioserver::store::sessions::StoredSession;
use bioserver::store::settings::Settings;
use bioserver::store::{self, Store, Tx};
use bioserver::tasks::deliver;
use chrono::TimeDelta;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::both::on_both;
use crate::store::deps::deps;
use crate::store::nodes::{open, taken_by_nodes};
use crate::store::sessions::session;
use crate::store::tables::{at, provider};

on_both!(
    only_a_session_with_a_url_is_owed_a_callback,
    a_callback_is_taken_when_it_is_due_and_nobody_has_it,
    nodes_never_take_the_same_callback,
    a_provider_with_many_leaves_room_for_others,
    a_postponed_callback_counts_no_attempt,
    an_end_is_noted_by_whoever_holds_the_lease,
    dead_callbacks_are_retried_on_the_operators_command,
    callbacks_are_listed_newest_first_and_go_with_their_session,
    nodes_that_make_a_secret_at_once_have_the_same,
    a_secret_is_replaced_by_the_operator_alone,
    a_callback_due_after_its_session_is_dead,
    attempts_have_an_end,
    a_callback_that_cannot_be_signed_delays_no_other,
);

async fn begun(store: &Store, session: StoredSession, url: Option<&str>) -> SessionId {
    let callback_url = url.map(ToOwned::to_owned);
    let session = StoredSession { has_callback: url.is_some(), callback_url, ..session };
    let mut tx = store.begin().await.unwrap();
    store::sessions::insert(&mut tx, &session).await.unwrap();
    tx.commit().await.unwrap();
    session.id
}

/// Inserts a callback of a session that lives from `at(0)` to `at(60)`.
async fn owed(store: &Store, provider: ProviderId, since: Moment) -> CallbackId {
    let session = begun(store, session(provider, at(0), at(60)), Some("https://service/callback")).await;
    let id = CallbackId::new();
    let mut tx = store.begin().await.unwrap();
    store::callbacks::insert(&mut tx, id, session, since).await.unwrap();
    tx.commit().await.unwrap();
    id
}

/// A share of `limit` callbacks of any provider.
fn share(limit: i64) -> Share<'static> {
    Share { limit, of_provider: limit, without: &[] }
}

/// Takes callbacks at `at(now)`, with a lease until `at(leased)`.
async fn taken(tx: &mut Tx, now: i64, leased: i64, limit: i64) -> BTreeSet<CallbackId> {
    let taken = store::callbacks::take(tx, at(now), at(leased), share(limit)).await.unwrap();
    taken.into_iter().map(|leased| leased.callback).collect()
}

pub async fn listed(store: &Store) -> Vec<Callback> {
    let mut tx = store.read().await.unwrap();
    store::callbacks::list(&mut tx, 100).await.unwrap()
}

/// Makes dependencies that may call the tests' receivers, and a provider.
pub async fn sending(settings: &Settings) -> (Deps, ProviderId, TempDir) {
    let (mut deps, folder) = deps(settings).await;
    let allow = vec!["http://127.0.0.1".parse().unwrap()];
    deps.callbacks = Client::new(callback::Settings { allow, ca: vec![] }).unwrap();
    let provider = provider(&deps.store, "sp").await.id;
    (deps, provider, folder)
}

/// Answers one call with this head.
async fn receiver(head: &'static str) -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let receiving = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut text = vec![];
        while !text.ends_with(b"}") {
            assert!(stream.read_buf(&mut text).await.unwrap() > 0, "the request is not whole");
        }
        stream.write_all(format!("{head}\r\ncontent-length: 0\r\n\r\n").as_bytes()).await.unwrap();
    });
    (url, receiving)
}

/// Inserts a callback of a session that lives for `seconds` from now on.
pub async fn owe(deps: &Deps, provider: ProviderId, url: &str, seconds: i64) -> SessionId {
    let now = deps.clock.now();
    let session = session(provider, now, now.plus(TimeDelta::seconds(seconds)));
    let key_sealed = deps.master.wrap(&format!("sessions/{}/key", session.id), &Key::make());
    let session = begun(&deps.store, StoredSession { key_sealed, ..session }, Some(url)).await;
    let mut tx = deps.store.begin().await.unwrap();
    service::callbacks::owe(&mut tx, session, now).await.unwrap();
    tx.commit().await.unwrap();
    session
}

async fn only_a_session_with_a_url_is_owed_a_callback(settings: Settings) {
    let store = open(&settings).await;
    let provider = provider(&store, "sp").await.id;
    let new = || session(provider, at(0), at(60));
    let (told, silent) = (begun(&store, new(), Some("https://a/")).await, begun(&store, new(), None).await);
    let id = CallbackId::new();
    let mut tx = store.begin().await.unwrap();
    store::callbacks::insert(&mut tx, CallbackId::new(), silent, at(1)).await.unwrap();
    store::callbacks::insert(&mut tx, CallbackId::new(), SessionId::new(), at(1)).await.unwrap();
    store::callbacks::insert(&mut tx, id, told, at(1)).await.unwrap();
    drop(tx);
    assert_eq!(listed(&store).await, [], "it is owed with what it tells of, or not at all");
    let mut tx = store.begin().await.unwrap();
    store::callbacks::insert(&mut tx, id, told, at(1)).await.unwrap();
    tx.commit().await.unwrap();
    let status = CallbackStatus::Owed;
    let expected = Callback { id, session: told, status, attempts: 0, due: at(1), last: None, created: at(1) };
    assert_eq!(listed(&store).await, [expected]);
}

async fn a_callback_is_taken_when_it_is_due_and_nobody_has_it(settings: Settings) {
    let store = open(&settings).await;
    let provider = provider(&store, "sp").await.id;
    let (third, first, second) =
        (owed(&store, provider, at(3)).await, owed(&store, provider, at(1)).await, owed(&store, provider, at(2)).await);
    let mut tx = store.begin().await.unwrap();
    assert_eq!(taken(&mut tx, 0, 30, 9).await, BTreeSet::new());
    assert_eq!(taken(&mut tx, 5, 30, 2).await, BTreeSet::from([first, second]), "those that are due longest");
    assert_eq!(taken(&mut tx, 5, 30, 9).await, BTreeSet::from([third]));
    assert_eq!(taken(&mut tx, 29, 40, 9).await, BTreeSet::new());
    let again = store::callbacks::take(&mut tx, at(30), at(61), share(1)).await.unwrap().remove(0);
    assert_eq!(
        (again.callback, again.attempts, again.session.provider),
        (first, 2, provider),
        "the node that took it has died"
    );
    let url = again.session.callback_url.as_deref();
    assert_eq!((url, again.session.expires), (Some("https://service/callback"), at(60)));
    assert_eq!(taken(&mut tx, 60, 90, 9).await, BTreeSet::new(), "the sessions are over");
}

async fn a_provider_with_many_leaves_room_for_others(settings: Settings) {
    let store = open(&settings).await;
    let (many, few) = (provider(&store, "many").await.id, provider(&store, "few").await.id);
    for _ in 0..9 {
        owed(&store, many, at(0)).await;
    }
    let late = owed(&store, few, at(5)).await;
    let mut tx = store.begin().await.unwrap();
    let mut take = async |of_provider, without: &[ProviderId]| {
        let share = Share { limit: 4, of_provider, without };
        let taken = store::callbacks::take(&mut tx, at(9), at(30), share).await.unwrap();
        taken.into_iter().map(|leased| (leased.session.provider, leased.callback)).collect::<Vec<_>>()
    };
    assert_eq!(take(4, &[few]).await.iter().map(|(of, _)| *of).collect::<Vec<_>>(), [many; 4]);
    assert_eq!(take(2, &[many]).await, [(few, late)]);
    assert_eq!(take(2, &[few]).await.len(), 2);
    assert_eq!(take(4, &[many, few]).await, []);
    assert_eq!(take(4, &[]).await.len(), 3);
}

async fn a_postponed_callback_counts_no_attempt(settings: Settings) {
    let store = open(&settings).await;
    let provider = provider(&store, "sp").await.id;
    owed(&store, provider, at(0)).await;
    let mut tx = store.begin().await.unwrap();
    let leased = store::callbacks::take(&mut tx, at(1), at(30), share(1)).await.unwrap().remove(0);
    store::callbacks::postpone(&mut tx, &leased, at(20), "why").await.unwrap();
    let find = async |tx: &mut Tx| store::callbacks::list(tx, 1).await.unwrap().remove(0);
    let waiting = find(&mut tx).await;
    assert_eq!((waiting.status, waiting.attempts, waiting.due), (CallbackStatus::Owed, 0, at(20)));
    assert_eq!(waiting.last.as_deref(), Some("why"));
    assert_eq!(taken(&mut tx, 19, 30, 1).await, BTreeSet::new());
    let leased = store::callbacks::take(&mut tx, at(20), at(30), share(1)).await.unwrap().remove(0);
    // The session ends before the next attempt.
    store::callbacks::postpone(&mut tx, &leased, at(60), "why").await.unwrap();
    assert_eq!(find(&mut tx).await.status, CallbackStatus::Dead);
}

async fn nodes_never_take_the_same_callback(settings: Settings) {
    let store = open(&settings).await;
    let provider = provider(&store, "sp").await.id;
    for _ in 0..40 {
        owed(&store, provider, at(0)).await;
    }
    let all = taken_by_nodes(&store, |store| async move {
        let mut tx = store.begin().await.unwrap();
        let taken = taken(&mut tx, 1, 50, 7).await;
        tx.commit().await.unwrap();
        taken.into_iter().collect()
    })
    .await;
    assert_eq!(all.len(), 40);
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), 40);
}

async fn an_end_is_noted_by_whoever_holds_the_lease(settings: Settings) {
    let store = open(&settings).await;
    let provider = provider(&store, "sp").await.id;
    let id = owed(&store, provider, at(0)).await;
    let mut tx = store.begin().await.unwrap();
    let slow = store::callbacks::take(&mut tx, at(1), at(10), share(9)).await.unwrap().remove(0);
    let holder = store::callbacks::take(&mut tx, at(10), at(20), share(9)).await.unwrap().remove(0);
    store::callbacks::note(&mut tx, &slow, CallbackStatus::Dead, at(10), "late").await.unwrap();
    let find = async |tx: &mut Tx| store::callbacks::list(tx, 1).await.unwrap().remove(0);
    assert_eq!((find(&mut tx).await.status, find(&mut tx).await.last), (CallbackStatus::Owed, None));
    store::callbacks::note(&mut tx, &holder, CallbackStatus::Owed, at(15), "the host answered 500").await.unwrap();
    let noted = find(&mut tx).await;
    assert_eq!((noted.due, noted.attempts, noted.last.as_deref()), (at(15), 2, Some("the host answered 500")));
    assert_eq!(taken(&mut tx, 14, 20, 9).await, BTreeSet::new());
    let last = store::callbacks::take(&mut tx, at(15), at(20), share(9)).await.unwrap().remove(0);
    store::callbacks::note(&mut tx, &last, CallbackStatus::Delivered, at(16), "the host answered 204").await.unwrap();
    assert_eq!((find(&mut tx).await.id, find(&mut tx).await.status), (id, CallbackStatus::Delivered));
    assert_eq!(taken(&mut tx, 50, 55, 9).await, BTreeSet::new());
}

async fn dead_callbacks_are_retried_on_the_operators_command(settings: Settings) {
    let store = open(&settings).await;
    let provider = provider(&store, "sp").await.id;
    let ends = [CallbackStatus::Dead, CallbackStatus::Dead, CallbackStatus::Delivered];
    let mut ids = vec![];
    for end in ends {
        ids.push(owed(&store, provider, at(0)).await);
        let mut tx = store.begin().await.unwrap();
        let leased = store::callbacks::take(&mut tx, at(1), at(2), share(1)).await.unwrap().remove(0);
        store::callbacks::note(&mut tx, &leased, end, at(1), "so").await.unwrap();
        tx.commit().await.unwrap();
    }
    let mut tx = store.begin().await.unwrap();
    assert_eq!(taken(&mut tx, 9, 10, 9).await, BTreeSet::new());
    assert_eq!(store::callbacks::retry(&mut tx, Some(CallbackId::new()), at(9)).await.unwrap(), 0);
    assert_eq!(store::callbacks::retry(&mut tx, None, at(9)).await.unwrap(), 2);
    assert_eq!(store::callbacks::retry(&mut tx, None, at(9)).await.unwrap(), 0, "none is dead any more");
    let again = store::callbacks::take(&mut tx, at(9), at(10), share(9)).await.unwrap();
    assert!(again.iter().all(|leased| leased.attempts == 1), "{again:?}");
    assert_eq!(again.iter().map(|leased| leased.callback).collect::<BTreeSet<_>>(), BTreeSet::from([ids[0], ids[1]]));
    assert_eq!(store::callbacks::retry(&mut tx, Some(ids[2]), at(9)).await.unwrap(), 1);
    assert_eq!(taken(&mut tx, 9, 10, 9).await, BTreeSet::from([ids[2]]));
}

async fn callbacks_are_listed_newest_first_and_go_with_their_session(settings: Settings) {
    let store = open(&settings).await;
    let provider = provider(&store, "sp").await.id;
    let (old, new) = (owed(&store, provider, at(1)).await, owed(&store, provider, at(2)).await);
    let found = listed(&store).await;
    assert_eq!(found.iter().map(|callback| callback.id).collect::<Vec<_>>(), [new, old]);
    let mut tx = store.begin().await.unwrap();
    assert_eq!(store::callbacks::list(&mut tx, 1).await.unwrap(), found[..1]);
    store::sessions::delete(&mut tx, found[0].session).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(listed(&store).await, found[1..]);
}

async fn newest(deps: &Deps, provider: ProviderId) -> Secret {
    let secrets = service::callbacks::secrets(&deps.store, &deps.master, provider, deps.clock.now()).await;
    secrets.unwrap().remove(0)
}

async fn nodes_that_make_a_secret_at_once_have_the_same(settings: Settings) {
    let (deps, provider, _folder) = sending(&settings).await;
    let node = |deps: Deps| async move { newest(&deps, provider).await.text() };
    let nodes: Vec<_> = (0..12).map(|_| tokio::spawn(node(deps.clone()))).collect();
    let mut secrets = BTreeSet::new();
    for made in nodes {
        secrets.insert(made.await.unwrap());
    }
    assert_eq!(secrets, BTreeSet::from([node(deps).await]));
}

async fn a_secret_is_replaced_by_the_operator_alone(settings: Settings) {
    let (deps, provider, _folder) = sending(&settings).await;
    let (store, master) = (&deps.store, &deps.master);
    let begun = deps.clock.now();
    let until = begun.plus(TimeDelta::hours(1));
    let texts = async |now| -> Vec<String> {
        let secrets = service::callbacks::secrets(store, master, provider, now).await.unwrap();
        secrets.iter().map(Secret::text).collect()
    };
    let [first] = texts(begun).await.try_into().unwrap();
    assert_eq!(service::callbacks::secret_of(store, master, "sp", begun).await.unwrap().unwrap().text(), first);
    let second =
        service::callbacks::rotate(store, master, "sp", begun, TimeDelta::hours(1)).await.unwrap().unwrap().text();
    assert_ne!(first, second);
    assert_eq!(texts(begun).await, [second.clone(), first]);
    assert_eq!(texts(until).await, std::slice::from_ref(&second));
    // A third secret replaces the oldest: at most two are valid at once.
    let third =
        service::callbacks::rotate(store, master, "sp", begun, TimeDelta::hours(1)).await.unwrap().unwrap().text();
    assert_eq!(texts(begun).await, [third, second]);
    assert!(service::callbacks::secret_of(store, master, "nobody", begun).await.unwrap().is_none());
    assert!(service::callbacks::rotate(store, master, "nobody", begun, TimeDelta::hours(1)).await.unwrap().is_none());
    // The stored secret cannot be read at rest, and cannot be moved to another provider.
    let mut tx = store.begin().await.unwrap();
    let kept = store::providers::callback_secrets(&mut tx, provider).await.unwrap();
    let sealed = kept.callback_secret_sealed.unwrap();
    let bytes = newest(&deps, provider).await.bytes().to_vec();
    assert!(!sealed.windows(bytes.len()).any(|window| window == bytes));
    drop(tx);
    let other = crate::store::tables::provider(store, "other").await.id;
    let mut tx = store.begin().await.unwrap();
    store::providers::set_callback_secret(&mut tx, other, &sealed, begun).await.unwrap();
    tx.commit().await.unwrap();
    assert!(service::callbacks::secrets(store, master, other, begun).await.is_err());
}

async fn a_callback_due_after_its_session_is_dead(settings: Settings) {
    let (deps, provider, _folder) = sending(&settings).await;
    let (url, receiving) = receiver("HTTP/1.1 503 Busy\r\nretry-after: 120").await;
    owe(&deps, provider, &url, 60).await;
    deliver::step(&deps).await.unwrap();
    receiving.await.unwrap();
    deps.deliveries.idle().await;
    let ended = listed(&deps.store).await.remove(0);
    assert_eq!((ended.status, ended.attempts), (CallbackStatus::Dead, 1));
    assert_eq!(ended.last.as_deref(), Some("the host answered 503"));
    // There is enough time: the callback is sent when the host's `Retry-After` says, not before.
    let (url, receiving) = receiver("HTTP/1.1 503 Busy\r\nretry-after: 120").await;
    let session = owe(&deps, provider, &url, 600).await;
    let begun = deps.clock.now();
    deliver::step(&deps).await.unwrap();
    receiving.await.unwrap();
    deps.deliveries.idle().await;
    let waiting = listed(&deps.store).await.into_iter().find(|callback| callback.session == session).unwrap();
    assert_eq!(waiting.status, CallbackStatus::Owed);
    assert!(waiting.due >= begun.plus(TimeDelta::seconds(120)), "{waiting:?}");
    deps.clock.advance(TimeDelta::seconds(100));
    assert_eq!(service::callbacks::take(&deps, &deps.deliveries.room()).await.unwrap().len(), 0);
    deps.clock.advance(TimeDelta::seconds(100));
    assert_eq!(service::callbacks::take(&deps, &deps.deliveries.room()).await.unwrap().len(), 1);
}

async fn attempts_have_an_end(settings: Settings) {
    let (deps, provider, _folder) = sending(&settings).await;
    let (url, receiving) = receiver("HTTP/1.1 500 No").await;
    owe(&deps, provider, &url, 86400).await;
    let now = deps.clock.now();
    let mut tx = deps.store.begin().await.unwrap();
    for attempts in 1..400 {
        // The leases expire at once, as if as many nodes had crashed.
        let taken = store::callbacks::take(&mut tx, now, now, share(1)).await.unwrap();
        assert_eq!(taken[0].attempts, attempts);
    }
    tx.commit().await.unwrap();
    let last = service::callbacks::take(&deps, &deps.deliveries.room()).await.unwrap().remove(0);
    let mut delivery = deps.deliveries.begin(provider);
    let attempt = service::callbacks::send(&deps, &last, &mut delivery).await.unwrap();
    assert_eq!(attempt, Some(Attempt::Failed { why: "the host answered 500".to_owned(), retry_after: None }));
    receiving.await.unwrap();
    let ended = listed(&deps.store).await.remove(0);
    assert_eq!((ended.status, ended.attempts), (CallbackStatus::Dead, 400));
    let mut tx = deps.store.read().await.unwrap();
    let recorded = store::audit::waiting(&mut tx, 10).await.unwrap();
    assert!(recorded.iter().any(|event| event.entry.contains("callbackGivenUp")), "{recorded:?}");
}

async fn a_callback_that_cannot_be_signed_delays_no_other(settings: Settings) {
    let (deps, fine, _folder) = sending(&settings).await;
    let damaged = provider(&deps.store, "damaged").await.id;
    let mut tx = deps.store.begin().await.unwrap();
    store::providers::set_callback_secret(&mut tx, damaged, b"damaged", at(0)).await.unwrap();
    tx.commit().await.unwrap();
    let (url, receiving) = receiver("HTTP/1.1 200 Fine").await;
    let unsigned = owe(&deps, damaged, &url, 600).await;
    owe(&deps, fine, &url, 600).await;
    deliver::step(&deps).await.unwrap();
    receiving.await.unwrap();
    deps.deliveries.idle().await;
    for callback in listed(&deps.store).await {
        let is_unsigned = callback.session == unsigned;
        let expected = if is_unsigned { CallbackStatus::Owed } else { CallbackStatus::Delivered };
        assert_eq!(callback.status, expected);
    }
}
