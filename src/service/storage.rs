//! Media that others than this server may look up: where each lies.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::domain::OwnerId;
use crate::service::{Deps, Error};
use crate::store::{self, Store};

/// The folder of all media of an owner's sessions.
pub(super) const MEDIA: &str = "sessions";
/// The folder of all keys of an owner's epochs.
pub(super) const KEYS: &str = "keys";

/// Where a medium lies, as the contract says it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredMedium {
    pub region: String,
    pub bucket: String,
    pub key: String,
    /// SHA-256 of the bytes that were stored, in lower-case hex.
    pub hash: String,
    pub content_type: String,
}

/// Hands a medium to `media`, sealed or not, and says where it lies then.
pub async fn keep(deps: &Deps, name: &str, bytes: Bytes, content_type: &str) -> Result<StoredMedium, Error> {
    let hash = format!("{:x}", Sha256::digest(&bytes));
    deps.media.put(name, bytes).await?;
    let place = deps.media.place();
    Ok(StoredMedium {
        region: place.region.clone(),
        bucket: place.bucket.clone(),
        key: place.key(name),
        hash,
        content_type: content_type.to_owned(),
    })
}

/// The owner that media are marked with, the same on every node.
pub async fn owner(store: &Store) -> Result<OwnerId, store::Error> {
    let mut tx = store.begin().await?;
    let owner = store::owner::keep(&mut tx, OwnerId::new()).await?;
    tx.commit().await?;
    Ok(owner)
}
