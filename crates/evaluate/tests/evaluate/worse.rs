//! Degraded photographs: their quality and the reasons that it names.

use evaluate::degrade::{Degradation, Photograph};
use face::networks::{Compiled, Networks, Settings};
use face::pack::Pack;
use face::values::picture::QualityReason;
use face::{Picture, WantedFace};
use testkit::project::sample;

/// Returns the reason that a kind must name at the strongest grade with a face found; `None` if no reason is certain.
fn reason(how: Degradation) -> Option<QualityReason> {
    match how {
        Degradation::Small => Some(QualityReason::EyesTooClose),
        Degradation::Enlarged
        | Degradation::Blur
        | Degradation::MovedAcross
        | Degradation::MovedDownwards
        | Degradation::MovedDown
        | Degradation::MovedUpwards => Some(QualityReason::Blurred),
        Degradation::Dark => Some(QualityReason::TooDark),
        Degradation::Compressed => Some(QualityReason::Compressed),
        Degradation::Mask | Degradation::Sunglasses | Degradation::Bar => Some(QualityReason::Occluded),
        Degradation::CutAbove | Degradation::CutBelow => Some(QualityReason::OutOfPicture),
        // Fingers leave parts visible; the landmarks of half a face crowd into the visible half.
        Degradation::Hand | Degradation::CutAside => None,
    }
}

#[test]
fn the_worse_a_photograph_the_lower_its_quality() {
    let compiled = Compiled::new(&Pack::built_in().expect("it is whole"), Settings::default()).expect("it compiles");
    let mut networks = Networks::new(&compiled);
    for name in ["obama.jpg", "biden.jpg"] {
        // Copies of a picture of moderate size are made quickly.
        let small = image::load_from_memory(&sample(name)).expect("it is a picture").thumbnail(400, 400);
        let mut png = std::io::Cursor::new(Vec::new());
        small.write_to(&mut png, image::ImageFormat::Png).expect("memory takes it");
        let picture = Picture { bytes: png.into_inner().into(), rotation: false, wanted: WantedFace::Central };
        let photograph = Photograph::read(&mut networks, &picture).expect("it shows a face");
        let good = networks.describe(&picture).expect("it shows a face");
        let mut unnamed = Vec::new();
        for how in Degradation::ALL {
            let mut last = good.quality.clone();
            for grade in how.grades() {
                // A face that is no longer found has no quality: it is refused.
                let Ok(worse) = photograph.describe(&mut networks, how, *grade) else { break };
                assert!(worse.quality.value < last.value, "{name}, {how} {grade}: {:?} after {last:?}", worse.quality);
                last = worse.quality;
            }
            // A face that no copy shows has no reasons.
            let is_lost = last == good.quality;
            let named = is_lost || reason(how).is_none_or(|reason| last.reasons.contains(&reason));
            if !named {
                unnamed.push(format!("{name}, {how}: {last:?}"));
            }
        }
        assert!(unnamed.is_empty(), "{unnamed:#?}");
    }
}
