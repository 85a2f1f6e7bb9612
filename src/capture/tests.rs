use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use chrono::DateTime;
use ciborium::Value;
use image::ExtendedColorType;
use image::codecs::jpeg::JpegEncoder;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::*;
use crate::capture::key::{Algorithm, Key};
use crate::domain::Moment;

fn now() -> Moment {
    Moment::new(DateTime::from_timestamp(1_700_000_000, 0).expect("it is a time"))
}

fn jpeg(width: u16, height: u16) -> Bytes {
    let mut jpeg = vec![];
    let pixels = vec![127; usize::from(width) * usize::from(height)];
    let mut encoder = JpegEncoder::new(&mut jpeg);
    encoder.encode(&pixels, width.into(), height.into(), ExtendedColorType::L8).expect("memory takes it");
    jpeg.into()
}

fn capture() -> Capture {
    Capture {
        id: "replay-id".to_owned(),
        server_random: [7; 32],
        liveness_type: LivenessType::PassiveVideo,
        sdk: Some(SdkInfo { sdk_version: Some("1.0.0".to_owned()) }),
        consent_version: Some("2026-02".to_owned()),
        attestation: Some("a.b.c".to_owned()),
        device: Some(DeviceInfo { os_type: Some("Android".to_owned()), ..DeviceInfo::default() }),
        frames: (0..3).map(|number| Frame { t_ms: 100 * number, jpeg: jpeg(64, 48) }).collect(),
        lights: vec![],
        video: Some(Video { content_type: "video/webm".to_owned(), bytes: Bytes::from_static(b"a video") }),
    }
}

fn decode(encoded: impl Into<Bytes>) -> Result<Capture, Error> {
    Capture::decode(&encoded.into())
}

fn written(value: &Value) -> Vec<u8> {
    let mut encoded = vec![];
    ciborium::into_writer(value, &mut encoded).expect("memory takes it");
    encoded
}

fn keys() -> Keys {
    Keys::new(Algorithm::ALL.map(|algorithm| Key::make(algorithm, now()).expect("a key can be made")).into())
}

#[test]
fn what_is_sealed_for_a_certificate_opens_with_its_key() {
    let (keys, others) = (keys(), keys());
    let certificates = keys.certificates();
    assert_eq!(certificates.len(), 2);
    for certificate in certificates {
        let sealed = seal(&certificate, &capture()).expect("it can be sealed");
        assert_eq!(open(&keys, sealed.as_bytes()), Ok(capture()));
        assert_eq!(open(&others, sealed.as_bytes()), Err(Error::UnknownKey));
        // Every changed byte makes the capture unreadable.
        for place in (0..sealed.len()).step_by(sealed.len() / 200) {
            let mut changed = sealed.clone().into_bytes();
            changed[place] = if changed[place] == b'A' { b'B' } else { b'A' };
            assert!(open(&keys, &changed).is_err(), "at {place}");
        }
    }
}

