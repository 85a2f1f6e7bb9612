//! Table `providers`: the owners of keys and sessions.

use crate::domain::{Limits, Moment, ProviderId};
use crate::store::column::row;
use crate::store::{Error, Tx, on};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provider {
    pub id: ProviderId,
    /// The name, which is unique.
    pub name: String,
    pub created: Moment,
}
row!(Provider { id, name, created });
row!(Limits { ttl_seconds_max, requests_per_minute, requests_at_once, liveness_reasons });

/// The columns of [`Limits`], as a literal for `concat!`.
macro_rules! limits_columns {
    () => {
        "ttl_seconds_max, requests_per_minute, requests_at_once, liveness_reasons"
    };
}
pub(crate) use limits_columns;

/// A provider as the operator sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedProvider {
    pub name: String,
    pub created: Moment,
    pub limits: Limits,
}
row!(ListedProvider { name, created, limits as flat });

/// Inserts a provider; `false` if the name is taken.
pub async fn insert(tx: &mut Tx, provider: &Provider) -> Result<bool, Error> {
    Ok(on!(tx, |conn| sqlx::query(
        "INSERT INTO providers (id, name, created) VALUES ($1, $2, $3) ON CONFLICT (name) DO NOTHING"
    )
    .bind(provider.id)
    .bind(&provider.name)
    .bind(provider.created)
    .execute(conn)
    .await
    .map(|done| done.rows_affected() == 1))?)
}

/// Sets the limits of the provider; `false` if there is no such provider.
pub async fn limit(tx: &mut Tx, id: ProviderId, limits: Limits) -> Result<bool, Error> {
    Ok(on!(tx, |conn| {
        sqlx::query(
        "UPDATE providers SET ttl_seconds_max = $2, requests_per_minute = $3, requests_at_once = $4, liveness_reasons = $5
         WHERE id = $1"
    )
    .bind(id)
    .bind(limits.ttl_seconds_max)
    .bind(limits.requests_per_minute)
    .bind(limits.requests_at_once)
    .bind(limits.liveness_reasons)
    .execute(conn)
    .await
    .map(|done| done.rows_affected() == 1)
    })?)
}

/// Returns the limits of the provider.
pub async fn limits(tx: &mut Tx, id: ProviderId) -> Result<Limits, Error> {
    Ok(on!(tx, |conn| sqlx::query_as(concat!("SELECT ", limits_columns!(), " FROM providers WHERE id = $1"))
        .bind(id)
        .fetch_one(conn)
        .await)?)
}

/// Returns the longest life of a session among the providers' own limits.
pub async fn ttl_seconds_max(tx: &mut Tx) -> Result<Option<i64>, Error> {
    Ok(on!(tx, |conn| sqlx::query_scalar("SELECT MAX(ttl_seconds_max) FROM providers").fetch_one(conn).await)?)
}

/// Returns the first `limit` providers by name; for the operator.
pub async fn list(tx: &mut Tx, limit: i64) -> Result<Vec<ListedProvider>, Error> {
    Ok(on!(tx, |conn| sqlx::query_as(concat!(
        "SELECT name, created, ",
        limits_columns!(),
        " FROM providers ORDER BY name LIMIT $1"
    ))
    .bind(limit)
    .fetch_all(conn)
    .await)?)
}

/// Returns the provider of this name; for the operator, since callers are found by their key.
pub async fn named(tx: &mut Tx, name: &str) -> Result<Option<Provider>, Error> {
    Ok(on!(tx, |conn| sqlx::query_as("SELECT id, name, created FROM providers WHERE name = $1")
        .bind(name)
        .fetch_optional(conn)
        .await)?)
}

/// Returns the look of the capture page for the provider's people as JSON, if it has one.
pub async fn look(tx: &mut Tx, id: ProviderId) -> Result<Option<String>, Error> {
    let found: Option<Option<String>> = on!(tx, |conn| sqlx::query_scalar("SELECT look FROM providers WHERE id = $1")
        .bind(id)
        .fetch_optional(conn)
        .await)?;
    Ok(found.flatten())
}

