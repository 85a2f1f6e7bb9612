//! Table `server_keys`: the keys that sign answers and that captures are encrypted for, shared by all nodes.

use std::fmt;

use crate::domain::Moment;
use crate::store::column::row;
use crate::store::{Error, Tx, on};

#[derive(Clone, PartialEq, Eq)]
pub struct ServerKey {
    /// The public key's thumbprint (RFC 7638), or for a capture key that of its certificate.
    pub kid: String,
    /// The name of the algorithm in JOSE.
    pub algorithm: String,
    /// The private key, sealed by the master key.
    pub private_key_sealed: Vec<u8>,
    /// The public half as JSON.
    pub jwk: String,
    /// The certificate in PEM.
    pub certificate: String,
    pub created: Moment,
    /// For versions of the program that do not know `serves`: `None` only for the key of an algorithm that serves.
    pub retired: Option<Moment>,
    /// The time from which on it serves, until another key does; `None` means since it was made.
    pub serves: Option<Moment>,
    /// The end of the certificate; `None` for one of twenty years.
    pub certificate_ends: Option<Moment>,
}
row!(ServerKey { kid, algorithm, private_key_sealed, jwk, certificate, created, retired, serves, certificate_ends });

impl ServerKey {
    /// Returns the time from which on it serves.
    pub fn begins(&self) -> Moment {
        self.serves.unwrap_or(self.created)
    }
}

impl fmt::Debug for ServerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kid, algorithm, created, retired, .. } = self;
        write!(f, "ServerKey({kid}, {algorithm}, {created}, retired {retired:?})")
    }
}

/// Inserts a key; `false` if the algorithm already has a key that serves.
pub async fn insert(tx: &mut Tx, key: &ServerKey) -> Result<bool, Error> {
    Ok(on!(tx, |conn| sqlx::query(
        "INSERT INTO server_keys (kid, algorithm, private_key_sealed, jwk, certificate, created, retired, serves,
                                  certificate_ends)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING"
    )
    .bind(&key.kid)
    .bind(&key.algorithm)
    .bind(&key.private_key_sealed)
    .bind(&key.jwk)
    .bind(&key.certificate)
    .bind(key.created)
    .bind(key.retired)
    .bind(key.serves)
    .bind(key.certificate_ends)
    .execute(conn)
    .await
    .map(|done| done.rows_affected() == 1))?)
}

/// Returns the newest `limit` keys of these algorithms, newest first.
pub async fn list(tx: &mut Tx, algorithms: [&str; 2], limit: i64) -> Result<Vec<ServerKey>, Error> {
    Ok(on!(tx, |conn| sqlx::query_as(
        "SELECT kid, algorithm, private_key_sealed, jwk, certificate, created, retired, serves, certificate_ends
         FROM server_keys WHERE algorithm IN ($1, $2) ORDER BY created DESC, kid LIMIT $3"
    )
    .bind(algorithms[0])
    .bind(algorithms[1])
    .bind(limit)
    .fetch_all(conn)
    .await)?)
}

/// Makes versions of the program that do not know `serves` use this key, too.
pub async fn settle(tx: &mut Tx, key: &ServerKey, now: Moment) -> Result<(), Error> {
    on!(tx, |conn| sqlx::query(
        "UPDATE server_keys SET retired = $3 WHERE algorithm = $1 AND kid <> $2 AND retired IS NULL"
    )
    .bind(&key.algorithm)
    .bind(&key.kid)
    .bind(now)
    .execute(conn)
    .await
    .map(|_| ()))?;
    on!(tx, |conn| sqlx::query("UPDATE server_keys SET retired = NULL WHERE kid = $1")
        .bind(&key.kid)
        .execute(conn)
        .await
        .map(|_| ()))
}

/// Replaces the key's certificate; `false` if it has another one by now.
pub async fn renew(tx: &mut Tx, key: &ServerKey, certificate: &str, ends: Moment) -> Result<bool, Error> {
    Ok(on!(tx, |conn| sqlx::query(
        "UPDATE server_keys SET certificate = $3, certificate_ends = $4 WHERE kid = $1 AND certificate = $2"
    )
    .bind(&key.kid)
    .bind(&key.certificate)
    .bind(certificate)
    .bind(ends)
    .execute(conn)
    .await
    .map(|done| done.rows_affected() == 1))?)
}

/// Replaces the sealed form of the same private key; `false` if it has changed.
pub async fn reseal(tx: &mut Tx, key: &ServerKey, sealed: &[u8]) -> Result<bool, Error> {
    Ok(on!(tx, |conn| sqlx::query(
        "UPDATE server_keys SET private_key_sealed = $3 WHERE kid = $1 AND private_key_sealed = $2"
    )
    .bind(&key.kid)
    .bind(&key.private_key_sealed)
    .bind(sealed)
    .execute(conn)
    .await
    .map(|done| done.rows_affected() == 1))?)
}
