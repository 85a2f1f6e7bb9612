//! Tests every function of `store`, on both databases.

use bioserver::domain::{KeyId, Limits, Moment, Operation, Permission, ProviderId};
use bioserver::store::keys::{Key, Valid};
use bioserver::store::providers::Provider;
use bioserver::store::server_keys::ServerKey;
use bioserver::store::settings::Settings;
use bioserver::store::usage::Usage;
use bioserver::store::{self, Store};
use chrono::{DateTime, NaiveDate, TimeDelta};
use uuid::Uuid;

use crate::both::on_both;
use crate::store::nodes::{open, taken_by_nodes};

on_both!(
    providers_have_unique_names,
    a_key_is_good_until_it_expires,
    a_key_is_good_until_it_is_revoked,
    keys_are_listed_by_provider_and_age,
    usage_is_counted_by_provider_operation_and_day,
    usage_counted_at_once_adds_up,
    usage_stays_the_same_when_it_is_added_up,
    nodes_add_up_each_event_once,
    a_providers_limits_come_with_its_keys,
    keys_of_attestations_are_set_resealed_and_removed,
    one_key_of_an_algorithm_signs,
    work_without_a_commit_leaves_no_trace,
    opening_again_keeps_everything,
    nodes_may_open_at_once,
);

pub fn at(seconds: i64) -> Moment {
    // A float would lose these milliseconds.
    Moment::new(DateTime::from_timestamp(1_700_000_000 + seconds, 123_000_000).unwrap())
}

pub async fn provider(store: &Store, name: &str) -> Provider {
    let provider = Provider { id: ProviderId(Uuid::now_v7()), name: name.to_owned(), created: at(0) };
    let mut tx = store.begin().await.unwrap();
    assert!(store::providers::insert(&mut tx, &provider).await.unwrap());
    tx.commit().await.unwrap();
    provider
}

async fn key(store: &Store, provider: &Provider, created: Moment, expires: Option<Moment>) -> Key {
    let key = Key {
        id: KeyId(Uuid::new_v4()),
        provider: provider.id,
        secret_sha256: vec![7; 32],
        permissions: vec![Permission::Match, Permission::Face],
        created,
        expires,
        revoked: None,
    };
    let mut tx = store.begin().await.unwrap();
    store::keys::insert(&mut tx, &key).await.unwrap();
    tx.commit().await.unwrap();
    key
}

/// A valid key of a provider without limits of its own.
fn good(key: &Key) -> Valid {
    Valid { key: key.clone(), limits: Limits::default() }
}

async fn providers_have_unique_names(settings: Settings) {
    let store = open(&settings).await;
    let first = provider(&store, "Müller & 'Söhne'").await;
    let mut tx = store.begin().await.unwrap();
    let second = Provider { id: ProviderId(Uuid::now_v7()), ..first.clone() };
    assert!(!store::providers::insert(&mut tx, &second).await.unwrap());
    assert_eq!(store::providers::named(&mut tx, &first.name).await.unwrap(), Some(first));
    assert_eq!(store::providers::named(&mut tx, "müller").await.unwrap(), None);
}

async fn a_key_is_good_until_it_expires(settings: Settings) {
    let store = open(&settings).await;
    let provider = provider(&store, "sp").await;
    let expiring = key(&store, &provider, at(0), Some(at(60))).await;
    let lasting = key(&store, &provider, at(0), None).await;
    let mut tx = store.read().await.unwrap();
    assert_eq!(store::keys::valid(&mut tx, expiring.id, at(59)).await.unwrap(), Some(good(&expiring)));
    assert_eq!(store::keys::valid(&mut tx, expiring.id, at(60)).await.unwrap(), None);
    assert_eq!(store::keys::valid(&mut tx, lasting.id, at(1_000_000_000)).await.unwrap(), Some(good(&lasting)));
    assert_eq!(store::keys::valid(&mut tx, KeyId(Uuid::new_v4()), at(0)).await.unwrap(), None);
}

async fn a_key_is_good_until_it_is_revoked(settings: Settings) {
    let store = open(&settings).await;
    let provider = provider(&store, "sp").await;
    let key = key(&store, &provider, at(0), None).await;
    let mut tx = store.begin().await.unwrap();
    assert_eq!(store::keys::revoke(&mut tx, key.id, at(5)).await.unwrap(), Some(at(5)));
    assert_eq!(store::keys::revoke(&mut tx, key.id, at(9)).await.unwrap(), Some(at(5)));
    assert_eq!(store::keys::revoke(&mut tx, KeyId(Uuid::new_v4()), at(5)).await.unwrap(), None);
    assert_eq!(store::keys::valid(&mut tx, key.id, at(5)).await.unwrap(), None);
}

