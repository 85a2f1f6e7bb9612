//! What can be done with each noun of the contract: the rules, in order, and nothing else.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::Clock;
use crate::domain::Caller;
use crate::domain::FaceId;
use crate::domain::Limits;
use crate::domain::Permission;
use crate::domain::SessionId;
use crate::domain::face::Mode;
use crate::domain::template::Damage;
use crate::face;
use crate::face::Coder;
use crate::face::image::PIXELS_MAX;
use crate::media;
use crate::media::Media;
use crate::seal;
use crate::seal::Master;
use crate::service::limits::Meters;
use crate::sign;
use crate::sign::Signer;
use crate::store;
use crate::store::Store;

pub mod ages;
pub mod faces;
pub mod health;
pub mod idempotency;
pub mod keys;
pub mod limits;
pub mod matches;
pub mod providers;
pub mod sessions;
pub mod signing;

/// What the rules work with. A clone shares everything.
#[derive(Clone)]
pub struct Deps {
    pub store: Store,
    pub faces: Arc<dyn Coder>,
    pub signer: Arc<Signer>,
    /// Seals the keys of sessions.
    pub master: Master,
    pub media: Media,
    pub clock: Clock,
    pub meters: Arc<Meters>,
    pub policy: Policy,
}

/// What the operator decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// The mode of a face whose maker asked for none.
    pub mode: Mode,
    /// The life of a session whose maker asked for none.
    pub ttl_seconds: i64,
    /// The longest life of a session, unless its provider has a limit of its own.
    pub ttl_seconds_max: i64,
    /// Faces of one session.
    pub faces_max: i64,
    /// Whether images are sealed before they are handed to the media store.
    pub media_sealed: bool,
    /// Of one decoded image.
    pub image_pixels_max: u64,
    /// What a provider may ask for that has no limits of its own. Its `ttl_seconds_max` is the one above.
    pub limits: Limits,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            mode: Mode::default(),
            ttl_seconds: 300,
            ttl_seconds_max: 86_400,
            faces_max: 100,
            media_sealed: true,
            image_pixels_max: PIXELS_MAX,
            limits: Limits::default(),
        }
    }
}

/// Why something was refused.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No key, or one that is unknown, revoked or expired.
    #[error("the key is missing or not valid")]
    Unauthorized,
    #[error("the key lacks the permission '{0}'")]
    Forbidden(Permission),
    /// No such session of this provider, or its time is over.
    #[error("there is no session {0}")]
    SessionNotFound(SessionId),
    #[error("the session has no face {0}")]
    FaceNotFound(FaceId),
    #[error("the session has {0} faces, and may not have more")]
    TooManyFaces(i64),
    #[error("a session may live for 1 to {seconds_max} seconds, not for {seconds}")]
    TimeToLive { seconds: i64, seconds_max: i64 },
    #[error("the callback URL {0}")]
    CallbackUrl(&'static str),
    #[error("the idempotency key {0}")]
    IdempotencyKey(&'static str),
    #[error("the idempotency key was used for another request")]
    IdempotencyKeyReused,
    /// The provider asks for more than it may; `limit` says what that is.
    #[error("the provider may send {limit}")]
    Limited { limit: String, retry_after: Duration },
    /// One image of the request, by the name of its part.
    #[error("{part}: {error}")]
    Image { part: &'static str, error: face::Error },
    #[error("the template has version {sent}; this server compares version {served}")]
    TemplateVersion { sent: i32, served: u16 },
    #[error("the template is damaged: {0}")]
    TemplateDamaged(#[from] Damage),
    #[error("the face has no template")]
    TemplateMissing,
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error(transparent)]
    Sign(#[from] sign::Error),
    #[error(transparent)]
    Seal(#[from] seal::Error),
    #[error(transparent)]
    Media(#[from] media::Error),
    /// A fault of this server; says which.
    #[error("{0}")]
    Failed(String),
}

/// Refuses a caller whose key lacks `permission`.
pub fn require(caller: &Caller, permission: Permission) -> Result<(), Error> {
    if caller.permissions.contains(&permission) { Ok(()) } else { Err(Error::Forbidden(permission)) }
}
