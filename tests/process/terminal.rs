//! Tests the program at a terminal: closed pipes, completions, manual pages, mistyped names.

use std::process::Stdio;

use crate::commands::{bioserver, refused, succeeded};
use crate::server::program;

#[test]
fn a_pipe_that_closes_ends_a_command_quietly() {
    let data = tempfile::tempdir().expect("there is room");
    for command in [&["packs", "list"][..], &["check"], &["keys", "list"], &["usage"], &["completions", "bash"]] {
        let mut process = program(data.path())
            .args(command)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        drop(process.stdout.take());
        let output = process.wait_with_output().expect("it ends");
        assert!(output.status.success(), "{command:?}: {:?}", output.status);
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{command:?}");
    }
}

#[test]
fn shells_and_man_know_every_command() {
    let data = tempfile::tempdir().expect("there is room");
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = succeeded(&bioserver(data.path(), &["completions", shell]));
        assert!(script.contains("callback-secret") && script.contains("rotate"), "{shell}");
    }
    succeeded(&bioserver(data.path(), &["man", "pages"]));
    for page in ["bioserver.1", "bioserver-serve.1", "bioserver-providers-callback-secret.1"] {
        let text = std::fs::read_to_string(data.path().join("pages").join(page)).expect("it is written");
        assert!(text.contains(".SH NAME"), "{page}");
    }
}

#[test]
fn a_mistyped_setting_is_told_its_name() {
    let data = tempfile::tempdir().expect("there is room");
    let check = |name: &str| refused(&program(data.path()).env(name, "1").arg("check").output().expect("it runs"));
    let near = check("BIOSERVER_QUEUE_WAITS_MS");
    assert!(near.contains("did you mean 'BIOSERVER_QUEUE_WAIT_MS'?"), "{near}");
    let far = check("BIOSERVER_COLOUR");
    assert!(far.contains("`bioserver check` lists all") && !far.contains("did you mean"), "{far}");
}

#[test]
fn a_version_says_what_it_is_made_from() {
    let data = tempfile::tempdir().expect("there is room");
    let version = succeeded(&bioserver(data.path(), &["--version"]));
    let wanted = concat!("bioserver ", env!("CARGO_PKG_VERSION"), " (");
    assert!(version.starts_with(wanted) && version.trim_end().ends_with(')'), "{version}");
}
