//! The rules of matches.

use face::ComparedFace;
use face::values::score::Score;
use face::values::template::{Damage, Template};

use crate::domain::face::{Face, Match};
use crate::domain::{Caller, FaceId, Moment, Operation, Permission, SessionId};
use crate::service::audit::About;
use crate::service::faces::{self, FormerFace, NewFace};
use crate::service::turns::Place;
use crate::service::{Deps, Error, require};

/// The caller's own ids, which the answer repeats.
#[derive(Default)]
pub struct Correlation {
    pub correlation_id: Option<String>,
    pub evidence_id: Option<String>,
}

/// Compares a face of the session with every other one; returns the best score first, however low.
pub async fn of_face(deps: &Deps, caller: &Caller, session: SessionId, reference: FaceId) -> Result<Vec<Match>, Error> {
    require(caller, Permission::Match)?;
    let now = deps.clock.now();
    let (session, mut faces) = faces::all(deps, caller, session).await?;
    let at = faces.iter().position(|face| face.id == reference).ok_or(Error::FaceNotFound(reference))?;
    let mut reference = faces.remove(at);
    // The template is taken out, so that no match copies it.
    let known = reference.template.take().ok_or_else(|| no_template(reference.id))?;
    let scored = |candidate: Face| {
        let template = candidate.template.as_ref().ok_or_else(|| no_template(candidate.id))?;
        let score = score(deps, side(&known, &reference), side(template, &candidate))?;
        let correlation =
            Correlation { correlation_id: session.correlation_id.clone(), evidence_id: session.evidence_id.clone() };
        let expires = Some(session.expires);
        Ok(Match { expires, ..found(reference.clone(), candidate, score, correlation, now) })
    };
    let mut matches = faces.into_iter().map(scored).collect::<Result<Vec<_>, Error>>()?;
    matches.sort_by(|a, b| b.score.0.total_cmp(&a.score.0));
    faces::count(deps, caller, Operation::GetMatches, About::session(session.id).with_subject(&reference.id), now)
        .await?;
    Ok(matches)
}

/// Every face of a session has a template, so its absence is a failure of the server.
fn no_template(face: FaceId) -> Error {
    Error::Failed(format!("the face {face} has no template"))
}

/// Compares the only face in one image with that in another.
pub async fn images(
    deps: &Deps,
    caller: &Caller,
    place: &Place,
    reference: NewFace,
    candidate: NewFace,
    correlation: Correlation,
) -> Result<Match, Error> {
    require(caller, Permission::Match)?;
    let (first, second) = tokio::try_join!(
        faces::describe(deps, place, "referenceImage", &reference),
        faces::describe(deps, place, "candidateImage", &candidate),
    )?;
    let now = deps.clock.now();
    let score = score(
        deps,
        ComparedFace { template: &first.template, image_type: reference.image_type },
        ComparedFace { template: &second.template, image_type: candidate.image_type },
    )?;
    faces::count(deps, caller, Operation::MatchImages, About::default(), now).await?;
    let reference = faces::face(deps, reference, first, now);
    let candidate = faces::face(deps, candidate, second, now);
    Ok(found(reference, candidate, score, correlation, now))
}

/// Compares a face that this server described before with the only face of an image.
pub async fn image_with_face(
    deps: &Deps,
    caller: &Caller,
    place: &Place,
    reference: FormerFace,
    candidate: NewFace,
    correlation: Correlation,
) -> Result<Match, Error> {
    require(caller, Permission::Match)?;
    faces::require_verified(deps, &reference)?;
    let known = faces::template(deps, &reference)?;
    let described = faces::describe(deps, place, "candidateImage", &candidate).await?;
    let now = deps.clock.now();
    let compared = ComparedFace { template: &described.template, image_type: candidate.image_type };
    let score = score(deps, side(&known, &reference.face), compared)?;
    faces::count(deps, caller, Operation::Match, About::default(), now).await?;
    let candidate = faces::face(deps, candidate, described, now);
    Ok(found(reference.face, candidate, score, correlation, now))
}

/// Returns a template as one side of a comparison, when it was taken out of its face.
fn side<'a>(template: &'a Template, face: &Face) -> ComparedFace<'a> {
    ComparedFace { template, image_type: face.image_type }
}

/// Scores two templates. Those of one version have one length; a template of another length was not made by this
/// server.
fn score(deps: &Deps, reference: ComparedFace<'_>, candidate: ComparedFace<'_>) -> Result<Score, Error> {
    for side in [reference, candidate] {
        faces::require_version(deps, side.template.version().into())?;
    }
    if reference.template.values().len() != candidate.template.values().len() {
        return Err(Error::TemplateDamaged(Damage::Length));
    }
    Ok(deps.face_engine.score(reference, candidate))
}

/// Makes a match. It names its faces without their templates.
fn found(reference: Face, candidate: Face, score: Score, correlation: Correlation, now: Moment) -> Match {
    Match {
        reference: Face { template: None, ..reference },
        candidate: Face { template: None, ..candidate },
        score,
        correlation_id: correlation.correlation_id,
        evidence_id: correlation.evidence_id,
        created: now,
        expires: None,
    }
}
