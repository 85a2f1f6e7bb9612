//! Finds stray media, to which no row refers: a node stored them, and crashed before it wrote the row.
//!
//! Other servers may keep media in the same place, and a database may be a copy of another one, or older than its
//! media. So this looks only into the folder of this owner, only at media that no session can need any more, and leaves
//! more than a few of them to the operator.

use chrono::TimeDelta;
use uuid::Uuid;

use crate::domain::{EpochId, Moment, SessionId};
use crate::service::sessions::media_folder;
use crate::service::storage::{KEYS, MEDIA};
use crate::service::{Deps, Error, epochs, erasures};
use crate::store;

/// The most strays that are erased: a crash leaves only what the node was about to write, so more have another cause.
const STRAYS_MAX: usize = 10;
/// The margin beyond the longest life: the hour of an epoch, and another one for clocks and for requests in flight.
const MARGIN: TimeDelta = TimeDelta::hours(2);

/// The stray media that were found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strays {
    /// The number of media that are queued to be erased.
    Few(usize),
    /// The number of media that stay where they are.
    TooMany(usize),
}

/// Looks for media of sessions, and keys of epochs, that no longer exist, and queues a few of them to be erased.
pub async fn look(deps: &Deps) -> Result<Strays, Error> {
    let now = deps.clock.now();
    let latest = now.plus(-longest_life(deps).await? - MARGIN);
    let is_old = |made: Option<Moment>| made.is_some_and(|made| made < latest);
    let mut strays = vec![];
    for id in ids(deps, MEDIA).await?.into_iter().map(SessionId) {
        let mut tx = deps.store.read().await?;
        if is_old(id.made()) && !store::sessions::exists(&mut tx, id).await? {
            strays.push(format!("{}/", media_folder(Some(deps.owner), id)));
        }
    }
    for id in ids(deps, KEYS).await?.into_iter().map(EpochId) {
        let mut tx = deps.store.read().await?;
        if is_old(id.made()) && !store::epochs::exists(&mut tx, id).await? {
            strays.push(epochs::media_name(deps.owner, id));
        }
    }
    if strays.len() > STRAYS_MAX {
        return Ok(Strays::TooMany(strays.len()));
    }
    erase(deps, &strays, now).await?;
    Ok(Strays::Few(strays.len()))
}

/// Returns the ids of the media in one of the owner's folders.
async fn ids(deps: &Deps, folder: &str) -> Result<Vec<Uuid>, Error> {
    let names = deps.media.names(&format!("{}/{folder}", deps.owner)).await?;
    Ok(names.iter().filter_map(|name| name.parse().ok()).collect())
}

/// Returns the longest life that a session may have, whatever its provider's limit.
async fn longest_life(deps: &Deps) -> Result<TimeDelta, Error> {
    let mut tx = deps.store.read().await?;
    let of_providers = store::providers::ttl_seconds_max(&mut tx).await?.unwrap_or(0);
    Ok(TimeDelta::seconds(deps.policy().ttl_seconds_max.max(of_providers)))
}

async fn erase(deps: &Deps, names: &[String], now: Moment) -> Result<(), Error> {
    let mut tx = deps.store.begin().await?;
    for name in names {
        erasures::owe(&mut tx, name, now).await?;
    }
    tx.commit().await?;
    deps.eraser.notify_one();
    Ok(())
}
