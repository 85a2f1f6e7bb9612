//! The keys that attest a provider's capture clients, and whether its checks require an attestation.

use serde::Deserialize;
use serde_json::Value;

use crate::domain::attestation::AttestationPolicy;
use crate::domain::audit::{Entry, Work};
use crate::domain::{Moment, ProviderId};
use crate::seal::master::Master;
use crate::service::{Error, audit};
use crate::sign::{self, public};
use crate::store::{self, Store, Tx};

/// The most keys of a provider: a rotation needs two, and a platform may have keys of its own.
const KEYS_MAX: usize = 10;
/// The largest file with keys: ten RSA keys of 8192 bits, with certificates that are not kept.
const FILE_BYTES_MAX: usize = 64 << 10;

/// The reason why keys or a change are refused.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    #[error("there is no provider named '{0}'")]
    Provider(String),
    #[error("the file has {0} bytes, but at most {FILE_BYTES_MAX} are allowed")]
    Large(usize),
    #[error("the file is not a JWK set such as {{\"keys\": […]}}: {0}")]
    Json(#[from] serde_json::Error),
    #[error("a provider can have 1 to {KEYS_MAX} keys, and the file has {0}")]
    Count(usize),
    /// A key of the file, counted from 1, cannot be used.
    #[error("key {0} of the file: {1}")]
    Key(usize, sign::Error),
    #[error("two keys of the file have the kid '{0}'")]
    Twice(String),
    #[error("'{0}' has no keys yet: add some by --keys")]
    NoKeys(String),
    #[error(transparent)]
    Service(#[from] Error),
    #[error(transparent)]
    Store(#[from] store::Error),
}

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<Value>,
}

/// Reads public keys from a JWK set (RFC 7517, 5).
pub fn read(text: &str) -> Result<Vec<Value>, Refusal> {
    if text.len() > FILE_BYTES_MAX {
        return Err(Refusal::Large(text.len()));
    }
    let KeySet { keys } = serde_json::from_str(text)?;
    if !(1..=KEYS_MAX).contains(&keys.len()) {
        return Err(Refusal::Count(keys.len()));
    }
    let read = |(place, key)| public::read(key).map_err(|error| Refusal::Key(place + 1, error));
    let keys: Vec<Value> = keys.iter().enumerate().map(read).collect::<Result<_, _>>()?;
    let is_repeated = |place: usize| keys[..place].iter().any(|before| before["kid"] == keys[place]["kid"]);
    match (0..keys.len()).find(|place| is_repeated(*place)) {
        Some(place) => Err(Refusal::Twice(keys[place]["kid"].as_str().unwrap_or_default().to_owned())),
        None => Ok(keys),
    }
}

/// The parts to change; `None` leaves one as it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Change {
    /// The keys of [`read`], in place of those before.
    pub keys: Option<Vec<Value>>,
    pub is_required: Option<bool>,
}

/// Returns the keys and the policy of the provider of this name; `None` if it has no keys.
pub async fn of_named(store: &Store, master: &Master, name: &str) -> Result<Option<AttestationPolicy>, Refusal> {
    let mut tx = store.read().await?;
    let provider = named(&mut tx, name).await?;
    Ok(of(&mut tx, master, provider).await?)
}

/// Changes the keys and the policy of a provider from now on, and returns both.
pub async fn change(
    store: &Store,
    master: &Master,
    name: &str,
    change: Change,
    now: Moment,
) -> Result<AttestationPolicy, Refusal> {
    let mut tx = store.begin().await?;
    let provider = named(&mut tx, name).await?;
    let before = of(&mut tx, master, provider).await?;
    let is_required = change.is_required.unwrap_or(before.as_ref().is_some_and(|before| before.is_required));
    let keys = change.keys.or(before.map(|before| before.keys)).ok_or_else(|| Refusal::NoKeys(name.to_owned()))?;
    let policy = AttestationPolicy { is_required, keys };
    let written = serde_json::to_vec(&policy)?;
    let sealed = master.seal(&place(provider), &written);
    store::attestations::set(&mut tx, provider, Some(&sealed)).await?;
    record(tx, master, provider, now).await?;
    Ok(policy)
}

/// Removes the keys and the policy of a provider: attestations are no longer verified.
pub async fn remove(store: &Store, master: &Master, name: &str, now: Moment) -> Result<(), Refusal> {
    let mut tx = store.begin().await?;
    let provider = named(&mut tx, name).await?;
    if store::attestations::of(&mut tx, provider).await?.is_none() {
        return Ok(());
    }
    store::attestations::set(&mut tx, provider, None).await?;
    record(tx, master, provider, now).await
}

async fn named(tx: &mut Tx, name: &str) -> Result<ProviderId, Refusal> {
    let found = store::providers::named(tx, name).await?;
    Ok(found.ok_or_else(|| Refusal::Provider(name.to_owned()))?.id)
}

async fn record(mut tx: Tx, master: &Master, provider: ProviderId, now: Moment) -> Result<(), Refusal> {
    audit::append(&mut tx, master, &Entry::of_operator(Work::AttestationChanged, now).by(provider)).await?;
    Ok(tx.commit().await?)
}

/// Returns the keys and the policy of a provider; `None` if it has no keys.
///
/// # Errors
/// Somebody without the master key changed them.
pub async fn of(tx: &mut Tx, master: &Master, provider: ProviderId) -> Result<Option<AttestationPolicy>, Error> {
    let Some(sealed) = store::attestations::of(tx, provider).await? else { return Ok(None) };
    let written = master.open(&place(provider), &sealed)?;
    serde_json::from_slice(&written)
        .map_err(|error| Error::Failed(format!("the stored keys of attestations cannot be read: {error}")))
}

pub(super) fn place(provider: ProviderId) -> String {
    format!("providers/{}/attestation", provider.0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::clock::Clock;
    use crate::sign::Algorithm;
    use crate::sign::key::Key;

    fn key(kid: &str) -> Value {
        let mut jwk = Key::make(Algorithm::Es256, Clock::default().now()).expect("a key can be made").jwk().clone();
        jwk["kid"] = json!(kid);
        jwk
    }

    fn fault(set: &Value) -> String {
        read(&set.to_string()).expect_err("it has a fault").to_string()
    }

    #[test]
    fn a_key_set_is_read_in_its_order() {
        let keys = read(&json!({ "keys": [key("b"), key("a")] }).to_string()).expect("it is whole");
        let kids: Vec<_> = keys.iter().map(|key| key["kid"].as_str()).collect();
        assert_eq!(kids, [Some("b"), Some("a")]);
    }

    #[test]
    fn each_fault_of_a_key_set_is_named() {
        assert!(read("{").expect_err("it is cut").to_string().contains("not a JWK set"));
        assert!(fault(&json!({ "kty": "EC" })).contains("not a JWK set"));
        assert!(fault(&json!({ "keys": [] })).contains("1 to 10 keys, and the file has 0"));
        let many: Vec<Value> = (0..=KEYS_MAX).map(|number| key(&number.to_string())).collect();
        assert!(fault(&json!({ "keys": many })).contains("the file has 11"));
        assert!(fault(&json!({ "keys": [key("a"), key("b"), key("a")] })).contains("the kid 'a'"));
        assert!(fault(&json!({ "keys": [key("a"), { "kty": "oct", "k": "AAAA", "kid": "b" }] })).starts_with("key 2 "));
        assert!(fault(&json!({ "keys": ["x".repeat(FILE_BYTES_MAX)] })).contains("at most 65536"));
    }
}