/// Sets the look of the provider as JSON, or removes it.
pub async fn set_look(tx: &mut Tx, id: ProviderId, look: Option<&str>) -> Result<(), Error> {
    on!(tx, |conn| sqlx::query("UPDATE providers SET look = $2 WHERE id = $1")
        .bind(id)
        .bind(look)
        .execute(conn)
        .await
        .map(|_| ()))?;
    Ok(())
}

/// The sealed secrets that sign callbacks to a provider.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CallbackSecrets {
    /// The current secret; `None` before the first one.
    pub callback_secret_sealed: Option<Vec<u8>>,
    /// The previous secret, which also signs until `callback_secret_before_until`.
    pub callback_secret_before_sealed: Option<Vec<u8>>,
    pub callback_secret_before_until: Option<Moment>,
}
row!(CallbackSecrets { callback_secret_sealed, callback_secret_before_sealed, callback_secret_before_until });

/// Returns the sealed secrets of the provider; none if there is no such provider.
pub async fn callback_secrets(tx: &mut Tx, id: ProviderId) -> Result<CallbackSecrets, Error> {
    let found: Option<CallbackSecrets> = on!(tx, |conn| sqlx::query_as(
        "SELECT callback_secret_sealed, callback_secret_before_sealed, callback_secret_before_until
         FROM providers WHERE id = $1"
    )
    .bind(id)
    .fetch_optional(conn)
    .await)?;
    Ok(found.unwrap_or_default())
}

/// Sets the sealed secret of the provider unless it has one, and returns the one that it has then; `None` if there is
/// no such provider.
pub async fn keep_callback_secret(tx: &mut Tx, id: ProviderId, sealed: &[u8]) -> Result<Option<Vec<u8>>, Error> {
    Ok(on!(tx, |conn| sqlx::query_scalar(
        "UPDATE providers SET callback_secret_sealed = COALESCE(callback_secret_sealed, $2) WHERE id = $1
         RETURNING callback_secret_sealed"
    )
    .bind(id)
    .bind(sealed)
    .fetch_optional(conn)
    .await)?)
}

/// Replaces the sealed secret of the provider; the old one also signs until `before_until`.
pub async fn set_callback_secret(
    tx: &mut Tx,
    id: ProviderId,
    sealed: &[u8],
    before_until: Moment,
) -> Result<(), Error> {
    on!(tx, |conn| sqlx::query(
        "UPDATE providers SET callback_secret_before_sealed = callback_secret_sealed,
         callback_secret_before_until = $3, callback_secret_sealed = $2 WHERE id = $1"
    )
    .bind(id)
    .bind(sealed)
    .bind(before_until)
    .execute(conn)
    .await
    .map(|_| ()))?;
    Ok(())
}

/// Returns the providers that have a secret.
pub async fn with_callback_secrets(tx: &mut Tx) -> Result<Vec<ProviderId>, Error> {
    Ok(on!(tx, |conn| sqlx::query_scalar("SELECT id FROM providers WHERE callback_secret_sealed IS NOT NULL")
        .fetch_all(conn)
        .await)?)
}

/// Replaces the sealed forms of the same secrets, unless they have changed.
pub async fn reseal_callback_secrets(
    tx: &mut Tx,
    id: ProviderId,
    before: &CallbackSecrets,
    sealed: &CallbackSecrets,
) -> Result<(), Error> {
    on!(tx, |conn| sqlx::query(
        "UPDATE providers SET callback_secret_sealed = $3, callback_secret_before_sealed = $4
         WHERE id = $1 AND callback_secret_sealed = $2"
    )
    .bind(id)
    .bind(&before.callback_secret_sealed)
    .bind(&sealed.callback_secret_sealed)
    .bind(&sealed.callback_secret_before_sealed)
    .execute(conn)
    .await
    .map(|_| ()))
}
