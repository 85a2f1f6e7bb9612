//! Whether a capture shows a living person who does what was asked: what it shows is measured, then judged.

use crate::domain::face::ImageType;
use crate::domain::face::Point;
use crate::domain::liveness::LivenessType;
use crate::domain::score::Score;
use crate::face::Best;
use crate::face::Error;
use crate::face::Replay;
use crate::face::Side;
use crate::face::Verdict;
use crate::face::age;
use crate::face::code;
use crate::face::find;
use crate::face::find::Turns;
use crate::face::image::Image;
use crate::face::liveness::judge::Evidence;
use crate::face::liveness::movements::Rest;
use crate::face::liveness::track::Shot;
use crate::face::liveness::track::Track;
use crate::face::networks::Networks;
use crate::face::spoof;

pub mod flat;
pub mod judge;
pub mod movements;
pub mod track;

/// Frames that the networks against spoofs see, spread over the capture.
const SPOOF_FRAMES: usize = 6;
/// Parts of a film whose faces are compared; a recognizer takes longer than all else.
const PARTS: usize = 3;
/// Of what makes a movement, a frame that shows a face well is no further from rest.
const AHEAD: f32 = 0.6;
/// Heads that turn by less show nothing of their relief; degrees.
const TURN_MIN: f32 = 9.0;

/// What was measured on a capture, and its best frame.
pub struct Measured {
    pub evidence: Evidence,
    pub best: Option<Best>,
}

impl Networks {
    /// Looks whether a capture shows a living person who does what was asked, on this thread.
    pub fn replay(&mut self, replay: &Replay) -> Result<Verdict, Error> {
        let Measured { evidence, best } = self.measure(replay)?;
        let reasons = evidence.judge(replay.liveness_type, replay.level, &replay.challenges, self.liveness());
        tracing::debug!(?evidence, "a capture was measured");
        Ok(Verdict { reasons, best })
    }

    /// What a capture shows, whatever it is held to.
    pub fn measure(&mut self, replay: &Replay) -> Result<Measured, Error> {
        let track = track::follow(self, &replay.frames)?;
        let rest = Rest::of(&track.shots);
        let chosen = rest.map(|rest| parts(&track.shots, &rest, replay.liveness_type)).unwrap_or_default();
        let mut looks = vec![];
        for shot in &chosen {
            looks.extend(look(self, replay, track.shots[*shot].frame)?);
        }
        let same = least_score(self, &looks);
        let real = reality(self, replay, &track, rest.as_ref())?;
        let best = looks.into_iter().max_by_key(|look| look.coded.quality.value);
        let evidence = Evidence { real, same, ..motion(&track, rest.as_ref(), best.as_ref()) };
        Ok(Measured { evidence, best })
    }
}

/// Of each part of a film the shot that shows the face best: ahead, eyes open. Of one look, one shot.
fn parts(shots: &[Shot], rest: &Rest, liveness_type: LivenessType) -> Vec<usize> {
    let parts = if liveness_type == LivenessType::Passive { 1 } else { PARTS.min(shots.len()) };
    let fault = |shot: &Shot| rest.away(shot).max(0.0) + (1.0 - shot.eyes / rest.eyes.max(1e-3)).max(0.0);
    let best = |part: usize| {
        let range = part * shots.len() / parts..(part + 1) * shots.len() / parts;
        range.min_by(|a, b| fault(&shots[*a]).total_cmp(&fault(&shots[*b])))
    };
    (0..parts).filter_map(best).collect()
}

/// A frame as a photograph of the person; `None` where it shows nobody after all.
fn look(networks: &mut Networks, replay: &Replay, frame: usize) -> Result<Option<Best>, Error> {
    let jpeg = &replay.frames[frame].jpeg;
    let image = Image::decode(jpeg, networks.settings().pixels_max, networks.memory())?;
    let view = image.view();
    let Some(found) = find::largest(networks, &image, Turns::None)? else { return Ok(None) };
    let coded = code::describe(networks, view, &found, code::digest(jpeg))?;
    let years = age::years(networks, view, &found.mesh)?;
    Ok(Some(Best { jpeg: jpeg.clone(), coded, years }))
}

