//! Which movements a face makes, in their order.

use crate::domain::liveness::Challenge;
use crate::face::liveness::track::Shot;

/// From these on, a movement is one; degrees, and for the mouth its width. Heads turn by some 25 degrees when they are
/// asked to, and sway by 3 when they are not.
const YAW: f32 = 13.0;
const PITCH: f32 = 8.5;
const MOUTH: f32 = 0.2;
/// Below half of that a face is at rest again.
const REST: f32 = 0.5;
/// Closed eyes, as a share of the person's own open ones: the landmark network's lids move less than real ones.
const CLOSED: f32 = 0.82;
/// Lids are looked at while the head is this near to rest, as a share of what makes a movement.
const LIDS_SEEN: f32 = 0.7;
/// The beginning, which shows how a face is at rest.
const BEGINNING_MS: u32 = 600;

/// A face at rest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rest {
    pub yaw: f32,
    pub pitch: f32,
    pub eyes: f32,
    pub mouth: f32,
}

impl Rest {
    /// How the face is in the beginning; `None` without frames.
    pub fn of(shots: &[Shot]) -> Option<Self> {
        let start = shots.first()?.t_ms;
        let first: Vec<&Shot> = shots.iter().take_while(|shot| shot.t_ms <= start + BEGINNING_MS).collect();
        let median = |value: fn(&Shot) -> f32| {
            let mut values: Vec<f32> = first.iter().map(|shot| value(shot)).collect();
            values.sort_by(f32::total_cmp);
            values[values.len() / 2]
        };
        // Whoever blinks in the beginning has open eyes all the same.
        let open = first.iter().map(|shot| shot.eyes).fold(0.0, f32::max);
        Some(Self {
            yaw: median(|shot| shot.yaw),
            pitch: median(|shot| shot.pitch),
            eyes: f32::midpoint(median(|shot| shot.eyes), open),
            mouth: median(|shot| shot.mouth),
        })
    }

    /// Each movement, as a share of what makes it one.
    fn shares(&self, shot: &Shot) -> [(Challenge, f32); 5] {
        let (yaw, pitch) = ((shot.yaw - self.yaw) / YAW, (shot.pitch - self.pitch) / PITCH);
        [
            (Challenge::TurnLeft, yaw),
            (Challenge::TurnRight, -yaw),
            (Challenge::LookUp, -pitch),
            (Challenge::LookDown, pitch),
            (Challenge::OpenMouth, (shot.mouth - self.mouth) / MOUTH),
        ]
    }

    /// The largest of them.
    pub fn most(&self, shot: &Shot) -> (Challenge, f32) {
        let shares = self.shares(shot).into_iter();
        shares.max_by(|(_, a), (_, b)| a.total_cmp(b)).expect("there are five")
    }

    /// How far head and mouth are from rest, as a share of what makes a movement.
    pub fn away(&self, shot: &Shot) -> f32 {
        self.most(shot).1
    }

    fn are_closed(&self, shot: &Shot) -> bool {
        self.away(shot) < LIDS_SEEN && shot.eyes < CLOSED * self.eyes
    }
}

/// The movements of a film, in order. Between two of them the face was at rest, or lids moved.
pub fn movements(shots: &[Shot], rest: &Rest) -> Vec<Challenge> {
    let mut found = vec![];
    let mut current: Option<(Challenge, f32, usize)> = None;
    let mut closed = false;
    for (place, shot) in shots.iter().enumerate() {
        let (challenge, share) = rest.most(shot);
        if share < REST {
            found.extend(finished(current.take()));
        } else if current.is_none_or(|(_, most, _)| share > most) {
            current = Some((challenge, share, place));
        }
        let is_closed = rest.are_closed(shot);
        if is_closed && !closed {
            found.push((Challenge::Blink, place));
        }
        closed = is_closed;
    }
    // One that does not end was not made whole.
    found.sort_by_key(|(_, place)| *place);
    found.into_iter().map(|(challenge, _)| challenge).collect()
}