#[test]
fn each_fault_of_the_envelope_has_its_own_refusal() {
    let keys = keys();
    let sealed = seal(&keys.certificates()[0], &capture()).expect("it can be sealed");
    let parts: Vec<&str> = sealed.split('.').collect();
    let with = |place: usize, part: &str| {
        let mut parts = parts.clone();
        parts[place] = part;
        open(&keys, parts.join(".").as_bytes()).expect_err("it is refused")
    };
    let header = |header: &str| with(0, &URL_SAFE_NO_PAD.encode(header));
    for broken in ["", "a.b.c", "....", "a.b.c.d.e.f", "\u{e9}.b.c.d.e"] {
        assert!(matches!(open(&keys, broken.as_bytes()), Err(Error::NotJwe(_))), "{broken}");
    }
    assert!(matches!(open(&keys, &[0xff; 9]), Err(Error::NotJwe(_))));
    assert!(matches!(header("{}"), Error::NotJwe(_)));
    assert_eq!(header(r#"{"alg":"dir","enc":"A256GCM"}"#), Error::Algorithm("dir".to_owned()));
    assert_eq!(header(r#"{"alg":"ECDH-ES","enc":"A128GCM"}"#), Error::Algorithm("A128GCM".to_owned()));
    assert_eq!(header(r#"{"alg":"ECDH-ES","enc":"A256GCM","kid":"x"}"#), Error::UnknownKey);
    assert!(matches!(header(r#"{"alg":"ECDH-ES","enc":"A256GCM","zip":"DEF"}"#), Error::NotJwe(_)));
    assert!(matches!(header(r#"{"alg":"ECDH-ES","enc":"A256GCM"}"#), Error::NotJwe(_)));
    let off_curve = r#"{"alg":"ECDH-ES","enc":"A256GCM","epk":{"kty":"EC","crv":"P-256","x":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","y":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}}"#;
    assert!(matches!(header(off_curve), Error::NotJwe(_)));
    assert!(matches!(with(1, "AAAA"), Error::NotJwe(_)));
    assert!(matches!(with(2, "AAAA"), Error::NotJwe(_)));
    assert!(matches!(with(4, "AAAA"), Error::NotJwe(_)));
    assert_eq!(with(3, "AAAA"), Error::NotDecrypted);
    assert_eq!(open(&keys, &vec![b'a'; SEALED_BYTES_MAX + 1]), Err(Error::TooLarge));
}

#[test]
fn each_fault_of_the_content_has_its_own_refusal() {
    let changed = |change: &dyn Fn(&mut Capture)| {
        let mut capture = capture();
        change(&mut capture);
        decode(capture.encode()).expect_err("it is refused")
    };
    assert_eq!(changed(&|capture| capture.frames.clear()), Error::Frames(0));
    assert_eq!(changed(&|capture| capture.frames = vec![capture.frames[0].clone(); 151]), Error::Frames(151));
    assert_eq!(changed(&|capture| capture.frames.swap(1, 2)), Error::OutOfOrder(2));
    assert_eq!(changed(&|capture| capture.frames[2].t_ms = 30_001), Error::TooLong(30_001));
    assert!(matches!(changed(&|capture| capture.frames[1].jpeg = Bytes::from_static(b"PNG")), Error::Frame(1, _)));
    assert!(matches!(changed(&|capture| capture.frames[2].jpeg = jpeg(1281, 8)), Error::Frame(2, _)));
    let video = |content_type: &str| Video { content_type: content_type.to_owned(), bytes: Bytes::new() };
    assert_eq!(changed(&|capture| capture.video = Some(video("text/html"))), Error::VideoType("text/html".to_owned()));
    assert!(matches!(changed(&|capture| capture.id = "x".repeat(257)), Error::NotCapture(_)));
    let value = |value: Value| decode(written(&value)).expect_err("it is refused");
    assert!(matches!(value(Value::Array(vec![])), Error::NotCapture(_)));
    assert_eq!(value(Value::Map(vec![("version".into(), 2.into())])), Error::Version(2));
    assert!(matches!(value(Value::Map(vec![("version".into(), 1.into())])), Error::NotCapture(_)));
    assert_eq!(decode(vec![0; PLAIN_BYTES_MAX + 1]), Err(Error::TooLarge));
    let followed = [capture().encode(), vec![0]].concat();
    assert!(matches!(decode(followed), Err(Error::NotCapture(_))));
}

#[test]
fn a_capture_is_bound_to_its_check() {
    let capture = capture();
    let check = |id, random, liveness_type| capture.check_binding(id, random, liveness_type);
    assert_eq!(check("replay-id", &[7; 32], LivenessType::PassiveVideo), Ok(()));
    assert_eq!(check("other", &[7; 32], LivenessType::PassiveVideo), Err(Error::OtherCheck));
    assert_eq!(check("replay-id", &[8; 32], LivenessType::PassiveVideo), Err(Error::OtherRandom));
    let other = Err(Error::OtherType(LivenessType::PassiveVideo));
    assert_eq!(check("replay-id", &[7; 32], LivenessType::Passive), other);
}

#[test]
fn clients_may_differ_a_little() {
    let mut value: Value = ciborium::from_reader(capture().encode().as_slice()).expect("it is CBOR");
    for (name, member) in value.as_map_mut().expect("it is a map") {
        match name.as_text() {
            Some("serverRandom") => *member = STANDARD.encode([7; 32]).into(),
            Some("sdkInfo") => *member = Value::Null,
            Some("video") => member.as_map_mut().expect("it is a map")[0].1 = "video/webm;codecs=vp9".into(),
            _ => {}
        }
    }
    value.as_map_mut().expect("it is a map").push(("theirs".into(), 1.into()));
    assert_eq!(decode(written(&value)), Ok(Capture { sdk: None, ..capture() }));
}

#[test]
fn an_attestation_stands_with_or_without_a_device() {
    for device in [capture().device, None] {
        // Whatever its form and length: the capture is not refused for it.
        for attestation in [Some(String::new()), Some("x".repeat(100_000)), None] {
            let capture = Capture { device: device.clone(), attestation, ..capture() };
            assert_eq!(decode(capture.encode()), Ok(capture));
        }
    }
}

/// Writers that do not know the length beforehand use indefinite lengths.
#[test]
fn lengths_may_be_left_open() {
    let mut encoded = capture().encode();
    assert_eq!(encoded[0], 0xa9, "a map of nine members");
    encoded[0] = 0xbf;
    let text = b"\x62id\x69replay-id";
    let at = encoded.windows(text.len()).position(|window| window == text).expect("it has an id");
    encoded.splice(at + 3..at + text.len(), *b"\x7f\x67replay-\x62id\xff");
    encoded.push(0xff);
    assert_eq!(decode(encoded), Ok(capture()));
}

#[test]
fn what_clients_add_is_skipped_within_limits() {
    let with = |added: &[u8]| {
        let mut encoded = capture().encode();
        encoded[0] += 1;
        decode([&encoded, &b"\x66theirs"[..], added].concat())
    };
    let nested = |levels: usize| [vec![0x81; levels], vec![0]].concat();
    let why = |refused: Result<Capture, Error>| match refused {
        Err(Error::NotCapture(why)) => why,
        other => panic!("{other:?}"),
    };
    let list = |items: u32| [&b"\x9a"[..], &items.to_be_bytes(), &vec![0; items as usize]].concat();
    for added in
        [&nested(7)[..], b"\xf9\x3c\x00", b"\xc1\x00", b"\xbf\x00\x9f\xff\xff", b"\x5f\x41\x00\xff", &list(60_000)]
    {
        assert_eq!(with(added), Ok(capture()), "{:x?}", &added[..added.len().min(8)]);
    }
    assert!(why(with(&nested(8))).contains("nested"));
    assert!(why(with(&nested(100_000))).contains("nested"));
    assert!(why(with(&list(70_000))).contains("65536 items"));
    // A list or a string may claim an impossible length.
    assert!(why(with(b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff")).contains("CBOR"));
    assert!(why(with(b"\x5b\xff\xff\xff\xff\xff\xff\xff\xff")).contains("CBOR"));
    assert!(why(decode(b"\xa2\x67version\x01\x67version\x01".to_vec())).contains("twice"));
    // Frames beyond the limit are counted, but not kept.
    let frames = [
        &b"\xa5\x67version\x01\x62id\x60\x6cserverRandom\x58\x20"[..],
        &[7; 32],
        b"\x64mode\x70LIVENESS_PASSIVE\x66frames\x9f",
    ];
    let frame = b"\xa2\x64t_ms\x00\x64jpeg\x40";
    assert_eq!(decode([frames.concat(), frame.repeat(151), vec![0xff]].concat()), Err(Error::Frames(151)));
}

/// A capture that is damaged in thousands of ways is either refused or read, and never causes a panic.
#[test]
fn damage_is_refused() {
    let mut random = StdRng::seed_from_u64(6);
    let (good, keys) = (capture().encode(), keys());
    let sealed = seal(&keys.certificates()[0], &capture()).expect("it can be sealed").into_bytes();
    for round in 0..4000 {
        let mut damaged = if round % 2 == 0 { good.clone() } else { sealed.clone() };
        for _ in 0..random.random_range(1..6) {
            let place = random.random_range(0..damaged.len());
            match random.random_range(0..4) {
                0 => damaged[place] = random.random(),
                1 => damaged.truncate(place.max(1)),
                2 => damaged.insert(place, random.random()),
                _ => {
                    damaged.remove(place);
                    damaged.push(0);
                }
            }
        }
        if round % 2 == 0 {
            let _ = decode(damaged);
        } else {
            assert!(damaged == sealed || open(&keys, &damaged).is_err());
        }
    }
}
