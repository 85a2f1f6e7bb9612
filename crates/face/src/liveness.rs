//! Checks whether a capture shows a living person who does what was asked: it is measured, then judged.

use bytes::Bytes;

use crate::find::{self, Turns};
use crate::image::Image;
use crate::liveness::judge::Evidence;
use crate::liveness::movements::Rest;
use crate::liveness::track::{Shot, Track};
use crate::networks::Networks;
use crate::values::liveness::Frame;
use crate::values::picture::ImageType;
use crate::values::score::Score;
use crate::{Best, Error, LivenessCapture, Verdict, age, describe, quality, spoof};

pub mod colours;
pub mod flat;
pub mod judge;
pub mod light;
pub mod motion;
pub mod movements;
pub mod renewal;
pub mod track;

/// Frames that the networks against spoofs see, spread over the capture.
const SPOOF_FRAMES: usize = 6;
/// Parts of a film whose faces are compared: few, since a recognizer takes longer than all else.
const PARTS: usize = 3;

/// The measurements of a capture, and its best frame.
pub struct Measured {
    pub evidence: Evidence,
    pub best: Option<Best>,
}

impl Networks {
    /// Measures and judges, on this thread, whether a capture shows a living person who does what was asked.
    pub fn check_liveness(&mut self, replay: &LivenessCapture) -> Result<Verdict, Error> {
        let Measured { evidence, best } = self.measure(replay)?;
        let reasons = evidence.judge(&replay.asked, replay.level, self.liveness());
        tracing::debug!(?evidence, "a capture was measured");
        Ok(Verdict { reasons, measures: evidence.measures(&replay.asked), best })
    }

    /// Measures a capture without judging it.
    pub fn measure(&mut self, replay: &LivenessCapture) -> Result<Measured, Error> {
        let frames = track::looked_at(&replay.frames);
        let track = track::follow(self, &frames)?;
        let rest = Rest::of(&track.shots);
        let chosen = rest.map(|rest| parts(&track.shots, &rest, replay.asked.is_film())).unwrap_or_default();
        let mut looks = vec![];
        for shot in &chosen {
            looks.extend(look(self, &frames[track.shots[*shot].frame].jpeg)?);
        }
        let real = reality(self, &frames, &track, rest.as_ref())?;
        let (looked, same) = (looks.len(), least_score(self, &looks));
        let sight = looks.iter().map(|look| look.sight).max();
        let best = looks.into_iter().map(|look| look.best).max_by_key(|best| best.described.quality.value);
        let seen = seen(&replay.frames, &frames, &track, rest.as_ref());
        let light = light::reflection(&track.shots, &track.colours, &replay.asked.lights);
        Ok(Measured {
            evidence: Evidence { is_virtual: replay.is_virtual, real, looks: looked, same, sight, light, ..seen },
            best,
        })
    }
}

/// Returns, for each part of a film, the shot that shows the face best: eyes open, at rest. Only faces that look ahead
/// are compared, since turned faces score lower, whoever they are. For a single look, returns one shot.
fn parts(shots: &[Shot], rest: &Rest, is_film: bool) -> Vec<usize> {
    let parts = if is_film { PARTS.min(shots.len()) } else { 1 };
    let fault = |shot: &Shot| rest.away(shot).max(0.0) + (1.0 - shot.eyes / rest.eyes.max(1e-3)).max(0.0);
    let best = |part: usize| {
        let range = part * shots.len() / parts..(part + 1) * shots.len() / parts;
        let compared = range.filter(|shot| parts == 1 || movements::is_ahead(shots[*shot].yaw, shots[*shot].pitch));
        compared.min_by(|a, b| fault(&shots[*a]).total_cmp(&fault(&shots[*b])))
    };
    (0..parts).filter_map(best).collect()
}

/// A frame as a photograph of the person.
struct Look {
    best: Best,
    /// See [`quality::sight`].
    sight: i32,
}

/// Returns `None` if no face is found in the frame after all.
fn look(networks: &mut Networks, jpeg: &Bytes) -> Result<Option<Look>, Error> {
    let image = Image::decode(jpeg, networks.settings().pixels_max, networks.memory())?;
    let view = image.view();
    let Some(found) = find::largest(networks, &image, Turns::None)? else { return Ok(None) };
    let (described, measures) = describe::measured(networks, view, &found, describe::digest(jpeg))?;
    let years = age::years(networks, view, &found.mesh)?;
    Ok(Some(Look { best: Best { jpeg: jpeg.clone(), described, years }, sight: quality::sight(&measures) }))
}

