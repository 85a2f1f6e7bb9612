//! Tests `service::rotation`: keys are replaced while nodes keep serving.

use std::sync::Arc;

use bioserver::capture::key::kid;
use bioserver::domain::Moment;
use bioserver::seal::Key;
use bioserver::seal::master::Master;
use bioserver::service::attestations::{self, Change};
use bioserver::service::rotation::{self, Error, master};
use bioserver::service::{Deps, callbacks, capture_keys, signing};
use bioserver::sign::verify;
use bioserver::store;
use bioserver::store::settings::Settings;
use bioserver::{capture, tasks};
use chrono::TimeDelta;
use tempfile::TempDir;

use crate::both::on_both;
use crate::store::deps::deps;
use crate::store::sessions::session;
use crate::store::tables::provider;

on_both!(
    a_signing_key_is_announced_and_serves_on_every_node,
    a_capture_key_opens_what_was_begun_with_it,
    a_certificate_is_renewed_for_the_same_key,
    everything_is_sealed_by_the_new_master_key,
);

/// Makes a node that uses the keys in the store, as the server does.
async fn node(of: &Deps) -> Deps {
    let kept = signing::Settings::default();
    let signer = signing::open(&of.store, &of.master, kept, &of.clock).await.expect("it has a key");
    let keys = capture_keys::open(&of.store, &of.master, &of.clock).await.expect("it has keys");
    Deps { signer: Arc::new(signer), capture_keys: Arc::new(keys), known_keys: Arc::default(), ..of.clone() }
}

async fn nodes(settings: &Settings) -> ([Deps; 2], TempDir) {
    let (first, folder) = deps(settings).await;
    ([node(&first).await, node(&first).await], folder)
}

async fn follow(nodes: &[Deps]) {
    for node in nodes {
        rotation::follow(node).await.expect("it follows");
    }
}

async fn announce(node: &Deps, serves: Moment) -> Result<String, Error> {
    let kept = signing::Settings::default();
    rotation::announce_signing(&node.store, &node.master, &kept, node.clock.now(), serves).await
}

fn kid_of(node: &Deps) -> String {
    bioserver::sign::header(&node.signer.sign(b"{}").expect("it signs")).expect("it is a JWS").kid
}

async fn a_signing_key_is_announced_and_serves_on_every_node(settings: Settings) {
    let (nodes, _folder) = nodes(&settings).await;
    let [one, other] = &nodes;
    let before = (kid_of(one), one.signer.sign(b"{}").expect("it signs"), one.signer.certificate_pem());
    let serves = one.clock.now().plus(TimeDelta::minutes(10));
    let next = announce(one, serves).await.expect("it is announced");
    assert!(matches!(announce(other, serves).await, Err(Error::Announced { kid, .. }) if kid == next));
    follow(&nodes).await;
    for node in &nodes {
        assert_eq!(kid_of(node), before.0, "it does not sign yet");
        let published = node.signer.jwks()["keys"].clone();
        assert!(published.as_array().expect("a list").iter().any(|key| key["kid"] == next.as_str()));
    }
    one.clock.advance(TimeDelta::minutes(10));
    follow(&nodes).await;
    let started = node(one).await;
    for node in nodes.iter().chain([&started]) {
        assert_eq!(kid_of(node), next);
        assert_ne!(node.signer.certificate_pem(), before.2);
        assert_eq!(verify(&before.1, &node.signer.jwks()).expect("it verifies still"), b"{}");
        assert_eq!(node.signer.jwks()["keys"][0]["kid"], next.as_str());
    }
    // Older programs, which go only by `retired`, follow the change too.
    let mut tx = one.store.read().await.expect("it reads");
    let rows = store::server_keys::list(&mut tx, ["ES256"; 2], 10).await.expect("it reads");
    let serving: Vec<_> = rows.iter().filter(|row| row.retired.is_none()).map(|row| &row.kid).collect();
    assert_eq!(serving, [&next]);
    drop(tx);
    let third = announce(one, one.clock.now().plus(TimeDelta::seconds(15))).await.expect("it can be done again");
    one.clock.advance(TimeDelta::seconds(15));
    follow(&nodes).await;
    assert_eq!((kid_of(one), kid_of(other)), (third.clone(), third));
    assert_eq!(one.signer.jwks()["keys"].as_array().expect("a list").len(), 3);
}

fn sealed_for(certificate: &[u8]) -> String {
    capture::jwe::seal(certificate, b"film").expect("it can be sealed")
}

fn opens(node: &Deps, sealed: &str) -> bool {
    capture::jwe::open(&node.capture_keys, sealed.as_bytes()).is_ok_and(|opened| opened == b"film")
}

