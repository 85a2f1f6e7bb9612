//! A callback: what a provider is told once there is a result.

use super::{CallbackId, Moment, SessionId};
use strum::{IntoStaticStr, VariantArray};

/// Where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum CallbackStatus {
    /// To be sent, maybe again.
    Owed,
    Delivered,
    /// It is not sent any more.
    Dead,
}

face::named!(CallbackStatus);

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Callback {
    pub id: CallbackId,
    pub session: SessionId,
    pub status: CallbackStatus,
    pub attempts: i64,
    /// From when on it is sent.
    pub due: Moment,
    /// How the latest attempt ended, in words.
    pub last: Option<String>,
    pub created: Moment,
}
