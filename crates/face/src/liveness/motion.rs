//! How a face's points move over a film: whether they can be a living head's.

use nalgebra::{Matrix2, Vector2};

use crate::liveness::flat;
use crate::liveness::track::Shot;
use crate::values::picture::Point;

/// The landmark network's own unrest, and a camera's: distances of the eyes. No speed is made of it.
const UNREST: f32 = 0.05;
/// Shots that a part of a film has at least, where it is asked whether the parts differ.
const PART_SHOTS: usize = 5;
const PARTS_MAX: usize = 12;
/// Less than this, in distances of the eyes, is no change: of pictures that are all the same the network's crop alone moves.
const CHANGE_MIN: f64 = 1e-3;
/// Heads that turn by less show nothing of their relief; degrees.
const TURN_MIN: f32 = 9.0;
/// Points are averaged over so many shots: the network's unrest is larger than what a flat picture leaves.
const AVERAGED: usize = 3;

/// The highest speed of a face from one shot to the next, in distances of the eyes a second.
pub fn speed_max(shots: &[Shot]) -> f32 {
    let speed = |pair: &[Shot]| {
        let seconds = pair[1].t_ms.saturating_sub(pair[0].t_ms).max(1) as f32 / 1000.0;
        (distance(&pair[0], &pair[1]) - UNREST).max(0.0) / seconds
    };
    shots.windows(2).map(speed).fold(0.0, f32::max)
}

/// The mean distance of a face's points in two shots, in distances of the eyes.
fn distance(one: &Shot, other: &Shot) -> f32 {
    let distance = |(a, b): (&Point, &Point)| (a.x - b.x).hypot(a.y - b.y);
    let total: f32 = one.points.iter().zip(&other.points).map(distance).sum();
    total / one.points.len().max(1) as f32 / one.iod.max(1.0)
}

/// How much more a face's shape changes from part to part of a film than within the parts, as a ratio of variances
/// (the F of an analysis of variance): about 1 where noise is all that changes, more where the face lives. `None` of a
/// film too short for two parts.
///
/// The shape is where the points lie once the best affine map has brought them to their mean places: to shift, zoom or
/// shear a still picture changes nothing.
pub fn stir(shots: &[Shot]) -> Option<f32> {
    let parts = (shots.len() / PART_SHOTS).min(PARTS_MAX);
    if parts < 2 {
        return None;
    }
    let unit = shots.iter().map(|shot| f64::from(shot.iod)).sum::<f64>() / shots.len() as f64;
    let mean = mean_points(shots);
    let shapes: Vec<Vec<Vector2<f64>>> = shots.iter().map(|shot| off(&shot.points, &mean, unit)).collect();
    let whole = mean_shape(&shapes);
    let (mut between, mut within) = (0.0, 0.0);
    for part in 0..parts {
        let part = &shapes[part * shapes.len() / parts..(part + 1) * shapes.len() / parts];
        let own = mean_shape(part);
        between += part.len() as f64 * squares(&own, &whole);
        within += part.iter().map(|shape| squares(shape, &own)).sum::<f64>();
    }
    let floor = 2.0 * mean.len() as f64 * CHANGE_MIN.powi(2);
    let of_noise = within / (shapes.len() - parts) as f64 + floor;
    Some((between / (parts - 1) as f64 / of_noise) as f32)
}

/// Where the best affine map takes points, seen from where they are to lie, in units of `unit`.
fn off(points: &[Point], mean: &[Point], unit: f64) -> Vec<Vector2<f64>> {
    let (from, to) = (centred(points), centred(mean));
    let (mut across, mut own) = (Matrix2::zeros(), Matrix2::zeros());
    for (f, t) in from.iter().zip(&to) {
        across += t * f.transpose();
        own += f * f.transpose();
    }
    let map = own.try_inverse().map_or_else(Matrix2::identity, |inverse| across * inverse);
    from.iter().zip(&to).map(|(f, t)| (map * f - t) / unit.max(1.0)).collect()
}

