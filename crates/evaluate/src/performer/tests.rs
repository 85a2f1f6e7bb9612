use bytes::Bytes;
use face::find::{self, Turns};
use face::image::Image;
use face::mesh::Mesh;
use face::networks::{self, Compiled, Networks};
use face::pack::Pack;
use face::samples;

use face::values::liveness::{Challenge, LivenessType};

use super::*;
use crate::performer::attack::{Attack, attack};
use crate::performer::motion::Pose;
use crate::performer::portrait::NOTHING;

fn built_in() -> Networks {
    let pack = Pack::open(None).expect("it is whole");
    Networks::new(&Compiled::new(&pack, networks::Settings::default()).expect("it compiles"))
}

fn seen(networks: &mut Networks, jpeg: &Bytes) -> Mesh {
    let image = Image::decode(jpeg, 10_000_000, networks.memory()).expect("it is a picture");
    find::largest(networks, &image, Turns::None).expect("networks run").expect("it shows a face").mesh
}

fn gap(mesh: &Mesh, [one, other]: [usize; 2]) -> f32 {
    let [one, other] = [one, other].map(|place| mesh.point(place));
    (one.x - other.x).hypot(one.y - other.y)
}

#[test]
fn a_face_moves_as_it_is_told() {
    let mut networks = built_in();
    // One person smiles; two have closed lips.
    for (name, bytes) in [samples::ONE[0], samples::ONE[2], samples::OTHER] {
        let portrait = Portrait::read(&mut networks, bytes).expect("it shows a face");
        let mut camera = Camera::new(&mut StdRng::seed_from_u64(3));
        let mut look = |pose: Pose| {
            let jpeg = camera.shot(&portrait.drawn(&pose));
            seen(&mut networks, &jpeg)
        };
        let still = Pose::default();
        let ahead = look(still);
        let turned = |mesh: &Mesh| mesh.pose().expect("it has a shape");
        let ahead_pose = turned(&ahead);
        for angle in [-28.0, 28.0] {
            let yaw = turned(&look(Pose { yaw: angle, ..still })).yaw - ahead_pose.yaw;
            assert!((yaw / angle - 1.0).abs() < 0.4, "{name}, {angle}: {yaw}");
        }
        for angle in [-20.0, 20.0] {
            let pitch = turned(&look(Pose { pitch: angle, ..still })).pitch - ahead_pose.pitch;
            assert!((pitch / angle - 1.0).abs() < 0.5, "{name}, {angle}: {pitch}");
        }
        let eyes = |mesh: &Mesh| gap(mesh, [159, 145]) + gap(mesh, [386, 374]);
        let closed = look(Pose { lids: 1.0, ..still });
        assert!(eyes(&closed) < 0.85 * eyes(&ahead), "{name}: {} {}", eyes(&closed), eyes(&ahead));
        let mouth = |mesh: &Mesh| gap(mesh, [13, 14]) / gap(mesh, [78, 308]);
        let open = look(Pose { mouth: 0.9, ..still });
        assert!(mouth(&open) > (mouth(&ahead) + 0.12).max(0.4), "{name}: {} {}", mouth(&open), mouth(&ahead));
    }
}

#[test]
fn no_hole_opens_beside_a_head_that_turns() {
    let mut networks = built_in();
    let portrait = Portrait::read(&mut networks, samples::OTHER.1).expect("it shows a face");
    let still = Pose { x: 0.03, y: 0.02, nearer: 0.02, roll: 2.0, mouth: 1.0, ..Pose::default() };
    for (yaw, pitch) in [(35.0, 0.0), (-35.0, 0.0), (0.0, 25.0), (0.0, -25.0), (20.0, -15.0)] {
        let drawn = portrait.drawn(&Pose { yaw, pitch, ..still });
        assert!(!drawn.pixels.contains(&NOTHING), "{yaw} {pitch}");
    }
}

#[test]
fn the_same_seed_gives_the_same_film_and_every_attack_is_one() {
    let mut networks = built_in();
    let [one, other] = [samples::PORTRAIT, samples::OTHER.1]
        .map(|bytes| Portrait::read(&mut networks, bytes).expect("it shows a face"));
    let challenges = vec![Challenge::Blink];
    let asked = Asked { challenges, ..Asked::passive(LivenessType::Active) };
    let performance = Performance { asked, seed: 5, frame_ms: FRAME_MS };
    let film = perform(&one, &performance);
    assert!(film == perform(&one, &performance));
    assert!(film != perform(&one, &Performance { seed: 6, ..performance.clone() }));
    for kind in Attack::ALL {
        let frames = attack(kind, &one, &other, &performance);
        assert!((10..=150).contains(&frames.len()), "{}: {}", kind.name(), frames.len());
        assert!(frames.windows(2).all(|pair| pair[0].t_ms < pair[1].t_ms));
        for frame in [&frames[0], &frames[frames.len() / 2]] {
            seen(&mut networks, &frame.jpeg);
        }
    }
}
