//! Table `erasures`: media to which no row refers any more, until they are erased.

use sqlx::AssertSqlSafe;

use crate::domain::Moment;
use crate::store::column::row;
use crate::store::{Error, Tx, on};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erasure {
    /// The name of one medium, or of a folder, which ends with a slash.
    pub name: String,
    /// The number of attempts, this one included.
    pub attempts: i64,
}
row!(Erasure { name, attempts });

/// Notes that a medium is to be erased, in the transaction that deletes the row that refers to it.
pub async fn insert(tx: &mut Tx, name: &str, now: Moment) -> Result<(), Error> {
    on!(tx, |conn| sqlx::query(
        "INSERT INTO erasures (name, attempts, due) VALUES ($1, 0, $2) ON CONFLICT DO NOTHING"
    )
    .bind(name)
    .bind(now)
    .execute(conn)
    .await
    .map(|_| ()))?;
    Ok(())
}

/// Leases up to `limit` erasures that are due, longest due first. Until `leased` no other node takes them; if this node
/// crashes, another takes them after that.
pub async fn take(tx: &mut Tx, now: Moment, leased: Moment, limit: i64) -> Result<Vec<Erasure>, Error> {
    let lock = tx.on_postgres("FOR UPDATE SKIP LOCKED");
    let statement = format!(
        "UPDATE erasures SET due = $2, attempts = attempts + 1 WHERE name IN (
             SELECT name FROM erasures WHERE due <= $1 ORDER BY due LIMIT $3 {lock})
         RETURNING name, attempts"
    );
    Ok(on!(tx, |conn| sqlx::query_as(AssertSqlSafe(statement))
        .bind(now)
        .bind(leased)
        .bind(limit)
        .fetch_all(conn)
        .await)?)
}

/// Makes an erasure due again at `due`, unless another node has taken it by now.
pub async fn postpone(tx: &mut Tx, erasure: &Erasure, due: Moment) -> Result<(), Error> {
    on!(tx, |conn| sqlx::query("UPDATE erasures SET due = $3 WHERE name = $1 AND attempts = $2")
        .bind(&erasure.name)
        .bind(erasure.attempts)
        .bind(due)
        .execute(conn)
        .await
        .map(|_| ()))?;
    Ok(())
}

/// Deletes an erasure that is done.
pub async fn delete(tx: &mut Tx, name: &str) -> Result<(), Error> {
    on!(tx, |conn| sqlx::query("DELETE FROM erasures WHERE name = $1").bind(name).execute(conn).await.map(|_| ()))?;
    Ok(())
}
