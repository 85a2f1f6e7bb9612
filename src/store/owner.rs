//! Table `owner`: whose the media are that this database leads to.

use crate::domain::OwnerId;
use crate::store::{Error, Tx, on};

/// The owner, which is `new` if there was none. Nodes that ask at once get the same one.
pub async fn keep(tx: &mut Tx, new: OwnerId) -> Result<OwnerId, Error> {
    on!(tx, |conn| sqlx::query("INSERT INTO owner (one, id) VALUES (TRUE, $1) ON CONFLICT DO NOTHING")
        .bind(new)
        .execute(conn)
        .await
        .map(|_| ()))?;
    Ok(on!(tx, |conn| sqlx::query_scalar("SELECT id FROM owner").fetch_one(conn).await)?)
}
