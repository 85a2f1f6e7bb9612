//! The server's own keys: sealed in the store, and the same on every node.
//!
//! A key serves from its time on until the time of the next key. It is announced before, so that every node and every
//! client that caches the key set knows it.

use secrecy::{ExposeSecret, SecretSlice};

use crate::domain::Moment;
use crate::seal;
use crate::seal::master::Master;
use crate::sign::certificate;
use crate::store::server_keys::ServerKey;
use crate::store::{self, Store};

/// The most keys that are read: with two algorithms and a rotation each month, they reach back four years.
pub const LISTED_MAX: i64 = 100;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error("the server's key '{kid}': {source}")]
    Sealed { kid: String, source: seal::Error },
}

/// A new key, ready to be kept.
pub struct NewKey {
    /// The thumbprint of its public half (RFC 7638) or of its certificate.
    pub kid: String,
    /// The private half, in DER.
    pub der: SecretSlice<u8>,
    /// The public half as JWK, in JSON.
    pub jwk: String,
    /// The certificate in PEM.
    pub certificate: String,
}

impl NewKey {
    /// Returns the row of a key that begins to serve at `serves`; `None` for the first key of an algorithm, which
    /// serves at once.
    pub fn row(&self, master: &Master, algorithm: &str, now: Moment, serves: Option<Moment>) -> ServerKey {
        ServerKey {
            kid: self.kid.clone(),
            algorithm: algorithm.to_owned(),
            private_key_sealed: master.seal(&place(&self.kid), self.der.expose_secret()),
            jwk: self.jwk.clone(),
            certificate: self.certificate.clone(),
            created: now,
            retired: serves.map(|_| now),
            serves,
            certificate_ends: Some(certificate::ends(now)),
        }
    }
}

/// A key that this server has sealed.
pub struct KeptKey {
    pub row: ServerKey,
    /// The private half, in DER.
    pub der: SecretSlice<u8>,
}

/// Makes the first key of an algorithm. Nodes that do so at the same time get the same key.
///
/// # Errors
/// There are keys, and another master key has sealed them all; or the store fails.
pub async fn make_first<E: From<Error>>(
    store: &Store,
    master: &Master,
    algorithm: &str,
    now: Moment,
    make: impl FnOnce() -> Result<NewKey, E>,
) -> Result<(), E> {
    let failed = |error: store::Error| E::from(error.into());
    if has_any(store, master, algorithm).await? {
        return Ok(());
    }
    let row = make()?.row(master, algorithm, now, None);
    let mut tx = store.begin().await.map_err(failed)?;
    // If another node was faster, its key counts.
    store::server_keys::insert(&mut tx, &row).await.map_err(failed)?;
    tx.commit().await.map_err(failed)
}

/// Returns the newest keys of these algorithms, newest first. A key that this server did not seal is logged and left
/// out, since anybody who can write to the database could have put it there.
pub async fn list(store: &Store, master: &Master, algorithms: [&str; 2]) -> Result<Vec<KeptKey>, store::Error> {
    let mut tx = store.read().await?;
    let rows = store::server_keys::list(&mut tx, algorithms, LISTED_MAX).await?;
    Ok(opened(master, rows))
}

/// Opens rows that were read, as [`list`] does.
pub fn opened(master: &Master, rows: Vec<ServerKey>) -> Vec<KeptKey> {
    let open =
        |row| open(master, row).inspect_err(|error| tracing::error!(%error, "a key of the server cannot be used")).ok();
    rows.into_iter().filter_map(open).collect()
}

/// Returns the key of the algorithm that serves now: the last one that has begun, or else the first one, which a node
/// with a clock ahead of this one may have made.
pub fn serving<'a>(keys: &'a [KeptKey], algorithm: &str, now: Moment) -> Option<&'a KeptKey> {
    let of_algorithm = || keys.iter().filter(|key| key.row.algorithm == algorithm);
    let begun = of_algorithm().filter(|key| key.row.begins() <= now).max_by_key(|key| key.row.begins());
    begun.or_else(|| of_algorithm().min_by_key(|key| key.row.begins()))
}

/// Returns the key of the algorithm that is announced and does not serve yet.
pub fn announced<'a>(keys: &'a [KeptKey], algorithm: &str, now: Moment) -> Option<&'a KeptKey> {
    keys.iter().find(|key| key.row.algorithm == algorithm && key.row.serves.is_some_and(|serves| serves > now))
}

/// True if there is a key of the algorithm.
///
/// # Errors
/// There are keys, and another master key has sealed them all; or the store fails.
async fn has_any(store: &Store, master: &Master, algorithm: &str) -> Result<bool, Error> {
    let mut tx = store.read().await?;
    let rows = store::server_keys::list(&mut tx, [algorithm; 2], LISTED_MAX).await?;
    let mut failure = None;
    for row in rows {
        match open(master, row) {
            Ok(_) => return Ok(true),
            Err(error) => failure = Some(error),
        }
    }
    failure.map_or(Ok(false), Err)
}

/// Opens a key of each of these algorithms, if there is one, and makes none. Returns their number.
pub async fn try_all(store: &Store, master: &Master, algorithms: &[&str]) -> Result<usize, Error> {
    let mut count = 0;
    for algorithm in algorithms {
        count += usize::from(has_any(store, master, algorithm).await?);
    }
    Ok(count)
}

fn open(master: &Master, row: ServerKey) -> Result<KeptKey, Error> {
    let opened = master.open(&place(&row.kid), &row.private_key_sealed);
    let der = opened.map_err(|source| Error::Sealed { kid: row.kid.clone(), source })?;
    Ok(KeptKey { row, der: der.into() })
}

/// Returns the place that a key is sealed for. It begins with the name that the table had when the first keys were
/// sealed.
pub(super) fn place(kid: &str) -> String {
    format!("signing_keys/{kid}/private_key")
}
