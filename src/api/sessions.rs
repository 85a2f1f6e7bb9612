//! The handlers of the tag Sessions.

use poem_openapi::param::{Header, Path};
use uuid::Uuid;

use crate::api::contract::sessions;
use crate::api::http::payload::either::OptionalJson;
use crate::api::http::prefer::{REPRESENTATION, prefers_representation};
use crate::api::http::problem::Problem;
use crate::api::wire::{Timestamp, Wire};
use crate::api::{Api, types};
use crate::domain::session::Session;
use crate::domain::{Caller, SessionId};
use crate::service;
use crate::service::idempotency::IdempotentRequest;
use crate::service::receipts::{self, Receipt};
use crate::service::sessions::NewSession;

impl sessions::SessionsApi for Api {
    async fn create_bio_session(
        &self,
        caller: Caller,
        Header(key): Header<Option<String>>,
        OptionalJson(body): OptionalJson<types::NewBioSession>,
    ) -> Result<sessions::CreateBioSessionOk, sessions::CreateBioSessionError> {
        // A missing body means the same as an empty object.
        let empty = || types::NewBioSession::read(serde_json::json!({})).map_err(|invalid| Problem::invalid(&invalid));
        let body = body.map_or_else(empty, Ok)?;
        let once = key.map(|key| IdempotentRequest::new(&key, &[body.write().to_string().as_bytes()])).transpose()?;
        let id = service::sessions::create(&self.deps, &caller, new(body), once).await?;
        Ok(sessions::CreateBioSessionOk::Created(format!("/v2/bio-sessions/{id}")))
    }

    async fn get_bio_session(
        &self,
        caller: Caller,
        Path(id): Path<Uuid>,
    ) -> Result<sessions::GetBioSessionOk, sessions::GetBioSessionError> {
        let session = service::sessions::get(&self.deps, &caller, SessionId(id)).await?;
        Ok(sessions::GetBioSessionOk::Ok(self.signed(wire(session), false)?))
    }

    async fn delete_bio_session(
        &self,
        caller: Caller,
        Path(id): Path<Uuid>,
        Header(prefer): Header<Option<String>>,
    ) -> Result<sessions::DeleteBioSessionOk, sessions::DeleteBioSessionError> {
        if !prefers_representation(prefer.as_deref()) {
            service::sessions::delete(&self.deps, &caller, SessionId(id)).await?;
            return Ok(sessions::DeleteBioSessionOk::NoContent);
        }
        let receipt = receipts::delete_session(&self.deps, &caller, SessionId(id)).await?;
        Ok(sessions::DeleteBioSessionOk::Ok(self.signed(wire_receipt(receipt), false)?, REPRESENTATION.to_owned()))
    }
}

fn new(body: types::NewBioSession) -> NewSession {
    NewSession {
        correlation_id: body.correlation_id,
        evidence_id: body.evidence_id,
        consent_reference: body.consent_reference,
        image_storage_enabled: body.image_storage_enabled,
        ttl_seconds: body.ttl_seconds,
        callback_url: body.callback_url.map(|url| url.0),
    }
}

fn wire(session: Session) -> types::BioSession {
    types::BioSession {
        id: session.id.0,
        correlation_id: session.correlation_id,
        evidence_id: session.evidence_id,
        consent_reference: session.consent_reference,
        image_storage_enabled: session.image_storage_enabled,
        created: Timestamp(session.created),
        expires: Timestamp(session.expires),
        signature: None,
    }
}

pub fn wire_receipt(receipt: Receipt) -> types::ErasureReceipt {
    types::ErasureReceipt {
        session: receipt.session.0,
        face: receipt.face.map(|face| face.0),
        consent_reference: receipt.consent_reference,
        faces: receipt.faces as i64,
        images: receipt.images as i64,
        videos: receipt.videos as i64,
        checks: receipt.checks as i64,
        callbacks: receipt.callbacks,
        erased: Timestamp(receipt.erased),
        key_expires: Timestamp(receipt.key_expires),
        signature: None,
    }
}
