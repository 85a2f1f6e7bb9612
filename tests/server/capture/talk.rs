//! Passes data between tests and other programs.

use std::io::Write;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Runs a program with this standard input; returns its standard output.
#[track_caller]
pub fn answer(command: &mut Command, given: &[u8]) -> Vec<u8> {
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut running = piped.spawn().expect("it starts: tools/setup-tests installs it");
    let mut input = running.stdin.take().expect("it is piped");
    let given = given.to_vec();
    // A program that fails may not read its input.
    let giving = std::thread::spawn(move || input.write_all(&given));
    let ran = running.wait_with_output().expect("it ends");
    assert!(ran.status.success(), "{command:?}: {}", String::from_utf8_lossy(&ran.stderr));
    giving.join().expect("it does not panic").expect("it read all");
    ran.stdout
}

/// Encodes DER as PEM (RFC 7468).
pub fn pem(label: &str, der: &[u8]) -> String {
    let encoded = STANDARD.encode(der);
    let lines: Vec<&str> =
        encoded.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).expect("base64 is ASCII")).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}
