//! How good a face is for comparing, as one number, and what lowers it.
//!
//! A face without fault has [`BEST`]; every fault takes points away, by straight lines between the places stated
//! with it. Above 100 a face is good, below 0 another picture should be sent.
//!
//! | measure | how | its name in ISO/IEC 29794-5:2025 |
//! |---|---|---|
//! | distance of the eyes | centres of the mesh's eyes, in space | inter-eye distance |
//! | detail | [`Grey::detail`] | sharpness |
//! | noise | [`Grey::noise`], Immerkær 1996 | - |
//! | blocks | [`blocks::measure`], Wang, Bovik and Evans 2000 | compression artifacts |
//! | brightness, contrast | mean and deviation of the face's luma | luminance mean, luminance variance |
//! | yaw, pitch | [`crate::mesh::Mesh::pose`], Procrustes | head pose |
//! | confidence | the detector's | face detection confidence |
//!
//! The places were set so that on LFW discarding the lowest leaves fewer false non-matches (`bioserver evaluate`
//! shows by how much), in round numbers, and so that copies of a photograph that were made worse fall in order.
//! Brightness loses nothing where dark skin in good light lies.

use crate::find::Found;
use crate::image::View;
use crate::mesh::Pose;
use crate::quality::grey::Grey;
use crate::resample;
use crate::values::picture::{Quality, QualityReason};

pub mod blocks;
pub mod grey;

/// What a sharp, frontal, well-lit face has whose eyes are far apart.
const BEST: f32 = 350.0;
/// A fault that takes away less is not worth a word.
const REASON_MIN: f32 = 40.0;
/// Largest side of the square in which brightness, noise and sharpness are measured: about the size at which the
/// recognizer sees the face. A smaller face is measured at its own size: that it is small is counted once, by its eyes.
const SQUARE_MAX: usize = 128;
/// Fewer pixels measure nothing.
const SQUARE_MIN: usize = 24;

/// Points lost for a measure: places on a line, in rising order of the measure; level outside.
type Curve = &'static [(f32, f32)];

/// Distance of the eyes in pixels. The contract advises 60; the recognizer's own input has 54, so that less
/// is made up by drawing lines between pixels, and 15 leave nothing of it. Twice the advice loses nothing.
const IOD: Curve = &[(0.0, 500.0), (15.0, 420.0), (30.0, 270.0), (60.0, 150.0), (120.0, 0.0)];
/// A studio portrait has 0.15, press photographs 0.07; blurred by 1 pixel (standard deviation) of the square 0.06, by 2
/// pixels 0.03; by 4 pixels, where eyes and mouth are mere shadows, 0.02.
const DETAIL: Curve = &[(0.012, 400.0), (0.02, 280.0), (0.03, 150.0), (0.045, 75.0), (0.06, 30.0), (0.08, 0.0)];
/// Levels of brightness, at the square's size: what a larger picture has more of is averaged away for the recognizer, too.
/// Skin and hair in a good picture pass for 1 to 3.
const NOISE: Curve = &[(3.0, 0.0), (6.0, 60.0), (12.0, 180.0), (30.0, 350.0)];
/// Good pictures have 1.1; JPEG at its quality 20 about 2.
const BLOCKS: Curve = &[(1.2, 0.0), (2.0, 60.0), (3.5, 130.0), (6.0, 250.0)];
/// Mean brightness of the face, 0..255.
const DARK: Curve = &[(15.0, 400.0), (40.0, 150.0), (70.0, 0.0)];
const BRIGHT: Curve = &[(190.0, 0.0), (225.0, 150.0), (245.0, 400.0)];
/// Standard deviation of brightness in the face: the features of a dark or a fair face alike give 25 and more.
const CONTRAST: Curve = &[(4.0, 400.0), (12.0, 150.0), (22.0, 0.0)];
/// Degrees to the side: at 60 one eye is out of sight.
const YAW: Curve = &[(15.0, 0.0), (30.0, 50.0), (45.0, 180.0), (60.0, 400.0)];
/// Degrees up or down from [`PITCH`]: these cost a recognizer more than as many to the side.
const PITCH_OFF: Curve = &[(6.0, 0.0), (16.0, 80.0), (26.0, 200.0), (40.0, 400.0)];
/// The detector's confidence: faces that are plain to see have 0.9.
const CONFIDENCE: Curve = &[(0.5, 200.0), (0.65, 80.0), (0.8, 30.0), (0.9, 0.0)];
/// Photographs of frontal faces have this pitch on average, in degrees: the mean mesh looks up a little.
const PITCH: f32 = 5.0;

