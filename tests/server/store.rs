//! Tests the store on both databases, and the rules that depend only on it.

mod callbacks;
mod deliveries;
mod deps;
mod files;
mod keys;
mod liveness;
mod nodes;
mod rotation;
pub mod sessions;
mod signing;
mod tables;
