//! Attacks: artefacts that are held before a camera in place of a person, and films that were tampered with.

use face::Asked;
use face::values::lights::lights;
use face::values::liveness::{Challenge, Frame, LivenessType};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use strum::{IntoStaticStr, VariantArray};

use crate::performer::camera::Camera;
use crate::performer::glow::Glow;
use crate::performer::motion::{Film, Pose};
use crate::performer::portrait::{HEIGHT, Portrait, WIDTH};
use crate::performer::raster::{self, Canvas, Vertex};
use crate::performer::{self, Performance};

/// A kind of attack (ISO/IEC 30107-3: an attack instrument species, or an attack on the capture itself).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "lowercase")]
pub enum Attack {
    /// A print, moved, tilted and bent by a hand.
    Print,
    /// A display in a hand that shows a film of the person doing something other than the check asks for.
    Screen,
    /// A display in a hand that shows a photograph.
    #[strum(serialize = "screen, still")]
    ScreenStill,
    /// A single picture repeated, with a camera's noise.
    Still,
    /// A film of the person that was made for other challenges or other light, injected in place of the camera.
    Replayed,
    /// The challenges that the check asks for, in another order.
    #[strum(serialize = "wrong order")]
    WrongOrder,
    /// A film that switches from one person to another.
    #[strum(serialize = "two people")]
    TwoPeople,
    /// A film with two of its parts swapped.
    Reordered,
    /// A film with a part cut from its middle.
    Dropped,
}

face::named!(Attack);

impl Attack {
    /// True if it is an attack on this kind of check: a replayed film is an attack only if the check asks for
    /// challenges or light, and frame order matters only for films.
    pub fn concerns(self, asked: &Asked) -> bool {
        match self {
            Self::Print | Self::Screen | Self::ScreenStill | Self::Still => true,
            Self::TwoPeople | Self::Reordered | Self::Dropped => asked.liveness_type != LivenessType::Passive,
            Self::Replayed => asked.liveness_type == LivenessType::Active || !asked.lights.is_empty(),
            Self::WrongOrder => asked.liveness_type == LivenessType::Active,
        }
    }
}

/// A check's seed is positive.
const OTHER: i32 = -1;

/// Stages an attack on the check that `performance` would pass. `other` is a second person.
pub fn attack(attack: Attack, portrait: &Portrait, other: &Portrait, performance: &Performance) -> Vec<Frame> {
    let mut random = StdRng::seed_from_u64(performance.seed ^ 0xa77a_c4ed);
    match attack {
        Attack::Print => held(&Sheet::print(portrait, &mut random), performance, &mut random),
        Attack::Screen => {
            let film = Film::of(&asked_otherwise(performance), &mut random);
            held(&Sheet::screen(|frame| portrait.drawn(&film.pose(frame)), &mut random), performance, &mut random)
        }
        Attack::ScreenStill => {
            held(&Sheet::screen(|_| portrait.drawn(&Pose::default()), &mut random), performance, &mut random)
        }
        Attack::Still => {
            let mut camera = Camera::new(&mut random);
            let shown = portrait.drawn(&Pose::default());
            let count = Film::of(performance, &mut random).frames();
            performer::frames(performance.frame_ms, (0..count).map(|_| camera.shot(&shown)))
        }
        Attack::Replayed => performer::perform(portrait, &asked_otherwise(performance)),
        Attack::WrongOrder => performer::perform(portrait, &in_wrong_order(performance)),
        Attack::TwoPeople => {
            let (mut frames, others) =
                (performer::perform(portrait, performance), performer::perform(other, performance));
            let half = frames.len() / 2;
            for (frame, other) in frames.iter_mut().zip(others).skip(half) {
                frame.jpeg = other.jpeg;
            }
            frames
        }
        Attack::Reordered => {
            let mut frames = performer::perform(portrait, performance);
            let third = frames.len() / 3;
            for place in 0..third {
                let jpeg = frames[place].jpeg.clone();
                frames[place].jpeg = std::mem::replace(&mut frames[place + third].jpeg, jpeg);
            }
            frames
        }
        Attack::Dropped => {
            let mut frames = performer::perform(portrait, performance);
            let third = frames.len() / 3;
            frames.drain(third..2 * third);
            frames
        }
    }
}

/// Returns the same performance with other challenges, none of which matches the one asked for in its place, and with
/// the light of another check.
fn asked_otherwise(performance: &Performance) -> Performance {
    let other = |challenge: &Challenge| {
        let place = Challenge::ALL.iter().position(|known| known == challenge).unwrap_or_default();
        Challenge::ALL[(place + 2) % Challenge::ALL.len()]
    };
    let mut otherwise = with(performance, performance.asked.challenges.iter().map(other).collect());
    for (shown, light) in otherwise.asked.lights.iter_mut().zip(lights(OTHER, &[performance.seed as u8; 32])) {
        shown.light = light;
    }
    otherwise
}

