//! Counts the people on an identity document, which may show its portrait again: smaller, fainter, as a safeguard.

use crate::find::Found;
use crate::image::View;
use crate::networks::Networks;
use crate::recognize::recognize;
use crate::values::picture::ImageType;
use crate::values::score::Score;
use crate::values::template::Template;
use crate::{Error, quality};

/// The lowest score of two prints of one portrait: two different people reach it once in 10,000 pairs.
const SCORE_MIN: Score = Score(3500.0);
/// The widest second print that may be too faint to be recognised, as a share of the portrait's width.
const WIDTH_SHARE_MAX: f32 = 0.6;
/// The highest contrast of such a print, as a share of the portrait's.
const CONTRAST_SHARE_MAX: f32 = 0.6;

/// Counts the people on a document whose largest face was found in `view`. Second prints of that face do not count.
pub fn people(networks: &mut Networks, view: View, found: &Found) -> Result<usize, Error> {
    let mut people = 1;
    if found.others.is_empty() {
        return Ok(people);
    }
    let (contrast, width) = (quality::measures(view, found).contrast, found.detection.face_box.width);
    let template = recognize(networks, view, found)?.template;
    for other in &found.others {
        let is_narrow = other.detection.face_box.width <= WIDTH_SHARE_MAX * width;
        let is_faint = is_narrow && quality::measures(view, other).contrast <= CONTRAST_SHARE_MAX * contrast;
        if is_faint {
            continue;
        }
        let second = recognize(networks, view, other)?.template;
        people += usize::from(!is_same(networks, &template, &second));
    }
    Ok(people)
}

/// Returns true if both templates are of one person; false if the pack has no calibration to tell.
fn is_same(networks: &Networks, one: &Template, other: &Template) -> bool {
    networks.curves().is_some_and(|curves| curves.score_within(ImageType::IdDocument, one, other) >= SCORE_MIN)
}
