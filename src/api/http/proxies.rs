//! Finds the client behind the proxies that the operator trusts.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;

use ipnet::IpNet;
use poem::Request;
use poem::http::uri::Scheme;
use poem::http::{HeaderMap, HeaderName};

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// The networks of proxies that the operator trusts. Clones share them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proxies(Arc<[IpNet]>);

/// The client of a request, as far as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Client {
    /// The client's own address if only trusted proxies lie between; else that of the nearest machine that is not
    /// trusted.
    pub address: Option<IpAddr>,
    /// True if the client speaks TLS, with this server or with a trusted proxy.
    pub is_secure: bool,
}

impl Proxies {
    /// True if a trusted proxy has this address.
    pub fn have(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }

    /// Returns the client of a request.
    pub fn client(&self, request: &Request) -> Client {
        let peer = request.remote_addr().as_socket_addr().map(|address| address.ip().to_canonical());
        self.client_at(peer, *request.scheme() == Scheme::HTTPS, request.headers())
    }

    fn client_at(&self, peer: Option<IpAddr>, is_secure: bool, headers: &HeaderMap) -> Client {
        match peer {
            Some(peer) if self.have(peer) => {
                Client { address: Some(self.behind(peer, headers)), is_secure: is_secure || is_said_secure(headers) }
            }
            address => Client { address, is_secure },
        }
    }

    /// Each proxy appends the address of its peer, so the list is read from its end, as long as the writers are
    /// trusted.
    fn behind(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let lists: Vec<&str> = headers.get_all(FORWARDED_FOR).iter().filter_map(|list| list.to_str().ok()).collect();
        let mut nearest = peer;
        for said in lists.iter().rev().flat_map(|list| list.rsplit(',')) {
            let Some(address) = address(said.trim()) else { break };
            nearest = address;
            if !self.have(address) {
                break;
            }
        }
        nearest
    }
}

/// The nearest proxy wrote the last value, which decides.
fn is_said_secure(headers: &HeaderMap) -> bool {
    let said = headers.get_all(FORWARDED_PROTO).iter().next_back().and_then(|said| said.to_str().ok());
    said.and_then(|said| said.rsplit(',').next()).is_some_and(|said| said.trim().eq_ignore_ascii_case("https"))
}

/// Parses an address, with or without a port.
fn address(said: &str) -> Option<IpAddr> {
    let plain = said.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(said);
    let address = plain.parse().ok().or_else(|| Some(said.parse::<std::net::SocketAddr>().ok()?.ip()));
    address.map(|address: IpAddr| address.to_canonical())
}

/// Parses addresses, and networks such as `10.0.0.0/8`, separated by blanks.
impl FromStr for Proxies {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let network = |word: &str| {
            let network = word.parse::<IpNet>().ok().or_else(|| word.parse::<IpAddr>().ok().map(IpNet::from));
            network.ok_or_else(|| format!("'{word}' is not an address or network such as 10.0.0.0/8"))
        };
        text.split_whitespace().map(network).collect::<Result<_, _>>().map(Self)
    }
}

impl fmt::Display for Proxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&words.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(peer: &str, headers: &[(&'static str, &str)]) -> (String, bool) {
        let proxies: Proxies = "10.0.0.0/8 2001:db8::/32 192.0.2.7".parse().expect("they are networks");
        let headers =
            headers.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().expect("it is a value")));
        let headers = headers.fold(HeaderMap::new(), |mut all, (name, value)| {
            all.append(name, value);
            all
        });
        let client = proxies.client_at(Some(peer.parse().expect("it is an address")), false, &headers);
        (client.address.expect("it has one").to_string(), client.is_secure)
    }

    fn address_of(peer: &str, lists: &[&str]) -> String {
        let headers: Vec<_> = lists.iter().map(|list| ("x-forwarded-for", *list)).collect();
        client(peer, &headers).0
    }

    #[test]
    fn only_a_trusted_proxy_says_who_its_client_is() {
        assert_eq!(address_of("203.0.113.9", &["198.51.100.1"]), "203.0.113.9");
        assert_eq!(address_of("10.1.2.3", &["198.51.100.1"]), "198.51.100.1");
        assert_eq!(address_of("192.0.2.7", &["198.51.100.1"]), "198.51.100.1");
        assert_eq!(address_of("10.1.2.3", &[]), "10.1.2.3");
    }

    /// A client may send the header itself; its entries stand before those of the proxies.
    #[test]
    fn the_list_is_believed_as_far_as_its_writers_are() {
        assert_eq!(address_of("10.1.2.3", &["1.1.1.1, 198.51.100.1, 10.9.9.9"]), "198.51.100.1");
        assert_eq!(address_of("10.1.2.3", &["1.1.1.1", "198.51.100.1", "10.9.9.9"]), "198.51.100.1");
        assert_eq!(address_of("10.1.2.3", &["1.1.1.1, unknown, 10.9.9.9"]), "10.9.9.9");
        assert_eq!(address_of("10.1.2.3", &["198.51.100.1:4711"]), "198.51.100.1");
        assert_eq!(address_of("10.1.2.3", &["[2001:db8::1]:4711"]), "2001:db8::1");
        assert_eq!(address_of("2001:db8::7", &["[2001:4860::1]"]), "2001:4860::1");
    }

    #[test]
    fn the_nearest_proxy_says_whether_the_client_speaks_tls() {
        assert!(client("10.1.2.3", &[("x-forwarded-proto", "https")]).1);
        assert!(client("10.1.2.3", &[("x-forwarded-proto", "http, HTTPS")]).1);
        assert!(!client("10.1.2.3", &[("x-forwarded-proto", "https, http")]).1);
        assert!(!client("203.0.113.9", &[("x-forwarded-proto", "https")]).1);
    }

    #[test]
    fn networks_are_read_and_nothing_else() {
        for wrong in ["10.0.0.0/33", "proxy.example", "10.0.0.1:80"] {
            assert!(wrong.parse::<Proxies>().is_err(), "{wrong}");
        }
        assert_eq!("10.0.0.0/8  ::1".parse::<Proxies>().expect("they are networks").to_string(), "10.0.0.0/8 ::1/128");
    }
}
