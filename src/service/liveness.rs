//! The rules of a session's liveness check: its request, its capture and its state.

use bytes::Bytes;
use chrono::TimeDelta;
use face::values::liveness::{LivenessType, SecurityLevel};
use uuid::Uuid;

use crate::domain::liveness::LivenessStatus;
use crate::domain::{Caller, Moment, Operation, Permission, SessionId};
use crate::service::audit::About;
use crate::service::idempotency::IdempotentRequest;
use crate::service::liveness::sealed::{CheckRequest, Outcome, drawn};
use crate::service::sessions::sealed::LiveSession;
use crate::service::sessions::{self, FirstCheck, NewSession};
use crate::service::{Deps, Error, audit, looks, require, require_in};
use crate::store::liveness::LivenessCheck;
use crate::store::sessions::StoredSession;
use crate::{capture, store};

pub mod attestation;
pub mod captures;
pub mod pace;
pub mod sealed;

/// The time that a capture may take to arrive, as the contract states.
const CAPTURE_WITHIN: TimeDelta = TimeDelta::minutes(5);
/// The most by which another node's clock may be ahead; that node may have seen a check time out.
const CLOCKS_DIFFER_MAX: TimeDelta = TimeDelta::minutes(1);
/// The number of movements if the request names none.
const CHALLENGES: u8 = 2;

/// The request for a check.
pub struct NewLiveness {
    pub liveness_type: LivenessType,
    pub level: SecurityLevel,
    /// The number of movements; only for active liveness.
    pub challenges: Option<u8>,
    /// True if a screen shows colours that the face must reflect; only for passive video.
    pub is_lit: bool,
    pub image_retrieval_disabled: bool,
    pub id: Option<String>,
    /// The age with which the result compares the person's.
    pub age_threshold: Option<i32>,
    /// The most attempts of the person.
    pub attempts_max: u8,
}

/// The parameters of a check that a capture client needs.
pub struct Parameters {
    pub asked: CheckRequest,
    /// The certificates of the keys that captures are encrypted for, in DER.
    pub certificates: Vec<Vec<u8>>,
}

/// The state of a check.
pub struct Standing {
    pub asked: CheckRequest,
    pub status: LivenessStatus,
    pub outcome: Outcome,
    /// True if the provider learns why a capture was refused.
    pub reasons_given: bool,
    /// True if the caller may see only the status.
    pub is_bare: bool,
}

/// Begins the check of a session, in place of an earlier one.
pub async fn init(deps: &Deps, caller: &Caller, session: SessionId, new: NewLiveness) -> Result<Parameters, Error> {
    require(caller, Permission::Liveness)?;
    let live = sessions::find(deps, caller, session).await?;
    let now = deps.clock.now();
    let (asked, due) = (asked(new)?, now.plus(CAPTURE_WITHIN));
    let asked_sealed = asked.seal(&live, due)?;
    let mut tx = deps.store.begin().await?;
    sessions::hold(&mut tx, caller, session, now).await?;
    if !store::liveness::begin(&mut tx, session, &asked_sealed, due).await? {
        return Err(Error::LivenessInProgress);
    }
    store::usage::count(&mut tx, caller.provider, Operation::InitLiveness, now).await?;
    audit::commit(deps, tx, caller, About::session(session), now).await?;
    Ok(parameters(deps, asked))
}

/// Begins the next attempt at the check of a session, with a new random number. After an attack there is no further
/// attempt, since an attacker must not learn by trying.
pub async fn attempt(deps: &Deps, caller: &Caller, session: SessionId) -> Result<Parameters, Error> {
    let now = deps.clock.now();
    // The sealed result is opened, rather than the row trusted: nobody but this server may decide how the check ended.
    let Seen { live, check, asked: before, status, .. } = look(deps, caller, session, now).await?;
    match status {
        LivenessStatus::InProgress => return Err(Error::LivenessInProgress),
        LivenessStatus::Failed | LivenessStatus::Timeout | LivenessStatus::Error => {}
        _ => return Err(Error::NoAttemptLeft),
    }
    let asked = before.again().ok_or(Error::NoAttemptLeft)?;
    let due = now.plus(CAPTURE_WITHIN);
    let asked_sealed = asked.seal(&live, due)?;
    let mut tx = deps.store.begin().await?;
    sessions::hold(&mut tx, caller, session, now).await?;
    if !store::liveness::repeat(&mut tx, session, &check.asked_sealed, &asked_sealed, due).await? {
        return Err(Error::NoAttemptLeft);
    }
    store::usage::count(&mut tx, caller.provider, Operation::InitLiveness, now).await?;
    audit::commit(deps, tx, caller, About::session(session), now).await?;
    Ok(parameters(deps, asked))
}

