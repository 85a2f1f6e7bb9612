//! The handlers of the tag Faces.

use ::face::values::picture::ImageFormat;
use poem_openapi::param::{Header, Path, Query};
use poem_openapi::payload::Binary;
use uuid::Uuid;

use crate::api::Api;
use crate::api::contract::{
    CreateDirectFaceFromImageError, CreateDirectFaceFromImageOk, CreateFaceError, CreateFaceOk, DeleteFaceError,
    DeleteFaceOk, DeleteFacesError, DeleteFacesOk, DirectFaceUpload, FaceDetails, FaceUpload, FacesApi, GetFaceError,
    GetFaceImageContent, GetFaceImageError, GetFaceImageOk, GetFaceOk, GetFacesError, GetFacesOk, KnownFace,
};
use crate::api::faces::face::{former, image_type, mode, wire};
use crate::api::payload::Multipart;
use crate::api::payload::either::Upload;
use crate::api::wire::{File, Wire};
use crate::domain::{Caller, FaceId, SessionId};
use crate::service;
use crate::service::faces::NewFace;
use crate::service::faces::image::{Compression, ImageFile};
use crate::service::idempotency::Once;

pub mod face;

impl FacesApi for Api {
    async fn create_face(
        &self,
        caller: Caller,
        Path(session): Path<Uuid>,
        Header(key): Header<Option<String>>,
        body: Upload<FaceUpload, KnownFace>,
    ) -> Result<CreateFaceOk, CreateFaceError> {
        let session = SessionId(session);
        let face = match body {
            Upload::Form(FaceUpload { face, image }) => {
                let named = |key: String| Once::new(&key, &[face.write().to_string().as_bytes(), &image.0]);
                let once = key.map(named).transpose()?;
                service::faces::create(&self.deps, &caller, session, of_session(face, image), once).await?
            }
            Upload::Json(face) => {
                let once = key.map(|key| Once::new(&key, &[face.write().to_string().as_bytes()])).transpose()?;
                let former = former(&self.deps, face);
                service::faces::create_from_former(&self.deps, &caller, session, former, once).await?
            }
        };
        Ok(CreateFaceOk::Created(format!("/v2/bio-sessions/{session}/faces/{face}")))
    }

    async fn get_faces(&self, caller: Caller, Path(session): Path<Uuid>) -> Result<GetFacesOk, GetFacesError> {
        let faces = service::faces::list(&self.deps, &caller, SessionId(session)).await?;
        Ok(GetFacesOk::Ok(self.signed_each(faces.into_iter().map(wire).collect())?))
    }

    async fn delete_faces(&self, caller: Caller, Path(session): Path<Uuid>) -> Result<DeleteFacesOk, DeleteFacesError> {
        service::faces::delete_all(&self.deps, &caller, SessionId(session)).await?;
        Ok(DeleteFacesOk::NoContent)
    }

    async fn get_face(
        &self,
        caller: Caller,
        Path(session): Path<Uuid>,
        Path(face): Path<Uuid>,
    ) -> Result<GetFaceOk, GetFaceError> {
        let face = service::faces::get(&self.deps, &caller, SessionId(session), FaceId(face)).await?;
        Ok(GetFaceOk::Ok(self.signed(wire(face), false)?))
    }

    async fn delete_face(
        &self,
        caller: Caller,
        Path(session): Path<Uuid>,
        Path(face): Path<Uuid>,
    ) -> Result<DeleteFaceOk, DeleteFaceError> {
        service::faces::delete(&self.deps, &caller, SessionId(session), FaceId(face)).await?;
        Ok(DeleteFaceOk::NoContent)
    }

    async fn get_face_image(
        &self,
        caller: Caller,
        Path(session): Path<Uuid>,
        Path(face): Path<Uuid>,
        Query(is_compressed): Query<bool>,
    ) -> Result<GetFaceImageOk, GetFaceImageError> {
        let compression = if is_compressed { Compression::Jpeg } else { Compression::None };
        let (session, face) = (SessionId(session), FaceId(face));
        let image = service::faces::image::image(&self.deps, &caller, session, face, compression).await?;
        Ok(match image {
            None => GetFaceImageOk::NoContent,
            Some(ImageFile { format, bytes }) => GetFaceImageOk::Ok(match format {
                ImageFormat::Jpeg => GetFaceImageContent::Jpeg(Binary(bytes.into())),
                ImageFormat::Png => GetFaceImageContent::Png(Binary(bytes.into())),
                ImageFormat::WebP => GetFaceImageContent::Webp(Binary(bytes.into())),
            }),
        })
    }

    async fn create_direct_face_from_image(
        &self,
        caller: Caller,
        Multipart(body): Multipart<DirectFaceUpload>,
    ) -> Result<CreateDirectFaceFromImageOk, CreateDirectFaceFromImageError> {
        let is_unsigned = body.face.signature_disabled;
        let face = service::faces::create_direct(&self.deps, &caller, direct(body)).await?;
        Ok(CreateDirectFaceFromImageOk::Ok(self.signed(wire(face), is_unsigned)?))
    }
}

fn direct(body: DirectFaceUpload) -> NewFace {
    NewFace {
        image: body.image.0,
        image_type: image_type(body.face.image_type),
        mode: body.face.mode.map(mode),
        friendly_name: body.face.friendly_name,
        image_rotation_enabled: body.face.image_rotation_enabled,
    }
}

fn of_session(face: FaceDetails, image: File) -> NewFace {
    NewFace {
        image: image.0,
        image_type: image_type(face.image_type),
        mode: face.mode.map(mode),
        friendly_name: face.friendly_name,
        image_rotation_enabled: face.image_rotation_enabled,
    }
}
