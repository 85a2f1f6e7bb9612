//! Turns `openapi/bioserver.yaml` into Rust, in the folder `contract` of `OUT_DIR`: wire types, one trait per tag, and
//! routes.

use std::path::Path;

#[path = "build/generator.rs"]
mod generator;

const DOCUMENT: &str = "openapi/bioserver.yaml";

fn main() {
    commit();
    println!("cargo::rerun-if-changed={DOCUMENT}");
    println!("cargo::rerun-if-changed=build");
    let yaml = std::fs::read_to_string(DOCUMENT).unwrap_or_else(|error| panic!("{DOCUMENT}: {error}"));
    let written = generator::generate(&yaml).unwrap_or_else(|refusal| panic!("{DOCUMENT}: {refusal}"));
    let out = std::env::var("OUT_DIR").expect("cargo sets it");
    write(&Path::new(&out).join("contract.json"), &written.json);
    let folder = Path::new(&out).join("contract");
    std::fs::create_dir_all(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for (name, text) in &written.rust {
        write(&folder.join(name).with_extension("rs"), text);
    }
}

/// Sets `COMMIT` for a release: the value of `SOURCE_COMMIT`, or else the commit that is checked out. Other builds get
/// no commit, so that a new commit alone does not make cargo compile anything again.
fn commit() {
    println!("cargo::rerun-if-env-changed=SOURCE_COMMIT");
    let named = std::env::var("SOURCE_COMMIT").ok().filter(|named| !named.is_empty());
    let is_release = std::env::var("PROFILE").is_ok_and(|profile| profile == "release");
    let commit = named.or_else(|| is_release.then(checked_out).flatten());
    println!("cargo::rustc-env=COMMIT={}", commit.as_deref().unwrap_or("unknown commit"));
}

/// Returns the commit that is checked out; `None` without a checkout or without git.
fn checked_out() -> Option<String> {
    let git = |arguments: &[&str]| {
        let told = std::process::Command::new("git").args(arguments).output().ok()?;
        let text = String::from_utf8(told.stdout).ok().filter(|_| told.status.success())?;
        Some(text.trim().to_owned())
    };
    // `HEAD` names either the commit itself or a branch, whose file then names the commit.
    for name in
        ["HEAD", &git(&["symbolic-ref", "HEAD"]).unwrap_or_default()].into_iter().filter(|name| !name.is_empty())
    {
        println!("cargo::rerun-if-changed={}", git(&["rev-parse", "--git-path", name])?);
    }
    git(&["rev-parse", "--short=12", "HEAD"])
}

fn write(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}
