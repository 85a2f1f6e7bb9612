//! A photograph that can be made to move.

use crate::face;
use crate::face::find;
use crate::face::find::Turns;
use crate::face::image::Image;
use crate::face::networks::Networks;
use crate::performer::motion::Pose;
use crate::performer::raster;
use crate::performer::raster::Canvas;
use crate::performer::raster::Vertex;
use crate::performer::triangulate;
use crate::performer::triangulate::Triangle;

/// Of a frame, as phones held upright give them after scaling.
pub const WIDTH: usize = 480;
pub const HEIGHT: usize = 640;
/// Of the face in it, in pixels.
const FACE_WIDTH: f32 = 205.0;
/// Where the middle of the face is.
const FACE_PLACE: [f32; 2] = [240.0, 290.0];
/// Between the points around the face, in pixels.
const GRID: usize = 40;
/// The camera is so many widths of the face away.
const DISTANCE: f32 = 4.5;
/// The head turns about a point so far behind the middle of its face, in widths of the face.
const PIVOT: f32 = 0.45;

/// Lids of both eyes: of each upper point the lower one that it meets.
const LIDS: [[usize; 2]; 14] = [
    [246, 7],
    [161, 163],
    [160, 144],
    [159, 145],
    [158, 153],
    [157, 154],
    [173, 155],
    [466, 249],
    [388, 390],
    [387, 373],
    [386, 374],
    [385, 380],
    [384, 381],
    [398, 382],
];
/// The skin above the upper lids, which follows them half way.
const LID_SKIN: [usize; 14] = [247, 30, 29, 27, 28, 56, 190, 467, 260, 259, 257, 258, 286, 414];
/// The lower lip, from its inner line to its outer one.
const LOWER_LIP: [usize; 38] = [
    95, 88, 178, 87, 14, 317, 402, 318, 324, 96, 89, 179, 86, 15, 316, 403, 319, 325, 77, 90, 180, 85, 16, 315, 404,
    320, 307, 146, 91, 181, 84, 17, 314, 405, 321, 375, 62, 292,
];
/// The inner line of both lips, corners included: what lies between is the mouth.
const INNER_LIPS: [usize; 20] =
    [78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95];
const MOUTH_MIDDLE: usize = 13;
const CHIN: usize = 152;

/// A face and its surroundings, ready to be drawn in any pose.
pub struct Portrait {
    picture: Canvas,
    vertices: Vec<Still>,
    triangles: Vec<Triangle>,
    /// Whether a triangle lies between the lips.
    mouths: Vec<bool>,
    lids: Vec<[usize; 2]>,
    iod: f32,
}

/// A point of the sheet, as the photograph has it.
#[derive(Clone, Copy)]
struct Still {
    place: [f32; 3],
    /// How much it moves with the head, 0..1.
    follows: f32,
    /// How far it moves down when the mouth is wide open, in pixels.
    opens: f32,
}