/// Opens a session and begins its check, both or neither.
pub async fn init_session(
    deps: &Deps,
    caller: &Caller,
    session: NewSession,
    check: NewLiveness,
    once: Option<IdempotentRequest>,
) -> Result<SessionId, Error> {
    require(caller, Permission::Liveness)?;
    let (live, stored) = sessions::open(deps, caller, session).await?;
    let due = live.session.created.plus(CAPTURE_WITHIN);
    let check = FirstCheck { asked_sealed: asked(check)?.seal(&live, due)?, due };
    sessions::insert(deps, caller, &stored, Some(&check), once).await
}

/// Returns the parameters that [`init`] returned.
pub async fn get(deps: &Deps, caller: &Caller, session: SessionId) -> Result<Parameters, Error> {
    require_in(caller, Permission::Liveness, session)?;
    let mut tx = deps.store.read().await?;
    let stored = sessions::live(&mut tx, caller, session, deps.clock.now()).await?;
    let check = find(&mut tx, session).await?;
    drop(tx);
    let live = sessions::sealed::open(deps, stored).await?;
    Ok(parameters(deps, CheckRequest::open(&check.asked_sealed, &live, check.due)?))
}

/// A check that waits for its capture.
pub struct ExpectedCapture {
    stored: StoredSession,
    check: LivenessCheck,
    /// The number of captures that are processed before this one.
    waiting: i64,
    /// The version of the provider's text that the person has to agree to before the capture.
    consent_version: Option<String>,
}

/// Refuses a capture that no check waits for, or that would wait too long, before it is read.
pub async fn expect(deps: &Deps, caller: &Caller, session: SessionId) -> Result<ExpectedCapture, Error> {
    require_in(caller, Permission::Liveness, session)?;
    deps.meters.admit_capture(caller)?;
    let mut tx = deps.store.read().await?;
    let stored = sessions::live(&mut tx, caller, session, deps.clock.now()).await?;
    let check = find(&mut tx, session).await?;
    refuse_late(status(&check, deps.clock.now()))?;
    let waiting = store::liveness::waiting(&mut tx, caller.provider).await?;
    let consent_version = looks::consent_version(&mut tx, caller.provider).await?;
    drop(tx);
    deps.pace.check(waiting, &deps.policy())?;
    Ok(ExpectedCapture { stored, check, waiting, consent_version })
}

/// Receives the capture of a check. Any node processes it later.
pub async fn receive(
    deps: &Deps,
    caller: &Caller,
    ExpectedCapture { stored, check, waiting, consent_version }: ExpectedCapture,
    sealed: Bytes,
) -> Result<(), Error> {
    let session = stored.id;
    let turn = deps.pace.turn(waiting, &deps.policy()).await?;
    let live = sessions::sealed::open(deps, stored).await?;
    let asked = CheckRequest::open(&check.asked_sealed, &live, check.due)?;
    let keys = deps.capture_keys.clone();
    // A provider that sends captures with its own key may have the person's consent from elsewhere.
    let has_token = caller.only.is_some();
    let opening = tokio::task::spawn_blocking(move || {
        let capture = capture::open(&keys, &sealed)?;
        drop(sealed);
        capture.check_binding(&asked.id, &asked.server_random, asked.liveness_type)?;
        if asked.is_lit {
            capture.check_lights()?;
        }
        if let Some(current) = consent_version.filter(|_| has_token || capture.consent_version.is_some()) {
            capture.check_consent(&current)?;
        }
        Ok::<_, capture::Error>(asked.seal_capture(&live, &capture.encode()))
    });
    let capture_sealed =
        opening.await.map_err(|error| Error::Failed(format!("decrypting a stored capture failed: {error}")))??;

    let now = deps.clock.now();
    let mut tx = deps.store.begin().await?;
    sessions::hold(&mut tx, caller, session, now).await?;
    if !store::liveness::receive(&mut tx, session, &check.asked_sealed, &capture_sealed, now).await? {
        refuse_late(status(&find(&mut tx, session).await?, now))?;
        // Another check has begun in the meantime.
        return Err(capture::Error::OtherRandom.into());
    }
    store::usage::count(&mut tx, caller.provider, Operation::ReplayLiveness, now).await?;
    audit::commit(deps, tx, caller, About::session(session), now).await?;
    drop(turn);
    deps.pace.wake();
    Ok(())
}

