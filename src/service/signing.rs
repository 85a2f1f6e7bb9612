//! The keys that sign answers: kept sealed in the store, the same on every node.

use serde_json::{Value, json};

use crate::clock::Clock;
use crate::domain::Moment;
use crate::seal::master::Master;
use crate::service::server_keys::{self, StoredKey};
use crate::sign::key::Key;
use crate::sign::{self, Algorithm, Signer};
use crate::store::{self, Store};

/// The newest keys are published: rotated once a month, eight years of them.
const PUBLISHED_MAX: i64 = 100;

/// Which key signs.
#[derive(Debug)]
pub enum Settings {
    /// One that the store keeps, made when there is none.
    Kept(Algorithm),
    /// The operator's own. The store's are published still.
    Own(Key),
}

impl Default for Settings {
    fn default() -> Self {
        Self::Kept(Algorithm::default())
    }
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error(transparent)]
    Sign(#[from] sign::Error),
    #[error(transparent)]
    Kept(#[from] server_keys::Error),
}

/// A signer for this node. Nodes that open one at once, on an empty store, end up with the same key.
pub async fn open(store: &Store, master: &Master, settings: Settings, clock: &Clock) -> Result<Signer, Error> {
    let active = match settings {
        Settings::Own(key) => key,
        Settings::Kept(algorithm) => kept(store, master, algorithm, clock.now()).await?,
    };
    Ok(Signer::new(active, public_keys(store, master).await?))
}

/// The key set that verifies this server's answers: what a signer publishes.
pub async fn published(store: &Store, master: &Master, settings: &Settings) -> Result<Value, Error> {
    let mut keys = public_keys(store, master).await?;
    if let Settings::Own(key) = settings {
        keys.push(key.jwk().clone());
    }
    Ok(json!({ "keys": keys }))
}

async fn kept(store: &Store, master: &Master, algorithm: Algorithm, now: Moment) -> Result<Key, Error> {
    let make = || {
        let made = Key::make(algorithm, now)?;
        Ok::<_, Error>(StoredKey {
            kid: made.kid().to_owned(),
            der: made.der().clone(),
            jwk: made.jwk().to_string(),
            certificate: made.certificate_pem().to_owned(),
        })
    };
    let kept = server_keys::serving(store, master, algorithm.name(), now, make).await?;
    Ok(Key::read(algorithm, kept.der, kept.certificate)?)
}

/// The public halves of the keys that are kept, taken from the private ones: those alone are sealed.
async fn public_keys(store: &Store, master: &Master) -> Result<Vec<Value>, Error> {
    let kept = server_keys::list(store, master, Algorithm::ALL.map(Algorithm::name), PUBLISHED_MAX).await?;
    let public = |(algorithm, kept): (String, StoredKey)| {
        let algorithm = algorithm.parse().map_err(|_| sign::Error::Algorithm(algorithm))?;
        Ok(Key::read(algorithm, kept.der, kept.certificate)?.jwk().clone())
    };
    kept.into_iter().map(public).collect()
}