async fn keys_are_listed_by_provider_and_age(settings: Settings) {
    let store = open(&settings).await;
    let (late, early) = (provider(&store, "b").await, provider(&store, "a").await);
    let young = key(&store, &early, at(2), None).await;
    let only = key(&store, &late, at(0), Some(at(60))).await;
    let old = key(&store, &early, at(1), None).await;
    let mut tx = store.begin().await.unwrap();
    store::keys::revoke(&mut tx, old.id, at(3)).await.unwrap();
    let listed = store::keys::list(&mut tx, 10).await.unwrap();
    let ids: Vec<KeyId> = listed.iter().map(|key| key.id).collect();
    assert_eq!(ids, [old.id, young.id, only.id]);
    assert_eq!(listed[0].revoked, Some(at(3)));
    assert_eq!((listed[2].provider.as_str(), listed[2].expires), ("b", Some(at(60))));
    assert_eq!(listed[2].permissions, only.permissions);
    assert_eq!(store::keys::list(&mut tx, 2).await.unwrap().len(), 2);
}

async fn usage_is_counted_by_provider_operation_and_day(settings: Settings) {
    let store = open(&settings).await;
    let (one, other) = (provider(&store, "one").await, provider(&store, "other").await);
    let midnight = Moment::new(DateTime::parse_from_rfc3339("2026-03-01T00:00:00Z").unwrap().to_utc());
    let before = midnight.plus(TimeDelta::milliseconds(-1));
    let mut tx = store.begin().await.unwrap();
    for (who, operation, when) in [
        (&one, Operation::Match, before),
        (&one, Operation::Match, midnight),
        (&one, Operation::Match, midnight),
        (&one, Operation::CreateDirectFace, midnight),
        (&other, Operation::Match, midnight),
    ] {
        store::usage::count(&mut tx, who.id, operation, when).await.unwrap();
    }
    tx.commit().await.unwrap();

    let day = |text: &str| text.parse::<NaiveDate>().unwrap();
    let usage =
        |operation: Operation, on: &str, count| Usage { operation: operation.name().into(), day: day(on), count };
    let mut tx = store.read().await.unwrap();
    let found = store::usage::between(&mut tx, one.id, day("2026-02-28"), day("2026-03-01")).await.unwrap();
    assert_eq!(
        found,
        [
            usage(Operation::Match, "2026-02-28", 1),
            usage(Operation::CreateDirectFace, "2026-03-01", 1),
            usage(Operation::Match, "2026-03-01", 2),
        ]
    );
    let found = store::usage::between(&mut tx, one.id, day("2026-02-01"), day("2026-02-28")).await.unwrap();
    assert_eq!(found.len(), 1);
    let mut of_all = async |name, limit| {
        let found = store::usage::of_all(&mut tx, name, day("2026-02-28"), day("2026-03-01"), limit).await.unwrap();
        found.into_iter().map(|used| format!("{} {} {}", used.provider, used.operation, used.count)).collect::<Vec<_>>()
    };
    let ones = ["one match 1", "one createDirectFaceFromImage 1", "one match 2"];
    assert_eq!(of_all(Some("one"), 10).await, ones);
    assert_eq!(of_all(None, 10).await, [&ones[..], &["other match 1"]].concat());
    assert_eq!(of_all(None, 2).await.len(), 2);
}

async fn a_providers_limits_come_with_its_keys(settings: Settings) {
    let store = open(&settings).await;
    let (limited, other) = (provider(&store, "b").await, provider(&store, "a").await);
    let key = key(&store, &limited, at(0), None).await;
    let limits = Limits {
        ttl_seconds_max: Some(60),
        requests_per_minute: None,
        requests_at_once: Some(4),
        liveness_reasons: Some(true),
    };
    let mut tx = store.begin().await.unwrap();
    assert!(store::providers::limit(&mut tx, limited.id, limits).await.unwrap());
    assert!(!store::providers::limit(&mut tx, ProviderId(Uuid::new_v4()), limits).await.unwrap());
    assert_eq!(store::providers::limits(&mut tx, limited.id).await.unwrap(), limits);
    assert_eq!(store::providers::limits(&mut tx, other.id).await.unwrap(), Limits::default());
    assert_eq!(store::keys::valid(&mut tx, key.id, at(0)).await.unwrap(), Some(Valid { key, limits }));
    let listed = store::providers::list(&mut tx, 10).await.unwrap();
    let names: Vec<_> = listed.iter().map(|listed| (listed.name.as_str(), listed.limits)).collect();
    assert_eq!(names, [("a", Limits::default()), ("b", limits)]);
    assert_eq!(store::providers::list(&mut tx, 1).await.unwrap().len(), 1);
}

