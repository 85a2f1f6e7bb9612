//! Media that are to be erased: noted in the transaction that deletes what referred to them, and retried until they are
//! gone.

use chrono::TimeDelta;
use futures_util::{StreamExt, stream};

use crate::domain::audit::{Entry, Work};
use crate::domain::{Moment, SessionId};
use crate::service::storage::{KEYS, MEDIA};
use crate::service::{Deps, Error, audit, back_off};
use crate::{media, store};

/// The lease of an erasure: far longer than a step takes.
const LEASE: TimeDelta = TimeDelta::minutes(5);
/// The most media that are erased at once: a distant bucket takes its time for each.
const AT_ONCE: usize = 8;
/// The longest pause between two attempts, and so the longest time until a store that is back is tried again.
const PAUSE_MAX: TimeDelta = TimeDelta::seconds(30);

/// The outcome of an erasure in the audit log.
pub(super) const ERASED: &str = "erased";

/// The outcome of one step.
#[derive(Default)]
pub struct WorkedOff {
    pub taken: usize,
    pub erased: usize,
    /// The cause of one of the failures, if there were any.
    pub error: Option<media::Error>,
}

/// Notes that a medium is to be erased, or all media in a folder, whose name ends with a slash. The caller wakes the
/// task after it has committed `tx`.
pub async fn owe(tx: &mut store::Tx, name: &str, now: Moment) -> Result<(), store::Error> {
    store::erasures::insert(tx, name, now).await
}

/// Erases up to `limit` media that are due. Those that cannot be erased now are tried again later.
pub async fn work_off(deps: &Deps, limit: i64) -> Result<WorkedOff, Error> {
    let now = deps.clock.now();
    let mut tx = deps.store.begin().await?;
    let taken = store::erasures::take(&mut tx, now, now.plus(LEASE), limit).await?;
    tx.commit().await?;
    let mut worked = WorkedOff { taken: taken.len(), ..WorkedOff::default() };
    // The iterator is owned, since the closures of a borrowed one make a future that cannot change threads.
    let erasing = taken.into_iter().map(|erasure| async move {
        let erased = erase(deps, &erasure.name).await;
        (erasure, erased)
    });
    let mut erasing = stream::iter(erasing).buffer_unordered(AT_ONCE);
    while let Some((erasure, erased)) = erasing.next().await {
        let mut tx = deps.store.begin().await?;
        match erased {
            Ok(()) => {
                store::erasures::delete(&mut tx, &erasure.name).await?;
                if let Some(entry) = entry(&erasure.name, deps.clock.now()) {
                    audit::append(&mut tx, &deps.master, &entry).await?;
                }
                worked.erased += 1;
            }
            Err(error) => {
                let due = deps.clock.now().plus(back_off::pause(erasure.attempts, PAUSE_MAX));
                store::erasures::postpone(&mut tx, &erasure, due).await?;
                worked.error = Some(error);
            }
        }
        tx.commit().await?;
    }
    Ok(worked)
}

/// Returns the entry of an erasure: of all images of a session, of one image, or of the key of an epoch.
fn entry(name: &str, now: Moment) -> Option<Entry> {
    if let Some((_, path)) = name.split_once(&format!("{MEDIA}/")) {
        let (session, medium) = path.split_once('/')?;
        let entry = Entry::of_server(Work::ImagesErased, ERASED, now).about(SessionId(session.parse().ok()?));
        return Some(if medium.is_empty() { entry } else { entry.with_subject(&medium) });
    }
    let (_, epoch) = name.split_once(&format!("{KEYS}/"))?;
    Some(Entry::of_server(Work::EpochKeyErased, ERASED, now).with_subject(&epoch))
}

async fn erase(deps: &Deps, name: &str) -> Result<(), media::Error> {
    match name.strip_suffix('/') {
        Some(folder) => deps.media.erase_under(folder).await,
        None => deps.media.erase(name).await,
    }
}
