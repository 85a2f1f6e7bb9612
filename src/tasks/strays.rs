//! Looks for media to which no row refers.

use crate::service::Deps;
use crate::service::strays::{self, Strays};
use crate::tasks::Progress;

pub async fn step(deps: &Deps) -> anyhow::Result<Progress> {
    match strays::look(deps).await? {
        Strays::Few(0) => {}
        Strays::Few(strays) => tracing::warn!(strays, "media that nothing leads to will be erased"),
        Strays::TooMany(strays) => tracing::error!(
            strays,
            owner = %deps.owner,
            "too many media lie here that the database does not know: nothing is erased. Is the database \
             an old copy? If not, erase them by hand"
        ),
    }
    Ok(Progress::Idle)
}
