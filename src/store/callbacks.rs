//! Table `callbacks`: callbacks that are due, were sent or were given up. A row is deleted with its session.

use sqlx::AssertSqlSafe;

use crate::domain::callback::{Callback, CallbackStatus};
use crate::domain::{CallbackId, Moment, ProviderId, SessionId};
use crate::store::column::row;
use crate::store::sessions::{StoredSession, session_columns};
use crate::store::{Error, Tx, on};

row!(Callback { id, session, status, attempts, due, last, created });

/// A callback that is leased to one node, with the session that it needs.
#[derive(Debug, Clone)]
pub struct LeasedCallback {
    pub callback: CallbackId,
    pub session: StoredSession,
    /// The number of attempts, this one included.
    pub attempts: i64,
}
row!(LeasedCallback { callback, session as flat, attempts });

/// Inserts a callback to the session's provider, if the session has a callback URL.
pub async fn insert(tx: &mut Tx, id: CallbackId, session: SessionId, now: Moment) -> Result<(), Error> {
    on!(tx, |conn| sqlx::query(
        "INSERT INTO callbacks (id, session, status, attempts, due, created)
         SELECT $1, id, $3, 0, $4, $4 FROM sessions WHERE id = $2 AND has_callback"
    )
    .bind(id)
    .bind(session)
    .bind(CallbackStatus::Owed)
    .bind(now)
    .execute(conn)
    .await
    .map(|_| ()))?;
    Ok(())
}

/// The choice of the due callbacks that a node takes.
#[derive(Debug, Clone, Copy)]
pub struct Share<'a> {
    pub limit: i64,
    /// The most callbacks of one provider, which leaves room for the others.
    pub of_provider: i64,
    /// The providers whose callbacks are not taken.
    pub without: &'a [ProviderId],
}

/// Leases due callbacks of sessions that are alive, longest due first. Until `leased` no other node takes them; if this
/// node crashes, another takes them after that.
pub async fn take(
    tx: &mut Tx,
    now: Moment,
    leased: Moment,
    Share { limit, of_provider, without }: Share<'_>,
) -> Result<Vec<LeasedCallback>, Error> {
    const IS_FREE: &str = "status = $3 AND due <= $1 AND (callbacks.leased IS NULL OR callbacks.leased <= $1)";
    let lock = tx.on_postgres("FOR UPDATE SKIP LOCKED");
    // Ids contain only digits and hyphens, so the statement is safe.
    let without: Vec<_> = without.iter().map(|id| tx.literal(id.0)).collect();
    let others =
        if without.is_empty() { String::new() } else { format!("AND provider NOT IN ({})", without.join(", ")) };
    let statement = format!(
        "UPDATE callbacks SET leased = $2, attempts = attempts + 1 WHERE id IN (
             SELECT id FROM callbacks WHERE {IS_FREE} AND id IN (
                 SELECT id FROM (
                     SELECT callbacks.id, due, ROW_NUMBER() OVER (PARTITION BY provider ORDER BY due) AS turn
                     FROM callbacks JOIN sessions ON sessions.id = session
                     WHERE {IS_FREE} AND expires > $1 {others}) AS waiting
                 WHERE turn <= $5 ORDER BY due LIMIT $4)
             {lock})
         RETURNING id"
    );
    let taken: Vec<CallbackId> = on!(tx, |conn| sqlx::query_scalar(AssertSqlSafe(statement))
        .bind(now)
        .bind(leased)
        .bind(CallbackStatus::Owed)
        .bind(limit)
        .bind(of_provider)
        .fetch_all(conn)
        .await)?;
    let mut found = Vec::with_capacity(taken.len());
    for id in taken {
        let one: Option<LeasedCallback> = on!(tx, |conn| sqlx::query_as(concat!(
            "SELECT callbacks.id AS callback, attempts, ",
            session_columns!(),
            " FROM callbacks JOIN sessions ON sessions.id = session WHERE callbacks.id = $1"
        ))
        .bind(id)
        .fetch_optional(conn)
        .await)?;
        found.extend(one);
    }
    Ok(found)
}

