//! The methods of every path: build.rs writes the table from `openapi/bioserver.yaml`.

/// The methods of one path of the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Methods {
    /// The path, with `{name}` in place of each parameter.
    pub path: &'static str,
    /// True if the path lies at the root of the host; false if it lies under the prefix.
    pub root: bool,
    /// The methods, as the header `Allow` lists them.
    pub allow: &'static str,
    /// The methods that need a key, each with the id of its operation.
    pub secured: &'static [(&'static str, &'static str)],
}

include!(concat!(env!("OUT_DIR"), "/contract/methods.rs"));
