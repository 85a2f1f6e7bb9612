//! A biometric server: photographs of faces in, signed scores that mean a false acceptance rate out.
//!
//! Read it in this order:
//!
//! | room | promise |
//! |---|---|
//! | [`domain`] | plain values every layer may name |
//! | [`cause`] | why something outside of the program failed, in words |
//! | [`clock`] | the time |
//! | [`api`] | the contract as HTTP: wire types, handlers, the table of errors |
//! | [`service`] | what can be done with one noun of the contract |
//! | [`tasks`] | the work nobody waits for |
//! | [`store`] | all the SQL |
//! | [`callback`] | the outbound client |
//! | [`capture`] | the sealed capture of a liveness check |
//! | [`media`] | images at rest |
//! | [`sign`] | claims to compact JWS; the key set |
//! | [`seal`] | encryption at rest |
//! | [`telemetry`] | what a node tells of its work in numbers |
//! | [`config`] | file and environment to one checked configuration |
//! | [`app`] | the one place that builds things |
//! | [`cli`] | one command each |
//!
//! Imports point down only; `tests/house/architecture.rs` holds the floors.

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
