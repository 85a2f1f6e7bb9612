//! Table `keys`: the keys of callers. The secrets themselves are not in the database.

use crate::domain::{KeyId, Limits, Moment, Permission, ProviderId};
use crate::store::column::{Permissions, row};
use crate::store::providers::limits_columns;
use crate::store::{Error, Tx, on};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    pub id: KeyId,
    pub provider: ProviderId,
    /// The SHA-256 of the secret's text.
    pub secret_sha256: Vec<u8>,
    pub permissions: Vec<Permission>,
    pub created: Moment,
    /// The first moment at which the key is no longer valid.
    pub expires: Option<Moment>,
    pub revoked: Option<Moment>,
}

/// A valid key, and the limits of its provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Valid {
    pub key: Key,
    pub limits: Limits,
}
row!(Valid { key as flat, limits as flat });
row!(Key { id, provider, secret_sha256, permissions as Permissions, created, expires, revoked });

/// A key as the operator sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedKey {
    pub id: KeyId,
    /// The provider's name.
    pub provider: String,
    pub permissions: Vec<Permission>,
    pub created: Moment,
    pub expires: Option<Moment>,
    pub revoked: Option<Moment>,
}
row!(ListedKey { id, provider, permissions as Permissions, created, expires, revoked });

pub async fn insert(tx: &mut Tx, key: &Key) -> Result<(), Error> {
    on!(tx, |conn| sqlx::query(
        "INSERT INTO keys (id, provider, secret_sha256, permissions, created, expires, revoked)
         VALUES ($1, $2, $3, $4, $5, $6, $7)"
    )
    .bind(key.id)
    .bind(key.provider)
    .bind(&key.secret_sha256)
    .bind(Permissions(key.permissions.clone()))
    .bind(key.created)
    .bind(key.expires)
    .bind(key.revoked)
    .execute(conn)
    .await
    .map(|_| ()))?;
    Ok(())
}

/// Returns the key unless it is expired or revoked at `now`. It takes no provider, since it is the way to find the
/// provider.
pub async fn valid(tx: &mut Tx, id: KeyId, now: Moment) -> Result<Option<Valid>, Error> {
    Ok(on!(tx, |conn| sqlx::query_as(concat!(
        "SELECT keys.id, provider, secret_sha256, permissions, keys.created, expires, revoked, ",
        limits_columns!(),
        " FROM keys JOIN providers ON providers.id = keys.provider
         WHERE keys.id = $1 AND revoked IS NULL AND (expires IS NULL OR expires > $2)"
    ))
    .bind(id)
    .bind(now)
    .fetch_optional(conn)
    .await)?)
}

/// Returns the first `limit` keys of all providers, by provider and age; for the operator.
pub async fn list(tx: &mut Tx, limit: i64) -> Result<Vec<ListedKey>, Error> {
    Ok(on!(tx, |conn| sqlx::query_as(
        "SELECT keys.id, providers.name AS provider, permissions, keys.created, expires, revoked
         FROM keys JOIN providers ON providers.id = keys.provider
         ORDER BY providers.name, keys.created, keys.id LIMIT $1"
    )
    .bind(limit)
    .fetch_all(conn)
    .await)?)
}

/// Revokes a key, and returns the time of its revocation: earlier than `now` if it was revoked before. `None` if there
/// is no such key.
pub async fn revoke(tx: &mut Tx, id: KeyId, now: Moment) -> Result<Option<Moment>, Error> {
    Ok(on!(tx, |conn| sqlx::query_scalar(
        "UPDATE keys SET revoked = COALESCE(revoked, $2) WHERE id = $1 RETURNING revoked"
    )
    .bind(id)
    .bind(now)
    .fetch_optional(conn)
    .await)?)
}
