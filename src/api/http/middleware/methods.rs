//! The methods of every path: build.rs wrote the table from `openapi/bioserver.yaml`.

/// What may be done with a path of the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Methods {
    /// With `{name}` where a parameter stands.
    pub path: &'static str,
    /// Whether it lies at the root of the host, not under the prefix.
    pub root: bool,
    /// As the header `Allow` lists them.
    pub allow: &'static str,
    /// The methods that need a key, each with the id of its operation.
    pub secured: &'static [(&'static str, &'static str)],
}

include!(concat!(env!("OUT_DIR"), "/contract/methods.rs"));