fn side(look: &Best) -> Side<'_> {
    Side { template: &look.coded.template, image_type: ImageType::VideoFrame }
}

/// The least score of two of them; `None` of fewer, or without a calibration.
fn least_score(networks: &Networks, looks: &[Best]) -> Option<Score> {
    let curves = networks.curves()?;
    let scores = looks.windows(2).map(|pair| curves.score(side(&pair[0]), side(&pair[1])));
    scores.min_by(|a, b| a.0.total_cmp(&b.0))
}

/// The mean of what the networks against spoofs give; frames in which the head is turned are passed over.
fn reality(networks: &mut Networks, replay: &Replay, track: &Track, rest: Option<&Rest>) -> Result<Option<f32>, Error> {
    let ahead: Vec<usize> = (0..track.shots.len())
        .filter(|place| rest.is_none_or(|rest| rest.away(&track.shots[*place]) < AHEAD))
        .collect();
    let count = SPOOF_FRAMES.min(ahead.len());
    let (mut total, mut seen) = (0.0, 0);
    for part in 0..count {
        let place = ahead[(2 * part + 1) * ahead.len() / (2 * count)];
        let jpeg = &replay.frames[track.shots[place].frame].jpeg;
        let image = Image::decode(jpeg, networks.settings().pixels_max, networks.memory())?;
        let Some(real) = spoof::real(networks, image.view(), &track.meshes[place])? else { return Ok(None) };
        total += real;
        seen += 1;
    }
    Ok((seen > 0).then(|| total / seen as f32))
}

/// Everything but what further networks say.
fn motion(track: &Track, rest: Option<&Rest>, best: Option<&Best>) -> Evidence {
    let shots = &track.shots;
    let times: Vec<u32> = shots.iter().map(|shot| shot.t_ms).collect();
    let length_ms = times.last().zip(times.first()).map_or(0, |(last, first)| last - first);
    let made = rest.map(|rest| movements::movements(shots, rest)).unwrap_or_default();
    let is_at_rest = |shot: Option<&Shot>| rest.zip(shot).is_some_and(|(rest, shot)| rest.away(shot) < AHEAD);
    Evidence {
        frames: track.frames,
        seen: shots.len(),
        faces_max: track.faces_max,
        length_ms,
        gap_ms_max: times.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or(0),
        jump_max: shots.windows(2).map(|pair| jump(&pair[0], &pair[1])).fold(0.0, f32::max),
        motion: shots.iter().map(|shot| jump(&shots[0], shot)).fold(0.0, f32::max),
        movements: made,
        ends_at_rest: is_at_rest(shots.first()) && is_at_rest(shots.last()),
        relief: relief(shots),
        real: None,
        same: None,
        quality: best.map(|best| best.coded.quality.value),
    }
}

/// The mean distance of a face's points in two shots, in distances of the eyes.
fn jump(one: &Shot, other: &Shot) -> f32 {
    let distance = |(a, b): (&Point, &Point)| (a.x - b.x).hypot(a.y - b.y);
    let total: f32 = one.points.iter().zip(&other.points).map(distance).sum();
    total / one.points.len().max(1) as f32 / one.iod.max(1.0)
}

/// What the best homography leaves between the two shots whose heads are turned most differently, for a turn by one
/// radian.
fn relief(shots: &[Shot]) -> Option<f32> {
    let first = shots.first()?;
    let turn = |shot: &Shot| (shot.yaw - first.yaw).hypot(shot.pitch - first.pitch);
    let most = shots.iter().max_by(|a, b| turn(a).total_cmp(&turn(b)))?;
    let degrees = turn(most);
    let left = flat::residual(&first.points, &most.points, first.iod).filter(|_| degrees >= TURN_MIN)?;
    Some(left / degrees.to_radians())
}
