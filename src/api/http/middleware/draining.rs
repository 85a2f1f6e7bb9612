//! Drains the body of a request that was answered before its end.
//!
//! A request can be refused by its head, or half-way through its body. If the rest stayed unread, the connection would
//! be reset while the client still sends, and many clients would never see the answer that says what is wrong. So the
//! server reads the rest and discards it, within bounds.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt};
use poem::http::header;
use poem::{Body, Request};
use tokio::runtime::Handle;

/// The most bytes of one body that are discarded: several times the largest body that is allowed.
const BYTES_MAX: usize = 64 * 1024 * 1024;
/// The most time that is spent on one body.
const TIME_MAX: Duration = Duration::from_secs(10);

/// Arranges that the rest of the request's body is read when the body is dropped.
///
/// A client that sends `Expect: 100-continue` waits until the server asks for the body. The first read of the body asks
/// for it, so a body that was never read is left alone.
pub fn drain(request: &mut Request) {
    let expects = request.headers().contains_key(header::EXPECT);
    let body = request.take_body();
    if !body.is_empty() {
        let rest = Some(body.into_bytes_stream().boxed());
        request.set_body(Body::from_bytes_stream(Heard { rest, expects }));
    }
}

struct Heard {
    /// `None` once it has ended.
    rest: Option<BoxStream<'static, io::Result<Bytes>>>,
    expects: bool,
}

impl Stream for Heard {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.expects = false;
        let Some(rest) = &mut self.rest else { return Poll::Ready(None) };
        let polled = rest.poll_next_unpin(context);
        if matches!(polled, Poll::Ready(None | Some(Err(_)))) {
            self.rest = None;
        }
        polled
    }
}

impl Drop for Heard {
    fn drop(&mut self) {
        if self.expects {
            return;
        }
        if let (Some(rest), Ok(runtime)) = (self.rest.take(), Handle::try_current()) {
            runtime.spawn(tokio::time::timeout(TIME_MAX, throw_away(rest)));
        }
    }
}

async fn throw_away(mut rest: BoxStream<'static, io::Result<Bytes>>) {
    let mut bytes = 0;
    while let Some(Ok(piece)) = rest.next().await {
        bytes += piece.len();
        if bytes > BYTES_MAX {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use poem::endpoint::make_sync;
    use poem::listener::{Acceptor, Listener, TcpListener};
    use poem::{EndpointExt, IntoResponse, Server};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    use super::*;
    use crate::api::http::problem::Problem;

    /// Sends `head` and then `body`, and returns the server's answer to the head.
    async fn answer_to(head: &str, body: &[u8]) -> String {
        let refuse = make_sync(|_: Request| Problem::unauthorized().into_response());
        let endpoint = refuse.before(|mut request| async {
            drain(&mut request);
            Ok(request)
        });
        let acceptor = TcpListener::bind("127.0.0.1:0").into_acceptor().await.expect("a port is free");
        let address = acceptor.local_addr()[0].as_socket_addr().copied().expect("it is TCP");
        tokio::spawn(Server::new_with_acceptor(acceptor).run(endpoint));

        let mut client = TcpStream::connect(address).await.expect("it listens");
        client.write_all(head.as_bytes()).await.expect("it reads the head");
        client.write_all(body).await.expect("it reads the body");
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.expect("it answers");
        answer
    }

    const LENGTH: usize = 20_000_000;

    /// A client may look for an answer only after it has sent everything.
    #[tokio::test]
    async fn a_refusal_reaches_a_client_that_sends_to_the_end() {
        let head = format!("POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {LENGTH}\r\n\r\n");
        let answer = answer_to(&head, &vec![0; LENGTH]).await;
        assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    }

    /// curl does this with a large file.
    #[tokio::test]
    async fn a_client_that_asks_first_is_not_told_to_send() {
        let head = format!(
            "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: {LENGTH}\r\n\r\n"
        );
        let answer = answer_to(&head, b"").await;
        assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    }
}
