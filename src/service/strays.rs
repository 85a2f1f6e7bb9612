//! Media that no row leads to: put by a node that died before it wrote the row.
//!
//! Others may keep media in the same place, and a database may be a copy of another one, or older than its media. So
//! only a folder with this owner's mark is looked at, only what no session can need any more, and more than a few are
//! left to the operator.

use chrono::TimeDelta;
use uuid::Uuid;

use crate::domain::{EpochId, Moment, SessionId};
use crate::service::sessions::media_folder;
use crate::service::storage::{KEYS, MEDIA};
use crate::service::{Deps, Error, epochs, erasures};
use crate::store;

/// A node that dies leaves what it was about to write. More than this are not from that.
const STRAYS_MAX: usize = 10;
/// The hour of an epoch, and another one for clocks and for requests under way.
const MARGIN: TimeDelta = TimeDelta::hours(2);

/// The media that were found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strays {
    /// So many will be erased.
    Few(usize),
    /// They are left where they are.
    TooMany(usize),
}

/// Looks for media of sessions, and for keys of epochs, that are no more, and has a few of them erased.
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

/// The media in one of the owner's folders, by its id.
async fn ids(deps: &Deps, folder: &str) -> Result<Vec<Uuid>, Error> {
    let names = deps.media.names(&format!("{}/{folder}", deps.owner)).await?;
    Ok(names.iter().filter_map(|name| name.parse().ok()).collect())
}

/// No session lives longer, whatever its provider asks for.
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
