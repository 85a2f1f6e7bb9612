//! The keys that captures are encrypted for: one of each kind, the same on every node.

use crate::capture;
use crate::capture::key::{Algorithm, Key, Keys};
use crate::clock::Clock;
use crate::seal::master::Master;
use crate::service::server_keys::{self, StoredKey};
use crate::store::Store;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Kept(#[from] server_keys::Error),
    #[error(transparent)]
    Key(#[from] capture::Error),
}

/// The keys of this server, made when there are none.
pub async fn open(store: &Store, master: &Master, clock: &Clock) -> Result<Keys, Error> {
    let mut keys = vec![];
    for algorithm in Algorithm::ALL {
        let now = clock.now();
        let make = || {
            let made = Key::make(algorithm, now)?;
            Ok::<_, Error>(StoredKey {
                kid: made.kid().to_owned(),
                der: made.der().clone(),
                jwk: "{}".to_owned(),
                certificate: made.certificate_pem().to_owned(),
            })
        };
        let kept = server_keys::serving(store, master, algorithm.name(), now, make).await?;
        keys.push(Key::read(algorithm, kept.der, kept.certificate)?);
    }
    Ok(Keys::new(keys))
}
