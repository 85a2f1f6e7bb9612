//! Tests of forms as real clients send them.

use futures_util::stream;

use super::*;
use crate::api::types::{DirectFaceUpload, ImageType, MatchImagesUpload, MatchUpload, Mode};

/// Sends `body` in pieces of seven bytes.
async fn read<T: Form>(content_type: &str, body: &[u8], limits: Limits) -> Result<T, Problem> {
    let boundary = boundary(content_type).expect("the test names one");
    let pieces: Vec<_> = body.chunks(7).map(|piece| Ok::<_, std::io::Error>(Bytes::copy_from_slice(piece))).collect();
    let parts = read_parts(boundary, stream::iter(pieces), T::PARTS, limits).await?;
    T::read(parts).map_err(|invalid| Problem::invalid(&invalid))
}

fn wire(text: &str) -> Vec<u8> {
    text.replace('\n', "\r\n").into_bytes()
}

async fn form<T: Form>(text: &str) -> Result<T, Problem> {
    read("multipart/form-data; boundary=B", &wire(text), Limits::default()).await
}

async fn refusal<T: Form>(text: &str) -> (u16, &'static str, String) {
    refused(form::<T>(text).await)
}

fn refused<T>(result: Result<T, Problem>) -> (u16, &'static str, String) {
    let problem = result.err().expect("it is refused");
    (problem.status.as_u16(), problem.code, problem.message)
}

/// The request is that of `curl -H 'Content-Type: multipart/mixed' -F 'face=@face.json' -F 'image=@obama.jpg'`.
#[tokio::test]
async fn curl_sends_mixed_attachments_of_unknown_type() {
    let body = "--------------------------2c1f\nContent-Disposition: attachment; name=\"face\"; filename=\"face.json\"\nContent-Type: application/octet-stream\n\n{\"imageType\": \"SELFIE\", \"friendlyName\": \"Obama\", \"imageRotationEnabled\": false}\n\n--------------------------2c1f\nContent-Disposition: attachment; name=\"image\"; filename=\"obama.jpg\"\nContent-Type: image/jpeg\n\n\u{1}JPEG\n--------------------------2c1f--\n";
    let content_type = "multipart/mixed; boundary=------------------------2c1f";
    let upload: DirectFaceUpload = read(content_type, &wire(body), Limits::default()).await.expect("it is read");
    assert_eq!(upload.face.image_type, ImageType::Selfie);
    assert_eq!(upload.face.friendly_name.as_deref(), Some("Obama"));
    assert_eq!(upload.face.image_rotation_enabled, Some(false));
    assert!(!upload.face.signature_disabled);
    assert_eq!(&upload.image.0[..], b"\x01JPEG");
}

/// The image comes first, and both parts are octet-stream.
#[tokio::test]
async fn parts_come_in_any_order() {
    let upload: DirectFaceUpload = form("--B\nContent-Disposition: form-data; name=\"image\"; filename=\"image\"\nContent-Type: application/octet-stream\n\nJPEG\n--B\nContent-Disposition: form-data; name=\"face\"; filename=\"face\"\nContent-Type: application/octet-stream\n\n{\"imageType\":\"SELFIE\",\"clientsOwn\":{\"x\":[1]}}\n--B--\n").await.expect("it is read");
    assert_eq!(&upload.image.0[..], b"JPEG");
}

/// `fetch` sends a `FormData` of blobs like this. The boundary is in quotes, as some libraries send it.
#[tokio::test]
async fn a_browser_names_everything_blob() {
    let body = wire(
        "------WebKitFormBoundaryX\nContent-Disposition: form-data; name=\"face\"; filename=\"blob\"\nContent-Type: application/json\n\n{\"imageType\":\"SELFIE\",\"mode\":\"F5_3_VID60\",\"signatureDisabled\":\"true\"}\n------WebKitFormBoundaryX\nContent-Disposition: form-data; name=\"image\"; filename=\"blob\"\nContent-Type: image/jpeg\n\nJPEG\n------WebKitFormBoundaryX--\n",
    );
    let content_type = "Multipart/Form-Data; charset=utf-8; Boundary=\"----WebKitFormBoundaryX\"";
    let upload: DirectFaceUpload = read(content_type, &body, Limits::default()).await.expect("it is read");
    assert_eq!(upload.face.mode, Some(Mode::F5_3Vid60));
    assert!(upload.face.signature_disabled);
}

