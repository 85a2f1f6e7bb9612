//! The rules for each noun of the contract, in order, and nothing else.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use face::FaceEngine;
use face::image::PIXELS_MAX;
use face::values::liveness::LivenessType;
use face::values::template::Damage;
use tokio::sync::Notify;

use crate::capture::key::Keys;
use crate::clock::Clock;
use crate::domain::face::Mode;
use crate::domain::{Caller, FaceId, Limits, OwnerId, Permission, SessionId};
use crate::media::{self, Media};
use crate::seal::master::Master;
use crate::seal::vault::{self, Vault};
use crate::service::audit::recorder::Recorder;
use crate::service::deliveries::Deliveries;
use crate::service::epochs::EpochKeys;
use crate::service::limits::Meters;
use crate::service::liveness::pace::CapturePace;
use crate::service::rotation::KnownKeys;
use crate::service::turns::Turns;
use crate::service::vitals::Vitals;
use crate::sign::{self, Signer};
use crate::store::{self, Store};
use crate::{callback, capture, seal};

pub mod ages;
pub mod attestations;
pub mod audit;
pub mod back_off;
pub mod callbacks;
pub mod capture_keys;
pub mod capture_tokens;
pub mod deliveries;
pub mod epochs;
pub mod erasures;
pub mod faces;
pub mod gauges;
pub mod health;
pub mod idempotency;
pub mod keys;
pub mod limits;
pub mod liveness;
pub mod looks;
pub mod matches;
pub mod origins;
pub mod providers;
pub mod receipts;
pub mod rotation;
pub mod server_keys;
pub mod sessions;
pub mod signing;
pub mod storage;
pub mod strays;
pub mod time;
pub mod turns;
pub mod vitals;

/// Everything that the rules need. Clones share it.
#[derive(Clone)]
pub struct Deps {
    pub store: Store,
    pub face_engine: Arc<dyn FaceEngine>,
    pub signer: Arc<Signer>,
    /// The master key, which seals the server's own keys and the keys of epochs.
    pub master: Master,
    /// Wraps the keys of epochs in place of the master key, if a vault is configured.
    pub vault: Option<Vault>,
    pub media: Media,
    /// The owner that marks this server's media.
    pub owner: OwnerId,
    /// The keys that seal the data keys of sessions.
    pub epochs: Arc<EpochKeys>,
    /// Notices that keys of the server were replaced.
    pub known_keys: Arc<KnownKeys>,
    /// The entries of the audit log that are still to be written.
    pub audit: Arc<Recorder>,
    /// Notified when there are media to erase.
    pub eraser: Arc<Notify>,
    /// The keys that decrypt captures.
    pub capture_keys: Arc<Keys>,
    pub pace: Arc<CapturePace>,
    pub callbacks: callback::Client,
    pub deliveries: Arc<Deliveries>,
    pub clock: Clock,
    pub meters: Arc<Meters>,
    pub vitals: Arc<Vitals>,
    pub turns: Turns,
    pub policy: PolicyInForce,
}

impl Deps {
    /// Returns the operator's policy that is in force now.
    pub fn policy(&self) -> Arc<Policy> {
        self.policy.now()
    }
}

/// The operator's policy, which may change while the server runs. Clones share it.
#[derive(Clone)]
pub struct PolicyInForce(Arc<RwLock<Arc<Policy>>>);

impl PolicyInForce {
    pub fn new(policy: Policy) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(policy))))
    }

    fn now(&self) -> Arc<Policy> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Changes the policy, except for the parts that threads and tasks were started with.
    pub fn change(&self, policy: &Policy) {
        let Policy { checks_at_once, image_pixels_max, .. } = *self.now();
        let policy = Policy { checks_at_once, image_pixels_max, ..policy.clone() };
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(policy);
    }
}

/// The operator's policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// The mode of a face if its request names none.
    pub mode: Mode,
    /// The life of a session in seconds if its request names none.
    pub ttl_seconds: i64,
    /// The longest life of a session in seconds, unless its provider has its own limit.
    pub ttl_seconds_max: i64,
    /// The most faces of one session.
    pub faces_max: i64,
    /// True if a face that comes as JSON is refused unless this server signed it and it is unchanged.
    pub verified_faces_only: bool,
    /// True if images are sealed before the media store receives them.
    pub media_sealed: bool,
    /// The most captures that this node processes at once.
    pub checks_at_once: usize,
    /// The longest estimated wait of a capture; one that would wait longer is refused.
    pub check_wait_max: Duration,
    /// The lease of a capture: far longer than its processing takes.
    pub check_lease: Duration,
    /// The most pixels of one decoded image.
    pub image_pixels_max: u64,
    /// The number of days for which entries of the audit log are kept.
    pub audit_days: i64,
    /// The limits of a provider without its own. The limit of the session's life is `ttl_seconds_max` above.
    pub limits: Limits,
}

