//! Makes a face from the best frame of a capture.

use face::Best;
use face::values::picture::{ImageFormat, ImageType};

use crate::domain::FaceId;
use crate::domain::face::Face;
use crate::service::faces::content::{Content, Image};
use crate::service::faces::media_name;
use crate::service::sessions::sealed::LiveSession;
use crate::service::storage::{self, StoredMedium};
use crate::service::{Deps, Error};
use crate::store::faces::StoredFace;

/// A face that is ready to be put into its session.
pub struct PreparedFace {
    pub kept: StoredFace,
    /// The place of its image, if the session keeps images.
    pub stored: Option<StoredMedium>,
}

/// Makes the face, and stores its image if the session keeps images, since a row must not refer to an image that is not
/// there. An image whose face is not put into the session is erased with the session.
pub async fn prepare(deps: &Deps, live: &LiveSession, best: &Best) -> Result<PreparedFace, Error> {
    let (session, id) = (live.session.id, FaceId::new());
    let face = Face {
        id,
        friendly_name: None,
        digest: Some(best.described.digest.clone()),
        mode: deps.policy().mode,
        image_type: ImageType::VideoFrame,
        quality: Some(best.described.quality.clone()),
        landmarks: Some(best.described.landmarks),
        template: Some(best.described.template.clone()),
        image_rotation_enabled: None,
        verified: None,
        created: Some(deps.clock.now()),
        expires: None,
    };
    if !live.session.image_storage_enabled {
        return Ok(PreparedFace { kept: Content { face, image: None }.seal(live)?, stored: None });
    }
    let image = Image { format: ImageFormat::Jpeg, is_sealed: deps.policy().media_sealed };
    let bytes = image.sealed(best.jpeg.clone(), live, id);
    let stored = storage::keep(deps, &media_name(live.session.owner, session, id), bytes, "image/jpeg").await?;
    Ok(PreparedFace { kept: Content { face, image: Some(image) }.seal(live)?, stored: Some(stored) })
}