/// Python's requests sends no content types, and no file names for texts.
#[tokio::test]
async fn requests_sends_bare_parts() {
    let upload: MatchImagesUpload = form("--B\nContent-Disposition: form-data; name=\"referenceImageType\"\n\nID_DOCUMENT\n--B\nContent-Disposition: form-data; name=\"candidateImageType\"\n\nSELFIE\n--B\nContent-Disposition: form-data; name=\"referenceImage\"; filename=\"r.jpg\"\n\nR\n--B\nContent-Disposition: form-data; name=\"candidateImage\"; filename=\"c.jpg\"\n\nC\n--B\nContent-Disposition: form-data; name=\"correlationId\"\n\n42\n--B--\n").await.expect("it is read");
    assert_eq!(upload.reference_image_type, ImageType::IdDocument);
    assert_eq!(upload.candidate_image_type, ImageType::Selfie);
    assert_eq!(upload.correlation_id.as_deref(), Some("42"));
    assert_eq!((upload.evidence_id, upload.image_rotation_enabled), (None, None));
}

fn matching(reference_type: &str, more: &str) -> String {
    format!(
        "--B\nContent-Disposition: form-data; name=\"referenceImage\"; filename=\"r\"\n\nR\n--B\nContent-Disposition: form-data; name=\"candidateImage\"; filename=\"c\"\n\nC\n--B\nContent-Disposition: form-data; name=\"candidateImageType\"\n\nSELFIE\n{reference_type}{more}--B--\n"
    )
}

fn text(name: &str, value: &str) -> String {
    format!("--B\nContent-Disposition: form-data; name=\"{name}\"\n\n{value}\n")
}

/// The parts are those of `-F 'referenceImageType=@type.txt'`, and of `-F 'referenceImageType="SELFIE"'` if the quotes
/// arrive.
#[tokio::test]
async fn words_come_as_files_with_a_newline_and_in_quotes() {
    let file = "--B\nContent-Disposition: form-data; name=\"referenceImageType\"; filename=\"type.txt\"\nContent-Type: text/plain\n\nSELFIE\n\n";
    for part in
        [file.to_owned(), text("referenceImageType", "\"SELFIE\""), text("referenceImageType", " \"SELFIE\" \n")]
    {
        let upload: MatchImagesUpload = form(&matching(&part, "")).await.expect("it is read");
        assert_eq!(upload.reference_image_type, ImageType::Selfie);
    }
    let part = text("referenceImageType", "SELFIE");
    let upload: MatchImagesUpload =
        form(&matching(&part, &text("correlationId", "\"\"x\"\""))).await.expect("it is read");
    assert_eq!(upload.correlation_id.as_deref(), Some("\"x\""), "one pair of quotes, not more");
}

#[tokio::test]
async fn booleans_come_as_words_and_empty_fields_are_left_out() {
    let kind = text("referenceImageType", "SELFIE");
    for (sent, read) in
        [("true", Some(true)), ("\"true\"", Some(true)), ("FALSE\n", Some(false)), ("", None), ("\"\"", None)]
    {
        let upload: MatchImagesUpload =
            form(&matching(&kind, &text("imageRotationEnabled", sent))).await.expect("it is read");
        assert_eq!(upload.image_rotation_enabled, read, "{sent}");
    }
    let (status, code, message) =
        refusal::<MatchImagesUpload>(&matching(&kind, &text("imageRotationEnabled", "yes"))).await;
    assert_eq!((status, code), (400, "INVALID_PARAMETER"));
    assert_eq!(message, "imageRotationEnabled: must be true or false.");
}

