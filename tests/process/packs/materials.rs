//! Tests the program's bill of materials.

use serde_json::Value;

use crate::commands::{bioserver, succeeded};

#[test]
fn the_bill_of_materials_names_networks_and_crates() {
    let data = tempfile::tempdir().expect("there is room");
    let bill: Value =
        serde_json::from_str(&succeeded(&bioserver(data.path(), &["packs", "sbom"]))).expect("it is JSON");
    assert_eq!((&bill["bomFormat"], &bill["specVersion"]), (&"CycloneDX".into(), &"1.6".into()));
    let serial = bill["serialNumber"].as_str().and_then(|serial| serial.strip_prefix("urn:uuid:"));
    assert!(serial.is_some_and(|serial| serial.parse::<uuid::Uuid>().is_ok()), "{}", bill["serialNumber"]);
    let components = bill["components"].as_array().expect("a list");
    let of = |kind: &str| components.iter().filter(|component| component["type"] == kind).collect::<Vec<_>>();
    let networks = of("machine-learning-model");
    let names: Vec<&str> = networks.iter().filter_map(|network| network["name"].as_str()).collect();
    assert_eq!(
        names,
        ["blazeface.onnx", "facemesh.onnx", "attention_mesh.onnx", "age_gender.onnx", "recognizer.onnx", "spoof.onnx"]
    );
    for component in components {
        let hash = component["hashes"][0]["content"].as_str().expect("each has a checksum");
        assert!(hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()), "{component}");
    }
    assert!(
        of("library")
            .iter()
            .any(|library| library["purl"].as_str().is_some_and(|purl| purl.starts_with("pkg:cargo/poem@")))
    );
    let mut names: Vec<&Value> = components.iter().map(|component| &component["bom-ref"]).collect();
    let count = names.len();
    names.sort_by_key(ToString::to_string);
    names.dedup();
    assert_eq!(names.len(), count, "each reference is used once");
}
