//! Packs of networks: fetched, taken over, chosen and removed.

mod fetching;
mod home;
mod importing;
mod installing;
mod materials;

use std::path::PathBuf;

/// The published networks, where they are.
fn upstream() -> Option<PathBuf> {
    testkit::shared::folder("models-upstream")
}
