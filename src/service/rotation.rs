//! Replaces the server's keys while it serves: a new key is announced, then serves on every node, and the old keys
//! still verify or open what they were used for.

use std::sync::{Mutex, PoisonError};

use chrono::TimeDelta;

use crate::capture::key::{self as capture_key};
use crate::domain::Moment;
use crate::domain::audit::{Entry, Work};
use crate::seal::master::Master;
use crate::service::server_keys::{self, KeptKey, LISTED_MAX, NewKey};
use crate::service::{Deps, audit, capture_keys, signing};
use crate::sign::key::Key;
use crate::sign::{Algorithm, certificate};
use crate::store::server_keys::ServerKey;
use crate::store::{self, Store};

pub mod master;

/// The time before its end at which a certificate is renewed.
const RENEWED_BEFORE: TimeDelta = TimeDelta::days(60);
/// The life of the certificates that the first versions of the program made.
const FIRST_CERTIFICATES: TimeDelta = TimeDelta::days(20 * 365);

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error(transparent)]
    Signing(#[from] signing::Error),
    #[error(transparent)]
    Capture(#[from] capture_keys::Error),
    #[error("the signing key is set in 'signing_key': replace it there")]
    Own,
    #[error("the key {kid} is already announced and will be used from {serves} on")]
    Announced { kid: String, serves: Moment },
}

/// The keys that this node uses, so that it notices changes.
#[derive(Default)]
pub struct KnownKeys(Mutex<Vec<Mark>>);

/// The properties of a key whose change a node must notice: its certificate may be replaced, and its time may have
/// come.
#[derive(PartialEq)]
struct Mark {
    kid: String,
    certificate: String,
    has_begun: bool,
}

impl KnownKeys {
    /// True if these differ from the keys before.
    fn notice(&self, marks: Vec<Mark>) -> bool {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = *known != marks;
        *known = marks;
        is_new
    }

    fn forget(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// Announces a key that signs from `serves` on. By then all nodes and all clients that cache the key set must know it.
pub async fn announce_signing(
    store: &Store,
    master: &Master,
    settings: &signing::Settings,
    now: Moment,
    serves: Moment,
) -> Result<String, Error> {
    let signing::Settings::Kept(algorithm) = *settings else { return Err(Error::Own) };
    let kept = server_keys::list(store, master, [algorithm.name(); 2]).await?;
    let new = signing::new_key(algorithm, now)?;
    let announced = [(algorithm.name(), new)];
    announce(store, master, &kept, &announced, Work::SigningKeyRotated, now, serves).await?;
    let [(_, new)] = announced;
    Ok(new.kid)
}

/// Announces keys that captures are encrypted for from `serves` on. By then all nodes must know them.
pub async fn announce_capture(store: &Store, master: &Master, now: Moment, serves: Moment) -> Result<(), Error> {
    let algorithms = capture_key::Algorithm::ALL;
    let kept = server_keys::list(store, master, algorithms.map(capture_key::Algorithm::name)).await?;
    let new = |algorithm: capture_key::Algorithm| Ok((algorithm.name(), capture_keys::new_key(algorithm, now)?));
    let announced = algorithms.into_iter().map(new).collect::<Result<Vec<_>, Error>>()?;
    announce(store, master, &kept, &announced, Work::CaptureKeysRotated, now, serves).await
}

async fn announce(
    store: &Store,
    master: &Master,
    kept: &[KeptKey],
    new: &[(&'static str, NewKey)],
    work: Work,
    now: Moment,
    serves: Moment,
) -> Result<(), Error> {
    let mut tx = store.begin().await?;
    for (algorithm, key) in new {
        if let Some(KeptKey { row, .. }) = server_keys::announced(kept, algorithm, now) {
            return Err(Error::Announced { kid: row.kid.clone(), serves: row.begins() });
        }
        store::server_keys::insert(&mut tx, &key.row(master, algorithm, now, Some(serves))).await?;
        let entry = Entry::of_operator(work, now).with_subject(&key.kid);
        audit::append(&mut tx, master, &entry).await?;
    }
    Ok(tx.commit().await?)
}

/// Makes this node use the keys that are kept now, and renews certificates that end soon.
pub async fn follow(deps: &Deps) -> Result<(), Error> {
    let now = deps.clock.now();
    let mut tx = deps.store.read().await?;
    let signing = store::server_keys::list(&mut tx, Algorithm::ALL.map(Algorithm::name), LISTED_MAX).await?;
    let capture_algorithms = capture_key::Algorithm::ALL.map(capture_key::Algorithm::name);
    let capture = store::server_keys::list(&mut tx, capture_algorithms, LISTED_MAX).await?;
    drop(tx);
    let mark = |row: &ServerKey| Mark {
        kid: row.kid.clone(),
        certificate: row.certificate.clone(),
        has_begun: row.begins() <= now,
    };
    let is_new = deps.known_keys.notice(signing.iter().chain(&capture).map(mark).collect());
    let is_due = |row: &ServerKey| row.retired.is_none() && certificate_ends(row) <= now.plus(RENEWED_BEFORE);
    if !is_new && !signing.iter().chain(&capture).any(is_due) {
        return Ok(());
    }
    let adopted = adopt(deps, signing, capture, now).await;
    if adopted.is_err() {
        // The next call tries it again.
        deps.known_keys.forget();
    }
    adopted
}

async fn adopt(deps: &Deps, signing: Vec<ServerKey>, capture: Vec<ServerKey>, now: Moment) -> Result<(), Error> {
    let (signing, capture) = (opened(deps, signing), opened(deps, capture));
    let active = match deps.signer.kept_algorithm() {
        None => None,
        Some(algorithm) => server_keys::serving(&signing, algorithm.name(), now),
    };
    deps.signer.replace(active.map(signing::read).transpose()?, signing::public_keys(&signing)?);
    let serving_capture =
        capture_key::Algorithm::ALL.map(|algorithm| server_keys::serving(&capture, algorithm.name(), now));
    if serving_capture.iter().all(Option::is_some) {
        capture_keys::replace(&deps.capture_keys, &capture, now)?;
    }
    for key in active.into_iter().chain(serving_capture.into_iter().flatten()) {
        settle(deps, key, now).await?;
    }
    Ok(())
}

fn opened(deps: &Deps, rows: Vec<ServerKey>) -> Vec<KeptKey> {
    server_keys::opened(&deps.master, rows)
}

/// Marks a key that has begun to serve, so that older versions of the program use it, and renews its certificate before
/// it ends.
async fn settle(deps: &Deps, key: &KeptKey, now: Moment) -> Result<(), Error> {
    let row = &key.row;
    if row.retired.is_some() {
        let mut tx = deps.store.begin().await?;
        store::server_keys::settle(&mut tx, row, now).await?;
        tx.commit().await?;
        tracing::info!(kid = row.kid, algorithm = row.algorithm, "a new key is in use");
    }
    if certificate_ends(row) > now.plus(RENEWED_BEFORE) {
        return Ok(());
    }
    let renewed = match row.algorithm.parse::<capture_key::Algorithm>() {
        Ok(algorithm) => capture_key::Key::renew(algorithm, &key.der, now).map_err(capture_keys::Error::from)?,
        Err(_) => Key::renew(&key.der, now).map_err(signing::Error::from)?,
    };
    let mut tx = deps.store.begin().await?;
    if store::server_keys::renew(&mut tx, row, &renewed, certificate::ends(now)).await? {
        let entry = Entry::of_server(Work::CertificateRenewed, "renewed", now).with_subject(&row.kid);
        audit::append(&mut tx, &deps.master, &entry).await?;
        tx.commit().await?;
        tracing::info!(kid = row.kid, algorithm = row.algorithm, "a certificate was renewed");
    }
    Ok(())
}

fn certificate_ends(row: &ServerKey) -> Moment {
    row.certificate_ends.unwrap_or_else(|| row.created.plus(FIRST_CERTIFICATES))
}
