//! A stored session: the part that is sealed, and the part that stands beside it in the open.

use serde::{Deserialize, Serialize};

use crate::domain::session::Session;
use crate::domain::{ProviderId, SessionId};
use crate::seal::{self, Key};
use crate::service::{Deps, Error, epochs};
use crate::store::sessions::StoredSession;

/// The data key of a session, which seals all that belongs to it.
#[derive(Debug, Clone)]
pub struct SessionKey {
    key: Key,
    /// True if sealed values are bound to the facts beside them; false for a session from before there were epochs.
    pub binds: bool,
}

impl SessionKey {
    /// Seals `plain` for the place that `place` names, bound to facts that stand beside it in the open.
    pub fn seal(&self, place: &str, facts: &str, plain: &[u8]) -> Vec<u8> {
        self.key.seal(&self.bound(place, facts), plain)
    }

    /// Opens a value that was sealed for the same place. It fails if the facts have changed.
    pub fn open(&self, place: &str, facts: &str, sealed: &[u8]) -> Result<Vec<u8>, seal::Error> {
        self.key.open(&self.bound(place, facts), sealed)
    }

    fn bound(&self, place: &str, facts: &str) -> String {
        if self.binds && !facts.is_empty() { format!("{place}?{facts}") } else { place.to_owned() }
    }
}

/// A session whose row is unchanged, and its data key.
#[derive(Debug, Clone)]
pub struct LiveSession {
    pub session: Session,
    pub key: SessionKey,
}

/// The caller's ids of a session, sealed by its key. Later versions of this server must read it leniently.
#[derive(Serialize, Deserialize)]
struct About {
    correlation_id: Option<String>,
    evidence_id: Option<String>,
    consent_reference: Option<String>,
    callback_url: Option<String>,
}

/// Returns a new session with a new key, and its row.
pub async fn seal(deps: &Deps, provider: ProviderId, session: Session) -> Result<(LiveSession, StoredSession), Error> {
    let (epoch, epoch_key) = epochs::sealing(deps, session.expires).await?;
    let data_key = Key::make();
    let about = About {
        correlation_id: session.correlation_id.clone(),
        evidence_id: session.evidence_id.clone(),
        consent_reference: session.consent_reference.clone(),
        callback_url: session.callback_url.clone(),
    };
    let about =
        serde_json::to_vec(&about).map_err(|error| Error::Failed(format!("a session cannot be stored: {error}")))?;
    let mut stored = StoredSession {
        id: session.id,
        provider,
        owner: session.owner,
        epoch: Some(epoch),
        image_storage_enabled: session.image_storage_enabled,
        has_callback: session.callback_url.is_some(),
        created: session.created,
        expires: session.expires,
        key_sealed: epoch_key.wrap(&key_place(session.id), &data_key),
        about_sealed: None,
        correlation_id: None,
        evidence_id: None,
        callback_url: None,
    };
    let key = SessionKey { key: data_key, binds: true };
    stored.about_sealed = Some(key.seal(&about_place(session.id), &facts(&stored), &about));
    Ok((LiveSession { session, key }, stored))
}

/// Opens the sealed values of a row.
///
/// # Errors
/// Somebody else changed the row, or the media are away.
pub async fn open(deps: &Deps, stored: StoredSession) -> Result<LiveSession, Error> {
    let place = key_place(stored.id);
    let (about, key) = if let Some(epoch) = stored.epoch {
        let data_key = epochs::key(deps, epoch, stored.expires).await?.unwrap(&place, &stored.key_sealed)?;
        let key = SessionKey { key: data_key, binds: true };
        let sealed = stored.about_sealed.as_deref().unwrap_or_default();
        let about = key.open(&about_place(stored.id), &facts(&stored), sealed)?;
        let about = serde_json::from_slice(&about)
            .map_err(|error| Error::Failed(format!("the session {} cannot be read: {error}", stored.id)))?;
        (about, key)
    } else {
        let key = SessionKey { key: deps.master.unwrap(&place, &stored.key_sealed)?, binds: false };
        let StoredSession { correlation_id, evidence_id, callback_url, .. } = stored.clone();
        (About { correlation_id, evidence_id, consent_reference: None, callback_url }, key)
    };
    let session = Session {
        id: stored.id,
        owner: stored.owner,
        correlation_id: about.correlation_id,
        evidence_id: about.evidence_id,
        consent_reference: about.consent_reference,
        image_storage_enabled: stored.image_storage_enabled,
        callback_url: about.callback_url,
        created: stored.created,
        expires: stored.expires,
    };
    Ok(LiveSession { session, key })
}

/// Returns the values that stand in the open in a session's row, to which its sealed values are bound.
fn facts(stored: &StoredSession) -> String {
    let StoredSession { provider, image_storage_enabled, created, expires, .. } = stored;
    format!("{}/{image_storage_enabled}/{created}/{expires}", provider.0)
}

pub fn key_place(id: SessionId) -> String {
    format!("sessions/{id}/key")
}

fn about_place(id: SessionId) -> String {
    format!("sessions/{id}/about")
}
