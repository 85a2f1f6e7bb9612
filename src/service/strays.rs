//! Media that no row leads to: put by a node that died before it wrote the row.
//!
//! Others may keep media in the same place, and a database may be a copy of another one, or older than its media. So
//! only a folder with this owner's mark is looked at, only what no session can need any more, and more than a few are
//! left to the operator.

use chrono::TimeDelta;

use crate::domain::{Moment, SessionId};
use crate::service::sessions::{MEDIA, media_folder};
use crate::service::{Deps, Error, erasures};
use crate::store;

/// A node that dies leaves what it was about to write. More than this are not from that.
const STRAYS_MAX: usize = 10;
/// Clocks may differ so much, and a request may take so long.
const MARGIN: TimeDelta = TimeDelta::hours(1);

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strays {
    /// The media of so many sessions will be erased.
    Few(usize),
    /// They are left where they are.
    TooMany(usize),
}

/// Looks for media of sessions that are no more, and has a few of them erased.
pub async fn look(deps: &Deps) -> Result<Strays, Error> {
    let (owner, now) = (Some(deps.owner), deps.clock.now());
    let folders = deps.media.folders(&format!("{}/{MEDIA}", deps.owner)).await?;
    let latest = now.plus(-longest_life(deps).await? - MARGIN);
    let mut strays = vec![];
    for id in folders.iter().filter_map(|folder| folder.parse().ok()).map(SessionId) {
        if id.made().is_some_and(|made| made < latest) && !exists(deps, id).await? {
            strays.push(media_folder(owner, id));
        }
    }
    if strays.len() > STRAYS_MAX {
        return Ok(Strays::TooMany(strays.len()));
    }
    erase(deps, &strays, now).await?;
    Ok(Strays::Few(strays.len()))
}

/// No session lives longer, whatever its provider asks for.
async fn longest_life(deps: &Deps) -> Result<TimeDelta, Error> {
    let mut tx = deps.store.read().await?;
    let of_providers = store::providers::ttl_seconds_max(&mut tx).await?.unwrap_or(0);
    Ok(TimeDelta::seconds(deps.policy.ttl_seconds_max.max(of_providers)))
}

async fn exists(deps: &Deps, id: SessionId) -> Result<bool, Error> {
    let mut tx = deps.store.read().await?;
    Ok(store::sessions::exists(&mut tx, id).await?)
}

async fn erase(deps: &Deps, folders: &[String], now: Moment) -> Result<(), Error> {
    let mut tx = deps.store.begin().await?;
    for folder in folders {
        erasures::owe(&mut tx, &format!("{folder}/"), now).await?;
    }
    tx.commit().await?;
    deps.eraser.notify_one();
    Ok(())
}
