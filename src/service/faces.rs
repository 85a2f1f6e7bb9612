//! Faces: those of a session, and those that are described and forgotten.

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

/// Faces of one session that are read at once: more than any session may have.
pub const FACES_LISTED_MAX: i64 = 1000;

/// An image and what its sender says of it.
pub struct NewFace {
    pub image: Bytes,
    pub image_type: ImageType,
    /// The mode to report; none means the operator's.
    pub mode: Option<Mode>,
    pub friendly_name: Option<String>,
    pub image_rotation_enabled: Option<bool>,
}

/// A face that this server described before, as its holder sends it back.
pub struct FormerFace {
    /// Without its template. Unless it is verified, what it says is the sender's word.
    pub face: Face,
    pub template: String,
    /// The version that the sender says the template has.
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

/// Makes a face of the session from the only face of `new.image`.
///
/// Networks run before anything is locked: no connection is held meanwhile.
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

/// Makes a face of the session from one that this server described before. It keeps what that said of it,
/// but for its id and its moments.
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

/// All faces of the session, oldest first.
pub async fn list(deps: &Deps, caller: &Caller, session: SessionId) -> Result<Vec<Face>, Error> {
    require(caller, Permission::Face)?;
    Ok(all(deps, caller, session).await?.1)
}

/// Deletes a face; its image is erased as soon as its place lets that happen. One that was deleted before is fine.
pub async fn delete(deps: &Deps, caller: &Caller, session: SessionId, id: FaceId) -> Result<(), Error> {
    let (tx, held) = begin_delete(deps, caller, session).await?;
    finish_delete(deps, tx, caller, &held, Some(id)).await
}

/// As [`delete`], of all faces of the session.
pub async fn delete_all(deps: &Deps, caller: &Caller, session: SessionId) -> Result<(), Error> {
    let (tx, held) = begin_delete(deps, caller, session).await?;
    finish_delete(deps, tx, caller, &held, None).await
}

/// Holds a session whose faces may be deleted.
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

/// Deletes a face of the session that `tx` holds, or all of them.
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

/// A session and all its faces, oldest first, whatever the caller may do with them.
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

/// A face of the session, and its session.
async fn find(deps: &Deps, caller: &Caller, session: SessionId, id: FaceId) -> Result<(Content, LiveSession), Error> {
    let mut tx = deps.store.read().await?;
    let stored = sessions::live(&mut tx, caller, session, deps.clock.now()).await?;
    let kept = store::faces::find(&mut tx, session, id).await?.ok_or(Error::FaceNotFound(id))?;
    drop(tx);
    let live = sealed::open(deps, stored).await?;
    Ok((Content::open(&kept, &live)?, live))
}

/// What is known of a face that is to be made, before any work is done for it.
enum Admission {
    /// An earlier request of the same idempotency key made it.
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

/// The image to keep: of a record that holds a picture, the picture.
fn kept_image(deps: &Deps, bytes: &Bytes) -> Result<(Image, Bytes), Error> {
    let (format, file) = face::image::file(bytes).map_err(|error| Error::Image { part: "image", error })?;
    Ok((Image { format, is_sealed: deps.policy().media_sealed }, bytes.slice_ref(file)))
}

/// How a face was asked for.
struct FaceRequest {
    operation: Operation,
    once: Option<IdempotentRequest>,
}

/// Puts a face into its session, its image first: a row must not lead to an image that is not there.
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
        // Why the face was refused matters more: what stays goes with the session, or as a stray.
        if let Err(error) = forget_image(deps, &live.session, id).await {
            tracing::warn!(%error, %session, "an image without a face is not yet erased");
        }
    }
    inserted
}

/// Has an image erased whose face was refused.
async fn forget_image(deps: &Deps, session: &Session, face: FaceId) -> Result<(), Error> {
    let mut tx = deps.store.begin().await?;
    erasures::owe(&mut tx, &media_name(session.owner, session.id, face), deps.clock.now()).await?;
    tx.commit().await?;
    deps.eraser.notify_one();
    Ok(())
}

/// The id of what is there now: another one if another request of the same idempotency key was faster.
async fn insert(
    deps: &Deps,
    caller: &Caller,
    session: SessionId,
    kept: &StoredFace,
    FaceRequest { operation, once }: FaceRequest,
) -> Result<FaceId, Error> {
    let now = deps.clock.now();
    let mut tx = deps.store.begin().await?;
    // It may have ended while networks ran.
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

/// The only face of `new.image`; a refusal names the request's `part`.
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

/// Refuses a face that this server did not sign as it is, where the operator wants that.
pub(super) fn require_verified(deps: &Deps, former: &FormerFace) -> Result<(), Error> {
    let is_refused = deps.policy().verified_faces_only && former.face.verified != Some(true);
    if is_refused { Err(Error::FaceNotVerified) } else { Ok(()) }
}

/// The template of a former face, if this server compares its kind.
///
/// A version is looked at before anything else: templates of other versions need not look like ours.
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

/// Adds one to what the provider has used, and records it.
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
