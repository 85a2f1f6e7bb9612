//! Erasure with a receipt: the erased objects are counted in the transaction that erases them.

use crate::domain::{Caller, FaceId, Moment, Permission, SessionId};
use crate::service::faces::content::Content;
use crate::service::faces::{self, FACES_LISTED_MAX};
use crate::service::sessions::sealed::LiveSession;
use crate::service::{Deps, Error, epochs, liveness, require, sessions};
use crate::store;
use crate::store::faces::StoredFace;

/// The objects of a session that were erased, and the time at which its key ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    pub session: SessionId,
    /// The face, if only one was erased.
    pub face: Option<FaceId>,
    pub consent_reference: Option<String>,
    pub faces: usize,
    pub images: usize,
    pub videos: usize,
    pub checks: usize,
    pub callbacks: i64,
    pub erased: Moment,
    /// The key of the session's epoch is erased within minutes after this time.
    pub key_expires: Moment,
}

/// Erases a session as [`sessions::delete`] does.
pub async fn delete_session(deps: &Deps, caller: &Caller, id: SessionId) -> Result<Receipt, Error> {
    require(caller, Permission::Session)?;
    // No row is locked while the key of its epoch is fetched.
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

/// Erases a face as [`faces::delete`] does, or all faces as [`faces::delete_all`] does.
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
