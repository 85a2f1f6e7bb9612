//! Rates how good a face is for comparing, as one number, and names what lowers it.
//!
//! A face without fault has [`BEST`]. Every fault takes points away, by linear interpolation between the places stated
//! with it. Above 100 a face is good. Below 0 the picture is likely to lose the match, and another one should be sent.
//!
//! | measure | source | name in ISO/IEC 29794-5:2025 |
//! |---|---|---|
//! | certainty | length of the recognizer's vector, [`crate::recognize`] | unified quality score |
//! | distance of the eyes | centres of the mesh's eyes, in space | inter-eye distance |
//! | detail, evenness | [`Grey::detail`] in the direction that has least of it, also against the one that has most | sharpness, motion blur prevention |
//! | noise | [`Grey::noise`], Immerkær 1996 | - |
//! | blocks | [`blocks::measure`], Wang, Bovik and Evans 2000 | compression artifacts |
//! | brightness, contrast | mean and deviation of the face's luma | luminance mean, luminance variance |
//! | yaw, pitch | [`crate::mesh::Mesh::pose`], Procrustes | head pose |
//! | confidence | the detector's | face detection confidence |
//! | inside | share of the mesh that lies in the picture | head location, cropping |
//! | eye | [`Grey::shown`] of its region | eyes visible |
//! | mouth | [`Grey::rows`] of its middle | mouth occlusion prevention |
//! | flat | share of pixels that equal their neighbours | natural colour |
//!
//! The places were set on photographs of LFW and degraded copies of them: by how much of the cosine a copy keeps with
//! the photograph it was made from, and so that discarding the lowest qualities leaves fewer false non-matches
//! (`bioserver evaluate` reports how many fewer). Brightness costs nothing in the range of dark skin in good light.

use crate::find::Found;
use crate::image::View;
use crate::mesh::{Mesh, Pose};
use crate::quality::grey::{Grey, Part};
use crate::resample::warp;
use crate::values::picture::{FaceBox, Point, Quality, QualityReason};

pub mod blocks;
pub mod grey;

/// The quality of a sharp, frontal, well-lit face whose eyes are far apart.
const BEST: f32 = 350.0;
/// A fault that takes away less is not named.
const REASON_MIN: f32 = 40.0;
/// The recognizer's certainty and the measured faults are two judgements of one picture. The harder one counts in full,
/// and the milder one by this share.
const MILDER: f32 = 0.25;
/// The largest side of the square in which brightness, noise and sharpness are measured: about the size at which the
/// recognizer sees the face. A smaller face is measured at its own size: its smallness counts once, by its eyes.
const SQUARE_MAX: usize = 128;
/// The smallest side of that square: fewer pixels measure nothing.
const SQUARE_MIN: usize = 24;

/// The most rows and columns of a face in which flat places are counted.
const FLAT_LINES_MAX: usize = 128;
/// Vertices that enclose an eye, and the mouth.
const EYES: [[usize; 4]; 2] = [[33, 133, 159, 145], [263, 362, 386, 374]];
const MOUTH: [usize; 4] = [57, 287, 0, 17];
/// The middle of a mouth lies this share of its width from either corner.
const MOUTH_ASIDE: f32 = 0.35;

/// Points lost for a measure: places between which they are linear, in rising order of the measure; constant outside.
type Curve = &'static [(f32, f32)];

