//! The keys that captures are encrypted for: one key of each algorithm serves at a time, the same on every node.

use chrono::TimeDelta;

use crate::capture;
use crate::capture::key::{Algorithm, Key, Keys};
use crate::clock::Clock;
use crate::domain::Moment;
use crate::seal::master::Master;
use crate::service::server_keys::{self, KeptKey, NewKey};
use crate::store::Store;

/// The time for which a key still opens captures after it has stopped serving: longer than any capture may take to
/// arrive.
const KEPT: TimeDelta = TimeDelta::hours(1);

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Kept(#[from] server_keys::Error),
    #[error(transparent)]
    Key(#[from] capture::Error),
}

/// Returns the capture keys of this server; makes them if there are none.
pub async fn open(store: &Store, master: &Master, clock: &Clock) -> Result<Keys, Error> {
    let now = clock.now();
    for algorithm in Algorithm::ALL {
        server_keys::make_first(store, master, algorithm.name(), now, || new_key(algorithm, now)).await?;
    }
    let kept = server_keys::list(store, master, Algorithm::ALL.map(Algorithm::name)).await;
    let keys = Keys::default();
    replace(&keys, &kept.map_err(server_keys::Error::Store)?, now)?;
    Ok(keys)
}

/// Replaces `keys` by the kept ones, without those that no capture can need any more.
pub(super) fn replace(keys: &Keys, kept: &[KeptKey], now: Moment) -> Result<(), Error> {
    let (mut serving, mut others) = (vec![], vec![]);
    for algorithm in Algorithm::ALL {
        let active = server_keys::serving(kept, algorithm.name(), now);
        let before = active.and_then(|_| server_keys::serving(kept, algorithm.name(), now.plus(-KEPT)));
        let since = before.map(|before| before.row.begins());
        for key in kept.iter().filter(|key| key.row.algorithm == algorithm.name()) {
            let read = Key::read(algorithm, key.der.clone(), key.row.certificate.clone())?;
            if active.is_some_and(|active| active.row.kid == key.row.kid) {
                serving.push(read);
            } else if since.is_none_or(|since| key.row.begins() >= since) {
                others.push(read);
            }
        }
    }
    keys.replace(serving, others);
    Ok(())
}

/// Makes a new key that is ready to be kept.
pub(super) fn new_key(algorithm: Algorithm, now: Moment) -> Result<NewKey, Error> {
    let made = Key::make(algorithm, now)?;
    Ok(NewKey {
        kid: made.kid().to_owned(),
        der: made.der().clone(),
        jwk: "{}".to_owned(),
        certificate: made.certificate_pem().to_owned(),
    })
}