/// Returns the state of the session's check.
pub async fn standing(deps: &Deps, caller: &Caller, session: SessionId) -> Result<Standing, Error> {
    let Seen { asked, status, outcome, .. } = look(deps, caller, session, deps.clock.now()).await?;
    Ok(Standing {
        asked,
        status,
        outcome,
        reasons_given: caller.limits.liveness_reasons.unwrap_or(false),
        is_bare: caller.only.is_some(),
    })
}

/// A check with its sealed values opened.
struct Seen {
    live: LiveSession,
    check: LivenessCheck,
    asked: CheckRequest,
    status: LivenessStatus,
    outcome: Outcome,
}

/// Opens the session's check for a caller who may see it.
async fn look(deps: &Deps, caller: &Caller, session: SessionId, now: Moment) -> Result<Seen, Error> {
    require_in(caller, Permission::Liveness, session)?;
    let mut tx = deps.store.read().await?;
    let stored = sessions::live(&mut tx, caller, session, now).await?;
    let check = find(&mut tx, session).await?;
    drop(tx);
    let live = sessions::sealed::open(deps, stored).await?;
    let asked = CheckRequest::open(&check.asked_sealed, &live, check.due)?;
    let (status, outcome) = decided(&check, &asked, &live, now)?;
    Ok(Seen { live, check, asked, status, outcome })
}

/// Returns the check of a session that `tx` has found alive.
pub(super) async fn find(tx: &mut store::Tx, session: SessionId) -> Result<LivenessCheck, Error> {
    store::liveness::find(tx, session).await?.ok_or(Error::LivenessNotInitialized)
}

/// True if the check has left a video among the media.
pub(super) fn has_video(check: &LivenessCheck, live: &LiveSession, now: Moment) -> Result<bool, Error> {
    let asked = CheckRequest::open(&check.asked_sealed, live, check.due)?;
    Ok(decided(check, &asked, live, now)?.1.video.is_some())
}

/// Returns the status. A check whose time for the capture has passed has timed out, even before the sweep marks it.
fn status(check: &LivenessCheck, now: Moment) -> LivenessStatus {
    match check.status {
        LivenessStatus::Initialized if check.due <= now => LivenessStatus::Timeout,
        status => status,
    }
}

/// Returns the status of the check, and its outcome.
///
/// # Errors
/// The parts of the row contradict each other: somebody other than this server changed it, and the server signs no such
/// answer.
fn decided(
    check: &LivenessCheck,
    asked: &CheckRequest,
    live: &LiveSession,
    now: Moment,
) -> Result<(LivenessStatus, Outcome), Error> {
    use LivenessStatus::{Error as Failure, Failed, InProgress, Initialized, Spoof, Success, Timeout};
    match (check.status, check.result_sealed.as_deref()) {
        (status @ (Success | Failed | Spoof | Failure), Some(sealed)) => {
            Ok((status, Outcome::open(sealed, live, asked, status)?))
        }
        (Initialized | InProgress, None) => Ok((status(check, now), Outcome::default())),
        (Timeout, None) if check.due <= now.plus(CLOCKS_DIFFER_MAX) => Ok((Timeout, Outcome::default())),
        // Before there were epochs, a failure had no sealed result.
        (Failure, None) if !live.key.binds => Ok((Failure, Outcome::default())),
        (status, _) => Err(Error::Failed(format!(
            "the stored state of the session {}'s check, {status}, contradicts its content",
            live.session.id
        ))),
    }
}

fn refuse_late(status: LivenessStatus) -> Result<(), Error> {
    match status {
        LivenessStatus::Initialized => Ok(()),
        LivenessStatus::Timeout => Err(Error::CaptureTooLate),
        _ => Err(Error::CaptureAlreadySent),
    }
}

fn asked(new: NewLiveness) -> Result<CheckRequest, Error> {
    if new.is_lit && new.liveness_type != LivenessType::PassiveVideo {
        return Err(Error::LightChallenge);
    }
    let is_active = new.liveness_type == LivenessType::Active;
    let (seed, server_random) = drawn();
    Ok(CheckRequest {
        id: new.id.unwrap_or_else(|| Uuid::now_v7().to_string()),
        liveness_type: new.liveness_type,
        level: new.level,
        challenges: is_active.then(|| new.challenges.unwrap_or(CHALLENGES)),
        image_retrieval_disabled: new.image_retrieval_disabled,
        seed,
        server_random,
        age_threshold: new.age_threshold,
        is_lit: new.is_lit,
        attempt: 1,
        attempts_max: new.attempts_max,
    })
}

fn parameters(deps: &Deps, asked: CheckRequest) -> Parameters {
    Parameters { asked, certificates: deps.capture_keys.certificates() }
}
