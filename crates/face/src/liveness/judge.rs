//! Judges what was measured on a capture, and names the reasons for a refusal.

use serde::Serialize;

use crate::Asked;
use crate::liveness::light::Reflection;
use crate::liveness::motion::{Speed, Stir};
use crate::liveness::movements::{self, Movement};
use crate::pack::liveness::Liveness;
use crate::values::liveness::{Challenge, LivenessType, Measure, Reason, SecurityLevel};
use crate::values::score::Score;

/// The least share of a film's frames that must show a face, and the longest time that it may be out of sight.
const SEEN_MIN: f32 = 0.6;
const UNSEEN_MS_MAX: u32 = 1000;
/// The shortest film, in milliseconds and in frames with a face: a shorter one cannot show how somebody moves.
const FILM_MS_MIN: u32 = 1500;
const FILM_SHOTS_MIN: usize = 10;
/// The longest time between two frames of a film: cameras drop a frame now and then, and do not stop for longer.
const GAP_MS_MAX: u32 = 700;
/// Interocular distances a second. A head that turns as fast as is asked for reaches 2, and a head that is thrown
/// reaches about 6 to 9. A face that jumps from rest to rest was not moved by a neck.
const SPEED_MAX: f32 = 10.0;
const JUMP_MAX: f32 = 5.0;
/// Homography residual for a turn by one radian, in interocular distances. Photographs that are moved with the depth of
/// a head leave 0.22 and more; a plane leaves 0.06, which is noise of the landmark network.
const RELIEF_MIN: f32 = 0.12;
/// Ratio of variances. A still with noise on it has about 1, somebody who tries to keep still most often 3 and more.
const STIR_MIN: f32 = 1.8;
/// Interocular distances. The shape of a still changes by less than the first, whatever its noise and the ratio. A
/// change above the second shows life without a ratio.
const CHANGE_MIN: f32 = 0.005;
const CHANGE_ENOUGH: f32 = 0.013;
/// A mouth that opens or closes by this share of its width is not that of a still.
const MOUTH_MIN: f32 = 0.08;
/// Levels of brightness. If the picture changes by less from its first frame on, the first picture was sent again. In
/// synthetic films a photograph with a camera's noise on it has 1.0 to 1.4, and people who keep still for a second have
/// 6 and more.
const RENEWED_MIN: f32 = 2.0;
/// Opening of the eyes, in their own width: open ones have 0.1 and more in 99 of 100 photographs, shut ones up to 0.07.
const EYES_MIN: f32 = 0.09;
/// The fewest faces of a film that are compared: nothing follows from fewer.
const LOOKS_MIN: usize = 2;
/// A face that a screen lights follows its colours with at least this correlation, and better than all but this share
/// of the sequences that could have been asked for. A film made before passes the latter by luck alone.
const REFLECTED_MIN: f32 = 0.5;
const CHANCE_MAX: f32 = 0.01;
/// The highest share of the front's light that the sides of a head reflect. A flat thing reflects as much at its sides.
const SIDES_MAX: f32 = 0.9;

/// The measurements of a capture. Distances are in interocular distances.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Evidence {
    pub frames: usize,
    /// Frames that show a face.
    pub seen: usize,
    /// The most faces at once.
    pub faces_max: usize,
    /// The time from the first frame that shows a face to the last.
    pub length_ms: u32,
    /// The longest time from one frame to the next, and the longest time of consecutive frames without a face. A frame
    /// that is not later than the one before counts as a gap without end.
    pub gap_ms_max: u32,
    pub unseen_ms_max: u32,
    /// See [`super::motion::speed`].
    pub speed: Speed,
    /// See [`super::motion::stir`].
    pub stir: Option<Stir>,
    /// See [`super::motion::mouth`].
    pub mouth: f32,
    /// See [`super::motion::eyes`].
    pub eyes: f32,
    /// See [`super::motion::relief`].
    pub relief: Option<f32>,
    /// See [`super::renewal::Renewal::change`].
    pub change: Option<f32>,
    /// See [`crate::LivenessCapture::is_virtual`].
    pub is_virtual: Option<bool>,
    /// See [`movements::movements`].
    pub movements: Vec<Movement>,
    /// True if the face looks ahead at the beginning and in the same way at the end.
    pub is_ahead: bool,
    /// Mean output of the networks against spoofs over frames, 0 to 1 for a real face. `None` for a pack without any.
    pub real: Option<f32>,
    /// Frames that were compared and gave a template.
    pub looks: usize,
    /// The lowest score of any two of them; `None` for fewer than two, or for a pack without calibration.
    pub same: Option<Score>,
    /// See [`super::light::reflection`]. `None` if no light was asked for, or a colour was seen in too few frames.
    pub light: Option<Reflection>,
    /// See [`crate::quality::sight`]; the highest of the compared frames.
    pub sight: Option<i32>,
}

