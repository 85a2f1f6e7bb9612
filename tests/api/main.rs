//! The contract through HTTP, on both databases, with scripted faces; once for each operation with real networks.

mod ages;
mod app;
mod at_rest;
mod callbacks;
mod captures;
mod conformance;
mod credentials;
mod ending;
mod faces;
mod image_types;
mod limits;
mod liveness;
mod matches;
mod networks;
mod operations;
mod outbound;
mod ownership;
mod refusals;
mod session_faces;
mod session_matches;
mod sessions;
mod shape;
mod system;
#[path = "../testpg/server.rs"]
mod testpg;
mod wire;
