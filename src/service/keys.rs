//! Keys: `bio_<id>_<secret>`, which are shown once and kept as a digest.

use std::sync::LazyLock;

use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use uuid::Uuid;

use crate::clock::Clock;
use crate::domain::audit::{Entry, Request, Work};
use crate::domain::{Caller, KeyId, Moment, Permission, ProviderId};
use crate::seal::master::Master;
use crate::service::{Deps, Error, audit, capture_tokens};
use crate::store::keys::{Key, ListedKey, Valid};
use crate::store::providers::Provider;
use crate::store::{self, Store};

/// The length of a secret: 256 bits, so that a plain digest protects it.
const SECRET_LEN: usize = 32;
/// The longest key; longer texts are refused and not hashed.
const KEY_TEXT_LEN_MAX: usize = 256;
const PROVIDER_NAME_CHARS_MAX: usize = 100;
const LISTED_MAX: i64 = 10_000;

/// The credentials of a caller.
#[derive(Debug, Clone)]
pub enum Credentials {
    /// A whole key.
    Key(SecretString),
    /// The key's id, with or without `bio_`, as the client id, and its secret or the whole key as the password.
    Pair { id: String, secret: SecretString },
}

/// The properties of a new key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewKey {
    /// The provider's name; an unknown provider is created.
    pub provider: String,
    pub permissions: Vec<Permission>,
    pub expires: Option<Moment>,
}

/// A new key. Its text is known only at this moment.
#[derive(Debug, Clone)]
pub struct CreatedKey {
    pub id: KeyId,
    pub text: SecretString,
}

/// The reason why a key was not made.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    #[error("a provider's name must have 1 to {PROVIDER_NAME_CHARS_MAX} printable characters")]
    ProviderName,
    #[error("a key must have a permission")]
    NoPermission,
    #[error("the expiry of the key, {0}, is in the past")]
    Expired(Moment),
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// Returns the caller with these credentials. Nothing is cached, so that a key ends as soon as it is revoked.
///
/// All invalid credentials are refused alike and after the same work, so that nobody can learn which ids exist.
pub async fn authenticate(deps: &Deps, credentials: &Credentials) -> Result<Caller, Error> {
    if let Credentials::Key(text) = credentials
        && let Some(token) = capture_tokens::recognised(text)
    {
        return capture_tokens::authenticate(deps, token).await;
    }
    let claim = Claim::read(credentials).ok_or(Error::Unauthorized)?;
    let mut tx = deps.store.read().await?;
    let valid = store::keys::valid(&mut tx, claim.id, deps.clock.now()).await?;
    drop(tx);

    let digest = digest(&claim.secret);
    let expected = valid.as_ref().map_or(NO_DIGEST.as_slice(), |valid| &valid.key.secret_sha256);
    let same = bool::from(digest.ct_eq(expected));
    match valid {
        Some(Valid { key, limits }) if same => Ok(Caller {
            provider: key.provider,
            key: key.id,
            permissions: key.permissions,
            limits,
            only: None,
            request: Request::default(),
        }),
        _ => Err(Error::Unauthorized),
    }
}

/// Makes a key, and its provider if there is none of that name.
pub async fn create(store: &Store, master: &Master, clock: &Clock, new: NewKey) -> Result<CreatedKey, Refusal> {
    let now = clock.now();
    check(&new, now)?;
    let secret = secret();
    let id = KeyId(Uuid::now_v7());

    let mut tx = store.begin().await?;
    let provider = Provider { id: ProviderId(Uuid::now_v7()), name: new.provider, created: now };
    let provider = if store::providers::insert(&mut tx, &provider).await? {
        provider
    } else {
        store::providers::named(&mut tx, &provider.name).await?.unwrap_or(provider)
    };
    let key = Key {
        id,
        provider: provider.id,
        secret_sha256: digest(&secret).to_vec(),
        permissions: new.permissions,
        created: now,
        expires: new.expires,
        revoked: None,
    };
    store::keys::insert(&mut tx, &key).await?;
    let entry = Entry::of_operator(Work::KeyCreated, now).by(provider.id).with_subject(&id.0.simple());
    audit::append(&mut tx, master, &entry).await?;
    tx.commit().await?;
    let text = format!("bio_{}_{}", id.0.simple(), secret.expose_secret()).into();
    Ok(CreatedKey { id, text })
}

/// Returns all keys of all providers, at most 10,000.
pub async fn list(store: &Store) -> Result<Vec<ListedKey>, store::Error> {
    let mut tx = store.read().await?;
    store::keys::list(&mut tx, LISTED_MAX).await
}

/// Revokes a key at once, and returns the time of its revocation; `None` if there is no key with this id.
pub async fn revoke(store: &Store, master: &Master, clock: &Clock, id: KeyId) -> Result<Option<Moment>, store::Error> {
    let now = clock.now();
    let mut tx = store.begin().await?;
    let since = store::keys::revoke(&mut tx, id, now).await?;
    if since == Some(now) {
        let entry = Entry::of_operator(Work::KeyRevoked, now).with_subject(&id.0.simple());
        audit::append(&mut tx, master, &entry).await?;
    }
    tx.commit().await?;
    Ok(since)
}

/// Reads the id in `text`: `bio_<id>` or `<id>`.
pub fn read_id(text: &str) -> Option<KeyId> {
    let id = text.strip_prefix("bio_").unwrap_or(text);
    Uuid::try_parse(id).ok().map(KeyId)
}

/// The claim of a caller: to hold the key `id`, and to know its secret.
struct Claim {
    id: KeyId,
    secret: SecretString,
}

impl Claim {
    fn read(credentials: &Credentials) -> Option<Self> {
        match credentials {
            Credentials::Key(text) => Self::of_key(text),
            Credentials::Pair { id, secret } => {
                let id = read_id(id)?;
                match Self::of_key(secret) {
                    Some(claim) => (claim.id == id).then_some(claim),
                    None => Some(Self { id, secret: secret.clone() }),
                }
            }
        }
    }

    fn of_key(text: &SecretString) -> Option<Self> {
        let text = text.expose_secret();
        if text.len() > KEY_TEXT_LEN_MAX {
            return None;
        }
        let (id, secret) = text.strip_prefix("bio_")?.split_once('_')?;
        Some(Self { id: read_id(id)?, secret: secret.into() })
    }
}

/// The digest of a secret that nobody knows.
static NO_DIGEST: LazyLock<[u8; 32]> = LazyLock::new(|| digest(&secret()));

fn digest(secret: &SecretString) -> [u8; 32] {
    Sha256::digest(secret.expose_secret()).into()
}

fn secret() -> SecretString {
    let mut bytes = [0; SECRET_LEN];
    rand::fill(&mut bytes).expect("the system has random numbers");
    URL_SAFE_NO_PAD.encode(bytes).into()
}

fn check(new: &NewKey, now: Moment) -> Result<(), Refusal> {
    let length = new.provider.chars().count();
    if !(1..=PROVIDER_NAME_CHARS_MAX).contains(&length)
        || new.provider.chars().any(char::is_control)
        || new.provider.trim() != new.provider
    {
        return Err(Refusal::ProviderName);
    }
    if new.permissions.is_empty() {
        return Err(Refusal::NoPermission);
    }
    match new.expires {
        Some(expires) if expires <= now => Err(Refusal::Expired(expires)),
        _ => Ok(()),
    }
}
