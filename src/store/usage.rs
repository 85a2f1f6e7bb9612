//! Table `usage`: what each provider did, by operation and UTC day.

use chrono::NaiveDate;

use crate::domain::usage::Counted;
use crate::domain::{Moment, ProviderId};
use crate::store::column::row;
use crate::store::{Error, Tx, on};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Usage {
    /// See [`Counted::name`].
    pub operation: String,
    /// In UTC.
    pub day: NaiveDate,
    pub count: i64,
}
row!(Usage { operation, day, count });

/// What one provider did of one operation on one day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProvidersUsage {
    /// The provider's name.
    pub provider: String,
    pub operation: String,
    /// In UTC.
    pub day: NaiveDate,
    pub count: i64,
}
row!(ProvidersUsage { provider, operation, day, count });

/// Adds one.
pub async fn count(tx: &mut Tx, provider: ProviderId, what: impl Into<Counted>, now: Moment) -> Result<(), Error> {
    let name = what.into().name();
    on!(tx, |conn| sqlx::query(
        "INSERT INTO usage (provider, operation, day, count) VALUES ($1, $2, $3, 1)
         ON CONFLICT (provider, operation, day) DO UPDATE SET count = usage.count + 1"
    )
    .bind(provider)
    .bind(name)
    .bind(now.utc().date_naive())
    .execute(conn)
    .await
    .map(|_| ()))?;
    Ok(())
}

/// The provider's usage from `first` to `last`, both included, oldest first.
pub async fn between(
    tx: &mut Tx,
    provider: ProviderId,
    first: NaiveDate,
    last: NaiveDate,
) -> Result<Vec<Usage>, Error> {
    Ok(on!(tx, |conn| sqlx::query_as(
        "SELECT operation, day, count FROM usage
         WHERE provider = $1 AND day >= $2 AND day <= $3 ORDER BY day, operation"
    )
    .bind(provider)
    .bind(first)
    .bind(last)
    .fetch_all(conn)
    .await)?)
}

/// The usage of all providers, or of the one of this name, from `first` to `last`, both included: the first
/// `limit` lines by provider and day. For the operator.
pub async fn of_all(
    tx: &mut Tx,
    name: Option<&str>,
    first: NaiveDate,
    last: NaiveDate,
    limit: i64,
) -> Result<Vec<ProvidersUsage>, Error> {
    Ok(on!(tx, |conn| sqlx::query_as(
        "SELECT providers.name AS provider, operation, day, count
         FROM usage JOIN providers ON providers.id = usage.provider
         WHERE ($1 IS NULL OR providers.name = $1) AND day >= $2 AND day <= $3
         ORDER BY providers.name, day, operation LIMIT $4"
    )
    .bind(name)
    .bind(first)
    .bind(last)
    .bind(limit)
    .fetch_all(conn)
    .await)?)
}
