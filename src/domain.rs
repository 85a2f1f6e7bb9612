//! Plain values every layer may name.

use std::fmt;

use chrono::{DateTime, SubsecRound, Utc};
use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantArray};
use uuid::Uuid;

pub mod age;
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

/// As the contract writes it: `2017-11-14T14:31:42.228Z`.
impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_rfc3339_opts(chrono::SecondsFormat::Millis, true))
    }
}

/// The service provider that owns what it makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct ProviderId(pub Uuid);

/// The public part of a key: `bio_<id>_<secret>` in full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyId(pub Uuid);

/// Who asks: the owner of a valid key, and what the key may be used for.
#[derive(Debug, Clone)]
pub struct Caller {
    pub provider: ProviderId,
    pub key: KeyId,
    pub permissions: Vec<Permission>,
    pub limits: Limits,
    /// Set for the holder of a capture token, who may do little else.
    pub only: Option<CaptureGrant>,
    pub request: audit::Request,
}

/// What a capture token is good for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaptureGrant {
    /// The one session that it gives access to.
    pub session: SessionId,
    /// Where the capture page leads the person in the end.
    pub return_url: Option<String>,
}

/// What a provider may ask for; none means what the operator's configuration says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    /// The longest life of a session.
    pub ttl_seconds_max: Option<i64>,
    pub requests_per_minute: Option<i64>,
    pub requests_at_once: Option<i64>,
    /// Whether answers say why liveness was refused, which also tells attackers what gave them away.
    pub liveness_reasons: Option<bool>,
}

/// Ids of what this server makes: UUIDs that sort by the time they were made.
macro_rules! ids {
    ($($(#[$about:meta])* $id:ident),*) => {
        $($(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub struct $id(pub Uuid);

        impl $id {
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }

            /// When it was made; `None` of an id that this server did not make.
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
    /// The server, all nodes of it together, that media belong to.
    OwnerId
);

/// What a key may be used for.
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

/// What a provider's requests are counted by.
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
