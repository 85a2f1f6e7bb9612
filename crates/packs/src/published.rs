//! Packs that others publish, as this project describes them: the addresses of their files, and how a pack is made of
//! them.

use face::pack::manifest::Manifest;
use serde::Deserialize;

use crate::Error;

/// The name of each pack, its description, and the manifest that is installed.
const PUBLISHED: [(&str, &str, &str); 1] = [(
    "accurate",
    include_str!("../../../models/accurate/published.toml"),
    include_str!("../../../models/accurate/pack.toml"),
)];

/// A pack that can be fetched.
#[derive(Debug, Clone)]
pub struct Published {
    pub name: &'static str,
    pub description: Description,
    /// The manifest of the finished pack: licences, origins, checksums, calibration.
    pub manifest: &'static str,
}

/// `published.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Description {
    /// Its purpose, in words.
    pub summary: String,
    /// This project's measurements of it, in words.
    pub figures: String,
    #[serde(rename = "source")]
    pub sources: Vec<Source>,
    #[serde(rename = "file")]
    pub files: Vec<PackFile>,
}

/// A file at its public address.
#[derive(Debug, Clone, Deserialize)]
pub struct Source {
    /// Our name for it, which mirrors use too.
    pub name: String,
    pub url: String,
    /// Its length in bytes.
    pub bytes: u64,
    #[serde(flatten)]
    pub checksum: Checksum,
}

/// A checksum in lower-case hex, of the kind that the publisher states.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Checksum {
    Sha256(String),
    Sha384(String),
}

/// A file of the pack.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PackFile {
    pub name: String,
    pub made: Making,
}

/// The way in which a file is made from sources.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Making {
    #[serde(rename = "as")]
    pub way: Way,
    /// Names of sources, in the order in which the way takes them.
    pub of: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// One file, unchanged.
    TheyAre,
    /// An OpenVINO description and its weights.
    Openvino,
    /// A PyTorch state dictionary.
    MinifasnetV2,
    MinifasnetV1Se,
}

/// Returns all published packs.
pub fn all() -> Result<Vec<Published>, Error> {
    PUBLISHED.iter().map(|(name, description, manifest)| read(name, description, manifest)).collect()
}

/// Returns the published pack of this name.
pub fn find(name: &str) -> Result<Published, Error> {
    let found = PUBLISHED.iter().find(|(known, _, _)| *known == name);
    let Some((name, description, manifest)) = found else {
        let known: Vec<&str> = PUBLISHED.iter().map(|(name, _, _)| *name).collect();
        return Err(Error::NotPublished { name: name.to_owned(), known: known.join(", ") });
    };
    read(name, description, manifest)
}

fn read(name: &'static str, description: &str, manifest: &'static str) -> Result<Published, Error> {
    let wrong = |error: toml::de::Error| Error::Description { name: name.to_owned(), reason: error.to_string() };
    Ok(Published { name, description: toml::from_str(description).map_err(wrong)?, manifest })
}

impl Published {
    /// Returns its parsed manifest.
    pub fn parsed(&self) -> Result<Manifest, Error> {
        let wrong =
            |error: toml::de::Error| Error::Description { name: self.name.to_owned(), reason: error.to_string() };
        toml::from_str(self.manifest).map_err(wrong)
    }

    /// Returns the source of this name.
    pub fn source(&self, name: &str) -> Result<&Source, Error> {
        let missing =
            || Error::Description { name: self.name.to_owned(), reason: format!("it has no source '{name}'") };
        self.description.sources.iter().find(|source| source.name == name).ok_or_else(missing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptions_and_manifests_belong_together() {
        for published in all().expect("they can be read") {
            let manifest = published.parsed().expect("it is a manifest");
            assert_eq!(manifest.name, published.name);
            let mut made: Vec<&str> = published.description.files.iter().map(|file| file.name.as_str()).collect();
            let mut wanted: Vec<&str> = manifest.entries().map(|(_, entry)| &*entry.file).collect();
            made.sort_unstable();
            wanted.sort_unstable();
            assert_eq!(made, wanted);
            let mut used: Vec<&str> = Vec::new();
            for file in &published.description.files {
                for name in &file.made.of {
                    used.push(&published.source(name).expect("it is described").name);
                }
            }
            used.sort_unstable();
            let mut sources: Vec<&str> = published.description.sources.iter().map(|source| &*source.name).collect();
            sources.sort_unstable();
            assert_eq!(used, sources);
            assert!(published.description.sources.iter().all(|source| source.url.starts_with("https://")));
        }
    }

    #[test]
    fn what_is_not_published_is_named() {
        let error = find("none").expect_err("there is none").to_string();
        assert!(error.contains("'none'") && error.contains("accurate"), "{error}");
    }
}
