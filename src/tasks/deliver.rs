//! Sends callbacks, several at once, so that no slow host keeps others waiting for long.

use futures_util::future::join_all;

use crate::callback::Attempt;
use crate::service::{Deps, callbacks};
use crate::store::callbacks::LeasedCallback;
use crate::tasks::Progress;

/// Callbacks of one step, which takes as long as the slowest of them.
const AT_ONCE: i64 = 16;

pub async fn step(deps: &Deps) -> anyhow::Result<Progress> {
    let taken = callbacks::take(deps, AT_ONCE).await?;
    // One that fails here does not break off the others.
    let sent = join_all(taken.iter().map(|leased| send(deps, leased))).await;
    sent.into_iter().collect::<anyhow::Result<()>>()?;
    Ok(if taken.is_empty() { Progress::Idle } else { Progress::More })
}

async fn send(deps: &Deps, leased: &LeasedCallback) -> anyhow::Result<()> {
    let (id, session, attempts) = (leased.callback, leased.session.id, leased.attempts);
    match callbacks::send(deps, leased).await? {
        Attempt::Delivered(status) => tracing::info!(%id, %session, attempts, status, "a callback has arrived"),
        Attempt::Gone => tracing::warn!(%id, %session, attempts, "a callback is not wanted any more"),
        Attempt::Failed { why, .. } => tracing::warn!(%id, %session, attempts, why, "a callback has not arrived"),
    }
    Ok(())
}
