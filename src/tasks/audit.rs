//! Chains entries of the audit log.

use crate::service::Deps;
use crate::service::audit::chain;
use crate::tasks::Progress;

pub async fn step(deps: &Deps) -> anyhow::Result<Progress> {
    let chained = chain::step(deps).await?;
    Ok(if chained == chain::BATCH { Progress::More } else { Progress::Idle })
}
