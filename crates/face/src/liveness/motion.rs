//! Measures whether a face's points move over a film as those of a living head do.

use std::collections::BTreeMap;

use nalgebra::{Matrix2, Vector2};
use serde::Serialize;

use crate::liveness::flat;
use crate::liveness::track::Shot;
use crate::values::picture::Point;

/// Noise of the landmark network and of a camera, in interocular distances. It does not count as speed.
const UNREST: f32 = 0.05;
/// The shortest time that a speed is taken over: between two frames in quick succession it looks higher than it is. It
/// is below a tenth of a second, since cameras that take ten frames a second are a little early or late.
const STRIDE_MS: u32 = 80;
/// A swing speeds up and slows down: before and after its fastest part it moves at this share of the speed at least.
const SWING: f32 = 0.25;
/// Shots within this time are averaged before their shapes are compared, so that a camera that takes more shows no
/// more.
const SAMPLE_MS: u32 = 200;
/// Samples in each part of a film; the parts are compared.
const PART_SAMPLES: usize = 3;
/// A smaller change is none, in interocular distances: in a still, the network's crop alone moves this much.
const CHANGE_MIN: f64 = 1e-3;
/// Heads that turn less to the side show too little of their relief, and a change of expression looks like it; degrees.
const TURN_MIN: f32 = 15.0;
/// Points are averaged over this time: the network's noise is larger than the residual of a flat picture.
const AVERAGED_MS: u32 = 300;

/// The speed of a face, in interocular distances a second.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Speed {
    pub max: f32,
    /// The highest speed that comes from rest and ends in rest: that of a jump, not of a swing.
    pub jump: f32,
}

pub fn speed(shots: &[Shot]) -> Speed {
    let mut strides = vec![0.0];
    let mut from = 0;
    for to in 1..shots.len() {
        let ms = shots[to].t_ms.saturating_sub(shots[from].t_ms);
        if ms >= STRIDE_MS {
            strides.push((distance(&shots[from], &shots[to]) - UNREST).max(0.0) / (ms as f32 / 1000.0));
            from = to;
        }
    }
    strides.push(0.0);
    let is_jump = |stride: &&[f32]| stride[0].max(stride[2]) < SWING * stride[1];
    Speed {
        max: strides.iter().copied().fold(0.0, f32::max),
        jump: strides.windows(3).filter(is_jump).map(|stride| stride[1]).fold(0.0, f32::max),
    }
}

/// Returns the mean distance of a face's points in two shots, in interocular distances.
fn distance(one: &Shot, other: &Shot) -> f32 {
    let distance = |(a, b): (&Point, &Point)| (a.x - b.x).hypot(a.y - b.y);
    let total: f32 = one.points.iter().zip(&other.points).map(distance).sum();
    total / one.points.len().max(1) as f32 / one.iod.max(1.0)
}

/// The change of a face's shape over a film.
///
/// The shape is the residual of the best affine map that brings the points to their mean places, so shifts, zooms and
/// shears of a still picture do not change it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Stir {
    /// The variance between parts as a ratio to the variance within them (the F of an analysis of variance): about 1 if
    /// only noise changes, more if the face lives.
    pub ratio: f32,
    /// The largest distance between the shapes of two parts: root mean square over the points, in interocular
    /// distances.
    pub change: f32,
}

/// Returns `None` if the film is too short for two parts.
pub fn stir(shots: &[Shot]) -> Option<Stir> {
    let mean = mean_points(shots)?;
    let unit = shots.iter().map(|shot| f64::from(shot.iod)).sum::<f64>() / shots.len() as f64;
    let shapes: Vec<Shape> = shots.iter().map(|shot| off(&shot.points, &mean, unit)).collect();
    let start = shots[0].t_ms;
    let mut samples: BTreeMap<u32, Vec<Shape>> = BTreeMap::new();
    for (shot, shape) in shots.iter().zip(shapes) {
        samples.entry(shot.t_ms.saturating_sub(start) / SAMPLE_MS).or_default().push(shape);
    }
    let samples: Vec<Shape> = samples.values().map(|shapes| mean_shape(shapes)).collect();
    let parts: Vec<&[Shape]> = samples.chunks_exact(PART_SAMPLES).collect();
    if parts.len() < 2 {
        return None;
    }
    let means: Vec<Shape> = parts.iter().map(|part| mean_shape(part)).collect();
    let whole = mean_shape(&means);
    let between = means.iter().map(|own| PART_SAMPLES as f64 * squares(own, &whole)).sum::<f64>();
    let own = parts.iter().zip(&means);
    let within = own.flat_map(|(part, own)| part.iter().map(move |shape| squares(shape, own))).sum::<f64>();
    let floor = 2.0 * mean.len() as f64 * CHANGE_MIN.powi(2);
    let of_noise = within / (parts.len() * (PART_SAMPLES - 1)) as f64 + floor;
    let pairs = means.iter().enumerate().flat_map(|(place, one)| means[..place].iter().map(move |other| (one, other)));
    let furthest = pairs.map(|(one, other)| squares(one, other)).fold(0.0, f64::max);
    Some(Stir {
        ratio: (between / (parts.len() - 1) as f64 / of_noise) as f32,
        change: (furthest / mean.len() as f64).sqrt() as f32,
    })
}

