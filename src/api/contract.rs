//! What build.rs wrote from `openapi/bioserver.yaml`: wire types, one trait per tag, routes.

use poem_openapi::ApiResponse;
use poem_openapi::OpenApi;
use poem_openapi::ResponseContent;
use poem_openapi::Tags;
use poem_openapi::param::Header;
use poem_openapi::param::Path;
use poem_openapi::param::Query;
use poem_openapi::payload::Binary;
use poem_openapi::payload::PlainText;
use poem_openapi::registry::MetaResponse;
use poem_openapi::registry::MetaSchema;
use poem_openapi::registry::MetaSecurityScheme;
use poem_openapi::registry::Registry;

use crate::api::answer;
use crate::api::auth;
use crate::api::edge;
use crate::api::payload;
use crate::api::problem::Problem;
use crate::api::wire;
use crate::domain::Caller;
use crate::service;

include!(concat!(env!("OUT_DIR"), "/contract.rs"));
