//! The routes of all operations: build.rs writes them from the paths of `openapi/bioserver.yaml`.

use poem_openapi::param::{Header, Path, Query};
use poem_openapi::{OpenApi, Tags};

use crate::api::contract::{ages, faces, legacy, liveness, matches, operations, sessions, system};
use crate::api::http::parameter::Sent;
use crate::api::http::{auth, payload, response};
use crate::api::{types, wire};
use crate::domain::Caller;

include!(concat!(env!("OUT_DIR"), "/contract/routes.rs"));
