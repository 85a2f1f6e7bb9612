//! Table `owner`: the owner of the media to which this database refers.

use crate::domain::OwnerId;
use crate::store::{Error, Tx, on};

/// Returns the owner, which becomes `new` if there was none. Nodes that ask at the same time get the same one.
pub async fn keep(tx: &mut Tx, new: OwnerId) -> Result<OwnerId, Error> {
    on!(tx, |conn| sqlx::query("INSERT INTO owner (one, id) VALUES (TRUE, $1) ON CONFLICT DO NOTHING")
        .bind(new)
        .execute(conn)
        .await
        .map(|_| ()))?;
    Ok(on!(tx, |conn| sqlx::query_scalar("SELECT id FROM owner").fetch_one(conn).await)?)
}
