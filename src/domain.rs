//! Plain values that every layer may use.

use std::fmt;

use chrono::{DateTime, SubsecRound, Utc};
use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantArray};
use uuid::Uuid;

pub mod age;
pub mod attestation;
pub mod audit;
pub mod callback;
pub mod face;
pub mod liveness;
pub mod look;
pub mod session;
pub mod usage;

/// A point in time, in whole milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Moment(DateTime<Utc>);

impl Moment {
    /// Cuts `time` to milliseconds.
    pub fn new(time: DateTime<Utc>) -> Self {
        Self(time.trunc_subsecs(3))
    }

    pub fn utc(self) -> DateTime<Utc> {
        self.0
    }

    #[must_use]
    pub fn plus(self, duration: chrono::TimeDelta) -> Self {
        Self(self.0 + duration)
    }
}

/// Writes the time as the contract does: `2017-11-14T14:31:42.228Z`.
impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_rfc3339_opts(chrono::SecondsFormat::Millis, true))
    }
}

/// The service provider that owns its sessions and all that belongs to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct ProviderId(pub Uuid);

/// The public part of a key; the full text is `bio_<id>_<secret>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyId(pub Uuid);

/// The caller of a request: the owner of a valid key, and the permissions of the key.
#[derive(Debug, Clone)]
pub struct Caller {
    pub provider: ProviderId,
    pub key: KeyId,
    pub permissions: Vec<Permission>,
    pub limits: Limits,
    /// Set for a capture token: the one session that it gives access to.
    pub only: Option<CaptureGrant>,
    pub request: audit::Request,
}

/// The access that a capture token grants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaptureGrant {
    /// The only session that the token gives access to.
    pub session: SessionId,
    /// The URL to which the capture page leads the person in the end.
    pub return_url: Option<String>,
}

/// The limits of a provider; `None` means the limit of the operator's configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    /// The longest life of a session, in seconds.
    pub ttl_seconds_max: Option<i64>,
    pub requests_per_minute: Option<i64>,
    pub requests_at_once: Option<i64>,
    /// True if answers say why liveness was refused, which also tells attackers what revealed them.
    pub liveness_reasons: Option<bool>,
}

/// Defines ids of this server's objects: UUIDs that sort by the time of creation.
macro_rules! ids {
    ($($(#[$about:meta])* $id:ident),*) => {
        $($(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub struct $id(pub Uuid);

        impl $id {
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }

            /// Returns the time of creation; `None` for an id that this server did not make.
            pub fn made(self) -> Option<Moment> {
                let (seconds, nanos) = self.0.get_timestamp()?.to_unix();
                DateTime::from_timestamp(seconds.try_into().ok()?, nanos).map(Moment::new)
            }
        }

        impl Default for $id {
            fn default() -> Self {
                Self::new()
            }
        }

        impl fmt::Display for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        })*
    };
}
ids!(
    SessionId,
    FaceId,
    AgeId,
    CallbackId,
    EpochId,
    /// The server, with all its nodes, that media belong to.
    OwnerId
);

/// The permission of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "lowercase")]
pub enum Permission {
    Session,
    Face,
    Match,
    Image,
    Liveness,
    Age,
}

::face::named!(Permission);

/// The operations by which a provider's requests are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "camelCase")]
pub enum Operation {
    #[strum(serialize = "createBioSession")]
    CreateSession,
    CreateFaceFromImage,
    CreateFaceFromJson,
    GetMatches,
    #[strum(serialize = "createDirectFaceFromImage")]
    CreateDirectFace,
    MatchImages,
    Match,
    #[strum(serialize = "createDirectAgeFromImage")]
    CreateDirectAge,
    #[strum(serialize = "initLivenessParameters")]
    InitLiveness,
    #[strum(serialize = "replayLiveness")]
    ReplayLiveness,
}

::face::named!(Operation);
