//! Reads settings that are neither numbers nor one of several words.

use tracing_subscriber::EnvFilter;

/// Reads a path: segments of unreserved characters (RFC 3986), each after a slash.
pub fn prefix(text: &str) -> Result<String, String> {
    let is_good = |segment: &str| {
        !segment.is_empty()
            && segment.chars().all(|c| c.is_ascii_alphanumeric() || "-._~".contains(c))
            && segment != ".."
    };
    let good = text.strip_prefix('/').is_some_and(|path| path.split('/').all(is_good));
    if good { Ok(text.to_owned()) } else { Err("it is not such a path".to_owned()) }
}

/// Reads a URL. `http` is allowed for a store on this machine or in a private network.
pub fn endpoint(text: &str) -> Result<String, String> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let is_good = rest.is_some_and(|rest| !rest.is_empty() && !rest.contains(['@', ' ', '?', '#']));
    if is_good { Ok(text.trim_end_matches('/').to_owned()) } else { Err("it is not such a URL".to_owned()) }
}

pub fn log_filter(text: &str) -> Result<String, String> {
    EnvFilter::builder().parse(text).map(|_| text.to_owned()).map_err(|error| error.to_string())
}
