//! Exchanges captures with other implementations of JWE: jose for JavaScript, jwcrypto for Python.

use std::path::{Path, PathBuf};
use std::process::Command;

use bioserver::capture::key::{Algorithm, Key, Keys};
use bioserver::capture::{self, Capture};
use bioserver::clock::Clock;
use bioserver::domain::liveness::DeviceInfo;
use bytes::Bytes;
use face::values::liveness::{Frame, LivenessType};
use secrecy::ExposeSecret;
use tempfile::TempDir;
use testkit::{node, project, python};

mod page;
mod talk;

/// Another implementation of JWE.
#[derive(Debug, Clone, Copy)]
enum Other {
    Jose,
    Jwcrypto,
}

impl Other {
    const ALL: [Self; 2] = [Self::Jose, Self::Jwcrypto];

    fn run(self, verb: &str, algorithm: Algorithm, pem: &Path, given: &[u8]) -> Vec<u8> {
        let mut command = match self {
            Self::Jose => {
                let mut command = node::command("tests/server/capture/jwe.mjs");
                command.arg(node::modules().join("jose")).args([verb, algorithm.name()]);
                command
            }
            Self::Jwcrypto => {
                let mut command = Command::new(python::interpreter());
                command.arg(project::path("tests/server/capture/jwe.py"));
                command.args([verb, algorithm.name()]);
                command
            }
        };
        talk::answer(command.arg(pem), given)
    }
}

/// A key with its certificate and its private half in files.
struct Filed {
    folder: TempDir,
    key: Key,
}

impl Filed {
    fn new(algorithm: Algorithm) -> Self {
        let key = Key::make(algorithm, Clock::default().now()).expect("a key can be made");
        let folder = tempfile::tempdir().expect("a folder can be made");
        let private = talk::pem("PRIVATE KEY", key.der().expose_secret());
        std::fs::write(folder.path().join("private.pem"), private).expect("there is room");
        std::fs::write(folder.path().join("certificate.pem"), key.certificate_pem()).expect("there is room");
        Self { folder, key }
    }

    fn certificate(&self) -> PathBuf {
        self.folder.path().join("certificate.pem")
    }

    fn private(&self) -> PathBuf {
        self.folder.path().join("private.pem")
    }

    fn copy(&self) -> Keys {
        let der = self.key.der().clone();
        let copy = Key::read(self.key.algorithm(), der, self.key.certificate_pem().to_owned());
        Keys::new(vec![copy.expect("it reads what it gave")])
    }
}

fn capture() -> Capture {
    let jpeg = Bytes::from_static(include_bytes!("../samples/obama.jpg"));
    Capture {
        id: "replay-id".to_owned(),
        server_random: [9; 32],
        liveness_type: LivenessType::Active,
        sdk: None,
        consent_version: Some("2026-02".to_owned()),
        attestation: Some("eyJ…".to_owned()),
        device: Some(DeviceInfo { device_model: Some("T\u{e9}l\u{e9}phone".to_owned()), ..DeviceInfo::default() }),
        frames: (0..3).map(|number| Frame { t_ms: 100 * number, jpeg: jpeg.clone() }).collect(),
        lights: vec![],
        video: None,
    }
}

#[test]
fn what_others_seal_is_opened() {
    for algorithm in Algorithm::ALL {
        let key = Filed::new(algorithm);
        for other in Other::ALL {
            let sealed = other.run("seal", algorithm, &key.certificate(), &capture().encode());
            assert_eq!(capture::open(&key.copy(), &sealed), Ok(capture()), "{other:?}, {algorithm:?}");
            let strangers = Filed::new(algorithm).copy();
            let refused = Err(capture::Error::NotDecrypted);
            assert_eq!(capture::open(&strangers, &sealed), refused, "{other:?}, {algorithm:?}");
        }
    }
}

#[test]
fn what_is_sealed_here_others_open() {
    for algorithm in Algorithm::ALL {
        let key = Filed::new(algorithm);
        let sealed = capture::seal(&key.copy().certificates()[0], &capture()).expect("it can be sealed");
        for other in Other::ALL {
            let opened = other.run("open", algorithm, &key.private(), sealed.as_bytes());
            assert!(opened == capture().encode(), "{other:?}, {algorithm:?}");
        }
    }
}
