//! Finds the movements that a face makes, in their order.
//!
//! A face is at rest, moves away from it and comes back. The movement is the one that is largest relative to its
//! threshold. Lids are measured while the rest of the face is at rest.

use serde::Serialize;

use crate::liveness::track::Shot;
use crate::values::liveness::Challenge;

/// The thresholds of movements: degrees, and for the mouth its width. Heads turn by some 25 degrees when they are asked
/// to, and sway by 3 when they are not. The landmark network sees nods half as large again, and turns smaller.
const YAW: f32 = 13.0;
const PITCH: f32 = 8.5;
const MOUTH: f32 = 0.2;
/// Below this share of a threshold a face is at rest again.
const REST: f32 = 0.5;
/// A movement that was not asked for counts from here on: a hand that shakes may make smaller ones.
const UNASKED: f32 = 1.3;
/// The opening of closed eyes, as a share of the same eyes open before and after: closed ones are seen at 0.12 to 0.36,
/// open ones at 0.9 and more, and a camera of few frames a second catches a blink on its way.
const CLOSED: f32 = 0.6;
/// The time before and after in which eyes show how wide they open: long enough for most of it to lie outside a blink.
const OPEN_MS: u32 = 1500;
/// The beginning, which shows how a face is at rest, and the end, which shows whether it looks ahead again.
const BEGINNING_MS: u32 = 600;
const END_MS: u32 = 500;
/// Heads do not come back to where they were. A head rests anew where it keeps still for this time, to within this
/// share of a movement, and no further from its rest than a movement goes.
const PLATEAU_MS: u32 = 400;
const PLATEAU: f32 = 0.2;
const PLATEAU_SHOTS: usize = 3;
/// The time that head and mouth are away from rest: less is a twitch or an inserted picture, more is another pose.
const AWAY_MS: std::ops::RangeInclusive<u32> = 200..=5000;
/// Eyes that stay closed for longer do not blink.
const CLOSED_MS_MAX: u32 = 2000;
/// The pose of a face that looks ahead, in degrees: people hold phones below their eyes. Zero pitch is a little up.
const AHEAD_YAW: f32 = 20.0;
const AHEAD_PITCH: std::ops::RangeInclusive<f32> = -20.0..=30.0;

/// A face at rest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rest {
    pub yaw: f32,
    pub pitch: f32,
    pub eyes: f32,
    pub mouth: f32,
}

/// A movement from rest and back to it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Movement {
    pub challenge: Challenge,
    /// The size relative to the movement's threshold; 1 for a blink.
    pub size: f32,
    /// The time at which the face left its rest, and the time at which it was seen at rest again.
    pub from_ms: u32,
    pub to_ms: u32,
}

impl Rest {
    /// Returns the rest at the beginning; `None` without frames.
    pub fn of(shots: &[Shot]) -> Option<Self> {
        let start = shots.first()?.t_ms;
        let first: Vec<&Shot> =
            shots.iter().take_while(|shot| shot.t_ms <= start.saturating_add(BEGINNING_MS)).collect();
        // Somebody who blinks at the beginning has open eyes all the same.
        Self::among(&first, first.iter().map(|shot| shot.eyes).fold(0.0, f32::max))
    }

    /// Returns the median of some shots, for eyes that open by `eyes`; `None` without shots.
    fn among(shots: &[&Shot], eyes: f32) -> Option<Self> {
        let median = |value: fn(&Shot) -> f32| percentile(shots.iter().map(|shot| value(shot)), 0.5);
        Some(Self {
            yaw: median(|shot| shot.yaw)?,
            pitch: median(|shot| shot.pitch)?,
            eyes,
            mouth: median(|shot| shot.mouth)?,
        })
    }

    /// Returns the rest at each shot, for a face that has this rest before the first.
    fn over(self, shots: &[Shot]) -> Vec<Self> {
        let mut rest = self;
        let mut rests = Vec::with_capacity(shots.len());
        for place in 0..shots.len() {
            rest = rest.anew(&shots[..=place]).unwrap_or(rest);
            rests.push(rest);
        }
        rests
    }

