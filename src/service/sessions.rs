//! The rules of bio-sessions, which nobody can read once they have expired.

use chrono::TimeDelta;

use crate::domain::audit::{Entry, Work};
use crate::domain::liveness::LivenessStatus;
use crate::domain::session::Session;
use crate::domain::{Caller, Moment, Operation, OwnerId, Permission, SessionId};
use crate::service::audit::About;
use crate::service::idempotency::IdempotentRequest;
use crate::service::sessions::sealed::LiveSession;
use crate::service::storage::MEDIA;
use crate::service::{Deps, Error, audit, erasures, require};
use crate::store;
use crate::store::idempotency::KeyScope;
use crate::store::sessions::{EndedSession, StoredSession};

pub mod sealed;

/// The most attempts to insert a session. An attempt fails if another request with the same idempotency key was noted,
/// and its session is gone again.
const TRIES_MAX: usize = 3;

/// The properties of a new session.
pub struct NewSession {
    pub correlation_id: Option<String>,
    pub evidence_id: Option<String>,
    pub consent_reference: Option<String>,
    pub image_storage_enabled: bool,
    /// The life of the session in seconds; `None` means the operator's default.
    pub ttl_seconds: Option<i64>,
    pub callback_url: Option<String>,
}

/// Opens a session.
pub async fn create(
    deps: &Deps,
    caller: &Caller,
    new: NewSession,
    once: Option<IdempotentRequest>,
) -> Result<SessionId, Error> {
    let (_, stored) = open(deps, caller, new).await?;
    insert(deps, caller, &stored, None, once).await
}

/// Makes a session with its own key, without storing it.
pub(super) async fn open(deps: &Deps, caller: &Caller, new: NewSession) -> Result<(LiveSession, StoredSession), Error> {
    require(caller, Permission::Session)?;
    let ttl = time_to_live(deps, caller, new.ttl_seconds)?;
    if let Some(url) = &new.callback_url {
        deps.callbacks.check(url).map_err(Error::CallbackUrl)?;
    }
    let (id, now) = (SessionId::new(), deps.clock.now());
    let session = Session {
        id,
        owner: Some(deps.owner),
        correlation_id: new.correlation_id,
        evidence_id: new.evidence_id,
        consent_reference: new.consent_reference,
        image_storage_enabled: new.image_storage_enabled,
        callback_url: new.callback_url,
        created: now,
        expires: now.plus(ttl),
    };
    sealed::seal(deps, caller.provider, session).await
}

/// The liveness check that begins with its session.
pub(super) struct FirstCheck {
    pub asked_sealed: Vec<u8>,
    pub due: Moment,
}

/// Stores a new session, and its check if one begins with it: both or neither. Returns the id of the stored session.
pub(super) async fn insert(
    deps: &Deps,
    caller: &Caller,
    session: &StoredSession,
    check: Option<&FirstCheck>,
    once: Option<IdempotentRequest>,
) -> Result<SessionId, Error> {
    for _ in 0..TRIES_MAX {
        if let Some(id) = try_insert(deps, caller, session, check, once.as_ref()).await? {
            return Ok(id);
        }
    }
    Err(Error::Failed("an idempotency key was stored and deleted again repeatedly".to_owned()))
}

/// Tries once; `None` if another request with the same key was faster, and its session is gone already.
async fn try_insert(
    deps: &Deps,
    caller: &Caller,
    session: &StoredSession,
    check: Option<&FirstCheck>,
    once: Option<&IdempotentRequest>,
) -> Result<Option<SessionId>, Error> {
    let (place, now) = (KeyScope(caller.provider.0), session.created);
    let mut tx = deps.store.begin().await?;
    store::sessions::insert(&mut tx, session).await?;
    if let Some(once) = once
        && !once.note(&mut tx, place, session.id, None, now).await?
    {
        drop(tx);
        let mut tx = deps.store.read().await?;
        return Ok(once.made(&mut tx, place, now).await?.map(|made| made.session));
    }
    store::usage::count(&mut tx, caller.provider, Operation::CreateSession, now).await?;
    if let Some(FirstCheck { asked_sealed, due }) = check {
        store::liveness::begin(&mut tx, session.id, asked_sealed, *due).await?;
        store::usage::count(&mut tx, caller.provider, Operation::InitLiveness, now).await?;
    }
    audit::commit(deps, tx, caller, About::session(session.id), now).await?;
    Ok(Some(session.id))
}

pub async fn get(deps: &Deps, caller: &Caller, id: SessionId) -> Result<Session, Error> {
    require(caller, Permission::Session)?;
    Ok(find(deps, caller, id).await?.session)
}

