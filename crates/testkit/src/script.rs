//! A face engine that answers as a test tells it, without any network.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use face::calibration::Origin;
use face::values::liveness::{Measure, Reason};
use face::values::picture::{Eyes, FaceBox, Landmarks, Point, Quality};
use face::values::score::Score;
use face::values::template::Template;
use face::{
    AgeEstimate, AgedFace, Best, ComparedFace, DescribedFace, Error, FaceEngine, LivenessCapture, Picture, Verdict,
    spoof,
};
use futures_util::FutureExt;
use futures_util::future::{self, BoxFuture};
use sha2::{Digest, Sha256};

/// The version of its templates.
pub const TEMPLATE_VERSION: u16 = 1;

/// Answers as a test told it. For a picture that it was told nothing about, it makes a face from the bytes alone, so
/// that equal bytes show equal faces and other bytes show others.
#[derive(Default)]
pub struct Script {
    told: Mutex<HashMap<Bytes, Result<DescribedFace, Error>>>,
    told_ages: Mutex<HashMap<Bytes, Result<AgeEstimate, Error>>>,
    told_replays: Mutex<HashMap<Bytes, Result<Verdict, Error>>>,
    meanwhile: Mutex<Option<BoxFuture<'static, ()>>>,
}

impl Script {
    /// Makes the picture with these bytes give `answer` from now on.
    pub fn tell(&self, bytes: impl Into<Bytes>, answer: Result<DescribedFace, Error>) {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).insert(bytes.into(), answer);
    }

    /// Does the same for age estimates.
    pub fn tell_age(&self, bytes: impl Into<Bytes>, answer: Result<AgeEstimate, Error>) {
        self.told_ages.lock().unwrap_or_else(PoisonError::into_inner).insert(bytes.into(), answer);
    }

    /// Does the same for a capture whose first frame has these bytes.
    pub fn tell_replay(&self, bytes: impl Into<Bytes>, answer: Result<Verdict, Error>) {
        self.told_replays.lock().unwrap_or_else(PoisonError::into_inner).insert(bytes.into(), answer);
    }

    /// Sets something that happens once, while the next picture or capture is processed.
    pub fn meanwhile(&self, happens: impl Future<Output = ()> + Send + 'static) {
        *self.meanwhile.lock().unwrap_or_else(PoisonError::into_inner) = Some(happens.boxed());
    }

    /// Returns an answer after what happens meanwhile.
    fn after<T: Send + 'static>(&self, answer: T) -> BoxFuture<'static, T> {
        let meanwhile = self.meanwhile.lock().unwrap_or_else(PoisonError::into_inner).take();
        async move {
            if let Some(happens) = meanwhile {
                happens.await;
            }
            answer
        }
        .boxed()
    }
}

/// Makes the face that follows from the bytes of a picture.
pub fn face(bytes: &[u8]) -> DescribedFace {
    let digest = Sha256::digest(bytes);
    let values: Vec<f32> = digest.iter().map(|byte| f32::from(*byte) - 127.5).collect();
    let eyes = Eyes { left: Point { x: 120.0, y: 150.0 }, right: Point { x: 200.0, y: 150.0 } };
    DescribedFace {
        digest: format!("{digest:x}"),
        landmarks: Landmarks {
            eyes: Some(eyes),
            face_box: Some(FaceBox { x: 80.0, y: 90.0, width: 160.0, height: 180.0 }),
        },
        quality: Quality { value: 250, reasons: vec![] },
        template: Template::new(TEMPLATE_VERSION, &values).expect("no byte is 127.5"),
    }
}

/// Makes the age that follows from the bytes of a picture: from 0 to 63.75 years.
pub fn aged(bytes: &[u8]) -> AgeEstimate {
    let digest = Sha256::digest(bytes);
    let face = AgedFace { quality: face(bytes).quality, years: f32::from(digest[0]) / 4.0 };
    AgeEstimate { digest: format!("{digest:x}"), face: Some(face) }
}

/// Makes the verdict that follows from the bytes of a capture's first frame: a living person.
pub fn verdict(bytes: &Bytes) -> Verdict {
    let years = aged(bytes).face.expect("somebody is there").years;
    Verdict {
        reasons: vec![],
        measures: vec![Measure::Face],
        best: Some(Best { jpeg: bytes.clone(), described: face(bytes), years }),
    }
}

/// Adds to a verdict what the camera says of itself.
fn filmed_by(verdict: Verdict, is_virtual: Option<bool>) -> Verdict {
    let reasons = if is_virtual == Some(true) { vec![Reason::Injected] } else { vec![] };
    let measures = if is_virtual.is_some() { vec![Measure::Face, Measure::Camera] } else { verdict.measures };
    Verdict { reasons, measures, ..verdict }
}

impl FaceEngine for Script {
    fn describe(&self, picture: Picture) -> BoxFuture<'_, Result<DescribedFace, Error>> {
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        self.after(told.get(&picture.bytes).cloned().unwrap_or_else(|| Ok(face(&picture.bytes))))
    }

    fn estimate_age(&self, picture: Picture) -> BoxFuture<'_, Result<AgeEstimate, Error>> {
        let told = self.told_ages.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = told.get(&picture.bytes).cloned().unwrap_or_else(|| Ok(aged(&picture.bytes)));
        future::ready(answer).boxed()
    }

    fn check_liveness(&self, capture: LivenessCapture) -> BoxFuture<'_, Result<Verdict, Error>> {
        let first = capture.frames.first().map(|frame| frame.jpeg.clone()).unwrap_or_default();
        let told = self.told_replays.lock().unwrap_or_else(PoisonError::into_inner);
        self.after(told.get(&first).cloned().unwrap_or_else(|| Ok(filmed_by(verdict(&first), capture.is_virtual))))
    }

    /// Returns about 7500 for equal templates, and about 1000 for those of different pictures.
    fn score(&self, reference: ComparedFace<'_>, candidate: ComparedFace<'_>) -> Score {
        Score(1000.0 + 6500.0 * reference.template.cosine(candidate.template))
    }

    fn pack(&self) -> &'static str {
        "script"
    }

    fn template_version(&self) -> u16 {
        TEMPLATE_VERSION
    }

    fn calibration(&self) -> Option<&Origin> {
        None
    }

    fn spoof(&self) -> Option<&spoof::Origin> {
        None
    }
}

#[cfg(test)]
mod tests {
    use face::WantedFace;
    use face::values::picture::ImageType;

    use super::*;

    #[test]
    fn it_answers_as_told_and_else_by_the_bytes() {
        let script = Script::default();
        let code = |bytes: &'static [u8]| {
            let picture = Picture { bytes: Bytes::from_static(bytes), rotation: false, wanted: WantedFace::Only };
            script.describe(picture).now_or_never().expect("it is ready")
        };
        script.tell(&b"nobody"[..], Err(Error::NoFace));
        assert_eq!(code(b"nobody"), Err(Error::NoFace));
        let (one, other) = (code(b"one").expect("a face"), code(b"other").expect("a face"));
        assert_eq!(code(b"one"), Ok(one.clone()));
        let [one, other] =
            [&one, &other].map(|face| ComparedFace { template: &face.template, image_type: ImageType::Selfie });
        assert!(script.score(one, one) > Score(7490.0));
        assert!(script.score(one, other) < Score(4500.0));
    }
}
