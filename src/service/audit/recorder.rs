//! Writes the entries of requests that change nothing. Concurrent entries share a transaction, as commits share a flush
//! of the database's log.

use std::mem;
use std::panic::AssertUnwindSafe;
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt;
use tokio::sync::oneshot;

use crate::domain::Moment;
use crate::domain::audit::Entry;
use crate::service::audit::event;
use crate::service::{Deps, Error};
use crate::store;
use crate::store::audit::Event;

/// The most entries of one transaction.
const BATCH: usize = 500;
/// The most entries without a waiting request that are kept while the database is away: some megabytes.
const KEPT_MAX: usize = 10_000;
/// The most refused credentials in a minute that get their own entry: a caller without a key must not fill the log.
const REFUSALS_MAX: u64 = 60;
const MINUTE_MS: i64 = 60_000;

/// The entries that wait to be written.
#[derive(Default)]
pub struct Recorder {
    queue: Mutex<Queue>,
    refusals: Mutex<Refusals>,
}

#[derive(Default)]
struct Queue {
    waiting: Vec<Waiting>,
    is_worked_off: bool,
}

struct Waiting {
    event: Event,
    /// Receives the outcome for the request that waits for this entry; `None` if no request waits.
    told: Option<oneshot::Sender<Result<(), String>>>,
}

impl Recorder {
    /// Adds an entry. True if the caller must start writing the queue.
    fn add(&self, event: Event, told: Option<oneshot::Sender<Result<(), String>>>) -> bool {
        let mut queue = self.queue();
        queue.waiting.push(Waiting { event, told });
        !mem::replace(&mut queue.is_worked_off, true)
    }

    /// Returns the next batch; after `None` the queue is idle, and the next `add` starts it again.
    fn next(&self) -> Option<Vec<Waiting>> {
        let mut queue = self.queue();
        let count = queue.waiting.len().min(BATCH);
        queue.is_worked_off = count > 0;
        (count > 0).then(|| queue.waiting.drain(..count).collect())
    }

    /// Tells the waiting requests that neither `failed` nor the rest of the queue was written. Entries without a
    /// waiting request are kept.
    fn give_up(&self, failed: Vec<Waiting>, why: &str) {
        let mut queue = self.queue();
        let all = failed.into_iter().chain(mem::take(&mut queue.waiting));
        let mut lost = 0;
        for Waiting { event, told } in all {
            match told {
                // A request that has gone away needs no answer.
                Some(told) => drop(told.send(Err(why.to_owned()))),
                None if queue.waiting.len() < KEPT_MAX => queue.waiting.push(Waiting { event, told: None }),
                None => lost += 1,
            }
        }
        queue.is_worked_off = false;
        let kept = queue.waiting.len();
        tracing::error!(why, kept, lost, "entries of the audit log could not be written");
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn refusals(&self) -> MutexGuard<'_, Refusals> {
        self.refusals.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes an entry, and waits until it is committed.
pub async fn write(deps: &Deps, entry: &Entry) -> Result<(), Error> {
    let (told, written) = oneshot::channel();
    push(deps, entry, Some(told));
    written.await.unwrap_or_else(|_| Err("it was aborted".to_owned())).map_err(Error::Unrecorded)
}

/// Queues an entry without waiting for it, so that a refusal takes no longer while the database is away.
pub fn note(deps: &Deps, entry: &Entry) {
    push(deps, entry, None);
}

/// Queues the entry of refused credentials, as [`note`] does. In a flood, only the first get an entry; the rest are
/// counted.
pub fn note_refused(deps: &Deps, entry: Entry) {
    let entries = deps.audit.refusals().admit(entry);
    entries.iter().flatten().for_each(|entry| note(deps, entry));
}

/// Writes the queue, and waits until that is done.
pub async fn flush(deps: &Deps) {
    let summed = deps.audit.refusals().turn(deps.clock.now());
    let must_write = match &summed {
        Some(entry) => deps.audit.add(event(&deps.master, entry), None),
        None => !mem::replace(&mut deps.audit.queue().is_worked_off, true),
    };
    if must_write {
        work_off(deps).await;
    }
}

fn push(deps: &Deps, entry: &Entry, told: Option<oneshot::Sender<Result<(), String>>>) {
    if deps.audit.add(event(&deps.master, entry), told) {
        let deps = deps.clone();
        // The writer is a separate task: the request may be cancelled, and others wait for the same transaction.
        tokio::spawn(async move { work_off(&deps).await });
    }
}

async fn work_off(deps: &Deps) {
    while let Some(mut batch) = deps.audit.next() {
        let events: Vec<Event> = batch.iter_mut().map(|waiting| waiting.event.clone()).collect();
        let written = AssertUnwindSafe(insert(deps, &events)).catch_unwind().await;
        match written {
            Ok(Ok(())) => {
                for told in batch.into_iter().filter_map(|waiting| waiting.told) {
                    drop(told.send(Ok(())));
                }
            }
            Ok(Err(error)) => return deps.audit.give_up(batch, &error.to_string()),
            Err(_) => return deps.audit.give_up(batch, "it panicked"),
        }
    }
}

async fn insert(deps: &Deps, events: &[Event]) -> Result<(), store::Error> {
    let mut tx = deps.store.begin_unflushed().await?;
    store::audit::append(&mut tx, events).await?;
    tx.commit().await
}

/// The refused credentials of the current minute.
#[derive(Default)]
struct Refusals {
    minute: i64,
    count: u64,
    /// The newest one that was only counted.
    unsaid: Option<Entry>,
}

impl Refusals {
    /// Returns the entry that sums up the previous minute, if it has ended, and this entry, if it is to be written.
    fn admit(&mut self, entry: Entry) -> [Option<Entry>; 2] {
        let before = self.turn(entry.at);
        self.count += 1;
        let is_written = self.count <= REFUSALS_MAX;
        if is_written {
            return [before, Some(entry)];
        }
        self.unsaid = Some(entry);
        [before, None]
    }

    /// Begins a new minute if it is time, and returns the entry that sums up the previous one.
    fn turn(&mut self, now: Moment) -> Option<Entry> {
        let minute = now.utc().timestamp_millis().div_euclid(MINUTE_MS);
        if minute == self.minute {
            return None;
        }
        let times = self.count.saturating_sub(REFUSALS_MAX);
        (self.minute, self.count) = (minute, 0);
        self.unsaid.take().map(|entry| Entry { times: Some(times), ..entry })
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta};

    use super::*;
    use crate::domain::audit::Actor;

    #[test]
    fn a_flood_of_refused_credentials_is_counted() {
        let begun = Moment::new(DateTime::from_timestamp(1_700_000_040, 0).expect("it is a time"));
        let mut refusals = Refusals::default();
        let refused = |refusals: &mut Refusals, seconds| {
            let at = begun.plus(TimeDelta::seconds(seconds));
            refusals.admit(Entry::new(Actor::Unknown, "match", "401", at))
        };
        let written = (0..100).filter(|_| refused(&mut refusals, 1)[1].is_some()).count();
        assert_eq!(written as u64, REFUSALS_MAX);
        let [before, own] = refused(&mut refusals, 61);
        assert_eq!(
            (before.expect("some were only counted").times, own.expect("it is the first").times),
            (Some(40), None)
        );
        assert_eq!(refusals.turn(begun.plus(TimeDelta::seconds(200))), None, "none was only counted");
    }
}
