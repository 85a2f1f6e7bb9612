//! Reads and writes CBOR (RFC 8949) member by member. Skipped items allocate nothing, and byte strings that are read
//! are not copied.

use std::collections::BTreeSet;

use bytes::Bytes;
use ciborium_ll::{Decoder, Encoder, Header, simple};

use crate::capture::Error;

/// The deepest nesting. A capture's map contains lists of maps; the other levels are for members that clients add.
const DEPTH_MAX: usize = 8;
/// The most items. A frame takes five; the rest is for members that clients add: some 400 for each of 150 frames.
const ITEMS_MAX: usize = 1 << 16;

/// A position in one CBOR value.
pub struct Reader<'a> {
    whole: &'a Bytes,
    at: usize,
    items_left: usize,
}

/// A byte string or a text, as the client sent it.
pub enum Sent {
    Bytes(Bytes),
    Text(String),
}

/// The kind of the segments of a string.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Bytes,
    Text,
}

impl<'a> Reader<'a> {
    pub fn new(whole: &'a Bytes) -> Self {
        Self { whole, at: 0, items_left: ITEMS_MAX }
    }

    /// Refuses bytes after the value that was read.
    pub fn end(&self) -> Result<(), Error> {
        if self.at == self.whole.len() { Ok(()) } else { Err(refused("there are bytes after the map")) }
    }

    /// Reads a map. Calls `member` with the name of each member; it reads the value and returns `true`, or leaves it
    /// unread and returns `false`. A member counts as left out if it is null or its name is not a text.
    pub fn map(
        &mut self,
        whose: &str,
        mut member: impl FnMut(&mut Self, &str) -> Result<bool, Error>,
    ) -> Result<(), Error> {
        let Header::Map(mut left) = self.head()? else { return Err(refused(format!("{whose} is not a map"))) };
        let mut read = BTreeSet::new();
        while self.goes_on(&mut left)? {
            let name = match self.head()? {
                Header::Text(Some(len)) => Some(self.taken(len)?),
                other => {
                    self.skip(other, 0)?;
                    None
                }
            };
            let name = name.as_deref().and_then(|name| std::str::from_utf8(name).ok());
            let is_null = matches!(self.peeked()?, Header::Simple(simple::NULL | simple::UNDEFINED));
            match name {
                Some(name) if read.contains(name) => return Err(refused(format!("{whose} has '{name}' twice"))),
                Some(name) if !is_null && member(self, name)? => drop(read.insert(name.to_owned())),
                _ => self.skip_next(0)?,
            }
        }
        Ok(())
    }

    /// Reads a list and returns its length; `item` reads each of the first `count_max` items, the others are skipped.
    pub fn list(
        &mut self,
        name: &str,
        count_max: usize,
        mut item: impl FnMut(&mut Self) -> Result<(), Error>,
    ) -> Result<usize, Error> {
        let Header::Array(mut left) = self.head()? else { return Err(refused(format!("'{name}' is not a list"))) };
        let mut count = 0;
        while self.goes_on(&mut left)? {
            if count < count_max {
                item(self)?;
            } else {
                self.skip_next(0)?;
            }
            count += 1;
        }
        Ok(count)
    }

    pub fn integer(&mut self, name: &str) -> Result<i128, Error> {
        match self.head()? {
            Header::Positive(value) => Ok(value.into()),
            Header::Negative(value) => Ok(-1 - i128::from(value)),
            _ => Err(refused(format!("'{name}' is not an integer"))),
        }
    }

    pub fn text(&mut self, name: &str) -> Result<String, Error> {
        match self.sent(name)? {
            Sent::Text(text) if text.contains('\0') => Err(refused(format!("'{name}' contains the character U+0000"))),
            Sent::Text(text) => Ok(text),
            Sent::Bytes(_) => Err(refused(format!("'{name}' is not a text"))),
        }
    }

    pub fn bytes(&mut self, name: &str) -> Result<Bytes, Error> {
        match self.sent(name)? {
            Sent::Bytes(bytes) => Ok(bytes),
            Sent::Text(_) => Err(refused(format!("'{name}' is not bytes"))),
        }
    }

    pub fn sent(&mut self, name: &str) -> Result<Sent, Error> {
        match self.head()? {
            Header::Bytes(len) => self.string(len, Kind::Bytes).map(Sent::Bytes),
            Header::Text(len) => {
                let text = self.string(len, Kind::Text)?;
                let text = std::str::from_utf8(&text).map_err(|_| refused(format!("'{name}' is not a text")))?;
                Ok(Sent::Text(text.to_owned()))
            }
            _ => Err(refused(format!("'{name}' is neither text nor bytes"))),
        }
    }