/// Returns the lowest score that two frames of one person's film must reach, and which they far exceed: false
/// acceptance rates of 1, 0.1 and 0.01 %.
fn same_min(level: SecurityLevel) -> Score {
    match level {
        SecurityLevel::Low => Score(2500.0),
        SecurityLevel::Medium => Score(3000.0),
        SecurityLevel::High => Score(3500.0),
    }
}

impl Evidence {
    /// Returns the reasons for refusing the capture, worst first; empty if it is accepted.
    pub fn judge(&self, asked: &Asked, level: SecurityLevel, limits: &Liveness) -> Vec<Reason> {
        let is_film = asked.is_film();
        if self.is_nobody(is_film) {
            return vec![Reason::NoFace];
        }
        let is_spoof = self.real.is_some_and(|real| real < limits.spoof_min.at(level));
        let is_fast = self.speed.max > SPEED_MAX || self.speed.jump > JUMP_MAX;
        let is_cut = self.gap_ms_max > GAP_MS_MAX || is_fast;
        let is_short = self.length_ms < FILM_MS_MIN || self.seen < FILM_SHOTS_MIN;
        let is_poor = self.sight.is_none_or(|sight| sight < 0) || is_film && self.looks < LOOKS_MIN;
        let is_active = asked.liveness_type == LivenessType::Active;
        let is_lit = !asked.lights.is_empty();
        let is_renewed = self.change.is_none_or(|change| change >= RENEWED_MIN);
        let faults = [
            (Reason::SpoofNetwork, is_spoof),
            (Reason::FaceChanged, is_film && self.same.is_some_and(|same| same < same_min(level))),
            (Reason::Cut, is_film && is_cut),
            (Reason::FlatMotion, is_film && self.relief.is_some_and(|relief| relief < RELIEF_MIN)),
            (Reason::Frozen, is_film && self.is_frozen()),
            (Reason::Injected, !is_renewed || self.is_virtual == Some(true)),
            (Reason::MultipleFaces, self.faces_max > 1),
            (Reason::TooShort, is_film && is_short),
            (Reason::ChallengeNotPerformed, is_active && !self.performs(&asked.challenges)),
            (Reason::LightNotReflected, is_lit && !self.light.is_some_and(is_reflected)),
            (Reason::FlatLight, is_lit && self.light.is_some_and(is_flat)),
            (Reason::EyesClosed, self.eyes < EYES_MIN),
            (Reason::PoorQuality, is_poor),
        ];
        faults.into_iter().filter(|(_, is_at_fault)| *is_at_fault).map(|(reason, _)| reason).collect()
    }

    /// Returns the measures on which [`Evidence::judge`] rests.
    pub fn measures(&self, asked: &Asked) -> Vec<Measure> {
        let is_film = asked.is_film();
        let taken = [
            (Measure::Face, true),
            (Measure::Eyes, true),
            (Measure::Movements, asked.liveness_type == LivenessType::Active),
            (Measure::OnePerson, is_film && self.same.is_some()),
            (Measure::Continuity, is_film),
            (Measure::Relief, is_film && self.relief.is_some()),
            (Measure::Life, is_film && self.stir.is_some()),
            (Measure::Renewal, self.change.is_some()),
            (Measure::SpoofNetwork, self.real.is_some()),
            (Measure::Light, !asked.lights.is_empty()),
            (Measure::Camera, self.is_virtual.is_some()),
        ];
        taken.into_iter().filter(|(_, is_taken)| *is_taken).map(|(measure, _)| measure).collect()
    }

    fn is_nobody(&self, is_film: bool) -> bool {
        let is_lost = (self.seen as f32) < SEEN_MIN * self.frames as f32 || self.unseen_ms_max > UNSEEN_MS_MAX;
        self.seen == 0 || is_film && is_lost
    }

    /// Returns true if only noise changes. A blink, a mouth that moves or a large change of shape shows life that the
    /// ratio of variances misses in somebody who holds still.
    fn is_frozen(&self) -> bool {
        let blinks = self.movements.iter().any(|movement| movement.challenge == Challenge::Blink);
        let is_still = |stir: Stir| stir.change < CHANGE_MIN || stir.change < CHANGE_ENOUGH && stir.ratio < STIR_MIN;
        !blinks && self.mouth < MOUTH_MIN && self.stir.is_some_and(is_still)
    }

    fn performs(&self, asked: &[Challenge]) -> bool {
        self.is_ahead && movements::perform(&self.movements, asked)
    }
}

/// Returns true if a face follows the light, and not by luck.
fn is_reflected(light: Reflection) -> bool {
    light.correlation >= REFLECTED_MIN && light.chance <= CHANCE_MAX
}

