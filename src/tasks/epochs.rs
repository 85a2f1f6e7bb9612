//! Erases the keys of epochs that are over, and loads or makes those that this node needs next.

use crate::service::{Deps, epochs};
use crate::tasks::Progress;

pub async fn step(deps: &Deps) -> anyhow::Result<Progress> {
    let erased = epochs::erase_ended(deps).await?;
    if erased > 0 {
        tracing::info!(erased, "keys of ended epochs will be erased");
    }
    epochs::get_ready(deps).await?;
    Ok(Progress::Idle)
}
