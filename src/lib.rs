//! A biometric server: photographs of faces in, signed scores that mean a false acceptance rate out.
//!
//! Read it in this order:
//!
//! | module | promise |
//! |---|---|
//! | [`domain`] | plain values every layer may name |
//! | [`cause`] | the cause of a failure outside this program, in words |
//! | [`clock`] | the time |
//! | [`api`] | the contract as HTTP: wire types, handlers, the table of errors |
//! | [`service`] | the rules of each noun of the contract |
//! | [`tasks`] | background work |
//! | [`store`] | all the SQL |
//! | [`callback`] | the outbound client |
//! | [`capture`] | the sealed capture of a liveness check |
//! | [`media`] | images at rest |
//! | [`sign`] | signatures as compact JWS; the key set |
//! | [`seal`] | encryption at rest |
//! | [`telemetry`] | a node's report of its work, in metrics and spans |
//! | [`config`] | file and environment to one checked configuration |
//! | [`app`] | the one place that builds the server |
//! | [`cli`] | the commands, one module each |
//!
//! Imports point only from upper to lower layers; `tests/house/architecture.rs` holds the table of layers.

pub mod api;
pub mod app;
pub mod callback;
pub mod capture;
pub mod cause;
pub mod cli;
pub mod clock;
pub mod config;
pub mod domain;
pub mod media;
pub mod seal;
pub mod service;
pub mod sign;
pub mod store;
pub mod tasks;
pub mod telemetry;
