//! `bioserver demo --liveness`: runs a liveness check from its start to the verified verdict, for a person and for an
//! attack.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use evaluate::performer::attack::{self, Attack};
use evaluate::performer::portrait::Portrait;
use evaluate::performer::{self, FRAME_MS, Performance};
use face::networks::Networks;
use face::samples;
use face::values::liveness::Frame;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::cli::capture::Check;
use crate::cli::demo::{Client, say};
use crate::cli::output::make;

/// The longest wait for a check on a slow machine.
const PATIENCE: Duration = Duration::from_mins(1);
/// The largest callback. Those of the server have some hundred bytes.
const CALL_LEN_MAX: usize = 8 << 10;
const SEED: u64 = 7;

/// Films one of the sample photographs twice: as a person who does what the check asks, and as a print of the
/// photograph. Keeps the films in the folder `keep`, if there is one.
pub async fn show(client: &Client, mut networks: Networks, keep: Option<&Path>) -> anyhow::Result<()> {
    let [one, other] = [samples::ONE[2].1, samples::OTHER.1];
    let portrait = Portrait::read(&mut networks, one)?;
    let stranger = Portrait::read(&mut networks, other)?;
    drop(networks);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let receiver = format!("http://{}/callback", listener.local_addr()?);
    let (told, mut calls) = mpsc::channel(1);
    let receiving = tokio::spawn(receive(listener, told));
    say(&format!("\nLiveness: films that a program makes of a photograph. Callbacks go to {receiver}."))?;
    let live = |performance: &Performance| performer::perform(&portrait, performance);
    let film = check(client, &receiver, &mut calls, "the person, who performs the task", live).await?;
    kept(keep, "person", &film)?;
    let print = |performance: &Performance| attack::attack(Attack::Print, &portrait, &stranger, performance);
    let film = check(client, &receiver, &mut calls, "a print held by another person", print).await?;
    kept(keep, "print", &film)?;
    receiving.abort();
    Ok(())
}

/// Writes a film as a folder of frames, if `keep` is given.
fn kept(keep: Option<&Path>, name: &str, film: &[Frame]) -> anyhow::Result<()> {
    let Some(folder) = keep.map(|keep| keep.join(name)) else { return Ok(()) };
    make(&folder)?;
    for (number, frame) in film.iter().enumerate() {
        let path = folder.join(format!("{number:03}.jpg"));
        std::fs::write(&path, &frame.jpeg).with_context(|| format!("{} cannot be written", path.display()))?;
    }
    let (folder, fps) = (folder.display(), 1000 / FRAME_MS);
    say(&format!("  kept       {folder}; `bioserver capture {folder} --fps {fps} --session ID --key KEY` sends it"))
}

async fn check(
    client: &Client,
    receiver: &str,
    calls: &mut mpsc::Receiver<Value>,
    who: &str,
    film: impl Fn(&Performance) -> Vec<Frame>,
) -> anyhow::Result<Vec<Frame>> {
    let session = client.open_for(receiver).await?;
    let asked =
        client.post(&format!("{session}/init-liveness-parameters"), &json!({ "type": "LIVENESS_ACTIVE" })).await?;
    let check = Check::read(&client.verified(&asked)?)?;
    say(&format!("\nIn front of the camera: {who}\n  asked      {}", check.shown()))?;
    let frames = film(&Performance { asked: check.asked.clone(), seed: SEED, frame_ms: FRAME_MS });
    let (count, sealed) = (frames.len(), check.sealed(frames.clone())?);
    say(&format!("  captured   {count} frames, {} kB sealed", sealed.len() / 1000))?;
    client.capture(&session, sealed).await?;
    let call = tokio::time::timeout(PATIENCE, calls.recv()).await.context("no callback arrived")?;
    let call = call.context("the receiver has ended")?;
    if !session.ends_with(call["sessionId"].as_str().context("a callback names its session")?) {
        bail!("the callback is about another session");
    }
    say("  callback   received, answered with 204")?;
    let verdict = client.read(&format!("{}/replay-liveness-metadata", session.replace("/v2/", "/v3/"))).await?;
    let status = verdict["status"].as_str().context("a verdict has a status")?;
    say(&format!("  verdict    {status}, signature verified"))?;
    client.end(&session).await?;
    Ok(frames)
}

/// A provider's receiver of callbacks: passes each body on and answers with 204.
async fn receive(listener: TcpListener, told: mpsc::Sender<Value>) -> anyhow::Result<()> {
    loop {
        let (mut stream, _) = listener.accept().await?;
        let mut text = vec![];
        let call = loop {
            let mut part = [0; 1024];
            let len = stream.read(&mut part).await?;
            text.extend_from_slice(&part[..len]);
            let body = text.windows(4).position(|window| window == b"\r\n\r\n").map(|place| &text[place + 4..]);
            if let Some(call) = body.and_then(|body| serde_json::from_slice(body).ok()) {
                break call;
            }
            if len == 0 || text.len() > CALL_LEN_MAX {
                bail!("the request was not a callback");
            }
        };
        stream.write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n").await?;
        told.send(call).await?;
    }
}