/// The default limit of a provider: far more requests than it has in flight while they are answered in time.
const REQUESTS_AT_ONCE: i64 = 64;

impl Default for Policy {
    fn default() -> Self {
        Self {
            mode: Mode::default(),
            ttl_seconds: 300,
            ttl_seconds_max: 86_400,
            faces_max: 100,
            verified_faces_only: false,
            media_sealed: true,
            checks_at_once: 2,
            check_wait_max: Duration::from_secs(30),
            check_lease: Duration::from_mins(1),
            image_pixels_max: PIXELS_MAX,
            audit_days: 400,
            limits: Limits { requests_at_once: Some(REQUESTS_AT_ONCE), ..Limits::default() },
        }
    }
}

/// The reason why a request was refused.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no key, or it is unknown, revoked or expired.
    #[error("the key is missing or not valid")]
    Unauthorized,
    #[error("the key lacks the permission '{0}'")]
    Forbidden(Permission),
    /// The provider has no such session, or the session has expired.
    #[error("there is no session {0}")]
    SessionNotFound(SessionId),
    #[error("the session has no face {0}")]
    FaceNotFound(FaceId),
    #[error("the session already has {0} faces, the maximum")]
    TooManyFaces(i64),
    #[error("a session may live for 1 to {seconds_max} seconds, not for {seconds}")]
    TimeToLive { seconds: i64, seconds_max: i64 },
    #[error("the callback URL {0}")]
    CallbackUrl(&'static str),
    #[error("the idempotency key {0}")]
    IdempotencyKey(&'static str),
    #[error("this Idempotency-Key was used for a different request")]
    IdempotencyKeyReused,
    /// The provider exceeds one of its limits; `limit` names it.
    #[error("this provider has reached its limit of {limit}")]
    Limited { limit: String, retry_after: Duration },
    /// An image of the request is refused; `part` names it.
    #[error("{part}: {error}")]
    Image { part: &'static str, error: face::Error },
    #[error("is supported for {} only", LivenessType::PassiveVideo)]
    LightChallenge,
    #[error("the origin of the return URL is not registered for this provider")]
    ReturnUrl,
    #[error("this liveness check allows no further attempt")]
    NoAttemptLeft,
    #[error("no liveness check has begun in this session")]
    LivenessNotInitialized,
    #[error("the liveness check of this session is in progress")]
    LivenessInProgress,
    #[error("this liveness check already has a capture")]
    CaptureAlreadySent,
    #[error("the time for the capture is over")]
    CaptureTooLate,
    #[error(transparent)]
    Capture(#[from] capture::Error),
    /// Too many captures wait.
    #[error("captures wait for {} s in the queue", retry_after.as_secs())]
    Busy { retry_after: Duration },
    #[error("the template has version {sent} and this server compares version {served}")]
    TemplateVersion { sent: i32, served: u16 },
    #[error("the template is damaged: {0}")]
    TemplateDamaged(#[from] Damage),
    #[error("the signature does not match the face")]
    FaceNotVerified,
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error(transparent)]
    Sign(#[from] sign::Error),
    #[error(transparent)]
    Seal(#[from] seal::Error),
    #[error(transparent)]
    Media(#[from] media::Error),
    #[error(transparent)]
    Vault(#[from] vault::Error),
    /// The audit log cannot be written, so no answer may be given; says why.
    #[error("the audit log cannot be written: {0}")]
    Unrecorded(String),
    /// A failure of this server; says which.
    #[error("{0}")]
    Failed(String),
}

/// Refuses a caller whose key lacks `permission`, and every capture token.
pub fn require(caller: &Caller, permission: Permission) -> Result<(), Error> {
    let may = caller.only.is_none() && caller.permissions.contains(&permission);
    if may { Ok(()) } else { Err(Error::Forbidden(permission)) }
}

/// Refuses as [`require`] does, but admits a capture token of this session.
pub fn require_in(caller: &Caller, permission: Permission, session: SessionId) -> Result<(), Error> {
    let is_open = caller.only.as_ref().is_none_or(|only| only.session == session);
    let may = is_open && caller.permissions.contains(&permission);
    if may { Ok(()) } else { Err(Error::Forbidden(permission)) }
}
