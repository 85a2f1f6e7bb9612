//! The audit log: the entries of requests and of background work.
//!
//! A change is recorded in the transaction that makes it. A request that changes nothing is recorded in a separate
//! transaction, which concurrent requests share. [`chain`] gives entries their place afterwards.

use crate::domain::audit::{Actor, DONE, Entry, Request};
use crate::domain::{Caller, Moment, SessionId};
use crate::seal::master::Master;
use crate::service::Deps;
use crate::store;
use crate::store::audit::Event;

pub mod chain;
pub mod check;
pub mod export;
pub mod ledger;
pub mod recorder;

/// The purpose of the derived key that proves who wrote an entry.
const MAC_PURPOSE: &str = "audit_events";

/// The objects of an operation.
#[derive(Debug, Clone, Default)]
pub struct About {
    pub session: Option<SessionId>,
    /// The id of a face or of another object.
    pub subject: Option<String>,
}

impl About {
    pub fn session(id: SessionId) -> Self {
        Self { session: Some(id), subject: None }
    }

    #[must_use]
    pub fn with_subject(self, subject: &impl ToString) -> Self {
        Self { subject: Some(subject.to_string()), ..self }
    }
}

/// Commits a change that a caller requested, together with its entry.
pub async fn commit(
    deps: &Deps,
    mut tx: store::Tx,
    caller: &Caller,
    about: About,
    now: Moment,
) -> Result<(), store::Error> {
    append(&mut tx, &deps.master, &of_caller(caller, about, DONE, now)).await?;
    tx.commit().await?;
    caller.request.recorded();
    Ok(())
}

/// Records work of the server or of its operator, in the transaction that does it.
pub async fn append(tx: &mut store::Tx, master: &Master, entry: &Entry) -> Result<(), store::Error> {
    store::audit::append(tx, &[event(master, entry)]).await
}

/// Returns the entry of a caller's request with this outcome.
pub fn of_caller(caller: &Caller, About { session, subject }: About, outcome: &str, now: Moment) -> Entry {
    let who = if caller.only.is_some() { Actor::CaptureToken } else { Actor::Key };
    let entry = of_request(who, &caller.request, outcome, now).by(caller.provider).by_key(caller.key);
    Entry { session: caller.only.as_ref().map(|grant| grant.session).or(session), subject, ..entry }
}

/// Returns the entry of a request whose credentials were refused.
pub fn of_nobody(request: &Request, outcome: &str, now: Moment) -> Entry {
    of_request(Actor::Unknown, request, outcome, now)
}

fn of_request(who: Actor, request: &Request, outcome: &str, now: Moment) -> Entry {
    let entry = Entry::new(who, request.operation, outcome, now);
    Entry { request: (!request.id.is_empty()).then(|| request.id.to_string()), ..entry }
}

fn event(master: &Master, entry: &Entry) -> Event {
    let text = serde_json::to_string(entry).expect("texts and numbers are JSON");
    let mac = master.mac(MAC_PURPOSE, text.as_bytes());
    Event { id: entry.id, entry: text, mac }
}

/// Returns the waiting entry if this server wrote it.
fn genuine(master: &Master, event: &Event) -> Option<Entry> {
    let entry: Entry = serde_json::from_str(&event.entry).ok()?;
    let is_genuine = entry.id == event.id && master.is_mac(MAC_PURPOSE, event.entry.as_bytes(), &event.mac);
    is_genuine.then_some(entry)
}
