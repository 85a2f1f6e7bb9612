//! Looks for media that no session leads to any more.

use crate::service::Deps;
use crate::service::strays::{self, Strays};
use crate::tasks::Progress;

pub async fn step(deps: &Deps) -> anyhow::Result<Progress> {
    match strays::look(deps).await? {
        Strays::Few(0) => {}
        Strays::Few(sessions) => tracing::warn!(sessions, "media of sessions that are no more will be erased"),
        Strays::TooMany(sessions) => tracing::error!(
            sessions,
            owner = %deps.owner,
            "too many media lie here of sessions that the database does not know: nothing is erased. Is the database \
             an old copy? If not, erase them by hand"
        ),
    }
    Ok(Progress::Idle)
}
