//! Forms, whole and damaged.

use testkit::disorder::Disorder;

const BOUNDARY: &str = "a-boundary";
const PATHS: [&str; 4] = ["/v2/faces", "/v2/match", "/v2/match/images", "/v2/ages"];
const NAMES: [&str; 10] = [
    "face",
    "image",
    "age",
    "referenceImage",
    "candidateImage",
    "referenceImageType",
    "candidateImageType",
    "referenceFace",
    "correlationId",
    "signatureDisabled",
];
const VALUES: [&str; 9] = [
    "SELFIE",
    "\"ID_DOCUMENT\"\n",
    "true",
    "{\"imageType\":\"SELFIE\"}",
    "{\"imageType\":\"SELFIE\",\"mode\":\"F5_1_VID0\"}",
    "{\"threshold\":18}",
    "no image",
    "",
    "{\"imageType\":1e400}",
];
const TYPES: [&str; 8] = [
    "multipart/form-data; boundary=a-boundary",
    "multipart/mixed; boundary=a-boundary",
    "multipart/form-data; boundary=\"a-boundary\"",
    "multipart/form-data",
    "multipart/form-data; boundary=",
    "multipart/form-data; boundary=another",
    "application/json",
    "*/*",
];

/// Returns a path, the type of its body, and the body.
pub fn form(disorder: &mut Disorder) -> (&'static str, String, Vec<u8>) {
    let mut body = Vec::new();
    for _ in 0..disorder.below(6) {
        part(disorder, &mut body);
    }
    body.extend(format!("--{BOUNDARY}--\r\n").bytes());
    let body = if disorder.below(3) == 0 { body } else { disorder.damaged(&body) };
    // Most bodies have one of the first two types; otherwise most would be refused early.
    let kind = TYPES[if disorder.below(5) == 0 { disorder.below(TYPES.len()) } else { disorder.below(2) }];
    (PATHS[disorder.below(PATHS.len())], kind.to_owned(), body)
}

fn part(disorder: &mut Disorder, body: &mut Vec<u8>) {
    let name = NAMES[disorder.below(NAMES.len())];
    let disposition = match disorder.below(6) {
        0 => format!("form-data; name={name}; filename=\"a.jpg\""),
        1 => format!("attachment; name=\"{name}\"; filename=\"blob\""),
        2 => format!("form-data; name=\"{name}\"; name=\"{name}\"; filename*=UTF-8''%e2%82"),
        3 => "form-data".to_owned(),
        _ => format!("form-data; name=\"{name}\""),
    };
    body.extend(format!("--{BOUNDARY}\r\nContent-Disposition: {disposition}\r\n").bytes());
    for _ in 0..disorder.below(3) {
        let line = ["Content-Type: application/octet-stream", "Content-Transfer-Encoding: base64", "x: y", "broken"];
        body.extend(format!("{}\r\n", line[disorder.below(4)]).bytes());
    }
    body.extend(b"\r\n");
    match disorder.below(4) {
        0 => {
            let len = disorder.below(300);
            body.extend(disorder.bytes(len));
        }
        _ => body.extend(VALUES[disorder.below(VALUES.len())].bytes()),
    }
    body.extend(b"\r\n");
}
