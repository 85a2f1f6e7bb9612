//! The sealed keys that attest providers' capture clients, in the table `providers`.

use crate::domain::ProviderId;
use crate::store::{Error, Tx, on};

/// Returns the sealed keys of the provider; `None` if it has none.
pub async fn of(tx: &mut Tx, provider: ProviderId) -> Result<Option<Vec<u8>>, Error> {
    let found: Option<Option<Vec<u8>>> =
        on!(tx, |conn| sqlx::query_scalar("SELECT attestation_sealed FROM providers WHERE id = $1")
            .bind(provider)
            .fetch_optional(conn)
            .await)?;
    Ok(found.flatten())
}

/// Sets the sealed keys of the provider, or removes them.
pub async fn set(tx: &mut Tx, provider: ProviderId, sealed: Option<&[u8]>) -> Result<(), Error> {
    on!(tx, |conn| sqlx::query("UPDATE providers SET attestation_sealed = $2 WHERE id = $1")
        .bind(provider)
        .bind(sealed)
        .execute(conn)
        .await
        .map(|_| ()))?;
    Ok(())
}

/// Returns the sealed keys of all providers that have some.
pub async fn all(tx: &mut Tx) -> Result<Vec<(ProviderId, Vec<u8>)>, Error> {
    Ok(on!(tx, |conn| sqlx::query_as(
        "SELECT id, attestation_sealed FROM providers WHERE attestation_sealed IS NOT NULL"
    )
    .fetch_all(conn)
    .await)?)
}

/// Replaces the sealed form of the same keys; `false` if they have changed.
pub async fn reseal(tx: &mut Tx, provider: ProviderId, before: &[u8], sealed: &[u8]) -> Result<bool, Error> {
    Ok(on!(tx, |conn| sqlx::query(
        "UPDATE providers SET attestation_sealed = $3 WHERE id = $1 AND attestation_sealed = $2"
    )
    .bind(provider)
    .bind(before)
    .bind(sealed)
    .execute(conn)
    .await
    .map(|done| done.rows_affected() == 1))?)
}