impl Portrait {
    /// The largest face of a photograph.
    ///
    /// # Errors
    /// It cannot be read, or shows nobody.
    pub fn read(networks: &mut Networks, bytes: &[u8]) -> Result<Self, face::Error> {
        let image = Image::decode(bytes, networks.settings().pixels_max, networks.memory())?;
        let found = find::largest(networks, &image, Turns::None)?.ok_or(face::Error::NoFace)?;
        let square = found.mesh.square_of(1.0);
        // The frame's pixels in the photograph, whose face is turned upright.
        let scale = FACE_WIDTH / width(&found.mesh.points).max(1.0);
        let (sin, cos) = square.angle.sin_cos();
        let [middle_x, middle_y] = FACE_PLACE;
        let into = |x: f32, y: f32| {
            let (dx, dy) = ((x - middle_x) / scale, (y - middle_y) / scale);
            (square.centre.x + cos * dx - sin * dy, square.centre.y + sin * dx + cos * dy)
        };
        let view = image.view();
        let inside = |value: f32, side: usize| mirrored(value, side as f32 - 1.0).round() as usize;
        let mut picture = Canvas::new(WIDTH, HEIGHT, [0.0; 3]);
        let source = Canvas {
            width: view.width,
            height: view.height,
            pixels: (0..view.width * view.height)
                .map(|place| view.pixel(place % view.width, place / view.width).map(f32::from))
                .collect(),
        };
        for (place, pixel) in picture.pixels.iter_mut().enumerate() {
            let (x, y) = into((place % WIDTH) as f32, (place / WIDTH) as f32);
            let is_inside = x >= 0.0 && y >= 0.0 && x < view.width as f32 && y < view.height as f32;
            *pixel = if is_inside {
                source.at(x, y)
            } else {
                source.pixels[inside(y, view.height) * view.width + inside(x, view.width)]
            };
        }
        soften_outside(&mut picture, |x, y| {
            let (x, y) = into(x, y);
            x >= 0.0 && y >= 0.0 && x < view.width as f32 && y < view.height as f32
        });
        let own = found.mesh.points.iter().map(|[x, y, z]| {
            let (dx, dy) = (x - square.centre.x, y - square.centre.y);
            [middle_x + scale * (cos * dx + sin * dy), middle_y + scale * (cos * dy - sin * dx), z * scale]
        });
        Ok(Self::new(picture, &own.collect::<Vec<_>>(), found.mesh.iod()))
    }

    /// `points` are the mesh's, in pixels of `picture`.
    fn new(picture: Canvas, points: &[[f32; 3]], iod: f32) -> Self {
        let mut vertices: Vec<Still> =
            points.iter().enumerate().map(|(place, point)| face_point(points, place, *point)).collect();
        let rim = points.iter().map(|[.., z]| *z).fold(f32::MIN, f32::max);
        for y in (0..=HEIGHT).step_by(GRID) {
            for x in (0..=WIDTH).step_by(GRID) {
                let place = [x as f32, y as f32];
                let nearest =
                    points.iter().map(|[px, py, _]| (px - place[0]).hypot(py - place[1])).fold(f32::MAX, f32::min);
                if nearest > 0.6 * GRID as f32 {
                    vertices.push(surrounding(place, nearest, rim));
                }
            }
        }
        let flat: Vec<[f32; 2]> = vertices.iter().map(|vertex| [vertex.place[0], vertex.place[1]]).collect();
        let triangles = triangulate::delaunay(&flat);
        let mouths = triangles.iter().map(|triangle| triangle.iter().all(|place| INNER_LIPS.contains(place))).collect();
        Self { picture, vertices, triangles, mouths, lids: LIDS.to_vec(), iod }
    }

    /// Interocular distance in the photograph, in pixels.
    pub fn iod(&self) -> f32 {
        self.iod
    }

    /// What a camera sees of the person in this pose.
    pub fn drawn(&self, pose: &Pose) -> Canvas {
        let corners = self.places(pose).into_iter().zip(self.pictures(pose));
        let vertices: Vec<Vertex> = corners.map(|(place, picture)| Vertex { place, picture }).collect();
        let mut canvas = Canvas::new(WIDTH, HEIGHT, [90.0; 3]);
        let open = pose.mouth.clamp(0.0, 1.0);
        raster::draw(&mut canvas, &self.picture, &vertices, &self.triangles, |triangle, colour| {
            // The inside of a mouth: dark and reddish.
            let share = if self.mouths[triangle] { (4.0 * open).min(1.0) } else { 0.0 };
            let inside = [52.0, 24.0, 24.0];
            std::array::from_fn(|c| colour[c] + share * (inside[c] - colour[c]))
        });
        canvas
    }

