//! Runs the real networks on films that the performer makes, and on attacks.

use bytes::Bytes;
use evaluate::performer::attack::{Attack, attack};
use evaluate::performer::camera::Camera;
use evaluate::performer::motion::Pose;
use evaluate::performer::portrait::Portrait;
use evaluate::performer::{self, FRAME_MS, Performance};
use face::liveness::judge::Evidence;
use face::networks::Networks;
use face::values::lights;
use face::values::liveness::{Challenge, Frame, LivenessType, Reason, SecurityLevel};
use face::values::score::Score;
use face::{Asked, LivenessCapture, Verdict, samples};
use onnx::Engine;
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::networks;

fn performance(liveness_type: LivenessType, challenges: &[Challenge]) -> Performance {
    let asked = Asked { challenges: challenges.to_vec(), ..Asked::passive(liveness_type) };
    Performance { asked, seed: 4, frame_ms: FRAME_MS }
}

fn portrait(networks: &mut Networks) -> Portrait {
    Portrait::read(networks, samples::PORTRAIT).expect("it shows a face")
}

/// Makes a capture of what `asked` asks for, at the highest level.
fn replay(asked: &Performance, frames: Vec<Frame>) -> LivenessCapture {
    LivenessCapture { asked: asked.asked.clone(), level: SecurityLevel::High, is_virtual: None, frames }
}

fn verdict(networks: &mut Networks, asked: &Performance, frames: Vec<Frame>) -> Verdict {
    networks.check_liveness(&replay(asked, frames)).expect("the networks run")
}

#[test]
fn whoever_does_what_is_asked_is_accepted() {
    let mut networks = networks(Engine::Auto);
    let portrait = portrait(&mut networks);
    for asked in [
        performance(LivenessType::Active, &[Challenge::TurnLeft, Challenge::Blink]),
        performance(LivenessType::Passive, &[]),
        performance(LivenessType::PassiveVideo, &[]),
    ] {
        let frames = performer::perform(&portrait, &asked);
        let Verdict { reasons, best, .. } = verdict(&mut networks, &asked, frames.clone());
        assert_eq!(reasons, [], "{asked:?}");
        let best = best.expect("there is a face");
        assert!(frames.iter().any(|frame| frame.jpeg == best.jpeg));
        assert!(best.described.quality.value > 0 && (18.0..90.0).contains(&best.years), "{best:?}");
    }
}

/// Measures a film. Returns the reasons for which it is refused at the highest level, and the evidence.
fn judged(networks: &mut Networks, asked: &Performance, frames: Vec<Frame>) -> (Vec<Reason>, Evidence) {
    let evidence = networks.measure(&replay(asked, frames)).expect("the networks run").evidence;
    let reasons = evidence.judge(&asked.asked, SecurityLevel::High, networks.liveness());
    (reasons, evidence)
}

/// A verdict is worth little if it depends on a camera's frame rate.
#[test]
fn the_verdict_is_the_same_at_every_frame_rate() {
    let mut networks = networks(Engine::Auto);
    let portrait = portrait(&mut networks);
    for frame_ms in [FRAME_MS, 66, 33] {
        let at = |asked: Performance| Performance { frame_ms, ..asked };
        let film = at(performance(LivenessType::PassiveVideo, &[]));
        for asked in [&film, &at(performance(LivenessType::Active, &[Challenge::LookDown]))] {
            let (reasons, evidence) = judged(&mut networks, asked, performer::perform(&portrait, asked));
            assert_eq!(reasons, [], "{frame_ms} ms: {evidence:?}");
        }
        for (kind, reason) in [(Attack::Still, Reason::Frozen), (Attack::Dropped, Reason::Cut)] {
            let (reasons, evidence) = judged(&mut networks, &film, attack(kind, &portrait, &portrait, &film));
            assert!(reasons.contains(&reason), "{} at {frame_ms} ms: {evidence:?}", kind.name());
        }
    }
}

