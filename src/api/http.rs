//! HTTP for all operations: credentials, bodies, responses and refusals, and the middleware around every request.

pub mod auth;
pub mod connections;
pub mod fingerprint;
pub mod middleware;
pub mod parameter;
pub mod payload;
pub mod prefer;
pub mod problem;
pub mod proxies;
pub mod relay;
pub mod response;
pub mod tls;
