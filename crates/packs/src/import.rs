//! Imports an operator's own pack.

use std::fs;
use std::path::{Path, PathBuf};

use face::networks::Settings;
use face::pack::{self, MANIFEST, Pack};
use sha2::{Digest, Sha256};
use toml::{Table, Value};

use crate::trial::{self, Trial};
use crate::{Error, PackFolder, published};

/// The most bytes of a manifest or a licence.
const TEXT_BYTES_MAX: u64 = 1 << 20;
/// The most bytes of a network: larger ones do not suit a pack.
const NETWORK_BYTES_MAX: u64 = 1 << 30;
/// Template versions from here on are those of operators' packs.
const OWN_VERSIONS: u16 = 0x8000;

/// The fields that a recognizer's vectors depend on.
const DECISIVE: [&str; 5] = ["sha256", "read_out", "input", "dimension", "alignment"];

/// A pack that was imported.
#[derive(Debug)]
pub struct Imported {
    pub name: String,
    pub folder: PathBuf,
    pub template_version: u16,
    pub trial: Trial,
}

/// Copies the pack in `from`, completes its manifest, tries it, and moves it into its place.
///
/// A manifest may leave out each network's `sha256`, and `template_version`, which then follows from the recognizers.
pub fn import(pack_folder: &PackFolder, from: &Path, settings: &Settings) -> Result<Imported, Error> {
    let path = from.join(MANIFEST);
    let wrong = |reason: String| Error::Manifest { path: path.clone(), reason };
    let text = read(&path, TEXT_BYTES_MAX)?;
    let text = String::from_utf8(text).map_err(|error| wrong(error.to_string()))?;
    let manifest: Table = text.parse().map_err(|error: toml::de::Error| wrong(error.to_string()))?;
    let name = manifest.get("name").and_then(Value::as_str).ok_or_else(|| wrong("it has no name".into()))?.to_owned();

    let staging = pack_folder.staging(&name)?;
    let staged = staging.join("pack");
    let imported = stage(pack_folder, (from, &staged), manifest, settings).and_then(|(pack, trial)| {
        let folder = pack_folder.place(&staged, &name)?;
        Ok(Imported { name, folder, template_version: pack.template_version, trial })
    });
    // A refused import is not resumed: its files still lie where they came from.
    let removed = fs::remove_dir_all(&staging);
    let imported = imported?;
    removed.map_err(|source| Error::File { path: staging, source })?;
    Ok(imported)
}

/// Builds the pack in the folder `to` from the files in `from`, and tries it.
fn stage(
    pack_folder: &PackFolder,
    (from, to): (&Path, &Path),
    mut manifest: Table,
    settings: &Settings,
) -> Result<(Pack, Trial), Error> {
    let wrong = |reason| Error::Manifest { path: from.join(MANIFEST), reason };
    copy(&mut manifest, from, to)?;
    complete(&mut manifest).map_err(wrong)?;
    let text = toml::to_string_pretty(&manifest).map_err(|error| wrong(error.to_string()))?;
    crate::write(&to.join(MANIFEST), text.as_bytes())?;
    let pack = Pack::read(to)?;
    distinct(pack_folder, &pack)?;
    let trial = trial::run(&pack, settings)?;
    Ok((pack, trial))
}

/// Returns the entries of all networks that a manifest describes: every table that names a file.
fn entries(manifest: &mut Table) -> impl Iterator<Item = &mut Table> {
    let tables = manifest.iter_mut().flat_map(|(_, value)| match value {
        Value::Table(entry) => vec![entry],
        Value::Array(list) => list.iter_mut().filter_map(Value::as_table_mut).collect(),
        _ => Vec::new(),
    });
    tables.filter(|entry| entry.contains_key("file"))
}

