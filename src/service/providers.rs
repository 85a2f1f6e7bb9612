//! Providers as the operator sees them: their limits and their usage.

use chrono::NaiveDate;

use crate::domain::audit::{Entry, Work};
use crate::domain::{Limits, Moment};
use crate::seal::master::Master;
use crate::service::audit;
use crate::store::providers::ListedProvider;
use crate::store::usage::ProvidersUsage;
use crate::store::{self, Store};

const LISTED_MAX: i64 = 10_000;
/// The most lines of usage: a thousand providers with ten operations on a hundred days.
pub const USAGE_MAX: usize = 1_000_000;

/// The limits to change; `Some(None)` removes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Change {
    pub ttl_seconds_max: Option<Option<i64>>,
    pub requests_per_minute: Option<Option<i64>>,
    pub requests_at_once: Option<Option<i64>>,
    pub liveness_reasons: Option<bool>,
}

/// Returns all providers, at most 10,000.
pub async fn list(store: &Store) -> Result<Vec<ListedProvider>, store::Error> {
    let mut tx = store.read().await?;
    store::providers::list(&mut tx, LISTED_MAX).await
}

/// Changes the limits of a provider, at once and on every node, and returns all its limits; `None` if there is no
/// provider of that name.
pub async fn limit(
    store: &Store,
    master: &Master,
    name: &str,
    change: Change,
    now: Moment,
) -> Result<Option<Limits>, store::Error> {
    let mut tx = store.begin().await?;
    let Some(provider) = store::providers::named(&mut tx, name).await? else { return Ok(None) };
    let known = store::providers::limits(&mut tx, provider.id).await?;
    let limits = Limits {
        ttl_seconds_max: change.ttl_seconds_max.unwrap_or(known.ttl_seconds_max),
        requests_per_minute: change.requests_per_minute.unwrap_or(known.requests_per_minute),
        requests_at_once: change.requests_at_once.unwrap_or(known.requests_at_once),
        liveness_reasons: change.liveness_reasons.or(known.liveness_reasons),
    };
    store::providers::limit(&mut tx, provider.id, limits).await?;
    let entry = Entry::of_operator(Work::ProviderLimited, now).by(provider.id);
    audit::append(&mut tx, master, &entry).await?;
    tx.commit().await?;
    Ok(Some(limits))
}

/// Adds up to `limit` counted events to the sums, and returns their number.
pub async fn add_up_usage(store: &Store, limit: i64) -> Result<usize, store::Error> {
    let mut tx = store.begin().await?;
    let added = store::usage::add_up(&mut tx, limit).await?;
    tx.commit().await?;
    Ok(added)
}

/// Returns the usage of all providers, or of the one of this name, from `first` to `last`, both included: the first
/// [`USAGE_MAX`] lines. `None` if there is no provider of that name.
pub async fn usage(
    store: &Store,
    name: Option<&str>,
    first: NaiveDate,
    last: NaiveDate,
) -> Result<Option<Vec<ProvidersUsage>>, store::Error> {
    let mut tx = store.read().await?;
    if let Some(name) = name
        && store::providers::named(&mut tx, name).await?.is_none()
    {
        return Ok(None);
    }
    store::usage::of_all(&mut tx, name, first, last, USAGE_MAX as i64).await.map(Some)
}
