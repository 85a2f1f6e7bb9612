//! Tables `usage` and `usage_events`: the usage of each provider, by operation and UTC day.
//!
//! A request appends an event, so that no request waits for another; events are added up later.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use sqlx::AssertSqlSafe;
use uuid::Uuid;

use crate::domain::usage::Counted;
use crate::domain::{Moment, ProviderId};
use crate::store::column::row;
use crate::store::{Error, Tx, on};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Usage {
    /// The name that [`Counted::name`] returns.
    pub operation: String,
    /// The day in UTC.
    pub day: NaiveDate,
    pub count: i64,
}
row!(Usage { operation, day, count });

/// The usage of one operation by one provider on one day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProvidersUsage {
    /// The provider's name.
    pub provider: String,
    pub operation: String,
    /// The day in UTC.
    pub day: NaiveDate,
    pub count: i64,
}
row!(ProvidersUsage { provider, operation, day, count });

#[derive(Debug, Clone)]
struct Event {
    provider: ProviderId,
    operation: String,
    day: NaiveDate,
}
row!(Event { provider, operation, day });

/// All counted usage, added up or not, as a literal for `concat!`: `provider`, `operation`, `day` and `count`.
macro_rules! counted {
    () => {
        "(SELECT provider, operation, day, count FROM usage
          UNION ALL SELECT provider, operation, day, 1 AS count FROM usage_events) AS counted"
    };
}

/// Counts one event.
pub async fn count(tx: &mut Tx, provider: ProviderId, what: impl Into<Counted>, now: Moment) -> Result<(), Error> {
    let name = what.into().name();
    on!(tx, |conn| sqlx::query("INSERT INTO usage_events (id, provider, operation, day) VALUES ($1, $2, $3, $4)")
        .bind(Uuid::now_v7())
        .bind(provider)
        .bind(name)
        .bind(now.utc().date_naive())
        .execute(conn)
        .await
        .map(|_| ()))?;
    Ok(())
}

/// Adds up to `limit` events to the sums, and returns their number. Events that another node adds up now are left to
/// it.
pub async fn add_up(tx: &mut Tx, limit: i64) -> Result<usize, Error> {
    let lock = tx.on_postgres("FOR UPDATE SKIP LOCKED");
    let statement = format!(
        "DELETE FROM usage_events WHERE id IN (SELECT id FROM usage_events ORDER BY id LIMIT $1 {lock})
         RETURNING provider, operation, day"
    );
    let events: Vec<Event> =
        on!(tx, |conn| sqlx::query_as(AssertSqlSafe(statement)).bind(limit).fetch_all(conn).await)?;
    let found = events.len();
    // The sums are written in a fixed order, so that two nodes cannot deadlock.
    let mut sums = BTreeMap::<_, i64>::new();
    for Event { provider, operation, day } in events {
        *sums.entry((provider.0, operation, day)).or_default() += 1;
    }
    for ((provider, operation, day), count) in sums {
        on!(tx, |conn| sqlx::query(
            "INSERT INTO usage (provider, operation, day, count) VALUES ($1, $2, $3, $4)
             ON CONFLICT (provider, operation, day) DO UPDATE SET count = usage.count + excluded.count"
        )
        .bind(provider)
        .bind(operation)
        .bind(day)
        .bind(count)
        .execute(conn)
        .await
        .map(|_| ()))?;
    }
    Ok(found)
}

/// Returns the provider's usage from `first` to `last`, both included, oldest first.
pub async fn between(
    tx: &mut Tx,
    provider: ProviderId,
    first: NaiveDate,
    last: NaiveDate,
) -> Result<Vec<Usage>, Error> {
    Ok(on!(tx, |conn| sqlx::query_as(concat!(
        "SELECT operation, day, CAST(SUM(count) AS BIGINT) AS count FROM ",
        counted!(),
        " WHERE provider = $1 AND day >= $2 AND day <= $3 GROUP BY operation, day ORDER BY day, operation"
    ))
    .bind(provider)
    .bind(first)
    .bind(last)
    .fetch_all(conn)
    .await)?)
}

/// Returns the usage of all providers, or of the one of this name, from `first` to `last`, both included: the first
/// `limit` lines by provider and day; for the operator.
pub async fn of_all(
    tx: &mut Tx,
    name: Option<&str>,
    first: NaiveDate,
    last: NaiveDate,
    limit: i64,
) -> Result<Vec<ProvidersUsage>, Error> {
    Ok(on!(tx, |conn| sqlx::query_as(concat!(
        "SELECT providers.name AS provider, operation, day, CAST(SUM(count) AS BIGINT) AS count FROM ",
        counted!(),
        " JOIN providers ON providers.id = counted.provider
         WHERE ($1 IS NULL OR providers.name = $1) AND day >= $2 AND day <= $3
         GROUP BY providers.name, operation, day ORDER BY providers.name, day, operation LIMIT $4"
    ))
    .bind(name)
    .bind(first)
    .bind(last)
    .bind(limit)
    .fetch_all(conn)
    .await)?)
}
