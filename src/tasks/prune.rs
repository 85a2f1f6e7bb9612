//! Deletes old entries of the audit log, and copies its head to the media.

use crate::service::Deps;
use crate::service::audit::chain;
use crate::tasks::Progress;

pub async fn step(deps: &Deps) -> anyhow::Result<Progress> {
    let pruned = chain::prune(deps, deps.policy().audit_days).await?;
    if pruned > 0 {
        tracing::info!(pruned, "old entries of the audit log were deleted");
    }
    chain::copy_head(deps).await?;
    Ok(if pruned == chain::BATCH { Progress::More } else { Progress::Idle })
}
