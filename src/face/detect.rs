//! What BlazeFace says about a picture: boxes and points of possible faces.

use crate::domain::face::FaceBox;
use crate::domain::face::Point;

/// Rows that the network may call a face are kept above this.
pub const CONFIDENCE_MIN: f32 = 0.5;
/// Rows that overlap more than this show one face.
pub const OVERLAP_MAX: f32 = 0.3;
/// Sides of the network's input are multiples of this.
pub const SIDE_STEP: usize = 64;
/// So many of the surest rows are looked at: a picture made to please the network must not stall it.
const ROWS_MAX: usize = 1000;
/// Numbers in a row: a box, and six points.
const ROW: usize = 16;
/// The grids of the network: pixels from one anchor to the next, and anchors in each place.
const GRIDS: [(usize, usize); 2] = [(16, 2), (32, 6)];

/// A possible face.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Detection {
    pub face_box: FaceBox,
    /// Eye on the left of the picture, the other eye, nose, mouth, ear on the left, the other ear.
    pub points: [Point; 6],
    /// 0..1
    pub confidence: f32,
}

impl Detection {
    /// Every point and corner moved by `place`, which keeps upright rectangles upright.
    #[must_use]
    pub fn moved(self, place: impl Fn(Point) -> Point) -> Self {
        let FaceBox { x, y, width, height } = self.face_box;
        let (one, other) = (place(Point { x, y }), place(Point { x: x + width, y: y + height }));
        let face_box = FaceBox {
            x: one.x.min(other.x),
            y: one.y.min(other.y),
            width: (one.x - other.x).abs(),
            height: (one.y - other.y).abs(),
        };
        Self { face_box, points: self.points.map(place), ..self }
    }
}

/// How many rows the network gives for an input of `width` x `height` pixels.
pub fn rows(width: usize, height: usize) -> usize {
    GRIDS.iter().map(|(stride, anchors)| (width / stride) * (height / stride) * anchors).sum()
}

/// The faces in the outputs for an input of `width` x `height` pixels, in its pixels; surest first.
pub fn read(boxes: &[f32], scores: &[f32], width: usize, height: usize) -> Vec<Detection> {
    let found = boxes
        .as_chunks::<ROW>()
        .0
        .iter()
        .zip(scores)
        .zip(anchors(width, height))
        .filter(|((_, score), _)| **score > CONFIDENCE_MIN)
        .map(|((row, score), anchor)| detection(row, *score, anchor))
        .filter(usable)
        .collect();
    merged(found)
}

/// Joins what overlaps a surer one: the mean of all, weighted by confidence. Surest first.
pub fn merged(mut found: Vec<Detection>) -> Vec<Detection> {
    found.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
    found.truncate(ROWS_MAX);
    let mut merged = Vec::new();
    while !found.is_empty() {
        let best = found.remove(0);
        let (mut same, rest): (Vec<_>, Vec<_>) =
            found.into_iter().partition(|other| overlap(best.face_box, other.face_box) > OVERLAP_MAX);
        found = rest;
        same.push(best);
        merged.push(Detection { confidence: best.confidence, ..mean(&same) });
    }
    merged
}

/// Centres of the places that rows speak of, in the order of the rows.
fn anchors(width: usize, height: usize) -> impl Iterator<Item = Point> {
    GRIDS.into_iter().flat_map(move |(stride, count)| {
        let columns = width / stride;
        let centre = move |cell: usize| (cell as f32 + 0.5) * stride as f32;
        (0..columns * (height / stride) * count).map(move |row| {
            let place = row / count;
            Point { x: centre(place % columns), y: centre(place / columns) }
        })
    })
}

fn detection(row: &[f32; ROW], confidence: f32, anchor: Point) -> Detection {
    let [x, y, width, height, ..] = *row;
    let face_box = FaceBox { x: x + anchor.x - width / 2.0, y: y + anchor.y - height / 2.0, width, height };
    let point = |k: usize| Point { x: row[4 + 2 * k] + anchor.x, y: row[5 + 2 * k] + anchor.y };
    Detection { face_box, points: std::array::from_fn(point), confidence }
}

fn usable(found: &Detection) -> bool {
    let FaceBox { x, y, width, height } = found.face_box;
    width > 0.0 && height > 0.0 && [x, y, width, height].iter().all(|v| v.is_finite())
}

