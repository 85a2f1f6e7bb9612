//! The images that the faces of a session were made from.

use bytes::Bytes;
use face::compress;
use face::values::picture::ImageFormat;
use tokio::sync::Semaphore;

use crate::domain::{Caller, FaceId, Permission, SessionId};
use crate::service::faces::{find, media_name};
use crate::service::{Deps, Error, require};

/// One picture is compressed at a time, so that cores are left for networks; others wait.
static COMPRESSING: Semaphore = Semaphore::const_new(1);

/// The form in which an image is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// The file as it was sent.
    None,
    /// An upright JPEG; the file as it was sent if that is a smaller JPEG.
    Jpeg,
}

/// An image file.
pub struct ImageFile {
    pub format: ImageFormat,
    pub bytes: Bytes,
}

/// Returns the image that a face was made from; `None` if it is not kept.
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
        // The face was deleted in the meantime.
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
    let jpeg = jpeg.map_err(|error| Error::Failed(format!("compressing an image failed: {error}")))?;
    let jpeg = jpeg.map_err(|error| Error::Image { part: "image", error })?;
    let is_smaller = file.format == ImageFormat::Jpeg && file.bytes.len() <= jpeg.len();
    Ok(if is_smaller { file } else { ImageFile { format: ImageFormat::Jpeg, bytes: jpeg.into() } })
}
