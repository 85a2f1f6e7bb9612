//! Makes this node use the keys that are kept now.

use crate::service::{Deps, rotation};
use crate::tasks::Progress;

pub async fn step(deps: &Deps) -> anyhow::Result<Progress> {
    deps.master.refresh()?;
    rotation::follow(deps).await?;
    Ok(Progress::Idle)
}