fn centred(points: &[Point]) -> Vec<Vector2<f64>> {
    let vectors: Vec<_> = points.iter().map(|point| Vector2::new(f64::from(point.x), f64::from(point.y))).collect();
    let middle = vectors.iter().sum::<Vector2<f64>>() / vectors.len().max(1) as f64;
    vectors.into_iter().map(|vector| vector - middle).collect()
}

fn mean_shape(shapes: &[Vec<Vector2<f64>>]) -> Vec<Vector2<f64>> {
    let count = shapes.len() as f64;
    (0..shapes[0].len()).map(|at| shapes.iter().map(|shape| shape[at]).sum::<Vector2<f64>>() / count).collect()
}

fn squares(one: &[Vector2<f64>], other: &[Vector2<f64>]) -> f64 {
    one.iter().zip(other).map(|(a, b)| (a - b).norm_squared()).sum()
}

fn mean_points(shots: &[Shot]) -> Vec<Point> {
    let count = shots.len() as f32;
    let sum = |at: usize, value: fn(&Point) -> f32| shots.iter().map(|shot| value(&shot.points[at])).sum::<f32>();
    let point = |at: usize| Point { x: sum(at, |point| point.x) / count, y: sum(at, |point| point.y) / count };
    (0..shots[0].points.len()).map(point).collect()
}

/// What the best homography leaves between the first view of a face and the one that is turned most from it: its root
/// mean square in distances of the eyes, for a turn by one radian. `None` where the head hardly turns.
pub fn relief(shots: &[Shot]) -> Option<f32> {
    let first = shots.first()?;
    let turn = |shot: &Shot| (shot.yaw - first.yaw).hypot(shot.pitch - first.pitch);
    let (place, most) = shots.iter().enumerate().max_by(|(_, a), (_, b)| turn(a).total_cmp(&turn(b)))?;
    let degrees = turn(most);
    if degrees < TURN_MIN {
        return None;
    }
    let around = place.saturating_sub(AVERAGED / 2)..(place + AVERAGED / 2 + 1).min(shots.len());
    let from = mean_points(&shots[..AVERAGED.min(place)]);
    let left = flat::residual(&from, &mean_points(&shots[around]), first.iod)?;
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
        assert_documented(&format!("where the head turns by {TURN_MIN}°"));
    }

    const IOD: f32 = 90.0;

    /// A film of a face whose points, on a ball, are seen at a turn by time in seconds and moved by noise in pixels.
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
        let sway = |t_s: f32| 2.0 * (2.0 * t_s).sin();
        assert!(stir(&film(sway, 80.0, 0.5)).is_some_and(|stir| stir > 4.0), "{:?}", stir(&film(sway, 80.0, 0.5)));
        let still = film(|_| 0.0, 80.0, 0.5);
        assert!(stir(&still).is_some_and(|stir| stir < 1.5), "{:?}", stir(&still));
        // Neither do shifting and zooming it make it live, nor does repeating one picture.
        let mut moved = still.clone();
        for (place, shot) in moved.iter_mut().enumerate() {
            let (zoom, shift) = (1.0 + 0.004 * place as f32, 1.5 * place as f32);
            shot.points.iter_mut().for_each(|point| *point = Point { x: point.x * zoom + shift, y: point.y * zoom });
        }
        assert!(stir(&moved).is_some_and(|stir| stir < 1.5), "{:?}", stir(&moved));
        assert!(stir(&film(|_| 0.0, 80.0, 0.0)).is_some_and(|stir| stir < 0.1));
        assert_eq!(stir(&still[..9]), None);
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
    fn speed_is_distance_over_time() {
        let mut shots = film(|_| 0.0, 80.0, 0.0);
        assert_eq!(speed_max(&shots), 0.0);
        shots[20].points.iter_mut().for_each(|point| point.x += IOD);
        let speed = speed_max(&shots);
        assert!((speed - (1.0 - UNREST) / 0.1).abs() < 0.01, "{speed}");
    }
}
