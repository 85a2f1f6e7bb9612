//! Table `sessions`: they live until they expire; then the sweep deletes them with all rows that belong to them.

use sqlx::AssertSqlSafe;

use crate::domain::{EpochId, Moment, OwnerId, ProviderId, SessionId};
use crate::store::column::row;
use crate::store::{Error, Tx, on};

/// A session as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSession {
    pub id: SessionId,
    pub provider: ProviderId,
    /// The owner of its media; `None` for a session from before media had owners.
    pub owner: Option<OwnerId>,
    /// The epoch whose key seals `key_sealed`; `None` for a session from before there were epochs, whose key the master
    /// key seals.
    pub epoch: Option<EpochId>,
    pub image_storage_enabled: bool,
    /// True if there is a callback URL.
    pub has_callback: bool,
    pub created: Moment,
    pub expires: Moment,
    /// The sealed data key.
    pub key_sealed: Vec<u8>,
    /// The caller's ids of the session, sealed by the data key; `None` without an epoch.
    pub about_sealed: Option<Vec<u8>>,
    /// The caller's ids in the open; only without an epoch.
    pub correlation_id: Option<String>,
    pub evidence_id: Option<String>,
    pub callback_url: Option<String>,
}
row!(StoredSession {
    id,
    provider,
    owner,
    epoch,
    image_storage_enabled,
    has_callback,
    created,
    expires,
    key_sealed,
    about_sealed,
    correlation_id,
    evidence_id,
    callback_url,
});

/// The columns of a [`StoredSession`], as a literal for `concat!`.
macro_rules! session_columns {
    () => {
        "sessions.id, provider, owner, epoch, image_storage_enabled, has_callback, sessions.created, expires,
         key_sealed, about_sealed, correlation_id, evidence_id, callback_url"
    };
}
pub(crate) use session_columns;

/// A session that was deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EndedSession {
    pub id: SessionId,
    pub provider: ProviderId,
    pub owner: Option<OwnerId>,
    pub image_storage_enabled: bool,
    pub expires: Moment,
}
row!(EndedSession { id, provider, owner, image_storage_enabled, expires });

pub async fn insert(tx: &mut Tx, session: &StoredSession) -> Result<(), Error> {
    on!(tx, |conn| sqlx::query(
        "INSERT INTO sessions (id, provider, owner, epoch, image_storage_enabled, has_callback, created, expires,
                               key_sealed, about_sealed, correlation_id, evidence_id, callback_url)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)"
    )
    .bind(session.id)
    .bind(session.provider)
    .bind(session.owner)
    .bind(session.epoch)
    .bind(session.image_storage_enabled)
    .bind(session.has_callback)
    .bind(session.created)
    .bind(session.expires)
    .bind(&session.key_sealed)
    .bind(&session.about_sealed)
    .bind(&session.correlation_id)
    .bind(&session.evidence_id)
    .bind(&session.callback_url)
    .execute(conn)
    .await
    .map(|_| ()))?;
    Ok(())
}

/// Returns the session, unless it belongs to another provider or has expired.
pub async fn find(
    tx: &mut Tx,
    provider: ProviderId,
    id: SessionId,
    now: Moment,
) -> Result<Option<StoredSession>, Error> {
    Ok(on!(tx, |conn| sqlx::query_as(concat!(
        "SELECT ",
        session_columns!(),
        " FROM sessions WHERE id = $1 AND provider = $2 AND expires > $3 AND key_sealed IS NOT NULL"
    ))
    .bind(id)
    .bind(provider)
    .bind(now)
    .fetch_optional(conn)
    .await)?)
}

/// Returns the session as [`find`] does, and locks it: nobody else changes what belongs to it, or deletes it, before
/// `tx` ends. On `SQLite` there is only one writer anyway.
pub async fn hold(
    tx: &mut Tx,
    provider: ProviderId,
    id: SessionId,
    now: Moment,
) -> Result<Option<StoredSession>, Error> {
    let lock = tx.on_postgres("FOR UPDATE");
    let statement = format!("SELECT 1 FROM sessions WHERE id = $1 AND provider = $2 {lock}");
    on!(tx, |conn| sqlx::query(AssertSqlSafe(statement)).bind(id).bind(provider).execute(conn).await.map(|_| ()))?;
    find(tx, provider, id, now).await
}

/// Returns up to `limit` sessions that have expired, the longest expired first.
pub async fn overdue(tx: &mut Tx, now: Moment, limit: i64) -> Result<Vec<SessionId>, Error> {
    Ok(on!(tx, |conn| sqlx::query_scalar("SELECT id FROM sessions WHERE expires <= $1 ORDER BY expires LIMIT $2")
        .bind(now)
        .bind(limit)
        .fetch_all(conn)
        .await)?)
}

/// Deletes a session, its key, and all rows that belong to it; `None` if there is none.
pub async fn delete(tx: &mut Tx, id: SessionId) -> Result<Option<EndedSession>, Error> {
    Ok(on!(tx, |conn| sqlx::query_as(
        "DELETE FROM sessions WHERE id = $1 RETURNING id, provider, owner, image_storage_enabled, expires"
    )
    .bind(id)
    .fetch_optional(conn)
    .await)?)
}

/// Returns the expiry of the oldest expired session that is not deleted yet, which shows how far the sweep lags behind.
pub async fn oldest_ended(tx: &mut Tx, now: Moment) -> Result<Option<Moment>, Error> {
    Ok(on!(tx, |conn| sqlx::query_scalar("SELECT expires FROM sessions WHERE expires <= $1 ORDER BY expires LIMIT 1")
        .bind(now)
        .fetch_optional(conn)
        .await)?)
}

/// True if the session has a row, alive or not.
pub async fn exists(tx: &mut Tx, id: SessionId) -> Result<bool, Error> {
    let found: Option<SessionId> = on!(tx, |conn| sqlx::query_scalar("SELECT id FROM sessions WHERE id = $1")
        .bind(id)
        .fetch_optional(conn)
        .await)?;
    Ok(found.is_some())
}

/// Counts the sessions of all providers that are alive.
pub async fn count_alive(tx: &mut Tx, now: Moment) -> Result<i64, Error> {
    Ok(on!(tx, |conn| sqlx::query_scalar("SELECT COUNT(*) FROM sessions WHERE expires > $1")
        .bind(now)
        .fetch_one(conn)
        .await)?)
}

/// Returns up to `limit` sessions from before there were epochs, after `after`, each with its data key as the master
/// key sealed it.
pub async fn without_epoch(
    tx: &mut Tx,
    after: Option<SessionId>,
    limit: i64,
) -> Result<Vec<(SessionId, Vec<u8>)>, Error> {
    Ok(on!(tx, |conn| sqlx::query_as(
        "SELECT id, key_sealed FROM sessions
         WHERE epoch IS NULL AND key_sealed IS NOT NULL AND ($1 IS NULL OR id > $1) ORDER BY id LIMIT $2"
    )
    .bind(after)
    .bind(limit)
    .fetch_all(conn)
    .await)?)
}

/// Replaces the sealed form of the same data key; `false` if it has changed.
pub async fn reseal(tx: &mut Tx, id: SessionId, before: &[u8], sealed: &[u8]) -> Result<bool, Error> {
    Ok(on!(tx, |conn| sqlx::query("UPDATE sessions SET key_sealed = $3 WHERE id = $1 AND key_sealed = $2")
        .bind(id)
        .bind(before)
        .bind(sealed)
        .execute(conn)
        .await
        .map(|done| done.rows_affected() == 1))?)
}
