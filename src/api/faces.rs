//! The handlers of the tag Faces.

use ::face::values::picture::ImageFormat;
use poem_openapi::param::{Header, Path, Query};
use poem_openapi::payload::Binary;
use uuid::Uuid;

use crate::api::contract::faces;
use crate::api::faces::face::{former, image_type, mode, wire};
use crate::api::http::payload::either::Upload;
use crate::api::http::payload::multipart::Multipart;
use crate::api::http::prefer::{REPRESENTATION, prefers_representation};
use crate::api::sessions::wire_receipt;
use crate::api::wire::{File, Wire};
use crate::api::{Api, types};
use crate::domain::{Caller, FaceId, SessionId};
use crate::service;
use crate::service::faces::NewFace;
use crate::service::faces::image::{Compression, ImageFile};
use crate::service::idempotency::IdempotentRequest;
use crate::service::receipts;

pub mod face;

impl faces::FacesApi for Api {
    async fn create_face(
        &self,
        caller: Caller,
        Path(session): Path<Uuid>,
        Header(key): Header<Option<String>>,
        body: Upload<types::FaceUpload, types::KnownFace>,
    ) -> Result<faces::CreateFaceOk, faces::CreateFaceError> {
        let session = SessionId(session);
        let face = match body {
            Upload::Form(types::FaceUpload { face, image }, place) => {
                let named =
                    |key: String| IdempotentRequest::new(&key, &[face.write().to_string().as_bytes(), &image.0]);
                let once = key.map(named).transpose()?;
                service::faces::create(&self.deps, &caller, &place, session, of_session(face, image), once).await?
            }
            Upload::Json(face) => {
                let once =
                    key.map(|key| IdempotentRequest::new(&key, &[face.write().to_string().as_bytes()])).transpose()?;
                let former = former(&self.deps, face);
                service::faces::create_from_former(&self.deps, &caller, session, former, once).await?
            }
        };
        Ok(faces::CreateFaceOk::Created(format!("/v2/bio-sessions/{session}/faces/{face}")))
    }

    async fn get_faces(
        &self,
        caller: Caller,
        Path(session): Path<Uuid>,
    ) -> Result<faces::GetFacesOk, faces::GetFacesError> {
        let faces = service::faces::list(&self.deps, &caller, SessionId(session)).await?;
        Ok(faces::GetFacesOk::Ok(self.signed_each(faces.into_iter().map(wire).collect())?))
    }

    async fn delete_faces(
        &self,
        caller: Caller,
        Path(session): Path<Uuid>,
        Header(prefer): Header<Option<String>>,
    ) -> Result<faces::DeleteFacesOk, faces::DeleteFacesError> {
        let session = SessionId(session);
        if !prefers_representation(prefer.as_deref()) {
            service::faces::delete_all(&self.deps, &caller, session).await?;
            return Ok(faces::DeleteFacesOk::NoContent);
        }
        let receipt = receipts::delete_faces(&self.deps, &caller, session, None).await?;
        Ok(faces::DeleteFacesOk::Ok(self.signed(wire_receipt(receipt), false)?, REPRESENTATION.to_owned()))
    }

    async fn get_face(
        &self,
        caller: Caller,
        Path(session): Path<Uuid>,
        Path(face): Path<Uuid>,
    ) -> Result<faces::GetFaceOk, faces::GetFaceError> {
        let face = service::faces::get(&self.deps, &caller, SessionId(session), FaceId(face)).await?;
        Ok(faces::GetFaceOk::Ok(self.signed(wire(face), false)?))
    }

    async fn delete_face(
        &self,
        caller: Caller,
        Path(session): Path<Uuid>,
        Path(face): Path<Uuid>,
        Header(prefer): Header<Option<String>>,
    ) -> Result<faces::DeleteFaceOk, faces::DeleteFaceError> {
        let (session, face) = (SessionId(session), FaceId(face));
        if !prefers_representation(prefer.as_deref()) {
            service::faces::delete(&self.deps, &caller, session, face).await?;
            return Ok(faces::DeleteFaceOk::NoContent);
        }
        let receipt = receipts::delete_faces(&self.deps, &caller, session, Some(face)).await?;
        Ok(faces::DeleteFaceOk::Ok(self.signed(wire_receipt(receipt), false)?, REPRESENTATION.to_owned()))
    }

    async fn get_face_image(
        &self,
        caller: Caller,
        Path(session): Path<Uuid>,
        Path(face): Path<Uuid>,
        Query(is_compressed): Query<bool>,
    ) -> Result<faces::GetFaceImageOk, faces::GetFaceImageError> {
        let compression = if is_compressed { Compression::Jpeg } else { Compression::None };
        let (session, face) = (SessionId(session), FaceId(face));
        let image = service::faces::image::image(&self.deps, &caller, session, face, compression).await?;
        Ok(match image {
            None => faces::GetFaceImageOk::NoContent,
            Some(ImageFile { format, bytes }) => faces::GetFaceImageOk::Ok(match format {
                ImageFormat::Jpeg => faces::GetFaceImageContent::Jpeg(Binary(bytes.into())),
                ImageFormat::Png => faces::GetFaceImageContent::Png(Binary(bytes.into())),
                ImageFormat::WebP => faces::GetFaceImageContent::Webp(Binary(bytes.into())),
                ImageFormat::Jp2 => faces::GetFaceImageContent::Jp2(Binary(bytes.into())),
                ImageFormat::J2c => faces::GetFaceImageContent::J2c(Binary(bytes.into())),
            }),
        })
    }

    async fn create_direct_face_from_image(
        &self,
        caller: Caller,
        Multipart(body, place): Multipart<types::DirectFaceUpload>,
    ) -> Result<faces::CreateDirectFaceFromImageOk, faces::CreateDirectFaceFromImageError> {
        let is_unsigned = body.face.signature_disabled;
        let face = service::faces::create_direct(&self.deps, &caller, &place, direct(body)).await?;
        Ok(faces::CreateDirectFaceFromImageOk::Ok(self.signed(wire(face), is_unsigned)?))
    }
}

fn direct(body: types::DirectFaceUpload) -> NewFace {
    NewFace {
        image: body.image.0,
        image_type: image_type(body.face.image_type),
        mode: body.face.mode.map(mode),
        friendly_name: body.face.friendly_name,
        image_rotation_enabled: body.face.image_rotation_enabled,
    }
}

fn of_session(face: types::FaceDetails, image: File) -> NewFace {
    NewFace {
        image: image.0,
        image_type: image_type(face.image_type),
        mode: face.mode.map(mode),
        friendly_name: face.friendly_name,
        image_rotation_enabled: face.image_rotation_enabled,
    }
}
