//! The rules of faces: those of a session, and those that are described and not kept.

use bytes::Bytes;
use face::values::picture::ImageType;
use face::values::template::Template;
use face::{DescribedFace, Picture, WantedFace};

use crate::domain::face::{Face, Mode};
use crate::domain::session::Session;
use crate::domain::{Caller, FaceId, Moment, Operation, OwnerId, Permission, SessionId};
use crate::service::audit::About;
use crate::service::faces::content::{Content, Image};
use crate::service::idempotency::IdempotentRequest;
use crate::service::sessions::sealed::{self, LiveSession};
use crate::service::turns::Place;
use crate::service::{Deps, Error, audit, erasures, require, sessions};
use crate::store;
use crate::store::faces::StoredFace;
use crate::store::idempotency::KeyScope;
use crate::store::sessions::StoredSession;

pub mod best;
pub(super) mod content;
pub mod image;

/// The most faces of one session that are read at once: more than any session may have.
pub const FACES_LISTED_MAX: i64 = 1000;

/// An image, and what its sender says about it.
pub struct NewFace {
    pub image: Bytes,
    pub image_type: ImageType,
    /// The mode to report; `None` means the operator's.
    pub mode: Option<Mode>,
    pub friendly_name: Option<String>,
    pub image_rotation_enabled: Option<bool>,
}

/// A face that this server described before, as a client sends it back.
pub struct FormerFace {
    /// The face without its template. Unless it is verified, its members are only claims of the sender.
    pub face: Face,
    pub template: String,
    /// The template's version, as the sender claims.
    pub template_version: Option<i32>,
}

/// Makes a face that belongs to no session and is not kept.
pub async fn create_direct(deps: &Deps, caller: &Caller, place: &Place, new: NewFace) -> Result<Face, Error> {
    require(caller, Permission::Face)?;
    let described = describe(deps, place, "image", &new).await?;
    let now = deps.clock.now();
    count(deps, caller, Operation::CreateDirectFace, About::default(), now).await?;
    Ok(face(deps, new, described, now))
}

/// Makes a face of the session from the only face in `new.image`.
///
/// Networks run before a row is locked, so no connection is held meanwhile.
pub async fn create(
    deps: &Deps,
    caller: &Caller,
    place: &Place,
    session: SessionId,
    new: NewFace,
    once: Option<IdempotentRequest>,
) -> Result<FaceId, Error> {
    require(caller, Permission::Face)?;
    let live = match admit(deps, caller, session, once.as_ref()).await? {
        Admission::AlreadyMade(face) => return Ok(face),
        Admission::Live(live) => live,
    };
    let described = describe(deps, place, "image", &new).await?;
    let bytes = live.session.image_storage_enabled.then(|| new.image.clone());
    let image = bytes.map(|bytes| kept_image(deps, &bytes)).transpose()?;
    let face = face(deps, new, described, deps.clock.now());
    keep(deps, caller, &live, face, image, FaceRequest { operation: Operation::CreateFaceFromImage, once }).await
}

/// Makes a face of the session from one that this server described before. All members are kept except the id and the
/// timestamps.
pub async fn create_from_former(
    deps: &Deps,
    caller: &Caller,
    session: SessionId,
    former: FormerFace,
    once: Option<IdempotentRequest>,
) -> Result<FaceId, Error> {
    require(caller, Permission::Face)?;
    require_verified(deps, &former)?;
    let template = template(deps, &former)?;
    let live = match admit(deps, caller, session, once.as_ref()).await? {
        Admission::AlreadyMade(face) => return Ok(face),
        Admission::Live(live) => live,
    };
    let face = Face { id: FaceId::new(), template: Some(template), created: Some(deps.clock.now()), ..former.face };
    keep(deps, caller, &live, face, None, FaceRequest { operation: Operation::CreateFaceFromJson, once }).await
}

pub async fn get(deps: &Deps, caller: &Caller, session: SessionId, id: FaceId) -> Result<Face, Error> {
    require(caller, Permission::Face)?;
    Ok(find(deps, caller, session, id).await?.0.face)
}

/// Returns all faces of the session, oldest first.
pub async fn list(deps: &Deps, caller: &Caller, session: SessionId) -> Result<Vec<Face>, Error> {
    require(caller, Permission::Face)?;
    Ok(all(deps, caller, session).await?.1)
}

/// Deletes a face, and queues its image to be erased. Succeeds if the face was deleted before.
pub async fn delete(deps: &Deps, caller: &Caller, session: SessionId, id: FaceId) -> Result<(), Error> {
    let (tx, held) = begin_delete(deps, caller, session).await?;
    finish_delete(deps, tx, caller, &held, Some(id)).await
}

/// Deletes all faces of the session, as [`delete`] does.
pub async fn delete_all(deps: &Deps, caller: &Caller, session: SessionId) -> Result<(), Error> {
    let (tx, held) = begin_delete(deps, caller, session).await?;
    finish_delete(deps, tx, caller, &held, None).await
}

