//! Processes captures: one per step, under a lease, so that another node takes over if this one crashes.

use face::values::liveness::Reason;

use crate::service::Deps;
use crate::service::liveness::captures;
use crate::tasks::Progress;
use crate::telemetry;

pub async fn step(deps: &Deps) -> anyhow::Result<Progress> {
    let Some(leased) = captures::take(deps).await? else { return Ok(Progress::Idle) };
    let (session, attempts) = (leased.session.id, leased.attempts);
    match captures::perform(deps, &leased).await {
        Ok(Some((status, reasons))) => {
            let reasons: Vec<_> = reasons.into_iter().map(Reason::name).collect();
            telemetry::verdict(status.name());
            tracing::info!(%session, %status, reasons = reasons.join(","), attempts, "a liveness check has ended");
        }
        Ok(None) => tracing::info!(%session, attempts, "a capture was left to another attempt"),
        Err(error) => {
            tracing::error!(%session, attempts, %error, "a capture could not be examined");
            captures::retry(deps, &leased, &error).await?;
        }
    }
    Ok(Progress::More)
}
