//! Where a recognizer wants the points of a face.

use serde::Deserialize;

use crate::domain::face::Point;
use crate::face::geometry::Similarity;
use crate::face::mesh;
use crate::face::mesh::Mesh;

/// Points of the mesh, and the places they take in a recognizer's input.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(try_from = "Table")]
pub struct Alignment {
    vertices: Vec<usize>,
    points: Vec<Point>,
}

impl Alignment {
    /// From the picture to the recognizer's input; `None` when the mesh has no extent.
    pub fn fit(&self, mesh: &Mesh) -> Option<Similarity> {
        let from: Vec<Point> = self.vertices.iter().map(|vertex| mesh.point(*vertex)).collect();
        Similarity::fit(&from, &self.points)
    }
}

/// As it is written in a pack's manifest.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    vertices: Vec<usize>,
    points: Vec<[f32; 2]>,
}

impl TryFrom<Table> for Alignment {
    type Error = String;

    fn try_from(table: Table) -> Result<Self, String> {
        let Table { vertices, points } = table;
        if vertices.len() != points.len() {
            return Err(format!("the alignment has {} vertices and {} points", vertices.len(), points.len()));
        }
        if vertices.len() < 2 {
            return Err("an alignment needs at least two points".into());
        }
        if let Some(vertex) = vertices.iter().find(|vertex| **vertex >= mesh::POINTS) {
            return Err(format!("vertex {vertex} of the alignment is not below {}", mesh::POINTS));
        }
        if points.iter().flatten().any(|value| !value.is_finite()) {
            return Err("a point of the alignment is not finite".into());
        }
        let points = points.into_iter().map(|[x, y]| Point { x, y }).collect();
        Ok(Self { vertices, points })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_face_is_brought_to_its_places() {
        let alignment: Alignment =
            toml::from_str("vertices = [1, 0]\npoints = [[10.0, 10.0], [20.0, 10.0]]").expect("it is one");
        let mut points = vec![[0.0; 3]; mesh::POINTS];
        points[0] = [5.0, 25.0, 9.0];
        points[1] = [5.0, 5.0, 9.0];
        let map = alignment.fit(&Mesh { points, presence: 1.0 }).expect("it has extent");
        let place = map.point(Point { x: 5.0, y: 15.0 });
        assert!((place.x - 15.0).abs() < 1e-5 && (place.y - 10.0).abs() < 1e-5, "{place:?}");
        assert!((map.scale() - 0.5).abs() < 1e-9);
    }

    #[test]
    fn what_is_no_alignment_is_refused() {
        for (text, reason) in [
            ("vertices = [1]\npoints = [[1.0, 2.0], [3.0, 4.0]]", "1 vertices and 2 points"),
            ("vertices = [1]\npoints = [[1.0, 2.0]]", "at least two"),
            ("vertices = [1, 468]\npoints = [[1.0, 2.0], [3.0, 4.0]]", "vertex 468"),
            ("vertices = [1, 2]\npoints = [[1.0, nan], [3.0, 4.0]]", "not finite"),
        ] {
            let error = toml::from_str::<Alignment>(text).expect_err(reason).to_string();
            assert!(error.contains(reason), "{error}");
        }
    }
}