/// Returns true if the sides surely reflect as much as the front: two standard errors are allowed for.
fn is_flat(light: Reflection) -> bool {
    is_reflected(light) && light.sides - 2.0 * light.sides_error > SIDES_MAX
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::liveness::assert_documented;
    use crate::values::lights::{LIGHTS, Light, ShownLight};

    #[test]
    fn the_documented_thresholds_are_these() {
        let [low, medium, high] = SecurityLevel::ALL.map(|level| same_min(level).0);
        assert_documented(&format!("LOW {low}, MEDIUM {medium}, HIGH {high}"));
        assert_documented(&format!(
            "{GAP_MS_MAX} ms; {SPEED_MAX} distances of the eyes a second, {JUMP_MAX} from rest"
        ));
        assert_documented(&format!("{RELIEF_MIN} distances of the eyes a radian"));
        assert_documented(&format!(
            "ratio of variances {STIR_MIN}; shape {CHANGE_MIN} and {CHANGE_ENOUGH} distances of the eyes; mouth {MOUTH_MIN}"
        ));
        assert_documented(&format!("less than {RENEWED_MIN:.0} levels"));
        assert_documented(&format!("less than {EYES_MIN} of their width"));
        assert_documented(&format!("correlation {REFLECTED_MIN}; {:.0} % of all sequences", 100.0 * CHANCE_MAX));
        assert_documented(&format!("{SIDES_MAX}, two standard errors below"));
        let seconds = f64::from(FILM_MS_MIN) / 1000.0;
        assert_documented(&format!("less than {seconds} s, or of fewer than {FILM_SHOTS_MIN} frames"));
        let (share, seconds) = (100.0 * SEEN_MIN, UNSEEN_MS_MAX / 1000);
        assert_documented(&format!("fewer than {share:.0} % of a film's frames, or none for more than {seconds} s"));
    }

    const ASKED: [Challenge; 2] = [Challenge::TurnLeft, Challenge::Blink];

    fn good() -> Evidence {
        let turn = Movement { challenge: Challenge::TurnLeft, size: 2.0, from_ms: 1000, to_ms: 1900 };
        let blink = Movement { challenge: Challenge::Blink, size: 1.0, from_ms: 2800, to_ms: 3100 };
        Evidence {
            frames: 40,
            seen: 40,
            faces_max: 1,
            length_ms: 4000,
            gap_ms_max: 120,
            unseen_ms_max: 120,
            speed: Speed { max: 1.5, jump: 1.0 },
            stir: Some(Stir { ratio: 12.0, change: 0.02 }),
            mouth: 0.1,
            eyes: 0.24,
            relief: Some(0.25),
            change: Some(12.0),
            is_virtual: Some(false),
            movements: vec![turn, blink],
            is_ahead: true,
            real: Some(0.95),
            looks: 3,
            same: Some(Score(5000.0)),
            light: None,
            sight: Some(200),
        }
    }

    fn asked(liveness_type: LivenessType) -> Asked {
        Asked { challenges: ASKED.to_vec(), ..Asked::passive(liveness_type) }
    }

    fn judged(evidence: &Evidence, liveness_type: LivenessType) -> Vec<Reason> {
        evidence.judge(&asked(liveness_type), SecurityLevel::High, &Liveness::default())
    }

    #[test]
    fn each_fault_has_its_reason() {
        assert_eq!(judged(&good(), LivenessType::Active), []);
        for (evidence, reason) in [
            (Evidence { seen: 0, ..good() }, Reason::NoFace),
            (Evidence { seen: 12, ..good() }, Reason::NoFace),
            (Evidence { unseen_ms_max: 1500, ..good() }, Reason::NoFace),
            (Evidence { faces_max: 2, ..good() }, Reason::MultipleFaces),
            (Evidence { length_ms: 900, ..good() }, Reason::TooShort),
            (Evidence { frames: 9, seen: 9, ..good() }, Reason::TooShort),
            (Evidence { gap_ms_max: 1200, ..good() }, Reason::Cut),
            (Evidence { gap_ms_max: u32::MAX, ..good() }, Reason::Cut),
            (Evidence { speed: Speed { max: 12.0, jump: 0.0 }, ..good() }, Reason::Cut),
            (Evidence { speed: Speed { max: 8.0, jump: 8.0 }, ..good() }, Reason::Cut),
            (Evidence { relief: Some(0.05), ..good() }, Reason::FlatMotion),
            (Evidence { change: Some(0.6), ..good() }, Reason::Injected),
            (Evidence { is_virtual: Some(true), ..good() }, Reason::Injected),
            (Evidence { movements: vec![], ..good() }, Reason::ChallengeNotPerformed),
            (Evidence { is_ahead: false, ..good() }, Reason::ChallengeNotPerformed),
            (Evidence { real: Some(0.1), ..good() }, Reason::SpoofNetwork),
            (Evidence { same: Some(Score(1500.0)), ..good() }, Reason::FaceChanged),
            (Evidence { eyes: 0.05, ..good() }, Reason::EyesClosed),
            (Evidence { looks: 1, ..good() }, Reason::PoorQuality),
            (Evidence { sight: Some(-1), ..good() }, Reason::PoorQuality),
            (Evidence { sight: None, ..good() }, Reason::PoorQuality),
        ] {
            assert_eq!(judged(&evidence, LivenessType::Active), [reason], "{evidence:?}");
        }
        let both = Evidence { real: Some(0.1), movements: vec![], ..good() };
        assert_eq!(judged(&both, LivenessType::Active), [Reason::SpoofNetwork, Reason::ChallengeNotPerformed]);
    }

    #[test]
    fn nothing_is_asked_of_a_passive_film() {
        let film = Evidence { movements: vec![], relief: None, ..good() };
        assert_eq!(judged(&film, LivenessType::PassiveVideo), []);
    }

    #[test]
    fn light_that_was_asked_for_must_be_reflected_by_a_head() {
        let shown = ShownLight { from_ms: 500, light: Light::Sky };
        let asked = Asked { lights: vec![shown; LIGHTS], ..asked(LivenessType::PassiveVideo) };
        let judged = |light: Option<Reflection>| {
            let evidence = Evidence { light, ..good() };
            assert!(evidence.measures(&asked).contains(&Measure::Light));
            evidence.judge(&asked, SecurityLevel::Low, &Liveness::default())
        };
        let lit = Reflection { correlation: 0.9, chance: 0.001, sides: 0.6, sides_error: 0.05 };
        assert_eq!(judged(Some(lit)), []);
        assert_eq!(judged(Some(Reflection { correlation: 0.3, ..lit })), [Reason::LightNotReflected]);
        assert_eq!(judged(Some(Reflection { chance: 0.2, ..lit })), [Reason::LightNotReflected]);
        assert_eq!(judged(Some(Reflection { sides: 1.1, ..lit })), [Reason::FlatLight]);
        assert_eq!(judged(Some(Reflection { sides: 1.1, sides_error: 0.3, ..lit })), []);
        // Light that was asked for is never silently left out.
        assert_eq!(judged(None), [Reason::LightNotReflected]);
    }

    #[test]
    fn any_sign_of_life_is_enough() {
        let still = Evidence { movements: vec![], mouth: 0.01, ..good() };
        let still = Evidence { stir: Some(Stir { ratio: 0.9, change: 0.008 }), ..still };
        let turned = Evidence { stir: Some(Stir { ratio: 12.0, change: 0.003 }), ..still.clone() };
        for frozen in [&still, &turned] {
            assert_eq!(judged(frozen, LivenessType::PassiveVideo), [Reason::Frozen]);
        }
        for living in [
            Evidence { movements: good().movements, ..still.clone() },
            Evidence { mouth: 0.2, ..still.clone() },
            Evidence { stir: Some(Stir { ratio: 0.9, change: 0.03 }), ..still.clone() },
            Evidence { stir: Some(Stir { ratio: 5.0, change: 0.008 }), ..still.clone() },
        ] {
            assert_eq!(judged(&living, LivenessType::PassiveVideo), [], "{living:?}");
        }
    }

    #[test]
    fn one_look_is_not_a_film() {
        let still = Evidence { frames: 1, seen: 1, length_ms: 0, looks: 1, stir: None, relief: None, ..good() };
        let look = Evidence { same: None, movements: vec![], ..still };
        assert_eq!(judged(&look, LivenessType::Passive), []);
        let printed = Evidence { real: Some(0.2), ..look.clone() };
        assert_eq!(judged(&printed, LivenessType::Passive), [Reason::SpoofNetwork]);
        assert_eq!(judged(&look, LivenessType::PassiveVideo), [Reason::TooShort, Reason::PoorQuality]);
        // Frames around the look that show nobody do no harm.
        assert_eq!(judged(&Evidence { frames: 10, gap_ms_max: 3000, ..look }, LivenessType::Passive), []);
    }

    #[test]
    fn a_higher_level_asks_for_more() {
        let at = |evidence: &Evidence| {
            let judged = |level| evidence.judge(&asked(LivenessType::Active), level, &Liveness::default());
            SecurityLevel::ALL.map(judged)
        };
        assert_eq!(at(&Evidence { real: Some(0.6), ..good() }), [vec![], vec![], vec![Reason::SpoofNetwork]]);
        let alike = Evidence { same: Some(Score(2700.0)), ..good() };
        assert_eq!(at(&alike), [vec![], vec![Reason::FaceChanged], vec![Reason::FaceChanged]]);
        // A pack without networks against spoofs leaves their test out.
        assert_eq!(at(&Evidence { real: None, ..good() }), [vec![], vec![], vec![]]);
    }
}