async fn a_capture_key_opens_what_was_begun_with_it(settings: Settings) {
    let (nodes, _folder) = nodes(&settings).await;
    let [one, _] = &nodes;
    let before = one.capture_keys.certificates();
    let serves = one.clock.now().plus(TimeDelta::seconds(15));
    rotation::announce_capture(&one.store, &one.master, one.clock.now(), serves).await.expect("they are announced");
    follow(&nodes[..1]).await;
    assert_eq!(one.capture_keys.certificates(), before);
    one.clock.advance(TimeDelta::seconds(15));
    follow(&nodes[..1]).await;
    let after = one.capture_keys.certificates();
    assert!(after.len() == 2 && after.iter().all(|certificate| !before.contains(certificate)));
    for certificate in before.iter().chain(&after) {
        assert!(opens(one, &sealed_for(certificate)));
        assert!(opens(&node(one).await, &sealed_for(certificate)), "as does a node that has just been started");
    }
    // Long after the change, no client has captures for the former keys.
    one.clock.advance(TimeDelta::hours(2));
    let late = node(one).await;
    assert!(!opens(&late, &sealed_for(&before[0])) && opens(&late, &sealed_for(&after[0])));
}

async fn a_certificate_is_renewed_for_the_same_key(settings: Settings) {
    let (nodes, _folder) = nodes(&settings).await;
    let [one, other] = &nodes;
    follow(&nodes).await;
    let signing = (kid_of(one), one.signer.jwks(), one.signer.certificate_pem());
    let capture = one.capture_keys.certificates();
    one.clock.advance(TimeDelta::days(600));
    follow(&nodes).await;
    assert_eq!(one.signer.certificate_pem(), signing.2, "it ends much later");
    let sealed: Vec<_> = capture.iter().map(|certificate| sealed_for(certificate)).collect();
    one.clock.advance(TimeDelta::days(90));
    // One node renews the certificate, and both notice.
    follow(&nodes).await;
    follow(&nodes).await;
    for node in &nodes {
        assert_ne!(node.signer.certificate_pem(), signing.2);
        assert_eq!((kid_of(node), node.signer.jwks()), (signing.0.clone(), signing.1.clone()));
        assert!(sealed.iter().all(|sealed| opens(node, sealed)), "a client has the certificate of a moment ago");
    }
    assert_eq!(one.signer.certificate_pem(), other.signer.certificate_pem());
    let renewed = one.capture_keys.certificates();
    assert!(renewed.iter().zip(&capture).all(|(renewed, before)| kid(renewed) != kid(before)));
    assert!(renewed.iter().all(|certificate| opens(other, &sealed_for(certificate))));
    let certificate = one.signer.certificate_pem();
    follow(&nodes).await;
    assert_eq!(one.signer.certificate_pem(), certificate, "once is enough");
}

async fn everything_is_sealed_by_the_new_master_key(settings: Settings) {
    let (first, _folder) = deps(&settings).await;
    let before = node(&first).await;
    let (store, now) = (&before.store, before.clock.now());
    let of = provider(store, "sp").await.id;
    let secrets = async |master: &Master| callbacks::secrets(store, master, of, now).await.map(|found| found.len());
    callbacks::secret_of(store, &before.master, "sp", now).await.expect("it is made");
    callbacks::rotate(store, &before.master, "sp", now, TimeDelta::hours(1)).await.expect("it is rotated");
    let keys = attestations::read(&before.signer.jwks().to_string()).expect("they are keys");
    let change = Change { keys: Some(keys), is_required: Some(true) };
    let attested_by = attestations::change(store, &before.master, "sp", change, now).await.expect("it is registered");
    // This session is from before epochs were introduced.
    let old = session(of, now, now.plus(TimeDelta::hours(1)));
    let place = format!("sessions/{}/key", old.id);
    let old = store::sessions::StoredSession { key_sealed: before.master.wrap(&place, &Key::make()), ..old };
    let mut tx = store.begin().await.expect("it begins");
    store::sessions::insert(&mut tx, &old).await.expect("it writes");
    tx.commit().await.expect("it commits");
    tasks::settle(&before).await.expect("every step succeeds");

    let new = Master::make();
    let both = new.clone().beside(&before.master);
    let places = master::Places { store, media: &before.media, owner: before.owner };
    // There are three keys of the server, two secrets, a provider's keys, one session, and the keys of the next hours.
    let count = master::reseal(&places, &both, now).await.expect("it is done");
    assert!(count > 3 + 2 + 1 + 1, "{count}");
    assert_eq!(master::reseal(&places, &both, now).await.expect("it is done"), 0, "once is enough");
    let with = |master: &Master| Deps { master: master.clone(), epochs: Arc::default(), ..before.clone() };
    let after = node(&with(&new)).await;
    assert_eq!(kid_of(&after), kid_of(&before));
    tasks::settle(&after).await.expect("every step succeeds");
    assert_eq!(secrets(&new).await.expect("they open"), 2);
    assert!(secrets(&before.master).await.is_err());
    let attesting = async |master: &Master| attestations::of_named(store, master, "sp").await;
    assert_eq!(attesting(&new).await.expect("they open"), Some(attested_by));
    assert!(attesting(&before.master).await.is_err());
    let mut tx = store.read().await.expect("it reads");
    let kept = store::sessions::find(&mut tx, of, old.id, now).await.expect("it reads").expect("it is alive");
    assert!(new.unwrap(&place, &kept.key_sealed).is_ok());
    // The error names a value that no key opens.
    let neither = Master::make().beside(&Master::make());
    let refused = master::reseal(&places, &neither, now).await.expect_err("nothing opens");
    assert!(refused.to_string().starts_with("signing_keys/"), "{refused}");
}
