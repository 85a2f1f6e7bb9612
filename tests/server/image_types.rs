//! A pair is scored by the types of its two images, whatever their source.

use std::sync::Arc;

use face::calibration::Origin;
use face::values::picture::ImageType;
use face::values::score::Score;
use face::{AgeEstimate, ComparedFace, DescribedFace, Error, FaceEngine, LivenessCapture, Picture, Verdict, spoof};
use futures_util::future::BoxFuture;
use reqwest::multipart::Form;
use serde_json::json;
use testkit::script::Script;

use crate::app::TestApp;
use crate::faces::{file, upload_as};
use crate::session_faces::JPEG;
use crate::sessions::open;

/// Its scores encode the requested types: the reference's in hundreds, the candidate's in ones.
#[derive(Default)]
struct Typed(Script);

fn place(image_type: ImageType) -> f64 {
    ImageType::ALL.iter().position(|own| *own == image_type).map_or(-1.0, |place| place as f64 + 1.0)
}

impl FaceEngine for Typed {
    fn describe(&self, picture: Picture) -> BoxFuture<'_, Result<DescribedFace, Error>> {
        self.0.describe(picture)
    }

    fn estimate_age(&self, picture: Picture) -> BoxFuture<'_, Result<AgeEstimate, Error>> {
        self.0.estimate_age(picture)
    }

    fn check_liveness(&self, capture: LivenessCapture) -> BoxFuture<'_, Result<Verdict, Error>> {
        self.0.check_liveness(capture)
    }

    fn score(&self, reference: ComparedFace<'_>, candidate: ComparedFace<'_>) -> Score {
        Score(100.0 * place(reference.image_type) + place(candidate.image_type))
    }

    fn pack(&self) -> &str {
        self.0.pack()
    }

    fn template_version(&self) -> u16 {
        self.0.template_version()
    }

    fn calibration(&self) -> Option<&Origin> {
        self.0.calibration()
    }

    fn spoof(&self) -> Option<&spoof::Origin> {
        self.0.spoof()
    }
}

const NAMES: [&str; 3] = ["ID_DOCUMENT", "SELFIE", "VIDEO_FRAME"];

#[tokio::test]
async fn every_way_to_a_match_knows_the_types_of_both_images() {
    let app = TestApp::with(Arc::new(Typed::default())).await;
    for (reference, first) in NAMES.iter().zip(1..) {
        let face = app.post("/v2/faces").form(upload_as(b"one", &json!({ "imageType": reference }))).await.ok();
        for (candidate, second) in NAMES.iter().zip(1..) {
            let expected = json!(f64::from(100 * first + second));
            let images = Form::new()
                .part("referenceImage", file(b"one"))
                .part("candidateImage", file(b"other"))
                .text("referenceImageType", *reference)
                .text("candidateImageType", *candidate);
            assert_eq!(app.post("/v2/match/images").form(images).await.ok()["score"], expected);
            let former = Form::new()
                .text("referenceFace", face.to_string())
                .part("candidateImage", file(b"other"))
                .text("candidateImageType", *candidate);
            assert_eq!(app.post("/v2/match").form(former).await.ok()["score"], expected);
        }
    }
}

#[tokio::test]
async fn faces_of_a_session_are_matched_by_their_types() {
    let app = TestApp::with(Arc::new(Typed::default())).await;
    let session = open(&app, &json!({})).await;
    let mut faces = Vec::new();
    for image_type in NAMES {
        let form = upload_as(JPEG, &json!({ "imageType": image_type }));
        let made = app.post(&format!("{session}/faces")).form(form).await;
        faces.push(made.header("location").expect("it says where").to_owned());
    }
    let matches = app.get(&format!("{}/matches", faces[1])).send().await.ok();
    let scores: Vec<f64> = matches.as_array().expect("a list").iter().filter_map(|m| m["score"].as_f64()).collect();
    assert_eq!(scores, [203.0, 201.0]);
}