/// The landmark network gives noisier points for a turned face than for one that looks ahead.
#[test]
fn a_still_is_frozen_however_the_head_is_turned_in_it() {
    let mut networks = networks(Engine::Auto);
    let portrait = portrait(&mut networks);
    let asked = performance(LivenessType::PassiveVideo, &[]);
    for pose in [Pose { yaw: 18.0, ..Pose::default() }, Pose { yaw: -25.0, pitch: 10.0, ..Pose::default() }] {
        let mut camera = Camera::new(&mut StdRng::seed_from_u64(9));
        let still = portrait.drawn(&pose);
        let frames = (0..30).map(|number| Frame { t_ms: 100 * number, jpeg: camera.shot(&still) }).collect();
        let (reasons, evidence) = judged(&mut networks, &asked, frames);
        assert!(reasons.contains(&Reason::Frozen), "{pose:?}: {evidence:?}");
    }
}

#[test]
fn who_sleeps_is_refused() {
    let mut networks = networks(Engine::Auto);
    let portrait = Portrait::read(&mut networks, samples::OTHER.1).expect("it shows a face");
    let asked = performance(LivenessType::PassiveVideo, &[]);
    let mut camera = Camera::new(&mut StdRng::seed_from_u64(9));
    let shut = |number: u32| Pose { lids: 1.0, yaw: 3.0 * (0.2 * number as f32).sin(), ..Pose::default() };
    let shown = |number: u32| Frame { t_ms: 100 * number, jpeg: camera.shot(&portrait.drawn(&shut(number))) };
    let frames: Vec<Frame> = (0..30).map(shown).collect();
    let (reasons, evidence) = judged(&mut networks, &asked, frames);
    assert_eq!(reasons, [Reason::EyesClosed], "{evidence:?}");
}

/// Fails unless each of these attacks is refused, among others for its reason.
fn refused(liveness_type: LivenessType, challenges: &[Challenge], attacks: &[(Attack, Reason)]) {
    let mut networks = networks(Engine::Auto);
    let portrait = portrait(&mut networks);
    let other = Portrait::read(&mut networks, samples::OTHER.1).expect("it shows a face");
    let asked = performance(liveness_type, challenges);
    for (kind, reason) in attacks {
        let reasons = verdict(&mut networks, &asked, attack(*kind, &portrait, &other, &asked)).reasons;
        assert!(reasons.contains(reason), "{}: {reasons:?}", kind.name());
    }
}

#[test]
fn whoever_does_not_do_what_is_asked_is_refused() {
    let asked = [Challenge::OpenMouth, Challenge::TurnLeft];
    let kinds = [Attack::Print, Attack::Replayed, Attack::WrongOrder];
    refused(LivenessType::Active, &asked, &kinds.map(|kind| (kind, Reason::ChallengeNotPerformed)));
}

#[test]
fn films_that_were_put_together_are_refused() {
    let put_together =
        [(Attack::Still, Reason::Frozen), (Attack::TwoPeople, Reason::FaceChanged), (Attack::Dropped, Reason::Cut)];
    refused(LivenessType::PassiveVideo, &[], &put_together);
    // A photograph replaces the camera, with fresh noise in each frame.
    refused(LivenessType::Passive, &[], &[(Attack::Still, Reason::Injected)]);
}

/// Returns how real the faces of a film look to the built-in network.
fn real(networks: &mut Networks, asked: &Performance, frames: Vec<Frame>) -> f32 {
    networks.measure(&replay(asked, frames)).expect("the networks run").evidence.real.expect("there is such a network")
}

#[test]
fn prints_and_displays_look_less_real_than_whom_they_show() {
    let mut networks = networks(Engine::Auto);
    let portrait = portrait(&mut networks);
    let asked = performance(LivenessType::Passive, &[]);
    let person = real(&mut networks, &asked, performer::perform(&portrait, &asked));
    let [print, screen] = [Attack::Print, Attack::Screen]
        .map(|kind| real(&mut networks, &asked, attack(kind, &portrait, &portrait, &asked)));
    assert!(print < person && screen < person, "{person}: {print}, {screen}");
}

