//! Rates a photograph that another project degrades, by component of ISO/IEC 29794-5 and in grades.

use std::path::Path;

use face::networks::Networks;
use face::{Error, Picture, WantedFace};
use onnx::Engine;
use testkit::{project, python};

use crate::networks;

const GRADES: [&str; 4] = ["025", "050", "075", "100"];
/// Degradations that lose a match: quality falls with each grade, and by at least [`FALL_MIN`] in all.
const FALLS: [&str; 15] = [
    "CompressionArtifacts-0",
    "DynamicRange-0",
    "EyesVisible-0",
    "FaceOcclusionPrevention-0",
    "HeadPosePitch-0",
    "HeadPoseYaw-0",
    "InterEyeDistance-0",
    "LuminanceMean-0",
    "LuminanceVariance-0",
    "OverExposurePrevention-0",
    "RadialDistortion-0",
    "Sharpness-0",
    "Sharpness-1",
    "Sharpness-2",
    "UnderExposurePrevention-0",
];
/// Degradations that do not: the face is turned in the picture, or something beside it changes. Quality rates how a
/// picture compares, not how a passport wants it, and stays within [`UNREST`].
const STAYS: [&str; 4] =
    ["BackgroundUniformity-0", "HeadPoseRoll-0", "IlluminationUniformity-0", "SingleFacePresent-0"];
const FALL_MIN: i32 = 40;
const UNREST: i32 = 8;

/// Stands for the quality of a picture in which no face is found.
const NOBODY: i32 = -1000;

fn quality(networks: &mut Networks, file: &Path) -> i32 {
    let bytes = std::fs::read(file).expect("it was written").into();
    match networks.describe(&Picture { bytes, rotation: false, wanted: WantedFace::Largest }) {
        Ok(described) => described.quality.value,
        Err(Error::NoFace) => NOBODY,
        Err(error) => panic!("{}: {error}", file.display()),
    }
}

#[test]
fn quality_falls_with_what_loses_a_match_and_with_nothing_else() {
    let folder = tempfile::tempdir().expect("there is room");
    let photograph = project::path("tests/samples/obama.jpg");
    python::run("crates/face/tests/pipeline/degraded.py", &[&photograph, folder.path()]);
    let mut networks = networks(Engine::Auto);
    let mut of = |name: &str| quality(&mut networks, &folder.path().join(format!("{name}.png")));
    let untouched = of("untouched");
    for way in FALLS {
        let values = GRADES.map(|grade| of(&format!("{way}-{grade}")));
        let falls = std::iter::once(&untouched).chain(&values).is_sorted_by(|one, next| **next <= **one + UNREST);
        assert!(falls && values[3] <= untouched - FALL_MIN, "{way}: {untouched}, {values:?}");
    }
    for way in STAYS {
        let values = GRADES.map(|grade| of(&format!("{way}-{grade}")));
        assert!(
            values.iter().all(|value| value.abs_diff(untouched) <= UNREST as u32),
            "{way}: {untouched}, {values:?}"
        );
    }
}
