//! Looks for media to which no row refers.

use crate::service::Deps;
use crate::service::strays::{self, Strays};
use crate::tasks::Progress;

pub async fn step(deps: &Deps) -> anyhow::Result<Progress> {
    match strays::look(deps).await? {
        Strays::Few(0) => {}
        Strays::Few(strays) => tracing::warn!(strays, "media without a record in the database will be erased"),
        Strays::TooMany(strays) => tracing::error!(
            strays,
            owner = %deps.owner,
            "the storage has too many media without a record in the database; none are erased. Is the database \
             an old copy? If not, erase them by hand"
        ),
    }
    Ok(Progress::Idle)
}
