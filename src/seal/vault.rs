//! A key vault outside this server: the secrets engine Transit of `HashiCorp` Vault, or any server with its protocol.
//!
//! It wraps the keys of epochs in place of the master key. A wrapped key names the version of the vault's key, so a
//! rotation in the vault needs no action here.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::redirect::Policy;
use reqwest::{Client, Url};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::Key;

/// The prefix of every ciphertext of Transit.
const MARK: &[u8] = b"vault:";
/// The timeout of one request. A request of a client that waits for it is answered within two seconds.
const TIMEOUT: Duration = Duration::from_millis(1500);
/// The largest answer; real ones have some hundred bytes.
const ANSWER_BYTES_MAX: usize = 64 << 10;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("it must be https://host:port/mount/key, such as https://vault:8200/transit/bioserver")]
    Url,
    #[error("the key vault: {0}")]
    Request(#[from] reqwest::Error),
    #[error("the key vault answered {status}: {said}")]
    Refused { status: u16, said: String },
    #[error("the answer of the key vault is not one of the Transit engine")]
    Answer,
    #[error("a key was wrapped by a key vault, but 'key_vault' is not set")]
    Missing,
}

/// The addresses of the vault, and the token that authenticates this server.
#[derive(Debug, Clone)]
pub struct Settings {
    place: Place,
    /// `None` if an agent in between adds its own token.
    pub token: Option<SecretString>,
}

/// The addresses for one key of the vault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    encrypt: Url,
    decrypt: Url,
}

impl Place {
    /// Reads `https://host:port/mount/key`. Only a vault agent on this machine may be reached without encryption.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let url = Url::parse(text).map_err(|_| Error::Url)?;
        let is_local = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
        let is_safe = url.scheme() == "https" || (url.scheme() == "http" && is_local);
        let is_bare = url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
        let (mount, key) = url.path().trim_matches('/').rsplit_once('/').ok_or(Error::Url)?;
        if !is_safe || !is_bare || mount.is_empty() || key.is_empty() {
            return Err(Error::Url);
        }
        let of = |verb: &str| url.join(&format!("/v1/{mount}/{verb}/{key}")).map_err(|_| Error::Url);
        Ok(Self { encrypt: of("encrypt")?, decrypt: of("decrypt")? })
    }
}

impl Settings {
    pub fn new(place: Place, token: Option<SecretString>) -> Self {
        Self { place, token }
    }
}

/// A client of the vault. Clones share its connections.
#[derive(Debug, Clone)]
pub struct Vault {
    settings: Settings,
    http: Client,
}

impl Vault {
    pub fn new(settings: Settings) -> Result<Self, Error> {
        // The client follows no redirect and uses no proxy, so that the token reaches only the vault.
        let http = Client::builder().timeout(TIMEOUT).redirect(Policy::none()).no_proxy().build()?;
        Ok(Self { settings, http })
    }

    /// Wraps a key as [`Key::wrap`] does.
    pub async fn wrap(&self, aad: &str, key: &Key) -> Result<Vec<u8>, Error> {
        let plaintext = Zeroizing::new(STANDARD.encode(key.0.as_slice()));
        let body = json!({ "plaintext": *plaintext, "associated_data": STANDARD.encode(aad) });
        let answer = self.ask(&self.settings.place.encrypt, &body).await?;
        let ciphertext = answer["data"]["ciphertext"].as_str().ok_or(Error::Answer)?;
        if is_wrapped(ciphertext.as_bytes()) { Ok(ciphertext.as_bytes().to_vec()) } else { Err(Error::Answer) }
    }

    /// Unwraps a key as [`Key::unwrap`] does.
    pub async fn unwrap(&self, aad: &str, wrapped: &[u8]) -> Result<Key, Error> {
        let ciphertext = std::str::from_utf8(wrapped).map_err(|_| Error::Answer)?;
        let body = json!({ "ciphertext": ciphertext, "associated_data": STANDARD.encode(aad) });
        let answer = self.ask(&self.settings.place.decrypt, &body).await?;
        let plaintext = answer["data"]["plaintext"].as_str().ok_or(Error::Answer)?;
        let bytes = Zeroizing::new(STANDARD.decode(plaintext).map_err(|_| Error::Answer)?);
        Key::of(&bytes).ok_or(Error::Answer)
    }

    async fn ask(&self, url: &Url, body: &Value) -> Result<Value, Error> {
        let mut request = self.http.post(url.clone()).json(body);
        if let Some(token) = &self.settings.token {
            request = request.header("X-Vault-Token", token.expose_secret());
        }
        let mut answer = request.send().await.map_err(reqwest::Error::without_url)?;
        let status = answer.status();
        let mut text = Zeroizing::new(Vec::new());
        while let Some(chunk) = answer.chunk().await? {
            text.extend_from_slice(&chunk);
            if text.len() > ANSWER_BYTES_MAX {
                return Err(Error::Answer);
            }
        }
        let answer: Option<Value> = serde_json::from_slice(&text).ok();
        if !status.is_success() {
            let said = answer.and_then(|answer| Some(answer["errors"][0].as_str()?.to_owned())).unwrap_or_default();
            return Err(Error::Refused { status: status.as_u16(), said });
        }
        answer.ok_or(Error::Answer)
    }
}

/// True if [`Vault::wrap`] returned these bytes.
pub fn is_wrapped(bytes: &[u8]) -> bool {
    bytes.starts_with(MARK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_two_addresses() {
        let place = Place::parse("https://vault:8200/teams/bio/transit/bioserver").expect("it is a place");
        assert_eq!(place.encrypt.as_str(), "https://vault:8200/v1/teams/bio/transit/encrypt/bioserver");
        assert_eq!(place.decrypt.as_str(), "https://vault:8200/v1/teams/bio/transit/decrypt/bioserver");
        assert!(Place::parse("http://127.0.0.1:8100/transit/bioserver").is_ok());
        for wrong in [
            "vault:8200/transit/bioserver",
            "http://vault:8200/transit/bioserver",
            "https://vault:8200/bioserver",
            "https://vault:8200/",
            "https://me@vault:8200/transit/bioserver",
            "https://vault:8200/transit/bioserver?x=1",
            "ftp://vault/transit/bioserver",
        ] {
            assert!(Place::parse(wrong).is_err(), "{wrong}");
        }
    }
}
