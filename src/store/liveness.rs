//! Table `replays`: the liveness check of a session, from its request to its result.
//!
//! As in `faces`, a [`SessionId`] of a caller comes from a session that was found alive in the same transaction.

use std::fmt;

use sqlx::AssertSqlSafe;

use crate::domain::liveness::LivenessStatus;
use crate::domain::{Moment, ProviderId, SessionId};
use crate::store::column::row;
use crate::store::sessions::{StoredSession, session_columns};
use crate::store::{Error, Tx, on};

/// A check without its capture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LivenessCheck {
    pub status: LivenessStatus,
    pub asked_sealed: Vec<u8>,
    pub result_sealed: Option<Vec<u8>>,
    /// The time by which the capture must arrive.
    pub due: Moment,
}
row!(LivenessCheck { status, asked_sealed, result_sealed, due });

/// A capture that is leased to one node, with all that its processing needs.
#[derive(Clone)]
pub struct LeasedCapture {
    pub session: StoredSession,
    pub asked_sealed: Vec<u8>,
    /// The time by which the capture had to arrive.
    pub due: Moment,
    pub capture_sealed: Vec<u8>,
    /// The number of attempts, this one included.
    pub attempts: i64,
    /// The number of attempts that failed because the database or the media store was away.
    pub faults: i64,
    pub received: Moment,
}
row!(LeasedCapture { session as flat, asked_sealed, due, capture_sealed, attempts, faults, received });

/// One node's lease of a capture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    pub session: SessionId,
    pub attempts: i64,
    pub faults: i64,
}

impl LeasedCapture {
    pub fn lease(&self) -> Lease {
        Lease { session: self.session.id, attempts: self.attempts, faults: self.faults }
    }
}

/// The reason why a lease is given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GivenBack {
    /// The attempt failed and counts.
    Failed,
    /// The networks were busy; the attempt does not count.
    Busy,
    /// The database or the media store was away; the attempt does not count.
    Fault,
}

impl fmt::Debug for LeasedCapture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LeasedCapture({}, attempt {})", self.session.id, self.attempts)
    }
}

/// Begins a check in place of an earlier one; `false` if that one is in progress.
pub async fn begin(tx: &mut Tx, session: SessionId, asked_sealed: &[u8], due: Moment) -> Result<bool, Error> {
    Ok(on!(tx, |conn| {
        sqlx::query(
        "INSERT INTO replays (session, status, asked_sealed, due, attempts) VALUES ($1, $2, $3, $4, 0)
         ON CONFLICT (session) DO UPDATE SET status = excluded.status, asked_sealed = excluded.asked_sealed,
             due = excluded.due, capture_sealed = NULL, result_sealed = NULL, received = NULL, leased = NULL, attempts = 0,
             faults = 0
         WHERE replays.status <> $5"
    )
    .bind(session)
    .bind(LivenessStatus::Initialized)
    .bind(asked_sealed)
    .bind(due)
    .bind(LivenessStatus::InProgress)
    .execute(conn)
    .await
    .map(|done| done.rows_affected() == 1)
    })?)
}

/// Begins the next attempt at the check whose request was `before_sealed`; `false` if another check has begun since, or
/// this one is in progress.
pub async fn repeat(
    tx: &mut Tx,
    session: SessionId,
    before_sealed: &[u8],
    asked_sealed: &[u8],
    due: Moment,
) -> Result<bool, Error> {
    Ok(on!(tx, |conn| sqlx::query(
        "UPDATE replays SET status = $2, asked_sealed = $3, due = $4, capture_sealed = NULL, result_sealed = NULL,
             received = NULL, leased = NULL, attempts = 0, faults = 0
         WHERE session = $1 AND asked_sealed = $5 AND status <> $6"
    )
    .bind(session)
    .bind(LivenessStatus::Initialized)
    .bind(asked_sealed)
    .bind(due)
    .bind(before_sealed)
    .bind(LivenessStatus::InProgress)
    .execute(conn)
    .await
    .map(|done| done.rows_affected() == 1))?)
}

pub async fn find(tx: &mut Tx, session: SessionId) -> Result<Option<LivenessCheck>, Error> {
    Ok(on!(tx, |conn| sqlx::query_as(
        "SELECT status, asked_sealed, result_sealed, due FROM replays WHERE session = $1"
    )
    .bind(session)
    .fetch_optional(conn)
    .await)?)
}