/// Reverses the challenges; if that changes nothing, takes other challenges.
fn in_wrong_order(performance: &Performance) -> Performance {
    let challenges: Vec<Challenge> = performance.asked.challenges.iter().rev().copied().collect();
    if challenges == performance.asked.challenges {
        return asked_otherwise(performance);
    }
    with(performance, challenges)
}

/// Returns the same performance with these challenges.
fn with(performance: &Performance, challenges: Vec<Challenge>) -> Performance {
    Performance { asked: Asked { challenges, ..performance.asked.clone() }, ..performance.clone() }
}

/// A flat object that shows a picture.
struct Sheet<'a> {
    /// Returns the picture on it at a frame.
    shown: Box<dyn Fn(u32) -> Canvas + 'a>,
    /// The bend, in widths of the sheet.
    bend: f32,
    /// The colour of its edge.
    border: [f32; 3],
    /// A display's glare, 0..1, and its position.
    glare: (f32, [f32; 2]),
    /// The share of light that it reflects as skin does: all of it for paper, little for glass.
    reflects: f32,
}

impl<'a> Sheet<'a> {
    /// A print has fewer tones, a tint and dots.
    fn print(portrait: &Portrait, random: &mut StdRng) -> Self {
        let (contrast, lift) = (random.random_range(0.65..0.9), random.random_range(10.0..35.0));
        let tint: [f32; 3] = std::array::from_fn(|_| random.random_range(0.94..1.04));
        let (pitch, strength) = (random.random_range(2.4..4.5), random.random_range(0.1..0.35));
        let mut picture = portrait.drawn(&Pose::default());
        for (place, pixel) in picture.pixels.iter_mut().enumerate() {
            let (x, y) = ((place % WIDTH) as f32, (place / WIDTH) as f32);
            let wave = |angle: f32| {
                let (sin, cos) = angle.sin_cos();
                let turns = std::f32::consts::TAU / pitch;
                ((x * cos + y * sin) * turns).cos() * ((y * cos - x * sin) * turns).cos()
            };
            for (colour, angle) in [0.26, 1.3, 0.0].into_iter().enumerate() {
                let tone = (pixel[colour] - 128.0) * contrast + 128.0 + lift;
                let dots = if tone / 255.0 + 0.4 * wave(angle) > 0.5 { 255.0 } else { 0.0 };
                pixel[colour] = (tone + strength * (dots - tone)) * tint[colour];
            }
        }
        let shown = Box::new(move |_| picture.clone());
        Self {
            shown,
            bend: random.random_range(0.02..0.1),
            border: [235.0, 233.0, 228.0],
            glare: (0.0, [0.0; 2]),
            reflects: 1.0,
        }
    }

    /// A screen has its own gamma and white point, a moiré of its pixels with the camera's, and glare.
    fn screen(film: impl Fn(u32) -> Canvas + 'a, random: &mut StdRng) -> Self {
        let (gamma, blue) = (random.random_range(0.75..1.3), random.random_range(1.0..1.15));
        let (pitch, angle): (f32, f32) = (random.random_range(2.1..7.0), random.random_range(0.0..1.5));
        let strength = random.random_range(0.04..0.14);
        let shown = move |frame: u32| {
            let mut picture = film(frame);
            for (place, pixel) in picture.pixels.iter_mut().enumerate() {
                let (x, y) = ((place % WIDTH) as f32, (place / WIDTH) as f32);
                let (sin, cos) = angle.sin_cos();
                for (colour, value) in pixel.iter_mut().enumerate() {
                    let along = (x * cos + y * sin) * std::f32::consts::TAU / pitch + 2.0 * colour as f32;
                    let across = (y * cos - x * sin) * std::f32::consts::TAU / pitch;
                    let grid = 1.0 + strength * (along.cos() + across.cos()) / 2.0;
                    let white = if colour == 2 { blue } else { 1.0 };
                    *value = 255.0 * (*value / 255.0).max(0.0).powf(gamma) * grid * white + 8.0;
                }
            }
            picture
        };
        let place = [random.random_range(0.0..WIDTH as f32), random.random_range(0.0..HEIGHT as f32)];
        let glare = (random.random_range(0.0..0.5), place);
        Self { shown: Box::new(shown), bend: 0.0, border: [22.0, 22.0, 24.0], glare, reflects: 0.05 }
    }
}

