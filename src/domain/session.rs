//! A bio-session: what belongs to one user's case, for as long as it lives.

use super::{Moment, OwnerId, SessionId};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    pub id: SessionId,
    /// Whose its media are; `None` from before media had owners.
    pub owner: Option<OwnerId>,
    /// The caller's own names for it.
    pub correlation_id: Option<String>,
    pub evidence_id: Option<String>,
    /// Where the person's consent is recorded, as the caller names that.
    pub consent_reference: Option<String>,
    /// Whether the images that its faces are made from are kept with them.
    pub image_storage_enabled: bool,
    /// Where the provider is told of results.
    pub callback_url: Option<String>,
    pub created: Moment,
    /// The first moment at which it is gone.
    pub expires: Moment,
}
