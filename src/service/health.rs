//! Whether the server can do its work.
//!
//! Only what can stop working while it runs is asked. Networks are not among that: they are loaded, and have run
//! once, before the server listens.

use chrono::TimeDelta;

use crate::service::{Deps, Error};
use crate::store;

/// For how long the session has been over that waits longest to be erased; zero when none waits.
///
/// # Errors
/// The database does not answer.
pub async fn sweep_lag(deps: &Deps) -> Result<TimeDelta, Error> {
    let now = deps.clock.now();
    let mut tx = deps.store.read().await?;
    let oldest = store::sessions::oldest_ended(&mut tx, now).await?;
    Ok(oldest.map_or(TimeDelta::zero(), |oldest| now.utc() - oldest.utc()))
}
