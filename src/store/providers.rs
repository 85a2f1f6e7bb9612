//! Table `providers`: who owns keys and what they make.

use crate::domain::Limits;
use crate::domain::Moment;
use crate::domain::ProviderId;
use crate::store::Error;
use crate::store::Tx;
use crate::store::column::row;
use crate::store::on;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provider {
    pub id: ProviderId,
    /// Unique.
    pub name: String,
    pub created: Moment,
}
row!(Provider { id, name, created });

/// Whether it is new: `false` when the name is taken.
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

/// Sets what the provider may ask for. Whether there is such a provider.
pub async fn limit(tx: &mut Tx, id: ProviderId, limits: Limits) -> Result<bool, Error> {
    Ok(on!(tx, |conn| sqlx::query(
        "UPDATE providers SET ttl_seconds_max = $2, requests_per_minute = $3, requests_at_once = $4 WHERE id = $1"
    )
    .bind(id)
    .bind(limits.ttl_seconds_max)
    .bind(limits.requests_per_minute)
    .bind(limits.requests_at_once)
    .execute(conn)
    .await
    .map(|done| done.rows_affected() == 1))?)
}

/// For the operator; callers know themselves by their key.
pub async fn named(tx: &mut Tx, name: &str) -> Result<Option<Provider>, Error> {
    Ok(on!(tx, |conn| sqlx::query_as("SELECT id, name, created FROM providers WHERE name = $1")
        .bind(name)
        .fetch_optional(conn)
        .await)?)
}