/// Locks a session whose faces the caller may delete.
pub(super) async fn begin_delete(
    deps: &Deps,
    caller: &Caller,
    session: SessionId,
) -> Result<(store::Tx, StoredSession), Error> {
    require(caller, Permission::Face)?;
    let mut tx = deps.store.begin().await?;
    let held = sessions::hold(&mut tx, caller, session, deps.clock.now()).await?;
    Ok((tx, held))
}

/// Deletes a face, or all faces, of the session that `tx` has locked.
pub(super) async fn finish_delete(
    deps: &Deps,
    mut tx: store::Tx,
    caller: &Caller,
    held: &StoredSession,
    face: Option<FaceId>,
) -> Result<(), Error> {
    let (session, now) = (held.id, deps.clock.now());
    let deleted = match face {
        None => store::faces::delete_all(&mut tx, session).await?,
        Some(id) if store::faces::delete(&mut tx, session, id).await? => vec![id],
        Some(id) if store::faces::was_deleted(&mut tx, session, id).await? => vec![],
        Some(id) => return Err(Error::FaceNotFound(id)),
    };
    erase_images(&mut tx, held, &deleted, now).await?;
    let about = About { subject: face.map(|face| face.to_string()), ..About::session(session) };
    audit::commit(deps, tx, caller, about, now).await?;
    deps.eraser.notify_one();
    Ok(())
}

async fn erase_images(tx: &mut store::Tx, session: &StoredSession, faces: &[FaceId], now: Moment) -> Result<(), Error> {
    if session.image_storage_enabled {
        for face in faces {
            erasures::owe(tx, &media_name(session.owner, session.id, *face), now).await?;
        }
    }
    Ok(())
}

/// Returns a session and all its faces, oldest first, without a check of permissions.
pub(super) async fn all(deps: &Deps, caller: &Caller, session: SessionId) -> Result<(Session, Vec<Face>), Error> {
    let mut tx = deps.store.read().await?;
    let stored = sessions::live(&mut tx, caller, session, deps.clock.now()).await?;
    let kept = store::faces::list(&mut tx, session, FACES_LISTED_MAX).await?;
    drop(tx);
    let live = sealed::open(deps, stored).await?;
    let faces = kept.iter().map(|kept| Ok(Content::open(kept, &live)?.face));
    let faces = faces.collect::<Result<_, Error>>()?;
    Ok((live.session, faces))
}

/// Returns a face of the session, and the session.
async fn find(deps: &Deps, caller: &Caller, session: SessionId, id: FaceId) -> Result<(Content, LiveSession), Error> {
    let mut tx = deps.store.read().await?;
    let stored = sessions::live(&mut tx, caller, session, deps.clock.now()).await?;
    let kept = store::faces::find(&mut tx, session, id).await?.ok_or(Error::FaceNotFound(id))?;
    drop(tx);
    let live = sealed::open(deps, stored).await?;
    Ok((Content::open(&kept, &live)?, live))
}

/// The decision about a new face before any work is done for it.
enum Admission {
    /// An earlier request with the same idempotency key made it.
    AlreadyMade(FaceId),
    Live(LiveSession),
}

async fn admit(
    deps: &Deps,
    caller: &Caller,
    session: SessionId,
    once: Option<&IdempotentRequest>,
) -> Result<Admission, Error> {
    let now = deps.clock.now();
    let mut tx = deps.store.read().await?;
    let stored = sessions::live(&mut tx, caller, session, now).await?;
    if let Some(face) = made(&mut tx, session, once, now).await? {
        return Ok(Admission::AlreadyMade(face));
    }
    refuse_many(deps, &mut tx, session).await?;
    drop(tx);
    Ok(Admission::Live(sealed::open(deps, stored).await?))
}

async fn made(
    tx: &mut store::Tx,
    session: SessionId,
    once: Option<&IdempotentRequest>,
    now: Moment,
) -> Result<Option<FaceId>, Error> {
    let Some(once) = once else { return Ok(None) };
    Ok(once.made(tx, KeyScope(session.0), now).await?.and_then(|made| made.face))
}

async fn refuse_many(deps: &Deps, tx: &mut store::Tx, session: SessionId) -> Result<(), Error> {
    let faces_max = deps.policy().faces_max;
    let count = store::faces::count(tx, session).await?;
    if count >= faces_max { Err(Error::TooManyFaces(faces_max)) } else { Ok(()) }
}

/// Returns the image to keep: the file itself, or the picture inside a biometric record.
fn kept_image(deps: &Deps, bytes: &Bytes) -> Result<(Image, Bytes), Error> {
    let (format, file) = face::image::file(bytes).map_err(|error| Error::Image { part: "image", error })?;
    Ok((Image { format, is_sealed: deps.policy().media_sealed }, bytes.slice_ref(file)))
}

/// The operation that asked for a face, and its idempotency key.
struct FaceRequest {
    operation: Operation,
    once: Option<IdempotentRequest>,
}