#[tokio::test]
async fn allowed_values_are_named() {
    let wanted = "must be one of ID_DOCUMENT, SELFIE, VIDEO_FRAME.";
    let wrong = matching(&text("referenceImageType", "PASSPORT"), "");
    let (status, code, message) = refusal::<MatchImagesUpload>(&wrong).await;
    assert_eq!((status, code, message), (400, "INVALID_PARAMETER", format!("referenceImageType: {wanted}")));
    let (.., message) = refusal::<MatchImagesUpload>(&matching("", "")).await;
    assert_eq!(message, format!("referenceImageType: is required and {wanted}"));
    let face = |json: &str| format!("{}{}--B--\n", text("face", json), text("image", "J"));
    let (.., message) = refusal::<DirectFaceUpload>(&face("{}")).await;
    assert_eq!(message, format!("face.imageType: is required and {wanted}"));
    let (.., message) = refusal::<DirectFaceUpload>(&face(r#"{"imageType":"SELFIE","mode":"F7"}"#)).await;
    assert_eq!(message, "face.mode: must be one of F5_1_VID0, F5_2_VID75, F5_3_VID60, F6_4_VID60X.");
    let (.., message) = refusal::<DirectFaceUpload>(&face(r#"{"imageType":"SELFIE","friendlyName":7}"#)).await;
    assert_eq!(message, "face.friendlyName: must be a string.");
    let (.., message) = refusal::<DirectFaceUpload>(&face("[]")).await;
    assert_eq!(message, "face: must be an object.");
}

#[tokio::test]
async fn null_is_left_out_in_what_is_asked_for() {
    let json = r#"{"imageType":"SELFIE","mode":null,"friendlyName":null,"signatureDisabled":null,"imageRotationEnabled":null}"#;
    let upload: DirectFaceUpload =
        form(&format!("{}{}--B--\n", text("face", json), text("image", "J"))).await.expect("it is read");
    assert_eq!((upload.face.mode, upload.face.friendly_name, upload.face.signature_disabled), (None, None, false));
}

/// The face is a former answer of this server or of another one: it has more members, a quality of 306.0, and fractions
/// of a second with two digits.
#[tokio::test]
async fn a_former_answer_is_a_reference() {
    let face = r#"{"id":"ee9b1742-06f4-4e22-8630-3852d55f314a","friendlyName":"M","mode":"F6_4_VID60X","imageType":"SELFIE","quality":306.0,"landmarks":{"eyes":{"x1":518.71204,"y1":444.68396,"x2":655.408,"y2":446.599}},"template":"EQAAAMwDAAACA","templateVersion":1202,"created":"2017-11-13T13:28:24.09Z","expires":null,"signature":"a.b.c","somethingNew":[]}"#;
    let body = format!(
        "{}{}{}--B--\n",
        text("candidateImage", "C"),
        text("candidateImageType", "VIDEO_FRAME"),
        text("referenceFace", &format!("\u{feff}{face}"))
    );
    let upload: MatchUpload = form(&body).await.expect("it is read");
    assert_eq!(upload.reference_face.template_version, Some(1202));
    assert_eq!(upload.reference_face.quality, Some(306));
}

#[tokio::test]
async fn unknown_parts_are_passed_over_and_known_ones_come_once() {
    let kind = text("referenceImageType", "SELFIE");
    let unknown = format!("{}{}", text("extra", "1"), text("extra", "2"));
    assert!(form::<MatchImagesUpload>(&matching(&kind, &unknown)).await.is_ok());
    let (status, code, message) = refusal::<MatchImagesUpload>(&matching(&kind, &kind)).await;
    assert_eq!((status, code, message.as_str()), (400, "INVALID_PARAMETER", "referenceImageType: was sent twice."));
}

#[tokio::test]
async fn a_missing_and_an_empty_image_are_told_apart() {
    let face = text("face", r#"{"imageType":"SELFIE"}"#);
    let (.., message) = refusal::<DirectFaceUpload>(&format!("{face}--B--\n")).await;
    assert_eq!(message, "image: is required: send the image as this part.");
    let (.., message) = refusal::<DirectFaceUpload>(&format!("{face}{}--B--\n", text("image", ""))).await;
    assert_eq!(message, "image: is empty: send the bytes of the image.");
}

#[tokio::test]
async fn what_is_not_json_or_not_multipart_is_malformed() {
    let (status, code, message) =
        refusal::<DirectFaceUpload>(&format!("{}--B--\n", text("face", "{\"imageType\": "))).await;
    assert_eq!((status, code), (400, "MALFORMED_BODY"));
    assert!(message.starts_with("face: is not JSON: EOF while parsing"), "{message}");
    let nameless = "--B\nContent-Disposition: form-data\n\nx\n--B--\n";
    for body in [
        "",
        "no boundary at all",
        "--B\nContent-Disposition: form-data; name=\"image\"\n\ncut",
        nameless,
        "--B\n\u{1}: x\n\n--B--\n",
    ] {
        let (status, code, _) = refusal::<DirectFaceUpload>(body).await;
        assert_eq!((status, code), (400, "MALFORMED_BODY"), "{body}");
    }
    let mut latin =
        wire(&format!("{}--B\nContent-Disposition: form-data; name=\"correlationId\"\n\n", text("image", "J")));
    latin.extend_from_slice(b"\xE9\r\n--B--\r\n");
    let result = read::<DirectFaceUpload>("multipart/mixed; boundary=B", &latin, Limits::default()).await;
    assert_eq!(refused(result).2, "correlationId: must be text in UTF-8.");
}

#[tokio::test]
async fn everything_has_a_limit() {
    let small =
        Limits { body_bytes: 600, image_bytes: 40, json_bytes: 60, text_bytes: 10, parts: 4, ..Limits::default() };
    let of = |body: String| async move {
        refused(read::<DirectFaceUpload>("multipart/form-data; boundary=B", &wire(&body), small).await)
    };
    let end = "--B--\n";
    let (status, code, message) = of(text("image", &"x".repeat(41)) + end).await;
    assert_eq!((status, code, message.as_str()), (413, "BODY_TOO_LARGE", "image: is larger than 40 bytes. Send less."));
    assert_eq!(of(text("face", &" ".repeat(61)) + end).await.2, "face: is larger than 60 bytes. Send less.");
    assert_eq!(
        of(text("correlationId", &"x".repeat(11)) + end).await.2,
        "correlationId: is larger than 10 bytes. Send less."
    );
    let (status, _, message) = of(text("unknown", &"x".repeat(700)) + end).await;
    assert_eq!((status, message.as_str()), (413, "the body: is larger than 600 bytes. Send less."));
    let (status, _, message) = of(text("u", "").repeat(5) + end).await;
    assert_eq!((status, message.as_str()), (400, "The body has more than 4 parts. Send fewer."));
    let (face, image) = (text("face", r#"{"imageType":"SELFIE"}"#), text("image", "J"));
    let long = format!("{face}{image}{}{end}", text("evidenceId", &"é".repeat(257)));
    let (.., message) = refusal::<DirectFaceUpload>(&long).await;
    assert_eq!(message, "evidenceId: must have at most 256 characters.");
}

#[test]
fn a_boundary_is_found_quoted_or_not() {
    assert_eq!(boundary("multipart/form-data; boundary=x=1"), Some("x=1".to_owned()));
    assert_eq!(boundary("multipart/mixed;charset=utf-8;BOUNDARY=\"a b\""), Some("a b".to_owned()));
    for none in ["multipart/mixed", "multipart/mixed; boundary=", "multipart/mixed; boundary=\"\"", "boundary=x"] {
        assert_eq!(boundary(none), None, "{none}");
    }
    assert_eq!(boundary(&format!("multipart/mixed; boundary={}", "x".repeat(71))), None);
}

/// A body whose stated length is too large is refused before it is read; so is a body of another type.
#[tokio::test]
async fn the_head_of_a_request_can_be_enough() {
    let request = |content_type: &str, length: usize| {
        let request = Request::builder().header("content-type", content_type).header("content-length", length);
        request.extension(Limits::of_images(10)).body("").split()
    };
    let (head, mut body) = request("multipart/form-data; boundary=B", 2_000_000);
    let result = Multipart::<DirectFaceUpload>::read(&head, &mut body).await;
    assert_eq!(refused(result).0, 413);
    for other in ["application/json", "multipart/related; boundary=B", "text/plain", "multipart/form-dataX; boundary=B"]
    {
        let (head, mut body) = request(other, 0);
        let (status, code, message) = refused(Multipart::<DirectFaceUpload>::read(&head, &mut body).await);
        assert_eq!((status, code), (415, "UNSUPPORTED_MEDIA_TYPE"));
        assert_eq!(message, "Content-Type must be one of multipart/form-data, multipart/mixed.");
    }
    let (head, mut body) = request("multipart/form-data", 0);
    assert_eq!(refused(Multipart::<DirectFaceUpload>::read(&head, &mut body).await).1, "MALFORMED_BODY");
}
