//! Table `idempotency`: what requests with an Idempotency-Key made, for as long as its session lives.

use uuid::Uuid;

use crate::domain::{FaceId, Moment, SessionId};
use crate::store::column::row;
use crate::store::{Error, Tx, on};

/// Where a key counts: among the sessions of one provider, or among the faces of one session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyScope(pub Uuid);

/// What a request made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyRecord {
    /// SHA-256 of what it asked for.
    pub body_sha256: Vec<u8>,
    pub session: SessionId,
    pub face: Option<FaceId>,
}
row!(IdempotencyRecord { body_sha256, session, face });

/// What the request with this key made, if that session is alive.
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

/// Whether it is noted: `false` when the key has made something else that is alive. Waits for another
/// unit of work that is noting the same key.
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
