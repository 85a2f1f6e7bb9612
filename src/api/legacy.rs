//! The handlers of the tag Legacy: older paths and older forms.

use face::age;
use face::values::liveness::Reason;
use poem_openapi::param::{Header, Path, Query};
use uuid::Uuid;

use crate::api::contract::legacy;
use crate::api::http::auth::OptionalCaller;
use crate::api::http::payload::json::Json;
use crate::api::liveness::words::{asked_type, level, wire_state, wire_type};
use crate::api::wire::Wire;
use crate::api::{Api, liveness, types};
use crate::domain::liveness::LivenessStatus;
use crate::domain::{Caller, SessionId};
use crate::service;
use crate::service::idempotency::IdempotentRequest;
use crate::service::liveness::{NewLiveness, Standing};
use crate::service::sessions::NewSession;

impl legacy::LegacyApi for Api {
    async fn init_liveness_session(
        &self,
        caller: Caller,
        Header(key): Header<Option<String>>,
        Json(body): Json<types::NewLivenessSession>,
    ) -> Result<legacy::InitLivenessSessionOk, legacy::InitLivenessSessionError> {
        Ok(legacy::InitLivenessSessionOk::Created(self.session_with_liveness(&caller, key, body).await?))
    }

    async fn init_liveness_session_v2(
        &self,
        caller: Caller,
        Header(key): Header<Option<String>>,
        Json(body): Json<types::NewLivenessSession>,
    ) -> Result<legacy::InitLivenessSessionV2Ok, legacy::InitLivenessSessionV2Error> {
        Ok(legacy::InitLivenessSessionV2Ok::Created(self.session_with_liveness(&caller, key, body).await?))
    }

    async fn get_video_server_capabilities(
        &self,
        _: OptionalCaller,
    ) -> Result<legacy::GetVideoServerCapabilitiesOk, legacy::GetVideoServerCapabilitiesError> {
        Ok(legacy::GetVideoServerCapabilitiesOk::Ok(Json(self.capabilities())))
    }

    async fn get_liveness_challenge_result(
        &self,
        caller: Caller,
        Path(id): Path<Uuid>,
        _: Query<Option<String>>,
    ) -> Result<legacy::GetLivenessChallengeResultOk, legacy::GetLivenessChallengeResultError> {
        Ok(legacy::GetLivenessChallengeResultOk::Ok(self.challenge_result(&caller, id).await?))
    }

    async fn get_liveness_challenge_result_of_mode(
        &self,
        caller: Caller,
        Path(id): Path<Uuid>,
        _: Path<String>,
        _: Query<Option<String>>,
    ) -> Result<legacy::GetLivenessChallengeResultOfModeOk, legacy::GetLivenessChallengeResultOfModeError> {
        Ok(legacy::GetLivenessChallengeResultOfModeOk::Ok(self.challenge_result(&caller, id).await?))
    }

    async fn get_liveness_challenge_result_of_level(
        &self,
        caller: Caller,
        Path(id): Path<Uuid>,
        _: Path<String>,
        _: Path<String>,
        _: Query<Option<String>>,
    ) -> Result<legacy::GetLivenessChallengeResultOfLevelOk, legacy::GetLivenessChallengeResultOfLevelError> {
        Ok(legacy::GetLivenessChallengeResultOfLevelOk::Ok(self.challenge_result(&caller, id).await?))
    }
}

impl Api {
    /// Opens a session and begins its check; returns the session's path. `key` is the Idempotency-Key.
    async fn session_with_liveness(
        &self,
        caller: &Caller,
        key: Option<String>,
        body: types::NewLivenessSession,
    ) -> Result<String, service::Error> {
        let once = key.map(|key| IdempotentRequest::new(&key, &[body.write().to_string().as_bytes()])).transpose()?;
        let check = NewLiveness {
            is_lit: false,
            liveness_type: asked_type(body.liveness_mode),
            level: body.security_level.map(level).unwrap_or_default(),
            challenges: liveness::challenges(body.number_of_challenge),
            // Clients of this path read the image of `bestImageId` instead.
            image_retrieval_disabled: true,
            id: None,
            age_threshold: body.age_threshold,
            attempts_max: liveness::attempts(body.attempts_max),
        };
        let session = NewSession {
            correlation_id: body.correlation_id,
            evidence_id: body.evidence_id,
            consent_reference: None,
            image_storage_enabled: body.image_storage_enabled,
            ttl_seconds: None,
            callback_url: body.callback_url.map(|url| url.0),
        };
        let id = service::liveness::init_session(&self.deps, caller, session, check, once).await?;
        Ok(format!("/v2/bio-sessions/{id}"))
    }

    async fn challenge_result(
        &self,
        caller: &Caller,
        id: Uuid,
    ) -> Result<Json<types::LivenessChallengeResult>, service::Error> {
        let standing = service::liveness::standing(&self.deps, caller, SessionId(id)).await?;
        Ok(Json(result(standing)))
    }
}

fn result(Standing { asked, status, outcome, reasons_given, is_bare }: Standing) -> types::LivenessChallengeResult {
    let best = outcome.best.filter(|_| !is_bare);
    let age = best.as_ref().zip(asked.age_threshold).map(|(best, threshold)| types::LivenessAge {
        threshold,
        age_estimated: best.years,
        above_threshold: age::is_above(best.years, threshold),
    });
    let diagnostic = diagnostic(status, outcome.reasons.first().copied().filter(|_| !is_bare), reasons_given);
    types::LivenessChallengeResult {
        liveness_status: wire_state(status),
        liveness_mode: wire_type(asked.liveness_type),
        best_image_id: best.map(|best| best.face.0),
        diagnostic: diagnostic.map(str::to_owned),
        age,
    }
}

/// Returns the diagnostic. These clients have no meaning for FAILED alone, so it always comes with one. A missing face
/// has the text that they know.
fn diagnostic(status: LivenessStatus, worst: Option<Reason>, reasons_given: bool) -> Option<&'static str> {
    match worst {
        Some(Reason::NoFace) => Some("No face detected"),
        Some(reason) if reasons_given => Some(reason.name()),
        _ if status == LivenessStatus::Failed => Some("The capture does not show what was asked for"),
        _ => None,
    }
}
