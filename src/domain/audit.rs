//! Entries of the audit log: the actor, the action, the session, the time and the outcome. They contain no personal
//! data.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::{Deserialize, Serialize, Serializer};
use strum::IntoStaticStr;
use uuid::Uuid;

use super::{KeyId, Moment, ProviderId, SessionId};

/// The outcome of an action that was carried out.
pub const DONE: &str = "done";

/// The actor of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Actor {
    /// The holder of a key.
    Key,
    /// The holder of a capture token, which the key's holder requested.
    CaptureToken,
    /// A caller whose credentials were refused.
    Unknown,
    /// The server itself, in background work.
    Server,
    /// A person at the server's command line.
    Operator,
}

/// Work that is recorded besides the operations of the contract. Its name is the operation of the entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "camelCase")]
pub enum Work {
    SessionExpired,
    CheckDecided,
    CallbackGivenUp,
    ImagesErased,
    EpochKeyErased,
    /// Waiting entries were found that nobody with the master key had written.
    ForgedEntriesDropped,
    CertificateRenewed,
    KeyCreated,
    KeyRevoked,
    ProviderLimited,
    AttestationChanged,
    CallbackSecretRotated,
    SigningKeyRotated,
    CaptureKeysRotated,
    MasterKeyRotated,
}

/// One entry. Its members are written in this order; members without a value are left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    pub id: Uuid,
    #[serde(serialize_with = "as_shown")]
    pub at: Moment,
    pub who: Actor,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<Uuid>,
    /// The public part of the key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// An operation of the contract, or the name of a [`Work`].
    pub operation: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionId>,
    /// The id of a further object that it was about: a face, a callback, a key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// `done`, the HTTP status of a refusal, or the outcome of the work as a word.
    pub outcome: String,
    /// The name of the request, as `x-request-id` gives it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    /// The number of events that the entry stands for, if it is more than one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub times: Option<u64>,
}

impl Entry {
    pub fn new(who: Actor, operation: impl Into<String>, outcome: impl Into<String>, at: Moment) -> Self {
        Self {
            id: Uuid::now_v7(),
            at,
            who,
            provider: None,
            key: None,
            operation: operation.into(),
            session: None,
            subject: None,
            outcome: outcome.into(),
            request: None,
            times: None,
        }
    }

    /// Makes an entry about the server's own work.
    pub fn of_server(work: Work, outcome: impl Into<String>, at: Moment) -> Self {
        Self::new(Actor::Server, <&str>::from(work), outcome, at)
    }

    /// Makes an entry about a command that was carried out.
    pub fn of_operator(work: Work, at: Moment) -> Self {
        Self::new(Actor::Operator, <&str>::from(work), DONE, at)
    }

    #[must_use]
    pub fn about(self, session: impl Into<Option<SessionId>>) -> Self {
        Self { session: session.into(), ..self }
    }

    #[must_use]
    pub fn with_subject(self, subject: &impl ToString) -> Self {
        Self { subject: Some(subject.to_string()), ..self }
    }

    #[must_use]
    pub fn by(self, provider: ProviderId) -> Self {
        Self { provider: Some(provider.0), ..self }
    }

    #[must_use]
    pub fn by_key(self, key: KeyId) -> Self {
        Self { key: Some(key.0.simple().to_string()), ..self }
    }
}

/// Writes the time as answers do, with milliseconds.
fn as_shown<S: Serializer>(moment: &Moment, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(moment)
}

/// The request of a caller, as an entry names it.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// The name of the request, as `x-request-id` gives it.
    pub id: Arc<str>,
    pub operation: &'static str,
    is_recorded: Arc<AtomicBool>,
}

impl Request {
    pub fn new(id: &str, operation: &'static str) -> Self {
        Self { id: id.into(), operation, is_recorded: Arc::default() }
    }

    /// Notes that the entry was committed together with the change that the request asked for.
    pub fn recorded(&self) {
        self.is_recorded.store(true, Ordering::Release);
    }

    pub fn is_recorded(&self) -> bool {
        self.is_recorded.load(Ordering::Acquire)
    }
}