/// The mean of boxes and points, weighted by confidence.
fn mean(all: &[Detection]) -> Detection {
    let total: f32 = all.iter().map(|d| d.confidence).sum();
    let of = |value: &dyn Fn(&Detection) -> f32| all.iter().map(|d| d.confidence * value(d)).sum::<f32>() / total;
    let face_box = FaceBox {
        x: of(&|d| d.face_box.x),
        y: of(&|d| d.face_box.y),
        width: of(&|d| d.face_box.width),
        height: of(&|d| d.face_box.height),
    };
    let point = |k: usize| Point { x: of(&|d| d.points[k].x), y: of(&|d| d.points[k].y) };
    Detection { face_box, points: std::array::from_fn(point), confidence: total }
}

/// The area two boxes share, as a part of the area they cover together; 0..1.
pub fn overlap(a: FaceBox, b: FaceBox) -> f32 {
    let shared = |a0: f32, a: f32, b0: f32, b: f32| ((a0 + a).min(b0 + b) - a0.max(b0)).max(0.0);
    let both = shared(a.x, a.width, b.x, b.width) * shared(a.y, a.height, b.y, b.height);
    both / (area(a) + area(b) - both)
}

pub fn area(face_box: FaceBox) -> f32 {
    face_box.width * face_box.height
}

pub fn centre(face_box: FaceBox) -> Point {
    Point { x: face_box.x + face_box.width / 2.0, y: face_box.y + face_box.height / 2.0 }
}

/// Whether `point` lies in `face_box`.
pub fn holds(face_box: FaceBox, point: Point) -> bool {
    let within = |at: f32, start: f32, len: f32| (start..start + len).contains(&at);
    within(point.x, face_box.x, face_box.width) && within(point.y, face_box.y, face_box.height)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(x: f32, confidence: f32) -> Detection {
        let face_box = FaceBox { x, y: 0.0, width: 10.0, height: 10.0 };
        Detection { face_box, points: [Point { x, y: 0.0 }; 6], confidence }
    }

    #[test]
    fn anchors_follow_the_grids() {
        let all: Vec<Point> = anchors(256, 128).collect();
        assert_eq!(all.len(), rows(256, 128));
        assert_eq!(rows(256, 256), 896);
        assert_eq!(all[0], Point { x: 8.0, y: 8.0 });
        assert_eq!(all[2], Point { x: 24.0, y: 8.0 });
        assert_eq!(all[2 * 16], Point { x: 8.0, y: 24.0 });
        assert_eq!(all[2 * 16 * 8 + 6 * 8 + 6], Point { x: 48.0, y: 48.0 });
    }

    #[test]
    fn what_overlaps_is_averaged_by_confidence() {
        let merged = merged(vec![at(3.0, 0.6), at(0.0, 0.9), at(100.0, 0.55)]);
        assert_eq!(merged.len(), 2);
        assert!((merged[0].face_box.x - 1.2).abs() < 1e-5);
        assert_eq!((merged[0].confidence, merged[1]), (0.9, at(100.0, 0.55)));
    }

    #[test]
    fn rows_become_boxes_around_their_anchors() {
        let mut boxes = vec![0.0; ROW * rows(64, 64)];
        boxes[..6].copy_from_slice(&[2.0, -3.0, 20.0, 30.0, 1.0, 1.5]);
        let mut scores = vec![0.1; rows(64, 64)];
        scores[0] = 0.8;
        scores[1] = 0.9; // its box has no size
        let found = read(&boxes, &scores, 64, 64);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].face_box, FaceBox { x: 0.0, y: -10.0, width: 20.0, height: 30.0 });
        assert_eq!(found[0].points[0], Point { x: 9.0, y: 9.5 });
    }

    #[test]
    fn overlaps_are_shares() {
        let a = FaceBox { x: 0.0, y: 0.0, width: 2.0, height: 2.0 };
        assert_eq!(overlap(a, a), 1.0);
        assert_eq!(overlap(a, FaceBox { x: 1.0, ..a }), 1.0 / 3.0);
        assert_eq!(overlap(a, FaceBox { x: 5.0, ..a }), 0.0);
        assert!(holds(a, centre(a)) && !holds(a, Point { x: 2.0, y: 1.0 }));
    }
}