/// Puts a face into its session, and its image before that: a row must not refer to an image that is not there.
async fn keep(
    deps: &Deps,
    caller: &Caller,
    live: &LiveSession,
    face: Face,
    image: Option<(Image, Bytes)>,
    asked: FaceRequest,
) -> Result<FaceId, Error> {
    let (session, id) = (live.session.id, face.id);
    let content = Content { face, image: image.as_ref().map(|(image, _)| *image) };
    let kept = content.seal(live)?;
    let has_image = image.is_some();
    if let Some((image, bytes)) = image {
        let name = media_name(live.session.owner, session, id);
        deps.media.put(&name, image.sealed(bytes, live, id)).await?;
    }
    let inserted = insert(deps, caller, session, &kept, asked).await;
    if has_image && !matches!(inserted, Ok(inserted) if inserted == id) {
        // The reason of the refusal matters more: an image that stays is erased with the session, or as a stray.
        if let Err(error) = forget_image(deps, &live.session, id).await {
            tracing::warn!(%error, %session, "an image without a face could not be erased yet");
        }
    }
    inserted
}

/// Queues an image to be erased whose face was refused.
async fn forget_image(deps: &Deps, session: &Session, face: FaceId) -> Result<(), Error> {
    let mut tx = deps.store.begin().await?;
    erasures::owe(&mut tx, &media_name(session.owner, session.id, face), deps.clock.now()).await?;
    tx.commit().await?;
    deps.eraser.notify_one();
    Ok(())
}

/// Returns the id of the face in the session: another one if a request with the same idempotency key was faster.
async fn insert(
    deps: &Deps,
    caller: &Caller,
    session: SessionId,
    kept: &StoredFace,
    FaceRequest { operation, once }: FaceRequest,
) -> Result<FaceId, Error> {
    let now = deps.clock.now();
    let mut tx = deps.store.begin().await?;
    // The session may have ended while networks ran.
    sessions::hold(&mut tx, caller, session, now).await?;
    if let Some(face) = made(&mut tx, session, once.as_ref(), now).await? {
        return Ok(face);
    }
    refuse_many(deps, &mut tx, session).await?;
    store::faces::insert(&mut tx, session, kept).await?;
    if let Some(once) = &once {
        once.note(&mut tx, KeyScope(session.0), session, Some(kept.id), now).await?;
    }
    store::usage::count(&mut tx, caller.provider, operation, now).await?;
    audit::commit(deps, tx, caller, About::session(session).with_subject(&kept.id), now).await?;
    Ok(kept.id)
}

fn media_name(owner: Option<OwnerId>, session: SessionId, face: FaceId) -> String {
    format!("{}/{face}", sessions::media_folder(owner, session))
}

/// Describes the only face in `new.image`; a refusal names `part` of the request.
pub(super) async fn describe(
    deps: &Deps,
    place: &Place,
    part: &'static str,
    new: &NewFace,
) -> Result<DescribedFace, Error> {
    let rotation = new.image_rotation_enabled.unwrap_or(false);
    let picture = Picture { bytes: new.image.clone(), rotation, wanted: WantedFace::of(new.image_type) };
    let turn = place.turn().await;
    let described = deps.face_engine.describe(picture).await;
    turn.done();
    described.map_err(|error| Error::Image { part, error })
}

pub(super) fn face(deps: &Deps, new: NewFace, described: DescribedFace, now: Moment) -> Face {
    Face {
        id: FaceId::new(),
        friendly_name: new.friendly_name,
        digest: Some(described.digest),
        mode: new.mode.unwrap_or(deps.policy().mode),
        image_type: new.image_type,
        quality: Some(described.quality),
        landmarks: Some(described.landmarks),
        template: Some(described.template),
        image_rotation_enabled: new.image_rotation_enabled,
        verified: None,
        created: Some(now),
        expires: None,
    }
}

/// Refuses a face that this server did not sign, or that was changed, if the operator's policy demands that.
pub(super) fn require_verified(deps: &Deps, former: &FormerFace) -> Result<(), Error> {
    let is_refused = deps.policy().verified_faces_only && former.face.verified != Some(true);
    if is_refused { Err(Error::FaceNotVerified) } else { Ok(()) }
}

/// Returns the template of a former face, if this server can compare it.
///
/// The version is checked before everything else: templates of other versions may have another form.
pub(super) fn template(deps: &Deps, former: &FormerFace) -> Result<Template, Error> {
    if let Some(sent) = former.template_version {
        require_version(deps, sent)?;
    }
    let template = Template::decode(&former.template)?;
    require_version(deps, template.version().into())?;
    Ok(template)
}

/// Refuses templates of a version that this server does not compare.
pub(super) fn require_version(deps: &Deps, sent: i32) -> Result<(), Error> {
    let served = deps.face_engine.template_version();
    if sent == i32::from(served) { Ok(()) } else { Err(Error::TemplateVersion { sent, served }) }
}

/// Counts the operation as usage of the provider, and records it.
pub(super) async fn count(
    deps: &Deps,
    caller: &Caller,
    operation: Operation,
    about: About,
    now: Moment,
) -> Result<(), Error> {
    let mut tx = deps.store.begin().await?;
    store::usage::count(&mut tx, caller.provider, operation, now).await?;
    Ok(audit::commit(deps, tx, caller, about, now).await?)
}
