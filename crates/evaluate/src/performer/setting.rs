//! Completes the parts of the person and the room that a photograph does not show but a camera would.
//!
//! Many portraits are cropped close. Hair continues from the photograph's edge within the outline of a head; below are
//! neck and shoulders; behind is a wall.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::performer::raster::Canvas;

/// The outline of head, neck and shoulders, in widths of the face from its middle; about those of an adult (tables of
/// anthropometry: breadth and length of heads, breadths of neck and shoulders).
const HEAD: [f32; 2] = [0.64, 0.9];
const HEAD_ABOVE: f32 = 0.06;
const NECK: f32 = 0.4;
const NECK_TOP: f32 = 0.4;
const SHOULDERS: f32 = 0.9;
/// The drop of the shoulders per unit of distance outwards.
const SLOPE: f32 = 0.3;
/// The depth of the collar in the middle, and its shape: skin is visible above it.
const COLLAR: [f32; 2] = [0.42, 0.14];

/// Hair begins above this height, in widths of the face; close crops end about there.
const HAIR: f32 = 0.66;
/// The width of the transition from the photograph to the drawn surroundings, in pixels: no edge may show.
const FADE: f32 = 12.0;

/// The person whose surroundings are drawn.
#[derive(Debug, Clone, Copy)]
pub struct Person {
    /// The middle of the face in the frame, in pixels.
    pub middle: [f32; 2],
    pub width: f32,
    pub skin: [f32; 3],
    pub hair: [f32; 3],
}

/// Fills in the area outside the photograph. `picture` holds the nearest pixel of the photograph there; `outside`
/// returns a pixel's distance from the photograph in pixels, negative inside.
pub fn fill(picture: &mut Canvas, person: Person, outside: impl Fn(f32, f32) -> f32) {
    let soft = blurred(&blurred(picture, 14), 9);
    let room = Room::beside(picture, person);
    let width = picture.width;
    for (number, pixel) in picture.pixels.iter_mut().enumerate() {
        let (x, y) = ((number % width) as f32, (number / width) as f32);
        let (out, out_of_head) = (outside(x, y), room.out_of_head([x, y]));
        // The photograph's own background continues further: its corners must not show.
        let fade = FADE + 50.0 * step(out_of_head, 0.95, 1.25);
        if out < -fade {
            continue;
        }
        let near = soft.pixels[number];
        let there = mix(near, room.colour([x, y], near), step(out, -0.4 * fade, FADE));
        *pixel = mix(*pixel, there, step(out, -fade, 0.1 * fade));
    }
}

/// The colours and the light of the surroundings.
struct Room {
    wall: [f32; 3],
    cloth: [f32; 3],
    person: Person,
    /// The direction of the light on the wall.
    light: [f32; 2],
}

impl Room {
    /// Makes a room as bright as the photograph's edge. The same photograph gives the same room.
    fn beside(picture: &Canvas, person: Person) -> Self {
        let sums = picture.pixels.iter().step_by(97).fold([0.0; 3], |sum: [f32; 3], pixel| added(sum, *pixel));
        let mut random = StdRng::seed_from_u64(u64::from(added(sums, person.skin).iter().sum::<f32>().to_bits()));
        let edges = [0, picture.width - 1].map(|column| picture.pixels[picture.width * (picture.height / 3) + column]);
        let edge = mix(edges[0], edges[1], 0.5);
        let grey = (edge.iter().sum::<f32>() / 3.0).clamp(60.0, 205.0);
        let cloth = random.random_range(28.0..170.0);
        let tint: [f32; 3] = std::array::from_fn(|_| random.random_range(0.78..1.15));
        Self {
            wall: mix([grey; 3], edge, 0.35),
            cloth: tint.map(|share| share * cloth),
            person,
            light: [random.random_range(-0.14..0.14), random.random_range(-0.2..0.02)],
        }
    }

    /// Returns the offset from the middle of the face, in its widths.
    fn place_of(&self, place: [f32; 2]) -> [f32; 2] {
        std::array::from_fn(|axis| (place[axis] - self.person.middle[axis]) / self.person.width)
    }

    /// Returns 1 on the outline of the head, more outside.
    fn out_of_head(&self, place: [f32; 2]) -> f32 {
        let [across, down] = self.place_of(place);
        (across / HEAD[0]).hypot((down + HEAD_ABOVE) / HEAD[1])
    }