/// Deletes a session: its row, its key and all rows that belong to it. Its media are queued to be erased.
pub async fn delete(deps: &Deps, caller: &Caller, id: SessionId) -> Result<(), Error> {
    let now = deps.clock.now();
    let tx = begin_delete(deps, caller, id, now).await?;
    finish_delete(deps, tx, caller, id, now).await
}

/// Locks a session that the caller may delete.
pub(super) async fn begin_delete(deps: &Deps, caller: &Caller, id: SessionId, now: Moment) -> Result<store::Tx, Error> {
    require(caller, Permission::Session)?;
    let mut tx = deps.store.begin().await?;
    hold(&mut tx, caller, id, now).await?;
    if store::liveness::find(&mut tx, id).await?.is_some_and(|check| check.status == LivenessStatus::InProgress) {
        return Err(Error::LivenessInProgress);
    }
    Ok(tx)
}

/// Deletes the session that `tx` has locked.
pub(super) async fn finish_delete(
    deps: &Deps,
    mut tx: store::Tx,
    caller: &Caller,
    id: SessionId,
    now: Moment,
) -> Result<(), Error> {
    erase(&mut tx, id, now).await?;
    audit::commit(deps, tx, caller, About::session(id), now).await?;
    deps.eraser.notify_one();
    Ok(())
}

/// Returns up to `limit` sessions that have expired.
pub async fn overdue(deps: &Deps, now: Moment, limit: i64) -> Result<Vec<SessionId>, Error> {
    let mut tx = deps.store.read().await?;
    Ok(store::sessions::overdue(&mut tx, now, limit).await?)
}

/// Deletes an expired session; `None` if another node was faster. Each is deleted in its own transaction, so that a
/// failure holds up no other.
pub async fn end(deps: &Deps, id: SessionId, now: Moment) -> Result<Option<EndedSession>, Error> {
    let mut tx = deps.store.begin().await?;
    let ended = erase(&mut tx, id, now).await?;
    if let Some(ended) = &ended {
        let entry = Entry::of_server(Work::SessionExpired, erasures::ERASED, now).about(id).by(ended.provider);
        audit::append(&mut tx, &deps.master, &entry).await?;
    }
    tx.commit().await?;
    deps.eraser.notify_one();
    Ok(ended)
}

async fn erase(tx: &mut store::Tx, id: SessionId, now: Moment) -> Result<Option<EndedSession>, store::Error> {
    let ended = store::sessions::delete(tx, id).await?;
    if let Some(ended) = ended.filter(|ended| ended.image_storage_enabled) {
        erasures::owe(tx, &format!("{}/", media_folder(ended.owner, id)), now).await?;
    }
    Ok(ended)
}

/// Returns the session if it is the caller's and alive now.
pub(super) async fn find(deps: &Deps, caller: &Caller, id: SessionId) -> Result<LiveSession, Error> {
    let mut tx = deps.store.read().await?;
    let stored = live(&mut tx, caller, id, deps.clock.now()).await?;
    drop(tx);
    sealed::open(deps, stored).await
}

/// Returns the session's row if it is the caller's and alive at `now`.
pub(super) async fn live(
    tx: &mut store::Tx,
    caller: &Caller,
    id: SessionId,
    now: Moment,
) -> Result<StoredSession, Error> {
    store::sessions::find(tx, caller.provider, id, now).await?.ok_or(Error::SessionNotFound(id))
}

/// Returns the row as [`live`] does, and locks it until `tx` ends.
pub(super) async fn hold(
    tx: &mut store::Tx,
    caller: &Caller,
    id: SessionId,
    now: Moment,
) -> Result<StoredSession, Error> {
    store::sessions::hold(tx, caller.provider, id, now).await?.ok_or(Error::SessionNotFound(id))
}

/// Returns the folder of a session's media.
pub(super) fn media_folder(owner: Option<OwnerId>, id: SessionId) -> String {
    match owner {
        Some(owner) => format!("{owner}/{MEDIA}/{id}"),
        None => format!("{MEDIA}/{id}"),
    }
}

fn time_to_live(deps: &Deps, caller: &Caller, asked: Option<i64>) -> Result<TimeDelta, Error> {
    let seconds_max = caller.limits.ttl_seconds_max.unwrap_or(deps.policy().ttl_seconds_max);
    let seconds = asked.unwrap_or(deps.policy().ttl_seconds.min(seconds_max));
    if !(1..=seconds_max).contains(&seconds) {
        return Err(Error::TimeToLive { seconds, seconds_max });
    }
    TimeDelta::try_seconds(seconds).ok_or(Error::TimeToLive { seconds, seconds_max })
}
