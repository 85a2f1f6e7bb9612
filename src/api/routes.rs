//! The routes of all operations: build.rs wrote them from the paths of `openapi/bioserver.yaml`.

use poem_openapi::OpenApi;
use poem_openapi::Tags;
use poem_openapi::param::Header;
use poem_openapi::param::Path;
use poem_openapi::param::Query;

use crate::api::contract::ages;
use crate::api::contract::faces;
use crate::api::contract::legacy;
use crate::api::contract::liveness;
use crate::api::contract::matches;
use crate::api::contract::operations;
use crate::api::contract::sessions;
use crate::api::contract::system;
use crate::api::http::auth;
use crate::api::http::payload;
use crate::api::http::response;
use crate::api::types;
use crate::api::wire;
use crate::domain::Caller;

include!(concat!(env!("OUT_DIR"), "/contract/routes.rs"));
