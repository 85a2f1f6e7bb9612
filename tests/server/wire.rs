//! Sends bodies in the exact form of real clients.

use reqwest::header::EXPECT;
use serde_json::Value;

use crate::app::TestApp;
use crate::both::on_both;

on_both!(
    curl_as_the_contract_shows_it,
    the_vendors_sample_client_is_understood,
    a_browser,
    words_may_come_in_files_and_in_quotes,
    a_body_may_wait_for_100_continue,
);

/// `curl -H 'Content-Type: multipart/mixed' -F face=@face.json -F image=@image.jpg`
async fn curl_as_the_contract_shows_it(app: TestApp) {
    let body = "--------------------------2c1f\nContent-Disposition: attachment; name=\"face\"; filename=\"face.json\"\n\
        Content-Type: application/octet-stream\n\n{\"imageType\": \"SELFIE\", \"friendlyName\": \"A\", \"imageRotationEnabled\": false}\n\n\
        --------------------------2c1f\nContent-Disposition: attachment; name=\"image\"; filename=\"image.jpg\"\n\
        Content-Type: image/jpeg\n\nJPEG\n--------------------------2c1f--\n";
    let face = app.post("/v2/faces").wire("multipart/mixed; boundary=------------------------2c1f", body).await.ok();
    assert_eq!((&face["friendlyName"], &face["imageRotationEnabled"]), (&"A".into(), &false.into()));
}

/// The image comes first, and both parts have an unspecific type.
async fn the_vendors_sample_client_is_understood(app: TestApp) {
    let body = "--B\nContent-Disposition: form-data; name=\"image\"; filename=\"image\"\nContent-Type: application/octet-stream\n\nJPEG\n\
        --B\nContent-Disposition: form-data; name=\"face\"; filename=\"face\"\nContent-Type: application/octet-stream\n\n\
        {\"imageType\":\"SELFIE\",\"clientsOwn\":[1]}\n--B--\n";
    let face = app.post("/v2/faces").wire("multipart/form-data; boundary=B", body).await.ok();
    assert_eq!(face["imageType"], "SELFIE");
}

async fn a_browser(app: TestApp) {
    let body = "------WebKitFormBoundaryX\nContent-Disposition: form-data; name=\"face\"; filename=\"blob\"\nContent-Type: application/json\n\n\
        {\"imageType\":\"VIDEO_FRAME\",\"signatureDisabled\":\"true\"}\n\
        ------WebKitFormBoundaryX\nContent-Disposition: form-data; name=\"image\"; filename=\"blob\"\nContent-Type: image/jpeg\n\nJPEG\n\
        ------WebKitFormBoundaryX--\n";
    let reply = app.post("/v2/faces").wire("multipart/form-data; boundary=----WebKitFormBoundaryX", body).await;
    assert_eq!(reply.ok().get("signature"), None);
}

/// `-F referenceImageType=@type.txt -F 'candidateImageType="SELFIE"' -F 'imageRotationEnabled="true"'`
async fn words_may_come_in_files_and_in_quotes(app: TestApp) {
    let part = |name: &str, more: &str, value: &str| {
        format!("--B\nContent-Disposition: form-data; name=\"{name}\"{more}\n\n{value}\n")
    };
    let image = "; filename=\"a.jpg\"\nContent-Type: image/jpeg";
    let file = "; filename=\"type.txt\"\nContent-Type: text/plain";
    let body = [
        part("referenceImage", image, "R"),
        part("candidateImage", image, "C"),
        part("referenceImageType", file, "ID_DOCUMENT\n"),
        part("candidateImageType", "", "\"SELFIE\""),
        part("imageRotationEnabled", "", "\"true\""),
        part("correlationId", "", "\"c5a0aec2-1262-41b6-82bd-e9d60da92ef2\""),
        part("unknown", "", "ignored"),
        "--B--\n".to_owned(),
    ];
    for kind in ["form-data", "mixed"] {
        let found =
            app.post("/v2/match/images").wire(&format!("multipart/{kind}; boundary=B"), &body.concat()).await.ok();
        assert_eq!(found["reference"]["imageType"], "ID_DOCUMENT");
        assert_eq!(found["candidate"]["imageType"], "SELFIE");
        assert_eq!(found["candidate"]["imageRotationEnabled"], Value::Bool(true));
        assert_eq!(found["correlationId"], "c5a0aec2-1262-41b6-82bd-e9d60da92ef2");
    }
}

/// Curl waits like this when a body has more than a megabyte.
async fn a_body_may_wait_for_100_continue(app: TestApp) {
    let form = crate::faces::upload(&vec![1; 1 << 20]);
    app.post("/v2/faces").with(|request| request.header(EXPECT, "100-continue")).form(form).await.ok();
}
