//! What build.rs wrote from `openapi/bioserver.yaml`: wire types, one trait per tag, routes.

use poem_openapi::param::{Header, Path, Query};
use poem_openapi::payload::{Binary, PlainText};
use poem_openapi::registry::{MetaResponse, MetaSchema, MetaSecurityScheme, Registry};
use poem_openapi::{ApiResponse, OpenApi, ResponseContent, Tags};

use crate::api::problem::Problem;
use crate::api::{answer, auth, edge, payload, wire};
use crate::domain::Caller;
use crate::service;

include!(concat!(env!("OUT_DIR"), "/contract.rs"));
