//! Faces.

use bytes::Bytes;

use crate::domain::Caller;
use crate::domain::FaceId;
use crate::domain::Moment;
use crate::domain::Operation;
use crate::domain::Permission;
use crate::domain::face::Face;
use crate::domain::face::ImageType;
use crate::domain::face::Mode;
use crate::domain::template::Template;
use crate::face::Coded;
use crate::face::Faces;
use crate::face::Picture;
use crate::service::Deps;
use crate::service::Error;
use crate::service::require;
use crate::store;

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
    /// Without its template. What it says is the sender's word.
    pub face: Face,
    pub template: Option<String>,
    /// The version that the sender says the template has.
    pub template_version: Option<i32>,
}

/// Makes a face that belongs to no session and is not kept.
pub async fn create_direct(deps: &Deps, caller: &Caller, new: NewFace) -> Result<Face, Error> {
    require(caller, Permission::Face)?;
    let coded = code(deps, "image", &new).await?;
    let now = deps.clock.now();
    count(deps, caller, Operation::CreateDirectFace, now).await?;
    Ok(face(deps, new, coded, now))
}

/// The only face of `new.image`; a refusal names the request's `part`.
pub(super) async fn code(deps: &Deps, part: &'static str, new: &NewFace) -> Result<Coded, Error> {
    let rotation = new.image_rotation_enabled.unwrap_or(false);
    let picture = Picture { bytes: new.image.clone(), rotation, faces: Faces::Only };
    deps.faces.code(picture).await.map_err(|error| Error::Image { part, error })
}

pub(super) fn face(deps: &Deps, new: NewFace, coded: Coded, now: Moment) -> Face {
    Face {
        id: FaceId::new(),
        friendly_name: new.friendly_name,
        digest: Some(coded.digest),
        mode: new.mode.unwrap_or(deps.policy.mode),
        image_type: new.image_type,
        quality: Some(coded.quality),
        landmarks: Some(coded.landmarks),
        template: Some(coded.template),
        image_rotation_enabled: new.image_rotation_enabled,
        created: Some(now),
        expires: None,
    }
}

/// The template of a former face, if this server compares its kind.
///
/// A version is looked at before anything else: templates of other versions need not look like ours.
pub(super) fn template(deps: &Deps, former: &FormerFace) -> Result<Template, Error> {
    let served = deps.faces.template_version();
    if let Some(sent) = former.template_version
        && sent != i32::from(served)
    {
        return Err(Error::TemplateVersion { sent, served });
    }
    let template = Template::decode(former.template.as_deref().ok_or(Error::TemplateMissing)?)?;
    if template.version() != served {
        return Err(Error::TemplateVersion { sent: template.version().into(), served });
    }
    Ok(template)
}

/// Adds one to what the provider has used.
pub(super) async fn count(deps: &Deps, caller: &Caller, operation: Operation, now: Moment) -> Result<(), Error> {
    let mut tx = deps.store.begin().await?;
    store::usage::count(&mut tx, caller.provider, operation, now).await?;
    Ok(tx.commit().await?)
}
