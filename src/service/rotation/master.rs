//! Seals everything that one master key has sealed with another one, while the server serves.

use crate::domain::audit::{Entry, Work};
use crate::domain::{Moment, OwnerId};
use crate::media::{self, Media};
use crate::seal::master::Master;
use crate::seal::{self, vault};
use crate::service::server_keys::LISTED_MAX;
use crate::service::sessions::sealed;
use crate::service::{attestations, audit, callbacks, epochs, erasures, server_keys};
use crate::store::{self, Store};

/// The rows that are read at once.
const PAGE: i64 = 1000;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error(transparent)]
    Media(#[from] media::Error),
    #[error("{place}: {source}")]
    Seal { place: String, source: seal::Error },
}

/// The places of sealed values.
pub struct Places<'a> {
    pub store: &'a Store,
    pub media: &'a Media,
    pub owner: OwnerId,
}

/// Seals every value that another key of `master` has sealed with its first key. Returns the number of values. It may
/// be interrupted and repeated: values that are sealed with the first key already stay as they are. A value that
/// changes in the meantime is left for the next call.
pub async fn reseal(places: &Places<'_>, master: &Master, now: Moment) -> Result<usize, Error> {
    let mut count = server_keys(places, master).await?;
    count += callback_secrets(places, master).await?;
    count += attestation_keys(places, master).await?;
    count += sessions(places, master).await?;
    count += epoch_keys(places, master, now).await?;
    if count == 0 {
        return Ok(0);
    }
    let mut tx = places.store.begin().await?;
    let entry = Entry { times: Some(count as u64), ..Entry::of_operator(Work::MasterKeyRotated, now) };
    audit::append(&mut tx, master, &entry).await?;
    tx.commit().await?;
    Ok(count)
}

/// Returns the value sealed with the first key; `None` if it already is.
fn anew(master: &Master, place: String, sealed: &[u8]) -> Result<Option<Vec<u8>>, Error> {
    master.reseal(&place, sealed).map_err(|source| Error::Seal { place, source })
}

async fn server_keys(Places { store, .. }: &Places<'_>, master: &Master) -> Result<usize, Error> {
    let mut count = 0;
    let algorithms = [["ES256", "RS256"], ["ECDH-ES", "RSA-OAEP-256"]];
    for algorithms in algorithms {
        let mut tx = store.begin().await?;
        for row in store::server_keys::list(&mut tx, algorithms, LISTED_MAX).await? {
            if let Some(sealed) = anew(master, server_keys::place(&row.kid), &row.private_key_sealed)? {
                count += usize::from(store::server_keys::reseal(&mut tx, &row, &sealed).await?);
            }
        }
        tx.commit().await?;
    }
    Ok(count)
}

async fn callback_secrets(Places { store, .. }: &Places<'_>, master: &Master) -> Result<usize, Error> {
    let mut count = 0;
    let mut tx = store.read().await?;
    let providers = store::providers::with_callback_secrets(&mut tx).await?;
    drop(tx);
    for provider in providers {
        let mut tx = store.begin().await?;
        let found = store::providers::callback_secrets(&mut tx, provider).await?;
        let mut sealed = found.clone();
        for secret in [&mut sealed.callback_secret_sealed, &mut sealed.callback_secret_before_sealed] {
            if let Some(value) = secret
                && let Some(anew) = anew(master, callbacks::place(provider), value)?
            {
                *value = anew;
                count += 1;
            }
        }
        if sealed != found {
            store::providers::reseal_callback_secrets(&mut tx, provider, &found, &sealed).await?;
        }
        tx.commit().await?;
    }
    Ok(count)
}

async fn attestation_keys(Places { store, .. }: &Places<'_>, master: &Master) -> Result<usize, Error> {
    let mut count = 0;
    let mut tx = store.begin().await?;
    for (provider, before) in store::attestations::all(&mut tx).await? {
        if let Some(sealed) = anew(master, attestations::place(provider), &before)? {
            count += usize::from(store::attestations::reseal(&mut tx, provider, &before, &sealed).await?);
        }
    }
    tx.commit().await?;
    Ok(count)
}

/// Reseals the keys of sessions from before there were epochs.
async fn sessions(Places { store, .. }: &Places<'_>, master: &Master) -> Result<usize, Error> {
    let (mut count, mut last) = (0, None);
    loop {
        let mut tx = store.begin().await?;
        let page = store::sessions::without_epoch(&mut tx, last, PAGE).await?;
        for (id, key_sealed) in &page {
            if let Some(sealed) = anew(master, sealed::key_place(*id), key_sealed)? {
                count += usize::from(store::sessions::reseal(&mut tx, *id, key_sealed, &sealed).await?);
            }
        }
        tx.commit().await?;
        match page.last() {
            Some((id, _)) => last = Some(*id),
            None => return Ok(count),
        }
    }
}

/// Reseals the keys of epochs, which lie among the media. A key that is erased in the meantime must not come back.
async fn epoch_keys(Places { store, media, owner }: &Places<'_>, master: &Master, now: Moment) -> Result<usize, Error> {
    let mut tx = store.read().await?;
    let epochs = store::epochs::all(&mut tx).await?;
    drop(tx);
    let mut count = 0;
    for epoch in epochs {
        let name = epochs::media_name(*owner, epoch.id);
        let Some(kept) = media.get(&name).await? else { continue };
        // A key that a vault wrapped does not depend on the master key.
        if vault::is_wrapped(&kept) {
            continue;
        }
        let Some(sealed) = anew(master, epochs::place(epoch), &kept)? else { continue };
        media.put(&name, sealed.into()).await?;
        count += 1;
        let mut tx = store.begin().await?;
        if !store::epochs::exists(&mut tx, epoch.id).await? {
            erasures::owe(&mut tx, &name, now).await?;
        }
        tx.commit().await?;
    }
    Ok(count)
}