    /// Where in the photograph each point's colour is. The edges of closed lids are of skin, not of what was between them.
    fn pictures(&self, pose: &Pose) -> Vec<[f32; 2]> {
        let mut pictures: Vec<[f32; 2]> = self.vertices.iter().map(|Still { place: [x, y, _], .. }| [*x, *y]).collect();
        let lids = pose.lids.clamp(0.0, 1.0);
        for [upper, lower] in &self.lids {
            let opening = pictures[*lower][1] - pictures[*upper][1];
            pictures[*upper][1] -= 0.35 * lids * opening;
            pictures[*lower][1] += 0.3 * lids * opening;
        }
        pictures
    }

    fn places(&self, pose: &Pose) -> Vec<[f32; 3]> {
        let mut places: Vec<[f32; 3]> = self.vertices.iter().map(|still| still.place).collect();
        for (place, still) in places.iter_mut().zip(&self.vertices) {
            place[1] += pose.mouth * still.opens;
        }
        let lids = pose.lids.clamp(0.0, 1.0);
        for (number, [upper, lower]) in self.lids.iter().enumerate() {
            let (from, to) = (self.vertices[*upper].place, self.vertices[*lower].place);
            let meeting: [f32; 3] = std::array::from_fn(|axis| from[axis] + 0.85 * (to[axis] - from[axis]));
            for axis in 0..3 {
                places[*upper][axis] = from[axis] + lids * (meeting[axis] - from[axis]);
                places[*lower][axis] = to[axis] + lids * (meeting[axis] - to[axis]);
                let skin = LID_SKIN[number];
                places[skin][axis] = self.vertices[skin].place[axis] + 0.4 * lids * (meeting[axis] - from[axis]);
            }
        }
        let turn = Turn::of(pose);
        places.iter().zip(&self.vertices).map(|(place, still)| turn.moved(*place, still.follows)).collect()
    }
}

/// A rotation about the pivot, a shift, and the camera's perspective.
struct Turn {
    rotation: [[f32; 3]; 3],
    shift: [f32; 3],
}

impl Turn {
    fn of(pose: &Pose) -> Self {
        let [(ys, yc), (ps, pc), (rs, rc)] =
            [pose.yaw, pose.pitch, pose.roll].map(|angle| angle.to_radians().sin_cos());
        // As `face::mesh` reads them: x to the right, y down, z away; first pitch, then yaw, then roll.
        let pitch = [[1.0, 0.0, 0.0], [0.0, pc, -ps], [0.0, ps, pc]];
        let yaw = [[yc, 0.0, -ys], [0.0, 1.0, 0.0], [ys, 0.0, yc]];
        let roll = [[rc, -rs, 0.0], [rs, rc, 0.0], [0.0, 0.0, 1.0]];
        let shift = [pose.x * FACE_WIDTH, pose.y * FACE_WIDTH, -pose.nearer * DISTANCE * FACE_WIDTH];
        Self { rotation: product(roll, product(yaw, pitch)), shift }
    }

    fn moved(&self, place: [f32; 3], follows: f32) -> [f32; 3] {
        let pivot = [FACE_PLACE[0], FACE_PLACE[1], PIVOT * FACE_WIDTH];
        let own: [f32; 3] = std::array::from_fn(|axis| place[axis] - pivot[axis]);
        let turned: [f32; 3] =
            std::array::from_fn(|row| (0..3).map(|column| self.rotation[row][column] * own[column]).sum());
        let mixed: [f32; 3] = std::array::from_fn(|axis| {
            own[axis] + follows * (turned[axis] + self.shift[axis] - own[axis]) + pivot[axis]
        });
        let (camera, rest) = (DISTANCE * FACE_WIDTH, place[2]);
        // The photograph has its own perspective: what has not moved stays where it is.
        let scale = (camera + rest) / (camera + mixed[2]);
        let [x, y] = [0, 1].map(|axis| FACE_PLACE[axis] + (mixed[axis] - FACE_PLACE[axis]) * scale);
        [x, y, mixed[2]]
    }
}

