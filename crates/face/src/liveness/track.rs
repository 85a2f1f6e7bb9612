//! Follows a face from frame to frame: its place, its pose, its eyes and its mouth.

use crate::Error;
use crate::find::{self, Turns};
use crate::image::Image;
use crate::liveness::colours::Colours;
use crate::liveness::renewal::Renewal;
use crate::mesh::Mesh;
use crate::networks::Networks;
use crate::values::liveness::{FRAMES_MAX, Frame};
use crate::values::picture::Point;

/// A mesh with a lower presence shows no face.
const PRESENCE_MIN: f32 = 0.5;
/// A frame that comes sooner after the one before is skipped: more than some fifteen a second show nothing new.
const LOOK_MS: u32 = 55;
/// A followed face is detected anew after this time: it may have moved on, and others may have come.
const DETECTED_EVERY_MS: u32 = 1500;
/// The most detections. They take longer than following a face: a film that hides it time and again must not stall a
/// worker.
const DETECTIONS_MAX: usize = 30;
/// Pairs of opposite points on the lids of an eye, and its corners.
const EYES: [([[usize; 2]; 3], [usize; 2]); 2] =
    [([[159, 145], [160, 144], [158, 153]], [33, 133]), ([[386, 374], [387, 373], [385, 380]], [263, 362])];
/// Middle of the lips' inner lines, and their corners.
const LIPS: [usize; 2] = [13, 14];
const LIP_CORNERS: [usize; 2] = [78, 308];
/// Points that hardly move on a face: bridge, tip and wings of the nose, temples, cheek bones, brows, chin.
pub const FIRM: [usize; 24] =
    [168, 6, 197, 195, 5, 4, 1, 98, 327, 54, 284, 127, 356, 116, 345, 50, 280, 105, 334, 9, 151, 152, 205, 425];

/// The measurements of one frame.
#[derive(Debug, Clone, PartialEq)]
pub struct Shot {
    /// The frame's place in the capture.
    pub frame: usize,
    pub t_ms: u32,
    /// Degrees. Positive: the nose points to the picture's right, the nose points down, the head is turned clockwise.
    pub yaw: f32,
    pub pitch: f32,
    pub roll: f32,
    /// Opening of the eyes: the distance of their lids as a share of the distance of their corners.
    pub eyes: f32,
    /// Opening of the mouth, as a share of its width.
    pub mouth: f32,
    /// Interocular distance in pixels.
    pub iod: f32,
    /// The points [`FIRM`], in pixels.
    pub points: Vec<Point>,
}

/// The measurements of a film's frames.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Track {
    /// One for each frame that shows a face; so are meshes and colours.
    pub shots: Vec<Shot>,
    pub meshes: Vec<Mesh>,
    pub colours: Vec<Colours>,
    /// Covers all frames that can be read.
    pub renewal: Renewal,
    pub frames: usize,
    /// The most faces in one frame.
    pub faces_max: usize,
}

/// Returns the frames that are measured, of the first [`FRAMES_MAX`]. Cameras differ in their frame rate, and the
/// verdict must not depend on it. A frame that is not later than the one before stays, since that is a fault.
pub fn looked_at(frames: &[Frame]) -> Vec<Frame> {
    let mut kept: Vec<Frame> = vec![];
    for frame in &frames[..frames.len().min(FRAMES_MAX)] {
        let since = kept.last().and_then(|last| frame.t_ms.checked_sub(last.t_ms));
        if since.is_none_or(|ms| ms == 0 || ms >= LOOK_MS) {
            kept.push(frame.clone());
        }
    }
    kept
}

