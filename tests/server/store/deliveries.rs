//! Tests hosts that do not answer, on both databases.

use bioserver::domain::callback::CallbackStatus;
use bioserver::store::settings::Settings;
use bioserver::tasks::{Progress, deliver};
use chrono::TimeDelta;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::both::on_both;
use crate::store::callbacks::{listed, owe, sending};

on_both!(a_host_that_does_not_answer_is_left_alone);

async fn a_host_that_does_not_answer_is_left_alone(settings: Settings) {
    let (deps, provider, _folder) = sending(&settings).await;
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", closed.local_addr().unwrap());
    drop(closed);
    for _ in 0..3 {
        owe(&deps, provider, &url, 3600).await;
    }
    let send = async || {
        while deliver::step(&deps).await.unwrap() == Progress::More {
            deps.deliveries.idle().await;
        }
    };
    send().await;
    let late = owe(&deps, provider, &url, 3600).await;
    send().await;
    let attempts = async || {
        let all = listed(&deps.store).await;
        let of_late = all.iter().find(|callback| callback.session == late).unwrap();
        (all.iter().map(|callback| callback.attempts).sum::<i64>(), of_late.attempts, of_late.status)
    };
    assert_eq!(attempts().await, (3, 0, CallbackStatus::Owed), "three found out, and the fourth waits");
    // After the pause, one attempt finds that the host is still away, and the others keep waiting.
    deps.clock.advance(TimeDelta::seconds(6));
    send().await;
    assert_eq!(attempts().await.0, 4);
    // The host is back, and all callbacks arrive.
    let listener = TcpListener::bind(url.trim_start_matches("http://").trim_end_matches('/')).await.unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut text = vec![];
            while !text.ends_with(b"}") {
                assert!(stream.read_buf(&mut text).await.unwrap() > 0, "the request is not whole");
            }
            stream.write_all(b"HTTP/1.1 204 Fine\r\nconnection: close\r\n\r\n").await.unwrap();
        }
    });
    for _ in 0..20 {
        deps.clock.advance(TimeDelta::seconds(20));
        send().await;
    }
    let all = listed(&deps.store).await;
    assert!(all.iter().all(|callback| callback.status == CallbackStatus::Delivered), "{all:?}");
}
