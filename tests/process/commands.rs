//! Runs commands of the program to their end.

use std::path::Path;
use std::process::Output;

use crate::server::program;

/// Runs the program in its own data folder.
pub fn bioserver(data: &Path, arguments: &[&str]) -> Output {
    program(data).current_dir(data).args(arguments).output().expect("it runs")
}

pub fn succeeded(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    text
}

/// Returns the error message of a refusal.
pub fn refused(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{text}\n{}", String::from_utf8_lossy(&output.stdout));
    text
}
