//! Begins to send callbacks; each is sent by itself, so that no slow host keeps others waiting.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;

use crate::callback::Attempt;
use crate::service::deliveries::Delivery;
use crate::service::vitals::panic_text;
use crate::service::{self, Deps, callbacks};
use crate::store::callbacks::LeasedCallback;
use crate::tasks::Progress;
use crate::telemetry;

/// A delivery that has begun goes on after the step; `deps.deliveries` knows of it.
pub async fn step(deps: &Deps) -> anyhow::Result<Progress> {
    let taken = callbacks::take(deps, &deps.deliveries.room()).await?;
    let progress = if taken.is_empty() { Progress::Idle } else { Progress::More };
    for leased in taken {
        let delivery = deps.deliveries.begin(leased.session.provider);
        tokio::spawn(deliver(deps.clone(), leased, delivery));
    }
    Ok(progress)
}

/// Whatever comes of it, the delivery has ended then. One that failed here is sent again when its lease runs out.
async fn deliver(deps: Deps, leased: LeasedCallback, mut delivery: Delivery) {
    let (id, session, attempts) = (leased.callback, leased.session.id, leased.attempts);
    let sending = callbacks::send(&deps, &leased, &mut delivery);
    let sent = AssertUnwindSafe(sending).catch_unwind().await;
    telemetry::callback(outcome(&sent));
    match sent {
        Ok(Ok(Some(attempt))) => match attempt {
            Attempt::Delivered(status) => tracing::info!(%id, %session, attempts, status, "a callback has arrived"),
            Attempt::Gone => tracing::warn!(%id, %session, attempts, "a callback is not wanted any more"),
            Attempt::Failed { why, .. } => tracing::warn!(%id, %session, attempts, why, "a callback has not arrived"),
            Attempt::Unreached { why } => tracing::warn!(%id, %session, attempts, why, "a callback has not arrived"),
        },
        Ok(Ok(None)) => tracing::debug!(%id, %session, "a callback waits for its host"),
        Ok(Err(error)) => tracing::error!(%id, %session, attempts, %error, "a callback could not be sent"),
        Err(panic) => {
            deps.vitals.panicked();
            tracing::error!(%id, %session, panic = panic_text(&*panic), "sending a callback panicked");
        }
    }
}

/// The end of an attempt, in a word.
fn outcome<P>(sent: &Result<Result<Option<Attempt>, service::Error>, P>) -> &'static str {
    match sent {
        Ok(Ok(Some(Attempt::Delivered(_)))) => "delivered",
        Ok(Ok(Some(Attempt::Gone))) => "gone",
        Ok(Ok(Some(Attempt::Failed { .. }))) => "refused",
        Ok(Ok(Some(Attempt::Unreached { .. }))) => "unreached",
        Ok(Ok(None)) => "postponed",
        Ok(Err(_)) | Err(_) => "failed",
    }
}
