//! An animated portrait, made from a photograph.

use face::find::{self, Turns};
use face::image::Image;
use face::networks::Networks;

use crate::performer::glow::Lit;
use crate::performer::landmarks;
use crate::performer::motion::Pose;
use crate::performer::raster::{self, Canvas, Vertex};
use crate::performer::setting::{self, Person};
use crate::performer::triangulate::{self, Triangle};

/// The size of a frame, in pixels: that of an upright phone's after scaling.
pub const WIDTH: usize = 480;
pub const HEIGHT: usize = 640;
/// The width of the face in a frame, in pixels.
const FACE_WIDTH: f32 = 205.0;
/// The middle of the face in a frame, in pixels.
const FACE_PLACE: [f32; 2] = [240.0, 290.0];
/// The distance between the points around the face, in pixels.
const GRID: usize = 24;
/// The sizes of the rings of points close around the face, relative to its outline.
const RINGS: [f32; 3] = [1.1, 1.22, 1.38];
/// A frontal photograph shows little of the sides of a head. So depth beyond the first of these values grows ever more
/// slowly, and never exceeds their sum. In widths of the face.
const DEEP: [f32; 2] = [0.14, 0.29];
/// The distance of the camera, in widths of the face.
const DISTANCE: f32 = 4.5;
/// The distance from the middle of the face back to the point that the head turns about, in widths of the face.
const PIVOT: f32 = 0.45;

/// The share of a screen's light that reaches the background.
const FAR: f32 = 0.05;

/// Marks pixels where nothing is drawn; no frame shows it.
pub const NOTHING: [f32; 3] = [-1.0; 3];
/// The gap between the lips of a wide open mouth, in widths of the mouth; a gap in the photograph counts towards it.
/// The lower lip moves down by a multiple of its distance to the chin within this range.
const GAPE: f32 = 0.75;
const OPENS: std::ops::RangeInclusive<f32> = 0.25..=1.1;
/// The visible height of the upper teeth if the photograph shows none, in pixels.
const TEETH_HEIGHT: f32 = 9.0;
/// The place where lids meet, as a share of the way from the upper to the lower one; and the darkness of lashes there.
const MEETING: f32 = 0.85;
const LASHES: f32 = 0.6;

/// Colours inside a mouth, as bright as in the light of white skin: its depth, the teeth, the tongue.
const DEPTH: [f32; 3] = [38.0, 18.0, 18.0];
const TEETH: [f32; 3] = [196.0, 184.0, 168.0];
const TONGUE: [f32; 3] = [128.0, 66.0, 66.0];

/// A face and its surroundings, ready to be drawn in any pose.
pub struct Portrait {
    picture: Canvas,
    vertices: Vec<Still>,
    triangles: Vec<Triangle>,
    /// The part of the face that each triangle belongs to.
    parts: Vec<Part>,
    /// The brightness of the light on the face, about 1.
    light: f32,
    iod: f32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Other,
    /// At the edge of a lid.
    Lid,
    /// Between the lips.
    Mouth,
}

/// A point of the sheet, at rest as in the photograph.
#[derive(Clone, Copy)]
struct Still {
    place: [f32; 3],
    /// The share of the head's motion that it follows, 0..1.
    follows: f32,
    /// Its downward shift when the mouth is wide open, in pixels.
    opens: f32,
    /// 1 at the edges of lids and on the lower lip, less further away.
    shade: f32,
}

