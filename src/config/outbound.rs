//! Reads the hosts that callbacks may reach.

use std::path::PathBuf;

use reqwest::Certificate;

use crate::callback::allowed::Allowed;
use crate::callback::{self, Settings};
use crate::config::source::Sources;
use crate::config::table;

pub fn callbacks(sources: &mut Sources) -> Settings {
    let read = |text: &str| text.split_whitespace().map(str::parse).collect::<Result<Vec<Allowed>, String>>();
    let show = |hosts: &Vec<Allowed>| hosts.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    let allow = sources.optional(&table::CALLBACK_ALLOW, read, show).unwrap_or_default();
    let read = |path: &str| {
        let pem = std::fs::read(path).map_err(|error| error.to_string())?;
        Ok((PathBuf::from(path), callback::certificates(&pem)?))
    };
    let show = |(path, _): &(PathBuf, Vec<Certificate>)| path.display().to_string();
    let ca = sources.optional(&table::CALLBACK_CA_FILE, read, show);
    Settings { allow, ca: ca.map(|(_, trusted)| trusted).unwrap_or_default() }
}