/// Length of the recognizer's vector, as a share of a good picture's. A clear frontal photograph has about 1; a copy at
/// 0.7 keeps a cosine of two thirds with it.
const CERTAINTY: Curve = &[(0.4, 600.0), (0.55, 450.0), (0.7, 300.0), (0.8, 190.0), (0.9, 80.0), (1.0, 0.0)];
/// Interocular distance in pixels. The contract advises 60; the recognizer's own input has 35, and it can do nothing
/// with 5.
const IOD: Curve = &[
    (0.0, 500.0),
    (5.0, 400.0),
    (8.0, 320.0),
    (12.0, 275.0),
    (30.0, 250.0),
    (42.0, 190.0),
    (60.0, 100.0),
    (120.0, 0.0),
];
/// Detail. A press photograph has 0.07; blurred by a fiftieth of the face (standard deviation) 0.02, by twice that
/// 0.01.
const DETAIL: Curve = &[(0.006, 350.0), (0.01, 260.0), (0.015, 190.0), (0.022, 120.0), (0.035, 50.0), (0.055, 0.0)];
/// Evenness of the detail in all directions: 99 of 100 photographs have more than 0.6, faces that moved while they were
/// taken 0.2 to 0.45. Two people's faces that moved in the same direction resemble each other.
const EVENNESS: Curve = &[(0.3, 250.0), (0.57, 0.0)];
/// Noise in levels of brightness, at the square's size: the noise that a larger picture has more of is averaged away
/// for the recognizer, too. Skin and hair in a good picture pass for 1 to 3.
const NOISE: Curve = &[(3.0, 0.0), (6.0, 60.0), (12.0, 180.0), (30.0, 350.0)];
/// Blocks. Good pictures have 1.1 to 1.4; JPEG at its quality 20 about 2.
const BLOCKS: Curve = &[(1.4, 0.0), (2.0, 50.0), (3.5, 120.0), (6.0, 230.0)];
/// Mean brightness of the face, 0..255. Recognizers need little light.
const DARK: Curve = &[(5.0, 450.0), (10.0, 280.0), (25.0, 100.0), (45.0, 30.0), (70.0, 0.0)];
const BRIGHT: Curve = &[(190.0, 0.0), (225.0, 150.0), (245.0, 400.0)];
/// Standard deviation of brightness in the face: the features of dark and fair faces alike give 20 and more.
const CONTRAST: Curve = &[(2.0, 400.0), (4.0, 200.0), (10.0, 60.0), (18.0, 0.0)];
/// Yaw in degrees: at 60 one eye is out of sight.
const YAW: Curve = &[(15.0, 0.0), (30.0, 50.0), (45.0, 180.0), (60.0, 400.0)];
/// Pitch in degrees, up or down from [`PITCH`]: it costs a recognizer more than as much yaw.
const PITCH_OFF: Curve = &[(8.0, 0.0), (16.0, 50.0), (26.0, 150.0), (40.0, 350.0)];
/// The detector's confidence: faces in plain view have 0.9.
const CONFIDENCE: Curve = &[(0.5, 150.0), (0.65, 60.0), (0.8, 15.0), (0.88, 0.0)];
/// The share of the mesh that lies in the picture.
const INSIDE: Curve = &[(0.5, 500.0), (0.7, 350.0), (0.85, 250.0), (0.95, 60.0), (0.98, 0.0)];
/// Contrast as a share of the face's own: nearly all open eyes show more than half of it, shut ones less. A bar shows
/// nothing.
const EYE: Curve = &[(0.05, 220.0), (0.15, 110.0), (0.25, 0.0)];
/// The same of a mouth's rows: 99 of 100 photographs have more than 0.25, most hands and all masks less.
const MOUTH_ROWS: Curve = &[(0.1, 300.0), (0.18, 150.0), (0.25, 0.0)];
/// The share of flat pixels: photographs have at most 0.02, compressed ones 0.15; in drawings most pixels are flat.
const FLAT: Curve = &[(0.2, 0.0), (0.35, 150.0), (0.6, 350.0)];
/// The mean pitch of photographs of frontal faces, in degrees: the mean mesh looks up a little.
const PITCH: f32 = 5.0;

/// At a smaller interocular distance, in pixels, neither lids nor the paper of a print can be seen.
const SIGHT_IOD_MIN: f32 = 16.0;

