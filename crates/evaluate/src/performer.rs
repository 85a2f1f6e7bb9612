//! A performer: a portrait that is made to move, filmed by a camera that is made up, and the attacks that can be made the
//! same way. For trials, tests and demonstrations of liveness; all of it is synthetic.
//!
//! A sheet of triangles carries the photograph: the face's mesh in the middle, with the depths that the landmark network
//! gives it, and around it points that move with the head the less the further away they are. Heads turn, lids and lips
//! move; what is behind stays. The same seed gives the same bytes.

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

/// Milliseconds from one frame to the next of a camera that takes ten a second.
pub const FRAME_MS: u32 = 100;

/// What a person shows the camera.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Performance {
    /// The person does what this asks for.
    pub asked: Asked,
    /// How this person moves, and how the camera sees it.
    pub seed: u64,
    /// Milliseconds from one frame to the next.
    pub frame_ms: u32,
}

/// A film of the person of the portrait, who does what is asked.
pub fn perform(portrait: &Portrait, performance: &Performance) -> Vec<Frame> {
    let mut random = StdRng::seed_from_u64(performance.seed);
    let film = Film::of(performance, &mut random);
    let mut camera = Camera::new(&mut random);
    let glow = Glow::new(performance);
    let shot = |number: u32| camera.shot(&portrait.lit(&film.pose(number), glow.at(number * performance.frame_ms)));
    frames(performance.frame_ms, (0..film.frames()).map(shot))
}

/// Pictures as frames, at the times that a camera with a little jitter takes them.
fn frames(frame_ms: u32, shots: impl Iterator<Item = bytes::Bytes>) -> Vec<Frame> {
    let mut random = StdRng::seed_from_u64(1);
    let mut jitter = |number: u32| if number == 0 { 0 } else { random.random_range(0..frame_ms / 5) };
    shots.zip(0..).map(|(jpeg, number)| Frame { t_ms: number * frame_ms + jitter(number), jpeg }).collect()
}

#[cfg(test)]
mod tests;
