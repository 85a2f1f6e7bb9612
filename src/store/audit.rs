//! Tables `audit_events`, `audit_entries` and `audit_chain`: entries that wait for their place, the chain of those that
//! have one, and its ends.
//!
//! A request appends an event, so that no request waits for another's; events are chained afterwards.

use sqlx::{AssertSqlSafe, QueryBuilder};
use uuid::Uuid;

use crate::domain::Moment;
use crate::store::column::row;
use crate::store::{Error, Tx, on};

/// An entry that has no place in the chain yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    pub id: Uuid,
    /// JSON.
    pub entry: String,
    pub mac: Vec<u8>,
}
row!(Event { id, entry, mac });

/// An entry in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chained {
    pub seq: i64,
    /// The time that the entry states, for searching.
    pub happened: Moment,
    /// JSON.
    pub entry: String,
    pub hash: Vec<u8>,
}
row!(Chained { seq, happened, entry, hash });

/// The ends of the chain, each as a signed text; `None` before there is one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ends {
    pub head: Option<String>,
    pub pruned: Option<String>,
}
row!(Ends { head, pruned });

pub async fn append(tx: &mut Tx, events: &[Event]) -> Result<(), Error> {
    on!(tx, |conn| {
        let mut statement = QueryBuilder::new("INSERT INTO audit_events (id, entry, mac) ");
        statement.push_values(events, |mut row, event| {
            row.push_bind(event.id).push_bind(&event.entry).push_bind(&event.mac);
        });
        statement.build().execute(conn).await.map(|_| ())
    })
}

/// True if entries wait for their place.
pub async fn is_waiting(tx: &mut Tx) -> Result<bool, Error> {
    Ok(on!(tx, |conn| sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM audit_events)").fetch_one(conn).await)?)
}

/// The events that wait, oldest first.
pub async fn waiting(tx: &mut Tx, limit: i64) -> Result<Vec<Event>, Error> {
    Ok(on!(tx, |conn| sqlx::query_as("SELECT id, entry, mac FROM audit_events ORDER BY id LIMIT $1")
        .bind(limit)
        .fetch_all(conn)
        .await)?)
}

/// The ends of the chain, which nobody else changes before `tx` is done; `None` if another node is at work on it. No
/// request touches this row.
pub async fn hold(tx: &mut Tx) -> Result<Option<Ends>, Error> {
    let lock = tx.on_postgres("FOR UPDATE SKIP LOCKED");
    let statement = format!("SELECT head, pruned FROM audit_chain {lock}");
    Ok(on!(tx, |conn| sqlx::query_as(AssertSqlSafe(statement)).fetch_optional(conn).await)?)
}

/// Has all that `tx` reads from now on be of one moment. It is the first statement; an `SQLite` file needs none.
pub async fn snapshot(tx: &mut Tx) -> Result<(), Error> {
    let Tx::Postgres(..) = tx else { return Ok(()) };
    on!(tx, |conn| sqlx::query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ").execute(conn).await.map(|_| ()))
}

pub async fn ends(tx: &mut Tx) -> Result<Ends, Error> {
    Ok(on!(tx, |conn| sqlx::query_as("SELECT head, pruned FROM audit_chain").fetch_one(conn).await)?)
}

/// Takes up to `limit` events out, in no order. Whoever holds the chain alone does so.
pub async fn take(tx: &mut Tx, limit: i64) -> Result<Vec<Event>, Error> {
    Ok(on!(tx, |conn| sqlx::query_as(
        "DELETE FROM audit_events WHERE id IN (SELECT id FROM audit_events ORDER BY id LIMIT $1)
         RETURNING id, entry, mac"
    )
    .bind(limit)
    .fetch_all(conn)
    .await)?)
}

/// Puts entries at the end of the chain, whose signed head is `head` then.
pub async fn chain(tx: &mut Tx, entries: &[Chained], head: &str) -> Result<(), Error> {
    on!(tx, |conn| {
        let mut statement = QueryBuilder::new("INSERT INTO audit_entries (seq, happened, entry, hash) ");
        statement.push_values(entries, |mut row, chained| {
            row.push_bind(chained.seq).push_bind(chained.happened).push_bind(&chained.entry).push_bind(&chained.hash);
        });
        statement.build().execute(conn).await.map(|_| ())
    })?;
    on!(tx, |conn| sqlx::query("UPDATE audit_chain SET head = $1").bind(head).execute(conn).await.map(|_| ()))
}

/// Up to `limit` entries after `seq`, in their order.
pub async fn after(tx: &mut Tx, seq: i64, limit: i64) -> Result<Vec<Chained>, Error> {
    Ok(on!(tx, |conn| sqlx::query_as(
        "SELECT seq, happened, entry, hash FROM audit_entries WHERE seq > $1 ORDER BY seq LIMIT $2"
    )
    .bind(seq)
    .bind(limit)
    .fetch_all(conn)
    .await)?)
}

/// Deletes the entries up to this one, which `pruned` names and signs.
pub async fn prune(tx: &mut Tx, seq: i64, pruned: &str) -> Result<(), Error> {
    on!(tx, |conn| sqlx::query("DELETE FROM audit_entries WHERE seq <= $1").bind(seq).execute(conn).await.map(|_| ()))?;
    on!(tx, |conn| sqlx::query("UPDATE audit_chain SET pruned = $1").bind(pruned).execute(conn).await.map(|_| ()))
}