impl Portrait {
    /// Makes a portrait of the largest face of a photograph.
    ///
    /// # Errors
    /// The photograph cannot be read, or shows no face.
    pub fn read(networks: &mut Networks, bytes: &[u8]) -> Result<Self, face::Error> {
        let image = Image::decode(bytes, networks.settings().pixels_max, networks.memory())?;
        let found = find::largest(networks, &image, Turns::None)?.ok_or(face::Error::NoFace)?;
        let square = found.mesh.square_of(1.0);
        // Maps a frame's pixels to the photograph, so that the face is upright.
        let scale = FACE_WIDTH / width(&found.mesh.points).max(1.0);
        let (sin, cos) = square.angle.sin_cos();
        let [middle_x, middle_y] = FACE_PLACE;
        let into = |x: f32, y: f32| {
            let (dx, dy) = ((x - middle_x) / scale, (y - middle_y) / scale);
            (square.centre.x + cos * dx - sin * dy, square.centre.y + sin * dx + cos * dy)
        };
        let points = found.mesh.points.iter().map(|[x, y, z]| {
            let (dx, dy) = (x - square.centre.x, y - square.centre.y);
            [middle_x + scale * (cos * dx + sin * dy), middle_y + scale * (cos * dy - sin * dx), z * scale]
        });
        let points: Vec<[f32; 3]> = points.collect();

        let view = image.view();
        let pixels = (0..view.width * view.height)
            .map(|place| view.pixel(place % view.width, place / view.width).map(f32::from))
            .collect();
        let source = Canvas { width: view.width, height: view.height, pixels };
        let mut picture = Canvas::new(WIDTH, HEIGHT, [0.0; 3]);
        for (place, pixel) in picture.pixels.iter_mut().enumerate() {
            let (x, y) = into((place % WIDTH) as f32, (place / WIDTH) as f32);
            *pixel = source.at(x, y);
        }
        let (skin, hair) = (skin(&picture, &points), hair(&picture, &points));
        let (right, low) = (view.width as f32 - 1.0, view.height as f32 - 1.0);
        let person = Person { middle: FACE_PLACE, width: FACE_WIDTH, skin, hair };
        setting::fill(&mut picture, person, |x, y| {
            let (x, y) = into(x, y);
            scale * (-x).max(x - right).max(-y).max(y - low)
        });
        Ok(Self::new(picture, &points, skin, found.mesh.iod()))
    }

    /// `points` are the mesh's points, in pixels of `picture`.
    fn new(picture: Canvas, points: &[[f32; 3]], skin: [f32; 3], iod: f32) -> Self {
        let mut vertices: Vec<Still> =
            points.iter().enumerate().map(|(place, point)| face_point(points, place, *point)).collect();
        let outline = landmarks::OUTLINE.map(|place| vertices[place]);
        let rings = RINGS.into_iter().flat_map(|size| {
            let out = move |axis: usize, value: f32| FACE_PLACE[axis] + size * (value - FACE_PLACE[axis]);
            outline.map(|Still { place: [x, y, _], .. }| [out(0, x), out(1, y)])
        });
        vertices.extend(rings.map(|place| surrounding(place, &outline)));
        for y in (0..=HEIGHT).step_by(GRID).chain([HEIGHT]) {
            for x in (0..=WIDTH).step_by(GRID) {
                let place = [x as f32, y as f32];
                if nearest(&vertices, place) > 0.6 * GRID as f32 {
                    vertices.push(surrounding(place, &outline));
                }
            }
        }
        let triangles = triangulate::delaunay(&apart(&vertices));
        let is_of = |triangle: &Triangle, lip: &[usize]| triangle.iter().any(|place| lip.contains(place));
        let (upper, lower) = (&landmarks::UPPER_LIP[landmarks::INNER], &landmarks::LOWER_LIP[landmarks::INNER]);
        let inner = [upper, lower, &landmarks::MOUTH_CORNERS].concat();
        let part = |triangle: &Triangle| {
            // The mouth lies between the lips, whichever of their lines is the innermost in this face.
            let across = is_of(triangle, &landmarks::UPPER_LIP) && is_of(triangle, &landmarks::LOWER_LIP);
            if across || triangle.iter().all(|place| inner.contains(place)) {
                Part::Mouth
            } else if is_of(triangle, landmarks::LIDS.as_flattened()) {
                Part::Lid
            } else {
                Part::Other
            }
        };
        let parts = triangles.iter().map(part).collect();
        // The brightness of well-lit skin, dark or fair, is seldom outside this range.
        let light = (skin.iter().sum::<f32>() / 3.0 / 160.0).clamp(0.5, 1.1);
        Self { picture, vertices, triangles, parts, light, iod }
    }

