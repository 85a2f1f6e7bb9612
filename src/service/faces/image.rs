//! The images that a session's faces were made from.

use bytes::Bytes;
use face::compress;
use face::values::picture::ImageFormat;
use tokio::sync::Semaphore;

use crate::domain::{Caller, FaceId, Permission, SessionId};
use crate::service::faces::{find, media_name};
use crate::service::{Deps, Error, require};

/// Pictures that are compressed at once: the rest wait, and cores are left for networks.
static COMPRESSING: Semaphore = Semaphore::const_new(1);

/// How an image is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// As it was sent.
    None,
    /// As a JPEG, upright; as it was sent where that is a smaller JPEG.
    Jpeg,
}

/// An image file.
pub struct ImageFile {
    pub format: ImageFormat,
    pub bytes: Bytes,
}

/// The image that a face was made from; `None` where it is not kept.
pub async fn image(
    deps: &Deps,
    caller: &Caller,
    session: SessionId,
    id: FaceId,
    compression: Compression,
) -> Result<Option<ImageFile>, Error> {
    require(caller, Permission::Image)?;
    let (content, live) = find(deps, caller, session, id).await?;
    let Some(image) = content.image else { return Ok(None) };
    let Some(bytes) = deps.media.get(&media_name(live.session.owner, session, id)).await? else {
        // The face was deleted meanwhile.
        return Err(Error::FaceNotFound(id));
    };
    let file = ImageFile { format: image.format, bytes: image.opened(bytes, &live, id)? };
    match compression {
        Compression::None => Ok(Some(file)),
        Compression::Jpeg => compressed(deps, file).await.map(Some),
    }
}

async fn compressed(deps: &Deps, file: ImageFile) -> Result<ImageFile, Error> {
    let _turn = COMPRESSING.acquire().await.map_err(|error| Error::Failed(error.to_string()))?;
    let (bytes, pixels_max) = (file.bytes.clone(), deps.policy().image_pixels_max);
    let jpeg = tokio::task::spawn_blocking(move || compress::jpeg(&bytes, pixels_max)).await;
    let jpeg = jpeg.map_err(|error| Error::Failed(format!("compressing an image: {error}")))?;
    let jpeg = jpeg.map_err(|error| Error::Image { part: "image", error })?;
    let is_smaller = file.format == ImageFormat::Jpeg && file.bytes.len() <= jpeg.len();
    Ok(if is_smaller { file } else { ImageFile { format: ImageFormat::Jpeg, bytes: jpeg.into() } })
}