    /// Returns the colour of a place; `near` is the colour that continues the photograph's edge.
    fn colour(&self, place: [f32; 2], near: [f32; 3]) -> [f32; 3] {
        let [across, down] = self.place_of(place);
        let edge = 5.0 / self.person.width;
        let light = 1.0 + self.light[0] * across + self.light[1] * down;
        let mut colour = self.wall.map(|value| value * light);

        let shoulder = SHOULDERS + SLOPE * (across.abs() - NECK).max(0.0) - 0.05 * (1.0 - across.abs()).max(0.0);
        let folds = 1.0 + 0.05 * (9.0 * across + 4.0 * down).sin() + 0.04 * (23.0 * across - 5.0 * down).sin();
        let cloth = self.cloth.map(|value| value * folds * (1.15 - 0.25 * across.abs()));
        colour = mix(colour, cloth, step(down, shoulder - edge, shoulder + edge));

        // There is less light beneath a chin, and necks are round.
        let shade = (0.62 + 0.33 * step(down, 0.6, 1.1)) * (1.0 - 0.22 * (across / NECK).powi(2).min(1.5));
        let skin = self.person.skin.map(|value| value * shade);
        let collar = (across / COLLAR[0]).powi(2) + ((down - SHOULDERS).max(0.0) / COLLAR[1]).powi(2);
        let beside = NECK + 0.35 * (down - 0.85).max(0.0);
        let neck = step(-across.abs(), -beside - edge, -beside + edge) * step(down, NECK_TOP - edge, NECK_TOP + edge);
        colour = mix(colour, skin, neck * (1.0 - step(collar, 0.94, 1.06)));

        let round = self.out_of_head(place);
        let strands = 0.95 + 0.16 * (31.0 * across + 6.0 * down).sin() * (17.0 * across - 9.0 * down).cos();
        // Light comes from above, and reaches the rounded sides less.
        let hair = self.person.hair.map(|value| value * strands * (1.15 - 0.35 * round.powi(4).min(1.0)));
        let line = HAIR - 0.1 * across.powi(2) + 0.02 * (7.0 * across).sin();
        let head = mix(near, hair, step(-down, line, line + 0.16));
        mix(colour, head, 1.0 - step(round, 0.94, 1.03))
    }
}

fn added(one: [f32; 3], other: [f32; 3]) -> [f32; 3] {
    std::array::from_fn(|colour| one[colour] + other[colour])
}

/// Interpolates linearly from `one` at 0 to `other` at 1.
pub fn mix(one: [f32; 3], other: [f32; 3], share: f32) -> [f32; 3] {
    std::array::from_fn(|colour| one[colour] + share * (other[colour] - one[colour]))
}

/// Rises from 0 at `low` to 1 at `high`, smoothly at both ends.
pub fn step(value: f32, low: f32, high: f32) -> f32 {
    let line = ((value - low) / (high - low)).clamp(0.0, 1.0);
    line * line * (3.0 - 2.0 * line)
}

/// Averages over squares that extend `reach` pixels to each side: along rows, then along columns.
fn blurred(canvas: &Canvas, reach: usize) -> Canvas {
    let (width, height) = (canvas.width, canvas.height);
    let rows = along(&canvas.pixels, height, width, reach, |row, column| row * width + column);
    let pixels = along(&rows, width, height, reach, |column, row| row * width + column);
    Canvas { width, height, pixels }
}

/// Computes running means along each line; `at` returns the index of a line's pixel.
fn along(
    pixels: &[[f32; 3]],
    lines: usize,
    len: usize,
    reach: usize,
    at: impl Fn(usize, usize) -> usize,
) -> Vec<[f32; 3]> {
    let mut means = vec![[0.0; 3]; pixels.len()];
    let count = (2 * reach + 1) as f32;
    for line in 0..lines {
        // Outside the line, its end pixels repeat.
        let own = |place: isize| pixels[at(line, place.clamp(0, len as isize - 1) as usize)];
        let reach = reach as isize;
        let mut sum = (-reach..=reach).fold([0.0; 3], |sum, place| added(sum, own(place)));
        for place in 0..len as isize {
            means[at(line, place as usize)] = sum.map(|value| value / count);
            let (gone, come) = (own(place - reach), own(place + reach + 1));
            sum = std::array::from_fn(|colour| sum[colour] + come[colour] - gone[colour]);
        }
    }
    means
}
