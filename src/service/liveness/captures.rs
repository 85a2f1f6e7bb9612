//! Captures that wait to be processed: any node takes one under a lease, and each check ends once.

use std::pin::pin;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use chrono::TimeDelta;
use face::values::liveness::Reason;
use face::{Best, LivenessCapture, Verdict, age};
use tokio::time::{Instant, timeout};

use crate::capture::Capture;
use crate::domain::attestation::{Attestation, AttestationPolicy};
use crate::domain::audit::{Entry, Work};
use crate::domain::liveness::{DeviceInfo, LivenessStatus, Video};
use crate::domain::usage::Counted;
use crate::domain::{Moment, SessionId};
use crate::service::faces::best::{self, PreparedFace};
use crate::service::liveness::attestation::{self, Attested};
use crate::service::liveness::sealed::{self, BestImage, CheckRequest, Outcome};
use crate::service::sessions::sealed::LiveSession;
use crate::service::storage::{self, StoredMedium};
use crate::service::{Deps, Error, attestations, audit, back_off, callbacks, sessions};
use crate::store;
use crate::store::liveness::{ExhaustedCheck, GivenBack, Lease, LeasedCapture};

/// The most attempts; a capture on which every node crashed is then given up.
const ATTEMPTS_MAX: i64 = 3;
/// The number of renewals within a lease: a node may miss one or two.
const RENEWALS: u32 = 3;
/// The pause before a capture that failed on this node is tried again.
const RETRY_AFTER: TimeDelta = TimeDelta::seconds(1);
/// The longest pause while the database or the place of media is away.
const FAULT_PAUSE_MAX: TimeDelta = TimeDelta::seconds(30);
/// The most checks that one step ends.
const ENDED_MAX: i64 = 100;

/// Takes the capture whose turn it is, if one waits.
pub async fn take(deps: &Deps) -> Result<Option<LeasedCapture>, Error> {
    let mut tx = deps.store.begin().await?;
    let kept = deps.pace.kept();
    for lease in &kept {
        let due = deps.clock.now().plus(fault_pause(*lease));
        store::liveness::give_back(&mut tx, *lease, due, GivenBack::Fault).await?;
    }
    let taken = store::liveness::take(&mut tx, deps.clock.now(), lease_end(deps), ATTEMPTS_MAX).await?;
    tx.commit().await?;
    deps.pace.given_back(&kept);
    Ok(taken)
}

fn lease_end(deps: &Deps) -> Moment {
    deps.clock.now().plus(TimeDelta::from_std(deps.policy().check_lease).unwrap_or(TimeDelta::MAX))
}

/// Processes a capture and ends its check: outcome, face and callback are written in one transaction. `None` if another
/// attempt follows, or the check has ended otherwise.
pub async fn perform(deps: &Deps, leased: &LeasedCapture) -> Result<Option<(LivenessStatus, Vec<Reason>)>, Error> {
    let live = sessions::sealed::open(deps, leased.session.clone()).await?;
    let asked = CheckRequest::open(&leased.asked_sealed, &live, leased.due)?;
    let capture = Capture::decode(&asked.open_capture(&live, &leased.capture_sealed)?.into())?;
    let attested = attested(deps, leased, &asked, capture.attestation.as_deref()).await?;
    let film = LivenessCapture {
        asked: asked.shown_in(&capture),
        level: asked.level,
        is_virtual: capture.device.as_ref().and_then(DeviceInfo::is_virtual),
        frames: capture.frames,
    };
    let begun = Instant::now();
    let every = deps.policy().check_lease / RENEWALS;
    let mut verdict = match meanwhile(deps.face_engine.check_liveness(film), every, || renew(deps, leased)).await {
        Ok(verdict) => verdict,
        Err(face::Error::Busy { retry_after }) => {
            let after = TimeDelta::from_std(retry_after).unwrap_or(RETRY_AFTER);
            give_back(deps, leased.lease(), after, GivenBack::Busy).await?;
            return Ok(None);
        }
        Err(error) => return Err(Error::Image { part: "capture", error }),
    };
    deps.pace.measured(begun.elapsed());

    if let Some((attestation, policy)) = &attested
        && policy.is_required
    {
        attestation::require(&mut verdict, attestation);
    }
    let status = status(&verdict);
    let mut outcome = Outcome {
        reasons: verdict.reasons,
        measures: verdict.measures,
        device: capture.device,
        sdk: capture.sdk,
        consent_version: capture.consent_version,
        attestation: attested.map(|(attestation, _)| attestation),
        best: None,
        video: None,
    };
    let mut prepared = None;
    if let Some(seen) = verdict.best.filter(|_| status == LivenessStatus::Success) {
        let made = best::prepare(deps, &live, &seen).await?;
        outcome.best = Some(best_image(&asked, &seen, &made));
        prepared = Some(made);
    }
    if live.session.image_storage_enabled
        && let Some(video) = &capture.video
    {
        outcome.video = Some(keep_video(deps, &live, video).await?);
    }
    let result_sealed = outcome.seal(&live, &asked, status)?;
    let verdict = SealedVerdict { status, reasons: &outcome.reasons, result_sealed };
    let ended = finish(deps, leased, &verdict, prepared.as_ref()).await?;
    Ok(ended.then_some((status, outcome.reasons)))
}