#[test]
fn broken_captures_are_refused_and_harm_nobody() {
    let mut networks = networks(Engine::Auto);
    let portrait = portrait(&mut networks);
    let asked = performance(LivenessType::PassiveVideo, &[]);
    let mut judged = |frames: Vec<Frame>| verdict(&mut networks, &asked, frames).reasons;
    assert_eq!(judged(vec![]), [Reason::NoFace]);
    let noise = |number: u32| Frame { t_ms: 100 * number, jpeg: Bytes::from(format!("\u{ff}{number}")) };
    assert_eq!(judged((0..10).map(noise).collect()), [Reason::NoFace]);

    let film = performer::perform(&portrait, &asked);
    assert_eq!(judged(film[..6].to_vec()), [Reason::TooShort]);
    let mut backwards = film[..20].to_vec();
    backwards[12].t_ms = 0;
    assert!(judged(backwards).contains(&Reason::Cut));
    // One picture comes twenty times.
    let again: Vec<Frame> = film[..20].iter().map(|frame| Frame { jpeg: film[0].jpeg.clone(), ..*frame }).collect();
    assert!(judged(again).contains(&Reason::Frozen));
}

/// The demonstration must not depend on the challenges that its check happens to draw.
#[test]
fn the_person_of_the_demonstration_can_do_whatever_is_asked() {
    let mut networks = networks(Engine::Auto);
    let portrait = Portrait::read(&mut networks, samples::ONE[2].1).expect("it shows a face");
    let asked = Performance { seed: 7, ..performance(LivenessType::Active, &Challenge::ALL) };
    assert_eq!(verdict(&mut networks, &asked, performer::perform(&portrait, &asked)).reasons, []);
}

/// Makes a film before a screen that shows the colours of this random number.
fn lit(random: u8) -> Performance {
    let asked = Asked { lights: lights::schedule(4, &[random; 32]), ..Asked::passive(LivenessType::PassiveVideo) };
    Performance { asked, seed: u64::from(random), frame_ms: FRAME_MS }
}

#[test]
fn a_face_reflects_the_light_that_this_check_asks_for() {
    let mut networks = networks(Engine::Auto);
    let portrait = portrait(&mut networks);
    for frame_ms in [FRAME_MS, 33] {
        let asked = Performance { frame_ms, ..lit(1) };
        let (reasons, evidence) = judged(&mut networks, &asked, performer::perform(&portrait, &asked));
        assert_eq!(reasons, [], "{evidence:?}");
    }
}

#[test]
fn what_does_not_reflect_the_light_of_this_check_is_refused() {
    let mut networks = networks(Engine::Auto);
    let portrait = portrait(&mut networks);
    let asked = lit(1);
    let mut refused = |frames: Vec<Frame>, reason: Reason| {
        let (reasons, evidence) = judged(&mut networks, &asked, frames);
        assert!(reasons.contains(&reason), "{evidence:?}");
    };
    // One film was made for another check, and one without any light.
    refused(performer::perform(&portrait, &lit(2)), Reason::LightNotReflected);
    let dark = Performance { asked: Asked::passive(LivenessType::PassiveVideo), ..lit(1) };
    let film = performer::perform(&portrait, &dark);
    refused(film.iter().chain(&film).enumerate().map(at_its_time).collect(), Reason::LightNotReflected);
    // A display outshines what it reflects, and paper reflects the same everywhere.
    refused(attack(Attack::Screen, &portrait, &portrait, &asked), Reason::LightNotReflected);
    refused(attack(Attack::Print, &portrait, &portrait, &asked), Reason::FlatLight);
}

fn at_its_time((place, frame): (usize, &Frame)) -> Frame {
    Frame { t_ms: FRAME_MS * place as u32, jpeg: frame.jpeg.clone() }
}

/// Scores of two children are lowered, the more the younger they seem to be. A child must not be told from itself.
#[test]
fn a_child_stays_one_person_in_a_film() {
    let Some(folder) = testkit::shared::folder("faces/utkface") else { return };
    let mut networks = networks(Engine::Auto);
    for name in ["1_0_2_20161219160747326", "1_0_0_20170110212745529"] {
        let bytes = std::fs::read(folder.join(format!("{name}.jpg.chip.jpg"))).expect("it is there");
        let portrait = Portrait::read(&mut networks, &bytes).expect("it shows a face");
        let asked = lit(1);
        let (_, evidence) = judged(&mut networks, &asked, performer::perform(&portrait, &asked));
        let same = evidence.same.expect("faces were compared");
        assert!(same > Score(5000.0), "{name}: {same:?}");
    }
}
