//! Callbacks: each is written together with its result, and sent until it arrives or its session ends.

use std::iter;
use std::time::Duration;

use chrono::TimeDelta;
use serde_json::json;

use crate::callback::{Attempt, Message, Secret};
use crate::domain::audit::{Entry, Work};
use crate::domain::callback::{Callback, CallbackStatus};
use crate::domain::{CallbackId, Moment, ProviderId, SessionId};
use crate::seal::master::Master;
use crate::service::deliveries::{self, Delivery, Room};
use crate::service::{Deps, Error, audit, back_off, sessions};
use crate::store::callbacks::{LeasedCallback, Share};
use crate::store::{self, Store};

/// The lease of a callback: longer than a host may take to answer.
const LEASE: TimeDelta = TimeDelta::seconds(60);
/// The longest pause between two attempts, unless the host asks for a longer one.
const PAUSE_MAX: TimeDelta = TimeDelta::minutes(5);
/// The most attempts: with the pauses above, they last a day and a half.
const ATTEMPTS_MAX: i64 = 400;
const LISTED_MAX: i64 = 1000;

/// Writes a callback to the provider of the session, in the transaction of the result that it announces.
pub async fn owe(tx: &mut store::Tx, session: SessionId, now: Moment) -> Result<(), store::Error> {
    store::callbacks::insert(tx, CallbackId::new(), session, now).await
}

/// Takes callbacks that are due, as far as there is room for them.
pub async fn take(deps: &Deps, room: &Room) -> Result<Vec<LeasedCallback>, Error> {
    if room.deliveries == 0 {
        return Ok(Vec::new());
    }
    let share =
        Share { limit: room.deliveries as i64, of_provider: deliveries::OF_PROVIDER as i64, without: &room.busy };
    let now = deps.clock.now();
    let mut tx = deps.store.begin().await?;
    let taken = store::callbacks::take(&mut tx, now, now.plus(LEASE), share).await?;
    tx.commit().await?;
    Ok(taken)
}

/// Sends a callback once and notes the outcome. `None` if the host rests or has enough callbacks in flight: then it was
/// not sent, and is taken again later.
pub async fn send(deps: &Deps, leased: &LeasedCallback, delivery: &mut Delivery) -> Result<Option<Attempt>, Error> {
    let live = sessions::sealed::open(deps, leased.session.clone()).await?;
    let no_url = || Error::Failed("a callback has no URL".to_owned());
    let url = live.session.callback_url.as_deref().ok_or_else(no_url)?;
    // A URL that may not be called has no host here; `send` says why it is refused.
    let host = deps.callbacks.host(url).unwrap_or_default();
    if let Err(wait) = delivery.call(&host, deps.clock.monotonic()) {
        postpone(deps, leased, wait).await?;
        return Ok(None);
    }
    let secrets = secrets(&deps.store, &deps.master, leased.session.provider, deps.clock.now()).await?;
    let body = json!({ "sessionId": live.session.id.to_string() }).to_string();
    let message = Message { id: leased.callback, url, body: &body, now: deps.clock.now() };
    let attempt = deps.callbacks.send(&message, &secrets).await;
    delivery.reached(!matches!(attempt, Attempt::Unreached { .. }), deps.clock.monotonic());
    note(deps, leased, &attempt).await?;
    Ok(Some(attempt))
}

async fn postpone(deps: &Deps, leased: &LeasedCallback, wait: Duration) -> Result<(), Error> {
    let due = deps.clock.now().plus(TimeDelta::from_std(wait).unwrap_or(TimeDelta::MAX));
    let last = "it waits, because the host does not answer or is busy with other callbacks";
    let mut tx = deps.store.begin().await?;
    store::callbacks::postpone(&mut tx, leased, due, last).await?;
    if due >= leased.session.expires {
        record_given_up(deps, &mut tx, leased).await?;
    }
    Ok(tx.commit().await?)
}

async fn note(deps: &Deps, leased: &LeasedCallback, attempt: &Attempt) -> Result<(), Error> {
    let now = deps.clock.now();
    let again = |why: &str, asked| {
        let due = now.plus(pause(leased.attempts, asked));
        let is_last = leased.attempts >= ATTEMPTS_MAX || due >= leased.session.expires;
        (if is_last { CallbackStatus::Dead } else { CallbackStatus::Owed }, due, why.to_owned())
    };
    let (status, due, last) = match attempt {
        Attempt::Delivered(status) => (CallbackStatus::Delivered, now, format!("the host answered {status}")),
        Attempt::Gone => (CallbackStatus::Dead, now, "the host answered 410".to_owned()),
        Attempt::Failed { why, retry_after } => again(why, *retry_after),
        Attempt::Unreached { why } => again(why, None),
    };
    let mut tx = deps.store.begin().await?;
    store::callbacks::note(&mut tx, leased, status, due, &last).await?;
    if status == CallbackStatus::Dead {
        record_given_up(deps, &mut tx, leased).await?;
    }
    Ok(tx.commit().await?)
}

