//! A JOSE object in compact form (RFC 7515, 9.2.1), as it came.

use bytes::Bytes;
use poem::{Request, RequestBody};
use poem_openapi::types::Type;

use crate::api::http::payload::{self, extractor};
use crate::api::http::problem::Problem;
use crate::capture::SEALED_BYTES_MAX;

const JOSE: &str = "application/jose";

/// Its bytes, which nobody has looked at.
pub struct Jose(pub Bytes);

impl Jose {
    async fn read(request: &Request, body: &mut RequestBody) -> Result<Self, Problem> {
        if !payload::has_type(request, JOSE) {
            return Err(Problem::unsupported(&[JOSE]));
        }
        payload::whole(request, body, SEALED_BYTES_MAX).await.map(Self)
    }
}

extractor!([] Jose, required: true, [JOSE: String]);
