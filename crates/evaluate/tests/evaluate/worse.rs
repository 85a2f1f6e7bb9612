//! Photographs made worse: what their quality says, and why.

use evaluate::degrade::{Degradation, Photograph};
use face::networks::{Compiled, Networks, Settings};
use face::pack::Pack;
use face::values::picture::QualityReason;
use face::{Picture, WantedFace};
use testkit::project::sample;

/// The reason that each kind must name at its strongest grade, if a face is still found.
fn reason(how: Degradation) -> Option<QualityReason> {
    Some(match how {
        Degradation::Small => QualityReason::EyesTooClose,
        Degradation::Enlarged | Degradation::Blur | Degradation::MovedAcross | Degradation::MovedDown => {
            QualityReason::Blurred
        }
        Degradation::Dark => QualityReason::TooDark,
        Degradation::Compressed => QualityReason::Compressed,
        Degradation::Mask | Degradation::Sunglasses | Degradation::Bar => QualityReason::Occluded,
        // Fingers leave something to be seen; landmarks of half a face crowd into what there is of it; along a slope
        // neighbours are further apart, so that less of a movement is measured.
        Degradation::Hand | Degradation::CutAside | Degradation::MovedDownwards | Degradation::MovedUpwards => {
            return None;
        }
        Degradation::CutAbove | Degradation::CutBelow => QualityReason::OutOfPicture,
    })
}

#[test]
fn the_worse_a_photograph_the_lower_its_quality() {
    let compiled = Compiled::new(&Pack::built_in().expect("it is whole"), Settings::default()).expect("it compiles");
    let mut networks = Networks::new(&compiled);
    for name in ["obama.jpg", "biden.jpg"] {
        // Of a picture of moderate size every copy is quickly made.
        let small = image::load_from_memory(&sample(name)).expect("it is a picture").thumbnail(400, 400);
        let mut png = std::io::Cursor::new(Vec::new());
        small.write_to(&mut png, image::ImageFormat::Png).expect("memory takes it");
        let picture = Picture { bytes: png.into_inner().into(), rotation: false, wanted: WantedFace::Central };
        let photograph = Photograph::read(&mut networks, &picture).expect("it shows a face");
        let good = networks.describe(&picture).expect("it shows a face");
        for how in Degradation::ALL {
            let mut last = good.quality.value;
            for grade in how.grades() {
                // A face that is no longer found has no quality: it is refused.
                let Ok(worse) = photograph.describe(&mut networks, how, *grade) else { break };
                let kept = good.template.cosine(&worse.template);
                assert!(worse.quality.value < last, "{name}, {how} {grade}: {:?} after {last}", worse.quality);
                let named = reason(how).is_none_or(|reason| worse.quality.reasons.contains(&reason));
                assert!(named, "{name}, {how} {grade}: {:?}", worse.quality);
                assert!(kept < 0.999, "{name}, {how} {grade}: {kept}");
                last = worse.quality.value;
            }
        }
    }
}
