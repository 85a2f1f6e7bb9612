//! Table `epochs`: the ids of the keys that seal the data keys of sessions. The keys themselves are not in the
//! database.

use sqlx::AssertSqlSafe;

use crate::domain::{EpochId, Moment};
use crate::store::column::row;
use crate::store::{Error, Tx, on};

/// An epoch: the hour in which its sessions end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Epoch {
    pub id: EpochId,
    pub ends: Moment,
}
row!(Epoch { id, ends });

/// Returns the epoch that ends at `ends`, if it has begun.
pub async fn find(tx: &mut Tx, ends: Moment) -> Result<Option<EpochId>, Error> {
    Ok(on!(tx, |conn| sqlx::query_scalar("SELECT id FROM epochs WHERE ends = $1 AND NOT lost")
        .bind(ends)
        .fetch_optional(conn)
        .await)?)
}

/// Begins an epoch and returns its id, which is that of another epoch if another node was faster.
pub async fn begin(tx: &mut Tx, new: Epoch) -> Result<EpochId, Error> {
    on!(tx, |conn| sqlx::query("INSERT INTO epochs (id, ends, lost) VALUES ($1, $2, FALSE) ON CONFLICT DO NOTHING")
        .bind(new.id)
        .bind(new.ends)
        .execute(conn)
        .await
        .map(|_| ()))?;
    Ok(on!(tx, |conn| sqlx::query_scalar("SELECT id FROM epochs WHERE ends = $1 AND NOT lost")
        .bind(new.ends)
        .fetch_one(conn)
        .await)?)
}

/// Marks the epoch's key as lost, so that another epoch can begin for the same hour. Its sessions keep it.
pub async fn lose(tx: &mut Tx, id: EpochId) -> Result<(), Error> {
    on!(tx, |conn| sqlx::query("UPDATE epochs SET lost = TRUE WHERE id = $1")
        .bind(id)
        .execute(conn)
        .await
        .map(|_| ()))?;
    Ok(())
}

/// Returns the first `limit` epochs that end after `now`.
pub async fn list(tx: &mut Tx, now: Moment, limit: i64) -> Result<Vec<Epoch>, Error> {
    Ok(on!(tx, |conn| sqlx::query_as(
        "SELECT id, ends FROM epochs WHERE ends > $1 AND NOT lost ORDER BY ends LIMIT $2"
    )
    .bind(now)
    .bind(limit)
    .fetch_all(conn)
    .await)?)
}

/// Returns all epochs, including those whose key was lost.
pub async fn all(tx: &mut Tx) -> Result<Vec<Epoch>, Error> {
    Ok(on!(tx, |conn| sqlx::query_as("SELECT id, ends FROM epochs ORDER BY ends").fetch_all(conn).await)?)
}

/// Deletes up to `limit` epochs that ended by `now` and have no session left, and returns their ids.
pub async fn end(tx: &mut Tx, now: Moment, limit: i64) -> Result<Vec<EpochId>, Error> {
    let lock = tx.on_postgres("FOR UPDATE SKIP LOCKED");
    let statement = format!(
        "DELETE FROM epochs WHERE id IN (
             SELECT id FROM epochs WHERE ends <= $1
                 AND NOT EXISTS (SELECT 1 FROM sessions WHERE epoch = epochs.id)
             ORDER BY ends LIMIT $2 {lock})
         RETURNING id"
    );
    Ok(on!(tx, |conn| sqlx::query_scalar(AssertSqlSafe(statement)).bind(now).bind(limit).fetch_all(conn).await)?)
}

/// True if the epoch exists.
pub async fn exists(tx: &mut Tx, id: EpochId) -> Result<bool, Error> {
    let found: Option<EpochId> =
        on!(tx, |conn| sqlx::query_scalar("SELECT id FROM epochs WHERE id = $1").bind(id).fetch_optional(conn).await)?;
    Ok(found.is_some())
}
