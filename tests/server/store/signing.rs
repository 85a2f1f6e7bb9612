//! Tests `service::signing`: all nodes share one sealed key.

use bioserver::clock::Clock;
use bioserver::seal::master::Master;
use bioserver::service::{server_keys, signing};
use bioserver::sign::key::Key;
use bioserver::sign::{self, Algorithm, Signer, verify};
use bioserver::store::server_keys::ServerKey;
use bioserver::store::settings::Settings;
use bioserver::store::{self, Store};
use secrecy::ExposeSecret;

use crate::both::on_both;
use crate::store::nodes::open;

on_both!(
    the_first_key_is_made_and_stays,
    nodes_that_start_at_once_agree,
    another_algorithm_has_another_key,
    an_operators_own_key_signs,
    another_master_key_opens_nothing,
    a_key_that_somebody_else_put_there_is_not_published,
);

async fn signer(store: &Store, master: &Master, algorithm: Algorithm) -> Signer {
    signing::open(store, master, signing::Settings::Kept(algorithm), &Clock::default()).await.unwrap()
}

async fn the_first_key_is_made_and_stays(settings: Settings) {
    let (store, master) = (open(&settings).await, Master::make());
    let first = signer(&store, &master, Algorithm::Es256).await;
    let second = signer(&open(&settings).await, &master, Algorithm::Es256).await;
    assert_eq!(first.jwks(), second.jwks());
    assert_eq!(first.certificate_pem(), second.certificate_pem());
    assert!(first.certificate_pem().starts_with("-----BEGIN CERTIFICATE-----"));
    let published = signing::published(&store, &master, &signing::Settings::default()).await.unwrap();
    assert_eq!(verify(&second.sign(b"{}").unwrap(), &published).unwrap(), b"{}");
}

async fn nodes_that_start_at_once_agree(settings: Settings) {
    let (store, master) = (open(&settings).await, Master::make());
    let node = |store: Store, master: Master| async move { signer(&store, &master, Algorithm::Es256).await.jwks() };
    let nodes: Vec<_> = (0..8).map(|_| tokio::spawn(node(store.clone(), master.clone()))).collect();
    let mut sets = Vec::new();
    for node in nodes {
        sets.push(node.await.unwrap());
    }
    assert!(sets.iter().all(|set| *set == sets[0]));
    assert_eq!(sets[0]["keys"].as_array().unwrap().len(), 1);
}

async fn another_algorithm_has_another_key(settings: Settings) {
    let (store, master) = (open(&settings).await, Master::make());
    let old = signer(&store, &master, Algorithm::Es256).await;
    let new = signer(&store, &master, Algorithm::Rs256).await;
    let keys = new.jwks()["keys"].clone();
    assert_eq!((&keys[0]["alg"], &keys[1]["alg"]), (&"RS256".into(), &"ES256".into()));
    assert_eq!(verify(&old.sign(b"[1]").unwrap(), &new.jwks()).unwrap(), b"[1]");
    assert_eq!(verify(&new.sign(b"[2]").unwrap(), &new.jwks()).unwrap(), b"[2]");
}

async fn an_operators_own_key_signs(settings: Settings) {
    let (store, master, clock) = (open(&settings).await, Master::make(), Clock::default());
    let before = signer(&store, &master, Algorithm::Es256).await.sign(b"{}").unwrap();
    let own = || signing::Settings::Own(Key::make(Algorithm::Es256, clock.now()).unwrap());
    let signer = signing::open(&store, &master, own(), &clock).await.unwrap();
    verify(&before, &signer.jwks()).unwrap();
    verify(&signer.sign(b"{}").unwrap(), &signer.jwks()).unwrap();
    let published = signing::published(&store, &master, &own()).await.unwrap();
    assert_eq!(published["keys"].as_array().unwrap().len(), 2);
}

async fn a_key_that_somebody_else_put_there_is_not_published(settings: Settings) {
    let (store, master, now) = (open(&settings).await, Master::make(), Clock::default().now());
    let own = signer(&store, &master, Algorithm::Es256).await;
    let forger = Key::make(Algorithm::Es256, now).unwrap();
    let mut tx = store.begin().await.unwrap();
    let own_row = store::server_keys::list(&mut tx, ["ES256"; 2], 1).await.unwrap().remove(0);
    let of_forger = |kid: &str, private_key_sealed: Vec<u8>| ServerKey {
        kid: kid.to_owned(),
        algorithm: "ES256".to_owned(),
        private_key_sealed,
        jwk: forger.jwk().to_string(),
        certificate: forger.certificate_pem().to_owned(),
        created: now,
        retired: Some(now),
        serves: Some(now),
        certificate_ends: None,
    };
    // One key is sealed with the forger's own master key, the other is copied from a row of this server.
    let sealed =
        Master::make().seal(&format!("signing_keys/{}/private_key", forger.kid()), forger.der().expose_secret());
    for row in [of_forger(forger.kid(), sealed), of_forger("copied", own_row.private_key_sealed.clone())] {
        assert!(store::server_keys::insert(&mut tx, &row).await.unwrap());
    }
    tx.commit().await.unwrap();
    let forged = Signer::new(forger, vec![]).sign(b"{}").unwrap();
    let published = signing::published(&store, &master, &signing::Settings::default()).await.unwrap();
    for keys in [published, signer(&store, &master, Algorithm::Es256).await.jwks()] {
        assert_eq!(keys, own.jwks());
        assert!(matches!(verify(&forged, &keys), Err(sign::Error::UnknownKey(_))));
    }
}

async fn another_master_key_opens_nothing(settings: Settings) {
    let (store, master) = (open(&settings).await, Master::make());
    signer(&store, &master, Algorithm::Es256).await;
    let kept = signing::Settings::default();
    let refused = signing::open(&store, &Master::make(), kept, &Clock::default()).await.unwrap_err();
    assert!(matches!(refused, signing::Error::Kept(server_keys::Error::Sealed { .. })), "{refused}");
    assert!(refused.to_string().contains("master key"), "{refused}");

    let mut tx = store.read().await.unwrap();
    let row = store::server_keys::list(&mut tx, ["ES256"; 2], 1).await.unwrap().remove(0);
    let place = format!("signing_keys/{}/private_key", row.kid);
    let der = master.open(&place, &row.private_key_sealed).unwrap();
    assert!(!row.private_key_sealed.windows(16).any(|window| window == &der[der.len() - 16..]));
    let key = Key::read(Algorithm::Es256, der.clone().into(), row.certificate).unwrap();
    assert_eq!((key.kid(), key.der().expose_secret()), (row.kid.as_str(), der.as_slice()));
}