/// Follows the largest face. A frame that cannot be read shows no face.
pub fn follow(networks: &mut Networks, frames: &[Frame]) -> Result<Track, Error> {
    let mut track = Track { frames: frames.len(), ..Track::default() };
    let mut last: Option<Mesh> = None;
    let (mut detected_ms, mut detections) = (0, 0);
    for (place, frame) in frames.iter().enumerate() {
        if place > 0 && frame.jpeg == frames[place - 1].jpeg {
            track.repeat(place, frame.t_ms);
            track.renewal.add_same(frame.t_ms);
            continue;
        }
        let image = match Image::decode(&frame.jpeg, networks.settings().pixels_max, networks.memory()) {
            Ok(image) => image,
            Err(Error::Undecodable(_) | Error::TooManyPixels { .. } | Error::TooNarrow { .. }) => continue,
            Err(error) => return Err(error),
        };
        track.renewal.add(frame.t_ms, image.view());
        let followed = match last
            .take()
            .filter(|_| frame.t_ms.saturating_sub(detected_ms) < DETECTED_EVERY_MS && place + 1 < frames.len())
        {
            Some(mesh) => Some(networks.film_landmarks(image.view(), mesh.square())?),
            None => None,
        };
        let mesh = if let Some(mesh) = followed.filter(|mesh| mesh.presence >= PRESENCE_MIN) {
            mesh
        } else {
            if detections == DETECTIONS_MAX {
                continue;
            }
            (detected_ms, detections) = (frame.t_ms, detections + 1);
            let Some(found) = find::largest(networks, &image, Turns::None)? else { continue };
            track.faces_max = track.faces_max.max(found.faces());
            networks.film_landmarks(image.view(), found.mesh.square())?
        };
        if let Some(shot) = Shot::of(place, frame.t_ms, &mesh) {
            track.shots.push(shot);
            track.colours.push(Colours::of(image.view(), &mesh));
            track.meshes.push(mesh.clone());
        }
        last = Some(mesh);
    }
    Ok(track)
}

impl Track {
    /// Repeats the measurements of a repeated picture: to measure it anew would only add noise of the networks.
    fn repeat(&mut self, frame: usize, t_ms: u32) {
        if let (Some(shot), Some(mesh), Some(colours)) = (self.shots.last(), self.meshes.last(), self.colours.last())
            && shot.frame + 1 == frame
        {
            let (again, mesh, colours) = (Shot { frame, t_ms, ..shot.clone() }, mesh.clone(), *colours);
            self.shots.push(again);
            self.meshes.push(mesh);
            self.colours.push(colours);
        }
    }
}

impl Shot {
    /// Returns `None` for a mesh without a shape.
    pub fn of(frame: usize, t_ms: u32, mesh: &Mesh) -> Option<Self> {
        let pose = mesh.pose()?;
        let gap = |[one, other]: [usize; 2]| {
            let square = (0..3).map(|axis| (mesh.points[one][axis] - mesh.points[other][axis]).powi(2));
            square.sum::<f32>().sqrt()
        };
        let open = EYES.map(|(lids, corners)| lids.map(gap).iter().sum::<f32>() / 3.0 / gap(corners).max(1e-3));
        Some(Self {
            frame,
            t_ms,
            yaw: pose.yaw,
            pitch: pose.pitch,
            roll: pose.roll,
            eyes: f32::midpoint(open[0], open[1]),
            mouth: gap(LIPS) / gap(LIP_CORNERS).max(1e-3),
            iod: mesh.iod(),
            points: FIRM.map(|place| mesh.point(place)).to_vec(),
        })
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::liveness::assert_documented;

    #[test]
    fn the_documented_detections_are_these() {
        assert_documented(&format!("every {} s", f64::from(DETECTED_EVERY_MS) / 1000.0));
        assert_documented(&format!("sooner than {LOOK_MS} ms"));
        assert_documented(&format!("at most {DETECTIONS_MAX} times"));
    }

    #[test]
    fn about_as_many_frames_are_looked_at_whatever_the_camera_takes() {
        let looked_at = |every_ms: usize| {
            let frames: Vec<Frame> =
                (0..3000).step_by(every_ms).map(|t_ms| Frame { t_ms: t_ms as u32, jpeg: Bytes::new() }).collect();
            looked_at(&frames).len()
        };
        assert_eq!([100, 66, 33, 11].map(looked_at), [30, 46, 46, 30]);
        let at = |t_ms: u32| Frame { t_ms, jpeg: Bytes::new() };
        assert_eq!(super::looked_at(&[at(0), at(100), at(100), at(50), at(60)]).len(), 4);
    }
}