/// Judges the attestation of a capture; `None` if its provider has no keys for that.
async fn attested(
    deps: &Deps,
    leased: &LeasedCapture,
    asked: &CheckRequest,
    sent: Option<&str>,
) -> Result<Option<(Attestation, AttestationPolicy)>, Error> {
    let mut tx = deps.store.read().await?;
    let policy = attestations::of(&mut tx, &deps.master, leased.session.provider).await?;
    drop(tx);
    let Some(policy) = policy else { return Ok(None) };
    let attested = Attested { session: leased.session.id, asked, arrived: leased.received };
    let attestation = attested.judge(&policy, sent)?;
    Ok(Some((attestation, policy)))
}

/// Calls `again` at an interval until `work` is done.
async fn meanwhile<T, A: Future<Output = ()>>(
    work: impl Future<Output = T>,
    every: Duration,
    again: impl Fn() -> A,
) -> T {
    let mut work = pin!(work);
    loop {
        match timeout(every, work.as_mut()).await {
            Ok(done) => return done,
            Err(_) => again().await,
        }
    }
}

/// Renews the lease once. This repeats as long as the node works on the capture, so only a dead node's lease runs out.
async fn renew(deps: &Deps, leased: &LeasedCapture) {
    let renewed = async {
        let mut tx = deps.store.begin().await?;
        let renewed = store::liveness::renew(&mut tx, leased, lease_end(deps)).await?;
        tx.commit().await?;
        Ok::<_, store::Error>(renewed)
    };
    let session = leased.session.id;
    match renewed.await {
        Ok(true) => {}
        Ok(false) => tracing::warn!(%session, "another node took over the lease of a capture that this node examines"),
        Err(error) => tracing::warn!(%session, %error, "a lease could not be renewed"),
    }
}

/// Gives a capture back, so that another attempt follows. A fault of database, media or vault is no attempt: the
/// capture is tried until its session ends. After the last of the other attempts, the check ends.
pub async fn retry(deps: &Deps, leased: &LeasedCapture, error: &Error) -> Result<(), Error> {
    let lease = leased.lease();
    if !matches!(error, Error::Store(_) | Error::Media(_) | Error::Vault(_)) {
        return give_back(deps, lease, RETRY_AFTER, GivenBack::Failed).await;
    }
    let given_back = give_back(deps, lease, fault_pause(lease), GivenBack::Fault).await;
    if given_back.is_err() {
        deps.pace.keep(lease);
    }
    given_back
}

fn fault_pause(lease: Lease) -> TimeDelta {
    back_off::pause(lease.faults + 1, FAULT_PAUSE_MAX)
}

async fn give_back(deps: &Deps, lease: Lease, after: TimeDelta, why: GivenBack) -> Result<(), Error> {
    let mut tx = deps.store.begin().await?;
    store::liveness::give_back(&mut tx, lease, deps.clock.now().plus(after), why).await?;
    Ok(tx.commit().await?)
}

/// Ends checks whose capture did not arrive in time, or that every attempt failed to end. Returns both numbers.
pub async fn end_overdue(deps: &Deps, now: Moment) -> Result<[usize; 2], Error> {
    let mut tx = deps.store.begin().await?;
    let late = store::liveness::time_out(&mut tx, now, ENDED_MAX).await?;
    for session in &late {
        callbacks::owe(&mut tx, *session, now).await?;
        audit::append(&mut tx, &deps.master, &decided(*session, LivenessStatus::Timeout, now)).await?;
    }
    let exhausted = store::liveness::exhausted(&mut tx, now, ATTEMPTS_MAX, ENDED_MAX).await?;
    tx.commit().await?;
    let mut given_up = 0;
    for check in exhausted {
        match give_up(deps, &check, now).await {
            Ok(ended) => given_up += usize::from(ended),
            Err(error) => tracing::error!(session = %check.session.id, %error, "a check could not be ended"),
        }
    }
    Ok([late.len(), given_up])
}

