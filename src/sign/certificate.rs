//! Makes keys with self-signed certificates.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Datelike, NaiveDate, NaiveTime};
use rcgen::{CertificateParams, DnType, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256, RsaKeySize};
use rustls_pki_types::{CertificateDer, UnixTime};
use secrecy::{ExposeSecret, SecretSlice};
use webpki::{ALL_VERIFICATION_ALGS, EndEntityCert, KeyUsage};

use super::Error;
use crate::domain::Moment;

/// The life of a self-signed certificate in years. It is renewed before its end, for the same key, since answers are
/// kept and verified long after.
const CERTIFICATE_YEARS: i32 = 2;
/// The size of RSA keys, which is sufficient for twenty years (NIST SP 800-57 part 1).
const RSA_SIZE: RsaKeySize = RsaKeySize::_3072;

/// The family of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// ECDSA on the curve P-256.
    P256,
    Rsa,
}

/// The usage of the key that the certificate states (RFC 5280, 4.2.1.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Usage {
    Signature,
    /// Others agree on a secret with this key.
    Agreement,
    /// Others encrypt a secret for this key.
    Encipherment,
}

/// A new random key with its self-signed certificate.
pub struct SelfSigned {
    /// The private key: PKCS #8, DER.
    pub der: SecretSlice<u8>,
    pub certificate_pem: String,
}

/// Makes a key whose certificate has the name `name` and begins on the day of `now`.
pub fn make(family: Family, usage: Usage, name: &str, now: Moment) -> Result<SelfSigned, Error> {
    let pair = match family {
        Family::P256 => KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256),
        Family::Rsa => KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RSA_SIZE),
    };
    let pair = pair.map_err(|_| Error::Key("generating it failed"))?;
    let certificate_pem =
        self_signed(&pair, usage, name, now).map_err(|_| Error::Key("generating its certificate failed"))?;
    Ok(SelfSigned { der: pair.serialized_der().to_vec().into(), certificate_pem })
}

/// Makes another certificate for a key that [`make`] has made.
pub fn renew(der: &SecretSlice<u8>, usage: Usage, name: &str, now: Moment) -> Result<String, Error> {
    let pair = KeyPair::try_from(der.expose_secret()).map_err(|_| Error::Key("it is damaged"))?;
    self_signed(&pair, usage, name, now).map_err(|_| Error::Key("generating its certificate failed"))
}

/// Returns the end of a certificate that begins on the day of `now`: the first of a month, which is always a valid
/// date.
pub fn ends(now: Moment) -> Moment {
    let today = now.utc().date_naive();
    let first = NaiveDate::from_ymd_opt(today.year() + CERTIFICATE_YEARS, today.month(), 1);
    Moment::new(first.unwrap_or(today).and_time(NaiveTime::MIN).and_utc())
}

fn self_signed(pair: &KeyPair, usage: Usage, name: &str, now: Moment) -> Result<String, rcgen::Error> {
    let today = now.utc().date_naive();
    let (month, day) = (today.month() as u8, today.day() as u8);
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.key_usages = vec![match usage {
        Usage::Signature => KeyUsagePurpose::DigitalSignature,
        Usage::Agreement => KeyUsagePurpose::KeyAgreement,
        Usage::Encipherment => KeyUsagePurpose::KeyEncipherment,
    }];
    params.not_before = rcgen::date_time_ymd(today.year(), month, day);
    params.not_after = rcgen::date_time_ymd(today.year() + CERTIFICATE_YEARS, month, 1);
    Ok(params.self_signed(pair)?.pem())
}

/// Fails with the end of a sentence unless the certificate is valid at `now`.
pub fn in_force(der: &[u8], now: Moment) -> Result<(), String> {
    let der = CertificateDer::from(der);
    let certificate = EndEntityCert::try_from(&der).map_err(|_| "the certificate cannot be read".to_owned())?;
    let seconds = now.utc().timestamp().try_into().unwrap_or_default();
    let now = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
    let day = |time: UnixTime| DateTime::from_timestamp(time.as_secs() as i64, 0).unwrap_or_default();
    // There are no trust anchors here: only the validity period matters, and clients judge the rest.
    match certificate.verify_for_usage(ALL_VERIFICATION_ALGS, &[], &[], now, KeyUsage::server_auth(), None, None) {
        Err(webpki::Error::CertExpired { not_after, .. }) => {
            Err(format!("the certificate ended at {}", day(not_after)))
        }
        Err(webpki::Error::CertNotValidYet { not_before, .. }) => {
            Err(format!("the certificate does not begin before {}", day(not_before)))
        }
        _ => Ok(()),
    }
}

/// Returns the DER of the first certificate in a PEM text.
pub fn first(pem: &str) -> Option<Vec<u8>> {
    let (_, rest) = pem.split_once("-----BEGIN CERTIFICATE-----")?;
    let (body, _) = rest.split_once("-----END CERTIFICATE-----")?;
    let body: String = body.split_whitespace().collect();
    STANDARD.decode(body).ok()
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    #[test]
    fn a_certificate_is_in_force_from_its_first_to_its_last_day() {
        let at = |text: &str| Moment::new(DateTime::parse_from_rfc3339(text).unwrap().to_utc());
        let made = make(Family::P256, Usage::Signature, "test", at("2001-02-03T04:05:06Z")).unwrap();
        let der = first(&made.certificate_pem).unwrap();
        assert_eq!(in_force(&der, at("2001-02-03T04:05:06Z")), Ok(()));
        assert_eq!(
            in_force(&der, at("2003-02-02T00:00:00Z")).unwrap_err(),
            "the certificate ended at 2003-02-01 00:00:00 UTC"
        );
        assert!(in_force(&der, at("2001-02-02T00:00:00Z")).unwrap_err().contains("does not begin before 2001-02-03"));
        assert!(in_force(b"nothing", at("2001-02-03T04:05:06Z")).unwrap_err().contains("cannot be read"));
    }
}
