//! The server's own keys: kept sealed in the store, the same on every node.

use secrecy::{ExposeSecret, SecretSlice};

use crate::domain::Moment;
use crate::seal;
use crate::seal::master::Master;
use crate::store::server_keys::ServerKey;
use crate::store::{self, Store};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error("the server's key '{kid}': {source}")]
    Sealed { kid: String, source: seal::Error },
}

/// A key as it is kept.
pub struct StoredKey {
    /// Its public half's thumbprint (RFC 7638).
    pub kid: String,
    /// The private half, in DER.
    pub der: SecretSlice<u8>,
    /// The public half as JWK, in JSON.
    pub jwk: String,
    /// PEM.
    pub certificate: String,
}

/// The key that serves `algorithm`; it is made when there is none. Nodes that ask at once end up with the same one.
pub async fn serving<E: From<Error>>(
    store: &Store,
    master: &Master,
    algorithm: &str,
    now: Moment,
    make: impl FnOnce() -> Result<StoredKey, E>,
) -> Result<StoredKey, E> {
    let failed = |error: store::Error| E::from(error.into());
    let mut tx = store.read().await.map_err(failed)?;
    if let Some(row) = store::server_keys::active(&mut tx, algorithm).await.map_err(failed)? {
        return Ok(opened(master, row)?);
    }
    drop(tx);
    let made = make()?;
    Ok(insert(store, master, algorithm, now, made).await?)
}

async fn insert(
    store: &Store,
    master: &Master,
    algorithm: &str,
    now: Moment,
    made: StoredKey,
) -> Result<StoredKey, Error> {
    let row = ServerKey {
        kid: made.kid.clone(),
        algorithm: algorithm.to_owned(),
        private_key_sealed: master.seal(&place(&made.kid), made.der.expose_secret()),
        jwk: made.jwk.clone(),
        certificate: made.certificate.clone(),
        created: now,
        retired: None,
    };
    let mut tx = store.begin().await?;
    if store::server_keys::insert(&mut tx, &row).await? {
        tx.commit().await?;
        return Ok(made);
    }
    // Another node was faster: its key is everyone's.
    let row = store::server_keys::active(&mut tx, algorithm).await?;
    row.map_or(Ok(made), |row| opened(master, row))
}

/// The newest `limit` keys of these algorithms, newest first, each with its algorithm. One that this server did not seal is reported and left
/// out: whoever can write to the database could have put it there.
pub async fn list(
    store: &Store,
    master: &Master,
    algorithms: [&str; 2],
    limit: i64,
) -> Result<Vec<(String, StoredKey)>, store::Error> {
    let mut tx = store.read().await?;
    let rows = store::server_keys::list(&mut tx, algorithms, limit).await?;
    let open = |row: ServerKey| {
        let algorithm = row.algorithm.clone();
        let opened = opened(master, row).inspect_err(|error| tracing::error!(%error, "a key is not published"));
        Some((algorithm, opened.ok()?))
    };
    Ok(rows.into_iter().filter_map(open).collect())
}

fn opened(master: &Master, row: ServerKey) -> Result<StoredKey, Error> {
    let opened = master.open(&place(&row.kid), &row.private_key_sealed);
    let der = opened.map_err(|source| Error::Sealed { kid: row.kid.clone(), source })?;
    Ok(StoredKey { kid: row.kid, der: der.into(), jwk: row.jwk, certificate: row.certificate })
}

/// The table had this name when the first keys were sealed.
fn place(kid: &str) -> String {
    format!("signing_keys/{kid}/private_key")
}
