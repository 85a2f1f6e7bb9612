//! The motion of a head and a face over time.

use face::values::lights::LIGHT_MS;
use face::values::liveness::{Challenge, LivenessType};
use rand::RngExt;
use rand::rngs::StdRng;

use crate::performer::Performance;

/// A film continues for this long after the last colour of a screen.
const AFTER_LIGHT_MS: u32 = 500;

/// The position of a head, and the state of its face.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Pose {
    /// Degrees; positive if the nose points to the picture's right, or down, or if the head tilts clockwise.
    pub yaw: f32,
    pub pitch: f32,
    pub roll: f32,
    /// The head's shift, in widths of the face.
    pub x: f32,
    pub y: f32,
    /// The share by which the head is nearer to the camera.
    pub nearer: f32,
    /// 0 is as open as in the photograph, 1 is closed.
    pub lids: f32,
    /// 0 is as closed as in the photograph, 1 is wide open.
    pub mouth: f32,
}

/// A movement: it rises, is held, and falls.
#[derive(Debug, Clone, Copy)]
struct Movement {
    start_s: f32,
    rise_s: f32,
    hold_s: f32,
    what: Pose,
}

impl Movement {
    fn end_s(&self) -> f32 {
        self.start_s + 2.0 * self.rise_s + self.hold_s
    }

    /// Returns the strength of the movement at a time, in 0..1.
    fn strength(&self, t_s: f32) -> f32 {
        let up = (t_s - self.start_s) / self.rise_s;
        let down = (self.end_s() - t_s) / self.rise_s;
        let line = up.min(down).clamp(0.0, 1.0);
        line * line * (3.0 - 2.0 * line)
    }
}

/// Everything that happens before the camera.
#[derive(Debug, Clone)]
pub struct Film {
    movements: Vec<Movement>,
    /// Involuntary slow sway, separate for each part of the pose.
    sway: [Sway; 6],
    length_s: f32,
    frame_s: f32,
}

#[derive(Debug, Clone, Copy)]
struct Sway {
    size: f32,
    rates_hz: [f32; 3],
    phases: [f32; 3],
}

impl Sway {
    fn new(size: f32, random: &mut StdRng) -> Self {
        Self {
            size: size * random.random_range(0.6..1.4),
            rates_hz: [0.15, 0.4, 0.9].map(|rate: f32| rate * random.random_range(0.7..1.4)),
            phases: std::array::from_fn(|_| random.random_range(0.0..std::f32::consts::TAU)),
        }
    }

    fn at(&self, t_s: f32) -> f32 {
        let waves = self.rates_hz.iter().zip(self.phases).zip([0.6, 0.3, 0.15]);
        self.size
            * waves.map(|((rate, phase), part)| part * (std::f32::consts::TAU * rate * t_s + phase).sin()).sum::<f32>()
    }
}

impl Film {
    pub fn of(performance: &Performance, random: &mut StdRng) -> Self {
        let sway = [1.6, 1.2, 1.0, 0.02, 0.015, 0.015].map(|size| Sway::new(size, random));
        let frame_s = performance.frame_ms as f32 / 1000.0;
        let mut film = Self { movements: vec![], sway, length_s: 0.0, frame_s };
        match performance.asked.liveness_type {
            LivenessType::Active => film.challenges(&performance.asked.challenges, random),
            LivenessType::Passive => film.length_s = 1.0,
            LivenessType::PassiveVideo => {
                let lit_ms = performance.asked.lights.last().map_or(0, |last| last.from_ms + LIGHT_MS + AFTER_LIGHT_MS);
                film.length_s = (lit_ms as f32 / 1000.0).max(3.0);
                film.blink(random.random_range(0.6..2.2), random);
            }
        }
        film
    }

    fn challenges(&mut self, challenges: &[Challenge], random: &mut StdRng) {
        let mut t_s = random.random_range(0.8..1.2);
        for challenge in challenges {
            t_s = self.challenge(*challenge, t_s, random) + random.random_range(0.6..1.0);
        }
        self.length_s = t_s + 0.2;
    }

    /// Performs a challenge; returns the time at which it ends.
    fn challenge(&mut self, challenge: Challenge, start_s: f32, random: &mut StdRng) -> f32 {
        let yaw = random.random_range(23.0..32.0);
        let pitch = random.random_range(17.0..23.0);
        let still = Pose::default();
        let what = match challenge {
            Challenge::TurnLeft => Pose { yaw, pitch: random.random_range(-3.0..3.0), ..still },
            Challenge::TurnRight => Pose { yaw: -yaw, pitch: random.random_range(-3.0..3.0), ..still },
            Challenge::LookUp => Pose { pitch: -pitch, yaw: random.random_range(-3.0..3.0), ..still },
            Challenge::LookDown => Pose { pitch, yaw: random.random_range(-3.0..3.0), ..still },
            Challenge::OpenMouth => Pose { mouth: random.random_range(0.75..1.0), ..still },
            Challenge::Blink => return self.blink(start_s, random),
        };
        let movement =
            Movement { start_s, rise_s: random.random_range(0.35..0.6), hold_s: random.random_range(0.3..0.6), what };
        self.movements.push(movement);
        movement.end_s()
    }

    /// Blinks deliberately, as people do on request: longer than in a natural blink.
    fn blink(&mut self, start_s: f32, random: &mut StdRng) -> f32 {
        let what = Pose { lids: random.random_range(0.92..1.0), ..Pose::default() };
        let movement = Movement { start_s, rise_s: 0.12, hold_s: random.random_range(0.2..0.35), what };
        self.movements.push(movement);
        movement.end_s()
    }

    pub fn frames(&self) -> u32 {
        (self.length_s / self.frame_s).round() as u32
    }

    pub fn pose(&self, frame: u32) -> Pose {
        let t_s = frame as f32 * self.frame_s;
        let [yaw, pitch, roll, x, y, nearer] = self.sway.map(|sway| sway.at(t_s));
        let mut pose = Pose { yaw, pitch, roll, x, y, nearer, ..Pose::default() };
        for movement in &self.movements {
            let (strength, what) = (movement.strength(t_s), movement.what);
            pose.yaw += strength * what.yaw;
            pose.pitch += strength * what.pitch;
            pose.lids += strength * what.lids;
            pose.mouth += strength * what.mouth;
        }
        pose
    }

    /// Returns the motion of a hand that holds a sheet or a display: slower and wider than a head's sway.
    pub fn of_a_hand(held: &Self, random: &mut StdRng) -> Self {
        let sway = [9.0, 7.0, 2.5, 0.12, 0.08, 0.08].map(|size| Sway::new(size, random));
        Self { movements: vec![], sway, ..*held }
    }
}
