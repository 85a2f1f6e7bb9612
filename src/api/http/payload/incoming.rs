//! Receives a body within limits on its pace and its bytes.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{BoxStream, try_unfold};
use futures_util::{Stream, StreamExt};
use poem::http::header;
use poem::{Request, RequestBody};
use tokio::time::{Instant, timeout};

use crate::api::http::auth::UnderWay;
use crate::api::http::problem::Problem;
use crate::api::http::{fingerprint, payload};
use crate::service::Deps;
use crate::service::turns::{Needs, Place};

/// The least average pace of a body, in bytes a second: a fifth of what the slowest mobile networks reach.
const BYTES_PER_SECOND: u64 = 4 * 1024;
/// The least number of bytes that are reserved at a time for a body of unknown length.
const STEP: usize = 256 * 1024;

/// A body that has its reserved bytes, and of which nothing has been read yet.
pub struct Incoming {
    body: BoxStream<'static, io::Result<Bytes>>,
    place: Arc<Place>,
    bytes_max: usize,
    pause_max: Duration,
    begun: Instant,
    received: usize,
    /// The bytes that the place has reserved.
    counted: usize,
}

impl Incoming {
    /// Takes a place for a body of at most `bytes_max` bytes that holds `pictures` pictures.
    ///
    /// # Errors
    /// The stated length is too large, or there is no room for the body.
    pub fn admit(
        request: &Request,
        body: &mut RequestBody,
        bytes_max: usize,
        pictures: usize,
    ) -> Result<Self, Problem> {
        let length = request.header(header::CONTENT_LENGTH).and_then(|length| length.parse::<usize>().ok());
        if length.is_some_and(|length| length > bytes_max) {
            return Err(Problem::too_large("the body", bytes_max));
        }
        let counted = length.unwrap_or(0);
        let turns = request.data::<Deps>().map(|deps| deps.turns.clone()).unwrap_or_default();
        let provider = request.data::<UnderWay>().and_then(UnderWay::provider).unwrap_or_default();
        let place = turns.take(provider, fingerprint::of(request), Needs { pictures, bytes: counted })?;
        let body = body.take().map_err(|error| Problem::internal(error.to_string()))?;
        Ok(Self {
            body: body.into_bytes_stream().boxed(),
            place: Arc::new(place),
            bytes_max,
            pause_max: payload::limits(request).pause,
            begun: Instant::now(),
            received: 0,
            counted,
        })
    }

    /// Returns the place of the request, which holds it until it is answered.
    pub fn place(&self) -> Arc<Place> {
        self.place.clone()
    }

    /// Returns the next piece; `None` at the end.
    async fn next(&mut self) -> Result<Option<Bytes>, Problem> {
        let at_pace = Duration::from_secs(self.received as u64 / BYTES_PER_SECOND);
        let left = (self.pause_max + at_pace).saturating_sub(self.begun.elapsed());
        let piece = timeout(left.min(self.pause_max), self.body.next()).await;
        let piece = piece.map_err(|_| Problem::too_slow(self.pause_max, BYTES_PER_SECOND))?;
        let Some(piece) = piece else { return Ok(None) };
        let piece = piece.map_err(|_| Problem::malformed("The body ended too early. Send it whole."))?;
        self.received += piece.len();
        if self.received > self.bytes_max {
            return Err(Problem::too_large("the body", self.bytes_max));
        }
        if self.received > self.counted {
            let by = (self.received - self.counted).max(STEP);
            self.place.grow(by)?;
            self.counted += by;
        }
        Ok(Some(piece))
    }

    /// Receives the whole body.
    pub async fn whole(mut self) -> Result<Bytes, Problem> {
        let mut all = Vec::new();
        while let Some(piece) = self.next().await? {
            all.extend_from_slice(&piece);
        }
        Ok(payload::fitted(all))
    }

    /// Returns the body as a stream of pieces.
    pub fn pieces(self) -> impl Stream<Item = Result<Bytes, Problem>> + Send + 'static {
        try_unfold(self, async |mut body| Ok(body.next().await?.map(|piece| (piece, body))))
    }
}
