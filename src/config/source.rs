//! Where settings come from: variables, the file, defaults.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fmt, fs};

use secrecy::SecretString;
use toml::{Table, Value};

use super::Fault;

const DEFAULT_FILE: &str = "bioserver.toml";
/// A configuration, or a secret's file, is a page or two.
const FILE_BYTES_MAX: u64 = 1 << 20;

const NAMES: [&str; 33] = [
    "listen",
    "data",
    "database_url",
    "prefix",
    "pack",
    "engine",
    "workers",
    "queue_wait_ms",
    "image_bytes_max",
    "image_pixels_max",
    "master_key",
    "signing_algorithm",
    "signing_key",
    "signing_certificate",
    "mode",
    "session_ttl_seconds",
    "session_ttl_seconds_max",
    "session_faces_max",
    "requests_per_minute",
    "requests_at_once",
    "replays_at_once",
    "replay_wait_seconds",
    "replay_lease_seconds",
    "callback_allow",
    "callback_ca_file",
    "media",
    "media_sealed",
    "s3_region",
    "s3_endpoint",
    "s3_access_key_id",
    "s3_secret_access_key",
    "log_format",
    "log_filter",
];
/// Settings that may also be read from a file that `…_file` or `…_FILE` names. Never shown.
const SECRETS: [&str; 5] = ["database_url", "master_key", "signing_key", "signing_certificate", "s3_secret_access_key"];
/// Variables that are no settings: where the file is, and what the project's tests read.
const OTHER_VARIABLES: [&str; 2] = ["BIOSERVER_CONFIG", "BIOSERVER_SHARED"];

/// Where a value was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    Default,
    File(PathBuf),
    Variable(String),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Variable(name) => f.write_str(name),
        }
    }
}

/// A setting as it is in force, fit to be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    pub name: &'static str,
    pub value: String,
    pub source: Source,
}

/// What was found, and what was wrong with it so far.
pub struct Sources {
    path: PathBuf,
    table: Table,
    variables: BTreeMap<String, String>,
    pub settings: Vec<Setting>,
    pub faults: Vec<Fault>,
}

impl Sources {
    /// Reads the file, and notes everything in it and in `environment` that is no setting. An empty
    /// variable counts as absent.
    pub fn read(file: Option<&Path>, environment: impl IntoIterator<Item = (String, String)>) -> Self {
        let path = file.map_or_else(|| PathBuf::from(DEFAULT_FILE), Path::to_owned);
        let variables = environment.into_iter().filter(|(_, value)| !value.is_empty()).collect();
        let mut sources = Self { path, table: Table::new(), variables, settings: Vec::new(), faults: Vec::new() };
        if file.is_some() || sources.path.exists() {
            match read_table(&sources.path) {
                Ok(table) => sources.table = table,
                Err(problem) => sources.fault("the file", Source::File(sources.path.clone()), problem, ""),
            }
        }
        sources.note_unknown();
        sources
    }