fn finished(movement: Option<(Challenge, f32, usize)>) -> Option<(Challenge, usize)> {
    movement.filter(|(_, most, _)| *most >= 1.0).map(|(challenge, _, place)| (challenge, place))
}

/// Whether the movements are those that were asked for, in this order and no others. People blink unasked.
pub fn perform(movements: &[Challenge], asked: &[Challenge]) -> bool {
    let mut asked = asked.iter().peekable();
    for movement in movements {
        if asked.peek() == Some(&movement) {
            asked.next();
        } else if *movement != Challenge::Blink {
            return false;
        }
    }
    asked.peek().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::liveness::Challenge::Blink;
    use crate::domain::liveness::Challenge::LookDown;
    use crate::domain::liveness::Challenge::LookUp;
    use crate::domain::liveness::Challenge::OpenMouth;
    use crate::domain::liveness::Challenge::TurnLeft;
    use crate::domain::liveness::Challenge::TurnRight;

    /// A shot every 100 ms: yaw, pitch, mouth, eyes.
    fn film(shown: &[(f32, f32, f32, f32)]) -> Vec<Shot> {
        let shot = |(place, &(yaw, pitch, mouth, eyes)): (usize, &(f32, f32, f32, f32))| Shot {
            frame: place,
            t_ms: place as u32 * 100,
            yaw,
            pitch,
            roll: 0.0,
            eyes,
            mouth,
            iod: 60.0,
            points: vec![],
        };
        shown.iter().enumerate().map(shot).collect()
    }

    const STILL: [(f32, f32, f32, f32); 7] = [(2.0, -3.0, 0.05, 0.3); 7];

    fn moving(parts: &[(f32, f32, f32, f32)]) -> Vec<Challenge> {
        let mut shown = STILL.to_vec();
        for part in parts {
            shown.extend([*part, *part]);
            shown.extend(&STILL[..3]);
        }
        let shots = film(&shown);
        let rest = Rest::of(&shots).expect("it has shots");
        movements(&shots, &rest)
    }

    #[test]
    fn each_movement_is_told_from_the_others() {
        let (left, right) = ((27.0, -1.0, 0.05, 0.3), (-23.0, -6.0, 0.05, 0.27));
        let (up, down) = ((3.0, -18.0, 0.1, 0.33), (1.0, 14.0, 0.05, 0.2));
        let (mouth, blink) = ((2.0, 0.0, 0.5, 0.29), (2.0, -3.0, 0.05, 0.2));
        let all = moving(&[left, right, up, down, mouth, blink]);
        assert_eq!(all, [TurnLeft, TurnRight, LookUp, LookDown, OpenMouth, Blink]);
        // What does not reach its threshold is none, and neither is what does not end.
        assert_eq!(moving(&[(10.0, 2.0, 0.1, 0.28)]), []);
        let unfinished = film(&[STILL.to_vec(), vec![left; 4]].concat());
        assert_eq!(movements(&unfinished, &Rest::of(&unfinished).expect("it has shots")), []);
    }

    #[test]
    fn movements_must_be_those_asked_for_in_their_order() {
        let made = perform;
        assert!(made(&[TurnLeft, LookUp], &[TurnLeft, LookUp]));
        assert!(made(&[Blink, TurnLeft, Blink, LookUp], &[TurnLeft, LookUp]));
        assert!(made(&[TurnLeft, Blink], &[TurnLeft, Blink]));
        assert!(!made(&[LookUp, TurnLeft], &[TurnLeft, LookUp]));
        assert!(!made(&[TurnLeft], &[TurnLeft, LookUp]));
        assert!(!made(&[TurnLeft, LookUp, TurnLeft], &[TurnLeft, LookUp]));
        assert!(!made(&[TurnLeft], &[TurnLeft, Blink]));
        assert!(!made(&[], &[TurnLeft]));
    }
}
