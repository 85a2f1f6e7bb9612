//! Every input is read or refused as the document says, and nothing else happens.
//!
//! Each input is determined by its kind and number. `FUZZ_INPUTS=100000 cargo test --test server fuzz::` tries that
//! many, over all kinds together.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bioserver::capture::key::{Algorithm, Key, Keys};
use bioserver::capture::{self, Capture, jwe};
use bioserver::clock::Clock;
use bioserver::domain::liveness::{SdkInfo, Video};
use bytes::Bytes;
use face::Error;
use face::image::{Image, PIXELS_MAX};
use face::memory::Memory;
use face::values::liveness::{Frame, LivenessType};
use testkit::disorder::{Disorder, small};

use crate::app::TestApp;
use crate::liveness::frame;

mod bodies;
mod texts;

/// The default number of inputs.
const INPUTS: usize = 2000;
const PIXELS: u64 = 1_000_000;
/// Beyond this length, a made-up item of CBOR contains no more items.
const ITEMS_BYTES_MAX: usize = 4000;

/// The kinds of inputs, each with its share in percent.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Picture = 30,
    Multipart = 20,
    Json = 21,
    Cbor = 19,
    Jwe = 10,
}

/// Names the input that made the test fail.
struct Tried(Kind, usize);

impl Drop for Tried {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{self}");
        }
    }
}

impl fmt::Display for Tried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}, number {}", self.0, self.1)
    }
}

