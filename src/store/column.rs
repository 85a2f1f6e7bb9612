//! Converts plain values to and from columns of both databases.

use chrono::{DateTime, Utc};
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::{Database, Decode, Encode, Postgres, Sqlite, Type};
use uuid::Uuid;

use crate::domain::callback::CallbackStatus;
use crate::domain::liveness::LivenessStatus;
use crate::domain::{CallbackId, EpochId, FaceId, KeyId, Moment, OwnerId, Permission, ProviderId, SessionId};

impl Type<Postgres> for Moment {
    fn type_info() -> <Postgres as Database>::TypeInfo {
        <DateTime<Utc> as Type<Postgres>>::type_info()
    }
}

impl Encode<'_, Postgres> for Moment {
    fn encode_by_ref(&self, buffer: &mut <Postgres as Database>::ArgumentBuffer) -> Result<IsNull, BoxDynError> {
        Encode::<Postgres>::encode(self.utc(), buffer)
    }
}

impl<'r> Decode<'r, Postgres> for Moment {
    fn decode(value: <Postgres as Database>::ValueRef<'r>) -> Result<Self, BoxDynError> {
        <DateTime<Utc> as Decode<Postgres>>::decode(value).map(Self::new)
    }
}

/// Stored as milliseconds since 1970, since `SQLite`'s text form of a time does not sort.
impl Type<Sqlite> for Moment {
    fn type_info() -> <Sqlite as Database>::TypeInfo {
        <i64 as Type<Sqlite>>::type_info()
    }

    fn compatible(found: &<Sqlite as Database>::TypeInfo) -> bool {
        <i64 as Type<Sqlite>>::compatible(found)
    }
}

impl Encode<'_, Sqlite> for Moment {
    fn encode_by_ref(&self, buffer: &mut <Sqlite as Database>::ArgumentBuffer) -> Result<IsNull, BoxDynError> {
        Encode::<Sqlite>::encode(self.utc().timestamp_millis(), buffer)
    }
}

impl<'r> Decode<'r, Sqlite> for Moment {
    fn decode(value: <Sqlite as Database>::ValueRef<'r>) -> Result<Self, BoxDynError> {
        let millis = <i64 as Decode<Sqlite>>::decode(value)?;
        let time = DateTime::from_timestamp_millis(millis).ok_or("a time out of range")?;
        Ok(Self::new(time))
    }
}

/// Stores `$outer` as an `$inner`, which `$unwrap` takes out and `$wrap` converts back.
macro_rules! kept_as {
    ($outer:ty, $inner:ty, $unwrap:expr, $wrap:expr) => {
        impl<DB: Database> Type<DB> for $outer
        where
            $inner: Type<DB>,
        {
            fn type_info() -> DB::TypeInfo {
                <$inner as Type<DB>>::type_info()
            }

            fn compatible(found: &DB::TypeInfo) -> bool {
                <$inner as Type<DB>>::compatible(found)
            }
        }

        impl<'q, DB: Database> Encode<'q, DB> for $outer
        where
            $inner: Encode<'q, DB>,
        {
            fn encode_by_ref(&self, buffer: &mut DB::ArgumentBuffer) -> Result<IsNull, BoxDynError> {
                let inner: $inner = $unwrap(self);
                inner.encode(buffer)
            }
        }

        impl<'r, DB: Database> Decode<'r, DB> for $outer
        where
            $inner: Decode<'r, DB>,
        {
            fn decode(value: DB::ValueRef<'r>) -> Result<Self, BoxDynError> {
                $wrap(<$inner as Decode<'r, DB>>::decode(value)?)
            }
        }
    };
}

kept_as!(ProviderId, Uuid, |id: &ProviderId| id.0, |id| Ok(ProviderId(id)));
kept_as!(KeyId, Uuid, |id: &KeyId| id.0, |id| Ok(KeyId(id)));
kept_as!(SessionId, Uuid, |id: &SessionId| id.0, |id| Ok(SessionId(id)));
kept_as!(EpochId, Uuid, |id: &EpochId| id.0, |id| Ok(EpochId(id)));
kept_as!(OwnerId, Uuid, |id: &OwnerId| id.0, |id| Ok(OwnerId(id)));
kept_as!(FaceId, Uuid, |id: &FaceId| id.0, |id| Ok(FaceId(id)));

kept_as!(CallbackId, Uuid, |id: &CallbackId| id.0, |id| Ok(CallbackId(id)));
kept_as!(CallbackStatus, String, CallbackStatus::to_string, |name: String| {
    let status: Result<CallbackStatus, String> = name.parse();
    Ok(status?)
});
kept_as!(LivenessStatus, String, LivenessStatus::to_string, |name: String| {
    let status: Result<LivenessStatus, String> = name.parse();
    Ok(status?)
});

/// Reads a row by the names of its columns, on both databases; `field as Kept` is stored as another type, and `field as
/// flat` is itself read from the row.
macro_rules! row {
    ($type:ident { $($field:ident $(as $kept:ident)?),* $(,)? }) => {
        $crate::store::column::row!(@of sqlx::postgres::PgRow, $type { $($field $(as $kept)?),* });
        $crate::store::column::row!(@of sqlx::sqlite::SqliteRow, $type { $($field $(as $kept)?),* });
    };
    (@of $row:ty, $type:ident { $($field:ident $(as $kept:ident)?),* }) => {
        impl sqlx::FromRow<'_, $row> for $type {
            fn from_row(row: &$row) -> Result<Self, sqlx::Error> {
                Ok(Self { $($field: $crate::store::column::row!(@get row, $field $(as $kept)?)),* })
            }
        }
    };
    (@get $row:ident, $field:ident) => {
        sqlx::Row::try_get($row, stringify!($field))?
    };
    (@get $row:ident, $field:ident as flat) => {
        sqlx::FromRow::from_row($row)?
    };
    (@get $row:ident, $field:ident as $kept:ident) => {
        sqlx::Row::try_get::<$kept, _>($row, stringify!($field))?.into()
    };
}
pub(crate) use row;

/// Permissions, stored as names that are separated by blanks.
#[derive(Debug, Clone)]
pub struct Permissions(pub Vec<Permission>);

kept_as!(Permissions, String, permission_names, |names: String| {
    let permissions: Result<_, String> = names.split_whitespace().map(str::parse).collect();
    Ok(Permissions(permissions?))
});

fn permission_names(permissions: &Permissions) -> String {
    let names: Vec<_> = permissions.0.iter().map(|permission| permission.name()).collect();
    names.join(" ")
}

impl From<Permissions> for Vec<Permission> {
    fn from(permissions: Permissions) -> Self {
        permissions.0
    }
}
