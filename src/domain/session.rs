//! A bio-session: the data of one user's case, for as long as it lives.

use super::{Moment, OwnerId, SessionId};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    pub id: SessionId,
    /// The owner of its media; `None` for a session from before media had owners.
    pub owner: Option<OwnerId>,
    /// The caller's own ids of the session.
    pub correlation_id: Option<String>,
    pub evidence_id: Option<String>,
    /// The caller's reference to the record of the person's consent.
    pub consent_reference: Option<String>,
    /// True if the images that its faces are made from are kept.
    pub image_storage_enabled: bool,
    /// The URL that receives the callbacks of results.
    pub callback_url: Option<String>,
    pub created: Moment,
    /// The first moment at which it no longer exists.
    pub expires: Moment,
}
