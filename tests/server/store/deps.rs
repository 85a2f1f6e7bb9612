//! The dependencies of the server's rules, on a store and a media folder of the test's own.

use std::sync::Arc;

use bioserver::service::{Deps, Policy};
use bioserver::store::settings::Settings;
use tempfile::TempDir;
use testkit::script::Script;

use crate::store::nodes::{folder, open};

/// The folder is deleted when the returned guard is dropped.
pub async fn deps(settings: &Settings) -> (Deps, TempDir) {
    let folder = folder();
    let script = Arc::new(Script::default());
    (crate::deps::on(open(settings).await, folder.path(), script, Policy::default()), folder)
}
