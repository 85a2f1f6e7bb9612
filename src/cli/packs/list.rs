//! `packs list`: lists the packs with their networks.

use std::fmt::Write as _;

use face::pack::manifest::NetworkEntry;
use face::pack::{Network, Pack};
use packs::published::{self, Published};
use serde_json::{Value, json};

use crate::config::Config;

/// Returns a text of all packs, each with its networks.
pub fn text(config: &Config) -> anyhow::Result<String> {
    let mut text = String::new();
    let serving = serving(config)?;
    let here = config.pack_folder.packs()?;
    for (name, pack) in &here {
        let mark = if serving.as_deref() == Some(name) { ", in use" } else { "" };
        match pack {
            Ok(pack) => installed(&mut text, name, mark, pack)?,
            Err(fault) => writeln!(text, "{name}: cannot be used{mark}\n    {fault}\n")?,
        }
    }
    for published in published::all()? {
        if here.iter().all(|(name, _)| name != published.name) {
            let name = published.name;
            writeln!(text, "{name}: `bioserver packs install {name}` installs it ({})", megabytes(&published))?;
            writeln!(text, "    {}", published.description.summary)?;
            writeln!(text, "    {}", published.description.figures)?;
            text += &networks_of(&published)?;
        }
    }
    if serving.is_none() {
        writeln!(text, "The configuration names a folder: {}", shown(config))?;
    }
    Ok(text)
}

fn installed(text: &mut String, name: &str, mark: &str, pack: &Pack) -> anyhow::Result<()> {
    writeln!(text, "{name}: template version {}, {} numbers{mark}", pack.template_version, pack.dimension())?;
    match &pack.calibration {
        Some(calibration) => {
            let origin = calibration.origin();
            let (rate, people, pairs) = (origin.measured_to_percent, origin.people, origin.impostor_pairs);
            writeln!(
                text,
                "    scores: measured down to {rate} % on {people} people, {pairs} pairs of two: {}",
                origin.data
            )?;
        }
        None => writeln!(text, "    scores: not calibrated; run `bioserver calibrate --pack {name}`")?,
    }
    for (role, network) in pack.networks() {
        line(text, role, &network.file, &network.licence, &network.origin)?;
    }
    Ok(writeln!(text)?)
}

/// Returns the networks of a published pack with their licences and origins.
pub fn networks_of(published: &Published) -> anyhow::Result<String> {
    let mut text = String::new();
    for (role, entry) in published.parsed()?.entries() {
        line(&mut text, role, &entry.file, &entry.licence, &entry.origin)?;
    }
    writeln!(text)?;
    Ok(text)
}

fn line(text: &mut String, role: &str, file: &str, licence: &str, origin: &str) -> std::fmt::Result {
    writeln!(text, "    {role:<10}  {file}\n                licence: {licence}\n                origin: {origin}")
}

/// Returns all packs as JSON.
pub fn json(config: &Config) -> anyhow::Result<String> {
    let serving = serving(config)?;
    let here = config.pack_folder.packs()?;
    let mut all: Vec<Value> = Vec::new();
    for (name, pack) in &here {
        let state = if name == packs::BUILT_IN { "built-in" } else { "installed" };
        let serves = serving.as_deref() == Some(name);
        all.push(match pack {
            Ok(pack) => described(name, state, serves, pack),
            Err(fault) => json!({ "name": name, "state": "unusable", "serves": serves, "fault": fault.to_string() }),
        });
    }
    for published in published::all()? {
        if here.iter().all(|(name, _)| name != published.name) {
            all.push(on_offer(&published)?);
        }
    }
    Ok(serde_json::to_string_pretty(&all)? + "\n")
}

fn described(name: &str, state: &str, serves: bool, pack: &Pack) -> Value {
    let calibration = pack.calibration.as_ref().map(|calibration| {
        let origin = calibration.origin();
        json!({
            "data": origin.data,
            "people": origin.people,
            "impostorPairs": origin.impostor_pairs,
            "measuredToPercent": origin.measured_to_percent,
        })
    });
    let network = |(role, network): (_, &Network)| {
        let Network { file, sha256, licence, origin, .. } = network;
        network_json(role, file, sha256, licence, origin)
    };
    json!({
        "name": name,
        "state": state,
        "serves": serves,
        "templateVersion": pack.template_version,
        "dimension": pack.dimension(),
        "calibration": calibration,
        "networks": pack.networks().map(network).collect::<Vec<_>>(),
    })
}

fn on_offer(published: &Published) -> anyhow::Result<Value> {
    let manifest = published.parsed()?;
    let network = |(role, entry): (_, &NetworkEntry)| {
        let NetworkEntry { file, sha256, licence, origin, .. } = entry;
        network_json(role, file, sha256, licence, origin)
    };
    Ok(json!({
        "name": published.name,
        "state": "published",
        "serves": false,
        "summary": published.description.summary,
        "figures": published.description.figures,
        "bytes": published.description.sources.iter().map(|source| source.bytes).sum::<u64>(),
        "templateVersion": manifest.template_version,
        "networks": manifest.entries().map(network).collect::<Vec<_>>(),
    }))
}

fn network_json(role: &str, file: &str, sha256: &str, licence: &str, origin: &str) -> Value {
    json!({ "role": role, "file": file, "sha256": sha256, "licence": licence, "origin": origin })
}

fn megabytes(published: &Published) -> String {
    let bytes: u64 = published.description.sources.iter().map(|source| source.bytes).sum();
    format!("{:.1} MB", bytes as f64 / 1e6)
}

/// Returns the name of the pack that is in use; `None` for a folder that is not among the installed packs.
fn serving(config: &Config) -> anyhow::Result<Option<String>> {
    let Some(folder) = &config.pack else { return Ok(Some(packs::BUILT_IN.to_owned())) };
    let named = |name: &String| config.pack_folder.find(name).is_ok_and(|found| found.as_ref() == Some(folder));
    Ok(config.pack_folder.names()?.into_iter().find(named))
}

fn shown(config: &Config) -> String {
    config.pack.as_ref().map_or_else(|| packs::BUILT_IN.to_owned(), |folder| folder.display().to_string())
}