/// Stores the capture of the check whose request is `asked_sealed`; `false` if it has a capture already, its time is
/// over, or another check has begun since.
pub async fn receive(
    tx: &mut Tx,
    session: SessionId,
    asked_sealed: &[u8],
    capture_sealed: &[u8],
    now: Moment,
) -> Result<bool, Error> {
    Ok(on!(tx, |conn| sqlx::query(
        "UPDATE replays SET status = $2, capture_sealed = $3, received = $4
         WHERE session = $1 AND status = $5 AND due > $4 AND asked_sealed = $6"
    )
    .bind(session)
    .bind(LivenessStatus::InProgress)
    .bind(capture_sealed)
    .bind(now)
    .bind(LivenessStatus::Initialized)
    .bind(asked_sealed)
    .execute(conn)
    .await
    .map(|done| done.rows_affected() == 1))?)
}

/// Counts the captures that come before a new one of this provider, including those in progress: all of its own, and of
/// each other provider at most one more than that, since providers take turns.
pub async fn waiting(tx: &mut Tx, provider: ProviderId) -> Result<i64, Error> {
    Ok(on!(tx, |conn| sqlx::query_scalar(
        "WITH counts AS (SELECT provider, COUNT(*) AS count FROM replays JOIN sessions ON sessions.id = replays.session
                         WHERE status = $1 GROUP BY provider),
              own AS (SELECT COALESCE(SUM(count), 0) AS count FROM counts WHERE provider = $2)
         SELECT CAST(COALESCE(SUM(CASE WHEN counts.count <= own.count THEN counts.count
                                       ELSE own.count + 1 END), 0) AS BIGINT)
         FROM counts, own"
    )
    .bind(LivenessStatus::InProgress)
    .bind(provider)
    .fetch_one(conn)
    .await)?)
}

/// Leases the capture whose turn it is and that had fewer than `attempts_max` attempts. Providers take turns, and of
/// each provider the longest-waiting capture comes first. Until `leased` no other node takes it; if this node crashes,
/// another takes it after that.
pub async fn take(tx: &mut Tx, now: Moment, leased: Moment, attempts_max: i64) -> Result<Option<LeasedCapture>, Error> {
    let lock = tx.on_postgres("FOR UPDATE SKIP LOCKED");
    let statement = format!(
        "UPDATE replays SET leased = $2, attempts = attempts + 1 WHERE session = (
             SELECT session FROM replays own WHERE status = $3 AND (leased IS NULL OR leased <= $1) AND attempts < $4
                 AND EXISTS (SELECT 1 FROM sessions
                             WHERE sessions.id = session AND expires > $1 AND key_sealed IS NOT NULL)
             ORDER BY (SELECT COUNT(*) FROM replays JOIN sessions ON sessions.id = replays.session
                       WHERE status = $3 AND received < own.received
                           AND provider = (SELECT provider FROM sessions WHERE sessions.id = own.session)),
                 received LIMIT 1 {lock})
         RETURNING session"
    );
    let taken: Option<SessionId> = on!(tx, |conn| sqlx::query_scalar(AssertSqlSafe(statement))
        .bind(now)
        .bind(leased)
        .bind(LivenessStatus::InProgress)
        .bind(attempts_max)
        .fetch_optional(conn)
        .await)?;
    let Some(session) = taken else { return Ok(None) };
    Ok(on!(tx, |conn| sqlx::query_as(concat!(
        "SELECT ",
        session_columns!(),
        ", asked_sealed, due, capture_sealed, attempts, faults, received
         FROM replays JOIN sessions ON sessions.id = replays.session WHERE replays.session = $1"
    ))
    .bind(session)
    .fetch_optional(conn)
    .await)?)
}

/// Extends the lease of a capture until `until`; `false` if another node has the lease, or the check has ended.
pub async fn renew(tx: &mut Tx, leased: &LeasedCapture, until: Moment) -> Result<bool, Error> {
    Ok(on!(tx, |conn| sqlx::query(
        "UPDATE replays SET leased = $3 WHERE session = $1 AND attempts = $2 AND status = $4"
    )
    .bind(leased.session.id)
    .bind(leased.attempts)
    .bind(until)
    .bind(LivenessStatus::InProgress)
    .execute(conn)
    .await
    .map(|done| done.rows_affected() == 1))?)
}