/// Ends a check with a failure, which is sealed like a verdict.
async fn give_up(deps: &Deps, check: &ExhaustedCheck, now: Moment) -> Result<bool, Error> {
    let live = sessions::sealed::open(deps, check.session.clone()).await?;
    let asked = CheckRequest::open(&check.asked_sealed, &live, check.due)?;
    let result_sealed = Outcome::default().seal(&live, &asked, LivenessStatus::Error)?;
    let mut tx = deps.store.begin().await?;
    let ended = store::liveness::give_up(&mut tx, check, &result_sealed).await?;
    if ended {
        callbacks::owe(&mut tx, check.session.id, now).await?;
        let entry = decided(check.session.id, LivenessStatus::Error, now).by(check.session.provider);
        audit::append(&mut tx, &deps.master, &entry).await?;
    }
    tx.commit().await?;
    Ok(ended)
}

fn status(verdict: &Verdict) -> LivenessStatus {
    if verdict.reasons.iter().any(|reason| reason.is_attack()) {
        LivenessStatus::Spoof
    } else if verdict.reasons.is_empty() && verdict.best.is_some() {
        LivenessStatus::Success
    } else {
        LivenessStatus::Failed
    }
}

fn best_image(asked: &CheckRequest, seen: &Best, made: &PreparedFace) -> BestImage {
    BestImage {
        face: made.kept.id,
        landmarks: seen.described.landmarks,
        years: age::stated(seen.years),
        image: (!asked.image_retrieval_disabled).then(|| STANDARD.encode(&seen.jpeg)),
        stored: made.stored.clone(),
    }
}

async fn keep_video(deps: &Deps, live: &LiveSession, video: &Video) -> Result<StoredMedium, Error> {
    let name = format!("{}/video", sessions::media_folder(live.session.owner, live.session.id));
    let bytes = if deps.policy().media_sealed {
        Bytes::from(sealed::seal_video(live, &video.bytes))
    } else {
        video.bytes.clone()
    };
    storage::keep(deps, &name, bytes, &video.content_type).await
}

/// The sealed outcome of a capture, to be written.
struct SealedVerdict<'a> {
    status: LivenessStatus,
    reasons: &'a [Reason],
    result_sealed: Vec<u8>,
}

/// Writes the outcome; `false` if the session or the check has ended.
async fn finish(
    deps: &Deps,
    leased: &LeasedCapture,
    verdict: &SealedVerdict<'_>,
    face: Option<&PreparedFace>,
) -> Result<bool, Error> {
    let (session, provider, now) = (leased.session.id, leased.session.provider, deps.clock.now());
    let SealedVerdict { status, reasons, result_sealed } = verdict;
    let mut tx = deps.store.begin().await?;
    let held = store::sessions::hold(&mut tx, provider, session, now).await?;
    if held.is_none() || !store::liveness::finish(&mut tx, leased, *status, result_sealed).await? {
        return Ok(false);
    }
    if let Some(face) = face {
        store::faces::insert(&mut tx, session, &face.kept).await?;
    }
    let refusals = reasons.iter().map(|reason| Counted::Refusal(*reason));
    for counted in std::iter::once(Counted::Verdict(*status)).chain(refusals) {
        store::usage::count(&mut tx, provider, counted, now).await?;
    }
    callbacks::owe(&mut tx, session, now).await?;
    audit::append(&mut tx, &deps.master, &decided(session, *status, now).by(provider)).await?;
    tx.commit().await?;
    Ok(true)
}

fn decided(session: SessionId, status: LivenessStatus, now: Moment) -> Entry {
    Entry::of_server(Work::CheckDecided, status.name(), now).about(session)
}

#[cfg(test)]
mod tests {
    use std::future;

    use tokio::sync::watch;

    use super::*;

    #[tokio::test]
    async fn a_lease_is_renewed_until_the_work_is_done() {
        let (told, mut renewals) = watch::channel(0);
        let work = async { *renewals.wait_for(|count| *count == 3).await.expect("somebody tells") };
        let again = || async { told.send_modify(|count| *count += 1) };
        assert_eq!(meanwhile(work, Duration::from_millis(1), again).await, 3);
        let nothing = || async { panic!("there is nothing to wait for") };
        assert_eq!(meanwhile(future::ready(1), Duration::ZERO, nothing).await, 1);
    }
}
