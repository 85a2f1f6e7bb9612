//! A callback: what a provider is told once there is a result.

use super::{CallbackId, Moment, SessionId};

/// Where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CallbackStatus {
    /// To be sent, maybe again.
    Owed,
    Delivered,
    /// It is not sent any more.
    Dead,
}

impl CallbackStatus {
    pub const ALL: [Self; 3] = [Self::Owed, Self::Delivered, Self::Dead];

    pub fn name(self) -> &'static str {
        match self {
            Self::Owed => "OWED",
            Self::Delivered => "DELIVERED",
            Self::Dead => "DEAD",
        }
    }
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