    /// Interocular distance in the photograph, in pixels.
    pub fn iod(&self) -> f32 {
        self.iod
    }

    /// Draws the person in this pose, as a camera sees them.
    pub fn drawn(&self, pose: &Pose) -> Canvas {
        self.lit(pose, Lit::default())
    }

    /// Draws the same in the light of a screen.
    pub fn lit(&self, pose: &Pose, light: Lit) -> Canvas {
        let corners = self.places(pose).into_iter().zip(self.pictures(pose)).zip(&self.vertices);
        let vertices: Vec<Vertex> =
            corners.map(|((place, picture), still)| Vertex { place, picture, shade: still.shade }).collect();
        let facing: Vec<f32> = self.triangles.iter().map(|triangle| self.facing(&vertices, triangle)).collect();
        let mut canvas = Canvas::new(WIDTH, HEIGHT, NOTHING);
        let lids = pose.lids.clamp(0.0, 1.0);
        raster::draw(&mut canvas, &self.picture, &vertices, &self.triangles, |triangle, shade, colour| {
            let colour = match self.parts[triangle] {
                Part::Other => colour,
                // Lashes, where the lids meet.
                Part::Lid => {
                    let dark = LASHES * lids * setting::step(shade, 0.66, 0.96);
                    colour.map(|value| value * (1.0 - dark))
                }
                Part::Mouth => self.mouth(pose.mouth, shade, colour),
            };
            light.on(colour, facing[triangle])
        });
        canvas
    }

    /// Returns the share of a screen's light that a triangle receives: the cosine of its angle (Lambert) where it
    /// follows the head, and [`FAR`] where it stays, far behind.
    fn facing(&self, vertices: &[Vertex], triangle: &Triangle) -> f32 {
        let [a, b, c] = triangle.map(|place| vertices[place].place);
        let [ab, ac] = [b, c].map(|to| [to[0] - a[0], to[1] - a[1], to[2] - a[2]]);
        let normal: [f32; 3] = std::array::from_fn(|axis| {
            let (next, last) = ((axis + 1) % 3, (axis + 2) % 3);
            ab[next] * ac[last] - ab[last] * ac[next]
        });
        let length = normal.iter().map(|value| value * value).sum::<f32>().sqrt();
        let near = triangle.iter().map(|place| self.vertices[*place].follows).sum::<f32>() / 3.0;
        let cosine = normal[2].abs() / length.max(1e-6);
        setting::mix([FAR; 3], [cosine; 3], near)[0]
    }

    /// Returns the colour between the lips: `shade` is 0 at the upper and 1 at the lower lip, `colour` is the
    /// photograph's.
    fn mouth(&self, open: f32, shade: f32, colour: [f32; 3]) -> [f32; 3] {
        let [upper, lower] =
            [landmarks::UPPER_LIP_MIDDLE, landmarks::LOWER_LIP_MIDDLE].map(|place| self.vertices[place]);
        let gap = (lower.place[1] - upper.place[1]).max(0.0);
        let height = (gap + open * lower.opens).max(1.0);
        let teeth = (TEETH_HEIGHT.max(0.8 * gap) / height).min(0.9);
        let tongue = setting::mix(DEPTH, TONGUE, setting::step(shade, 0.5, 0.95));
        // Lips cast a shadow on the teeth behind them.
        let lit = TEETH.map(|value| value * (0.6 + 0.4 * setting::step(shade, 0.0, 0.6 * teeth)));
        let inside = setting::mix(lit, tongue, setting::step(shade, 0.75 * teeth, 1.1 * teeth));
        setting::mix(colour, inside.map(|value| value * self.light), setting::step(open, 0.0, 0.2))
    }

    /// Returns the place in the photograph of each point's colour. The edges of closed lids take the colour of skin,
    /// not of the eye.
    fn pictures(&self, pose: &Pose) -> Vec<[f32; 2]> {
        let mut pictures: Vec<[f32; 2]> = self.vertices.iter().map(|Still { place: [x, y, _], .. }| [*x, *y]).collect();
        let lids = pose.lids.clamp(0.0, 1.0);
        for [upper, lower] in landmarks::LIDS {
            let opening = pictures[lower][1] - pictures[upper][1];
            pictures[upper][1] -= 0.35 * lids * opening;
            pictures[lower][1] += 0.3 * lids * opening;
        }
        pictures
    }

