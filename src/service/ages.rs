//! Ages.

use bytes::Bytes;

use crate::domain::AgeId;
use crate::domain::Caller;
use crate::domain::Operation;
use crate::domain::Permission;
use crate::domain::age;
use crate::domain::age::Age;
use crate::domain::age::ImageType;
use crate::domain::face::Quality;
use crate::face::AgedFace;
use crate::face::Faces;
use crate::face::Picture;
use crate::service::Deps;
use crate::service::Error;
use crate::service::faces;
use crate::service::require;

/// An image, and what is asked about the person in it.
pub struct NewAge {
    pub image: Bytes,
    pub image_type: ImageType,
    /// In years.
    pub threshold: i32,
    pub image_rotation_enabled: Option<bool>,
}

/// How old the only person of `new.image` looks. An image that shows nobody, or somebody too poorly, is answered
/// without an age; one that shows several people is refused.
pub async fn create_direct(deps: &Deps, caller: &Caller, new: NewAge) -> Result<Age, Error> {
    require(caller, Permission::Age)?;
    let rotation = new.image_rotation_enabled.unwrap_or(false);
    let picture = Picture { bytes: new.image, rotation, faces: Faces::Only };
    let aged = deps.faces.age(picture).await.map_err(|error| Error::Image { part: "image", error })?;
    let now = deps.clock.now();
    faces::count(deps, caller, Operation::CreateDirectAge, now).await?;
    let (quality, estimated) = match aged.face {
        Some(AgedFace { quality, years }) => {
            let estimated = age::is_enough(&quality).then(|| age::stated(years));
            (quality, estimated)
        }
        None => (Quality { value: age::NO_PERSON, reasons: vec![] }, None),
    };
    Ok(Age {
        id: AgeId::new(),
        estimated,
        threshold: new.threshold,
        digest: aged.digest,
        image_type: new.image_type,
        quality,
        created: now,
    })
}
