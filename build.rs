//! Turns `openapi/bioserver.yaml` into Rust, in the folder `contract` of `OUT_DIR`: wire types, one trait per tag, and routes.

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
    write(&Path::new(&out).join("contract.json"), &written.json);
    let folder = Path::new(&out).join("contract");
    std::fs::create_dir_all(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for (name, text) in &written.rust {
        write(&folder.join(name).with_extension("rs"), text);
    }
}

fn write(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}