    fn places(&self, pose: &Pose) -> Vec<[f32; 3]> {
        let mut places: Vec<[f32; 3]> = self.vertices.iter().map(|still| still.place).collect();
        for (place, still) in places.iter_mut().zip(&self.vertices) {
            place[1] += pose.mouth * still.opens;
        }
        let lids = pose.lids.clamp(0.0, 1.0);
        for ([upper, lower], skin) in landmarks::LIDS.into_iter().zip(landmarks::LID_SKIN) {
            let (from, to) = (self.vertices[upper].place, self.vertices[lower].place);
            let meeting: [f32; 3] = std::array::from_fn(|axis| from[axis] + MEETING * (to[axis] - from[axis]));
            for axis in 0..3 {
                places[upper][axis] = from[axis] + lids * (meeting[axis] - from[axis]);
                places[lower][axis] = to[axis] + lids * (meeting[axis] - to[axis]);
                places[skin][axis] = self.vertices[skin].place[axis] + 0.4 * lids * (meeting[axis] - from[axis]);
            }
        }
        let turn = Turn::of(pose);
        places.iter().zip(&self.vertices).map(|(place, still)| turn.moved(*place, still.follows)).collect()
    }
}

/// Returns the points with lips and lids apart, so that no triangle crosses a closed mouth.
fn apart(vertices: &[Still]) -> Vec<[f32; 2]> {
    let mut places: Vec<[f32; 2]> =
        vertices.iter().map(|Still { place: [x, y, _], opens, .. }| [*x, y + 0.6 * opens]).collect();
    for [upper, lower] in landmarks::LIDS {
        places[upper][1] -= 2.0;
        places[lower][1] += 2.0;
    }
    places
}

/// Returns the mean colour of the cheeks.
fn skin(picture: &Canvas, points: &[[f32; 3]]) -> [f32; 3] {
    mean_colour(&landmarks::CHEEKS.map(|place| picture.at(points[place][0], points[place][1])))
}

fn mean_colour(colours: &[[f32; 3]]) -> [f32; 3] {
    std::array::from_fn(|colour| colours.iter().map(|pixel| pixel[colour]).sum::<f32>() / colours.len().max(1) as f32)
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
        // The axes are those of `face::mesh`: x to the right, y down, z away; first pitch, then yaw, then roll.
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
        // The photograph has its own perspective: a point that has not moved stays in place.
        let scale = (camera + rest) / (camera + mixed[2]);
        let [x, y] = [0, 1].map(|axis| FACE_PLACE[axis] + (mixed[axis] - FACE_PLACE[axis]) * scale);
        [x, y, mixed[2]]
    }
}

fn product(a: [[f32; 3]; 3], b: [[f32; 3]; 3]) -> [[f32; 3]; 3] {
    std::array::from_fn(|row| std::array::from_fn(|column| (0..3).map(|k| a[row][k] * b[k][column]).sum()))
}

/// Returns the mean of the darkest third of the colours just outside the face's upper half.
fn hair(picture: &Canvas, points: &[[f32; 3]]) -> [f32; 3] {
    let around = landmarks::OUTLINE
        .map(|place| [0, 1].map(|axis| FACE_PLACE[axis] + 1.1 * (points[place][axis] - FACE_PLACE[axis])));
    let upper = around.into_iter().filter(|[_, y]| *y < FACE_PLACE[1] - 0.2 * FACE_WIDTH);
    let mut colours: Vec<[f32; 3]> = upper.map(|[x, y]| picture.at(x, y)).collect();
    colours.sort_by(|one, other| one.iter().sum::<f32>().total_cmp(&other.iter().sum()));
    colours.truncate(colours.len().div_ceil(3));
    mean_colour(&colours)
}

