//! Whether the server can do its work.

use chrono::TimeDelta;

use crate::service::Deps;
use crate::store;

/// How the server is.
pub struct Health {
    pub is_database_up: bool,
    /// For how long the session has been over that waits longest to be erased; zero when none waits. Absent when
    /// the database does not answer.
    pub sweep_lag: Option<TimeDelta>,
}

/// What can stop working while the server runs. Networks are not among it: they are loaded, and have
/// run once, before the server listens.
pub async fn check(deps: &Deps) -> Health {
    match sweep_lag(deps).await {
        Ok(lag) => Health { is_database_up: true, sweep_lag: Some(lag) },
        Err(error) => {
            tracing::error!(%error, "the database does not answer");
            Health { is_database_up: false, sweep_lag: None }
        }
    }
}

async fn sweep_lag(deps: &Deps) -> Result<TimeDelta, store::Error> {
    let now = deps.clock.now();
    let mut tx = deps.store.read().await?;
    let oldest = store::sessions::oldest_ended(&mut tx, now).await?;
    Ok(oldest.map_or(TimeDelta::zero(), |oldest| now.utc() - oldest.utc()))
}
