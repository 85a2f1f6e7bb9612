//! The server's own keys: kept sealed in the store, the same on every node.
//!
//! A key serves from its time on, until the next one's. It is announced before that, so that every node knows it, and
//! everyone who keeps the key set.

use secrecy::{ExposeSecret, SecretSlice};

use crate::domain::Moment;
use crate::seal;
use crate::seal::master::Master;
use crate::sign::certificate;
use crate::store::server_keys::ServerKey;
use crate::store::{self, Store};

/// Keys of two algorithms: rotated once a month, four years of them.
pub const LISTED_MAX: i64 = 100;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error("the server's key '{kid}': {source}")]
    Sealed { kid: String, source: seal::Error },
}

/// A new key, as it is to be kept.
pub struct NewKey {
    /// Its public half's thumbprint (RFC 7638), or its certificate's.
    pub kid: String,
    /// The private half, in DER.
    pub der: SecretSlice<u8>,
    /// The public half as JWK, in JSON.
    pub jwk: String,
    /// PEM.
    pub certificate: String,
}

impl NewKey {
    /// The row of a key that begins to serve at `serves`; `None` of an algorithm's first, which does at once.
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

/// Makes the first key of an algorithm. Nodes that do so at once end up with the same one.
///
/// # Errors
/// Among others, that there are keys, and another master key has sealed them all.
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
    // If another node was faster, its key is everyone's.
    store::server_keys::insert(&mut tx, &row).await.map_err(failed)?;
    tx.commit().await.map_err(failed)
}

/// The newest keys of these algorithms, newest first. One that this server did not seal is reported and left out: whoever
/// can write to the database could have put it there.
pub async fn list(store: &Store, master: &Master, algorithms: [&str; 2]) -> Result<Vec<KeptKey>, store::Error> {
    let mut tx = store.read().await?;
    let rows = store::server_keys::list(&mut tx, algorithms, LISTED_MAX).await?;
    Ok(opened(master, rows))
}

/// As [`list`], of rows that were read.
pub fn opened(master: &Master, rows: Vec<ServerKey>) -> Vec<KeptKey> {
    let open =
        |row| open(master, row).inspect_err(|error| tracing::error!(%error, "a key of the server is not used")).ok();
    rows.into_iter().filter_map(open).collect()
}

/// The key of the algorithm that serves now: the last one that has begun, or the first one, which a node may have made
/// whose clock is ahead.
pub fn serving<'a>(keys: &'a [KeptKey], algorithm: &str, now: Moment) -> Option<&'a KeptKey> {
    let of_algorithm = || keys.iter().filter(|key| key.row.algorithm == algorithm);
    let begun = of_algorithm().filter(|key| key.row.begins() <= now).max_by_key(|key| key.row.begins());
    begun.or_else(|| of_algorithm().min_by_key(|key| key.row.begins()))
}

/// The key of the algorithm that is announced and does not serve yet.
pub fn announced<'a>(keys: &'a [KeptKey], algorithm: &str, now: Moment) -> Option<&'a KeptKey> {
    keys.iter().find(|key| key.row.algorithm == algorithm && key.row.serves.is_some_and(|serves| serves > now))
}

/// True if there is a key of the algorithm.
///
/// # Errors
/// Among others, that there are some, and another master key has sealed them all.
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

/// The table had this name when the first keys were sealed.
pub(super) fn place(kid: &str) -> String {
    format!("signing_keys/{kid}/private_key")
}
