//! The keys that seal the data keys of sessions: one for each hour, which is erased once the sessions that end in that
//! hour are gone.
//!
//! They lie among the media, sealed by the master key or by an external key vault. So no log and no dump of the
//! database contains them. Once a key is erased, nothing opens its sessions, not even the master key together with an
//! old dump.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, TimeDelta};

use crate::domain::{EpochId, Moment, OwnerId};
use crate::seal::{Key, vault};
use crate::service::storage::KEYS;
use crate::service::{Deps, Error, erasures};
use crate::store;
use crate::store::epochs::Epoch;

const HOUR_S: i64 = 3600;
/// The time after its end for which an epoch is not erased, since the clocks of nodes may differ.
const MARGIN: TimeDelta = TimeDelta::minutes(1);
/// The most epochs that one step ends or loads: sessions of a year have 8,784.
const EPOCHS_MAX: i64 = 10_000;

/// The keys that this node knows. It fetches each of them once, so that sessions continue while the media are away.
#[derive(Default)]
pub struct EpochKeys(Mutex<HashMap<EpochId, (Moment, Key)>>);

impl EpochKeys {
    fn get(&self, id: EpochId) -> Option<Key> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&id).map(|(_, key)| key.clone())
    }

    fn that_ends(&self, ends: Moment) -> Option<(EpochId, Key)> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.iter().find(|(_, (end, _))| *end == ends).map(|(id, (_, key))| (*id, key.clone()))
    }

    fn keep(&self, epoch: Epoch, key: Key) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(epoch.id, (epoch.ends, key));
    }

    fn forget(&self, now: Moment) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|_, (ends, _)| *ends > now);
    }
}

/// Returns the epoch of sessions that end at `expires`, and its key; makes the key if there is none.
pub(super) async fn sealing(deps: &Deps, expires: Moment) -> Result<(EpochId, Key), Error> {
    let ends = end(expires)?;
    if let Some(known) = deps.epochs.that_ends(ends) {
        return Ok(known);
    }
    let mut tx = deps.store.read().await?;
    let found = store::epochs::find(&mut tx, ends).await?;
    drop(tx);
    if let Some(id) = found {
        if let Some(key) = look(deps, Epoch { id, ends }).await? {
            return Ok((id, key));
        }
        tracing::error!(epoch = %id, %ends, "the key of an epoch is missing; its sessions cannot be read, and new sessions begin a new epoch");
        let mut tx = deps.store.begin().await?;
        store::epochs::lose(&mut tx, id).await?;
        tx.commit().await?;
    }
    let id = begin(deps, ends).await?;
    Ok((id, key(deps, id, expires).await?))
}

/// Returns the key of the epoch of a session that ends at `expires`.
pub(super) async fn key(deps: &Deps, id: EpochId, expires: Moment) -> Result<Key, Error> {
    if let Some(key) = deps.epochs.get(id) {
        return Ok(key);
    }
    let found = look(deps, Epoch { id, ends: end(expires)? }).await?;
    found.ok_or_else(|| Error::Failed(format!("the key of the epoch {id} is missing")))
}

/// Fetches the key from the media; `None` if it is not there.
async fn look(deps: &Deps, epoch: Epoch) -> Result<Option<Key>, Error> {
    let Some(sealed) = deps.media.get(&media_name(deps.owner, epoch.id)).await? else { return Ok(None) };
    let key = if vault::is_wrapped(&sealed) {
        deps.vault.as_ref().ok_or(vault::Error::Missing)?.unwrap(&place(epoch), &sealed).await?
    } else {
        deps.master.unwrap(&place(epoch), &sealed)?
    };
    deps.epochs.keep(epoch, key.clone());
    Ok(Some(key))
}

/// Makes a key. If several nodes do so at the same time, the database decides whose key counts. The key is stored
/// before the row that refers to it.
async fn begin(deps: &Deps, ends: Moment) -> Result<EpochId, Error> {
    let new = Epoch { id: EpochId::new(), ends };
    let name = media_name(deps.owner, new.id);
    let (key, place) = (Key::make(), place(new));
    let wrapped = match &deps.vault {
        Some(vault) => vault.wrap(&place, &key).await?,
        None => deps.master.wrap(&place, &key),
    };
    deps.media.put(&name, wrapped.into()).await?;
    let mut tx = deps.store.begin().await?;
    let begun = store::epochs::begin(&mut tx, new).await?;
    if begun != new.id {
        erasures::owe(&mut tx, &name, deps.clock.now()).await?;
    }
    tx.commit().await?;
    deps.eraser.notify_one();
    Ok(begun)
}

/// Queues the keys of epochs to be erased that are over and have no session left. Returns their number.
pub async fn erase_ended(deps: &Deps) -> Result<usize, Error> {
    let now = deps.clock.now();
    let over = now.plus(-MARGIN);
    deps.epochs.forget(over);
    let mut tx = deps.store.begin().await?;
    let ended = store::epochs::end(&mut tx, over, EPOCHS_MAX).await?;
    for id in &ended {
        erasures::owe(&mut tx, &media_name(deps.owner, *id), now).await?;
    }
    tx.commit().await?;
    deps.eraser.notify_one();
    Ok(ended.len())
}

/// Loads or makes the keys of all sessions that are alive, and of those with the usual life that will be opened within
/// the next hour.
pub async fn get_ready(deps: &Deps) -> Result<(), Error> {
    let now = deps.clock.now();
    let mut tx = deps.store.read().await?;
    let epochs = store::epochs::list(&mut tx, now, EPOCHS_MAX).await?;
    drop(tx);
    for epoch in epochs {
        sealing(deps, epoch.ends).await?;
    }
    let usual = now.plus(TimeDelta::seconds(deps.policy().ttl_seconds));
    for expires in [usual, usual.plus(TimeDelta::seconds(HOUR_S))] {
        sealing(deps, expires).await?;
    }
    Ok(())
}

/// Returns the end of the hour that a time lies in; a full hour is its own end.
pub(super) fn end(expires: Moment) -> Result<Moment, Error> {
    let hour_ms = HOUR_S * 1000;
    let ends_ms = (expires.utc().timestamp_millis() + hour_ms - 1).div_euclid(hour_ms) * hour_ms;
    let ends = DateTime::from_timestamp_millis(ends_ms).map(Moment::new);
    ends.ok_or_else(|| Error::Failed(format!("the time {expires} has no hour")))
}

pub(super) fn media_name(owner: OwnerId, id: EpochId) -> String {
    format!("{owner}/{KEYS}/{id}")
}

pub(super) fn place(Epoch { id, ends }: Epoch) -> String {
    format!("epochs/{id}/key?{ends}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_ends_with_its_hour() {
        let at = |seconds| Moment::new(DateTime::from_timestamp(seconds, 0).expect("it is a time"));
        for (expires, ends) in [(7199, 7200), (7200, 7200), (7201, 10_800), (10_799, 10_800)] {
            assert_eq!(end(at(expires)).expect("it is a time"), at(ends), "{expires}");
        }
    }
}
