//! Issues certificates for tests.

use rcgen::{BasicConstraints, Certificate, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};

/// A certificate authority.
pub struct Authority {
    /// Its own certificate.
    pub pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key.
pub struct Identity {
    pub certificate: Certificate,
    pub key: KeyPair,
}

impl Authority {
    /// Makes an authority with a new key.
    #[expect(clippy::new_without_default, reason = "each is another")]
    pub fn new() -> Self {
        let key = KeyPair::generate().expect("the system has random numbers");
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "An authority of its own");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let pem = params.self_signed(&key).expect("the key signs").pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    pub fn signs(&self, params: &CertificateParams) -> Identity {
        let key = KeyPair::generate().expect("the system has random numbers");
        let certificate = params.signed_by(&key, &self.issuer).expect("the key signs");
        Identity { certificate, key }
    }
}

/// Returns the parameters of a certificate for this host that is valid now.
pub fn named(host: &str) -> CertificateParams {
    CertificateParams::new(vec![host.to_owned()]).expect("it is a name")
}