/// Gives a callback back that was not sent; it is due again at `due`. If its session has ended by then, the callback is
/// dead, and `last` says why.
pub async fn postpone(tx: &mut Tx, leased: &LeasedCallback, due: Moment, last: &str) -> Result<(), Error> {
    let status = if due < leased.session.expires { CallbackStatus::Owed } else { CallbackStatus::Dead };
    set(tx, leased, status, due, last, 1).await
}

/// Writes the outcome of an attempt; does nothing if another node has the lease.
pub async fn note(
    tx: &mut Tx,
    leased: &LeasedCallback,
    status: CallbackStatus,
    due: Moment,
    last: &str,
) -> Result<(), Error> {
    set(tx, leased, status, due, last, 0).await
}

/// Writes the state; `taken_back` of the callback's attempts no longer count.
async fn set(
    tx: &mut Tx,
    leased: &LeasedCallback,
    status: CallbackStatus,
    due: Moment,
    last: &str,
    taken_back: i64,
) -> Result<(), Error> {
    on!(tx, |conn| sqlx::query(
        "UPDATE callbacks SET status = $3, due = $4, last = $5, leased = NULL, attempts = attempts - $6
         WHERE id = $1 AND attempts = $2"
    )
    .bind(leased.callback)
    .bind(leased.attempts)
    .bind(status)
    .bind(due)
    .bind(last)
    .bind(taken_back)
    .execute(conn)
    .await
    .map(|_| ()))?;
    Ok(())
}

/// Returns the due time of the callback that has waited longest for a node to send it.
pub async fn oldest_due(tx: &mut Tx, now: Moment) -> Result<Option<Moment>, Error> {
    Ok(on!(tx, |conn| sqlx::query_scalar(
        "SELECT due FROM callbacks WHERE status = $1 AND due <= $2 AND (leased IS NULL OR leased <= $2)
             AND EXISTS (SELECT 1 FROM sessions WHERE sessions.id = session AND expires > $2)
         ORDER BY due LIMIT 1"
    )
    .bind(CallbackStatus::Owed)
    .bind(now)
    .fetch_optional(conn)
    .await)?)
}

/// Counts the callbacks that are still to be sent, of this session or of all.
pub async fn count_owed(tx: &mut Tx, session: Option<SessionId>) -> Result<i64, Error> {
    Ok(on!(tx, |conn| sqlx::query_scalar(
        "SELECT COUNT(*) FROM callbacks WHERE status = $1 AND ($2 IS NULL OR session = $2)"
    )
    .bind(CallbackStatus::Owed)
    .bind(session)
    .fetch_one(conn)
    .await)?)
}

/// Returns the newest `limit` callbacks, newest first; for the operator.
pub async fn list(tx: &mut Tx, limit: i64) -> Result<Vec<Callback>, Error> {
    Ok(on!(tx, |conn| sqlx::query_as(
        "SELECT id, session, status, attempts, due, last, created FROM callbacks ORDER BY created DESC, id LIMIT $1"
    )
    .bind(limit)
    .fetch_all(conn)
    .await)?)
}

/// Makes one callback due again, or all dead ones, and returns their number; for the operator.
pub async fn retry(tx: &mut Tx, id: Option<CallbackId>, now: Moment) -> Result<u64, Error> {
    Ok(on!(tx, |conn| sqlx::query(
        "UPDATE callbacks SET status = $2, due = $3, leased = NULL, attempts = 0
         WHERE ($1 IS NULL AND status = $4) OR id = $1"
    )
    .bind(id)
    .bind(CallbackStatus::Owed)
    .bind(now)
    .bind(CallbackStatus::Dead)
    .execute(conn)
    .await
    .map(|done| done.rows_affected()))?)
}
