//! The handlers of the tag Liveness.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use poem_openapi::param::Path;
use secrecy::ExposeSecret;
use uuid::Uuid;

use crate::api::contract::liveness;
use crate::api::faces::face;
use crate::api::http::payload::either::OptionalJson;
use crate::api::http::payload::jose::Jose;
use crate::api::http::payload::json::Json;
use crate::api::liveness::words::{
    asked_type, level, wire_attestation_reason, wire_level, wire_measure, wire_reason, wire_state, wire_type,
};
use crate::api::wire::{Timestamp, Uri};
use crate::api::{Api, types};
use crate::domain::attestation::Attestation;
use crate::domain::liveness::LivenessStatus;
use crate::domain::look::{Consent, ConsentText, Look};
use crate::domain::{self, Caller, SessionId};
use crate::service::liveness::sealed::CheckRequest;
use crate::service::liveness::{NewLiveness, Parameters, Standing};
use crate::service::looks::CapturePage;
use crate::service::{self, capture_tokens, looks};

pub mod words;

impl liveness::LivenessApi for Api {
    async fn init_liveness_parameters(
        &self,
        caller: Caller,
        Path(id): Path<Uuid>,
        Json(body): Json<types::NewLivenessParameters>,
    ) -> Result<liveness::InitLivenessParametersOk, liveness::InitLivenessParametersError> {
        let (one, is_list) = match body {
            types::NewLivenessParameters::One(one) => (Some(one), false),
            types::NewLivenessParameters::List(list) => (list.into_iter().next(), true),
        };
        let one = one.ok_or_else(|| service::Error::Failed("the document asks for one".to_owned()))?;
        let begun = service::liveness::init(&self.deps, &caller, SessionId(id), new(one)).await?;
        let signed = self.sign(wire(begun))?;
        Ok(liveness::InitLivenessParametersOk::Ok(Json(if is_list {
            types::BegunLivenessParameters::List(vec![signed])
        } else {
            types::BegunLivenessParameters::One(signed)
        })))
    }

    async fn get_liveness_parameters(
        &self,
        caller: Caller,
        Path(id): Path<Uuid>,
    ) -> Result<liveness::GetLivenessParametersOk, liveness::GetLivenessParametersError> {
        let parameters = service::liveness::get(&self.deps, &caller, SessionId(id)).await?;
        Ok(liveness::GetLivenessParametersOk::Ok(self.signed(wire(parameters), false)?))
    }

    async fn begin_liveness_attempt(
        &self,
        caller: Caller,
        Path(id): Path<Uuid>,
    ) -> Result<liveness::BeginLivenessAttemptOk, liveness::BeginLivenessAttemptError> {
        let begun = service::liveness::attempt(&self.deps, &caller, SessionId(id)).await?;
        Ok(liveness::BeginLivenessAttemptOk::Ok(self.signed(wire(begun), false)?))
    }

    async fn get_capture_page(
        &self,
        caller: Caller,
        Path(id): Path<Uuid>,
    ) -> Result<liveness::GetCapturePageOk, liveness::GetCapturePageError> {
        let page = looks::page(&self.deps, &caller, SessionId(id)).await?;
        Ok(liveness::GetCapturePageOk::Ok(Json(wire_page(page))))
    }

    async fn replay_liveness(
        &self,
        caller: Caller,
        Path(id): Path<Uuid>,
        body: Jose,
    ) -> Result<liveness::ReplayLivenessOk, liveness::ReplayLivenessError> {
        let expected = service::liveness::expect(&self.deps, &caller, SessionId(id)).await?;
        let (sealed, _place) = body.bytes().await?;
        service::liveness::receive(&self.deps, &caller, expected, sealed).await?;
        Ok(liveness::ReplayLivenessOk::Accepted)
    }

    async fn create_capture_token(
        &self,
        caller: Caller,
        Path(id): Path<Uuid>,
        OptionalJson(body): OptionalJson<types::NewCaptureToken>,
    ) -> Result<liveness::CreateCaptureTokenOk, liveness::CreateCaptureTokenError> {
        let return_url = body.and_then(|body| body.return_url).map(|url| url.0);
        let made = capture_tokens::create(&self.deps, &caller, SessionId(id), return_url.as_deref()).await?;
        let token = made.text.expose_secret().to_owned();
        Ok(liveness::CreateCaptureTokenOk::Ok(Json(types::CaptureToken { token, expires: Timestamp(made.expires) })))
    }

    async fn get_replay_status(
        &self,
        caller: Caller,
        Path(id): Path<Uuid>,
    ) -> Result<liveness::GetReplayStatusOk, liveness::GetReplayStatusError> {
        let standing = service::liveness::standing(&self.deps, &caller, SessionId(id)).await?;
        Ok(liveness::GetReplayStatusOk::Ok(Json(self.sign_detached(status(standing))?)))
    }

    async fn get_replay_status_v2(
        &self,
        caller: Caller,
        Path(id): Path<Uuid>,
    ) -> Result<liveness::GetReplayStatusV2Ok, liveness::GetReplayStatusV2Error> {
        let standing = service::liveness::standing(&self.deps, &caller, SessionId(id)).await?;
        Ok(liveness::GetReplayStatusV2Ok::Ok(Json(self.sign_detached(status(standing))?)))
    }
}