/// What was measured on one face.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measures {
    /// Interocular distance in pixels, as if the head were not turned.
    pub iod: f32,
    /// See [`Grey::detail`].
    pub detail: f32,
    /// See [`Grey::noise`].
    pub noise: f32,
    /// See [`blocks::measure`].
    pub blocks: f32,
    /// 0..255
    pub brightness: f32,
    /// Standard deviation of brightness.
    pub contrast: f32,
    /// Degrees away from the frontal pose, either way.
    pub yaw: f32,
    pub pitch: f32,
    /// Of the detector, 0..1.
    pub confidence: f32,
}

/// The quality of the face that was found in `view`.
pub fn of(view: View, found: &Found) -> Quality {
    quality(&measures(view, found))
}

pub fn measures(view: View, found: &Found) -> Measures {
    let square = found.mesh.square_of(1.0);
    let side = (square.side as usize).clamp(SQUARE_MIN, SQUARE_MAX);
    let grey = Grey::new(&resample::warped(view, square.crop(side), side));
    let (mean, deviation) = grey.mean_and_deviation();
    let pose = found.mesh.pose().unwrap_or(Pose { yaw: 90.0, pitch: 90.0, roll: 0.0 });
    Measures {
        iod: found.mesh.iod(),
        detail: grey.detail(),
        noise: grey.noise(),
        blocks: blocks::measure(view, found.detection.face_box),
        brightness: mean,
        contrast: deviation,
        yaw: pose.yaw.abs(),
        pitch: (pose.pitch - PITCH).abs(),
        confidence: found.detection.confidence,
    }
}

pub fn quality(measures: &Measures) -> Quality {
    let mut losses = [
        (QualityReason::EyesTooClose, lost(IOD, measures.iod)),
        (QualityReason::Blurred, lost(DETAIL, measures.detail)),
        (QualityReason::Noisy, lost(NOISE, measures.noise)),
        (QualityReason::Compressed, lost(BLOCKS, measures.blocks)),
        (QualityReason::TooDark, lost(DARK, measures.brightness)),
        (QualityReason::TooBright, lost(BRIGHT, measures.brightness)),
        (QualityReason::LowContrast, lost(CONTRAST, measures.contrast)),
        (QualityReason::HeadTurned, lost(YAW, measures.yaw) + lost(PITCH_OFF, measures.pitch)),
        (QualityReason::UnsureDetection, lost(CONFIDENCE, measures.confidence)),
    ];
    losses.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    let value = BEST - losses.iter().map(|(_, lost)| lost).sum::<f32>();
    let reasons = losses.into_iter().filter(|(_, lost)| *lost >= REASON_MIN).map(|(reason, _)| reason).collect();
    Quality { value: value.round() as i32, reasons }
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
        noise: 3.0,
        blocks: 1.1,
        brightness: 120.0,
        contrast: 50.0,
        yaw: 5.0,
        pitch: 5.0,
        confidence: 0.95,
    };

    #[test]
    fn a_face_without_fault_has_the_best_quality() {
        assert_eq!(quality(&FINE), Quality { value: BEST as i32, reasons: vec![] });
    }

    #[test]
    fn each_fault_lowers_it_and_is_named_worst_first() {
        for (measures, reason) in [
            (Measures { iod: 40.0, ..FINE }, QualityReason::EyesTooClose),
            (Measures { detail: 0.029, ..FINE }, QualityReason::Blurred),
            (Measures { noise: 15.0, ..FINE }, QualityReason::Noisy),
            (Measures { blocks: 2.5, ..FINE }, QualityReason::Compressed),
            (Measures { brightness: 30.0, ..FINE }, QualityReason::TooDark),
            (Measures { brightness: 230.0, ..FINE }, QualityReason::TooBright),
            (Measures { contrast: 10.0, ..FINE }, QualityReason::LowContrast),
            (Measures { yaw: 50.0, ..FINE }, QualityReason::HeadTurned),
            (Measures { pitch: 20.0, ..FINE }, QualityReason::HeadTurned),
            (Measures { confidence: 0.6, ..FINE }, QualityReason::UnsureDetection),
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
    fn the_advised_distance_of_the_eyes_is_good_and_half_of_it_is_not() {
        let at = |iod| quality(&Measures { iod, ..FINE }).value;
        assert!(at(60.0) > 100 && (0..=100).contains(&at(30.0)) && at(20.0) < 0);
    }
}
