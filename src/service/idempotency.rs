//! Requests that may be sent twice and take effect once.

use sha2::{Digest, Sha256};

use crate::domain::{FaceId, Moment, SessionId};
use crate::service::Error;
use crate::store::idempotency::{IdempotencyRecord, KeyScope};
use crate::store::{self, Tx};

/// The longest key; other servers have the same limit.
const KEY_LEN_MAX: usize = 255;

/// A request with a key from its sender, so that sending it again makes nothing new.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotentRequest {
    key_sha256: [u8; 32],
    body_sha256: [u8; 32],
}

impl IdempotentRequest {
    /// `key` is the sender's name for the request; `parts` are its content in a normal form, however it was written.
    pub fn new(key: &str, parts: &[&[u8]]) -> Result<Self, Error> {
        check(key.as_bytes())?;
        let mut body = Sha256::new();
        for part in parts {
            body.update((part.len() as u64).to_le_bytes());
            body.update(part);
        }
        Ok(Self { key_sha256: Sha256::digest(key).into(), body_sha256: body.finalize().into() })
    }

    /// Returns the result of an earlier request with this key.
    ///
    /// # Errors
    /// The earlier request had another content.
    pub(super) async fn made(
        &self,
        tx: &mut Tx,
        place: KeyScope,
        now: Moment,
    ) -> Result<Option<IdempotencyRecord>, Error> {
        match store::idempotency::find(tx, place, &self.key_sha256, now).await? {
            Some(made) if made.body_sha256 != self.body_sha256 => Err(Error::IdempotencyKeyReused),
            made => Ok(made),
        }
    }

    /// Notes the result of this request. `false` if another request with this key has made something in the meantime.
    pub(super) async fn note(
        &self,
        tx: &mut Tx,
        place: KeyScope,
        session: SessionId,
        face: Option<FaceId>,
        now: Moment,
    ) -> Result<bool, Error> {
        let made = IdempotencyRecord { body_sha256: self.body_sha256.to_vec(), session, face };
        Ok(store::idempotency::insert(tx, place, &self.key_sha256, &made, now).await?)
    }
}

/// Refuses a text that cannot be an idempotency key.
pub fn check(key: &[u8]) -> Result<(), Error> {
    if (1..=KEY_LEN_MAX).contains(&key.len()) && key.iter().all(u8::is_ascii_graphic) {
        return Ok(());
    }
    Err(Error::IdempotencyKey("must have 1 to 255 visible ASCII characters"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_short_and_visible() {
        for key in ["", "two words", "é", "line\n", &"x".repeat(256)] {
            assert!(matches!(IdempotentRequest::new(key, &[]), Err(Error::IdempotencyKey(_))), "{key}");
        }
        assert!(IdempotentRequest::new(&"x".repeat(255), &[]).is_ok());
    }

    #[test]
    fn what_is_asked_for_is_told_apart_part_by_part() {
        let of = |parts: &[&[u8]]| IdempotentRequest::new("key", parts).expect("the key is fine");
        assert_eq!(of(&[b"ab", b"c"]), of(&[b"ab", b"c"]));
        assert_ne!(of(&[b"ab", b"c"]), of(&[b"a", b"bc"]));
        assert_ne!(of(&[b"ab"]), of(&[b"ab", b""]));
    }
}
