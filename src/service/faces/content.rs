//! What is kept of a session's face, sealed by the session's key.

use bytes::Bytes;
use face::values::picture::ImageFormat;
use serde::{Deserialize, Serialize};

use crate::domain::face::Face;
use crate::domain::session::Session;
use crate::domain::{FaceId, SessionId};
use crate::seal::Key;
use crate::service::Error;
use crate::store::faces::StoredFace;

/// A face and where its image lies. Members are read leniently by later versions of this server: sessions
/// outlive an upgrade.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Content {
    pub face: Face,
    /// Its image, where the session keeps images and the face was made from one.
    pub image: Option<Image>,
}

/// A kept image; its bytes are in `media`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    pub format: ImageFormat,
    pub is_sealed: bool,
}

impl Content {
    pub fn seal(&self, key: &Key, session: SessionId) -> Result<StoredFace, Error> {
        let text =
            serde_json::to_vec(self).map_err(|error| Error::Failed(format!("a face cannot be kept: {error}")))?;
        let id = self.face.id;
        Ok(StoredFace { id, content_sealed: key.seal(&place(session, id, "content"), &text) })
    }

    /// The face as its session's readers see it: it ends with the session.
    pub fn open(kept: &StoredFace, key: &Key, session: &Session) -> Result<Self, Error> {
        let text = key.open(&place(session.id, kept.id, "content"), &kept.content_sealed)?;
        let mut content: Self = serde_json::from_slice(&text)
            .map_err(|error| Error::Failed(format!("the face {} cannot be read: {error}", kept.id)))?;
        content.face.expires = Some(session.expires);
        Ok(content)
    }
}

impl Image {
    /// The bytes to hand to `media`.
    pub fn sealed(self, bytes: Bytes, key: &Key, session: SessionId, face: FaceId) -> Bytes {
        if self.is_sealed { key.seal(&place(session, face, "image"), &bytes).into() } else { bytes }
    }

    /// The bytes that were sealed.
    pub fn opened(self, bytes: Bytes, key: &Key, session: SessionId, face: FaceId) -> Result<Bytes, Error> {
        Ok(if self.is_sealed { key.open(&place(session, face, "image"), &bytes)?.into() } else { bytes })
    }
}

fn place(session: SessionId, face: FaceId, column: &str) -> String {
    format!("sessions/{session}/faces/{face}/{column}")
}
