//! The liveness check of a session: what is asked for, the capture that comes, and how it stands.

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
use crate::service::{Deps, Error, audit, require, require_in};
use crate::store::liveness::LivenessCheck;
use crate::store::sessions::StoredSession;
use crate::{capture, store};

pub mod captures;
pub mod sealed;

/// How long a capture may take to come, as the contract has it.
const CAPTURE_WITHIN: TimeDelta = TimeDelta::minutes(5);
/// A node whose clock is ahead of this one's by so much may have seen a check time out.
const CLOCKS_DIFFER_MAX: TimeDelta = TimeDelta::minutes(1);
/// Movements that are asked for when nobody says how many.
const CHALLENGES: u8 = 2;

/// What a check is to be.
pub struct NewLiveness {
    pub liveness_type: LivenessType,
    pub level: SecurityLevel,
    /// How many movements are asked for; of active liveness only.
    pub challenges: Option<u8>,
    /// True if a screen shows colours that the face must reflect; of passive video only.
    pub is_lit: bool,
    pub image_retrieval_disabled: bool,
    pub id: Option<String>,
    /// The age that the result compares the person's with.
    pub age_threshold: Option<i32>,
    /// How often the person may try.
    pub attempts_max: u8,
}

/// A check, as a capture client needs it.
pub struct Parameters {
    pub asked: CheckRequest,
    /// Of the keys that captures are encrypted for, in DER.
    pub certificates: Vec<Vec<u8>>,
}

/// How a check stands.
pub struct Standing {
    pub asked: CheckRequest,
    pub status: LivenessStatus,
    pub outcome: Outcome,
    /// Whether the provider is told why a capture was refused.
    pub reasons_given: bool,
    /// Whether whoever asks may see no more than the status.
    pub is_bare: bool,
}

/// Begins the check of a session, in the place of the one before.
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

/// Begins the next attempt at the check of a session, with a random number of its own. After an attack there is none: whoever
/// makes one must not come closer by trying.
pub async fn attempt(deps: &Deps, caller: &Caller, session: SessionId) -> Result<Parameters, Error> {
    let now = deps.clock.now();
    // Its end is opened, and not taken from the row alone: nobody else may say how it ended.
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

/// What [`init`] answered.
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
    /// Captures that are looked at before it.
    waiting: i64,
}

/// Refuses a capture that nobody waits for, or that would wait too long: before it is read.
pub async fn expect(deps: &Deps, caller: &Caller, session: SessionId) -> Result<ExpectedCapture, Error> {
    require_in(caller, Permission::Liveness, session)?;
    deps.meters.admit_capture(caller)?;
    let mut tx = deps.store.read().await?;
    let stored = sessions::live(&mut tx, caller, session, deps.clock.now()).await?;
    let check = find(&mut tx, session).await?;
    refuse_late(status(&check, deps.clock.now()))?;
    let waiting = store::liveness::waiting(&mut tx, caller.provider).await?;
    drop(tx);
    deps.pace.check(waiting, &deps.policy())?;
    Ok(ExpectedCapture { stored, check, waiting })
}

/// Takes the capture of a check. It is looked at later, and by any node.
pub async fn receive(
    deps: &Deps,
    caller: &Caller,
    ExpectedCapture { stored, check, waiting }: ExpectedCapture,
    sealed: Bytes,
) -> Result<(), Error> {
    let session = stored.id;
    let turn = deps.pace.turn(waiting, &deps.policy()).await?;
    let live = sessions::sealed::open(deps, stored).await?;
    let asked = CheckRequest::open(&check.asked_sealed, &live, check.due)?;
    let keys = deps.capture_keys.clone();
    let opening = tokio::task::spawn_blocking(move || {
        let capture = capture::open(&keys, &sealed)?;
        drop(sealed);
        capture.check_binding(&asked.id, &asked.server_random, asked.liveness_type)?;
        if asked.is_lit {
            capture.check_lights()?;
        }
        Ok::<_, capture::Error>(asked.seal_capture(&live, &capture.encode()))
    });
    let capture_sealed = opening.await.map_err(|error| Error::Failed(format!("opening a capture: {error}")))??;

    let now = deps.clock.now();
    let mut tx = deps.store.begin().await?;
    sessions::hold(&mut tx, caller, session, now).await?;
    if !store::liveness::receive(&mut tx, session, &check.asked_sealed, &capture_sealed, now).await? {
        refuse_late(status(&find(&mut tx, session).await?, now))?;
        // Another check has begun meanwhile.
        return Err(capture::Error::OtherRandom.into());
    }
    store::usage::count(&mut tx, caller.provider, Operation::ReplayLiveness, now).await?;
    audit::commit(deps, tx, caller, About::session(session), now).await?;
    drop(turn);
    deps.pace.wake();
    Ok(())
}

/// How the session's check stands.
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

/// A check, opened.
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

/// The session's check; a [`SessionId`] of a session that was found alive in `tx`.
pub(super) async fn find(tx: &mut store::Tx, session: SessionId) -> Result<LivenessCheck, Error> {
    store::liveness::find(tx, session).await?.ok_or(Error::LivenessNotInitialized)
}

/// True if the check has left a video in the place of media.
pub(super) fn has_video(check: &LivenessCheck, live: &LiveSession, now: Moment) -> Result<bool, Error> {
    let asked = CheckRequest::open(&check.asked_sealed, live, check.due)?;
    Ok(decided(check, &asked, live, now)?.1.video.is_some())
}

/// A check whose time for the capture is over has timed out, whether the sweep has come by or not.
fn status(check: &LivenessCheck, now: Moment) -> LivenessStatus {
    match check.status {
        LivenessStatus::Initialized if check.due <= now => LivenessStatus::Timeout,
        status => status,
    }
}

/// The state of the check, and its outcome.
///
/// # Errors
/// The row does not fit together: whoever changed it was not this server, which vouches for what it answers.
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
        // Nobody sealed this before there were epochs.
        (Failure, None) if !live.key.binds => Ok((Failure, Outcome::default())),
        (status, _) => {
            Err(Error::Failed(format!("the check of the session {} says {status}, and is not so", live.session.id)))
        }
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