    /// The value of `name`, or `default`.
    pub fn value<T: fmt::Display>(
        &mut self,
        name: &'static str,
        default: T,
        allowed: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> T {
        self.shown(name, default, allowed, parse, ToString::to_string)
    }

    /// As [`Sources::value`], for a type that `show` writes.
    pub fn shown<T>(
        &mut self,
        name: &'static str,
        default: T,
        allowed: &str,
        parse: impl Fn(&str) -> Result<T, String>,
        show: impl Fn(&T) -> String,
    ) -> T {
        let (value, source) = self.parsed(name, allowed, parse).unwrap_or((default, Source::Default));
        self.show(name, show(&value), source);
        value
    }

    /// What `name` gives, if anything; `absent` says what holds otherwise.
    pub fn optional<T>(
        &mut self,
        name: &'static str,
        absent: &str,
        allowed: &str,
        parse: impl Fn(&str) -> Result<T, String>,
        show: impl Fn(&T) -> String,
    ) -> Option<T> {
        let found = self.parsed(name, allowed, parse);
        let (value, source) = match &found {
            Some((value, source)) => (show(value), source.clone()),
            None => (absent.to_owned(), Source::Default),
        };
        self.show(name, value, source);
        found.map(|(value, _)| value)
    }

    /// The text of a secret: its own, or that of the file named in its stead, without white space
    /// around it.
    pub fn secret(&mut self, name: &'static str) -> Option<(SecretString, Source)> {
        let place = format!("{name}_file");
        let variable = (self.variable(name), self.variable(&place));
        let (own, named) = if variable == (None, None) { (self.entry(name), self.entry(&place)) } else { variable };
        match (own, named) {
            (Some((_, source)), Some((_, other))) => {
                self.fault(name, source, format!("it is also given by '{other}'"), "one of them");
                None
            }
            (Some((text, source)), None) => Some((text.trim().into(), source)),
            (None, Some((path, source))) => match read_text(Path::new(&path)) {
                Ok(text) => Some((text.trim().into(), source)),
                Err(problem) => {
                    self.fault(&place, source, format!("{path}: {problem}"), "a readable file");
                    None
                }
            },
            (None, None) => None,
        }
    }

    /// Where the value in force was found.
    pub fn source(&self, name: &str) -> Source {
        self.settings.iter().find(|shown| shown.name == name).map_or(Source::Default, |shown| shown.source.clone())
    }

    pub fn is_given(&self, name: &str) -> bool {
        self.variable(name).is_some() || self.table.contains_key(name)
    }

    /// Notes what is in force, in place of what was noted before.
    pub fn show(&mut self, name: &'static str, value: String, source: Source) {
        let setting = Setting { name, value, source };
        match self.settings.iter_mut().find(|shown| shown.name == name) {
            Some(shown) => *shown = setting,
            None => self.settings.push(setting),
        }
    }

    pub fn show_secret(&mut self, name: &'static str, source: Source) {
        self.show(name, "(secret)".to_owned(), source);
    }

    /// Notes a fault whose value is not to be shown.
    pub fn fault(&mut self, setting: &str, source: Source, problem: String, allowed: &str) {
        self.faults.push(Fault {
            setting: setting.to_owned(),
            source,
            value: None,
            problem,
            allowed: allowed.to_owned(),
        });
    }

    /// Notes that a setting was given without the one it needs.
    pub fn lonely(&mut self, name: &str, source: Source, needed: &str) {
        self.fault(name, source, format!("it is given without '{needed}'"), "both or neither");
    }

    fn parsed<T>(
        &mut self,
        name: &'static str,
        allowed: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<(T, Source)> {
        let (text, source) = self.variable(name).or_else(|| self.entry(name))?;
        match parse(text.trim()) {
            Ok(value) => Some((value, source)),
            Err(problem) => {
                let (setting, allowed) = (name.to_owned(), allowed.to_owned());
                self.faults.push(Fault { setting, source, value: Some(text), problem, allowed });
                None
            }
        }
    }

    fn variable(&self, name: &str) -> Option<(String, Source)> {
        let variable = variable_of(name);
        let value = self.variables.get(&variable)?;
        Some((value.clone(), Source::Variable(variable)))
    }

    fn entry(&mut self, name: &str) -> Option<(String, Source)> {
        let source = Source::File(self.path.clone());
        match self.table.get(name)? {
            Value::String(text) => Some((text.clone(), source)),
            Value::Integer(number) => Some((number.to_string(), source)),
            Value::Boolean(is_so) => Some((is_so.to_string(), source)),
            other => {
                let problem = format!("it is a {}", other.type_str());
                self.fault(name, source, problem, "a string, a whole number, true or false");
                None
            }
        }
    }

    fn note_unknown(&mut self) {
        let files = SECRETS.map(|name| format!("{name}_file"));
        let is_known = |name: &str| NAMES.contains(&name) || files.iter().any(|file| file == name);
        let known: Vec<String> = NAMES.iter().map(|&name| name.to_owned()).chain(files.clone()).collect();
        let entries = self.table.keys().filter(|name| !is_known(name));
        let entries = entries.map(|name| (name.clone(), Source::File(self.path.clone()), known.join(", ")));
        let known: Vec<String> = known.iter().map(|name| variable_of(name)).collect();
        let variables = self.variables.keys().filter(|name| {
            name.starts_with("BIOSERVER_") && !known.contains(name) && !OTHER_VARIABLES.contains(&name.as_str())
        });
        let variables = variables.map(|name| (name.clone(), Source::Variable(name.clone()), known.join(", ")));
        for (name, source, allowed) in entries.chain(variables).collect::<Vec<_>>() {
            self.fault(&name, source, "there is no such setting".to_owned(), &allowed);
        }
    }
}

/// This process's variables. One that is not UTF-8 keeps what can be read of it, and is refused there.
pub fn environment() -> Vec<(String, String)> {
    let text = |value: std::ffi::OsString| value.to_string_lossy().into_owned();
    std::env::vars_os().map(|(name, value)| (text(name), text(value))).collect()
}

/// Everyone's name for the database's URL, and `BIOSERVER_…` for the rest.
fn variable_of(name: &str) -> String {
    let name = name.to_uppercase();
    if name.starts_with("DATABASE_URL") { name } else { format!("BIOSERVER_{name}") }
}

/// The error never repeats the file's text, which may hold secrets.
fn read_table(path: &Path) -> Result<Table, String> {
    let text = read_text(path)?;
    text.parse::<Table>().map_err(|error| {
        let at = error.span().map_or(0, |span| span.start).min(text.len());
        let line = text.char_indices().filter(|&(index, char)| index < at && char == '\n').count() + 1;
        format!("line {line} is no TOML: {}", error.message())
    })
}

fn read_text(path: &Path) -> Result<String, String> {
    let size = fs::metadata(path).map_err(|error| error.to_string())?.len();
    if size > FILE_BYTES_MAX {
        return Err(format!("it is longer than {FILE_BYTES_MAX} bytes"));
    }
    fs::read_to_string(path).map_err(|error| error.to_string())
}
