//! The keys that sign answers: sealed in the store, and the same on every node.

use serde_json::{Value, json};

use crate::clock::Clock;
use crate::domain::Moment;
use crate::seal::master::Master;
use crate::service::server_keys::{self, KeptKey, NewKey};
use crate::sign::key::Key;
use crate::sign::{self, Algorithm, Signer};
use crate::store::{self, Store};

/// The choice of the signing key.
#[derive(Debug)]
pub enum Settings {
    /// A key in the store, which is made if there is none.
    Kept(Algorithm),
    /// The operator's own key. Those in the store are still published.
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

/// Returns a signer for this node. Nodes that open one at the same time, on an empty store, get the same key.
pub async fn open(store: &Store, master: &Master, settings: Settings, clock: &Clock) -> Result<Signer, Error> {
    let now = clock.now();
    if let Settings::Kept(algorithm) = settings {
        server_keys::make_first(store, master, algorithm.name(), now, || new_key(algorithm, now)).await?;
    }
    let kept = server_keys::list(store, master, Algorithm::ALL.map(Algorithm::name)).await?;
    let others = public_keys(&kept)?;
    Ok(match settings {
        Settings::Own(key) => Signer::own(key, others),
        Settings::Kept(algorithm) => {
            let serving = server_keys::serving(&kept, algorithm.name(), now).ok_or(NO_KEY)?;
            Signer::new(read(serving)?, others)
        }
    })
}

/// Returns the key set that verifies this server's answers, as a signer publishes it.
pub async fn published(store: &Store, master: &Master, settings: &Settings) -> Result<Value, Error> {
    let mut keys = public_keys(&server_keys::list(store, master, Algorithm::ALL.map(Algorithm::name)).await?)?;
    if let Settings::Own(key) = settings {
        keys.push(key.jwk().clone());
    }
    Ok(json!({ "keys": keys }))
}

const NO_KEY: Error = Error::Sign(sign::Error::Key("there is none"));

/// Makes a new key that is ready to be kept.
pub(super) fn new_key(algorithm: Algorithm, now: Moment) -> Result<NewKey, Error> {
    let made = Key::make(algorithm, now)?;
    Ok(NewKey {
        kid: made.kid().to_owned(),
        der: made.der().clone(),
        jwk: made.jwk().to_string(),
        certificate: made.certificate_pem().to_owned(),
    })
}

pub(super) fn read(kept: &KeptKey) -> Result<Key, Error> {
    let name = &kept.row.algorithm;
    let algorithm = name.parse().map_err(|_| sign::Error::Algorithm(name.clone()))?;
    Ok(Key::read(algorithm, kept.der.clone(), kept.row.certificate.clone())?)
}

/// Returns the public halves of the kept keys. They are computed from the private halves, since only those are sealed.
pub(super) fn public_keys(kept: &[KeptKey]) -> Result<Vec<Value>, Error> {
    kept.iter().map(|kept| Ok(read(kept)?.jwk().clone())).collect()
}