fn product(a: [[f32; 3]; 3], b: [[f32; 3]; 3]) -> [[f32; 3]; 3] {
    std::array::from_fn(|row| std::array::from_fn(|column| (0..3).map(|k| a[row][k] * b[k][column]).sum()))
}

fn face_point(points: &[[f32; 3]], place: usize, point: [f32; 3]) -> Still {
    let (mouth, chin) = (points[MOUTH_MIDDLE], points[CHIN]);
    let length = (chin[1] - mouth[1]).max(1.0);
    let below = (point[1] - mouth[1]) / length;
    let aside = ((point[0] - mouth[0]) / (1.6 * length)).abs();
    let is_lip = LOWER_LIP.contains(&place);
    let upper = !is_lip && below < 0.25;
    let share = if upper { 0.0 } else { (1.0 - aside.min(1.0).powi(2)).max(0.0) };
    let share = if is_lip { share } else { share * ((below - 0.25) / 0.4).clamp(0.0, 1.0) };
    Still { place: point, follows: 1.0, opens: 0.75 * length * share }
}

/// Hair and neck go with the head, the rest stays where it is.
fn surrounding(place: [f32; 2], nearest: f32, rim: f32) -> Still {
    let away = nearest / FACE_WIDTH;
    let line = (1.0 - (away - 0.2) / 0.7).clamp(0.0, 1.0);
    let follows = line * line * (3.0 - 2.0 * line);
    Still { place: [place[0], place[1], rim + 0.5 * nearest.min(FACE_WIDTH)], follows, opens: 0.0 }
}

fn width(points: &[[f32; 3]]) -> f32 {
    let (low, high) = points.iter().fold((f32::MAX, f32::MIN), |(low, high), [x, ..]| (low.min(*x), high.max(*x)));
    high - low
}

/// Reflected at both ends, as often as it takes.
fn mirrored(value: f32, last: f32) -> f32 {
    let folded = value.rem_euclid(2.0 * last.max(1.0));
    if folded > last { 2.0 * last - folded } else { folded }.clamp(0.0, last)
}

/// What the photograph does not show is a blur of what it shows.
fn soften_outside(picture: &mut Canvas, is_inside: impl Fn(f32, f32) -> bool) {
    let blurred = blurred(picture, 24);
    let (width, reach) = (picture.width, 28.0);
    for (place, pixel) in picture.pixels.iter_mut().enumerate() {
        let (x, y) = ((place % width) as f32, (place / width) as f32);
        let around = [(0.0, 0.0), (reach, 0.0), (-reach, 0.0), (0.0, reach), (0.0, -reach)];
        let outside = around.iter().filter(|(dx, dy)| !is_inside(x + dx, y + dy)).count();
        let share = if is_inside(x, y) { 0.18 * outside as f32 } else { 1.0 };
        *pixel = std::array::from_fn(|c| pixel[c] + share.min(1.0) * (blurred.pixels[place][c] - pixel[c]));
    }
}

/// Means over squares, twice: along rows, then columns.
fn blurred(canvas: &Canvas, reach: usize) -> Canvas {
    let (width, height) = (canvas.width, canvas.height);
    let line = |pixels: &[[f32; 3]], at: &dyn Fn(usize, usize) -> usize, lines: usize, len: usize| {
        let mut out = vec![[0.0; 3]; pixels.len()];
        for number in 0..lines {
            for place in 0..len {
                let (first, last) = (place.saturating_sub(reach), (place + reach).min(len - 1));
                let count = ((last - first) / 4 + 1) as f32;
                let mut sum = [0.0f32; 3];
                for near in (first..=last).step_by(4) {
                    let pixel = pixels[at(number, near)];
                    (0..3).for_each(|c| sum[c] += pixel[c]);
                }
                out[at(number, place)] = sum.map(|value| value / count);
            }
        }
        out
    };
    let rows = line(&canvas.pixels, &|row, column| row * width + column, height, width);
    let pixels = line(&rows, &|column, row| row * width + column, width, height);
    Canvas { width, height, pixels }
}
