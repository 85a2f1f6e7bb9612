//! Converts faces between the wire and the domain.

use face::values::picture::{self, Eyes, FaceBox, Point, Quality};
use serde_json::Value;

use crate::api::types;
use crate::api::wire::{Timestamp, Wire};
use crate::domain::{self, FaceId};
use crate::service::Deps;
use crate::service::faces::FormerFace;
use crate::sign::Signer;

/// Returns a face as answers carry it. `landmarks` is always there, since clients read it without a check.
pub fn wire(face: domain::face::Face) -> types::Face {
    let (quality, reasons) = face.quality.map(|quality| (quality.value, quality.reasons)).unzip();
    types::Face {
        id: face.id.0,
        friendly_name: face.friendly_name,
        digest: face.digest,
        mode: wire_mode(face.mode),
        image_type: wire_image_type(face.image_type),
        quality,
        quality_reasons: reasons.and_then(wire_reasons),
        landmarks: Some(wire_landmarks(face.landmarks.unwrap_or_default())),
        template_version: face.template.as_ref().map(|template| template.version().into()),
        template: face.template.map(|template| template.encode()),
        image_rotation_enabled: face.image_rotation_enabled,
        verified: face.verified,
        created: face.created.map(Timestamp),
        expires: face.expires.map(Timestamp),
        signature: None,
    }
}

/// Returns the reasons that lower a quality; `None` if there are none.
pub fn wire_reasons(reasons: Vec<picture::QualityReason>) -> Option<Vec<types::QualityReason>> {
    (!reasons.is_empty()).then(|| reasons.into_iter().map(wire_reason).collect())
}

/// Reads a face from an earlier answer. Its times and its signature belong to that answer, so they are dropped.
pub fn former(deps: &Deps, mut face: types::KnownFace) -> FormerFace {
    // Some clients send an empty list for a list that the answer left out.
    face.quality_reasons.take_if(|reasons| reasons.is_empty());
    let verified = Some(is_as_signed(&deps.signer, &face));
    let reasons = face.quality_reasons.unwrap_or_default().into_iter().map(reason).collect();
    FormerFace {
        template: face.template,
        template_version: face.template_version,
        face: domain::face::Face {
            id: face.id.map_or_else(FaceId::new, FaceId),
            friendly_name: face.friendly_name,
            digest: face.digest,
            mode: face.mode.map_or(deps.policy().mode, mode),
            image_type: image_type(face.image_type),
            quality: face.quality.map(|value| Quality { value, reasons }),
            landmarks: face.landmarks.map(landmarks),
            template: None,
            image_rotation_enabled: face.image_rotation_enabled,
            verified,
            created: None,
            expires: None,
        },
    }
}

/// True if this server signed the face, and each member that was sent is as it was signed. A face that was signed as
/// unverified stays unverified. An answer of another kind is not a face: it lacks members.
fn is_as_signed(signer: &Signer, face: &types::KnownFace) -> bool {
    let payload = face.signature.as_deref().and_then(|jws| signer.verify(jws).ok());
    let signed = payload.and_then(|payload| serde_json::from_slice::<Value>(&payload).ok());
    let Some(signed) = signed.filter(|signed| signed["verified"] != false) else { return false };
    let (Ok(signed), Value::Object(sent)) = (types::KnownFace::read(signed), face.write()) else { return false };
    let signed = signed.write();
    sent.iter().all(|(name, value)| name == "signature" || signed.get(name) == Some(value))
}

fn landmarks(landmarks: types::Landmarks) -> picture::Landmarks {
    picture::Landmarks {
        eyes: landmarks
            .eyes
            .map(|eyes| Eyes { left: Point { x: eyes.x1, y: eyes.y1 }, right: Point { x: eyes.x2, y: eyes.y2 } }),
        face_box: landmarks.r#box.map(|b| FaceBox { x: b.x, y: b.y, width: b.width, height: b.height }),
    }
}

pub fn wire_landmarks(landmarks: picture::Landmarks) -> types::Landmarks {
    types::Landmarks {
        eyes: landmarks.eyes.map(|Eyes { left, right }| types::LandmarksEyes {
            x1: left.x,
            y1: left.y,
            x2: right.x,
            y2: right.y,
        }),
        r#box: landmarks.face_box.map(|b| types::LandmarksBox { x: b.x, y: b.y, width: b.width, height: b.height }),
    }
}

/// Converts words that have the same names in the contract and in the domain.
macro_rules! words {
    ($domain:ty => $wire:ident: $in:ident, $out:ident, $($word:ident),*) => {
        pub fn $in(word: types::$wire) -> $domain {
            match word {
                $(types::$wire::$word => <$domain>::$word,)*
            }
        }

        fn $out(word: $domain) -> types::$wire {
            match word {
                $(<$domain>::$word => types::$wire::$word,)*
            }
        }
    };
}
words!(domain::face::Mode => Mode: mode, wire_mode, F5_1Vid0, F5_2Vid75, F5_3Vid60, F6_4Vid60x);
words!(picture::ImageType => ImageType: image_type, wire_image_type, IdDocument, Selfie, VideoFrame);
words!(
    picture::QualityReason => QualityReason: reason, wire_reason,
    EyesTooClose, Blurred, Noisy, Compressed, TooDark, TooBright, LowContrast, HeadTurned, UnsureDetection,
    HardToRecognize, OutOfPicture, Occluded, NotAPhotograph
);
