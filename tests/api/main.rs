//! The contract through HTTP, on both databases, with scripted faces; once for each operation with real networks.

mod app;
mod conformance;
mod credentials;
mod faces;
mod matches;
mod networks;
mod operations;
mod refusals;
mod shape;
mod system;
#[path = "../testpg/server.rs"]
mod testpg;
mod wire;
