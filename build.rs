//! Turns `openapi/bioserver.yaml` into wire types, one trait per tag, and routes.

use std::path::Path;

#[path = "build/generator.rs"]
mod generator;

const DOCUMENT: &str = "openapi/bioserver.yaml";

fn main() {
    println!("cargo::rerun-if-changed={DOCUMENT}");
    println!("cargo::rerun-if-changed=build");
    let yaml = std::fs::read_to_string(DOCUMENT).unwrap_or_else(|error| panic!("{DOCUMENT}: {error}"));
    let written = generator::generate(&yaml).unwrap_or_else(|refusal| panic!("{DOCUMENT}: {refusal}"));
    let out = std::env::var("OUT_DIR").expect("cargo sets it");
    for (name, text) in [("contract.rs", written.rust), ("contract.json", written.json)] {
        let path = Path::new(&out).join(name);
        std::fs::write(&path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
}
