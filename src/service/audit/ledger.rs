//! The chain of entries, and its text form in an export: JSON, one object on each line.
//!
//! An entry's line is the entry with `seq` before its members and `hash` after them. The hash is the SHA-256 of the
//! previous hash (32 bytes) followed by the line up to `,"hash"`. So a changed line breaks its own hash and that of
//! every later line.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::domain::Moment;
use crate::sign::{self, Signer};

const HASH_LEN: usize = 32;

/// A link of the chain, which stands for all entries up to one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// The position of the entry; the first entry has 1.
    pub seq: i64,
    pub hash: [u8; HASH_LEN],
}

impl Link {
    /// The link before the first entry.
    pub const START: Self = Self { seq: 0, hash: [0; HASH_LEN] };

    /// Returns the link of the entry after this one. `entry` is its JSON.
    #[must_use]
    pub fn next(&self, entry: &str) -> Self {
        let seq = self.seq + 1;
        let digest = Sha256::new().chain_update(self.hash).chain_update(body(seq, entry));
        Self { seq, hash: digest.finalize().into() }
    }
}

/// The purpose of a signed link. A link that was signed for one purpose is not accepted for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// No entry comes after it.
    Head,
    /// The entries up to it were deleted because of their age.
    Pruned,
    /// An export ends with it.
    Export,
}

impl Purpose {
    pub fn name(self) -> &'static str {
        match self {
            Self::Head => "head",
            Self::Pruned => "pruned",
            Self::Export => "export",
        }
    }
}

/// The reason why a signed link is not accepted.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Sign(#[from] sign::Error),
    #[error("it does not state the end of a chain")]
    Payload,
}

/// Returns the signed link as compact JWS.
pub fn signed(signer: &Signer, purpose: Purpose, link: Link, at: Moment) -> Result<String, sign::Error> {
    signer.sign(payload(purpose, link, &at.to_string()).as_bytes())
}

/// Returns the link that a key of `jwks` signed for this purpose, and the time.
pub fn read(jws: &str, purpose: Purpose, jwks: &Value) -> Result<(Link, String), Error> {
    let signed = sign::verify(jws, jwks)?;
    let value: Value = serde_json::from_slice(&signed).map_err(|_| Error::Payload)?;
    let text = |name: &str| value[name].as_str().ok_or(Error::Payload);
    let seq = value["seq"].as_i64().ok_or(Error::Payload)?;
    let link = Link { seq, hash: from_hex(text("hash")?).ok_or(Error::Payload)? };
    let at = text("at")?.to_owned();
    if signed == payload(purpose, link, &at).as_bytes() { Ok((link, at)) } else { Err(Error::Payload) }
}

fn payload(purpose: Purpose, link: Link, at: &str) -> String {
    json!({ "audit": purpose.name(), "seq": link.seq, "hash": hex(&link.hash), "at": at }).to_string()
}

/// Returns the first line of an export: the link before its entries.
pub fn first_line(before: Link) -> String {
    json!({ "audit": "begin", "seq": before.seq, "hash": hex(&before.hash) }).to_string()
}

/// Reads the link in a first line; `None` for any other text.
pub fn read_first_line(line: &str) -> Option<Link> {
    let value: Value = serde_json::from_str(line).ok()?;
    let link = Link { seq: value["seq"].as_i64()?, hash: from_hex(value["hash"].as_str()?)? };
    (line == first_line(link)).then_some(link)
}

/// Returns the line of an entry, whose JSON is `entry` and whose link is `link`.
pub fn entry_line(entry: &str, link: Link) -> String {
    format!("{}{}{}\"}}", body(link.seq, entry), HASH_MEMBER, hex(&link.hash))
}

/// Returns the link of the entry in this line after `before`; `None` if it does not fit there.
pub fn read_entry_line(line: &str, before: Link) -> Option<Link> {
    let entry = line.strip_prefix(&format!("{{\"seq\":{},", before.seq + 1))?;
    let (entry, _) = entry.rsplit_once(HASH_MEMBER)?;
    let link = before.next(&format!("{{{entry}}}"));
    (line == entry_line(&format!("{{{entry}}}"), link)).then_some(link)
}

/// Returns the last line of an export, which ends with the entry of `link`.
pub fn last_line(signer: &Signer, link: Link, at: Moment) -> Result<String, sign::Error> {
    let signature = signed(signer, Purpose::Export, link, at)?;
    Ok(with_signature(&payload(Purpose::Export, link, &at.to_string()), &signature))
}

/// Reads the link in a last line that a key of `jwks` signed, and the time.
pub fn read_last_line(line: &str, jwks: &Value) -> Result<(Link, String), Error> {
    let value: Value = serde_json::from_str(line).map_err(|_| Error::Payload)?;
    let signature = value["signature"].as_str().ok_or(Error::Payload)?;
    let (link, at) = read(signature, Purpose::Export, jwks)?;
    let expected = with_signature(&payload(Purpose::Export, link, &at), signature);
    if line == expected { Ok((link, at)) } else { Err(Error::Payload) }
}

/// True if this is the last line of an export.
pub fn is_last_line(line: &str) -> bool {
    line.starts_with("{\"audit\":\"export\"")
}

const HASH_MEMBER: &str = ",\"hash\":\"";

/// Returns the line of an entry up to its hash.
fn body(seq: i64, entry: &str) -> String {
    let members = entry.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or(entry);
    format!("{{\"seq\":{seq},{members}")
}

fn with_signature(payload: &str, signature: &str) -> String {
    let members = payload.strip_suffix('}').unwrap_or(payload);
    format!("{members},\"signature\":\"{signature}\"}}")
}

pub fn hex(hash: &[u8]) -> String {
    use std::fmt::Write as _;
    hash.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn from_hex(text: &str) -> Option<[u8; HASH_LEN]> {
    if text.len() != 2 * HASH_LEN || !text.is_ascii() {
        return None;
    }
    let mut hash = [0; HASH_LEN];
    for (byte, at) in hash.iter_mut().zip((0..text.len()).step_by(2)) {
        *byte = u8::from_str_radix(&text[at..at + 2], 16).ok()?;
    }
    Some(hash)
}