    /// Reads the head of the next item, and moves behind the head.
    fn head(&mut self) -> Result<Header, Error> {
        let left = self.items_left.checked_sub(1);
        self.items_left = left.ok_or_else(|| refused(format!("it has more than {ITEMS_MAX} items")))?;
        let mut decoder = Decoder::from(&self.whole[self.at..]);
        let head = decoder.pull().map_err(|_| broken())?;
        self.at += decoder.offset();
        Ok(head)
    }

    fn peeked(&self) -> Result<Header, Error> {
        Decoder::from(&self.whole[self.at..]).pull().map_err(|_| broken())
    }

    /// True if another item of a list or a map follows; `left` is `None` if a break ends it.
    fn goes_on(&mut self, left: &mut Option<usize>) -> Result<bool, Error> {
        match left {
            Some(0) => Ok(false),
            Some(count) => {
                *count -= 1;
                Ok(true)
            }
            None if self.peeked()? == Header::Break => self.head().map(|_| false),
            None => Ok(true),
        }
    }

    fn taken(&mut self, len: usize) -> Result<Bytes, Error> {
        let end = self.at.checked_add(len).filter(|end| *end <= self.whole.len()).ok_or_else(broken)?;
        let taken = self.whole.slice(self.at..end);
        self.at = end;
        Ok(taken)
    }

    /// Reads a string after its head; joins the segments of an indefinite-length string.
    fn string(&mut self, len: Option<usize>, kind: Kind) -> Result<Bytes, Error> {
        let mut together = Vec::new();
        match len {
            Some(len) => return self.taken(len),
            None => self.segments(kind, |segment| together.extend_from_slice(&segment))?,
        }
        Ok(together.into())
    }

    fn segments(&mut self, kind: Kind, mut each: impl FnMut(Bytes)) -> Result<(), Error> {
        loop {
            match (self.head()?, kind) {
                (Header::Break, _) => return Ok(()),
                (Header::Bytes(Some(len)), Kind::Bytes) | (Header::Text(Some(len)), Kind::Text) => {
                    each(self.taken(len)?);
                }
                _ => return Err(broken()),
            }
        }
    }

    fn skip_next(&mut self, depth: usize) -> Result<(), Error> {
        let head = self.head()?;
        self.skip(head, depth)
    }

    /// Skips the rest of an item whose head was read.
    fn skip(&mut self, head: Header, depth: usize) -> Result<(), Error> {
        if depth == DEPTH_MAX {
            return Err(refused("it is nested too deeply"));
        }
        let (mut left, items) = match head {
            Header::Break => return Err(broken()),
            Header::Bytes(Some(len)) | Header::Text(Some(len)) => return self.taken(len).map(drop),
            Header::Bytes(None) => return self.segments(Kind::Bytes, drop),
            Header::Text(None) => return self.segments(Kind::Text, drop),
            Header::Tag(_) => (Some(1), 1),
            Header::Array(left) => (left, 1),
            Header::Map(left) => (left, 2),
            Header::Positive(_) | Header::Negative(_) | Header::Float(_) | Header::Simple(_) => return Ok(()),
        };
        while self.goes_on(&mut left)? {
            for _ in 0..items {
                self.skip_next(depth + 1)?;
            }
        }
        Ok(())
    }
}

/// Writes one CBOR value. After a map or a list, the caller writes as many members or items as it announced.
pub struct Writer(Vec<u8>);

impl Writer {
    pub fn with_capacity(bytes: usize) -> Self {
        Self(Vec::with_capacity(bytes))
    }

    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    pub fn map(&mut self, members: usize) {
        self.head(Header::Map(Some(members)));
    }

    pub fn list(&mut self, items: usize) {
        self.head(Header::Array(Some(items)));
    }

    /// Writes the name of a member; the caller writes its value next.
    pub fn name(&mut self, name: &str) -> &mut Self {
        self.text(name);
        self
    }

    pub fn integer(&mut self, integer: u32) {
        self.head(Header::Positive(integer.into()));
    }

    pub fn text(&mut self, text: &str) {
        self.head(Header::Text(Some(text.len())));
        self.0.extend_from_slice(text.as_bytes());
    }

    pub fn bytes(&mut self, bytes: &[u8]) {
        self.head(Header::Bytes(Some(bytes.len())));
        self.0.extend_from_slice(bytes);
    }

    /// Writes a map of the members that have a value.
    pub fn texts(&mut self, members: &[(&str, &Option<String>)]) {
        let members = || members.iter().filter_map(|(name, text)| text.as_ref().map(|text| (name, text)));
        self.map(members().count());
        for (name, text) in members() {
            self.name(name).text(text);
        }
    }

    fn head(&mut self, head: Header) {
        Encoder::from(&mut self.0).push(head).expect("memory takes every byte");
    }
}

fn refused(why: impl Into<String>) -> Error {
    Error::NotCapture(why.into())
}

fn broken() -> Error {
    refused("it is not CBOR")
}
