//! Checks that the audit log is as this server wrote it: the chain in the database, or an export.

use std::io::{self, BufRead, Read};

use serde_json::Value;

use crate::domain::OwnerId;
use crate::domain::audit::Entry;
use crate::media::{self, Media};
use crate::seal::master::Master;
use crate::service::audit::ledger::{self, Link, Purpose};
use crate::service::audit::{chain, genuine};
use crate::store::audit::{Chained, Ends};
use crate::store::{self, Store, Tx};

/// The entries that are read at once.
pub(super) const PAGE: i64 = 1000;
/// The longest line of an export; entries have some hundred bytes.
const LINE_LEN_MAX: u64 = 64 << 10;
/// The most waiting entries that are checked.
const WAITING_MAX: i64 = 10_000;

/// The reason why the log is not as this server wrote it, or cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("entry {0} is missing")]
    Missing(i64),
    #[error("entry {0} or one before it was changed")]
    Changed(i64),
    #[error("line {0} or one before it was changed")]
    Line(u64),
    #[error("the log has entries but no signed head")]
    NoHead,
    #[error("the signed head: {0}")]
    Head(ledger::Error),
    #[error("the copy of the signed head in the media storage: {0}")]
    Copied(ledger::Error),
    #[error("the signed beginning: {0}")]
    Pruned(ledger::Error),
    #[error("the signed end of the export: {0}")]
    End(ledger::Error),
    #[error("the export has no signed end")]
    NoEnd,
    #[error("the log ends with entry {found}, but it was signed up to entry {signed}")]
    Cut { found: i64, signed: i64 },
    #[error("the entries of the log up to entry {0} differ from the signed ones")]
    Other(i64),
    #[error("the waiting entry {0} was not written by this server")]
    Forged(uuid::Uuid),
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error(transparent)]
    Media(#[from] media::Error),
    #[error(transparent)]
    Read(#[from] io::Error),
}

/// The result for a log that is as this server wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// The link before the first entry.
    pub before: Link,
    pub last: Link,
    /// The time at which the end was signed; `None` for a log without entries.
    pub signed: Option<String>,
    /// The number of entries that wait for their place.
    pub waiting: usize,
}

/// The keys and places that a check needs.
pub struct Means<'a> {
    pub store: &'a Store,
    pub master: &'a Master,
    pub media: &'a Media,
    pub owner: OwnerId,
    /// The published keys.
    pub jwks: &'a Value,
}

/// A log in the database at one moment.
pub struct Snapshot<'a> {
    means: &'a Means<'a>,
    tx: Tx,
    ends: Ends,
    copied: Option<String>,
}

impl<'a> Snapshot<'a> {
    pub async fn take(means: &'a Means<'a>) -> Result<Self, Error> {
        // The copy is read before the database, so that the database's head may be ahead of it, but never behind.
        let copied = chain::copied(means.media, &chain::media_name(means.owner)).await?;
        let mut tx = means.store.read().await?;
        store::audit::snapshot(&mut tx).await?;
        let ends = store::audit::ends(&mut tx).await?;
        Ok(Self { means, tx, ends, copied })
    }

    /// Recomputes the chain and compares it with the signed links.
    pub async fn check(&mut self) -> Result<Checked, Error> {
        let jwks = self.means.jwks;
        let read =
            |jws: &Option<String>, purpose| jws.as_deref().map(|jws| ledger::read(jws, purpose, jwks)).transpose();
        let head = read(&self.ends.head, Purpose::Head).map_err(Error::Head)?;
        let pruned = read(&self.ends.pruned, Purpose::Pruned).map_err(Error::Pruned)?;
        let copied = read(&self.copied, Purpose::Head).map_err(Error::Copied)?;
        let before = pruned.map_or(Link::START, |(link, _)| link);
        let mut last = before;
        let mut was_copied = copied.as_ref().is_none_or(|(copied, _)| copied.seq <= before.seq);
        loop {
            let page = store::audit::after(&mut self.tx, last.seq, PAGE).await?;
            if page.is_empty() {
                break;
            }
            for entry in &page {
                last = follows(last, entry)?;
                was_copied |= copied.as_ref().is_some_and(|(copied, _)| *copied == last);
            }
        }
        let signed = match head {
            None if last.seq > 0 => return Err(Error::NoHead),
            None => None,
            Some((head, _)) if last.seq < head.seq => return Err(Error::Cut { found: last.seq, signed: head.seq }),
            Some((head, _)) if last != head => return Err(Error::Other(head.seq)),
            Some((_, at)) => Some(at),
        };
        if let Some((copied, _)) = copied.filter(|_| !was_copied) {
            let is_cut = copied.seq > last.seq;
            return Err(if is_cut {
                Error::Cut { found: last.seq, signed: copied.seq }
            } else {
                Error::Other(copied.seq)
            });
        }
        let waiting = store::audit::waiting(&mut self.tx, WAITING_MAX).await?;
        match waiting.iter().find(|event| genuine(self.means.master, event).is_none()) {
            Some(forged) => Err(Error::Forged(forged.id)),
            None => Ok(Checked { before, last, signed, waiting: waiting.len() }),
        }
    }
}

/// Returns the link of an entry if it follows `before` unchanged.
pub(super) fn follows(before: Link, entry: &Chained) -> Result<Link, Error> {
    let link = before.next(&entry.entry);
    if entry.seq > link.seq {
        return Err(Error::Missing(link.seq));
    }
    let stated: Option<Entry> = serde_json::from_str(&entry.entry).ok();
    let is_same = entry.hash == link.hash && stated.is_some_and(|stated| stated.at == entry.happened);
    if is_same { Ok(link) } else { Err(Error::Changed(entry.seq)) }
}

/// Recomputes the chain of an export. Every byte of it counts.
pub fn export(mut file: impl BufRead, jwks: &Value) -> Result<Checked, Error> {
    let first = line(&mut file, 1)?.ok_or(Error::NoEnd)?;
    let before = ledger::read_first_line(&first).ok_or(Error::Line(1))?;
    let (mut last, mut number) = (before, 2);
    loop {
        let text = line(&mut file, number)?.ok_or(Error::NoEnd)?;
        if ledger::is_last_line(&text) {
            let (end, at) = ledger::read_last_line(&text, jwks).map_err(Error::End)?;
            if end != last {
                return Err(if end.seq > last.seq { Error::Missing(last.seq + 1) } else { Error::Other(end.seq) });
            }
            return match line(&mut file, number + 1)? {
                None => Ok(Checked { before, last, signed: Some(at), waiting: 0 }),
                Some(_) => Err(Error::Line(number + 1)),
            };
        }
        last = ledger::read_entry_line(&text, last).ok_or(Error::Line(number))?;
        number += 1;
    }
}

/// Returns the next line without its end; `None` after the last.
fn line(file: &mut impl BufRead, number: u64) -> Result<Option<String>, Error> {
    let mut line = Vec::new();
    if file.take(LINE_LEN_MAX).read_until(b'\n', &mut line)? == 0 {
        return Ok(None);
    }
    let text = String::from_utf8(line).ok().and_then(|line| line.strip_suffix('\n').map(str::to_owned));
    text.map(Some).ok_or(Error::Line(number))
}
