//! Tables `audit_events`, `audit_entries` and `audit_chain`: entries that wait for their place, the chain, and its
//! signed ends.
//!
//! A request appends an event, so that no request waits for another; events are chained later.

use sqlx::{AssertSqlSafe, QueryBuilder};
use uuid::Uuid;

use crate::domain::Moment;
use crate::store::column::row;
use crate::store::{Error, Tx, on};

/// An entry that has no place in the chain yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    pub id: Uuid,
    /// The entry as JSON.
    pub entry: String,
    pub mac: Vec<u8>,
}
row!(Event { id, entry, mac });

/// An entry in its place in the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chained {
    pub seq: i64,
    /// The time that the entry states, so that it can be searched.
    pub happened: Moment,
    /// The entry as JSON.
    pub entry: String,
    pub hash: Vec<u8>,
}
row!(Chained { seq, happened, entry, hash });

/// The signed ends of the chain; `None` while there is none.
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

/// Returns the waiting events, oldest first.
pub async fn waiting(tx: &mut Tx, limit: i64) -> Result<Vec<Event>, Error> {
    Ok(on!(tx, |conn| sqlx::query_as("SELECT id, entry, mac FROM audit_events ORDER BY id LIMIT $1")
        .bind(limit)
        .fetch_all(conn)
        .await)?)
}

/// Locks the ends of the chain and returns them; `None` if another node has locked them. No request touches this row.
pub async fn hold(tx: &mut Tx) -> Result<Option<Ends>, Error> {
    let lock = tx.on_postgres("FOR UPDATE SKIP LOCKED");
    let statement = format!("SELECT head, pruned FROM audit_chain {lock}");
    Ok(on!(tx, |conn| sqlx::query_as(AssertSqlSafe(statement)).fetch_optional(conn).await)?)
}

/// Makes all reads of `tx` see one moment. It must be the first statement; an `SQLite` file does not need it.
pub async fn snapshot(tx: &mut Tx) -> Result<(), Error> {
    let Tx::Postgres(..) = tx else { return Ok(()) };
    on!(tx, |conn| sqlx::query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ").execute(conn).await.map(|_| ()))
}

pub async fn ends(tx: &mut Tx) -> Result<Ends, Error> {
    Ok(on!(tx, |conn| sqlx::query_as("SELECT head, pruned FROM audit_chain").fetch_one(conn).await)?)
}

/// Takes out up to `limit` events, in no order. The caller holds the lock of the chain.
pub async fn take(tx: &mut Tx, limit: i64) -> Result<Vec<Event>, Error> {
    Ok(on!(tx, |conn| sqlx::query_as(
        "DELETE FROM audit_events WHERE id IN (SELECT id FROM audit_events ORDER BY id LIMIT $1)
         RETURNING id, entry, mac"
    )
    .bind(limit)
    .fetch_all(conn)
    .await)?)
}

/// Appends entries to the chain; `head` is its new signed head.
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

/// Returns up to `limit` entries after `seq`, in their order.
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
