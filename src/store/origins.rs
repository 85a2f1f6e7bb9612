//! Table `provider_origins`: the origins of a provider's pages.

use crate::domain::{Moment, ProviderId, SessionId};
use crate::store::{Error, Tx, on};

pub async fn add(tx: &mut Tx, provider: ProviderId, origin: &str) -> Result<(), Error> {
    on!(tx, |conn| sqlx::query(
        "INSERT INTO provider_origins (provider, origin) VALUES ($1, $2) ON CONFLICT DO NOTHING"
    )
    .bind(provider)
    .bind(origin)
    .execute(conn)
    .await
    .map(|_| ()))?;
    Ok(())
}

pub async fn remove(tx: &mut Tx, provider: ProviderId, origin: &str) -> Result<(), Error> {
    on!(tx, |conn| sqlx::query("DELETE FROM provider_origins WHERE provider = $1 AND origin = $2")
        .bind(provider)
        .bind(origin)
        .execute(conn)
        .await
        .map(|_| ()))?;
    Ok(())
}

/// Returns the first `limit` origins of the provider, in order.
pub async fn of(tx: &mut Tx, provider: ProviderId, limit: i64) -> Result<Vec<String>, Error> {
    Ok(on!(tx, |conn| sqlx::query_scalar(
        "SELECT origin FROM provider_origins WHERE provider = $1 ORDER BY origin LIMIT $2"
    )
    .bind(provider)
    .bind(limit)
    .fetch_all(conn)
    .await)?)
}

/// Returns the first `limit` origins of the session's provider, in order; none if the session is not alive at `now`.
pub async fn of_session(tx: &mut Tx, session: SessionId, now: Moment, limit: i64) -> Result<Vec<String>, Error> {
    Ok(on!(tx, |conn| sqlx::query_scalar(
        "SELECT origin FROM provider_origins JOIN sessions ON sessions.provider = provider_origins.provider
         WHERE sessions.id = $1 AND sessions.expires > $2 ORDER BY origin LIMIT $3"
    )
    .bind(session)
    .bind(now)
    .bind(limit)
    .fetch_all(conn)
    .await)?)
}

/// True if this provider has named the origin, or any provider if none is given.
pub async fn is_named(tx: &mut Tx, origin: &str, provider: Option<ProviderId>) -> Result<bool, Error> {
    Ok(on!(tx, |conn| sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM provider_origins WHERE origin = $1 AND ($2 IS NULL OR provider = $2))"
    )
    .bind(origin)
    .bind(provider)
    .fetch_one(conn)
    .await)?)
}
