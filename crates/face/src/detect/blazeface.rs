//! Reads the output of BlazeFace (Bazarevsky et al., "BlazeFace", 2019; the back-camera model): rows that hold a box
//! and six points around each anchor.

use crate::detect::{self, Detection, HINT_MIN, Reader};
use crate::values::picture::{FaceBox, Point};

/// Numbers in a row: a box, and six points (eye on the left of the picture, the other eye, nose, mouth, ears).
const ROW: usize = 16;
/// The grids of the network: pixels from one cell to the next, and anchors in each cell.
const GRIDS: [(usize, usize); 2] = [(16, 2), (32, 6)];

pub struct Blazeface;

impl Reader for Blazeface {
    fn side_step(&self) -> usize {
        64
    }

    fn outputs(&self, width: usize, height: usize) -> Vec<(String, Vec<usize>)> {
        let rows = rows(width, height);
        vec![("boxes".into(), vec![1, rows, ROW]), ("scores".into(), vec![1, rows, 1])]
    }

    fn read(&self, outputs: &[Vec<f32>], width: usize, height: usize) -> Vec<Detection> {
        let [boxes, scores] = outputs else { return Vec::new() };
        let rows = boxes.as_chunks::<ROW>().0.iter().zip(scores).zip(anchors(width, height));
        rows.filter(|((_, score), _)| **score > HINT_MIN)
            .map(|((row, score), anchor)| detection(row, *score, anchor))
            .filter(detect::usable)
            .collect()
    }
}

fn rows(width: usize, height: usize) -> usize {
    GRIDS.iter().map(|(stride, anchors)| (width / stride) * (height / stride) * anchors).sum()
}

/// Returns the centre of each row's anchor, in the order of the rows.
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
    Detection { face_box, eyes: [point(0), point(1)], confidence }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn rows_become_boxes_around_their_anchors() {
        let mut boxes = vec![0.0; ROW * rows(64, 64)];
        boxes[..6].copy_from_slice(&[2.0, -3.0, 20.0, 30.0, 1.0, 1.5]);
        let mut scores = vec![0.1; rows(64, 64)];
        scores[0] = 0.8;
        scores[1] = 0.9; // its box has no size
        let found = Blazeface.read(&[boxes, scores], 64, 64);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].face_box, FaceBox { x: 0.0, y: -10.0, width: 20.0, height: 30.0 });
        assert_eq!(found[0].eyes[0], Point { x: 9.0, y: 9.5 });
    }
}
