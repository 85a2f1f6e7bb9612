//! From what was measured on a capture to why it is refused.

use crate::domain::liveness::Challenge;
use crate::domain::liveness::LivenessType;
use crate::domain::liveness::Reason;
use crate::domain::liveness::SecurityLevel;
use crate::domain::score::Score;
use crate::face::liveness::movements;
use crate::face::pack::liveness::Liveness;

/// Of the frames, so many must show a face.
const SEEN_MIN: f32 = 0.6;
/// A film of some seconds: less cannot show how somebody moves.
const FILM_MS_MIN: u32 = 1500;
const FILM_SHOTS_MIN: usize = 10;
/// Between two frames of a film: cameras drop one now and then, and do not stop for longer.
const GAP_MS_MAX: u32 = 700;
/// How far the middle of a face moves at most, in distances of the eyes, between frames; and how far its points do, once
/// it is where it was.
const JUMP_MAX: f32 = 1.1;
/// Two frames of one person's film: far above what strangers reach (a false acceptance rate of 0.1 %).
const SAME_MIN: Score = Score(3000.0);
/// What a head's points leave of the best homography, in distances of the eyes, for a turn by one radian.
const FLAT_MAX: f32 = 0.06;
/// A face moves at least so far within a film, in distances of the eyes: less is a picture with noise on it.
const FROZEN_MAX: f32 = 0.012;

/// What a capture shows, in numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Evidence {
    pub frames: usize,
    /// Frames that show a face.
    pub seen: usize,
    /// The most faces at once.
    pub faces_max: usize,
    pub length_ms: u32,
    /// The longest time between two frames that follow each other.
    pub gap_ms_max: u32,
    /// The farthest that the face moves between two frames that follow each other, in distances of the eyes.
    pub jump_max: f32,
    /// How far the face moves in all, in distances of the eyes.
    pub motion: f32,
    /// See [`movements::movements`].
    pub movements: Vec<Challenge>,
    /// Whether the film begins and ends with a face that looks ahead.
    pub ends_at_rest: bool,
    /// What the best homography between the most different views leaves, for a turn by one radian; `None` where the
    /// head hardly turns.
    pub relief: Option<f32>,
    /// How real the face looks to the networks against spoofs: mean over frames.
    pub real: Option<f32>,
    /// The least score of two parts of the film.
    pub same: Option<Score>,
    /// Of the best frame.
    pub quality: Option<i32>,
}

impl Evidence {
    /// Why the capture is refused, worst first; empty if it is not.
    pub fn judge(
        &self,
        liveness_type: LivenessType,
        level: SecurityLevel,
        asked: &[Challenge],
        limits: &Liveness,
    ) -> Vec<Reason> {
        let is_film = liveness_type != LivenessType::Passive;
        let least = if is_film { SEEN_MIN * self.frames as f32 } else { 1.0 };
        if self.seen == 0 || (self.seen as f32) < least {
            return vec![Reason::NoFace];
        }
        let is_short = self.length_ms < FILM_MS_MIN || self.seen < FILM_SHOTS_MIN;
        let faults = [
            (Reason::SpoofNetwork, self.real.is_some_and(|real| real < limits.spoof_min.at(level))),
            (Reason::FaceChanged, is_film && self.same.is_some_and(|same| same < SAME_MIN)),
            (Reason::Cut, is_film && (self.gap_ms_max > GAP_MS_MAX || self.jump_max > JUMP_MAX)),
            (Reason::FlatMotion, is_film && self.relief.is_some_and(|relief| relief < FLAT_MAX)),
            (Reason::Frozen, is_film && self.motion < FROZEN_MAX),
            (Reason::MultipleFaces, self.faces_max > 1),
            (Reason::TooShort, is_film && is_short),
            (Reason::ChallengeNotPerformed, liveness_type == LivenessType::Active && !self.performs(asked)),
            (Reason::PoorQuality, self.quality.is_none_or(|quality| quality < 0)),
        ];
        faults.into_iter().filter(|(_, is_at_fault)| *is_at_fault).map(|(reason, _)| reason).collect()
    }

    fn performs(&self, asked: &[Challenge]) -> bool {
        self.ends_at_rest && movements::perform(&self.movements, asked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> Evidence {
        Evidence {
            frames: 40,
            seen: 40,
            faces_max: 1,
            length_ms: 4000,
            gap_ms_max: 120,
            jump_max: 0.3,
            motion: 0.4,
            movements: vec![Challenge::TurnLeft, Challenge::Blink],
            ends_at_rest: true,
            relief: Some(0.2),
            real: Some(0.95),
            same: Some(Score(5000.0)),
            quality: Some(200),
        }
    }

    fn judged(evidence: &Evidence, liveness_type: LivenessType) -> Vec<Reason> {
        let asked = [Challenge::TurnLeft, Challenge::Blink];
        evidence.judge(liveness_type, SecurityLevel::High, &asked, &Liveness::default())
    }

    #[test]
    fn each_fault_has_its_reason() {
        assert_eq!(judged(&good(), LivenessType::Active), []);
        for (evidence, reason) in [
            (Evidence { seen: 0, ..good() }, Reason::NoFace),
            (Evidence { seen: 12, ..good() }, Reason::NoFace),
            (Evidence { faces_max: 2, ..good() }, Reason::MultipleFaces),
            (Evidence { length_ms: 900, ..good() }, Reason::TooShort),
            (Evidence { gap_ms_max: 1200, ..good() }, Reason::Cut),
            (Evidence { jump_max: 2.0, ..good() }, Reason::Cut),
            (Evidence { motion: 0.001, ..good() }, Reason::Frozen),
            (Evidence { movements: vec![Challenge::Blink], ..good() }, Reason::ChallengeNotPerformed),
            (Evidence { ends_at_rest: false, ..good() }, Reason::ChallengeNotPerformed),
            (Evidence { relief: Some(0.01), ..good() }, Reason::FlatMotion),
            (Evidence { real: Some(0.1), ..good() }, Reason::SpoofNetwork),
            (Evidence { same: Some(Score(1500.0)), ..good() }, Reason::FaceChanged),
            (Evidence { quality: Some(-1), ..good() }, Reason::PoorQuality),
            (Evidence { quality: None, ..good() }, Reason::PoorQuality),
        ] {
            assert_eq!(judged(&evidence, LivenessType::Active), [reason], "{evidence:?}");
        }
    }

    #[test]
    fn one_look_is_not_a_film() {
        let look =
            Evidence { frames: 1, seen: 1, length_ms: 0, motion: 0.0, movements: vec![], relief: None, ..good() };
        assert_eq!(judged(&look, LivenessType::Passive), []);
        assert_eq!(
            judged(&Evidence { real: Some(0.2), ..look.clone() }, LivenessType::Passive),
            [Reason::SpoofNetwork]
        );
        assert_eq!(judged(&look, LivenessType::PassiveVideo), [Reason::Frozen, Reason::TooShort]);
        let unsure = Evidence { real: Some(0.6), ..look };
        let judged = |level| unsure.judge(LivenessType::Passive, level, &[], &Liveness::default());
        assert_eq!(judged(SecurityLevel::Medium), []);
        assert_eq!(judged(SecurityLevel::High), [Reason::SpoofNetwork]);
    }
}
