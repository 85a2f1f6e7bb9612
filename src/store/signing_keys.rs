//! Table `signing_keys`: the keys that sign answers, shared by all nodes.

use std::fmt;

use crate::domain::Moment;
use crate::store::Error;
use crate::store::Tx;
use crate::store::column::row;
use crate::store::on;

#[derive(Clone, PartialEq, Eq)]
pub struct SigningKey {
    /// The public key's thumbprint (RFC 7638).
    pub kid: String,
    /// `ES256` or `RS256`.
    pub algorithm: String,
    /// Sealed by the master key.
    pub private_key_sealed: Vec<u8>,
    /// The public half, as JSON.
    pub jwk: String,
    /// PEM.
    pub certificate: String,
    pub created: Moment,
    /// Since when it no longer signs; it is still published.
    pub retired: Option<Moment>,
}
row!(SigningKey { kid, algorithm, private_key_sealed, jwk, certificate, created, retired });

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kid, algorithm, created, retired, .. } = self;
        write!(f, "SigningKey({kid}, {algorithm}, {created}, retired {retired:?})")
    }
}

/// Whether it was taken: `false` when the algorithm has a key that signs already.
pub async fn insert(tx: &mut Tx, key: &SigningKey) -> Result<bool, Error> {
    Ok(on!(tx, |conn| sqlx::query(
        "INSERT INTO signing_keys (kid, algorithm, private_key_sealed, jwk, certificate, created, retired)
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

/// The key that signs with this algorithm.
pub async fn active(tx: &mut Tx, algorithm: &str) -> Result<Option<SigningKey>, Error> {
    Ok(on!(tx, |conn| sqlx::query_as(
        "SELECT kid, algorithm, private_key_sealed, jwk, certificate, created, retired FROM signing_keys
         WHERE algorithm = $1 AND retired IS NULL"
    )
    .bind(algorithm)
    .fetch_optional(conn)
    .await)?)
}

/// The public halves of the newest `limit` keys, as JSON, newest first.
pub async fn published(tx: &mut Tx, limit: i64) -> Result<Vec<String>, Error> {
    Ok(on!(tx, |conn| sqlx::query_scalar("SELECT jwk FROM signing_keys ORDER BY created DESC, kid LIMIT $1")
        .bind(limit)
        .fetch_all(conn)
        .await)?)
}