/// The measurements of one face.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measures {
    /// Interocular distance in pixels, as if the head were not turned.
    pub iod: f32,
    /// See [`grey::Detail`].
    pub detail: f32,
    pub evenness: f32,
    /// See [`Grey::noise`].
    pub noise: f32,
    /// See [`blocks::measure`].
    pub blocks: f32,
    /// Mean luma, 0..255.
    pub brightness: f32,
    /// Standard deviation of brightness.
    pub contrast: f32,
    /// Degrees away from the frontal pose, either way.
    pub yaw: f32,
    pub pitch: f32,
    /// The detector's, 0..1.
    pub confidence: f32,
    /// Share of the mesh's points that lie in the picture.
    pub inside: f32,
    /// Contrast of the eye that shows less: see [`Grey::shown`].
    pub eye: f32,
    /// Contrast of the mouth's rows: see [`Grey::rows`].
    pub mouth: f32,
    /// Share of the face's pixels that equal their neighbours.
    pub flat: f32,
    /// The recognizer's certainty: see [`crate::recognize::Recognized`].
    pub certainty: Option<f32>,
}

/// Rates the face that was found in `view`, with the recognizer's certainty of it.
pub fn of(view: View, found: &Found, certainty: Option<f32>) -> Quality {
    quality(&Measures { certainty, ..measures(view, found) })
}

pub fn measures(view: View, found: &Found) -> Measures {
    let square = found.mesh.square_of(1.0);
    let side = (square.side as usize).clamp(SQUARE_MIN, SQUARE_MAX);
    let grey = Grey::new(&warp::warped(view, square.crop(side), side));
    let (mean, deviation) = grey.mean_and_deviation();
    let map = square.crop(side);
    let part = |vertices: &[usize]| {
        let points = vertices.iter().map(|vertex| map.point(found.mesh.point(*vertex)));
        let range = |values: &mut dyn Iterator<Item = f32>| {
            values.fold((f32::MAX, f32::MIN), |(low, high), value| (low.min(value), high.max(value)))
        };
        Part { across: range(&mut points.clone().map(|p| p.x)), down: range(&mut points.map(|p| p.y)) }
    };
    let eye = |vertices: [usize; 4]| grey.shown(part(&vertices)).unwrap_or(0.0);
    let mouth = part(&MOUTH);
    let aside = MOUTH_ASIDE * (mouth.across.1 - mouth.across.0);
    let mouth = Part { across: (mouth.across.0 + aside, mouth.across.1 - aside), ..mouth };
    let detail = grey.detail();
    let pose = found.mesh.pose().unwrap_or(Pose { yaw: 90.0, pitch: 90.0, roll: 0.0 });
    Measures {
        iod: found.mesh.iod(),
        detail: detail.least,
        evenness: detail.evenness,
        noise: grey.noise(),
        blocks: blocks::measure(view, found.detection.face_box),
        brightness: mean,
        contrast: deviation,
        yaw: pose.yaw.abs(),
        pitch: (pose.pitch - PITCH).abs(),
        confidence: found.detection.confidence,
        inside: inside(view, &found.mesh),
        eye: EYES.map(eye).into_iter().fold(f32::INFINITY, f32::min),
        mouth: grey.rows(mouth).unwrap_or(0.0),
        flat: flat(view, found.detection.face_box),
        certainty: None,
    }
}

fn inside(view: View, mesh: &Mesh) -> f32 {
    let count = mesh.points.iter().filter(|[x, y, _]| view.holds(Point { x: *x, y: *y })).count();
    count as f32 / mesh.points.len().max(1) as f32
}

