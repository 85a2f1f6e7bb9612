//! Ends overdue liveness checks, and deletes expired sessions with all that belongs to them.

use chrono::TimeDelta;

use crate::domain::Moment;
use crate::service::liveness::captures;
use crate::service::{Deps, sessions};
use crate::tasks::Progress;

/// The sessions of one step, which then takes well under a second.
const BATCH: i64 = 100;
/// A larger lag means that the sweep does not keep up, or did not run.
const LAG_MAX: TimeDelta = TimeDelta::seconds(5);

pub async fn step(deps: &Deps) -> anyhow::Result<Progress> {
    let now = deps.clock.now();
    let [late, given_up] = captures::end_overdue(deps, now).await?;
    if late + given_up > 0 {
        tracing::info!(late, given_up, "liveness checks ended without a result");
    }
    if end_sessions(deps, now).await? as i64 == BATCH {
        return Ok(Progress::More);
    }
    deps.store.forget().await?;
    Ok(Progress::Idle)
}

/// Deletes expired sessions, each in its own transaction; returns their number.
async fn end_sessions(deps: &Deps, now: Moment) -> anyhow::Result<usize> {
    let (mut erased, mut lag) = (0, TimeDelta::zero());
    for session in sessions::overdue(deps, now, BATCH).await? {
        match sessions::end(deps, session, now).await {
            Ok(None) => {}
            Ok(Some(ended)) => {
                erased += 1;
                lag = lag.max(now.utc() - ended.expires.utc());
            }
            Err(error) => tracing::error!(%session, %error, "a session could not be erased"),
        }
    }
    let lag_ms = lag.num_milliseconds();
    if lag > LAG_MAX {
        tracing::warn!(erased, lag_ms, "sessions were erased late");
    } else if erased > 0 {
        tracing::debug!(erased, lag_ms, "sessions were erased");
    }
    Ok(erased)
}