fn new(body: types::NewLivenessParameter) -> NewLiveness {
    NewLiveness {
        liveness_type: asked_type(body.r#type),
        level: body.security_level.map(level).unwrap_or_default(),
        challenges: challenges(body.nb_challenge),
        is_lit: body.light_challenge,
        image_retrieval_disabled: body.image_retrieval_disabled,
        id: body.id,
        age_threshold: None,
        attempts_max: attempts(body.attempts_max),
    }
}

/// Converts the number of challenges, which the document bounds.
pub fn challenges(count: Option<i32>) -> Option<u8> {
    count.and_then(|count| count.try_into().ok())
}

/// Converts the number of attempts, which the document bounds.
pub fn attempts(count: Option<i32>) -> u8 {
    count.and_then(|count| count.try_into().ok()).unwrap_or(1)
}

/// Returns the number of this attempt and the most attempts; `None` if there may be only one.
fn wire_attempt(asked: &CheckRequest) -> (Option<i32>, Option<i32>) {
    let several = |count: u8| (asked.attempts_max > 1).then(|| count.into());
    (several(asked.attempt), several(asked.attempts_max))
}

fn wire_page(CapturePage { look, return_url, image_storage_enabled, expires }: CapturePage) -> types::CapturePage {
    let Look { name, logo, colours, consent } = look;
    let (colour, text_colour) = colours.map(|colours| (colours.button, colours.text)).unzip();
    let text = |ConsentText { language, text }| types::ConsentText { language, text };
    let consent = consent
        .map(|Consent { version, texts }| types::Consent { version, texts: texts.into_iter().map(text).collect() });
    types::CapturePage {
        name,
        logo,
        colour,
        text_colour,
        consent,
        return_url: return_url.map(Uri),
        image_storage_enabled,
        expires: Timestamp(expires),
    }
}

fn wire(Parameters { asked, certificates }: Parameters) -> types::LivenessParameters {
    let (attempt, attempts_max) = wire_attempt(&asked);
    types::LivenessParameters {
        attempt,
        attempts_max,
        id: asked.id,
        r#type: wire_type(asked.liveness_type),
        security_level: wire_level(asked.level),
        nb_challenge: asked.challenges.map(i32::from),
        light_challenge: asked.is_lit.then_some(true),
        image_retrieval_disabled: asked.image_retrieval_disabled,
        seed: asked.seed,
        certificates: certificates.iter().map(|der| STANDARD.encode(der)).collect(),
        server_random: STANDARD.encode(asked.server_random),
        signature: None,
    }
}

fn status(Standing { asked, status, outcome, reasons_given, is_bare }: Standing) -> types::ReplayStatus {
    let reason = if is_bare {
        outcome.reasons.iter().find(|reason| status == LivenessStatus::Failed && reason.helps())
    } else {
        outcome.reasons.first().filter(|_| reasons_given)
    };
    let reason = reason.map(|reason| wire_reason(*reason));
    let (attempt, attempts_max) = wire_attempt(&asked);
    let bare = types::ReplayStatus {
        id: asked.id,
        status: wire_state(status),
        reason,
        attempt,
        attempts_max,
        consent_version: None,
        attestation: None,
        measures: None,
        best_image_id: None,
        image: None,
        landmarks: None,
        device_info: None,
        sdk_info: None,
        image_storage: None,
        video_storage: None,
        signature: None,
    };
    if is_bare {
        return bare;
    }
    let (face, image, landmarks, stored) = match outcome.best {
        Some(best) => (Some(best.face.0), best.image, Some(best.landmarks), best.stored),
        None => (None, None, None, None),
    };
    let measures: Vec<types::LivenessMeasure> = outcome.measures.into_iter().map(wire_measure).collect();
    types::ReplayStatus {
        measures: Some(measures).filter(|measures| !measures.is_empty()),
        consent_version: outcome.consent_version,
        attestation: outcome.attestation.map(attestation),
        best_image_id: face,
        image,
        landmarks: landmarks.map(face::wire_landmarks),
        device_info: outcome.device.map(device),
        sdk_info: outcome.sdk.map(|sdk| types::SdkInfo { sdk_version: sdk.sdk_version }),
        image_storage: stored.map(|stored| storage!(ImageStorage, stored)),
        video_storage: outcome.video.map(|stored| storage!(VideoStorage, stored)),
        ..bare
    }
}

fn device(device: domain::liveness::DeviceInfo) -> types::DeviceInfo {
    types::DeviceInfo {
        device_model: device.device_model,
        os_type: device.os_type,
        os_version: device.os_version,
        camera: device.camera,
    }
}

fn attestation(Attestation { reason, kid, platform }: Attestation) -> types::Attestation {
    types::Attestation { attested: reason.is_none(), reason: reason.map(wire_attestation_reason), platform, kid }
}

/// Builds one of two objects of the contract that have the same members.
macro_rules! storage {
    ($kind:ident, $stored:ident) => {
        types::$kind {
            region: $stored.region,
            bucket_name: $stored.bucket,
            key: $stored.key,
            hash: $stored.hash,
            hash_algorithm: "SHA_256".to_owned(),
            content_type: $stored.content_type,
        }
    };
}
use storage;