async fn usage_counted_at_once_adds_up(settings: Settings) {
    let store = open(&settings).await;
    let provider = provider(&store, "sp").await;
    let count = |store: Store| async move {
        for _ in 0..5 {
            let mut tx = store.begin().await.unwrap();
            store::usage::count(&mut tx, provider.id, Operation::Match, at(0)).await.unwrap();
            tx.commit().await.unwrap();
        }
    };
    let tasks: Vec<_> = (0..20).map(|_| tokio::spawn(count(store.clone()))).collect();
    for task in tasks {
        task.await.unwrap();
    }
    let day = at(0).utc().date_naive();
    let mut tx = store.read().await.unwrap();
    assert_eq!(store::usage::between(&mut tx, provider.id, day, day).await.unwrap()[0].count, 100);
}

/// Counts this many events of one operation on the last day, and one event of another operation on the day before.
async fn counted(store: &Store, count: usize) -> (Provider, [NaiveDate; 2]) {
    let provider = provider(store, "sp").await;
    let days = [at(-86_400), at(0)];
    let mut tx = store.begin().await.unwrap();
    store::usage::count(&mut tx, provider.id, Operation::Match, days[0]).await.unwrap();
    for _ in 0..count {
        store::usage::count(&mut tx, provider.id, Operation::MatchImages, days[1]).await.unwrap();
    }
    tx.commit().await.unwrap();
    (provider, days.map(|day| day.utc().date_naive()))
}

async fn usage_stays_the_same_when_it_is_added_up(settings: Settings) {
    let store = open(&settings).await;
    let (provider, [first, last]) = counted(&store, 5).await;
    let mut tx = store.begin().await.unwrap();
    let expected = store::usage::between(&mut tx, provider.id, first, last).await.unwrap();
    assert_eq!(expected.iter().map(|used| used.count).collect::<Vec<_>>(), [1, 5]);
    for added in [4, 2, 0] {
        assert_eq!(store::usage::add_up(&mut tx, 4).await.unwrap(), added);
        assert_eq!(store::usage::between(&mut tx, provider.id, first, last).await.unwrap(), expected);
        let of_all = store::usage::of_all(&mut tx, None, first, last, 10).await.unwrap();
        assert_eq!(of_all.iter().map(|used| used.count).collect::<Vec<_>>(), [1, 5]);
    }
    // Later events are added to the sum.
    store::usage::count(&mut tx, provider.id, Operation::MatchImages, at(0)).await.unwrap();
    assert_eq!(store::usage::add_up(&mut tx, 4).await.unwrap(), 1);
    assert_eq!(store::usage::between(&mut tx, provider.id, last, last).await.unwrap()[0].count, 6);
}

async fn nodes_add_up_each_event_once(settings: Settings) {
    let store = open(&settings).await;
    let (provider, [_, last]) = counted(&store, 60).await;
    let added = taken_by_nodes(&store, |store| async move {
        let mut tx = store.begin().await.unwrap();
        let added = store::usage::add_up(&mut tx, 7).await.unwrap();
        tx.commit().await.unwrap();
        vec![(); added]
    })
    .await;
    assert_eq!(added.len(), 61);
    let mut tx = store.read().await.unwrap();
    assert_eq!(store::usage::between(&mut tx, provider.id, last, last).await.unwrap()[0].count, 60);
}

async fn keys_of_attestations_are_set_resealed_and_removed(settings: Settings) {
    use store::attestations;
    let store = open(&settings).await;
    let (one, other) = (provider(&store, "one").await.id, provider(&store, "other").await.id);
    let mut tx = store.begin().await.unwrap();
    assert_eq!(attestations::of(&mut tx, one).await.unwrap(), None);
    assert_eq!(attestations::of(&mut tx, ProviderId(Uuid::now_v7())).await.unwrap(), None);
    attestations::set(&mut tx, one, Some(b"sealed")).await.unwrap();
    assert_eq!(attestations::of(&mut tx, other).await.unwrap(), None);
    assert_eq!(attestations::all(&mut tx).await.unwrap(), [(one, b"sealed".to_vec())]);
    assert!(attestations::reseal(&mut tx, one, b"sealed", b"anew").await.unwrap());
    assert!(!attestations::reseal(&mut tx, one, b"sealed", b"again").await.unwrap(), "it has changed");
    assert_eq!(attestations::of(&mut tx, one).await.unwrap(), Some(b"anew".to_vec()));
    attestations::set(&mut tx, one, None).await.unwrap();
    assert_eq!(attestations::all(&mut tx).await.unwrap(), []);
}

