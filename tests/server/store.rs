//! What the store promises, on both databases, and the rules that rest on it alone.

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
