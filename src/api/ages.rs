//! The handlers of the tag Ages.

use crate::api::contract::ages;
use crate::api::faces::face;
use crate::api::http::payload::multipart::Multipart;
use crate::api::wire::Timestamp;
use crate::api::{Api, types};
use crate::domain::age::ImageType;
use crate::domain::{self, Caller};
use crate::service;
use crate::service::ages::NewAge;

impl ages::AgesApi for Api {
    async fn create_direct_age_from_image(
        &self,
        caller: Caller,
        Multipart(body, place): Multipart<types::AgeUpload>,
    ) -> Result<ages::CreateDirectAgeFromImageOk, ages::CreateDirectAgeFromImageError> {
        let is_unsigned = body.age.signature_disabled;
        let age = service::ages::create_direct(&self.deps, &caller, &place, new(body)).await?;
        Ok(ages::CreateDirectAgeFromImageOk::Ok(self.signed(wire(age), is_unsigned)?))
    }
}

fn new(types::AgeUpload { age, image, .. }: types::AgeUpload) -> NewAge {
    NewAge {
        image: image.0,
        image_type: age.image_type.map(image_type).unwrap_or_default(),
        threshold: age.threshold,
        image_rotation_enabled: age.image_rotation_enabled,
    }
}

fn image_type(image_type: types::AgeImageType) -> ImageType {
    match image_type {
        types::AgeImageType::Selfie => ImageType::Selfie,
        types::AgeImageType::VideoFrame => ImageType::VideoFrame,
    }
}

fn wire_image_type(image_type: ImageType) -> types::AgeImageType {
    match image_type {
        ImageType::Selfie => types::AgeImageType::Selfie,
        ImageType::VideoFrame => types::AgeImageType::VideoFrame,
    }
}

fn wire(age: domain::age::Age) -> types::Age {
    let above_threshold = age.above_threshold();
    types::Age {
        id: age.id.0,
        above_threshold,
        age_estimated: age.estimated,
        threshold: age.threshold,
        digest: age.digest,
        image_type: wire_image_type(age.image_type),
        quality: age.quality.value,
        quality_reasons: face::wire_reasons(age.quality.reasons),
        created: Timestamp(age.created),
        signature: None,
    }
}
