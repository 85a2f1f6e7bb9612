//! TLS on the server's own connections. The certificates may change while the server runs.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use std::{fmt, io};

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use strum::{IntoStaticStr, VariantArray, VariantNames};
use tokio::time::{MissedTickBehavior, interval};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::server::{VerifierBuilderError, WebPkiClientVerifier};
use tokio_rustls::rustls::{self, RootCertStore, ServerConfig};

/// The interval at which the files are compared with those in use. A renewed certificate is there days before the old
/// one expires.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// The largest file: a certificate chain, or the issuers of all clients, has some kilobytes.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// The files for TLS, all in PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The server's certificate, then its issuers, without the root.
    pub certificate: PathBuf,
    /// The server's private key: PKCS #8, PKCS #1 or SEC 1.
    pub key: PathBuf,
    /// Mutual TLS; `None` if clients need no certificate.
    pub clients: Option<Clients>,
}

/// The settings of mutual TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clients {
    /// The certificates of the authorities that issue the clients' certificates.
    pub issuers: PathBuf,
    pub demanded: Demanded,
}

/// The connections and requests that need a client certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, IntoStaticStr, VariantArray, VariantNames)]
#[strum(serialize_all = "lowercase")]
pub enum Demanded {
    /// Every connection needs one.
    #[default]
    All,
    /// A request with a provider's key needs one. A person's browser does not.
    Keys,
}

face::named!(Demanded);

/// The reason why these files cannot be used for TLS.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("{}: the file has no certificate in PEM", .0.display())]
    NoCertificate(PathBuf),
    #[error("{}: the file has no private key in PEM", .0.display())]
    NoKey(PathBuf),
    #[error("{}: {source}", path.display())]
    Issuers { path: PathBuf, source: VerifierBuilderError },
    #[error("the certificate and the key do not match: {0}")]
    Pair(#[from] rustls::Error),
}

/// TLS for new connections.
pub struct Tls {
    settings: Settings,
    in_use: RwLock<InUse>,
}

struct InUse {
    files: Files,
    config: Arc<ServerConfig>,
}

/// The bytes of the files.
#[derive(Clone, PartialEq, Eq)]
struct Files {
    certificate: Vec<u8>,
    key: Vec<u8>,
    issuers: Option<Vec<u8>>,
}

impl Tls {
    /// Reads the files.
    pub fn open(settings: Settings) -> Result<Self, Error> {
        let files = settings.read()?;
        let config = settings.config(&files)?;
        Ok(Self { settings, in_use: RwLock::new(InUse { files, config }) })
    }

    /// Reads the files again, and uses them for new connections if they have changed. If they are faulty, nothing
    /// changes.
    pub fn look(&self) -> Result<(), Error> {
        let files = self.settings.read()?;
        if self.in_use.read().unwrap_or_else(PoisonError::into_inner).files == files {
            return Ok(());
        }
        let config = self.settings.config(&files)?;
        *self.in_use.write().unwrap_or_else(PoisonError::into_inner) = InUse { files, config };
        tracing::info!("new connections use the new certificates");
        Ok(())
    }

    /// Looks at the files at an interval, until the future is dropped.
    pub async fn follow(&self) {
        let mut every = interval(LOOK_EVERY);
        every.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut said = String::new();
        loop {
            every.tick().await;
            let fault = self.look().err().map(|error| error.to_string()).unwrap_or_default();
            if !fault.is_empty() && fault != said {
                tracing::error!(fault, "the new certificates are not usable; the old ones stay in use");
            }
            said = fault;
        }
    }

    pub fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.in_use.read().unwrap_or_else(PoisonError::into_inner).config.clone())
    }

    /// True if a provider's key is accepted only on a connection whose client has a certificate.
    pub fn keys_need_certificate(&self) -> bool {
        self.settings.clients.as_ref().is_some_and(|clients| clients.demanded == Demanded::Keys)
    }
}

/// Shows no key.
impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Tls").field(&self.settings).finish()
    }
}

impl Settings {
    fn read(&self) -> Result<Files, Error> {
        Ok(Files {
            certificate: read(&self.certificate)?,
            key: read(&self.key)?,
            issuers: self.clients.as_ref().map(|clients| read(&clients.issuers)).transpose()?,
        })
    }

    /// Builds the configuration from the files.
    fn config(&self, files: &Files) -> Result<Arc<ServerConfig>, Error> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions()?;
        let builder = match (&self.clients, &files.issuers) {
            (Some(clients), Some(issuers)) => {
                let failed = |source| Error::Issuers { path: clients.issuers.clone(), source };
                let mut roots = RootCertStore::empty();
                for issuer in certificates(&clients.issuers, issuers)? {
                    roots.add(issuer)?;
                }
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                let verifier = match clients.demanded {
                    Demanded::All => verifier,
                    Demanded::Keys => verifier.allow_unauthenticated(),
                };
                builder.with_client_cert_verifier(verifier.build().map_err(failed)?)
            }
            _ => builder.with_no_client_auth(),
        };
        let key = PrivateKeyDer::from_pem_slice(&files.key).map_err(|_| Error::NoKey(self.key.clone()))?;
        let mut config = builder.with_single_cert(certificates(&self.certificate, &files.certificate)?, key)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let failed = |source| Error::File { path: path.to_owned(), source };
    let len = std::fs::metadata(path).map_err(failed)?.len();
    if len > FILE_BYTES_MAX {
        return Err(failed(io::Error::new(io::ErrorKind::InvalidData, format!("it has {len} bytes"))));
    }
    std::fs::read(path).map_err(failed)
}

fn certificates(path: &Path, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, Error> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    read.ok().filter(|read| !read.is_empty()).ok_or_else(|| Error::NoCertificate(path.to_owned()))
}