impl Kind {
    /// Returns the inputs of this kind, each with its own source of random damage.
    fn inputs(self) -> impl Iterator<Item = (Tried, Disorder)> {
        let all = std::env::var("FUZZ_INPUTS").map_or(INPUTS, |text| text.parse().expect("it is a number"));
        (0..(all * self as usize).div_ceil(100)).map(move |number| {
            let seed = ((self as u64) << 32) | (number as u64 + 1);
            let mut disorder = Disorder(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
            disorder.number();
            (Tried(self, number), disorder)
        })
    }
}

#[test]
fn pictures_are_read_or_refused() {
    let (whole, memory) = (small(), Memory::new(PIXELS_MAX * 6));
    let mut read = 0;
    for (tried, mut disorder) in Kind::Picture.inputs() {
        let picture = picture(&mut disorder, &whole);
        match Image::decode(&picture, PIXELS, &memory) {
            Ok(image) => {
                let (width, height) = image.stored_size();
                assert!((1..=PIXELS as usize).contains(&(width * height)));
                assert_eq!(image.stored_row(height - 1).len(), 3 * width);
                read += 1;
            }
            Err(Error::Undecodable(_) | Error::TooManyPixels { .. } | Error::TooNarrow { .. }) => {}
            Err(other) => panic!("{tried}: {other}"),
        }
    }
    assert!(read > 0, "nothing was left whole enough to be read");
}

/// Returns a damaged picture. The checksums of PNGs are repaired in half of them; otherwise no damage behind them would
/// be reached.
fn picture(disorder: &mut Disorder, whole: &[Vec<u8>]) -> Vec<u8> {
    let one = &whole[disorder.below(whole.len())];
    let mut picture = match disorder.below(10) {
        0 => {
            let other = &whole[disorder.below(whole.len())];
            [&one[..disorder.below(one.len())], &other[disorder.below(other.len())..]].concat()
        }
        1 => one.clone(),
        2 | 3 => {
            // Most decoder errors depend on the beginning of a file.
            let head = disorder.below(one.len().min(700));
            [disorder.damaged(&one[..head]), one[head..].to_vec()].concat()
        }
        _ => disorder.damaged(one),
    };
    if disorder.below(2) == 0 {
        mend_checksums(&mut picture);
    }
    picture
}

fn mend_checksums(png: &mut [u8]) {
    let mut at = 8;
    while let Some(length) = png.get(at..at + 4) {
        let length = u32::from_be_bytes(length.try_into().expect("four bytes")) as usize;
        let Some(sum) = png.get(at + 4..at.saturating_add(8).saturating_add(length)).map(crc32fast::hash) else {
            return;
        };
        at += 8 + length;
        let Some(place) = png.get_mut(at..at + 4) else { return };
        place.copy_from_slice(&sum.to_be_bytes());
        at += 4;
    }
}

fn capture() -> Capture {
    Capture {
        id: "a check".to_owned(),
        server_random: [7; 32],
        liveness_type: LivenessType::PassiveVideo,
        sdk: Some(SdkInfo { sdk_version: Some("1.0.0".to_owned()) }),
        device: None,
        attestation: Some("a.b.c".to_owned()),
        consent_version: Some("2026-02".to_owned()),
        frames: (0..3).map(|number| Frame { t_ms: 100 * u32::from(number), jpeg: frame(number) }).collect(),
        lights: vec![500, 1000],
        video: Some(Video { content_type: "video/webm".to_owned(), bytes: Bytes::from_static(b"a video") }),
    }
}

#[test]
fn captures_are_read_or_refused() {
    let whole = capture().encode();
    let mut read = 0;
    for (_tried, mut disorder) in Kind::Cbor.inputs() {
        let encoded = Bytes::from(cbor(&mut disorder, &whole));
        if let Ok(capture) = Capture::decode(&encoded) {
            assert_eq!(Capture::decode(&capture.encode().into()), Ok(capture));
            read += 1;
        }
    }
    assert!(read > 0, "nothing was left whole enough to be read");
}

fn cbor(disorder: &mut Disorder, whole: &[u8]) -> Vec<u8> {
    match disorder.below(4) {
        0 => {
            // Adds another member with an arbitrary value.
            let mut encoded = whole.to_vec();
            encoded[0] += 1;
            encoded.extend(b"\x66theirs");
            item(disorder, &mut encoded, 12);
            encoded
        }
        1 => {
            let mut encoded = Vec::new();
            item(disorder, &mut encoded, 12);
            encoded
        }
        _ => disorder.damaged(whole),
    }
}

/// Writes an item of CBOR, mostly well formed.
fn item(disorder: &mut Disorder, encoded: &mut Vec<u8>, depth: usize) {
    let is_leaf = depth == 0 || encoded.len() > ITEMS_BYTES_MAX;
    let kind = disorder.below(if is_leaf { 4 } else { 8 }) as u8;
    let count = [0, 1, 2, 5, 23][disorder.below(5)];
    // The count is small, takes more bytes, is indefinite, or is reserved.
    let info = [count, 24, 25, 26, 27, 31, 28][[0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6][disorder.below(12)]];
    encoded.push(kind << 5 | info);
    if (24..28).contains(&info) {
        let mut number = vec![0; 1 << (info - 24)];
        *number.last_mut().expect("it has a byte") = count;
        if disorder.below(20) == 0 {
            number.fill(0xff);
        }
        encoded.extend(number);
    }
    match kind {
        2 => encoded.extend(disorder.bytes(count.into())),
        3 => encoded.extend(vec![b'a'; count.into()]),
        4..=6 => {
            let items = if kind == 5 { 2 * count } else { count.max(kind / 6) };
            (0..items).for_each(|_| item(disorder, encoded, depth - 1));
        }
        _ => {}
    }
    if info == 31 {
        encoded.push(0xff);
    }
}

#[test]
fn sealed_captures_are_opened_or_refused() {
    let now = Clock::default().now();
    let keys = Keys::new(Algorithm::ALL.map(|algorithm| Key::make(algorithm, now).expect("a key can be made")).into());
    let certificates = keys.certificates();
    let whole = capture().encode();
    let sealed = certificates.iter().map(|der| jwe::seal(der, &whole).expect("it can be sealed"));
    let sealed: Vec<String> = sealed.collect();
    let mut opened = 0;
    for (_tried, mut disorder) in Kind::Jwe.inputs() {
        let one = &sealed[disorder.below(sealed.len())];
        let text = match disorder.below(4) {
            0 => {
                let plain = cbor(&mut disorder, &whole);
                jwe::seal(&certificates[disorder.below(certificates.len())], &plain).expect("it can be sealed").into()
            }
            1 => {
                let (head, rest) = one.split_once('.').expect("it has parts");
                let head = URL_SAFE_NO_PAD.decode(head).expect("it is base64");
                format!("{}.{rest}", URL_SAFE_NO_PAD.encode(disorder.damaged(&head))).into_bytes()
            }
            2 => {
                let mut parts: Vec<&str> = one.split('.').collect();
                let (from, to) = (disorder.below(parts.len()), disorder.below(parts.len()));
                parts[to] = parts[from];
                parts.join(".").into_bytes()
            }
            _ => disorder.damaged(one.as_bytes()),
        };
        match capture::open(&keys, &text) {
            Ok(_) => opened += 1,
            Err(capture::Error::Failed(why)) => panic!("{why}"),
            Err(_) => {}
        }
    }
    assert!(opened > 0, "nothing was left whole enough to be opened");
}

/// The status is a success or a refusal, never a server error. The application also checks the answer against the
/// document.
fn assert_documented(status: u16, tried: &Tried) {
    assert!((200..500).contains(&status), "{tried}: {status}");
}

#[tokio::test]
async fn forms_are_read_or_refused() {
    let app = TestApp::with_policy(bioserver::service::Policy::default()).await;
    for (tried, mut disorder) in Kind::Multipart.inputs() {
        let (path, kind, body) = bodies::form(&mut disorder);
        let reply = app.post(path).header("content-type", &kind).with(|request| request.body(body)).send().await;
        assert_documented(reply.status, &tried);
    }
}

#[tokio::test]
async fn json_is_read_or_refused() {
    let app = TestApp::with_policy(bioserver::service::Policy::default()).await;
    let session = crate::sessions::open(&app, &serde_json::json!({ "ttlSeconds": 3600 })).await;
    let face = app.post("/v2/faces").form(crate::faces::upload(b"one")).await.ok();
    for (tried, mut disorder) in Kind::Json.inputs() {
        let (path, body) = texts::json(&mut disorder, &session, &face);
        let request = app.post(&path).header("content-type", "application/json");
        let reply = request.with(|request| request.body(body)).send().await;
        assert_documented(reply.status, &tried);
    }
}
