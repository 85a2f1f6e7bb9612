//! Ends what is overdue: liveness checks, and sessions, which are erased with everything that belongs to them.

use chrono::TimeDelta;

use crate::service::liveness::captures;
use crate::service::{Deps, sessions};
use crate::tasks::Progress;

/// Sessions of one step: a step takes well under a second.
const BATCH: i64 = 100;
/// Beyond this the sweep does not keep up, or was away.
const LAG_MAX: TimeDelta = TimeDelta::seconds(5);

pub async fn step(deps: &Deps) -> anyhow::Result<Progress> {
    let now = deps.clock.now();
    let [late, given_up] = captures::end_overdue(deps, now).await?;
    if late + given_up > 0 {
        tracing::info!(late, given_up, "liveness checks are ended without a result");
    }
    let ended = sessions::take_ended(deps, now, BATCH).await?;
    if let Some(longest) = ended.iter().map(|session| session.expires).min() {
        let lag = now.utc() - longest.utc();
        sessions::erase(deps, &ended).await?;
        let (erased, lag_ms) = (ended.len(), lag.num_milliseconds());
        if lag > LAG_MAX {
            tracing::warn!(erased, lag_ms, "sessions are erased late");
        } else {
            tracing::debug!(erased, lag_ms, "sessions are erased");
        }
    }
    if ended.len() as i64 == BATCH {
        return Ok(Progress::More);
    }
    deps.store.forget().await?;
    Ok(Progress::Idle)
}
