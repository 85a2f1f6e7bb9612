//! Finds settings in variables, in the file and in defaults.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::{fmt, fs};

use secrecy::SecretString;
use toml::{Table, Value};

use crate::config::Fault;
use crate::config::table::{self, Holds, Setting};

const DEFAULT_FILE: &str = "bioserver.toml";
/// The largest configuration file or secret file; real ones have a page or two.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// The prefix of all variables, except that of the database.
const PREFIX: &str = "BIOSERVER_";

/// Variables that are not settings: the path of the file, and one that the project's tests read.
const OTHER_VARIABLES: [&str; 2] = ["BIOSERVER_CONFIG", "BIOSERVER_SHARED"];

/// The similarity from which on two names may be confused (Jaro-Winkler, 0 to 1).
const ALIKE: f64 = 0.9;

/// The source of a value.
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

/// A setting in force, in a form that may be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InForce {
    pub name: &'static str,
    pub value: String,
    pub source: Source,
}

/// The settings found, and their faults so far.
pub struct Sources {
    path: PathBuf,
    table: Table,
    variables: BTreeMap<String, String>,
    pub settings: Vec<InForce>,
    pub faults: Vec<Fault>,
}

impl Sources {
    /// Reads the file, and notes every name in it and in `environment` that is not a setting. An empty variable counts
    /// as absent.
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

