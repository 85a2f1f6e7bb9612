//! A callback: the notification of a provider that there is a result.

use super::{CallbackId, Moment, SessionId};
use strum::{IntoStaticStr, VariantArray};

/// The state of a callback.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum CallbackStatus {
    /// It is due, or an attempt failed and it will be sent again.
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
    /// The time of the next attempt.
    pub due: Moment,
    /// The outcome of the latest attempt, in words.
    pub last: Option<String>,
    pub created: Moment,
}