/// Films the sheet in a hand that is never still.
fn held(sheet: &Sheet, performance: &Performance, random: &mut StdRng) -> Vec<Frame> {
    let film = Film::of(performance, random);
    let hand = Film::of_a_hand(&film, random);
    let size = random.random_range(0.85..1.15);
    let behind = wall(random);
    let glow = Glow::new(performance);
    let mut camera = Camera::new(random);
    let shots: Vec<_> = (0..film.frames())
        .map(|frame| {
            let mut canvas = behind.clone();
            let picture = bordered((sheet.shown)(frame), sheet.border);
            let (vertices, triangles) = surface(&hand.pose(frame), sheet.bend, size);
            let light = glow.at(frame * performance.frame_ms);
            raster::draw(&mut canvas, &picture, &vertices, &triangles, |_, _, colour| light.on(colour, sheet.reflects));
            let (strength, [x, y]) = sheet.glare;
            for (place, pixel) in canvas.pixels.iter_mut().enumerate() {
                let (dx, dy) = ((place % WIDTH) as f32 - x, (place / WIDTH) as f32 - y);
                let light = 255.0 * strength * (-(dx * dx + 3.0 * dy * dy) / 9000.0).exp();
                *pixel = pixel.map(|value| value + light);
            }
            camera.shot(&canvas)
        })
        .collect();
    performer::frames(performance.frame_ms, shots.into_iter())
}

/// Draws a nearly grey wall that is lit from one side.
fn wall(random: &mut StdRng) -> Canvas {
    let grey = random.random_range(60.0..190.0);
    let tint: [f32; 3] = std::array::from_fn(|_| grey * random.random_range(0.92..1.08));
    let [across, down] = [0.2, 0.2].map(|most: f32| random.random_range(-most..most));
    let mut canvas = Canvas::new(WIDTH, HEIGHT, tint);
    for (place, pixel) in canvas.pixels.iter_mut().enumerate() {
        let (x, y) = ((place % WIDTH) as f32 / WIDTH as f32, (place / WIDTH) as f32 / HEIGHT as f32);
        let light = 1.0 + across * (x - 0.5) + down * (y - 0.5);
        *pixel = pixel.map(|value| value * light);
    }
    canvas
}

fn bordered(mut picture: Canvas, border: [f32; 3]) -> Canvas {
    let edge = WIDTH / 40;
    for (place, pixel) in picture.pixels.iter_mut().enumerate() {
        let (x, y) = (place % WIDTH, place / WIDTH);
        if x < edge || y < edge || x >= WIDTH - edge || y >= HEIGHT - edge {
            *pixel = border;
        }
    }
    picture
}

/// Returns a grid of squares, each of two triangles, in this pose, bent about its vertical centre line.
fn surface(pose: &Pose, bend: f32, size: f32) -> (Vec<Vertex>, Vec<[usize; 3]>) {
    const ACROSS: usize = 12;
    const DOWN: usize = 8;
    let (width, height) = (WIDTH as f32, HEIGHT as f32);
    let [(ys, yc), (ps, pc), (rs, rc)] = [pose.yaw, pose.pitch, pose.roll].map(|angle| angle.to_radians().sin_cos());
    let mut vertices = vec![];
    for row in 0..=DOWN {
        for column in 0..=ACROSS {
            let picture = [width * column as f32 / ACROSS as f32, height * row as f32 / DOWN as f32];
            let (x, y) = (size * (picture[0] - width / 2.0), size * (picture[1] - height / 2.0));
            let curve = 2.0 * x / width;
            let z = bend * width * (1.0 - curve * curve) * (1.0 + 0.3 * pose.roll.to_radians().sin());
            let (x, z) = (yc * x - ys * z, ys * x + yc * z);
            let (y, z) = (pc * y - ps * z, ps * y + pc * z);
            let (x, y) = (rc * x - rs * y, rs * x + rc * y);
            let camera = 900.0;
            let scale = camera / (camera + z - pose.nearer * camera);
            let place = [width / 2.0 + (x + pose.x * 200.0) * scale, height / 2.0 + (y + pose.y * 200.0) * scale, z];
            vertices.push(Vertex { place, picture, shade: 0.0 });
        }
    }
    let corner = |row: usize, column: usize| row * (ACROSS + 1) + column;
    let squares = (0..DOWN).flat_map(|row| (0..ACROSS).map(move |column| (row, column)));
    let triangles = squares.flat_map(|(row, column)| {
        let [a, b] = [corner(row, column), corner(row, column + 1)];
        let [c, d] = [corner(row + 1, column), corner(row + 1, column + 1)];
        [[a, b, c], [b, d, c]]
    });
    (vertices, triangles.collect())
}
