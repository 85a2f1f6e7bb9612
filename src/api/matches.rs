//! The handlers of the tag Matches.

use bytes::Bytes;
use poem_openapi::param::Path;
use uuid::Uuid;

use crate::api::contract::matches;
use crate::api::faces::face;
use crate::api::http::payload::multipart::Multipart;
use crate::api::wire::Timestamp;
use crate::api::{Api, types};
use crate::domain::{self, Caller, FaceId, SessionId};
use crate::service;
use crate::service::faces::NewFace;
use crate::service::matches::Correlation;

impl matches::MatchesApi for Api {
    async fn get_matches(
        &self,
        caller: Caller,
        Path(session): Path<Uuid>,
        Path(reference): Path<Uuid>,
    ) -> Result<matches::GetMatchesOk, matches::GetMatchesError> {
        let (session, reference) = (SessionId(session), FaceId(reference));
        let matches = service::matches::of_face(&self.deps, &caller, session, reference).await?;
        Ok(matches::GetMatchesOk::Ok(self.signed_each(matches.into_iter().map(wire).collect())?))
    }

    async fn match_images(
        &self,
        caller: Caller,
        Multipart(body, place): Multipart<types::MatchImagesUpload>,
    ) -> Result<matches::MatchImagesOk, matches::MatchImagesError> {
        let rotation = body.image_rotation_enabled;
        let reference = new_face(body.reference_image.0, body.reference_image_type, rotation);
        let candidate = new_face(body.candidate_image.0, body.candidate_image_type, rotation);
        let correlation = Correlation { correlation_id: body.correlation_id, evidence_id: body.evidence_id };
        let found = service::matches::images(&self.deps, &caller, &place, reference, candidate, correlation).await?;
        Ok(matches::MatchImagesOk::Ok(self.signed(wire(found), body.signature_disabled)?))
    }

    async fn r#match(
        &self,
        caller: Caller,
        Multipart(body, place): Multipart<types::MatchUpload>,
    ) -> Result<matches::MatchOk, matches::MatchError> {
        let reference = face::former(&self.deps, body.reference_face);
        let candidate = new_face(body.candidate_image.0, body.candidate_image_type, body.image_rotation_enabled);
        let correlation = Correlation { correlation_id: body.correlation_id, evidence_id: body.evidence_id };
        let found =
            service::matches::image_with_face(&self.deps, &caller, &place, reference, candidate, correlation).await?;
        Ok(matches::MatchOk::Ok(self.signed(wire(found), body.signature_disabled)?))
    }
}

fn new_face(image: Bytes, image_type: types::ImageType, image_rotation_enabled: Option<bool>) -> NewFace {
    let image_type = face::image_type(image_type);
    NewFace { image, image_type, mode: None, friendly_name: None, image_rotation_enabled }
}

fn wire(found: domain::face::Match) -> types::Match {
    types::Match {
        score: found.score.0,
        false_acceptance_rate: found.score.false_acceptance_rate_percent(),
        reference: face::wire(found.reference),
        candidate: face::wire(found.candidate),
        correlation_id: found.correlation_id,
        evidence_id: found.evidence_id,
        created: Timestamp(found.created),
        expires: found.expires.map(Timestamp),
        signature: None,
    }
}