/// Returns the share of the face's pixels that have the colour of their right and lower neighbours: photographs have
/// few.
fn flat(view: View, face_box: FaceBox) -> f32 {
    let range = |from: f32, len: f32, side: usize| {
        let clamped = |at: f32| at.clamp(0.0, side as f32 - 1.0) as usize;
        clamped(from + len / 6.0)..clamped(from + len * 5.0 / 6.0)
    };
    let (across, down) =
        (range(face_box.x, face_box.width, view.width), range(face_box.y, face_box.height, view.height));
    let step = (across.len() / FLAT_LINES_MAX).max(1);
    let (mut same, mut all) = (0u32, 0u32);
    for y in down.step_by(step) {
        for x in across.clone().step_by(step) {
            let own = view.pixel(x, y);
            same += u32::from(own == view.pixel(x + 1, y) && own == view.pixel(x, y + 1));
            all += 1;
        }
    }
    same as f32 / all.max(1) as f32
}

/// Rates how well a picture shows what a face does; below 0 it does not show it. Small, noisy and compressed pictures,
/// as webcams take them, serve for that, though they make no good template.
pub fn sight(measures: &Measures) -> i32 {
    let is_small = measures.iod < SIGHT_IOD_MIN;
    let counts = |reason: QualityReason| match reason {
        QualityReason::EyesTooClose => is_small,
        QualityReason::HardToRecognize | QualityReason::Noisy | QualityReason::Compressed => false,
        _ => true,
    };
    let lost: f32 = losses(measures).iter().filter(|(reason, _)| counts(*reason)).map(|(_, lost)| lost).sum();
    (BEST - lost).round() as i32
}

pub fn quality(measures: &Measures) -> Quality {
    let mut losses = losses(measures);
    losses.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    let (uncertain, faults): (Vec<_>, Vec<_>) =
        losses.iter().partition(|(reason, _)| *reason == QualityReason::HardToRecognize);
    let sum = |losses: Vec<&(QualityReason, f32)>| losses.iter().map(|(_, lost)| lost).sum::<f32>();
    let (uncertain, faults) = (sum(uncertain), sum(faults));
    let value = BEST - uncertain.max(faults) - MILDER * uncertain.min(faults);
    let reasons = losses.into_iter().filter(|(_, lost)| *lost >= REASON_MIN).map(|(reason, _)| reason).collect();
    Quality { value: value.round() as i32, reasons }
}

/// Returns the points that each fault takes away.
fn losses(measures: &Measures) -> [(QualityReason, f32); 13] {
    [
        (QualityReason::HardToRecognize, measures.certainty.map_or(0.0, |certainty| lost(CERTAINTY, certainty))),
        (QualityReason::EyesTooClose, lost(IOD, measures.iod)),
        (QualityReason::Blurred, lost(DETAIL, measures.detail) + lost(EVENNESS, measures.evenness)),
        (QualityReason::Noisy, lost(NOISE, measures.noise)),
        (QualityReason::Compressed, lost(BLOCKS, measures.blocks)),
        (QualityReason::TooDark, lost(DARK, measures.brightness)),
        (QualityReason::TooBright, lost(BRIGHT, measures.brightness)),
        (QualityReason::LowContrast, lost(CONTRAST, measures.contrast)),
        (QualityReason::HeadTurned, lost(YAW, measures.yaw) + lost(PITCH_OFF, measures.pitch)),
        (QualityReason::UnsureDetection, lost(CONFIDENCE, measures.confidence)),
        (QualityReason::OutOfPicture, lost(INSIDE, measures.inside)),
        (QualityReason::Occluded, lost(EYE, measures.eye) + lost(MOUTH_ROWS, measures.mouth)),
        (QualityReason::NotAPhotograph, lost(FLAT, measures.flat)),
    ]
}

