//! Table `probes`, and the database's clock: whether the database can be written, and what time it is there.

use uuid::Uuid;

use crate::domain::Moment;
use crate::store::{Error, Tx, on};

/// Writes a row and erases it. Only once `tx` is committed, the database can be written.
pub async fn write(tx: &mut Tx) -> Result<(), Error> {
    let id = Uuid::new_v4();
    on!(tx, |conn| sqlx::query("INSERT INTO probes (id) VALUES ($1)").bind(id).execute(conn).await.map(|_| ()))?;
    on!(tx, |conn| sqlx::query("DELETE FROM probes WHERE id = $1").bind(id).execute(conn).await.map(|_| ()))
}

/// The time by the database's clock; `None` on `SQLite`, which has none of its own.
pub async fn time(tx: &mut Tx) -> Result<Option<Moment>, Error> {
    if matches!(tx, Tx::Sqlite(_)) {
        return Ok(None);
    }
    on!(tx, |conn| sqlx::query_scalar("SELECT clock_timestamp()").fetch_one(conn).await).map(Some)
}