/// Returns the lowest score of any two looks; `None` for fewer than two, or without a calibration.
fn least_score(networks: &Networks, looks: &[Look]) -> Option<Score> {
    let curves = networks.curves()?;
    let pairs = looks.iter().enumerate().flat_map(|(place, one)| looks[..place].iter().map(move |other| (one, other)));
    let scores = pairs.map(|(one, other)| {
        let [one, other] = [one, other].map(|look| &look.best.described.template);
        curves.score_within(ImageType::VideoFrame, one, other)
    });
    scores.min_by(|a, b| a.0.total_cmp(&b.0))
}

/// Returns the mean output of the networks against spoofs over frames at rest, or over any frames if none is at rest.
/// `None` without such networks, or without a face.
fn reality(
    networks: &mut Networks,
    frames: &[Frame],
    track: &Track,
    rest: Option<&Rest>,
) -> Result<Option<f32>, Error> {
    let is_at_rest = |place: &usize| rest.is_some_and(|rest| rest.holds(&track.shots[*place]));
    let mut places: Vec<usize> = (0..track.shots.len()).filter(is_at_rest).collect();
    if places.is_empty() {
        places = (0..track.shots.len()).collect();
    }
    let count = SPOOF_FRAMES.min(places.len());
    let mut total = 0.0;
    for part in 0..count {
        let place = places[(2 * part + 1) * places.len() / (2 * count)];
        let jpeg = &frames[track.shots[place].frame].jpeg;
        let image = Image::decode(jpeg, networks.settings().pixels_max, networks.memory())?;
        let Some(real) = spoof::real(networks, image.view(), &track.meshes[place])? else { return Ok(None) };
        total += real;
    }
    Ok((count > 0).then(|| total / count as f32))
}

/// Returns the longest time from the first to the last of consecutive frames without a face: missing frames are another
/// fault.
fn unseen_ms_max(frames: &[Frame], shots: &[Shot]) -> u32 {
    let shown: Vec<usize> = shots.iter().map(|shot| shot.frame).collect();
    let (mut longest, mut from) = (0, None);
    for (place, frame) in frames.iter().enumerate() {
        if shown.binary_search(&place).is_ok() {
            from = None;
        } else {
            let from = *from.get_or_insert(frame.t_ms);
            longest = longest.max(frame.t_ms.saturating_sub(from));
        }
    }
    longest
}

/// Returns everything but the outputs of further networks. `all` also holds the frames that were skipped.
fn seen(all: &[Frame], frames: &[Frame], track: &Track, rest: Option<&Rest>) -> Evidence {
    let shots = &track.shots;
    let shown: Vec<u32> = shots.iter().map(|shot| shot.t_ms).collect();
    let times: Vec<u32> = all.iter().map(|frame| frame.t_ms).collect();
    let later = |pair: &[u32]| pair[1].checked_sub(pair[0]).filter(|ms| *ms > 0).unwrap_or(u32::MAX);
    Evidence {
        frames: track.frames,
        seen: shots.len(),
        faces_max: track.faces_max,
        length_ms: shown.last().zip(shown.first()).map_or(0, |(last, first)| last.saturating_sub(*first)),
        gap_ms_max: times.windows(2).map(later).max().unwrap_or(0),
        unseen_ms_max: unseen_ms_max(frames, shots),
        speed: motion::speed(shots),
        stir: motion::stir(shots),
        mouth: motion::mouth(shots),
        eyes: motion::eyes(shots),
        relief: motion::relief(shots),
        change: track.renewal.change(),
        is_virtual: None,
        movements: rest.map(|rest| movements::movements(shots, rest)).unwrap_or_default(),
        is_ahead: rest.is_some_and(|rest| rest.is_back(shots)),
        real: None,
        looks: 0,
        same: None,
        light: None,
        sight: None,
    }
}

/// Fails unless `docs/liveness.md` has this phrase, so that thresholds repeated there are checked where they are set.
#[cfg(test)]
#[track_caller]
pub fn assert_documented(phrase: &str) {
    let page = include_str!("../../../docs/liveness.md");
    assert!(page.contains(phrase), "docs/liveness.md does not say '{phrase}'");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::liveness::FRAMES_MAX;

    #[test]
    fn the_documented_limits_are_these() {
        assert_documented(&format!("At most {FRAMES_MAX} frames are read"));
        assert_documented(&format!("mean over up to {SPOOF_FRAMES} frames at rest"));
    }
}
