//! Exports the log as text that can be verified without this server.

use crate::domain::Moment;
use crate::service::audit::check::{Checked, Error, PAGE, follows};
use crate::service::audit::ledger::{self, Link};
use crate::sign::Signer;
use crate::store::{self, Store};

/// The period of an export: from the first entry that happened at `from` or later, up to, but without, the next entry
/// that happened at `to` or later.
#[derive(Debug, Clone, Copy, Default)]
pub struct Period {
    pub from: Option<Moment>,
    pub to: Option<Moment>,
}

/// An export in progress.
pub struct Export<'a> {
    store: &'a Store,
    signer: &'a Signer,
    period: Period,
    now: Moment,
    link: Link,
    last: Link,
    has_begun: bool,
    is_over: bool,
}

impl<'a> Export<'a> {
    /// Begins the export of a log that was checked, since nothing else may be signed.
    pub fn begin(store: &'a Store, signer: &'a Signer, checked: &Checked, period: Period, now: Moment) -> Self {
        let Checked { before, last, .. } = *checked;
        Self { store, signer, period, now, link: before, last, has_begun: false, is_over: false }
    }

    /// Returns the next lines, each with its end; `None` after the last.
    pub async fn page(&mut self) -> Result<Option<String>, Error> {
        if self.is_over {
            return Ok(None);
        }
        let mut tx = self.store.read().await?;
        let entries = store::audit::after(&mut tx, self.link.seq, PAGE).await?;
        drop(tx);
        let mut text = String::new();
        for entry in &entries {
            if self.period.to.is_some_and(|to| entry.happened >= to) || self.link == self.last {
                return self.end(text).map(Some);
            }
            let link = follows(self.link, entry)?;
            if self.period.from.is_none_or(|from| entry.happened >= from) {
                self.begin_lines(&mut text);
            }
            if self.has_begun {
                text.push_str(&ledger::entry_line(&entry.entry, link));
                text.push('\n');
            }
            self.link = link;
        }
        if entries.is_empty() { self.end(text).map(Some) } else { Ok(Some(text)) }
    }

    fn begin_lines(&mut self, text: &mut String) {
        if !self.has_begun {
            self.has_begun = true;
            text.push_str(&ledger::first_line(self.link));
            text.push('\n');
        }
    }

    fn end(&mut self, mut text: String) -> Result<String, Error> {
        self.is_over = true;
        self.begin_lines(&mut text);
        let last = ledger::last_line(self.signer, self.link, self.now);
        text.push_str(&last.map_err(|error| Error::End(error.into()))?);
        text.push('\n');
        Ok(text)
    }
}
