//! Reads the hosts that the operator allows by name, public or not, for development.

use std::fmt;
use std::str::FromStr;

use reqwest::Url;

/// A host such as `localhost:9943`, or `http://localhost:9943` without encryption. Without a port, every port is
/// allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowed {
    is_plain: bool,
    /// The host in the form of URLs: in lower case, IPv6 addresses in brackets.
    host: String,
    port: Option<u16>,
}

impl Allowed {
    pub fn admits(&self, scheme: &str, host: &str, port: u16) -> bool {
        let wanted = if self.is_plain { "http" } else { "https" };
        scheme == wanted && self.host.eq_ignore_ascii_case(host) && self.port.is_none_or(|own| own == port)
    }
}

impl FromStr for Allowed {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("'{text}' is not a host such as localhost:9943 or http://localhost:9943");
        let is_plain = text.starts_with("http://");
        let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://")).unwrap_or(text);
        // The URL is parsed as https, which keeps every port but 443; `has_port` finds that one.
        let url = Url::parse(&format!("https://{rest}")).map_err(|_| wrong())?;
        let has_port =
            rest.rsplit_once(':').is_some_and(|(_, port)| !port.contains(']') && port.parse::<u16>().is_ok());
        let port = if has_port { url.port_or_known_default() } else { None };
        let is_host =
            url.path() == "/" && url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
        match url.host_str() {
            Some(host) if is_host && !rest.ends_with('/') => Ok(Self { is_plain, host: host.to_owned(), port }),
            _ => Err(wrong()),
        }
    }
}

impl fmt::Display for Allowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_plain { "http://" } else { "" };
        write!(f, "{scheme}{}", self.host)?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_allowed_as_it_is_written() {
        let read = |text: &str| text.parse::<Allowed>().expect("it is a host");
        assert!(read("localhost:9943").admits("https", "localhost", 9943));
        assert!(!read("localhost:9943").admits("https", "localhost", 9944));
        assert!(!read("localhost:9943").admits("http", "localhost", 9943));
        assert!(read("http://localhost:9943").admits("http", "localhost", 9943));
        assert!(
            read("localhost").admits("https", "localhost", 443) && read("localhost").admits("https", "localhost", 9)
        );
        assert!(!read("localhost").admits("https", "other.localhost", 443));
        assert!(read("[::1]:8443").admits("https", "[::1]", 8443));
        assert!(read("host:443").admits("https", "host", 443) && !read("host:443").admits("https", "host", 444));
        for text in ["localhost:9943", "http://127.0.0.1:80", "host:443", "[::1]:8443"] {
            assert_eq!(read(text).to_string(), text);
        }
        for wrong in ["", "host/path", "host/", "user@host", "host?x", "https://", "ftp://host"] {
            assert!(wrong.parse::<Allowed>().is_err(), "{wrong}");
        }
    }
}
