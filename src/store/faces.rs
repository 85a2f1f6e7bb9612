//! Table `faces`: the faces of sessions, sealed by the session's data key.
//!
//! These functions check neither the provider nor the time: a [`SessionId`] comes from a session that was found alive
//! in the same transaction.

use crate::domain::{FaceId, SessionId};
use crate::store::column::row;
use crate::store::{Error, Tx, on};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredFace {
    pub id: FaceId,
    pub content_sealed: Vec<u8>,
}
row!(StoredFace { id, content_sealed });

pub async fn insert(tx: &mut Tx, session: SessionId, face: &StoredFace) -> Result<(), Error> {
    on!(tx, |conn| sqlx::query("INSERT INTO faces (id, session, content_sealed) VALUES ($1, $2, $3)")
        .bind(face.id)
        .bind(session)
        .bind(&face.content_sealed)
        .execute(conn)
        .await
        .map(|_| ()))?;
    Ok(())
}

pub async fn count(tx: &mut Tx, session: SessionId) -> Result<i64, Error> {
    Ok(on!(tx, |conn| sqlx::query_scalar("SELECT COUNT(*) FROM faces WHERE session = $1")
        .bind(session)
        .fetch_one(conn)
        .await)?)
}

pub async fn find(tx: &mut Tx, session: SessionId, id: FaceId) -> Result<Option<StoredFace>, Error> {
    Ok(on!(tx, |conn| sqlx::query_as("SELECT id, content_sealed FROM faces WHERE session = $1 AND id = $2")
        .bind(session)
        .bind(id)
        .fetch_optional(conn)
        .await)?)
}

/// Returns the first `limit` faces of the session, oldest first.
pub async fn list(tx: &mut Tx, session: SessionId, limit: i64) -> Result<Vec<StoredFace>, Error> {
    Ok(on!(tx, |conn| sqlx::query_as("SELECT id, content_sealed FROM faces WHERE session = $1 ORDER BY id LIMIT $2")
        .bind(session)
        .bind(limit)
        .fetch_all(conn)
        .await)?)
}

/// Deletes a face; true if there was one. Its id is remembered as deleted while its session lives.
pub async fn delete(tx: &mut Tx, session: SessionId, id: FaceId) -> Result<bool, Error> {
    on!(tx, |conn| sqlx::query(
        "INSERT INTO deleted_faces (face, session) SELECT id, session FROM faces WHERE session = $1 AND id = $2"
    )
    .bind(session)
    .bind(id)
    .execute(conn)
    .await
    .map(|_| ()))?;
    Ok(on!(tx, |conn| sqlx::query("DELETE FROM faces WHERE session = $1 AND id = $2")
        .bind(session)
        .bind(id)
        .execute(conn)
        .await
        .map(|done| done.rows_affected() == 1))?)
}

/// Deletes all faces of the session as [`delete`] does, and returns their ids.
pub async fn delete_all(tx: &mut Tx, session: SessionId) -> Result<Vec<FaceId>, Error> {
    on!(tx, |conn| sqlx::query(
        "INSERT INTO deleted_faces (face, session) SELECT id, session FROM faces WHERE session = $1"
    )
    .bind(session)
    .execute(conn)
    .await
    .map(|_| ()))?;
    Ok(on!(tx, |conn| sqlx::query_scalar("DELETE FROM faces WHERE session = $1 RETURNING id")
        .bind(session)
        .fetch_all(conn)
        .await)?)
}

/// True if this face existed and was deleted.
pub async fn was_deleted(tx: &mut Tx, session: SessionId, id: FaceId) -> Result<bool, Error> {
    let found: Option<FaceId> =
        on!(tx, |conn| sqlx::query_scalar("SELECT face FROM deleted_faces WHERE session = $1 AND face = $2")
            .bind(session)
            .bind(id)
            .fetch_optional(conn)
            .await)?;
    Ok(found.is_some())
}
