//! The content of a session's face that is kept, sealed by the session's key.

use bytes::Bytes;
use face::values::picture::ImageFormat;
use serde::{Deserialize, Serialize};

use crate::domain::FaceId;
use crate::domain::face::Face;
use crate::service::Error;
use crate::service::sessions::sealed::LiveSession;
use crate::store::faces::StoredFace;

/// A face and its image. Later versions of this server must read it leniently, since sessions outlive an upgrade.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Content {
    pub face: Face,
    /// The image, if the session keeps images and the face was made from one.
    pub image: Option<Image>,
}

/// A kept image; its bytes are in `media`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    pub format: ImageFormat,
    pub is_sealed: bool,
}

impl Content {
    pub fn seal(&self, live: &LiveSession) -> Result<StoredFace, Error> {
        let text =
            serde_json::to_vec(self).map_err(|error| Error::Failed(format!("a face cannot be stored: {error}")))?;
        let id = self.face.id;
        Ok(StoredFace { id, content_sealed: live.key.seal(&place(live, id, "content"), "", &text) })
    }

    /// Opens a face. Its expiry is that of the session.
    pub fn open(kept: &StoredFace, live: &LiveSession) -> Result<Self, Error> {
        let text = live.key.open(&place(live, kept.id, "content"), "", &kept.content_sealed)?;
        let mut content: Self = serde_json::from_slice(&text)
            .map_err(|error| Error::Failed(format!("the face {} cannot be read: {error}", kept.id)))?;
        content.face.expires = Some(live.session.expires);
        Ok(content)
    }
}

impl Image {
    /// Returns the bytes to store in `media`, sealed if this image is.
    pub fn sealed(self, bytes: Bytes, live: &LiveSession, face: FaceId) -> Bytes {
        if self.is_sealed { live.key.seal(&place(live, face, "image"), "", &bytes).into() } else { bytes }
    }

    /// Returns the image's bytes from those in `media`.
    pub fn opened(self, bytes: Bytes, live: &LiveSession, face: FaceId) -> Result<Bytes, Error> {
        Ok(if self.is_sealed { live.key.open(&place(live, face, "image"), "", &bytes)?.into() } else { bytes })
    }
}

fn place(live: &LiveSession, face: FaceId, column: &str) -> String {
    format!("sessions/{}/faces/{face}/{column}", live.session.id)
}
