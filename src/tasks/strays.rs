//! Erases media that no session leads to any more.

use crate::service::{Deps, sessions};
use crate::tasks::Progress;

pub async fn step(deps: &Deps) -> anyhow::Result<Progress> {
    let sessions = sessions::erase_strays(deps).await?;
    if sessions > 0 {
        tracing::warn!(sessions, "media of sessions that are no more are erased");
    }
    Ok(Progress::Idle)
}
