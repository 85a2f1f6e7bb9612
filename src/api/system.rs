//! The handlers of the tags System and Operations.

use face::calibration::Origin;
use face::pack::liveness::Measured;
use face::spoof;
use face::values::liveness::SecurityLevel;

use crate::api::auth::OptionalCaller;
use crate::api::contract::{
    Calibration, Capabilities, GetCapabilitiesError, GetCapabilitiesOk, GetCertificateError, GetCertificateOk,
    GetJwksError, GetJwksOk, GetLivenessError, GetLivenessOk, GetMonitorError, GetMonitorOk, GetReadinessError,
    GetReadinessOk, Health, HealthCheck, HealthStatus, Jwks, Mode, OperationsApi, SpoofDetection, SpoofErrors,
    SystemApi,
};
use crate::api::liveness::words::wire_level;
use crate::api::payload::Json;
use crate::api::problem::Problem;
use crate::api::{Api, KEYS_CACHED, wire};
use crate::service;

impl SystemApi for Api {
    async fn get_capabilities(&self, _: OptionalCaller) -> Result<GetCapabilitiesOk, GetCapabilitiesError> {
        Ok(GetCapabilitiesOk::Ok(Json(self.capabilities())))
    }

    async fn get_certificate(&self) -> Result<GetCertificateOk, GetCertificateError> {
        let certificate = self.deps.signer.certificate_pem().to_owned();
        Ok(GetCertificateOk::Ok(poem_openapi::payload::PlainText(certificate), KEYS_CACHED.to_owned()))
    }

    async fn get_monitor(&self) -> Result<GetMonitorOk, GetMonitorError> {
        Ok(GetMonitorOk::Ok(self.health().await?))
    }
}

impl OperationsApi for Api {
    async fn get_jwks(&self) -> Result<GetJwksOk, GetJwksError> {
        let jwks: Jwks = wire::read("jwks", self.deps.signer.jwks(), &[])
            .map_err(|invalid| Problem::internal(format!("the key set: {invalid}")))?;
        Ok(GetJwksOk::Ok(Json(jwks), KEYS_CACHED.to_owned()))
    }

    async fn get_liveness(&self) -> Result<GetLivenessOk, GetLivenessError> {
        Ok(GetLivenessOk::Ok(Json(Health {
            status: HealthStatus::Up,
            version: version(),
            checks: None,
            sweep_lag_seconds: None,
        })))
    }

    async fn get_readiness(&self) -> Result<GetReadinessOk, GetReadinessError> {
        Ok(GetReadinessOk::Ok(self.health().await?))
    }
}

impl Api {
    pub(super) fn capabilities(&self) -> Capabilities {
        Capabilities {
            version: version(),
            current_mode: Mode::ALL.to_vec(),
            pack: self.deps.faces.pack().to_owned(),
            template_version: self.deps.faces.template_version().into(),
            calibration: self.deps.faces.calibration().map(calibration),
            spoof_detection: self.deps.faces.spoof().map(spoof_detection),
        }
    }

    /// # Errors
    /// Something does not work; it is named.
    async fn health(&self) -> Result<Json<Health>, Problem> {
        let lag = service::health::sweep_lag(&self.deps).await.map_err(|error| {
            tracing::error!(%error, "the database does not answer");
            Problem::not_ready("the database does not answer")
        })?;
        let checks = vec![HealthCheck { name: "database".to_owned(), status: HealthStatus::Up }];
        let sweep_lag_seconds = Some(lag.num_seconds());
        Ok(Json(Health { status: HealthStatus::Up, version: version(), checks: Some(checks), sweep_lag_seconds }))
    }
}

fn spoof_detection(origin: &spoof::Origin) -> SpoofDetection {
    let errors = |measured: &Measured| {
        let at = |level| SpoofErrors {
            security_level: wire_level(level),
            apcer: measured.apcer.at(level),
            bpcer: measured.bpcer.at(level),
        };
        SecurityLevel::ALL.map(at).to_vec()
    };
    SpoofDetection {
        networks: origin.networks.clone(),
        data: origin.measured.as_ref().map(|measured| measured.data.clone()),
        levels: origin.measured.as_ref().map(errors),
    }
}

fn calibration(origin: &Origin) -> Calibration {
    Calibration {
        data: origin.data.clone(),
        people: origin.people as i64,
        impostor_pairs: origin.impostor_pairs as i64,
        measured_to: origin.measured_to_percent,
    }
}

fn version() -> String {
    env!("CARGO_PKG_VERSION").to_owned()
}
