//! The ways to send a key: build.rs writes them from the security schemes of `openapi/bioserver.yaml`.

use poem_openapi::registry::{MetaSecurityScheme, Registry};

include!(concat!(env!("OUT_DIR"), "/contract/security.rs"));
