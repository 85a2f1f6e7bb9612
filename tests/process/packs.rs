//! Packs of networks: fetched, taken over, chosen and removed.

mod fetching;
mod home;
mod importing;
mod installing;
mod materials;

use std::path::{Path, PathBuf};
use std::process::Output;

use crate::server::program;

/// The published networks, where they are.
fn upstream() -> Option<PathBuf> {
    testkit::shared::folder("models-upstream")
}

/// Runs the program in its own data folder.
fn bioserver(data: &Path, arguments: &[&str]) -> Output {
    program(data).current_dir(data).args(arguments).output().expect("it runs")
}

fn succeeded(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    text
}

/// What a refusal said.
fn refused(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{text}\n{}", String::from_utf8_lossy(&output.stdout));
    text
}
