//! Tests packs of networks: fetching, importing, choosing and removing them.

mod fetching;
mod home;
mod importing;
mod installing;
mod materials;

use std::path::PathBuf;

/// Returns the folder of the published networks, if it exists.
fn upstream() -> Option<PathBuf> {
    testkit::shared::folder("models-upstream")
}
