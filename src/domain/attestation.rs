//! Attestations: statements, signed by a provider's own back end, that its own client makes a capture.
//!
//! Sessions and providers keep the serialised forms: a new version must read the old ones.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The keys by which the attestations of a provider's clients are verified, and what a missing or wrong one means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttestationPolicy {
    /// True if a check fails without a valid attestation; otherwise the result only records what was found.
    pub is_required: bool,
    /// One or more public keys as JWK, each with its own `kid`.
    pub keys: Vec<Value>,
}

/// The judgement of a capture's attestation, for a provider that has keys.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Attestation {
    /// The fault of the attestation; `None` if the client is attested.
    pub reason: Option<AttestationReason>,
    /// The key of the provider that the attestation names; `None` if it names none of them.
    pub kid: Option<String>,
    /// The platform that checked the client, as a signed attestation states it.
    pub platform: Option<String>,
}

/// The reason why a client does not count as attested.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum AttestationReason {
    /// The capture carries no attestation.
    Missing,
    TooLong,
    /// It is no compact JWS with `alg` and `kid`, or its payload is not an attestation.
    Malformed,
    /// It names none of the provider's keys.
    UnknownKey,
    /// Its algorithm is not that of the key.
    WrongAlgorithm,
    /// The key did not sign it.
    WrongSignature,
    /// It is for another session or another check.
    OtherCheck,
    /// The time from its issue to its end is longer than allowed, or negative.
    LifetimeTooLong,
    /// It is from the future.
    NotYetValid,
    Expired,
}
