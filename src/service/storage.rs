//! Stores media, and tells where they lie, so that readers other than this server find them.

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

/// The place of a medium, as the contract describes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredMedium {
    pub region: String,
    pub bucket: String,
    pub key: String,
    /// The SHA-256 of the stored bytes, in lower-case hex.
    pub hash: String,
    pub content_type: String,
}

/// Stores the bytes of a medium, which may be sealed, and returns its place.
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

/// Returns the owner that marks the media, the same on every node.
pub async fn owner(store: &Store) -> Result<OwnerId, store::Error> {
    let mut tx = store.begin().await?;
    let owner = store::owner::keep(&mut tx, OwnerId::new()).await?;
    tx.commit().await?;
    Ok(owner)
}
