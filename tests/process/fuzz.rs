//! Whatever is sent, the server answers with a documented refusal, lives on, and stays small.

use std::io::Cursor;

use image::DynamicImage;
use image::ImageFormat;
use reqwest::StatusCode;
use serde_json::Value;

use crate::server::Server;
use crate::server::sample;

/// What may be used above the idle server's memory.
const MEMORY_MAX: u64 = 300 << 20;

/// A reproducible source of disorder (xorshift64).
struct Disorder(u64);

impl Disorder {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.next() as u8).collect()
    }
}

/// Files that are no photograph of a face, and files that nearly are one.
fn images(disorder: &mut Disorder) -> Vec<Vec<u8>> {
    let photograph = sample("obama2.jpg");
    let decoded = image::load_from_memory(&photograph).expect("it is a JPEG").thumbnail(160, 160);
    let small = encoded(&decoded, ImageFormat::Jpeg);
    let originals = [small.clone(), encoded(&decoded, ImageFormat::Png), encoded(&decoded, ImageFormat::WebP)];

    let mut all =
        vec![Vec::new(), b"\xff".to_vec(), b"\xff\xd8\xff".to_vec(), b"\x89PNG\r\n\x1a\n".to_vec(), b"RIFF".to_vec()];
    for original in &originals {
        for _ in 0..24 {
            all.push(original[..disorder.below(original.len())].to_vec());
            let mut flipped = original.clone();
            for _ in 0..=disorder.below(12) {
                let at = disorder.below(flipped.len());
                flipped[at] ^= 1 << disorder.below(8);
            }
            all.push(flipped);
            let mut spliced = original.clone();
            let (from, len) = (disorder.below(spliced.len()), disorder.below(64));
            spliced.splice(from..from, disorder.bytes(len));
            all.push(spliced);
        }
    }
    all.push(encoded(&DynamicImage::new_rgb16(300, 200), ImageFormat::Png));
    all.push(encoded(&DynamicImage::new_luma8(1, 1), ImageFormat::Png));
    all.push(encoded(&DynamicImage::new_luma8(5000, 1), ImageFormat::Jpeg));
    all.push(encoded(&DynamicImage::new_rgba16(64, 64), ImageFormat::Png));
    // Few bytes, many pixels: read to the limit, refused beyond it.
    all.push(encoded(&DynamicImage::new_luma8(7000, 7000), ImageFormat::Png));
    all.push(encoded(&DynamicImage::new_luma8(7000, 7000), ImageFormat::Jpeg));
    all.push(encoded(&DynamicImage::new_luma8(20000, 20000), ImageFormat::Png));
    // CMYK, animated, with alpha, progressive, and whatever else the pipeline is tested with.
    let forms = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/faces/files")).expect("they are here");
    all.extend(forms.map(|form| std::fs::read(form.expect("it is listed").path()).expect("it can be read")));
    for len in [10, 1000, 100_000] {
        all.push(disorder.bytes(len));
    }
    all
}

fn encoded(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    let image = if format == ImageFormat::Png { image.clone() } else { image.to_rgb8().into() };
    image.write_to(&mut bytes, format).expect("it can be written");
    bytes.into_inner()
}

/// Never a 5xx, and every refusal is the contract's.
async fn check(response: reqwest::Response, what: &str) -> StatusCode {
    let status = response.status();
    assert!(!status.is_server_error(), "{what}: {status}");
    let body = response.bytes().await.expect("the answer is whole");
    if !status.is_success() {
        let body: Value = serde_json::from_slice(&body).expect("a refusal is JSON");
        let code = body["code"].as_str().unwrap_or_default();
        assert!(!code.is_empty() && body["id"].is_string() && body["message"].is_string(), "{what}: {body}");
    }
    status
}

#[tokio::test]
async fn no_image_brings_it_down() {
    let server = Server::start();
    let client = reqwest::Client::new();
    let post = async |image: Vec<u8>, what: &str| {
        let part = |bytes: Vec<u8>| reqwest::multipart::Part::bytes(bytes).file_name("image");
        let form = reqwest::multipart::Form::new()
            .part("face", part(br#"{"imageType":"SELFIE","imageRotationEnabled":"true"}"#.to_vec()))
            .part("image", part(image));
        let sent = client.post(format!("{}/bioserver-app/v2/faces", server.url)).header("apikey", &server.key);
        check(sent.multipart(form).send().await.expect("it answers"), what).await
    };
    assert_eq!(post(sample("obama2.jpg"), "a photograph").await, StatusCode::OK);
    let idle = server.memory_now();

    let mut disorder = Disorder(0x5eed_cafe);
    for (at, image) in images(&mut disorder).into_iter().enumerate() {
        post(image, &format!("image {at}")).await;
    }
    assert_eq!(post(sample("obama2.jpg"), "the photograph again").await, StatusCode::OK);
    let used = server.memory_peak().saturating_sub(idle);
    assert!(used < MEMORY_MAX, "{} MiB above idle", used >> 20);
}

#[tokio::test]
async fn no_body_brings_it_down() {
    let server = Server::start();
    let client = reqwest::Client::new();
    let mut disorder = Disorder(0xb0d1e5);
    let valid = b"--x\r\nContent-Disposition: form-data; name=\"face\"\r\n\r\n{\"imageType\":\"SELFIE\"}\r\n\
        --x\r\nContent-Disposition: form-data; name=\"image\"; filename=\"a.jpg\"\r\n\r\nno image\r\n--x--\r\n";
    let types = [
        "multipart/form-data; boundary=x",
        "multipart/mixed; boundary=x",
        "multipart/form-data",
        "application/json",
        "x",
    ];
    let paths = ["v2/faces", "v2/match", "v2/match/images"];
    for round in 0..400 {
        let mut body = valid.to_vec();
        match round % 4 {
            0 => {
                body = {
                    let len = disorder.below(400);
                    disorder.bytes(len)
                }
            }
            1 => body.truncate(disorder.below(valid.len())),
            2 => {
                let at = disorder.below(body.len());
                body[at] ^= 1 << disorder.below(8);
            }
            _ => {
                let (at, len) = (disorder.below(body.len()), disorder.below(40));
                body.splice(at..at, disorder.bytes(len));
            }
        }
        let kind = types[if round % 3 == 0 { disorder.below(types.len()) } else { round % 2 }];
        let url = format!("{}/bioserver-app/{}", server.url, paths[disorder.below(paths.len())]);
        let sent = client.post(url).header("apikey", &server.key).header("content-type", kind).body(body);
        let status = check(sent.send().await.expect("it answers"), &format!("round {round}")).await;
        assert!(status.is_client_error(), "round {round}: {status}");
    }
}
