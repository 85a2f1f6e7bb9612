//! The conformance kit: the requests and the expected answers of `openapi/conformance.yaml`.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::cli::conformance::pictures::Sample;

const KIT: &str = include_str!("../../../openapi/conformance.yaml");

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kit {
    pub scenarios: Vec<Scenario>,
}

/// A sequence of exchanges that build on each other.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    pub name: String,
    /// The requirement of the contract, in a sentence.
    pub about: String,
    pub exchanges: Vec<Exchange>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exchange {
    pub send: Sent,
    pub expect: Expected,
    /// Names that later exchanges use for parts of the answer.
    #[serde(default)]
    pub keep: BTreeMap<String, Kept>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sent {
    pub method: String,
    pub path: String,
    /// True if the path begins at the root of the host.
    #[serde(default)]
    pub root: bool,
    #[serde(default)]
    pub key: Key,
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    pub json: Option<Value>,
    pub text: Option<String>,
    pub form: Option<Vec<Part>>,
    #[serde(default)]
    pub multipart: Multipart,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Key {
    #[default]
    Header,
    Bearer,
    None,
    Wrong,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Multipart {
    #[default]
    FormData,
    Mixed,
}

/// A part of a form: a picture, JSON or a text.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    pub name: String,
    pub picture: Option<Sample>,
    pub json: Option<Value>,
    pub text: Option<String>,
    pub file: Option<String>,
    #[serde(rename = "type")]
    pub content_type: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    pub status: u16,
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    pub json: Option<Value>,
    /// The expected beginning of the body.
    pub text: Option<String>,
    /// The picture that the body must equal, byte for byte.
    pub picture: Option<Sample>,
    /// True if each answer must carry a valid signature.
    #[serde(default)]
    pub signed: bool,
    /// True if each rate must follow from its score.
    #[serde(default)]
    pub rates: bool,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kept {
    /// The header of this name; `{v3}` then stands for the same path of version 3.
    Location,
    /// The whole body, unchanged.
    Body,
}

impl Kit {
    pub fn read() -> Self {
        let mut kit: serde_norway::Value = serde_norway::from_str(KIT).expect("a test reads it");
        kit.apply_merge().expect("a test merges it");
        serde_norway::from_value(kit).expect("a test reads it")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kit_is_whole() {
        let kit = Kit::read();
        assert!(kit.scenarios.len() > 15);
        let mut names: Vec<&str> = kit.scenarios.iter().map(|scenario| scenario.name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), kit.scenarios.len(), "each has a name of its own");
        for scenario in &kit.scenarios {
            assert!(!scenario.exchanges.is_empty() && scenario.about.ends_with('.'), "{}", scenario.name);
        }
    }
}
