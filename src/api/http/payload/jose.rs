//! Receives a JOSE object in compact form (RFC 7515, 9.2.1).

use std::sync::Arc;

use bytes::Bytes;
use poem::{Request, RequestBody};
use poem_openapi::types::Type;

use crate::api::http::payload::incoming::Incoming;
use crate::api::http::payload::{self, extractor};
use crate::api::http::problem::Problem;
use crate::api::wire::File;
use crate::capture::SEALED_BYTES_MAX;
use crate::service::turns::Place;

const JOSE: &str = "application/jose";
/// Generated clients send this type, since generators do not know the other one.
const BYTES: &str = "application/octet-stream";

/// A JOSE object that has its reserved bytes and is still to be read: it may be large, and the handler may not want it.
pub struct Jose(Incoming);

impl Jose {
    #[expect(clippy::unused_async, reason = "as other bodies")]
    async fn read(request: &Request, body: &mut RequestBody) -> Result<Self, Problem> {
        if !payload::has_type(request, JOSE) && !payload::has_type(request, BYTES) {
            return Err(Problem::unsupported(&[JOSE, BYTES]));
        }
        Incoming::admit(request, body, SEALED_BYTES_MAX, 0).map(Self)
    }

    /// Receives the bytes, which are not checked, and returns them with the place that they take.
    pub async fn bytes(self) -> Result<(Bytes, Arc<Place>), Problem> {
        let place = self.0.place();
        Ok((self.0.whole().await?, place))
    }
}

extractor!([] Jose, required: true, [JOSE: File, BYTES: File]);