/// Copies the files that the manifest names, and adds the checksums that it lacks.
fn copy(manifest: &mut Table, from: &Path, to: &Path) -> Result<(), Error> {
    for entry in entries(manifest) {
        let licences = entry.get("licence_files").and_then(Value::as_array).into_iter().flatten();
        for licence in licences.filter_map(Value::as_str) {
            let licence = inside(from, licence)?;
            crate::write(&to.join(licence), &read(&from.join(licence), TEXT_BYTES_MAX)?)?;
        }
        let Some(file) = entry.get("file").and_then(Value::as_str) else { continue };
        let file = inside(from, file)?;
        let network = read(&from.join(file), NETWORK_BYTES_MAX)?;
        crate::write(&to.join(file), &network)?;
        entry.entry("sha256").or_insert_with(|| format!("{:x}", Sha256::digest(&network)).into());
    }
    Ok(())
}

/// Refuses names that lead out of the folder.
fn inside<'a>(folder: &Path, name: &'a str) -> Result<&'a str, Error> {
    let reason = || format!("'{name}' is not a file of the pack's folder");
    let stays = pack::stays_inside(name);
    if stays { Ok(name) } else { Err(Error::Manifest { path: folder.join(MANIFEST), reason: reason() }) }
}

/// Adds a template version if there is none: the same for the same recognizers with the same inputs.
fn complete(manifest: &mut Table) -> Result<(), String> {
    if manifest.contains_key("template_version") {
        return Ok(());
    }
    let recognizers = manifest.get("recognizer").and_then(Value::as_array).ok_or("missing field `recognizer`")?;
    let what_counts = |entry: &Value| {
        let counts = |(key, _): &(&String, &Value)| DECISIVE.contains(&key.as_str());
        let own = entry.as_table().into_iter().flat_map(Table::iter).filter(counts);
        Value::Table(own.map(|(key, value)| (key.clone(), value.clone())).collect())
    };
    let mut described = Table::new();
    described.insert("recognizer".into(), Value::Array(recognizers.iter().map(what_counts).collect()));
    let text = toml::to_string(&described).map_err(|error| error.to_string())?;
    let [high, low, ..] = <[u8; 32]>::from(Sha256::digest(text));
    let version = OWN_VERSIONS | u16::from_be_bytes([high, low]);
    manifest.insert("template_version".into(), i64::from(version).into());
    Ok(())
}

/// Template versions of packs that no longer exist. Their templates may still be kept somewhere.
const RETIRED: [(u16, &str); 1] = [(1, "standard, as it was")];

/// Refuses the template version of a pack that has other recognizers.
fn distinct(pack_folder: &PackFolder, pack: &Pack) -> Result<(), Error> {
    let sums = |pack: &Pack| -> Vec<String> {
        pack.recognizers.iter().map(|recognizer| recognizer.network.sha256.clone()).collect()
    };
    let version = pack.template_version;
    if let Some((_, name)) = RETIRED.iter().find(|(retired, _)| *retired == version) {
        return Err(Error::TemplateVersion { version, pack: (*name).to_owned() });
    }
    for (name, known) in pack_folder.packs()? {
        if known.is_ok_and(|known| known.template_version == version && sums(&known) != sums(pack)) {
            return Err(Error::TemplateVersion { version, pack: name });
        }
    }
    for known in published::all()? {
        let manifest = known.parsed()?;
        let other = manifest.recognizer.iter().map(|recognizer| &recognizer.network.sha256).ne(&sums(pack));
        if manifest.template_version == version && other {
            return Err(Error::TemplateVersion { version, pack: known.name.to_owned() });
        }
    }
    Ok(())
}

fn read(path: &Path, bytes_max: u64) -> Result<Vec<u8>, Error> {
    let fault = |source| Error::File { path: path.to_owned(), source };
    let length = fs::metadata(path).map_err(fault)?.len();
    if length > bytes_max {
        let reason = format!("it has {length} bytes; at most {bytes_max} are allowed");
        return Err(Error::Manifest { path: path.to_owned(), reason });
    }
    fs::read(path).map_err(fault)
}
