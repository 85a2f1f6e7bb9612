//! How good a face is for comparing, as one number, and what lowers it.
//!
//! A face without fault has [`BEST`]; every fault takes points away, by straight lines between the places stated
//! with it. Above 100 a face is good, below 0 another picture should be sent.

use crate::domain::face::Quality;
use crate::domain::face::QualityReason;
use crate::face::find::Found;
use crate::face::image::View;
use crate::face::mesh::Pose;
use crate::face::resample;
use crate::face::resample::Planes;

/// What a sharp, frontal, well-lit face has whose eyes are far apart.
const BEST: f32 = 350.0;
/// A fault that takes away less is not worth a word.
const REASON_MIN: f32 = 40.0;
/// Largest side of the square in which brightness and sharpness are measured: about the size at which the recognizer
/// sees the face. A smaller face is measured at its own size: that it is small is counted once, by its eyes.
const SQUARE_MAX: usize = 128;
/// Fewer pixels measure nothing.
const SQUARE_MIN: usize = 24;

/// Points lost for a measure: places on a line, in rising order of the measure; level outside.
type Curve = &'static [(f32, f32)];

/// Interocular distance in pixels. The contract advises 60; the recognizer's own input has 54, so that less
/// is made up by drawing lines between pixels, and 15 leave nothing of it. Twice the advice loses nothing.
const IOD: Curve = &[(0.0, 500.0), (15.0, 450.0), (30.0, 300.0), (60.0, 150.0), (120.0, 0.0)];
/// Detail: see [`Grey::detail`]. A studio portrait has 0.15; blurred by 1 pixel (standard deviation) of the square 0.06,
/// as press photographs have; by 2 pixels 0.03; by 4 pixels, where eyes and mouth are mere shadows, 0.02.
const DETAIL: Curve = &[(0.012, 400.0), (0.02, 280.0), (0.03, 120.0), (0.04, 40.0), (0.06, 0.0)];
/// Mean brightness of the face, 0..255.
const DARK: Curve = &[(15.0, 400.0), (40.0, 150.0), (70.0, 0.0)];
const BRIGHT: Curve = &[(190.0, 0.0), (225.0, 150.0), (245.0, 400.0)];
/// Standard deviation of brightness in the face: the features of a dark or a fair face alike give 25 and more.
const CONTRAST: Curve = &[(4.0, 400.0), (12.0, 150.0), (22.0, 0.0)];
/// Degrees away from the frontal pose: from 15 on cosines fall, at 60 one eye is out of sight.
const TURNED: Curve = &[(15.0, 0.0), (30.0, 80.0), (45.0, 220.0), (60.0, 400.0)];
/// The detector's confidence: faces that are plain to see have 0.8 and more.
const CONFIDENCE: Curve = &[(0.5, 200.0), (0.65, 80.0), (0.8, 0.0)];
/// Photographs of frontal faces have this pitch on average, in degrees: the mean mesh looks up a little.
const PITCH: f32 = 5.0;

/// What was measured on one face.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measures {
    /// Interocular distance in pixels.
    pub iod: f32,
    /// See [`Grey::detail`].
    pub detail: f32,
    /// 0..255
    pub brightness: f32,
    /// Standard deviation of brightness.
    pub contrast: f32,
    /// Degrees away from the frontal pose, sideways and up or down together.
    pub turned: f32,
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
    Measures {
        iod: found.mesh.eyes().iod(),
        detail: grey.detail(),
        brightness: mean,
        contrast: deviation,
        turned: found.mesh.pose().map_or(90.0, turned),
        confidence: found.detection.confidence,
    }
}

