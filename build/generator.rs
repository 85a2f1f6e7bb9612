//! Generates Rust from an OpenAPI 3.0 document.
//!
//! ```text
//! text → document → model → tokens → text
//! ```
//!
//! The document is hand-written, and it may use only a part of OpenAPI. The generator refuses everything that it cannot
//! carry into Rust correctly, and names the operation or schema. So the server does what the served document says.

use std::collections::BTreeMap;

mod answers;
mod document;
mod emit_methods;
mod emit_operations;
mod emit_routes;
mod emit_security;
mod emit_types;
mod links;
mod model;
mod names;
mod operations;
mod schemas;
mod security;

/// The reason why a document is refused: the operation or schema, and the rule that it breaks.
pub type Refusal = String;

/// The output of the generator.
#[derive(Debug)]
pub struct Written {
    /// The Rust files by their names, without `.rs`: one for the operations of each tag, and `types`, `security`,
    /// `methods` and `routes`. No file has imports of its own; they stand in the file that includes it.
    pub rust: BTreeMap<String, String>,
    /// The document as JSON, with its YAML anchors resolved.
    pub json: String,
}

pub fn generate(yaml: &str) -> Result<Written, Refusal> {
    let (json, document) = document::read(yaml)?;
    let contract = operations::contract(&document)?;
    let shared = [
        ("types", emit_types::all(&contract)),
        ("security", emit_security::all(&contract)),
        ("methods", emit_methods::all(&contract)),
        ("routes", emit_routes::all(&contract)),
    ];
    let shared = shared.into_iter().map(|(name, tokens)| (name.to_owned(), tokens));
    let tags = contract.tags.iter().map(|tag| (names::snake(&tag.name), emit_operations::all(tag)));
    let mut rust = BTreeMap::new();
    for (name, tokens) in shared.chain(tags) {
        let file = syn::parse2(tokens).map_err(|error| format!("the generated {name}.rs does not parse: {error}"))?;
        if rust.insert(name.clone(), prettyplease::unparse(&file)).is_some() {
            return Err(format!("two generated files would be called {name}.rs"));
        }
    }
    Ok(Written { rust, json })
}
