//! The handlers of the tags System and Operations.

use face::calibration::Origin;
use face::pack::liveness::Measured;
use face::spoof;
use face::values::liveness::SecurityLevel;

use crate::api::contract::{operations, system};
use crate::api::http::auth::OptionalCaller;
use crate::api::http::payload::json::Json;
use crate::api::http::problem::Problem;
use crate::api::liveness::words::wire_level;
use crate::api::{Api, KEYS_CACHED, types, wire};
use crate::service::health::{self, Part, Status};

impl system::SystemApi for Api {
    async fn get_capabilities(
        &self,
        _: OptionalCaller,
    ) -> Result<system::GetCapabilitiesOk, system::GetCapabilitiesError> {
        Ok(system::GetCapabilitiesOk::Ok(Json(self.capabilities())))
    }

    async fn get_certificate(&self) -> Result<system::GetCertificateOk, system::GetCertificateError> {
        let certificate = self.deps.signer.certificate_pem();
        Ok(system::GetCertificateOk::Ok(poem_openapi::payload::PlainText(certificate), KEYS_CACHED.to_owned()))
    }

    async fn get_monitor(&self) -> Result<system::GetMonitorOk, system::GetMonitorError> {
        Ok(system::GetMonitorOk::Ok(self.health().await?))
    }
}

impl operations::OperationsApi for Api {
    async fn get_jwks(&self) -> Result<operations::GetJwksOk, operations::GetJwksError> {
        let jwks: types::Jwks = wire::read("jwks", self.deps.signer.jwks(), &[])
            .map_err(|invalid| Problem::internal(format!("the key set: {invalid}")))?;
        Ok(operations::GetJwksOk::Ok(Json(jwks), KEYS_CACHED.to_owned()))
    }

    async fn get_liveness(&self) -> Result<operations::GetLivenessOk, operations::GetLivenessError> {
        Ok(operations::GetLivenessOk::Ok(Json(types::Health {
            status: types::HealthStatus::Up,
            version: version(),
            checks: None,
            callback_lag_seconds: None,
            sweep_lag_seconds: None,
        })))
    }

    async fn get_readiness(&self) -> Result<operations::GetReadinessOk, operations::GetReadinessError> {
        Ok(operations::GetReadinessOk::Ok(self.health().await?))
    }
}

impl Api {
    pub(super) fn capabilities(&self) -> types::Capabilities {
        types::Capabilities {
            version: version(),
            current_mode: types::Mode::ALL.to_vec(),
            pack: self.deps.face_engine.pack().to_owned(),
            template_version: self.deps.face_engine.template_version().into(),
            calibration: self.deps.face_engine.calibration().map(calibration),
            spoof_detection: self.deps.face_engine.spoof().map(spoof_detection),
        }
    }

    /// # Errors
    /// A part does not work; the refusal names it.
    async fn health(&self) -> Result<Json<types::Health>, Problem> {
        let health = health::ready(&self.deps).await;
        let down: Vec<_> =
            health.down().map(|part| format!("{} {}", part.name, part.detail.as_deref().unwrap_or_default())).collect();
        let checks = health.parts.into_iter().map(check).collect();
        if !down.is_empty() {
            return Err(Problem::not_ready(&down.join("; "), checks));
        }
        Ok(Json(types::Health {
            status: types::HealthStatus::Up,
            version: version(),
            checks: Some(checks),
            callback_lag_seconds: health.lags.map(|lags| lags.callbacks.num_seconds()),
            sweep_lag_seconds: health.lags.map(|lags| lags.sweep.num_seconds()),
        }))
    }
}

fn check(part: Part) -> types::HealthCheck {
    let status = match part.status {
        Status::Up => types::HealthStatus::Up,
        Status::Degraded => types::HealthStatus::Degraded,
        Status::Down => types::HealthStatus::Down,
    };
    types::HealthCheck { name: part.name.to_owned(), status, detail: part.detail }
}

fn spoof_detection(origin: &spoof::Origin) -> types::SpoofDetection {
    let errors = |measured: &Measured| {
        let at = |level| types::SpoofErrors {
            security_level: wire_level(level),
            apcer: measured.apcer.at(level),
            bpcer: measured.bpcer.at(level),
        };
        SecurityLevel::ALL.map(at).to_vec()
    };
    types::SpoofDetection {
        networks: origin.networks.clone(),
        data: origin.measured.as_ref().map(|measured| measured.data.clone()),
        levels: origin.measured.as_ref().map(errors),
    }
}

fn calibration(origin: &Origin) -> types::Calibration {
    types::Calibration {
        data: origin.data.clone(),
        people: origin.people as i64,
        impostor_pairs: origin.impostor_pairs as i64,
        measured_to: origin.measured_to_percent,
    }
}

fn version() -> String {
    env!("CARGO_PKG_VERSION").to_owned()
}