pub fn quality(measures: &Measures) -> Quality {
    let mut losses = [
        (QualityReason::EyesTooClose, lost(IOD, measures.iod)),
        (QualityReason::Blurred, lost(DETAIL, measures.detail)),
        (QualityReason::TooDark, lost(DARK, measures.brightness)),
        (QualityReason::TooBright, lost(BRIGHT, measures.brightness)),
        (QualityReason::LowContrast, lost(CONTRAST, measures.contrast)),
        (QualityReason::HeadTurned, lost(TURNED, measures.turned)),
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

fn turned(pose: Pose) -> f32 {
    pose.yaw.hypot(pose.pitch - PITCH)
}

/// The brightness of a square picture, 0..255.
struct Grey {
    values: Vec<f32>,
    side: usize,
}

impl Grey {
    /// ITU-R BT.601 luma of each pixel.
    fn new(planes: &Planes) -> Self {
        let (red, rest) = planes.values.split_at(planes.width * planes.height);
        let (green, blue) = rest.split_at(planes.width * planes.height);
        let luma = |((r, g), b): ((&f32, &f32), &f32)| 0.299 * r + 0.587 * g + 0.114 * b;
        Self { values: red.iter().zip(green).zip(blue).map(luma).collect(), side: planes.width }
    }

    /// The places in the middle, where the face is and the background is not.
    fn middle(&self) -> impl Iterator<Item = usize> {
        let (side, from, to) = (self.side, self.side / 6, self.side - self.side / 6);
        (from..to).flat_map(move |y| (from..to).map(move |x| y * side + x))
    }

    /// Of the middle.
    fn mean_and_deviation(&self) -> (f32, f32) {
        let count = self.middle().count() as f32;
        let mean = self.middle().map(|at| self.values[at]).sum::<f32>() / count;
        let squares = self.middle().map(|at| (self.values[at] - mean).powi(2)).sum::<f32>();
        (mean, (squares / count).sqrt())
    }

    /// How much of the brightness changes from pixel to pixel: the standard deviation of the differences between
    /// each pixel of the middle and the mean of its four neighbours, as a part of that of the pixels themselves.
    fn detail(&self) -> f32 {
        let (values, side) = (&self.values, self.side);
        let around = |at: usize| (values[at - 1] + values[at + 1] + values[at - side] + values[at + side]) / 4.0;
        let squares = self.middle().map(|at| (values[at] - around(at)).powi(2)).sum::<f32>();
        // Below one level of brightness there is nothing but noise.
        (squares / self.middle().count() as f32).sqrt() / self.mean_and_deviation().1.max(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FINE: Measures =
        Measures { iod: 130.0, detail: 0.2, brightness: 120.0, contrast: 50.0, turned: 5.0, confidence: 0.9 };

    #[test]
    fn a_face_without_fault_has_the_best_quality() {
        assert_eq!(quality(&FINE), Quality { value: BEST as i32, reasons: vec![] });
    }

    #[test]
    fn each_fault_lowers_it_and_is_named_worst_first() {
        for (measures, reason) in [
            (Measures { iod: 40.0, ..FINE }, QualityReason::EyesTooClose),
            (Measures { detail: 0.029, ..FINE }, QualityReason::Blurred),
            (Measures { brightness: 30.0, ..FINE }, QualityReason::TooDark),
            (Measures { brightness: 230.0, ..FINE }, QualityReason::TooBright),
            (Measures { contrast: 10.0, ..FINE }, QualityReason::LowContrast),
            (Measures { turned: 50.0, ..FINE }, QualityReason::HeadTurned),
            (Measures { confidence: 0.6, ..FINE }, QualityReason::UnsureDetection),
        ] {
            let quality = quality(&measures);
            assert!(quality.value < BEST as i32 - 80, "{quality:?}");
            assert_eq!(quality.reasons, [reason]);
        }
        let both = quality(&Measures { iod: 20.0, turned: 30.0, ..FINE });
        assert_eq!(both.reasons, [QualityReason::EyesTooClose, QualityReason::HeadTurned]);
        assert!(both.value < 0, "{both:?}");
    }

    #[test]
    fn the_advised_distance_of_the_eyes_is_good_and_half_of_it_is_not() {
        let at = |iod| quality(&Measures { iod, ..FINE }).value;
        assert!(at(60.0) > 100 && (0..=100).contains(&at(35.0)) && at(20.0) < 0);
    }

    #[test]
    fn smooth_pictures_have_little_detail() {
        let side = 96;
        let grey = |value: &dyn Fn(usize) -> f32| Grey { values: (0..side * side).map(value).collect(), side };
        let wave = |period: f32| {
            grey(&|at| 128.0 + 50.0 * ((at % side) as f32 * std::f32::consts::TAU / period).sin()).detail()
        };
        assert!(wave(4.0) > 0.4);
        assert!(wave(40.0) < 0.01);
        assert_eq!(grey(&|_| 7.0).detail(), 0.0);
    }
}