async fn record_given_up(deps: &Deps, tx: &mut store::Tx, leased: &LeasedCallback) -> Result<(), store::Error> {
    let entry = Entry::of_server(Work::CallbackGivenUp, CallbackStatus::Dead.name(), deps.clock.now());
    let entry = entry.by(leased.session.provider).about(leased.session.id).with_subject(&leased.callback);
    audit::append(tx, &deps.master, &entry).await
}

/// Returns the pause after `attempts` attempts: the usual one, or a longer one that the host asked for.
fn pause(attempts: i64, asked: Option<Duration>) -> TimeDelta {
    let asked = TimeDelta::from_std(asked.unwrap_or_default()).unwrap_or(TimeDelta::MAX);
    back_off::pause(attempts, PAUSE_MAX).max(asked)
}

/// Returns the secrets that sign callbacks to a provider, newest first; makes one if there is none.
pub async fn secrets(store: &Store, master: &Master, provider: ProviderId, now: Moment) -> Result<Vec<Secret>, Error> {
    let mut tx = store.read().await?;
    let found = store::providers::callback_secrets(&mut tx, provider).await?;
    drop(tx);
    let newest = match found.callback_secret_sealed {
        Some(sealed) => sealed,
        None => first(store, master, provider).await?,
    };
    let is_current = found.callback_secret_before_until.is_some_and(|until| now < until);
    let before = found.callback_secret_before_sealed.filter(|_| is_current);
    let open = |sealed: Vec<u8>| {
        let opened = master.open(&place(provider), &sealed)?;
        Secret::read(&opened).ok_or_else(|| Error::Failed("a callback secret has the wrong length".to_owned()))
    };
    iter::once(newest).chain(before).map(open).collect()
}

/// Returns the newest secret of the provider of this name; `None` if there is no such provider.
pub async fn secret_of(store: &Store, master: &Master, name: &str, now: Moment) -> Result<Option<Secret>, Error> {
    let mut tx = store.read().await?;
    let Some(provider) = store::providers::named(&mut tx, name).await? else { return Ok(None) };
    drop(tx);
    Ok(secrets(store, master, provider.id, now).await?.into_iter().next())
}

/// Makes a new secret that signs callbacks to the provider of this name from now on; the old one signs as well for
/// `overlap`. `None` if there is no such provider.
pub async fn rotate(
    store: &Store,
    master: &Master,
    name: &str,
    now: Moment,
    overlap: TimeDelta,
) -> Result<Option<Secret>, Error> {
    let mut tx = store.begin().await?;
    let Some(provider) = store::providers::named(&mut tx, name).await? else { return Ok(None) };
    let secret = Secret::make();
    let sealed = master.seal(&place(provider.id), secret.bytes());
    store::providers::set_callback_secret(&mut tx, provider.id, &sealed, now.plus(overlap)).await?;
    audit::append(&mut tx, master, &Entry::of_operator(Work::CallbackSecretRotated, now).by(provider.id)).await?;
    tx.commit().await?;
    Ok(Some(secret))
}

/// Makes the first secret. If several nodes do so at the same time, all use the one that was written first.
async fn first(store: &Store, master: &Master, provider: ProviderId) -> Result<Vec<u8>, Error> {
    let made = master.seal(&place(provider), Secret::make().bytes());
    let mut tx = store.begin().await?;
    let kept = store::providers::keep_callback_secret(&mut tx, provider, &made).await?;
    tx.commit().await?;
    kept.ok_or_else(|| Error::Failed("the provider of a callback no longer exists".to_owned()))
}

pub(super) fn place(provider: ProviderId) -> String {
    format!("providers/{}/callback_secret", provider.0)
}

/// Returns the newest thousand callbacks.
pub async fn list(store: &Store) -> Result<Vec<Callback>, store::Error> {
    let mut tx = store.read().await?;
    store::callbacks::list(&mut tx, LISTED_MAX).await
}

/// Makes one callback due again, or all dead ones; returns their number.
pub async fn retry(store: &Store, id: Option<CallbackId>, now: Moment) -> Result<u64, store::Error> {
    let mut tx = store.begin().await?;
    let count = store::callbacks::retry(&mut tx, id, now).await?;
    tx.commit().await?;
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_may_ask_for_longer_pauses() {
        let seconds = |attempts, asked| pause(attempts, asked).as_seconds_f64();
        assert!(seconds(400, None) <= 375.0);
        assert_eq!(seconds(1, Some(Duration::from_mins(1))), 60.0);
        assert!(seconds(9, Some(Duration::from_secs(1))) > 100.0);
    }
}