async fn one_key_of_an_algorithm_signs(settings: Settings) {
    let store = open(&settings).await;
    let key = |kid: &str, algorithm: &str, retired| ServerKey {
        kid: kid.to_owned(),
        algorithm: algorithm.to_owned(),
        private_key_sealed: vec![1, 2, 3],
        jwk: format!(r#"{{"kid":"{kid}"}}"#),
        certificate: "PEM".to_owned(),
        created: at(0),
        retired,
        serves: None,
        certificate_ends: Some(at(60)),
    };
    let mut tx = store.begin().await.unwrap();
    assert_eq!(store::server_keys::list(&mut tx, ["ES256"; 2], 10).await.unwrap(), []);
    assert!(store::server_keys::insert(&mut tx, &key("old", "ES256", Some(at(0)))).await.unwrap());
    assert!(store::server_keys::insert(&mut tx, &key("a", "ES256", None)).await.unwrap());
    assert!(!store::server_keys::insert(&mut tx, &key("b", "ES256", None)).await.unwrap());
    assert!(store::server_keys::insert(&mut tx, &key("c", "RS256", None)).await.unwrap());
    assert_eq!(store::server_keys::list(&mut tx, ["RS256"; 2], 10).await.unwrap(), [key("c", "RS256", None)]);
    let listed = store::server_keys::list(&mut tx, ["ES256", "RS256"], 10).await.unwrap();
    assert_eq!(listed.iter().map(|key| key.kid.as_str()).collect::<Vec<_>>(), ["a", "c", "old"]);
    assert_eq!(store::server_keys::list(&mut tx, ["ES256", "RS256"], 1).await.unwrap().len(), 1);
    // Settling marks the former key as retired, for programs that recognise the serving key only by that.
    store::server_keys::settle(&mut tx, &listed[2], at(1)).await.unwrap();
    let listed = store::server_keys::list(&mut tx, ["ES256"; 2], 10).await.unwrap();
    let retired: Vec<_> = listed.iter().map(|key| (key.kid.as_str(), key.retired)).collect();
    assert_eq!(retired, [("a", Some(at(1))), ("old", None)]);
    // A certificate or a sealed key that has changed in the meantime is not overwritten.
    let [a, _] = listed.as_slice() else { panic!("{listed:?}") };
    assert!(store::server_keys::renew(&mut tx, a, "another", at(99)).await.unwrap());
    assert!(!store::server_keys::renew(&mut tx, a, "a third", at(99)).await.unwrap());
    assert!(store::server_keys::reseal(&mut tx, a, b"anew").await.unwrap());
    assert!(!store::server_keys::reseal(&mut tx, a, b"again").await.unwrap());
}

async fn work_without_a_commit_leaves_no_trace(settings: Settings) {
    let store = open(&settings).await;
    let provider = Provider { id: ProviderId(Uuid::now_v7()), name: "sp".to_owned(), created: at(0) };
    let mut tx = store.begin().await.unwrap();
    assert!(store::providers::insert(&mut tx, &provider).await.unwrap());
    drop(tx);
    let mut tx = store.begin().await.unwrap();
    assert_eq!(store::providers::named(&mut tx, "sp").await.unwrap(), None);
}

async fn opening_again_keeps_everything(settings: Settings) {
    let store = open(&settings).await;
    let provider = provider(&store, "sp").await;
    store.read().await.unwrap();
    store.close().await;
    assert!(store.read().await.is_err());
    let store = open(&settings).await;
    let mut tx = store.read().await.unwrap();
    assert_eq!(store::providers::named(&mut tx, "sp").await.unwrap(), Some(provider));
}

async fn nodes_may_open_at_once(settings: Settings) {
    let open = |settings: Settings| async move { open(&settings).await.read().await.map(drop) };
    let nodes: Vec<_> = (0..6).map(|_| tokio::spawn(open(settings.clone()))).collect();
    for node in nodes {
        node.await.unwrap().unwrap();
    }
}
