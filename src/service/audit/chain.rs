//! Gives entries their place in the chain, signs its end, and deletes old entries.

use chrono::TimeDelta;

use crate::domain::audit::{Entry, Work};
use crate::domain::{Moment, OwnerId};
use crate::media;
use crate::seal::master::Master;
use crate::service::audit::ledger::{self, Link, Purpose};
use crate::service::audit::{event, genuine, recorder};
use crate::service::{Deps, Error};
use crate::sign::Signer;
use crate::store::audit::{Chained, Ends, Event};
use crate::store::{self, Store};

/// The most entries of one step, which then takes well under a second.
pub const BATCH: usize = 500;

/// Returns the name of the copy of the chain's head among the media. With it, nobody who can write only to the database
/// can cut the chain unnoticed.
pub(super) fn media_name(owner: OwnerId) -> String {
    format!("{owner}/audit/head")
}

/// Chains up to [`BATCH`] entries, unless another node is doing so. Returns their number.
pub async fn step(deps: &Deps) -> Result<usize, Error> {
    recorder::flush(deps).await;
    extend(&deps.store, &deps.master, &deps.signer, deps.clock.now()).await
}

/// Chains the entries in the database, as [`step`] does.
pub async fn extend(store: &Store, master: &Master, signer: &Signer, now: Moment) -> Result<usize, Error> {
    let mut tx = store.read().await?;
    if !store::audit::is_waiting(&mut tx).await? {
        return Ok(0);
    }
    drop(tx);
    let mut tx = store.begin().await?;
    let Some(ends) = store::audit::hold(&mut tx).await? else { return Ok(0) };
    let mut events = store::audit::take(&mut tx, BATCH as i64).await?;
    if events.is_empty() {
        return Ok(0);
    }
    events.sort_by_key(|event| event.id);
    let count = events.len();
    let mut link = head(&ends, signer)?;
    let mut chained = Vec::with_capacity(count);
    for (event, happened) in without_forged(master, events, now) {
        link = link.next(&event.entry);
        chained.push(Chained { seq: link.seq, happened, entry: event.entry, hash: link.hash.to_vec() });
    }
    let head = ledger::signed(signer, Purpose::Head, link, now)?;
    store::audit::chain(&mut tx, &chained, &head).await?;
    tx.commit().await?;
    Ok(count)
}

/// Returns the entries that this server wrote, with their times. If there were others, one more entry states their
/// number.
fn without_forged(master: &Master, events: Vec<Event>, now: Moment) -> Vec<(Event, Moment)> {
    let mut forged = 0;
    let mut kept = Vec::with_capacity(events.len());
    for event in events {
        match genuine(master, &event) {
            Some(entry) => kept.push((event, entry.at)),
            None => forged += 1,
        }
    }
    if forged > 0 {
        tracing::error!(forged, "entries that this server did not write waited for the audit log; they were dropped");
        let entry = Entry { times: Some(forged), ..Entry::of_server(Work::ForgedEntriesDropped, "dropped", now) };
        kept.push((event(master, &entry), now));
    }
    kept
}

/// Returns the end of the chain.
///
/// # Errors
/// The head is not signed by a key of this server: no entry may be added to a chain that somebody else has changed.
fn head(ends: &Ends, signer: &Signer) -> Result<Link, Error> {
    let Some(head) = &ends.head else { return Ok(Link::START) };
    let (link, _) = ledger::read(head, Purpose::Head, &signer.jwks())
        .map_err(|error| Error::Failed(format!("the head of the audit log is not valid: {error}")))?;
    Ok(link)
}

/// Deletes up to [`BATCH`] entries at the beginning of the chain that are older than `days`, and signs the link at
/// which they ended. Returns their number.
pub async fn prune(deps: &Deps, days: i64) -> Result<usize, Error> {
    let now = deps.clock.now();
    let oldest = now.plus(-TimeDelta::days(days));
    let mut tx = deps.store.begin().await?;
    let Some(ends) = store::audit::hold(&mut tx).await? else { return Ok(0) };
    let before = match &ends.pruned {
        Some(pruned) => {
            let read = ledger::read(pruned, Purpose::Pruned, &deps.signer.jwks());
            read.map_err(|error| Error::Failed(format!("the beginning of the audit log is not valid: {error}")))?.0
        }
        None => Link::START,
    };
    let first = store::audit::after(&mut tx, before.seq, BATCH as i64).await?;
    let old: Vec<&Chained> = first.iter().take_while(|entry| entry.happened < oldest).collect();
    let Some(last) = old.last() else { return Ok(0) };
    let mut link = before;
    for entry in &old {
        link = link.next(&entry.entry);
        if (link.seq, link.hash.as_slice()) != (entry.seq, entry.hash.as_slice()) {
            return Err(Error::Failed(format!(
                "the audit log was changed at entry {}, so no entries are deleted",
                entry.seq
            )));
        }
    }
    let pruned = ledger::signed(&deps.signer, Purpose::Pruned, link, now)?;
    store::audit::prune(&mut tx, last.seq, &pruned).await?;
    tx.commit().await?;
    Ok(old.len())
}

/// Copies the head of the chain to the media, so that a chain that was cut in the database is noticed.
pub async fn copy_head(deps: &Deps) -> Result<(), Error> {
    let mut tx = deps.store.read().await?;
    let ends = store::audit::ends(&mut tx).await?;
    drop(tx);
    let Some(head) = &ends.head else { return Ok(()) };
    let (jwks, name) = (deps.signer.jwks(), media_name(deps.owner));
    let own = self::head(&ends, &deps.signer)?;
    if let Some(copied) = copied(&deps.media, &name).await?
        && let Ok((copied, _)) = ledger::read(&copied, Purpose::Head, &jwks)
    {
        if copied.seq > own.seq {
            let (ends, copied) = (own.seq, copied.seq);
            tracing::error!(ends, copied, "the audit log is shorter than before. Is the database an old copy?");
        }
        if copied.seq >= own.seq {
            return Ok(());
        }
    }
    Ok(deps.media.put(&name, head.clone().into()).await?)
}

/// Returns the copy of the head, if there is one.
pub(super) async fn copied(media: &media::Media, name: &str) -> Result<Option<String>, media::Error> {
    let copied = media.get(name).await?;
    Ok(copied.map(|copied| String::from_utf8_lossy(&copied).into_owned()))
}