/// Gives a capture back: another attempt may begin at `when`. Does nothing if another node has the lease.
pub async fn give_back(tx: &mut Tx, lease: Lease, when: Moment, why: GivenBack) -> Result<(), Error> {
    on!(tx, |conn| sqlx::query(
        "UPDATE replays SET leased = $4, attempts = attempts - $5, faults = faults + $6
         WHERE session = $1 AND attempts = $2 AND faults = $3"
    )
    .bind(lease.session)
    .bind(lease.attempts)
    .bind(lease.faults)
    .bind(when)
    .bind(i64::from(why != GivenBack::Failed))
    .bind(i64::from(why == GivenBack::Fault))
    .execute(conn)
    .await
    .map(|_| ()))?;
    Ok(())
}

/// Ends the check of a leased capture and deletes the capture; `false` if another node has the lease.
pub async fn finish(
    tx: &mut Tx,
    leased: &LeasedCapture,
    status: LivenessStatus,
    result_sealed: &[u8],
) -> Result<bool, Error> {
    Ok(on!(tx, |conn| sqlx::query(
        "UPDATE replays SET status = $3, result_sealed = $4, capture_sealed = NULL, leased = NULL
         WHERE session = $1 AND attempts = $2 AND status = $5"
    )
    .bind(leased.session.id)
    .bind(leased.attempts)
    .bind(status)
    .bind(result_sealed)
    .bind(LivenessStatus::InProgress)
    .execute(conn)
    .await
    .map(|done| done.rows_affected() == 1))?)
}

/// Ends up to `limit` checks whose capture did not arrive in time, and returns their sessions.
pub async fn time_out(tx: &mut Tx, now: Moment, limit: i64) -> Result<Vec<SessionId>, Error> {
    let lock = tx.on_postgres("FOR UPDATE SKIP LOCKED");
    let statement = format!(
        "UPDATE replays SET status = $3 WHERE session IN (
             SELECT session FROM replays WHERE status = $2 AND due <= $1 LIMIT $4 {lock})
         RETURNING session"
    );
    Ok(on!(tx, |conn| sqlx::query_scalar(AssertSqlSafe(statement))
        .bind(now)
        .bind(LivenessStatus::Initialized)
        .bind(LivenessStatus::Timeout)
        .bind(limit)
        .fetch_all(conn)
        .await)?)
}

/// A check whose capture failed in the last allowed attempt.
#[derive(Debug, Clone)]
pub struct ExhaustedCheck {
    pub session: StoredSession,
    pub asked_sealed: Vec<u8>,
    pub due: Moment,
    pub attempts: i64,
}
row!(ExhaustedCheck { session as flat, asked_sealed, due, attempts });

/// Returns up to `limit` checks, of sessions that are alive, whose capture failed `attempts_max` times.
pub async fn exhausted(tx: &mut Tx, now: Moment, attempts_max: i64, limit: i64) -> Result<Vec<ExhaustedCheck>, Error> {
    Ok(on!(tx, |conn| sqlx::query_as(concat!(
        "SELECT ",
        session_columns!(),
        ", asked_sealed, due, attempts FROM replays JOIN sessions ON sessions.id = replays.session
         WHERE status = $1 AND replays.leased <= $2 AND attempts >= $3 AND expires > $2 AND key_sealed IS NOT NULL
         LIMIT $4"
    ))
    .bind(LivenessStatus::InProgress)
    .bind(now)
    .bind(attempts_max)
    .bind(limit)
    .fetch_all(conn)
    .await)?)
}

/// Ends such a check and deletes its capture; `false` if it has ended by now.
pub async fn give_up(tx: &mut Tx, check: &ExhaustedCheck, result_sealed: &[u8]) -> Result<bool, Error> {
    Ok(on!(tx, |conn| sqlx::query(
        "UPDATE replays SET status = $3, result_sealed = $4, capture_sealed = NULL, leased = NULL
         WHERE session = $1 AND attempts = $2 AND status = $5"
    )
    .bind(check.session.id)
    .bind(check.attempts)
    .bind(LivenessStatus::Error)
    .bind(result_sealed)
    .bind(LivenessStatus::InProgress)
    .execute(conn)
    .await
    .map(|done| done.rows_affected() == 1))?)
}
