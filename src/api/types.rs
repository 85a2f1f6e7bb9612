//! The wire types: build.rs writes them from the schemas of `openapi/bioserver.yaml`.

use poem_openapi::registry::{MetaSchema, Registry};

use crate::api::wire;

include!(concat!(env!("OUT_DIR"), "/contract/types.rs"));
