//! The operations, in one module for each tag: build.rs writes them from `openapi/bioserver.yaml`.
//!
//! `snapshots/contract/` shows the output: the trait that serves each tag, and the answers of each operation.

use poem_openapi::param::{Header, Path, Query};
use poem_openapi::payload::{Binary, PlainText};
use poem_openapi::registry::{MetaResponse, MetaSchema};
use poem_openapi::{ApiResponse, ResponseContent};

use crate::api::http::problem::Problem;
use crate::api::http::{auth, payload, response};
use crate::api::types;
use crate::domain::Caller;
use crate::service;

pub mod ages {
    use super::*;
    include!(concat!(env!("OUT_DIR"), "/contract/ages.rs"));
}

pub mod faces {
    use super::*;
    include!(concat!(env!("OUT_DIR"), "/contract/faces.rs"));
}

pub mod legacy {
    use super::*;
    include!(concat!(env!("OUT_DIR"), "/contract/legacy.rs"));
}

pub mod liveness {
    use super::*;
    include!(concat!(env!("OUT_DIR"), "/contract/liveness.rs"));
}

pub mod matches {
    use super::*;
    include!(concat!(env!("OUT_DIR"), "/contract/matches.rs"));
}

pub mod operations {
    use super::*;
    include!(concat!(env!("OUT_DIR"), "/contract/operations.rs"));
}

pub mod sessions {
    use super::*;
    include!(concat!(env!("OUT_DIR"), "/contract/sessions.rs"));
}

pub mod system {
    use super::*;
    include!(concat!(env!("OUT_DIR"), "/contract/system.rs"));
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::api::contract::matches::MatchError;
    use crate::api::contract::system::GetCertificateError;

    #[test]
    fn a_refusal_has_a_status_that_the_document_names() {
        let problem = Problem::from(service::Error::Unauthorized);
        assert!(matches!(MatchError::from(problem), MatchError::Unauthorized(_)));
        assert!(matches!(MatchError::from(service::Error::FaceNotVerified), MatchError::BadRequest(_)));
        let GetCertificateError::InternalServerError(problem) = Problem::busy(Duration::from_secs(1)).into();
        assert_eq!((problem.code, problem.headers.len()), ("INTERNAL_ERROR", 0));
    }
}
