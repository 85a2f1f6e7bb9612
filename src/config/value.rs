//! The values of settings, read from text.

use std::ops::RangeInclusive;
use std::str::FromStr;

use tracing_subscriber::EnvFilter;

use super::LogFormat;

pub const PREFIX: &str = "a path such as /bioserver-app, with no slash at its end";
pub const MODES: &str = "F5_1_VID0, F5_2_VID75, F5_3_VID60, F6_4_VID60X";
pub const LOG_FILTER: &str = "levels such as info or warn,bioserver=debug";

/// A value that its type reads and says enough about.
pub fn plain<T: FromStr<Err: ToString>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|error: T::Err| error.to_string())
}

/// A whole number within `range`.
pub fn between<T: FromStr + PartialOrd + Copy>(range: RangeInclusive<T>) -> impl Fn(&str) -> Result<T, String> {
    move |text| match text.parse() {
        Ok(number) if range.contains(&number) => Ok(number),
        Ok(_) => Err("it is out of range".to_owned()),
        Err(_) => Err("it is no whole number in range".to_owned()),
    }
}

/// Segments of unreserved characters (RFC 3986), each after a slash.
pub fn prefix(text: &str) -> Result<String, String> {
    let is_good = |segment: &str| {
        !segment.is_empty()
            && segment.chars().all(|c| c.is_ascii_alphanumeric() || "-._~".contains(c))
            && segment != ".."
    };
    let good = text.strip_prefix('/').is_some_and(|path| path.split('/').all(is_good));
    if good { Ok(text.to_owned()) } else { Err("it is no such path".to_owned()) }
}

/// `http` is for a store on this machine or in a network of one's own.
pub fn endpoint(text: &str) -> Result<String, String> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let is_good = rest.is_some_and(|rest| !rest.is_empty() && !rest.contains(['@', ' ', '?', '#']));
    if is_good { Ok(text.trim_end_matches('/').to_owned()) } else { Err("it is no such URL".to_owned()) }
}

pub fn log_format(text: &str) -> Result<LogFormat, String> {
    match text {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err("there is no such format".to_owned()),
    }
}

pub fn log_format_name(format: &LogFormat) -> String {
    match format {
        LogFormat::Text => "text",
        LogFormat::Json => "json",
    }
    .to_owned()
}

pub fn log_filter(text: &str) -> Result<String, String> {
    EnvFilter::builder().parse(text).map(|_| text.to_owned()).map_err(|error| error.to_string())
}
