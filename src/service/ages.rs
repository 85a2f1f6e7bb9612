//! The rules of ages.

use bytes::Bytes;
use face::values::picture::Quality;
use face::{AgedFace, Picture, WantedFace, age};

use crate::domain::age::{Age, ImageType};
use crate::domain::{AgeId, Caller, Operation, Permission};
use crate::service::audit::About;
use crate::service::turns::Place;
use crate::service::{Deps, Error, faces, require};

/// An image, and the question about the person in it.
pub struct NewAge {
    pub image: Bytes,
    pub image_type: ImageType,
    /// The threshold in years.
    pub threshold: i32,
    pub image_rotation_enabled: Option<bool>,
}

/// Estimates the age of the only person in `new.image`. If the image shows nobody, or nobody clearly enough, the answer
/// has no age; an image of several people is refused.
pub async fn create_direct(deps: &Deps, caller: &Caller, place: &Place, new: NewAge) -> Result<Age, Error> {
    require(caller, Permission::Age)?;
    let rotation = new.image_rotation_enabled.unwrap_or(false);
    let picture = Picture { bytes: new.image, rotation, wanted: WantedFace::Only };
    let turn = place.turn().await;
    let aged = deps.face_engine.estimate_age(picture).await;
    turn.done();
    let aged = aged.map_err(|error| Error::Image { part: "image", error })?;
    let now = deps.clock.now();
    faces::count(deps, caller, Operation::CreateDirectAge, About::default(), now).await?;
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