/// Returns a point of the mesh with its motion when the mouth opens: the middle of the lower lip moves most, the jaw
/// follows.
fn face_point(points: &[[f32; 3]], place: usize, point: [f32; 3]) -> Still {
    let [mouth, lower, chin] =
        [landmarks::UPPER_LIP_MIDDLE, landmarks::LOWER_LIP_MIDDLE, landmarks::CHIN].map(|place| points[place]);
    let [left, right] = landmarks::MOUTH_CORNERS.map(|corner| points[corner][0]);
    let length = (chin[1] - lower[1]).max(1.0);
    let wider = (GAPE * (right - left) - (lower[1] - mouth[1])).max(OPENS.start() * length).min(OPENS.end() * length);
    let is_lip = landmarks::LOWER_LIP.contains(&place);
    let below = (point[1] - mouth[1]) / length;
    let aside = ((point[0] - mouth[0]) / (1.6 * length)).abs();
    // Half of the mouth's width at the inner lips; the outer lips are wider.
    let half = 0.5 * (right - left) * if landmarks::LOWER_LIP[landmarks::INNER].contains(&place) { 1.0 } else { 1.12 };
    let along = ((point[0] - f32::midpoint(left, right)) / half.max(1.0)).abs().min(1.0);
    let lip = (1.0 - along * along).powf(0.6);
    let jaw = ((below - 0.25) / 0.4).clamp(0.0, 1.0);
    let share = match (is_lip, below < 0.25) {
        (true, _) => lip,
        (false, true) => 0.0,
        (false, false) => jaw.max(lip),
    };
    let opens = wider * share * (1.0 - aside.min(1.0).powi(2));
    let shade = if is_lip || landmarks::LIDS.as_flattened().contains(&place) {
        1.0
    } else if landmarks::MOUTH_CORNERS.contains(&place) {
        0.5
    } else {
        0.0
    };
    let [x, y, z] = point;
    let [from, more] = DEEP.map(|share| share * FACE_WIDTH);
    let z = if z > from { from + more * (1.0 - (-(z - from) / more).exp()) } else { z };
    Still { place: [x, y, z], follows: 1.0, opens, shade }
}

/// Returns a point around the face. Hair and neck follow the head; the background and the picture's edges stay. The
/// head's depth there is that of the nearby outline, and rounds off.
fn surrounding(place: [f32; 2], outline: &[Still]) -> Still {
    let near = |still: &Still| {
        let away = (still.place[0] - place[0]).hypot(still.place[1] - place[1]);
        1.0 / (away * away + 9.0).powi(2)
    };
    let total: f32 = outline.iter().map(near).sum();
    let mean = |value: fn(&Still) -> f32| outline.iter().map(|still| near(still) * value(still)).sum::<f32>() / total;
    let away = nearest(outline, place) / FACE_WIDTH;
    let to_edge = place[0].min(WIDTH as f32 - place[0]).min(place[1]).min(HEIGHT as f32 - place[1]) / FACE_WIDTH;
    let depth = mean(|still| still.place[2]) + 0.55 * away.min(0.5) * FACE_WIDTH;
    // A neck turns less than a head does.
    let is_below = setting::step(place[1] - FACE_PLACE[1], 0.3 * FACE_WIDTH, 0.7 * FACE_WIDTH);
    let follows = 1.0 - setting::step(away, 0.22 - 0.2 * is_below, 0.9 - 0.2 * is_below);
    Still {
        place: [place[0], place[1], depth],
        follows: follows * setting::step(to_edge, 0.0, 0.3),
        opens: mean(|still| still.opens) * (1.0 - setting::step(away, 0.0, 0.35)),
        shade: 0.0,
    }
}

/// Returns the distance to the nearest of the vertices, in pixels.
fn nearest(vertices: &[Still], [x, y]: [f32; 2]) -> f32 {
    vertices.iter().map(|still| (still.place[0] - x).hypot(still.place[1] - y)).fold(f32::MAX, f32::min)
}

fn width(points: &[[f32; 3]]) -> f32 {
    let (low, high) = points.iter().fold((f32::MAX, f32::MIN), |(low, high), [x, ..]| (low.min(*x), high.max(*x)));
    high - low
}
