//! Imports an operator's own networks: one that the test makes, and published ones.

use std::fs;
use std::path::Path;

use onnx::proto::{
    AttributeProto, Dimension, GraphProto, ModelProto, NodeProto, OperatorSetId, TensorShape, TensorType, TypeProto,
    ValueInfoProto,
};
use prost::Message;
use serde_json::Value;
use tempfile::TempDir;

use crate::commands::{bioserver, refused, succeeded};
use crate::packs::upstream;

/// The side of the test's own network, and the side of the squares whose mean colours it returns.
const SIDE: i64 = 96;
const SQUARE: i64 = 8;

fn node(operator: &str, input: &str, output: &str, attributes: &[(&str, &[i64])]) -> NodeProto {
    let attribute = |(name, values): &(&str, &[i64])| match values {
        [value] => AttributeProto { name: (*name).into(), i: *value, r#type: 2, ..AttributeProto::default() },
        _ => AttributeProto { name: (*name).into(), ints: values.to_vec(), r#type: 7, ..AttributeProto::default() },
    };
    NodeProto {
        name: format!("its {operator}"),
        input: vec![input.into()],
        output: vec![output.into()],
        op_type: operator.into(),
        attribute: attributes.iter().map(attribute).collect(),
        ..NodeProto::default()
    }
}

fn port(name: &str, sides: &[i64]) -> ValueInfoProto {
    let dim = sides.iter().map(|side| Dimension { dim_value: *side }).collect();
    let tensor = TensorType { elem_type: 1, shape: Some(TensorShape { dim }) };
    ValueInfoProto { name: name.into(), r#type: Some(TypeProto { tensor_type: Some(tensor) }) }
}

/// Makes a simple recognizer: it averages the picture over coarse squares, and applies `operator` to them.
fn squares(operator: &str) -> Vec<u8> {
    let pool: [(&str, &[i64]); 2] = [("kernel_shape", &[SQUARE; 2]), ("strides", &[SQUARE; 2])];
    let graph = GraphProto {
        name: "squares".into(),
        node: vec![
            node("AveragePool", "picture", "squares", &pool),
            node(operator, "squares", "changed", &[]),
            node("Flatten", "changed", "vector", &[("axis", &[1])]),
        ],
        input: vec![port("picture", &[1, 3, SIDE, SIDE])],
        output: vec![port("vector", &[1, 3 * (SIDE / SQUARE).pow(2)])],
        ..GraphProto::default()
    };
    let opset = OperatorSetId { domain: String::new(), version: 17 };
    ModelProto { ir_version: 8, graph: Some(graph), opset_import: vec![opset], ..ModelProto::default() }.encode_to_vec()
}

/// The manifest that an operator writes, in ten lines.
const MANIFEST: &str = r#"name = "squares"
[[recognizer]]
file = "squares.onnx"
licence = "ours"
origin = "made by a test"
read_out = "unit-vector"
input = { width = 96, height = 96, colours = "rgb", mean = [127.5, 127.5, 127.5], scale = [127.5, 127.5, 127.5] }
dimension = 432
alignment = { five = [[32.8, 44.3], [63.0, 44.1], [48.0, 61.5], [35.6, 79.2], [60.6, 79.0]] }
"#;

/// The folder of the operator's pack, and the folder of the program's data.
struct Operator {
    pack: TempDir,
    data: TempDir,
}

impl Operator {
    fn with(manifest: &str, onnx: &[u8]) -> Self {
        let folder = || tempfile::tempdir().expect("there is room");
        let operator = Self { pack: folder(), data: folder() };
        operator.write(manifest, onnx);
        operator
    }

    fn write(&self, manifest: &str, onnx: &[u8]) {
        fs::write(self.pack.path().join("pack.toml"), manifest).expect("there is room");
        fs::write(self.pack.path().join("squares.onnx"), onnx).expect("there is room");
    }

    fn import(&self) -> std::process::Output {
        bioserver(self.data.path(), &["packs", "import", &self.pack.path().display().to_string()])
    }

    fn listed(&self, name: &str) -> Option<Value> {
        let listed = succeeded(&bioserver(self.data.path(), &["packs", "list", "--json"]));
        let listed: Vec<Value> = serde_json::from_str(&listed).expect("it is JSON");
        listed.into_iter().find(|pack| pack["name"] == name)
    }
}

#[test]
fn ten_lines_and_a_network_are_a_pack() {
    let operator = Operator::with(MANIFEST, &squares("Relu"));
    let said = succeeded(&operator.import());
    assert!(said.contains("squares is imported") && said.contains("results are repeatable"), "{said}");
    let listed = operator.listed("squares").expect("it is listed");
    let version = listed["templateVersion"].as_u64().expect("it has one");
    assert!((0x8000..=0xffff).contains(&version), "{version}");
    assert_eq!((&listed["dimension"], &listed["calibration"]), (&432.into(), &Value::Null));
    assert_eq!(listed["networks"][0]["file"], "blazeface.onnx", "what it left out is the built-in pack's");

    // The same network gets the same version elsewhere; without a calibration it does not serve.
    let renamed = MANIFEST.replace("squares\"\n[[", "other\"\n[[").replace("made by a test", "made by somebody");
    let other = Operator::with(&renamed, &squares("Relu"));
    succeeded(&other.import());
    assert_eq!(other.listed("other").expect("it is listed")["templateVersion"], version);
    succeeded(&bioserver(other.data.path(), &["packs", "use", "other"]));
    let serve = bioserver(other.data.path(), &["serve", "--listen", "127.0.0.1:0"]);
    assert!(refused(&serve).contains("'other' has no calibration"));
    assert!(refused(&operator.import()).contains("already"));
}

#[test]
fn networks_of_every_role_are_copied() {
    const FILM: &str = r#"
[film_landmarks]
file = "film.onnx"
licence = "Apache-2.0"
licence_files = ["LICENCE.txt"]
origin = "a copy of the built-in one"
read_out = "facemesh"
input = { width = 192, height = 192, colours = "rgb", mean = [0.0, 0.0, 0.0], scale = [255.0, 255.0, 255.0] }
"#;
    let operator = Operator::with(&format!("{MANIFEST}{FILM}"), &squares("Relu"));
    let built_in = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/facemesh.onnx");
    fs::copy(built_in, operator.pack.path().join("film.onnx")).expect("there is room");
    fs::write(operator.pack.path().join("LICENCE.txt"), "terms").expect("there is room");
    succeeded(&operator.import());
    let listed = operator.listed("squares").expect("it is listed");
    let networks = listed["networks"].as_array().expect("they are listed");
    assert!(networks.iter().any(|network| network["file"] == "film.onnx"), "{listed}");
    let imported = operator.data.path().join("packs/squares");
    assert_eq!(fs::read_to_string(imported.join("LICENCE.txt")).expect("it was copied"), "terms");
}

#[test]
fn a_faulty_pack_is_explained_and_leaves_nothing() {
    let onnx = squares("Relu");
    for (manifest, onnx, reasons) in [
        (MANIFEST.to_owned(), squares("Unheard"), ["squares.onnx", "operator Unheard"]),
        (MANIFEST.to_owned(), onnx[..onnx.len() / 2].to_vec(), ["squares.onnx", "ONNX"]),
        (MANIFEST.replace("432", "128"), onnx.clone(), ["[1, 432]", "not [1, 128]"]),
        (
            MANIFEST.replace("96, height = 96", "64, height = 64"),
            onnx.clone(),
            ["squares.onnx", "[1, 192], not [1, 432]"],
        ),
        (MANIFEST.replace("licence = \"ours\"\n", ""), onnx.clone(), ["pack.toml", "missing field `licence`"]),
        (MANIFEST.replace("\"squares.onnx\"", "\"../squares.onnx\""), onnx.clone(), ["../squares.onnx", "pack.toml"]),
        (MANIFEST.replace("\"squares.onnx\"", "\"none.onnx\""), onnx.clone(), ["none.onnx", "No such file"]),
        (MANIFEST.replace("\"squares\"", "\"standard\""), onnx.clone(), ["standard", "cannot be replaced"]),
        (MANIFEST.replace("\"squares\"", "\"../up\""), onnx.clone(), ["../up", "not a valid name"]),
        (
            MANIFEST.replace("[[rec", "template_version = 1\n[[rec"),
            onnx.clone(),
            ["version 1", "'standard, as it was'"],
        ),
        (MANIFEST.replace("[[rec", "template_version = 4\n[[rec"), onnx.clone(), ["version 4", "'standard'"]),
        (MANIFEST.replace("[[rec", "template_version = 5\n[[rec"), onnx.clone(), ["version 5", "'accurate'"]),
        (MANIFEST.replace("[[rec", "sha = 1\n[[rec"), onnx.clone(), ["pack.toml", "unknown field `sha`"]),
        (MANIFEST.replace("licence =", "sha256 = \"00\"\nlicence ="), onnx.clone(), ["sha256", "states 00"]),
    ] {
        let operator = Operator::with(&manifest, &onnx);
        let fault = refused(&operator.import());
        assert!(reasons.iter().all(|reason| fault.contains(reason)), "{reasons:?}: {fault}");
        let packs = operator.data.path().join("packs");
        let left = fs::read_dir(&packs).map_or(0, Iterator::count);
        assert_eq!(left, 0, "{fault}");
    }
}

/// Prepares the published network in `folder` as an operator would bring it.
fn published(folder: &Path, file: &str, name: &str, side: u32, dimension: u32, five: &str) -> Operator {
    let manifest = MANIFEST
        .replace("name = \"squares\"", &format!("name = \"{name}\""))
        .replace("96", &side.to_string())
        .replace("432", &dimension.to_string());
    let (head, _) = manifest.split_once("alignment").expect("it has one");
    let onnx = fs::read(folder.join(file)).expect("it is there");
    Operator::with(&format!("{head}alignment = {{ five = {five} }}\n"), &onnx)
}

#[test]
fn a_published_recognizer_is_taken_over() {
    let Some(upstream) = upstream() else { return };
    let five = "[[40.39, 59.08], [87.38, 59.08], [64.03, 81.98], [44.73, 105.56], [83.64, 105.56]]";
    let file = "intel0095/face-reidentification-retail-0095.fp32.onnx";
    let operator = published(&upstream, file, "intel", 128, 256, five);
    let path = operator.pack.path().join("pack.toml");
    let manifest = fs::read_to_string(&path).expect("it is there");
    let scaled = "\"rgb\", mean = [127.5, 127.5, 127.5], scale = [127.5, 127.5, 127.5]";
    assert!(manifest.contains(scaled));
    let raw = "\"bgr\", mean = [0.0, 0.0, 0.0], scale = [1.0, 1.0, 1.0]";
    fs::write(path, manifest.replace(scaled, raw)).expect("there is room");
    let said = succeeded(&operator.import());
    assert!(said.contains("intel is imported") && !said.contains("WARNING"), "{said}");
    assert!(operator.listed("intel").is_some());
    let five = "[[38.29, 51.70], [73.53, 51.50], [56.03, 71.74], [41.55, 92.37], [70.73, 92.20]]";
    let operator = published(&upstream, "foamliu/MobileFaceNet.onnx", "foamliu", 112, 128, five);
    assert!(succeeded(&operator.import()).contains("foamliu is imported"));
}
