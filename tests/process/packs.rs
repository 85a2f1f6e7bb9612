//! Packs of networks: fetched, taken over, chosen and removed.

mod fetching;
mod home;
mod importing;
mod installing;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The published networks, where they are.
fn upstream() -> Option<PathBuf> {
    testkit::shared::folder("models-upstream")
}

/// The program, told to keep its data in `data` and to look at nothing else of this machine's configuration.
fn bioserver(data: &Path, arguments: &[&str]) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_bioserver"));
    program.current_dir(data).env_remove("DATABASE_URL").env("BIOSERVER_DATA", data).args(arguments);
    program.output().expect("it runs")
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
