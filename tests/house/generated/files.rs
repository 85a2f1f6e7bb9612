//! Tests the Rust files that the real document becomes, and their contents.

use crate::generated::DOCUMENT;
use crate::generator;

fn real() -> generator::Written {
    generator::generate(include_str!("../../../openapi/bioserver.yaml")).expect("the document is fine")
}

/// A change of the document shows in `snapshots/contract/<file>.snap`.
#[test]
fn the_contract_is_what_the_snapshots_show() {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../../../snapshots/contract");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    for (file, text) in real().rust {
        settings.bind(|| insta::assert_snapshot!(file, text));
    }
}

#[test]
fn every_tag_has_a_file_beside_the_shared_ones() {
    let written = generator::generate(DOCUMENT).expect("the document is fine");
    let files: Vec<&String> = written.rust.keys().collect();
    assert_eq!(files, ["methods", "roots", "routes", "security", "things", "types"]);
    let has = |file: &str, text: &str| assert!(written.rust[file].contains(text), "{file}.rs lacks {text}");
    has("things", "pub trait ThingsApi");
    has("things", "pub enum MakeThingOk");
    has("types", "pub struct Thing");
    has("routes", "pub struct ThingsRoutes");
    has("methods", "pub const METHODS");
    has("security", "pub fn register");
    let refusal = generator::generate(&DOCUMENT.replace("Roots", "Types")).expect_err("there are wire types already");
    assert_eq!(refusal, "two generated files would be called types.rs");
}

/// `tests/house/architecture.rs` reads imports where a file is included, and would miss imports in the file.
#[test]
fn no_file_imports_anything() {
    for (file, text) in real().rust {
        let syntax = syn::parse_file(&text).unwrap_or_else(|error| panic!("{file}.rs: {error}"));
        assert!(!syntax.items.iter().any(|item| matches!(item, syn::Item::Use(_))), "{file}.rs has a use");
        assert!(!["crate::", "super::"].iter().any(|path| text.contains(path)), "{file}.rs names a module");
    }
}
