//! Table `provider_origins`: where pages of a provider may call from.

use crate::domain::ProviderId;
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

/// The first `limit` origins of the provider, in order.
pub async fn of(tx: &mut Tx, provider: ProviderId, limit: i64) -> Result<Vec<String>, Error> {
    Ok(on!(tx, |conn| sqlx::query_scalar(
        "SELECT origin FROM provider_origins WHERE provider = $1 ORDER BY origin LIMIT $2"
    )
    .bind(provider)
    .bind(limit)
    .fetch_all(conn)
    .await)?)
}

/// Whether this provider, or any if none is given, has the origin.
pub async fn is_named(tx: &mut Tx, origin: &str, provider: Option<ProviderId>) -> Result<bool, Error> {
    Ok(on!(tx, |conn| sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM provider_origins WHERE origin = $1 AND ($2 IS NULL OR provider = $2))"
    )
    .bind(origin)
    .bind(provider)
    .fetch_one(conn)
    .await)?)
}
