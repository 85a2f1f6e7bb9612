//! Erasure with a receipt: what was erased is counted in the transaction that erases it.

use crate::domain::{Caller, FaceId, Moment, Permission, SessionId};
use crate::service::faces::content::Content;
use crate::service::faces::{self, FACES_LISTED_MAX};
use crate::service::sessions::sealed::LiveSession;
use crate::service::{Deps, Error, epochs, liveness, require, sessions};
use crate::store;
use crate::store::faces::StoredFace;

/// What was erased of a session, and what is still to end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    pub session: SessionId,
    /// The only face, if it was one.
    pub face: Option<FaceId>,
    pub consent_reference: Option<String>,
    pub faces: usize,
    pub images: usize,
    pub videos: usize,
    pub checks: usize,
    pub callbacks: i64,
    pub erased: Moment,
    /// Within minutes after it, the key of the session's epoch is erased.
    pub key_expires: Moment,
}

/// As [`sessions::delete`].
pub async fn delete_session(deps: &Deps, caller: &Caller, id: SessionId) -> Result<Receipt, Error> {
    require(caller, Permission::Session)?;
    // Nothing is locked while the key of its epoch is fetched.
    let live = sessions::find(deps, caller, id).await?;
    let now = deps.clock.now();
    let mut tx = sessions::begin_delete(deps, caller, id, now).await?;
    let kept = store::faces::list(&mut tx, id, FACES_LISTED_MAX).await?;
    let check = store::liveness::find(&mut tx, id).await?;
    let has_video = check.as_ref().map(|check| liveness::has_video(check, &live, now)).transpose()?.unwrap_or(false);
    let receipt = Receipt {
        videos: usize::from(has_video),
        checks: usize::from(check.is_some()),
        callbacks: store::callbacks::count_owed(&mut tx, Some(id)).await?,
        ..of_faces(&live, &kept, None, now)?
    };
    sessions::finish_delete(deps, tx, caller, id, now).await?;
    Ok(receipt)
}

/// As [`faces::delete`], or without a face as [`faces::delete_all`].
pub async fn delete_faces(
    deps: &Deps,
    caller: &Caller,
    session: SessionId,
    face: Option<FaceId>,
) -> Result<Receipt, Error> {
    require(caller, Permission::Face)?;
    let live = sessions::find(deps, caller, session).await?;
    let (mut tx, held) = faces::begin_delete(deps, caller, session).await?;
    let kept = match face {
        Some(id) => store::faces::find(&mut tx, session, id).await?.into_iter().collect(),
        None => store::faces::list(&mut tx, session, FACES_LISTED_MAX).await?,
    };
    let receipt = of_faces(&live, &kept, face, deps.clock.now())?;
    faces::finish_delete(deps, tx, caller, &held, face).await?;
    Ok(receipt)
}

fn of_faces(live: &LiveSession, kept: &[StoredFace], face: Option<FaceId>, now: Moment) -> Result<Receipt, Error> {
    let contents = kept.iter().map(|kept| Content::open(kept, live)).collect::<Result<Vec<_>, _>>()?;
    Ok(Receipt {
        session: live.session.id,
        face,
        consent_reference: live.session.consent_reference.clone(),
        faces: contents.len(),
        images: contents.iter().filter(|content| content.image.is_some()).count(),
        videos: 0,
        checks: 0,
        callbacks: 0,
        erased: now,
        key_expires: epochs::end(live.session.expires)?,
    })
}
