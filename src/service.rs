//! What can be done with each noun of the contract: the rules, in order, and nothing else.

use std::sync::Arc;

use crate::clock::Clock;
use crate::domain::Caller;
use crate::domain::Permission;
use crate::domain::face::Mode;
use crate::domain::template::Damage;
use crate::face;
use crate::face::Coder;
use crate::sign;
use crate::sign::Signer;
use crate::store;
use crate::store::Store;

pub mod faces;
pub mod health;
pub mod keys;
pub mod matches;
pub mod signing;

/// What the rules work with. A clone shares everything.
#[derive(Clone)]
pub struct Deps {
    pub store: Store,
    pub faces: Arc<dyn Coder>,
    pub signer: Arc<Signer>,
    pub clock: Clock,
    pub policy: Policy,
}

/// What the operator decides.
#[derive(Debug, Clone)]
pub struct Policy {
    /// The mode of a face whose maker asked for none.
    pub mode: Mode,
}

/// Why something was refused.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No key, or one that is unknown, revoked or expired.
    #[error("the key is missing or not valid")]
    Unauthorized,
    #[error("the key lacks the permission '{0}'")]
    Forbidden(Permission),
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
}

/// Refuses a caller whose key lacks `permission`.
pub fn require(caller: &Caller, permission: Permission) -> Result<(), Error> {
    if caller.permissions.contains(&permission) { Ok(()) } else { Err(Error::Forbidden(permission)) }
}