    /// Returns the value of a setting, parsed by `read`, or `default`.
    pub fn value<T: fmt::Display>(
        &mut self,
        setting: &'static Setting,
        default: T,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> T {
        let found = self.parsed(setting, read);
        let (value, source) = found.unwrap_or((default, Source::Default));
        self.show(setting, value.to_string(), source);
        value
    }

    /// Returns the value of a setting as [`Sources::value`] does, parsed by its own type.
    pub fn plain<T: FromStr<Err: ToString> + fmt::Display>(&mut self, setting: &'static Setting, default: T) -> T {
        self.value(setting, default, plain)
    }

    /// Returns the value of a setting, if it is given; otherwise the default is shown in words.
    pub fn optional<T>(
        &mut self,
        setting: &'static Setting,
        read: impl Fn(&str) -> Result<T, String>,
        show: impl Fn(&T) -> String,
    ) -> Option<T> {
        let found = self.parsed(setting, read);
        let (value, source) = match &found {
            Some((value, source)) => (show(value), source.clone()),
            None => (setting.default.unwrap_or_default().to_owned(), Source::Default),
        };
        self.show(setting, value, source);
        found.map(|(value, _)| value)
    }

    /// Returns the text of a secret, trimmed of white space: its own value, or the content of the file that is named
    /// instead.
    pub fn secret(&mut self, setting: &'static Setting) -> Option<(SecretString, Source)> {
        let name = setting.name;
        let place = format!("{name}_file");
        let variable = (self.variable(name), self.variable(&place));
        let (own, named) = if variable == (None, None) { (self.entry(name), self.entry(&place)) } else { variable };
        match (own, named) {
            (Some((_, source)), Some((_, other))) => {
                self.fault(name, source, format!("it is also set by '{other}'"), "one of them");
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

    /// Returns the source of the value in force.
    pub fn source(&self, setting: &Setting) -> Source {
        self.settings
            .iter()
            .find(|shown| shown.name == setting.name)
            .map_or(Source::Default, |shown| shown.source.clone())
    }

    pub fn is_given(&self, setting: &Setting) -> bool {
        self.variable(setting.name).is_some() || self.table.contains_key(setting.name)
    }

    /// Notes the value in force, in place of an earlier note.
    pub fn show(&mut self, setting: &'static Setting, value: String, source: Source) {
        let in_force = InForce { name: setting.name, value, source };
        match self.settings.iter_mut().find(|shown| shown.name == setting.name) {
            Some(shown) => *shown = in_force,
            None => self.settings.push(in_force),
        }
    }

    pub fn show_secret(&mut self, setting: &'static Setting, source: Source) {
        self.show(setting, "(secret)".to_owned(), source);
    }

    /// Notes a fault of a setting whose value must not be shown.
    pub fn refuse(&mut self, setting: &Setting, source: Source, problem: String) {
        self.fault(setting.name, source, problem, &setting.allowed());
    }

    /// Notes a fault without the value.
    pub fn fault(&mut self, setting: &str, source: Source, problem: String, allowed: &str) {
        self.faults.push(Fault {
            setting: setting.to_owned(),
            source,
            value: None,
            problem,
            allowed: allowed.to_owned(),
        });
    }

    /// Notes that a setting was given without the one that it needs.
    pub fn lonely(&mut self, setting: &Setting, source: Source, needed: &Setting) {
        self.fault(setting.name, source, format!("it is set without '{}'", needed.name), "both or neither");
    }

    fn parsed<T>(
        &mut self,
        setting: &'static Setting,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Option<(T, Source)> {
        let (text, source) = self.variable(setting.name).or_else(|| self.entry(setting.name))?;
        match check(&setting.holds, text.trim()).and_then(|()| read(text.trim())) {
            Ok(value) => Some((value, source)),
            Err(problem) => {
                let (setting, allowed) = (setting.name.to_owned(), setting.allowed().into_owned());
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
        let files = table::ALL.iter().filter(|setting| matches!(setting.holds, Holds::Secret(_)));
        let files = files.map(|setting| format!("{}_file", setting.name));
        let known: Vec<String> = table::ALL.iter().map(|setting| setting.name.to_owned()).chain(files).collect();
        let entries = self.table.keys().filter(|name| !known.contains(name));
        let entries =
            entries.map(|name| (name.clone(), Source::File(self.path.clone()), nearest(name, &known, str::to_owned)));
        let is_known = |name: &String| {
            known.iter().any(|known| variable_of(known) == *name) || OTHER_VARIABLES.contains(&name.as_str())
        };
        let variables = self.variables.keys().filter(|name| name.starts_with(PREFIX) && !is_known(name));
        let variables = variables.map(|name| {
            let setting = name.trim_start_matches(PREFIX).to_lowercase();
            (name.clone(), Source::Variable(name.clone()), nearest(&setting, &known, variable_of))
        });
        for (name, source, problem) in entries.chain(variables).collect::<Vec<_>>() {
            self.fault(&name, source, problem, "");
        }
    }
}

/// Says that there is no setting of this name, and suggests the nearest one, as `written` spells it.
fn nearest(name: &str, known: &[String], written: fn(&str) -> String) -> String {
    let near = known.iter().map(|known| (strsim::jaro_winkler(name, known), known));
    let best = near.max_by(|a, b| a.0.total_cmp(&b.0)).filter(|(likeness, _)| *likeness >= ALIKE);
    let meant = match best {
        Some((_, known)) => format!("did you mean '{}'?", written(known)),
        None => "`bioserver check` lists all".to_owned(),
    };
    format!("this setting does not exist; {meant}")
}

/// Parses a value with its type's own parser, whose errors say enough.
pub fn plain<T: FromStr<Err: ToString>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|error: T::Err| error.to_string())
}

/// Checks that a text is among the numbers or words that a setting may hold. The setting's own reader checks other
/// texts.
fn check(holds: &Holds, text: &str) -> Result<(), String> {
    match *holds {
        Holds::Whole(least, most) => match text.parse() {
            Ok(number) if (least..=most).contains(&number) => Ok(()),
            Ok(_) => Err("it is out of range".to_owned()),
            Err(_) => Err("it is not a whole number in the range".to_owned()),
        },
        Holds::OneOf(words) if !words.contains(&text) => Err("it is not one of the allowed values".to_owned()),
        Holds::OneOf(_) | Holds::Text(_) | Holds::Secret(_) => Ok(()),
    }
}

/// Returns the variables of this process. Bytes that are not UTF-8 are replaced, and the setting's reader then refuses
/// the value.
pub fn environment() -> Vec<(String, String)> {
    let text = |value: std::ffi::OsString| value.to_string_lossy().into_owned();
    std::env::vars_os().map(|(name, value)| (text(name), text(value))).collect()
}

/// Returns the name of a setting's variable: `DATABASE_URL`, as other programs call it, and `BIOSERVER_…` for the rest.
fn variable_of(name: &str) -> String {
    let name = name.to_uppercase();
    if name.starts_with("DATABASE_URL") { name } else { format!("{PREFIX}{name}") }
}

/// Reads the file. Errors never repeat its text, which may hold secrets.
fn read_table(path: &Path) -> Result<Table, String> {
    let text = read_text(path)?;
    text.parse::<Table>().map_err(|error| {
        let at = error.span().map_or(0, |span| span.start).min(text.len());
        let line = text.char_indices().filter(|&(index, char)| index < at && char == '\n').count() + 1;
        format!("line {line} is not valid TOML: {}", error.message())
    })
}

fn read_text(path: &Path) -> Result<String, String> {
    let size = fs::metadata(path).map_err(|error| error.to_string())?.len();
    if size > FILE_BYTES_MAX {
        return Err(format!("it is longer than {FILE_BYTES_MAX} bytes"));
    }
    fs::read_to_string(path).map_err(|error| error.to_string())
}