fn lost(curve: Curve, measure: f32) -> f32 {
    let above = curve.partition_point(|(at, _)| *at <= measure);
    match (above.checked_sub(1).and_then(|below| curve.get(below)), curve.get(above)) {
        (Some((low, from)), Some((high, to))) => from + (to - from) * (measure - low) / (high - low),
        (Some((_, level)), None) | (None, Some((_, level))) => *level,
        (None, None) => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FINE: Measures = Measures {
        iod: 130.0,
        detail: 0.2,
        evenness: 0.9,
        noise: 3.0,
        blocks: 1.1,
        brightness: 120.0,
        contrast: 50.0,
        yaw: 5.0,
        pitch: 5.0,
        confidence: 0.95,
        inside: 1.0,
        eye: 1.0,
        mouth: 0.7,
        flat: 0.05,
        certainty: Some(1.0),
    };

    #[test]
    fn a_face_without_fault_has_the_best_quality() {
        assert_eq!(quality(&FINE), Quality { value: BEST as i32, reasons: vec![] });
    }

    #[test]
    fn a_webcam_shows_well_enough_what_a_face_does() {
        let webcam = Measures { iod: 38.0, noise: 9.0, blocks: 2.5, detail: 0.02, certainty: Some(0.8), ..FINE };
        assert!(quality(&webcam).value < 0 && sight(&webcam) > 100, "{:?} {}", quality(&webcam), sight(&webcam));
        for measures in [
            Measures { iod: 10.0, ..webcam },
            Measures { brightness: 5.0, ..FINE },
            Measures { inside: 0.5, ..FINE },
            Measures { eye: 0.0, mouth: 0.0, ..FINE },
        ] {
            assert!(sight(&measures) < 0, "{measures:?}: {}", sight(&measures));
        }
    }

    #[test]
    fn each_fault_lowers_it_and_is_named_worst_first() {
        for (measures, reason) in [
            (Measures { iod: 40.0, ..FINE }, QualityReason::EyesTooClose),
            (Measures { detail: 0.029, ..FINE }, QualityReason::Blurred),
            (Measures { evenness: 0.45, ..FINE }, QualityReason::Blurred),
            (Measures { noise: 15.0, ..FINE }, QualityReason::Noisy),
            (Measures { blocks: 3.0, ..FINE }, QualityReason::Compressed),
            (Measures { brightness: 30.0, ..FINE }, QualityReason::TooDark),
            (Measures { brightness: 230.0, ..FINE }, QualityReason::TooBright),
            (Measures { contrast: 6.0, ..FINE }, QualityReason::LowContrast),
            (Measures { yaw: 50.0, ..FINE }, QualityReason::HeadTurned),
            (Measures { pitch: 20.0, ..FINE }, QualityReason::HeadTurned),
            (Measures { confidence: 0.6, ..FINE }, QualityReason::UnsureDetection),
            (Measures { inside: 0.8, ..FINE }, QualityReason::OutOfPicture),
            (Measures { eye: 0.0, ..FINE }, QualityReason::Occluded),
            (Measures { mouth: 0.0, ..FINE }, QualityReason::Occluded),
            (Measures { flat: 0.5, ..FINE }, QualityReason::NotAPhotograph),
            (Measures { certainty: Some(0.7), ..FINE }, QualityReason::HardToRecognize),
        ] {
            let quality = quality(&measures);
            assert!(quality.value < BEST as i32 - 80, "{quality:?}");
            assert_eq!(quality.reasons, [reason]);
        }
        let both = quality(&Measures { iod: 20.0, yaw: 40.0, ..FINE });
        assert_eq!(both.reasons, [QualityReason::EyesTooClose, QualityReason::HeadTurned]);
        assert!(both.value < 0, "{both:?}");
    }

    #[test]
    fn the_harder_of_two_judgements_counts() {
        let at = |certainty, iod| quality(&Measures { iod, certainty, ..FINE }).value;
        assert_eq!(at(None, 60.0), 250);
        assert_eq!(at(Some(1.0), 60.0), 250);
        assert_eq!(at(Some(0.7), 120.0), 50);
        assert_eq!(at(Some(0.7), 60.0), 25);
    }

    #[test]
    fn the_advised_distance_of_the_eyes_is_good_and_half_of_it_is_not() {
        let at = |iod| quality(&Measures { iod, ..FINE }).value;
        assert!(at(60.0) > 100 && (0..=100).contains(&at(30.0)) && at(5.0) < 0);
    }
}
