//! Table `probes`, and the database's clock: tests if the database can be written, and reads its time.

use uuid::Uuid;

use crate::domain::Moment;
use crate::store::{Error, Tx, on};

/// Inserts a row and deletes it. Only the commit of `tx` proves that the database can be written.
pub async fn write(tx: &mut Tx) -> Result<(), Error> {
    let id = Uuid::new_v4();
    on!(tx, |conn| sqlx::query("INSERT INTO probes (id) VALUES ($1)").bind(id).execute(conn).await.map(|_| ()))?;
    on!(tx, |conn| sqlx::query("DELETE FROM probes WHERE id = $1").bind(id).execute(conn).await.map(|_| ()))
}

/// Returns the time of the database's clock; `None` on `SQLite`, which has none.
pub async fn time(tx: &mut Tx) -> Result<Option<Moment>, Error> {
    if matches!(tx, Tx::Sqlite(_)) {
        return Ok(None);
    }
    on!(tx, |conn| sqlx::query_scalar("SELECT clock_timestamp()").fetch_one(conn).await).map(Some)
}
