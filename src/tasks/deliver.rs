//! Begins to send callbacks; each is sent in its own task, so that a slow host does not keep others waiting.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;

use crate::callback::Attempt;
use crate::service::deliveries::Delivery;
use crate::service::vitals::panic_text;
use crate::service::{Deps, callbacks};
use crate::store::callbacks::LeasedCallback;
use crate::tasks::Progress;
use crate::telemetry;

/// Takes callbacks and begins their deliveries, which continue after the step; `deps.deliveries` counts them.
pub async fn step(deps: &Deps) -> anyhow::Result<Progress> {
    let taken = callbacks::take(deps, &deps.deliveries.room()).await?;
    let progress = if taken.is_empty() { Progress::Idle } else { Progress::More };
    for leased in taken {
        let delivery = deps.deliveries.begin(leased.session.provider);
        tokio::spawn(deliver(deps.clone(), leased, delivery));
    }
    Ok(progress)
}

/// Sends one callback; the delivery ends with this function in any case. If it failed here, the callback is sent again
/// when its lease runs out.
async fn deliver(deps: Deps, leased: LeasedCallback, mut delivery: Delivery) {
    let (id, session, attempts) = (leased.callback, leased.session.id, leased.attempts);
    let sending = callbacks::send(&deps, &leased, &mut delivery);
    let outcome = match AssertUnwindSafe(sending).catch_unwind().await {
        Ok(Ok(Some(Attempt::Delivered(status)))) => {
            tracing::info!(%id, %session, attempts, status, "a callback was delivered");
            "delivered"
        }
        Ok(Ok(Some(Attempt::Gone))) => {
            tracing::warn!(%id, %session, attempts, "the host answered 410 to a callback, which is not retried");
            "gone"
        }
        Ok(Ok(Some(Attempt::Failed { why, .. }))) => {
            tracing::warn!(%id, %session, attempts, why, "a callback was not delivered");
            "refused"
        }
        Ok(Ok(Some(Attempt::Unreached { why }))) => {
            tracing::warn!(%id, %session, attempts, why, "a callback was not delivered");
            "unreached"
        }
        Ok(Ok(None)) => {
            tracing::debug!(%id, %session, "a callback waits for its host");
            "postponed"
        }
        Ok(Err(error)) => {
            tracing::error!(%id, %session, attempts, %error, "sending a callback failed");
            "failed"
        }
        Err(panic) => {
            deps.vitals.panicked();
            tracing::error!(%id, %session, panic = panic_text(&*panic), "sending a callback panicked");
            "failed"
        }
    };
    telemetry::callback(outcome);
}