/// Returns the range of the mouth's opening over a film, in its own width: from the 10th to the 90th percentile, since
/// a few shots are misread.
pub fn mouth(shots: &[Shot]) -> f32 {
    let mouth = |shot: &Shot| shot.mouth;
    tenth(shots, mouth, 9) - tenth(shots, mouth, 1)
}

/// Returns the 90th percentile of the eyes' opening over a film, in their own width; zero without shots.
pub fn eyes(shots: &[Shot]) -> f32 {
    tenth(shots, |shot| shot.eyes, 9)
}

/// Returns the value that this many tenths of the shots do not exceed.
fn tenth(shots: &[Shot], value: impl Fn(&Shot) -> f32, tenths: usize) -> f32 {
    let mut values: Vec<f32> = shots.iter().map(value).collect();
    values.sort_by(f32::total_cmp);
    values.get(tenths * values.len().saturating_sub(1) / 10).copied().unwrap_or(0.0)
}

/// Points relative to their mean.
type Shape = Vec<Vector2<f64>>;

/// Returns the residuals of the best affine map from `points` to `mean`, in units of `unit`.
fn off(points: &[Point], mean: &[Point], unit: f64) -> Shape {
    let (from, to) = (centred(points), centred(mean));
    let (mut across, mut own) = (Matrix2::zeros(), Matrix2::zeros());
    for (f, t) in from.iter().zip(&to) {
        across += t * f.transpose();
        own += f * f.transpose();
    }
    let map = own.try_inverse().map_or_else(Matrix2::identity, |inverse| across * inverse);
    from.iter().zip(&to).map(|(f, t)| (map * f - t) / unit.max(1.0)).collect()
}

fn centred(points: &[Point]) -> Shape {
    let vectors: Vec<_> = points.iter().map(|point| Vector2::new(f64::from(point.x), f64::from(point.y))).collect();
    let middle = vectors.iter().sum::<Vector2<f64>>() / vectors.len().max(1) as f64;
    vectors.into_iter().map(|vector| vector - middle).collect()
}

fn mean_shape(shapes: &[Shape]) -> Shape {
    let count = shapes.len() as f64;
    (0..shapes[0].len()).map(|at| shapes.iter().map(|shape| shape[at]).sum::<Vector2<f64>>() / count).collect()
}

fn squares(one: &[Vector2<f64>], other: &[Vector2<f64>]) -> f64 {
    one.iter().zip(other).map(|(a, b)| (a - b).norm_squared()).sum()
}

/// Returns the mean of each point over the shots; `None` without shots.
fn mean_points(shots: &[Shot]) -> Option<Vec<Point>> {
    let count = shots.len() as f32;
    let sum = |at: usize, value: fn(&Point) -> f32| shots.iter().map(|shot| value(&shot.points[at])).sum::<f32>();
    let point = |at: usize| Point { x: sum(at, |point| point.x) / count, y: sum(at, |point| point.y) / count };
    Some((0..shots.first()?.points.len()).map(point).collect())
}

