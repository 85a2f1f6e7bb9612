//! What the store promises, on both databases, and the rules that rest on it alone.

#[path = "store/both.rs"]
mod both;
#[path = "store/callbacks.rs"]
mod callbacks;
#[path = "store/deps.rs"]
mod deps;
#[path = "store/files.rs"]
mod files;
#[path = "store/keys.rs"]
mod keys;
#[path = "store/replays.rs"]
mod replays;
#[path = "store/sessions.rs"]
mod sessions;
#[path = "store/signing.rs"]
mod signing;
#[path = "store/tables.rs"]
mod tables;
#[path = "testpg/server.rs"]
mod testpg;