    /// Returns the new rest if the face has come to rest elsewhere.
    fn anew(&self, shots: &[Shot]) -> Option<Self> {
        let now = shots.last()?.t_ms;
        let start = shots.partition_point(|shot| shot.t_ms.saturating_add(PLATEAU_MS) < now);
        let last: Vec<&Shot> = shots[start..].iter().collect();
        let is_long = start > 0 && last.len() >= PLATEAU_SHOTS;
        let here = Self::among(&last, self.eyes).filter(|here| is_long && here.is_ahead())?;
        let is_still = last.iter().all(|shot| here.away(shot) < PLATEAU);
        (is_still && self.most(here.yaw, here.pitch, here.mouth).1 < 1.0).then_some(here)
    }

    /// Returns true if a film that begins at this rest ends with a face that looks ahead again, about where it began.
    pub fn is_back(&self, shots: &[Shot]) -> bool {
        let Some(now) = shots.last().map(|shot| shot.t_ms) else { return false };
        let last: Vec<&Shot> = shots.iter().filter(|shot| shot.t_ms.saturating_add(END_MS) >= now).collect();
        let Some(end) = Self::among(&last, self.eyes) else { return false };
        self.is_ahead() && end.is_ahead() && self.most(end.yaw, end.pitch, end.mouth).1 < 1.0
    }

    /// Returns true if a face at rest looks ahead, as into a camera.
    pub fn is_ahead(&self) -> bool {
        is_ahead(self.yaw, self.pitch)
    }

    /// Returns the movement that is largest relative to its threshold, and that ratio.
    fn most(&self, yaw: f32, pitch: f32, mouth: f32) -> (Challenge, f32) {
        let (yaw, pitch) = ((yaw - self.yaw) / YAW, (pitch - self.pitch) / PITCH);
        let turn = (if yaw > 0.0 { Challenge::TurnLeft } else { Challenge::TurnRight }, yaw.abs());
        let nod = (if pitch > 0.0 { Challenge::LookDown } else { Challenge::LookUp }, pitch.abs());
        let mouth = (Challenge::OpenMouth, (mouth - self.mouth) / MOUTH);
        [nod, mouth].into_iter().fold(turn, |most, other| if other.1 > most.1 { other } else { most })
    }

    /// Returns the distance of head and mouth from rest, relative to the threshold of a movement.
    pub fn away(&self, shot: &Shot) -> f32 {
        self.most(shot.yaw, shot.pitch, shot.mouth).1
    }

    /// Returns true if head and mouth are at rest.
    pub fn holds(&self, shot: &Shot) -> bool {
        self.away(shot) < REST
    }
}

/// Returns true if somebody whose head is turned by these degrees looks ahead.
pub fn is_ahead(yaw: f32, pitch: f32) -> bool {
    yaw.abs() <= AHEAD_YAW && AHEAD_PITCH.contains(&pitch)
}

impl Movement {
    fn took_ms(&self) -> u32 {
        self.to_ms.saturating_sub(self.from_ms)
    }

    /// Returns true if it takes as long as people take who are asked for it.
    fn is_timely(&self) -> bool {
        match self.challenge {
            Challenge::Blink => self.took_ms() <= CLOSED_MS_MAX,
            _ => AWAY_MS.contains(&self.took_ms()),
        }
    }

    /// Returns true if nobody makes it without knowing. People blink unasked.
    fn is_meant(&self) -> bool {
        self.challenge != Challenge::Blink && self.size >= UNASKED
    }
}

/// Returns the movements of a film in the order of their beginnings. A movement that does not end does not count.
pub fn movements(shots: &[Shot], rest: &Rest) -> Vec<Movement> {
    let rests = rest.over(shots);
    let mut found = [heads(shots, &rests), lids(shots, &rests)].concat();
    found.sort_by_key(|movement| movement.from_ms);
    found
}

/// Returns the movements of head and mouth.
fn heads(shots: &[Shot], rests: &[Rest]) -> Vec<Movement> {
    let mut found = vec![];
    let mut current: Option<Movement> = None;
    for (shot, rest) in shots.iter().zip(rests) {
        let (challenge, size) = rest.most(shot.yaw, shot.pitch, shot.mouth);
        if rest.holds(shot) {
            let ended = current.take().filter(|movement| movement.size >= 1.0);
            found.extend(ended.map(|movement| Movement { to_ms: shot.t_ms, ..movement }));
        } else if let Some(movement) = current.as_mut() {
            if size > movement.size {
                (movement.challenge, movement.size) = (challenge, size);
            }
        } else {
            current = Some(Movement { challenge, size, from_ms: shot.t_ms, to_ms: shot.t_ms });
        }
    }
    found
}

