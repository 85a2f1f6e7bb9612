//! A performer animates a portrait before a simulated camera, and stages attacks in the same way. It serves trials,
//! tests and demonstrations of liveness; all of it is synthetic.
//!
//! A sheet of triangles carries the photograph. In its middle is the face's mesh, with the depths from the landmark
//! network; around it are points that follow the head less the further away they are. Heads turn, lids and lips move;
//! the background stays. The same seed gives the same bytes.

use face::Asked;
use face::values::liveness::Frame;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::performer::camera::Camera;
use crate::performer::glow::Glow;
use crate::performer::motion::Film;
use crate::performer::portrait::Portrait;

pub mod attack;
pub mod camera;
pub mod glow;
pub mod landmarks;
pub mod motion;
pub mod portrait;
pub mod raster;
pub mod setting;
pub mod triangulate;

/// Milliseconds between frames of a camera with ten frames a second.
pub const FRAME_MS: u32 = 100;

/// Defines what a person does before the camera.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Performance {
    /// The person does what this asks for.
    pub asked: Asked,
    /// Determines how this person moves and how the camera sees it.
    pub seed: u64,
    /// Milliseconds between frames.
    pub frame_ms: u32,
}

/// Films the person of the portrait, who does what the check asks for.
pub fn perform(portrait: &Portrait, performance: &Performance) -> Vec<Frame> {
    let mut random = StdRng::seed_from_u64(performance.seed);
    let film = Film::of(performance, &mut random);
    let mut camera = Camera::new(&mut random);
    let glow = Glow::new(performance);
    let shot = |number: u32| camera.shot(&portrait.lit(&film.pose(number), glow.at(number * performance.frame_ms)));
    frames(performance.frame_ms, (0..film.frames()).map(shot))
}

/// Makes frames of pictures, with the timestamps of a camera with a little jitter.
fn frames(frame_ms: u32, shots: impl Iterator<Item = bytes::Bytes>) -> Vec<Frame> {
    let mut random = StdRng::seed_from_u64(1);
    let mut jitter = |number: u32| if number == 0 { 0 } else { random.random_range(0..frame_ms / 5) };
    shots.zip(0..).map(|(jpeg, number)| Frame { t_ms: number * frame_ms + jitter(number), jpeg }).collect()
}

#[cfg(test)]
mod tests;
