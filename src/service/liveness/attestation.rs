//! Judges the attestation of a capture: a JWS by which the provider's own back end states that its client is genuine.
//!
//! `docs/capture.md` describes the form. The verdict about the film does not depend on it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use face::Verdict;
use face::values::liveness::{Measure, Reason};
use serde::Deserialize;
use serde_json::json;

use crate::domain::attestation::{Attestation, AttestationPolicy, AttestationReason};
use crate::domain::{Moment, SessionId};
use crate::service::Error;
use crate::service::liveness::sealed::CheckRequest;
use crate::sign;

/// The most bytes of an attestation: far more than a signature and a few members take.
const BYTES_MAX: usize = 8 << 10;
/// The longest time from the issue of an attestation to its end: a check takes its capture for five minutes.
const LIFETIME_S_MAX: i64 = 600;
/// The most by which the clock of the back end may differ from this server's.
const SKEW_S_MAX: i64 = 60;
/// The longest name of a platform.
const PLATFORM_LEN_MAX: usize = 64;

/// The payload of an attestation. Other members are ignored.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Claims {
    session_id: String,
    /// The random number of the check, in the same text as its parameters carry it.
    server_random: String,
    platform: String,
    /// The time of issue, in seconds since 1970.
    iat: i64,
    /// The time from which on the attestation is no longer valid, in seconds since 1970.
    exp: i64,
}

/// The check that an attestation must be for.
pub struct Attested<'a> {
    pub session: SessionId,
    pub asked: &'a CheckRequest,
    /// The time at which the capture arrived; the capture may be examined much later.
    pub arrived: Moment,
}

impl Attested<'_> {
    /// Judges the attestation of a capture by the keys of its provider.
    pub fn judge(&self, policy: &AttestationPolicy, sent: Option<&str>) -> Result<Attestation, Error> {
        let refused = |reason| Attestation { reason: Some(reason), ..Attestation::default() };
        let Some(jws) = sent else { return Ok(refused(AttestationReason::Missing)) };
        if jws.len() > BYTES_MAX {
            return Ok(refused(AttestationReason::TooLong));
        }
        let Ok(header) = sign::header(jws) else { return Ok(refused(AttestationReason::Malformed)) };
        // The client chooses this text: it is kept only if it is the name of one of the provider's keys.
        let kid = Some(header.kid).filter(|kid| policy.keys.iter().any(|key| key["kid"] == *kid));
        let refused = |reason| Attestation { reason: Some(reason), kid: kid.clone(), platform: None };
        let payload = match sign::verify(jws, &json!({ "keys": policy.keys })) {
            Ok(payload) => payload,
            Err(sign::Error::Malformed(_)) => return Ok(refused(AttestationReason::Malformed)),
            Err(sign::Error::UnknownKey(_)) => return Ok(refused(AttestationReason::UnknownKey)),
            Err(sign::Error::Algorithm(_)) => return Ok(refused(AttestationReason::WrongAlgorithm)),
            Err(sign::Error::Forged) => return Ok(refused(AttestationReason::WrongSignature)),
            Err(error @ (sign::Error::Key(_) | sign::Error::Failed)) => return Err(error.into()),
        };
        let claims = serde_json::from_slice(&payload).ok().filter(|claims: &Claims| is_platform(&claims.platform));
        let Some(claims) = claims else { return Ok(refused(AttestationReason::Malformed)) };
        Ok(Attestation { reason: self.fault(&claims), platform: Some(claims.platform), kid })
    }

    /// Returns the reason why a signed attestation is not for this check, or not for this time.
    fn fault(&self, claims: &Claims) -> Option<AttestationReason> {
        let is_of_check = claims.session_id == self.session.to_string()
            && claims.server_random == STANDARD.encode(self.asked.server_random);
        if is_of_check {
            fault_in_time(claims.iat, claims.exp, self.arrived.utc().timestamp())
        } else {
            Some(AttestationReason::OtherCheck)
        }
    }
}

/// Returns the reason why an attestation with this issue and end is not valid at the arrival; all in seconds since 1970.
fn fault_in_time(issue: i64, end: i64, arrival: i64) -> Option<AttestationReason> {
    if !(0..=LIFETIME_S_MAX).contains(&end.saturating_sub(issue)) {
        Some(AttestationReason::LifetimeTooLong)
    } else if issue > arrival.saturating_add(SKEW_S_MAX) {
        Some(AttestationReason::NotYetValid)
    } else if end <= arrival.saturating_sub(SKEW_S_MAX) {
        Some(AttestationReason::Expired)
    } else {
        None
    }
}

/// Adds to the verdict about a film that an attestation is required.
pub fn require(verdict: &mut Verdict, attestation: &Attestation) {
    verdict.measures.push(Measure::Attestation);
    if attestation.reason.is_some() {
        // The reasons that point to an attack are worse.
        let place = verdict.reasons.iter().position(|reason| !reason.is_attack());
        verdict.reasons.insert(place.unwrap_or(verdict.reasons.len()), Reason::NotAttested);
    }
}

/// True for a short word such as `app-attest`, which may stand in any result.
fn is_platform(text: &str) -> bool {
    let is_plain = text.chars().all(|char| char.is_ascii_alphanumeric() || "-_.".contains(char));
    is_plain && (1..=PLATFORM_LEN_MAX).contains(&text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_may_differ_by_a_minute_and_no_more() {
        use AttestationReason::{Expired, LifetimeTooLong, NotYetValid};
        let arrival = 1_800_000_000;
        for (issue, end, expected) in [
            (60, 300, None),
            (61, 300, Some(NotYetValid)),
            (-300, -59, None),
            (-300, -60, Some(Expired)),
            (0, 600, None),
            (0, 601, Some(LifetimeTooLong)),
            (0, -1, Some(LifetimeTooLong)),
        ] {
            assert_eq!(fault_in_time(arrival + issue, arrival + end, arrival), expected, "{issue} to {end}");
        }
    }

    #[test]
    fn the_documented_limits_are_these() {
        let page = include_str!("../../../docs/capture.md");
        for phrase in [
            format!("of at most {BYTES_MAX} bytes"),
            format!("1 to {PLATFORM_LEN_MAX} letters"),
            format!("at most {LIFETIME_S_MAX} s lie between"),
            format!("clocks may differ by {SKEW_S_MAX} s"),
        ] {
            assert!(page.contains(&phrase), "docs/capture.md does not say '{phrase}'");
        }
    }
}
