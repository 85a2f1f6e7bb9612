//! Origins of web pages (RFC 6454) that the operator trusts.

use std::fmt;
use std::str::FromStr;

use reqwest::Url;

/// `https://bank.example`, with a port if it is not the usual one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin(String);

impl Origin {
    /// True for an address that browsers take for one of this origin.
    pub fn covers(&self, address: &str) -> bool {
        // A name and password before the host would make an address look like another.
        let is_plain = |url: &Url| url.username().is_empty() && url.password().is_none();
        Url::parse(address).is_ok_and(|url| is_plain(&url) && url.origin().ascii_serialization() == self.0)
    }
}

impl FromStr for Origin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let not_so = || format!("'{text}' is no origin");
        let url = Url::parse(text).map_err(|_| not_so())?;
        let origin = url.origin().ascii_serialization();
        let is_web = ["http", "https"].contains(&url.scheme());
        // What is more than an origin would promise more than is checked.
        if is_web && origin == text.to_ascii_lowercase() { Ok(Self(origin)) } else { Err(not_so()) }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_a_scheme_a_host_and_a_port() {
        for good in ["https://bank.example", "http://localhost:9943", "https://Bank.example", "https://[::1]:8443"] {
            assert!(good.parse::<Origin>().is_ok(), "{good}");
        }
        for bad in [
            "bank.example",
            "https://bank.example/",
            "https://bank.example:443",
            "ftp://a.b",
            "https://u@a.b",
            "*",
            "",
            "data:,",
        ] {
            assert!(bad.parse::<Origin>().is_err(), "{bad}");
        }
    }

    #[test]
    fn it_covers_its_own_addresses_alone() {
        let bank: Origin = "https://bank.example".parse().expect("it is one");
        for own in ["https://bank.example/back?x=1#y", "https://BANK.example:443/", "https://bank.example"] {
            assert!(bank.covers(own), "{own}");
        }
        for other in [
            "http://bank.example/",
            "https://bank.example.evil.example/",
            "https://bank.example@evil.example/",
            "https://u:p@bank.example/",
            "https://bank.example:8443/",
            "javascript:alert(1)//https://bank.example",
            "//bank.example/",
            "",
        ] {
            assert!(!bank.covers(other), "{other}");
        }
    }
}
