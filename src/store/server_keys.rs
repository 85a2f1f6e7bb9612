//! Table `server_keys`: the keys that sign answers and that captures are encrypted for, shared by all nodes.

use std::fmt;

use crate::domain::Moment;
use crate::store::column::row;
use crate::store::{Error, Tx, on};

#[derive(Clone, PartialEq, Eq)]
pub struct ServerKey {
    /// The public key's thumbprint (RFC 7638).
    pub kid: String,
    /// As JOSE names it.
    pub algorithm: String,
    /// Sealed by the master key.
    pub private_key_sealed: Vec<u8>,
    /// The public half, as JSON.
    pub jwk: String,
    /// PEM.
    pub certificate: String,
    pub created: Moment,
    /// Since when it no longer serves; a signing key is still published.
    pub retired: Option<Moment>,
}
row!(ServerKey { kid, algorithm, private_key_sealed, jwk, certificate, created, retired });

impl fmt::Debug for ServerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kid, algorithm, created, retired, .. } = self;
        write!(f, "ServerKey({kid}, {algorithm}, {created}, retired {retired:?})")
    }
}

/// Whether it was taken: `false` when the algorithm has a key that serves already.
pub async fn insert(tx: &mut Tx, key: &ServerKey) -> Result<bool, Error> {
    Ok(on!(tx, |conn| sqlx::query(
        "INSERT INTO server_keys (kid, algorithm, private_key_sealed, jwk, certificate, created, retired)
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING"
    )
    .bind(&key.kid)
    .bind(&key.algorithm)
    .bind(&key.private_key_sealed)
    .bind(&key.jwk)
    .bind(&key.certificate)
    .bind(key.created)
    .bind(key.retired)
    .execute(conn)
    .await
    .map(|done| done.rows_affected() == 1))?)
}

/// The key that serves this algorithm.
pub async fn active(tx: &mut Tx, algorithm: &str) -> Result<Option<ServerKey>, Error> {
    Ok(on!(tx, |conn| sqlx::query_as(
        "SELECT kid, algorithm, private_key_sealed, jwk, certificate, created, retired FROM server_keys
         WHERE algorithm = $1 AND retired IS NULL"
    )
    .bind(algorithm)
    .fetch_optional(conn)
    .await)?)
}

/// The newest `limit` keys of these algorithms, newest first.
pub async fn list(tx: &mut Tx, algorithms: [&str; 2], limit: i64) -> Result<Vec<ServerKey>, Error> {
    Ok(on!(tx, |conn| sqlx::query_as(
        "SELECT kid, algorithm, private_key_sealed, jwk, certificate, created, retired FROM server_keys
         WHERE algorithm IN ($1, $2) ORDER BY created DESC, kid LIMIT $3"
    )
    .bind(algorithms[0])
    .bind(algorithms[1])
    .bind(limit)
    .fetch_all(conn)
    .await)?)
}