/// Returns the homography residual between the first view of a face and the view turned most to a side from it: root
/// mean square in interocular distances, for a turn by one radian. `None` if the head hardly turns.
pub fn relief(shots: &[Shot]) -> Option<f32> {
    let first = shots.first()?;
    let turn = |shot: &Shot| (shot.yaw - first.yaw).abs();
    let most = shots.iter().max_by(|a, b| turn(a).total_cmp(&turn(b)))?;
    let degrees = turn(most);
    if degrees < TURN_MIN {
        return None;
    }
    let around = |t_ms: u32| shots.iter().filter(move |shot| shot.t_ms.abs_diff(t_ms) <= AVERAGED_MS / 2).cloned();
    let from = mean_points(&around(first.t_ms).collect::<Vec<_>>())?;
    let to = mean_points(&around(most.t_ms).collect::<Vec<_>>())?;
    let left = flat::residual(&from, &to, first.iod)?;
    Some(left / degrees.to_radians())
}

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::{RngExt, SeedableRng};

    use super::*;
    use crate::liveness::assert_documented;

    #[test]
    fn the_documented_turn_is_this() {
        assert_documented(&format!("where the head turns aside by {TURN_MIN}°"));
    }

    const IOD: f32 = 90.0;

    /// Makes a film of points on a ball. `turn` gives the yaw in degrees by the time in seconds; `noise` is in pixels.
    fn film(turn: impl Fn(f32) -> f32, depth: f32, noise: f32) -> Vec<Shot> {
        let mut random = StdRng::seed_from_u64(3);
        let shot = |place: usize| {
            let t_ms = 100 * place as u32;
            let yaw = turn(t_ms as f32 / 1000.0);
            let (sin, cos) = yaw.to_radians().sin_cos();
            let mut point = |at: usize| {
                let (x, y) = ((at % 5) as f32 * 40.0 - 80.0, (at / 5) as f32 * 40.0 - 80.0);
                let z = -depth * (1.0 - (x * x + y * y) / 15_000.0);
                let scale = 900.0 / (900.0 + sin * x + cos * z);
                let mut moved = |value: f32| 300.0 + value * scale + noise * random.random_range(-1.0..1.0f32);
                Point { x: moved(cos * x - sin * z), y: moved(y) }
            };
            let points = (0..25).map(&mut point).collect();
            Shot { frame: place, t_ms, yaw, pitch: 0.0, roll: 0.0, eyes: 0.3, mouth: 0.0, iod: IOD, points }
        };
        (0..30).map(shot).collect()
    }

    #[test]
    fn noise_is_told_from_life() {
        let stir = |shots: &[Shot]| stir(shots).expect("it is long enough");
        let sway = |t_s: f32| 2.0 * (2.0 * t_s).sin();
        let living = stir(&film(sway, 80.0, 0.5));
        assert!(living.ratio > 4.0 && living.change > 0.01, "{living:?}");
        let still = film(|_| 0.0, 80.0, 0.5);
        assert!(stir(&still).ratio < 1.5, "{:?}", stir(&still));
        // Neither shifting and zooming a still nor repeating one picture makes it live.
        let mut moved = still.clone();
        for (place, shot) in moved.iter_mut().enumerate() {
            let (zoom, shift) = (1.0 + 0.004 * place as f32, 1.5 * place as f32);
            shot.points.iter_mut().for_each(|point| *point = Point { x: point.x * zoom + shift, y: point.y * zoom });
        }
        assert!(stir(&moved).ratio < 1.5, "{:?}", stir(&moved));
        assert!(stir(&film(|_| 0.0, 80.0, 0.0)).ratio < 0.1);
        assert_eq!(super::stir(&still[..9]), None);
    }

    #[test]
    fn heads_have_relief_and_pictures_have_none() {
        let turn = |t_s: f32| (20.0 * t_s).min(25.0);
        let (head, picture) = (relief(&film(turn, 80.0, 0.3)), relief(&film(turn, 0.0, 0.3)));
        assert!(head.is_some_and(|relief| relief > 0.1), "{head:?}");
        assert!(picture.is_some_and(|relief| relief < 0.04), "{picture:?}");
        assert_eq!(relief(&film(|t_s| t_s, 80.0, 0.3)), None);
        assert_eq!(relief(&[]), None);
    }

    #[test]
    fn speed_is_distance_over_time_and_jumps_are_told_from_swings() {
        let mut shots = film(|_| 0.0, 80.0, 0.0);
        assert_eq!(speed(&shots), Speed::default());
        let moved = |shots: &mut [Shot], by: f32| {
            shots.iter_mut().flat_map(|shot| &mut shot.points).for_each(|point| point.x += by * IOD);
        };
        moved(&mut shots[20..], 1.0);
        let fast = (1.0 - UNREST) / 0.1;
        assert!((speed(&shots).jump - fast).abs() < 0.01, "{:?}", speed(&shots));
        // There is now a slower stride before the fast one, and another after it.
        moved(&mut shots[19..], 0.4);
        moved(&mut shots[21..], 0.4);
        let swing = speed(&shots);
        assert!((swing.max - fast).abs() < 0.01 && swing.jump == 0.0, "{swing:?}");
        // Frames in quick succession count together.
        let twice: Vec<Shot> =
            shots.iter().flat_map(|shot| [shot.clone(), Shot { t_ms: shot.t_ms + 20, ..shot.clone() }]).collect();
        assert!((speed(&twice).max - fast).abs() < 0.3 * fast, "{:?}", speed(&twice));
    }
}