/// Returns the blinks: lids that close and open again.
fn lids(shots: &[Shot], rests: &[Rest]) -> Vec<Movement> {
    let seen: Vec<&Shot> =
        shots.iter().zip(rests).filter(|(shot, rest)| rest.holds(shot)).map(|(shot, _)| shot).collect();
    let mut found = vec![];
    let mut closed_from: Option<u32> = None;
    for shot in &seen {
        let near = seen.iter().filter(|other| other.t_ms.abs_diff(shot.t_ms) <= OPEN_MS);
        let open = percentile(near.map(|other| other.eyes), 0.75).unwrap_or(shot.eyes);
        if shot.eyes < CLOSED * open {
            closed_from.get_or_insert(shot.t_ms);
        } else if let Some(from_ms) = closed_from.take() {
            found.push(Movement { challenge: Challenge::Blink, size: 1.0, from_ms, to_ms: shot.t_ms });
        }
    }
    found
}

/// Returns the value below which this share of the values lies; `None` without values.
fn percentile(values: impl Iterator<Item = f32>, share: f32) -> Option<f32> {
    let mut values: Vec<f32> = values.collect();
    values.sort_by(f32::total_cmp);
    values.get((share * values.len() as f32) as usize).copied()
}

/// Returns true if the movements are those that were asked for, in this order, and no others.
pub fn perform(movements: &[Movement], asked: &[Challenge]) -> bool {
    let mut asked = asked.iter().peekable();
    for movement in movements {
        if asked.peek() == Some(&&movement.challenge) && movement.is_timely() {
            asked.next();
        } else if movement.is_meant() {
            return false;
        }
    }
    asked.peek().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::liveness::assert_documented;
    use crate::values::liveness::Challenge::{Blink, LookDown, LookUp, OpenMouth, TurnLeft, TurnRight};

    #[test]
    fn the_documented_thresholds_are_these() {
        assert_documented(&format!(
            "yaw {YAW}°, pitch {PITCH}°, mouth {MOUTH} of its width, lids at {CLOSED} of their"
        ));
        assert_documented(&format!("unasked from {UNASKED} of it on"));
        let [shortest, longest] = [AWAY_MS.start(), AWAY_MS.end()].map(|ms| f64::from(*ms) / 1000.0);
        let blink = f64::from(CLOSED_MS_MAX) / 1000.0;
        assert_documented(&format!("less than {shortest} or more than {longest} s (a blink more than {blink})"));
        assert_documented(&format!("the first {BEGINNING_MS} ms"));
    }

    /// Yaw, pitch, mouth, eyes.
    type Seen = (f32, f32, f32, f32);

    const STILL: [Seen; 8] = [(2.0, -3.0, 0.05, 0.3); 8];
    const LEFT: Seen = (27.0, -1.0, 0.05, 0.3);

    /// Makes a film with a shot every 100 ms.
    fn film(shown: &[Seen]) -> Vec<Shot> {
        let shot = |(place, &(yaw, pitch, mouth, eyes)): (usize, &Seen)| {
            let (t_ms, roll, iod) = (place as u32 * 100, 0.0, 60.0);
            Shot { frame: place, t_ms, yaw, pitch, roll, eyes, mouth, iod, points: vec![] }
        };
        shown.iter().enumerate().map(shot).collect()
    }

    fn made(shown: &[Seen]) -> Vec<Movement> {
        let shots = film(shown);
        movements(&shots, &Rest::of(&shots).expect("it has shots"))
    }

    /// Returns the movements of a film that shows each part for 300 ms, and rest between parts.
    fn moving(parts: &[Seen]) -> Vec<Challenge> {
        let mut shown = STILL.to_vec();
        for part in parts {
            shown.extend([*part; 3]);
            shown.extend(STILL);
        }
        made(&shown).iter().map(|movement| movement.challenge).collect()
    }

    fn all(challenges: &[Challenge]) -> Vec<Movement> {
        let each = |(place, challenge): (usize, &Challenge)| {
            let from_ms = 1000 * place as u32;
            Movement { challenge: *challenge, size: 1.5, from_ms, to_ms: from_ms + 600 }
        };
        challenges.iter().enumerate().map(each).collect()
    }

    #[test]
    fn each_movement_is_told_from_the_others() {
        let right = (-23.0, -6.0, 0.05, 0.27);
        let (up, down) = ((3.0, -18.0, 0.1, 0.33), (1.0, 14.0, 0.05, 0.2));
        let (mouth, blink) = ((2.0, 0.0, 0.5, 0.29), (2.0, -3.0, 0.05, 0.08));
        assert_eq!(
            moving(&[LEFT, right, up, down, mouth, blink]),
            [TurnLeft, TurnRight, LookUp, LookDown, OpenMouth, Blink]
        );
        // A movement that does not reach its threshold does not count, and neither does one that does not end.
        assert_eq!(moving(&[(10.0, 2.0, 0.1, 0.28)]), []);
        assert_eq!(made(&[STILL.to_vec(), vec![LEFT; 4]].concat()), []);
    }

    #[test]
    fn lids_are_compared_with_those_before_and_after() {
        // Somebody who looks a little down narrows the eyes a little, and does not blink.
        let narrow = [(2.0, 0.0, 0.05, 0.2); 40];
        assert_eq!(made(&[&STILL[..], &narrow[..]].concat()), []);
        let blink = [(2.0, 0.0, 0.05, 0.1); 3];
        let made = made(&[&narrow[..20], &blink[..], &narrow[..20]].concat());
        assert_eq!(made, [Movement { challenge: Blink, size: 1.0, from_ms: 2000, to_ms: 2300 }]);
    }

    #[test]
    fn movements_must_be_those_asked_for_in_their_order() {
        let performed = |made: &[Challenge], asked: &[Challenge]| perform(&all(made), asked);
        assert!(performed(&[TurnLeft, LookUp], &[TurnLeft, LookUp]));
        assert!(performed(&[Blink, TurnLeft, Blink, LookUp], &[TurnLeft, LookUp]));
        assert!(performed(&[TurnLeft, Blink], &[TurnLeft, Blink]));
        assert!(!performed(&[LookUp, TurnLeft], &[TurnLeft, LookUp]));
        assert!(!performed(&[TurnLeft], &[TurnLeft, LookUp]));
        assert!(!performed(&[TurnLeft, LookUp, TurnLeft], &[TurnLeft, LookUp]));
        assert!(!performed(&[TurnRight, TurnLeft], &[TurnLeft]));
        assert!(!performed(&[TurnLeft], &[TurnLeft, Blink]));
        assert!(!performed(&[], &[TurnLeft]));
    }

    #[test]
    fn movements_take_their_time_and_twitches_are_forgiven() {
        let [turn] = all(&[TurnLeft])[..] else { unreachable!("one was asked for") };
        assert!(perform(&[turn], &[TurnLeft]));
        assert!(!perform(&[Movement { to_ms: 100, ..turn }], &[TurnLeft]));
        assert!(!perform(&[Movement { to_ms: 9000, ..turn }], &[TurnLeft]));
        let [nod, blink] = all(&[LookDown, Blink])[..] else { unreachable!("two were asked for") };
        assert!(perform(&[Movement { size: 1.1, ..nod }, turn], &[TurnLeft]));
        assert!(!perform(&[nod, turn], &[TurnLeft]));
        assert!(!perform(&[Movement { to_ms: 4500, ..blink }], &[Blink]));
    }

    #[test]
    fn heads_need_not_come_back_to_where_they_were() {
        // After a turn the head stays a little to the left, and turns left again from there.
        let (there, again) = ((9.0, -2.0, 0.05, 0.3), (33.0, -1.0, 0.05, 0.3));
        let shown = [&STILL[..], &[LEFT; 4], &[there; 8], &[again; 4], &[there; 8]].concat();
        assert_eq!(made(&shown).iter().map(|movement| movement.challenge).collect::<Vec<_>>(), [TurnLeft, TurnLeft]);
        let (shots, still) = (film(&shown), film(&STILL));
        let is_back = |shots: &[Shot]| Rest::of(&still).expect("it has shots").is_back(shots);
        assert!(is_back(&shots) && is_back(&still));
        assert!(!is_back(&shots[..11]) && !is_back(&[]));
    }

    #[test]
    fn a_rest_looks_ahead() {
        let rest = |yaw, pitch| Rest::of(&film(&[(yaw, pitch, 0.0, 0.3); 5])).expect("it has shots");
        assert!(rest(5.0, 10.0).is_ahead());
        assert!(!rest(30.0, 10.0).is_ahead() && !rest(0.0, 40.0).is_ahead());
        assert_eq!(Rest::of(&[]), None);
    }
}
