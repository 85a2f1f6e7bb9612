//! `packs sbom`: lists the parts of the program and of the pack in use, in `CycloneDX` 1.6.

use face::pack::{Network, Pack};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::clock::Clock;
use crate::config::Config;

/// The crates that the program is built from, on any machine: a few of them are for other systems, or for tests alone.
const LOCK: &str = include_str!("../../../Cargo.lock");
const FORMAT: &str = "CycloneDX";
const VERSION: &str = "1.6";

#[derive(Deserialize)]
struct Lock {
    package: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    /// `None` for the workspace's own crates.
    source: Option<String>,
    /// SHA-256 of the published archive.
    checksum: Option<String>,
}

/// Returns the bill of materials as JSON.
pub fn json(config: &Config) -> anyhow::Result<String> {
    let pack = Pack::open(config.pack.as_deref())?;
    let lock: Lock = toml::from_str(LOCK)?;
    let crates = lock.package.iter().filter(|package| package.source.is_some()).map(library);
    let mut networks: Vec<Value> = Vec::new();
    for (role, network) in pack.networks() {
        let described = model(&pack.name, role, network);
        // One file may have two roles.
        if networks.iter().all(|known| known["bom-ref"] != described["bom-ref"]) {
            networks.push(described);
        }
    }
    let bill = json!({
        "bomFormat": FORMAT,
        "specVersion": VERSION,
        "serialNumber": format!("urn:uuid:{}", Uuid::new_v4()),
        "version": 1,
        "metadata": {
            "timestamp": Clock::default().now().to_string(),
            "component": {
                "type": "application",
                "bom-ref": "bioserver",
                "name": env!("CARGO_PKG_NAME"),
                "version": env!("CARGO_PKG_VERSION"),
                "licenses": [{ "license": { "id": env!("CARGO_PKG_LICENSE") } }],
            },
        },
        "components": networks.into_iter().chain(crates).collect::<Vec<_>>(),
    });
    Ok(serde_json::to_string_pretty(&bill)? + "\n")
}

fn library(Package { name, version, checksum, .. }: &Package) -> Value {
    let purl = format!("pkg:cargo/{name}@{version}");
    let mut library = json!({ "type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl });
    if let Some(checksum) = checksum {
        library["hashes"] = json!([{ "alg": "SHA-256", "content": checksum }]);
    }
    library
}

fn model(pack: &str, role: &str, network: &Network) -> Value {
    json!({
        "type": "machine-learning-model",
        "bom-ref": format!("{pack}/{}", network.file),
        "name": network.file,
        "group": pack,
        "description": format!("{role}: {}", network.origin),
        "hashes": [{ "alg": "SHA-256", "content": network.sha256 }],
        "licenses": [{ "license": { "name": network.licence } }],
        "modelCard": { "modelParameters": { "task": role } },
    })
}
