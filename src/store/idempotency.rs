//! Table `idempotency`: the results of requests with an Idempotency-Key, kept as long as their session lives.

use uuid::Uuid;

use crate::domain::{FaceId, Moment, SessionId};
use crate::store::column::row;
use crate::store::{Error, Tx, on};

/// The scope of a key: the sessions of one provider, or the faces of one session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyScope(pub Uuid);

/// The result of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyRecord {
    /// The SHA-256 of the request's content.
    pub body_sha256: Vec<u8>,
    pub session: SessionId,
    pub face: Option<FaceId>,
}
row!(IdempotencyRecord { body_sha256, session, face });

/// Returns the result of the request with this key, if its session is alive.
pub async fn find(
    tx: &mut Tx,
    place: KeyScope,
    key_sha256: &[u8],
    now: Moment,
) -> Result<Option<IdempotencyRecord>, Error> {
    Ok(on!(tx, |conn| sqlx::query_as(
        "SELECT body_sha256, session, face FROM idempotency JOIN sessions ON sessions.id = session
         WHERE place = $1 AND key_sha256 = $2 AND expires > $3"
    )
    .bind(place.0)
    .bind(key_sha256)
    .bind(now)
    .fetch_optional(conn)
    .await)?)
}

/// Inserts a result; `false` if the key already has a result that is alive. Waits for another transaction that inserts
/// the same key.
pub async fn insert(
    tx: &mut Tx,
    place: KeyScope,
    key_sha256: &[u8],
    made: &IdempotencyRecord,
    now: Moment,
) -> Result<bool, Error> {
    on!(tx, |conn| sqlx::query(
        "DELETE FROM idempotency WHERE place = $1 AND key_sha256 = $2
         AND session IN (SELECT id FROM sessions WHERE expires <= $3)"
    )
    .bind(place.0)
    .bind(key_sha256)
    .bind(now)
    .execute(conn)
    .await
    .map(|_| ()))?;
    Ok(on!(tx, |conn| sqlx::query(
        "INSERT INTO idempotency (place, key_sha256, body_sha256, session, face) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT DO NOTHING"
    )
    .bind(place.0)
    .bind(key_sha256)
    .bind(&made.body_sha256)
    .bind(made.session)
    .bind(made.face)
    .execute(conn)
    .await
    .map(|done| done.rows_affected() == 1))?)
}
